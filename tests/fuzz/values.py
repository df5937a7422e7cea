"""Hostile values: numbers, texts, names and nesting of which each has broken some program."""

import random

NUMBERS = (
    "0",
    "-1",
    "1",
    "2",
    "7",
    "0.0",
    "-0.0",
    "1e-320",
    "1e308",
    "1e400",
    "-1e400",
    "inf",
    "-inf",
    "nan",
    "+nan",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "1_000",
    "0x10",
    "1" + "0" * 400,
    "9" * 5000,
    "0." + "3" * 5000,
    "99999999999",
    "4294967296",
    "1e9",
    "00012",
    "1__0",
)
CONTROLS = tuple(chr(code) for code in (0, 1, 7, 8, 9, 10, 11, 12, 13, 27, 127, 133, 155, 0x2028, 0x202E, 0xFEFF))
TEXTS = (
    "",
    " ",
    "x",
    "a.",
    "con",
    "NUL",
    ".",
    "..",
    "../x",
    "/",
    "/dev/zero",
    "/dev/full",
    "~",
    "*",
    "[",
    "[!",
    "a/b",
    "a\\b",
    "M1",
    "m1",
    "A",
    "digits",
    "numpy",
    "sgd",
    "adam",
    "gaussian_noise",
    "test_accuracy",
    "-",
    "--",
    "-1",
    "a:b",
    "::",
    "名" * 34,
    "名" * 90,
    "é" * 200,
    "e\u0301",
    "🙂",
    "\u200b",
    "ﷺ" * 40,
    "x" * 300,
    "x" * 100_000,
    "%s%n{}{0}",
    "$(id)",
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    "=HYPERLINK(1)",
    "\t@SUM(1)",
    "|a|b|",
    "\\input{x}",
    "a\nb",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "a\rb",
    "a\x00b",
    "\x9b31m",
    "\u202eabc",
    "\ufeffa",
    "a,b",
    '"',
    "'",
    "=",
    "=0.1",
)
ESCAPES = ("\\u0000", "\\u001b[31m", "\\U0010ffff", "\\ud800", "\\x", "\\", "\\n", "\\u202e")
DATES = ("1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "true", "false", "True", "None", "null")
SUFFIXES = (" ", ",", "=", "}", "]", '"', "\n", "#", "[", "{", "'''", '"""')


def nested(draw: random.Random) -> str:
    """Return an array or a table within others, 1 … 2,000 deep."""
    depth = draw.choice((1, 2, 5, 50, 500, 2000))
    if draw.random() < 0.5:
        return "[" * depth + "1" + "]" * depth
    return "{ a = " * depth + "1" + " }" * depth


def text(draw: random.Random) -> str:
    """Return a text that may be long, hold signs of control, or mean something to someone else."""
    kind = draw.randrange(4)
    if kind == 0:
        return "".join(draw.choice((*CONTROLS, "a", "é", "名", "/")) for _ in range(draw.randrange(1, 12)))
    return draw.choice(TEXTS)


def quoted(content: str) -> str:
    """Return a text as TOML has it, every sign of control escaped."""
    signs = (sign if sign.isprintable() and sign not in '"\\' else f"\\U{ord(sign):08x}" for sign in content)
    return f'"{"".join(signs)}"'


def toml_value(draw: random.Random) -> str:
    """Return a value, or what looks like one, as a suite's file may have it."""
    kind = draw.randrange(8)
    if kind < 3:
        return draw.choice(NUMBERS)
    if kind == 3:
        return quoted(text(draw))
    if kind == 4:
        return f'"{draw.choice(ESCAPES)}"'
    if kind == 5:
        return draw.choice(DATES)
    if kind == 6:
        return nested(draw)
    items = [draw.choice((draw.choice(NUMBERS), quoted(draw.choice(TEXTS)))) for _ in range(draw.choice((0, 1, 2, 9)))]
    return f"[{', '.join(items)}]"


def json_value(draw: random.Random):
    """Return a value of any type that JSON has, and some that it should not."""
    deep = 1
    for _ in range(draw.choice((1, 3, 200))):
        deep = [deep]
    return draw.choice(
        (
            None,
            True,
            False,
            0,
            -1,
            1,
            2,
            0.5,
            -0.5,
            1e308,
            10**19,
            10**400,
            float("nan"),
            float("inf"),
            text(draw),
            text(draw),
            "",
            [],
            {},
            [1],
            ["A", 1],
            {"a": 1},
            deep,
            {"name": "adam"},
            [[]],
            [None],
            "2026-01-01",
        )
    )
