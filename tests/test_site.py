"""The documentation's site: it builds without a warning, offline, and has what is made from the code."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.documents.catalogue import DOCUMENTS
from harness.metrics.catalogue import CATALOGUE
from tests.test_documents import COMMANDS, walk

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site."""
    for package in ("sphinx", "furo", "myst_parser"):
        pytest.importorskip(package, reason='needs the extra "docs"')
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", ROOT / "docs", folder]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def page(site, name):
    return (site / f"{name}.html").read_text()


def test_every_page_is_in_the_menu(site):
    menu = page(site, "index").partition("sidebar-tree")[2].partition("</aside>")[0]
    for document in (ROOT / "docs").rglob("*.md"):
        name = document.relative_to(ROOT / "docs").with_suffix("")
        assert (site / f"{name}.html").exists()
        assert name.name == "index" or f'href="{name}.html"' in menu


def test_every_command_every_table_and_every_metric_has_its_place(site):
    options = page(site, "reference/generated-options")
    for name, _ in walk(COMMANDS, "harness"):
        assert f'id="{name.replace(" ", "-")}"' in options
    keys = page(site, "reference/generated-keys")
    for key in ("robustness", "early_stopping", "class_weights", "min_delta", "tolerance"):
        assert f">{key}</span>" in keys
    documents = page(site, "reference/json")
    assert all(f'id="harness-{name}-f-json"' in documents for name in DOCUMENTS)
    metrics = page(site, "reference/generated-metrics")
    assert all(f">{name}</span>" in metrics for name in CATALOGUE)


def test_docstrings_are_pages_and_files_of_the_repository_are_named(site):
    interfaces = page(site, "reference/interfaces")
    assert 'id="harness.interfaces.Network.predict_images"' in interfaces
    assert "(rows, *shape)" in interfaces
    guide = page(site, "how-to/add-a-metric")
    assert "CONTRIBUTING.md" in guide
    assert 'href="../../CONTRIBUTING' not in guide


def test_the_example_notebook_has_its_outputs(site):
    """Executed as the site was built: progress, leaderboard, chart, frame, comparison."""
    notebook = page(site, "how-to/work-in-a-notebook").partition('id="the-example-with-what-it-shows"')[2]
    assert notebook.count('class="cell-output"') >= 5
    for part in ("</progress>", "<table><caption", "<svg", 'class="dataframe"', "M1b"):
        assert part in notebook, part


def test_nothing_is_loaded_from_elsewhere(site):
    """It can be read offline, and no other server learns of its readers."""
    for document in site.rglob("*.html"):
        text = document.read_text()
        assert 'src="http' not in text
        assert 'rel="stylesheet" href="http' not in text
