"""Every document: its links lead somewhere, its suites load, its commands exist, its references are complete."""

import ast
import re
import shlex
import tomllib

import pytest
import typer

from harness.cli import app
from harness.machine import cache
from harness.metrics.catalogue import CATALOGUE
from harness.plugins.loading import registry
from harness.suite import load_suite
from harness.suite.schema import suite_schema
from tests import documents
from tests.documents import DOCUMENTS, ROOT, block, blocks, coded, section, text

COMMANDS = typer.main.get_command(app)
EXTERNAL = {"bars", "dead-pixels", "mine", "my-loss", "sign-descent"}
"""Components of the plugins that the how-to guides make."""
MADE = {f"tests/test_{kind}.py" for kind in ("backend", "optimizer", "perturbation")}
"""Files of their packages."""
PATH = r"`((?:examples|backends|scripts|tests|suites|docs|harness|\.github)/[\w./-]+)`"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    """To files of the repository, and to headings in them; paths in code exist too."""
    for link in re.findall(r"\]\(([^)]*)\)", documents.prose(document)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = str((ROOT / document).parent.joinpath(path).resolve().relative_to(ROOT)) if path else document
        assert (ROOT / target).exists(), link
        assert not anchor or anchor in documents.anchors(target), link
    for path in set(re.findall(PATH, text(document))) - MADE:
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_suites_load(document, tmp_path):
    """A block of TOML with experiments is a suite; components of plugins that are not installed apart."""
    for index, source in enumerate(blocks(document, "toml")):
        table = tomllib.loads(source)
        if "experiments" in table and not any(f'"{name}"' in source for name in EXTERNAL):
            path = tmp_path / f"{index}.toml"
            path.write_text(source)
            assert load_suite(path, registry()).suite.experiments


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_exist(document):
    """Each ``harness`` line of a shell block has a command, options and arguments that there are."""
    for source in blocks(document, "sh"):
        for line in source.splitlines():
            for words in commands(line):
                understood(words)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_a_sentence_exist(document):
    """Those in code, such as ``harness plan``, may lack their arguments."""
    for line in re.findall(r"`(harness(?: [^`]+)?)`", documents.prose(document).replace("\n", " ")):
        if re.search(r"harness COMMAND|harness --no-plugins …", line):
            continue
        for words in commands(line):
            understood(words, complete=False)


def commands(line):
    """Yield the words of each ``harness`` command in a line of a shell block."""
    for part in re.split(r"&&|;|\|", re.sub(r"(^|\s)#.*", "", line)):
        words = shlex.split(part.partition(">")[0])
        if words[:1] == ["harness"]:
            yield words[1:]


def understood(words, *, complete=True):
    """Raise what click raises of an unknown command or option, or, if ``complete``, of missing arguments."""
    command, context = COMMANDS, typer.Context(COMMANDS, info_name="harness")
    while hasattr(command, "commands"):
        _, words, _ = command.make_parser(context).parse_args(list(words))
        if not words:
            assert command.invoke_without_command or command is not COMMANDS or not complete
            return
        name, command, words = command.resolve_command(context, words)
        context = typer.Context(command, info_name=name, parent=context)
    values, rest, _ = command.make_parser(context).parse_args(list(words))
    assert not rest, rest
    for parameter in command.params:
        assert not (complete and parameter.required and values.get(parameter.name) is None), parameter.name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_compiles(document):
    """Each block is a module."""
    for source in blocks(document, "python"):
        ast.parse(source)


def test_every_document_is_on_the_map():
    """docs/index.md links to each."""
    mapped = re.findall(r"\]\(([\w./-]+\.md)\)", text("docs/index.md"))
    assert {f"docs/{path}" for path in mapped} | {"docs/index.md"} == {
        path for path in DOCUMENTS if path.startswith("docs/")
    }


def test_every_metric_has_its_line():
    """Name, heading, rows and direction are the catalogue's, in its order."""
    lines = re.findall(
        r"^\| `(\w+)` \| (.+?) \| (\w+) \| (\S+) \|", text("docs/reference/metrics.md"), flags=re.MULTILINE
    )
    better = {True: "higher", False: "lower", None: "–"}
    assert lines == [
        (metric.name, metric.title, metric.rows, better[metric.higher_is_better]) for metric in CATALOGUE.values()
    ]


def test_every_command_and_option_has_its_line():
    """In a section of its name; options that commands share are in the sections it links to."""
    page = "docs/reference/command-line.md"
    shared = {
        name: options(section(page, name.capitalize().replace("-", " ")))
        for name in ("suite-options", "execution-options", "table-options", "documents", "lists")
    }
    headings = re.findall(r"^## (harness.*)", text(page), flags=re.MULTILINE)
    seen = {}
    for heading in headings:
        below = section(page, heading)
        name = " ".join(re.match(r"harness((?: [a-z]+)*)", heading)[1].split())
        seen[name] = options(below).union(*(shared[link] for link in re.findall(r"\(#([\w-]+)\)", below)))
    assert seen == {name: known(command) for name, command in walk(COMMANDS, "")}


def options(text):
    """Return the long options in the first column of a text's tables."""
    return {re.match(r"--[\w-]+", name)[0] for name in coded(text) if name.startswith("--")}


def known(command):
    """Return the long options of a command, ``--help`` apart."""
    option_names = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return {name for name in option_names if name.startswith("--")} - {"--help"}


def walk(command, name):
    """Yield a command and those below it, with their names."""
    yield name, command
    if hasattr(command, "commands"):
        for child, below in command.commands.items():
            yield from walk(below, f"{name} {child}".strip())


def test_every_key_of_a_suite_has_its_line():
    """Those of each table of the schema, but for the figure of a grid."""
    page = text("docs/reference/suite.md")
    schema = suite_schema()
    for table in schema["$defs"].values():
        for key in table.get("properties", {}):
            assert re.search(rf"`{key}`|{key} =", page), (table["title"], key)


def test_every_environment_variable_has_its_line():
    """Those that the package and its backends read, but for one that it sets for its workers."""
    read = {
        name
        for folder in ("harness", "backends")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r'"(HARNESS_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert cache.VARIABLE in read
    assert set(coded(text("docs/reference/environment-variables.md"))) == read - {"HARNESS_PLUGINS_VETTED"}


def test_exit_codes_are_those_of_the_help():
    """Each number once."""
    page = coded_numbers(text("docs/reference/exit-codes.md"))
    assert page == [int(number) for number in re.findall(r"(?:codes: |, )(\d+) ", COMMANDS.help.replace("\n", " "))]


def coded_numbers(page):
    """Return the numbers in the first column of a page's table."""
    return [int(number) for number in re.findall(r"^\| (\d+) \|", page, flags=re.MULTILINE)]


def test_the_nine_lines_of_the_readme_are_those_of_the_guide():
    """The same rule."""
    rule = "    alive = rng.random(images.shape, dtype=np.float32) >= severity\n    return images * alive\n"
    assert block("README.md", "python", "dead_pixels").endswith(rule)
    assert block("docs/how-to/write-a-perturbation.md", "python", "def perturb").endswith(rule)
