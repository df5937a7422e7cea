"""Numbers in sentences."""

from collections.abc import Sequence


def numbered(noun: str, numbers: Sequence[int]) -> str:
    """Return some numbers of a thing.

    >>> numbered("seed", [1]), numbered("seed", [1, 2])
    ('seed 1', 'seeds 1, 2')
    """
    return f"{noun}{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def counted(count: int, noun: str) -> str:
    """Return how many of something there are, in the noun's right number.

    >>> counted(1, "trial"), counted(0, "trial"), counted(1797, "image"), counted(2, "class")
    ('1 trial', '0 trials', '1,797 images', '2 classes')
    """
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def megabytes(count: int) -> str:
    """Return a number of bytes as people read it.

    >>> megabytes(561_753_746)
    '561.8 MB'
    """
    return f"{count / 1e6:,.1f} MB"
