"""Suites that no parser, no stack or no memory could take: one line, at once."""

import os
import re

import pytest

from harness.errors import HarnessError
from harness.plugins.loading import registry
from harness.suite import load_suite
from harness.suite.grid import MOST_EXPERIMENTS
from harness.suite.inheritance import MOST_FILES
from harness.suite.reading import LARGEST_SUITE
from tests.test_suite import GOOD

HUGE = "9" * 5000
A = "[experiments.A]\n"


def in_a(line):
    return GOOD.replace(A, f"{A}{line}\n")


def in_suite(line):
    return GOOD.replace("seeds = [1, 2]", line)


def extending(base):
    return in_suite(f"extends = {base}")


LONG_GRID = f"grid = {{ epochs = {list(range(1, 4001))} }}"
THOUSAND = list(range(1, 1001))
CUBE = f"grid = {{ epochs = {THOUSAND}, batch_size = {THOUSAND}, l2 = {THOUSAND} }}"

EXTREME = {
    "a number that Python does not read": (
        in_suite(f"seeds = [{HUGE}]"),
        "mine.toml: not TOML: a whole number has more than 64 bits",
    ),
    "one that it reads": (in_a(f"epochs = 1{400 * '0'}"), "mine.toml: experiments.A.epochs: 1000"),
    "a hexadecimal one": (
        in_a(f"epochs = 0x{6000 * 'f'}"),
        "A.epochs: a whole number of about 7,225 digits has more than 64 bits, which is TOML's range",
    ),
    "one in a plugin's option": (GOOD.replace("eps = 1e-7", f"eps = 1{400 * '0'}"), "defaults.optimizer.eps: 1000"),
    "more epochs than a life has": (
        in_a("epochs = 2000000000"),
        "experiments.A.epochs: 2000000000 is out of range. It must be at most 1000000000",
    ),
    "brackets": (
        in_a(f"hidden_layers = {500 * '['}{500 * ']'}"),
        "mine.toml: not TOML: its lists or tables nest more than 50 deep",
    ),
    "tables": (
        in_a(f"grid = {200 * '{a='}1{200 * '}'}"),
        "mine.toml: experiments.A.grid: tables or lists within it nest more than 50 deep",
    ),
    "a dotted key": (in_a(f"{'.'.join(20_000 * 'a')} = 1"), "mine.toml: not TOML: a key has more than 1000 parts"),
    "a grid's dotted key": (
        in_a(f'grid = {{ "{".".join(400 * "a")}" = [1] }}'),
        "has more than 50 parts, and no table nests as deeply",
    ),
    "a grid of a thousand million": (
        in_a(CUBE),
        f"A.grid: 1,000,000,000 combinations are more than the {MOST_EXPERIMENTS:,} experiments",
    ),
    "grids that add up": (
        GOOD + "".join(f"[experiments.X{index}]\n{LONG_GRID}\n" for index in range(3)),
        f"mine.toml: experiments: more than {MOST_EXPERIMENTS:,} experiments. Divide them among suites",
    ),
    "100,000 seeds": (in_suite(f"seeds = {list(range(100_000))}"), "mine.toml: suite.seeds: [0, 1, 2, 3,"),
    "a base with NUL": (extending(r'"a\u0000b"'), r"suite.extends: a\x00b: cannot be used as a path"),
    "a base of a long name": (extending(f'"{300 * "x"}.toml"'), "suite.extends: xxxxx"),
    "a base that is a loop of links": (
        extending('"loop.toml"'),
        "suite.extends: loop.toml: cannot be read: Too many levels of symbolic links",
    ),
    "a base that is a pipe": (extending('"pipe"'), "suite.extends: pipe: cannot be read: is not a regular file"),
    "a base without end": (
        extending('"/dev/zero"'),
        "suite.extends: /dev/zero: cannot be read: is not a regular file",
    ),
    "a duration without end": (in_suite(f'timeout = "{HUGE}d"'), "at most a hundred years"),
    "a folder with NUL": (
        GOOD + '[dataset]\nname = "emnist-digits"\ndirectory = "a\\u0000b"\n',
        r"mine.toml: dataset.directory: a\x00b: cannot be used as a path: ",
    ),
    "an enormous file": (
        GOOD + "#" * LARGEST_SUITE,
        f"mine.toml: cannot be read: is larger than {LARGEST_SUITE:,} bytes",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", EXTREME)
def test_what_is_extreme_is_one_short_line_at_once(load, tmp_path, monkeypatch, case):
    """It names the place; a value is cut."""
    text, message = EXTREME[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HarnessError) as caught:
        load(text)
    output = str(caught.value).replace(f"{tmp_path}/", "")
    assert message in output
    assert len(output) < 500
    assert output.isprintable()


def test_a_line_of_files_that_extend_each_other_has_an_end(tmp_path):
    """A short one is read."""
    for index in range(1200):
        (tmp_path / f"{index}.toml").write_text(f'[suite]\nextends = "{index + 1}.toml"\n')
    (tmp_path / "1200.toml").write_text(GOOD)
    with pytest.raises(HarnessError, match=f"more than {MOST_FILES} files extend one another"):
        load_suite(tmp_path / "0.toml", registry())
    assert load_suite(tmp_path / f"{1200 - MOST_FILES}.toml", registry()).suite.suite.name == "mine"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (f"defaults.epochs={HUGE}", "is not a whole number"),
        (f"defaults.epochs=1{400 * '0'}", "has more than 64 bits"),
        (f"defaults.hidden_layers={500 * '['}", "is not a list. Write hidden_layers = "),
        (f"{'.'.join(900 * 'a')}=1", "nest more than 50 deep"),
        (f"defaults.activation={1_000_000 * 'x'}", "unknown activation 'xxx"),
    ],
)
def test_an_extreme_option_is_one_short_line(load, option, message):
    """As in a file."""
    with pytest.raises(HarnessError, match=message) as caught:
        load(GOOD, assignments=[option])
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("batch_norm = True", r"not TOML: True is not a value of TOML: write true \(at line 13, column 14\)"),
        ("early_stopping = False", "not TOML: False is not a value of TOML: write false"),
        ("description = None", "not TOML: None is not a value of TOML: leave the key out"),
        ("epochs = 2026-01-31", r"experiments\.A\.epochs: the date 2026-01-31 is not a whole number"),
        ("l2 = 07:32:00", r"experiments\.A\.l2: the time 07:32:00 is not a number"),
        ("optimizer.eps = 2026-01-31", r"optimizer\.eps: the date 2026-01-31 is not a number"),
    ],
)
def test_what_another_language_writes_gets_a_plain_text(load, line, message):
    """Python's words, and dates, which TOML has."""
    text = re.sub(r"optimizer = \{ learning_rate = 0.01 \}\n", "", GOOD).replace(A, f"{A}{line}\n")
    with pytest.raises(HarnessError, match=message):
        load(text)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    """Editors on Windows write one."""
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_suite(path, registry()).suite.suite.name == "mine"


@pytest.mark.parametrize(
    ("value", "quoted"),
    [("red\x1b[31m\nnext", r"'red\x1b[31m\nnext'"), (1_000_000 * "x", f"'{77 * 'x'}…'"), ("\u202eabc", r"'\u202eabc'")],
)
def test_a_message_quotes_a_value_in_one_line(load, value, quoted):
    """Escaped, and cut at 80 characters: as a value, as a name, and as a key."""
    for option in (f"defaults.activation={value}", f"dataset.name={value}"):
        with pytest.raises(HarnessError) as caught:
            load(GOOD, assignments=[option])
        assert quoted in str(caught.value)
        assert str(caught.value).isprintable()
    with pytest.raises(HarnessError) as caught:
        load(GOOD, assignments=[f'defaults."{value.encode("unicode_escape").decode()}"=1'.replace("\\x", "\\u00")])
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000
