"""Foreign text in messages: one line, escaped, of a stated length."""

import pytest

from harness.errors import REASON_LIMIT, HarnessError, TrialError, one_line, printable, shown


@pytest.mark.parametrize("make", [ValueError, HarnessError, TrialError])
@pytest.mark.parametrize("text", ["y", " ", "\x1b[31m", "a\n"])
def test_a_reason_is_one_line_of_a_stated_length(make, text):
    """Ten million characters, blanks, escape sequences, newlines."""
    reason = one_line(make(text * 10**7))
    assert len(reason) <= REASON_LIMIT
    assert reason.isprintable()
    assert reason.endswith("…")


def test_what_fits_is_kept_whole():
    """A reason of the limit's length loses nothing."""
    assert one_line(TrialError("a" * REASON_LIMIT)) == "a" * REASON_LIMIT
    assert one_line(KeyError("no such thing")) == "KeyError: 'no such thing'"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\r\nb\tc", "a b c"),
        ("caf\udce9", r"caf\udce9"),
        ("right\u202eleft", r"right\u202eleft"),
        ("σ ≥ 0.3, Größe", "σ ≥ 0.3, Größe"),
    ],
)
def test_control_characters_are_escaped(text, escaped):
    """What a terminal would obey, what UTF-8 cannot encode; letters of any script stay."""
    assert printable(text) == escaped
    assert one_line(TrialError(text)) == escaped


def test_an_exception_that_cannot_describe_itself():
    """A plugin's __str__ that raises is named."""

    class Rude(Exception):  # noqa: N818 - a plugin's
        def __str__(self):
            raise KeyError("no")

    assert one_line(Rude()) == "Rude: (its message cannot be read: KeyError)"


class _Mute:
    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("adan", "'adan'"),
        ("x" * 10**6, "'" + "x" * 77 + "…'"),
        ("two\nlines\x1b[0m", r"'two\nlines\x1b[0m'"),
        ({"a": 1}, "{'a': 1}"),
        (10**5000, "a whole number of about 5,001 digits"),
        ([10**5000], "a value of type list"),
        (_Mute(), "a value of type _Mute"),
        (list(range(10**5)), str(list(range(100)))[:79] + "…"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_quoted_in_80_characters(value, expected):
    """Texts keep their quotes; what has no repr is named by its type."""
    assert shown(value) == expected
    assert len(shown(value)) <= 80
