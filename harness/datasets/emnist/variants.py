"""The six official sets: their files, counts and checksums (Cohen, Afshar, Tapson & van Schaik, 2017)."""

from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase, digits

SIDE = 28
"""Pixels of an image's edge."""
PARTS = ("train", "test")
"""The official halves, in the order in which they are pooled."""

_DIGITS, _UPPER, _LOWER = tuple(digits), tuple(ascii_uppercase), tuple(ascii_lowercase)
_MERGED = _DIGITS + _UPPER + tuple("abdefghnqrt")
"""Letters whose cases look alike are one class, named by the capital."""


@dataclass(frozen=True)
class OfficialFile:
    """A gzipped idx file as it was published: its size in bytes and the SHA-256 of them."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """One official half: how many images it has, and its two files."""

    count: int
    images: OfficialFile
    labels: OfficialFile


@dataclass(frozen=True)
class Variant:
    """One of the six sets."""

    key: str
    """``"bymerge"``, as in its files' names."""
    title: str
    class_names: tuple[str, ...]
    parts: dict[str, Part]
    first_label: int = 0
    """The label of the first class: letters count from 1."""

    @property
    def count(self) -> int:
        """The images of both halves."""
        return sum(part.count for part in self.parts.values())

    def official(self, part: str, role: str) -> OfficialFile:
        """Return what is known of a part's ``"images"`` or ``"labels"``."""
        official = self.parts[part]
        return official.images if role == "images" else official.labels

    def file_name(self, part: str, role: str) -> str:
        """Return the official name of a part's ``"images"`` or ``"labels"``, without ``.gz``."""
        return f"emnist-{self.key}-{part}-{role}-idx{3 if role == 'images' else 1}-ubyte"


BYCLASS = Variant(
    "byclass",
    "EMNIST ByClass",
    _DIGITS + _UPPER + _LOWER,
    {
        "train": Part(
            697_932,
            OfficialFile(173_367_313, "9e21987f03a6eb8b870187e785883ddad96947299587908f1a7ec2ca0f4be5f0"),
            OfficialFile(491_603, "f7ef403d48dc18a89dae0d83d11ee69cecb6e1c12c3a961d03712e495c02a8fa"),
        ),
        "test": Part(
            116_323,
            OfficialFile(28_908_322, "5ec835bd5d5b1a66378a132e727fef20fe994b3cc666899befcca5ac766f50cd"),
            OfficialFile(81_839, "501e305eeeacb093b162592d80e8a2632040872360fa6d85cfcb2200d91ca92a"),
        ),
    },
)
BYMERGE = Variant(
    "bymerge",
    "EMNIST ByMerge",
    _MERGED,
    {
        "train": Part(
            697_932,
            OfficialFile(173_375_281, "39bf8c68037dad40db35348895f7e4e056e8c0a005ab78869c9fbc2c96e947be"),
            OfficialFile(476_444, "2c47293b9e62d6abf6ad05fbf67e40baa32adfd380b8d7b44dcc35534b64e1f1"),
        ),
        "test": Part(
            116_323,
            OfficialFile(28_905_295, "5e5815ec1b522089134435f7c55e75a00960b58414793593ffff23efc0821683"),
            OfficialFile(79_351, "8bda1516255683ba9071e141947ca0c91a911176065cdd6259b0b4d8dc5b5f35"),
        ),
    },
)
BALANCED = Variant(
    "balanced",
    "EMNIST Balanced",
    _MERGED,
    {
        "train": Part(
            112_800,
            OfficialFile(28_207_740, "74295e75e4e9fa2c102147460ee7eb763653d5132d883a84fb88932bfb8d2db4"),
            OfficialFile(80_618, "b46d41e5156a0a8aaaa4d18979fdd1588850fa8571018acffd5d93b325a7d6ed"),
        ),
        "test": Part(
            18_800,
            OfficialFile(4_714_707, "117fc12b015e37ea98bfb2cbba3f77c3782c056cdbd219b87abfc8661d7135db"),
            OfficialFile(13_504, "a67cac948379b67270b9a4d0a01c8ec661598accf2f2b1964340b7c83cb175cd"),
        ),
    },
)
LETTERS = Variant(
    "letters",
    "EMNIST Letters",
    _UPPER,
    {
        "train": Part(
            124_800,
            OfficialFile(30_804_864, "6288f418a917e007bf5fddb823a2dc7a5c6a35031401b93292a539cb12bd881f"),
            OfficialFile(79_283, "9759af91ea6bccdf07a6040fd085861f2ec88e37f7c3f5760f6feb57106fbe5c"),
        ),
        "test": Part(
            20_800,
            OfficialFile(5_039_157, "50f0e93d75b99b463e9760b8345866f22587fa2c2fba472730a5ba09c693412d"),
            OfficialFile(144, "924955c31fe7fd809b7303b5c0141282955f4b8390c74cdfd5d80435e0f4b4cb"),
        ),
    },
    first_label=1,
)
DIGITS = Variant(
    "digits",
    "EMNIST Digits",
    _DIGITS,
    {
        "train": Part(
            240_000,
            OfficialFile(59_515_779, "f7c95004d14d81af89522e67d8f0c781dfb3bd544181c81bfe1eb6b41c35b726"),
            OfficialFile(113_859, "6638a6ff5fe2eefd9cca2471995b46c82986b8e4b2a70d2f5ce8e05d7edb319e"),
        ),
        "test": Part(
            40_000,
            OfficialFile(9_908_519, "20ebe43509264f7639d37c835a3f0b009e90b29e00a099a03101abe1644a3f63"),
            OfficialFile(19_960, "bad1834c45d5988e270b99d43b13edc3fd898f658ffbc2caf2846ef27f7b05b0"),
        ),
    },
)
MNIST = Variant(
    "mnist",
    "EMNIST MNIST",
    _DIGITS,
    {
        "train": Part(
            60_000,
            OfficialFile(14_873_795, "5f9942f441031c0f1f2e4d162059fd6e19ea808b34c328b6d16cab0ed24c78f2"),
            OfficialFile(29_480, "00c6d3c2342fdffb1711e0b5656cac4ce5862d2826399d383a9bac07d612e9f8"),
        ),
        "test": Part(
            10_000,
            OfficialFile(2_484_884, "b25640fa9e356c618132f5df347c95ef5bae6d9c2596be1de40f7e0ae1c3eac6"),
            OfficialFile(5_144, "bcc5385d38f083dba046f5f756e99b32f5ea7fad122c6243c71c2239873065ca"),
        ),
    },
)
ALL = (BYMERGE, BYCLASS, BALANCED, LETTERS, DIGITS, MNIST)
