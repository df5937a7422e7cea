"""A site with the runs of several datasets: one entry, a page over datasets, and each dataset's page."""

import re
import shutil

import pytest

for library in ("altair", "jinja2", "vl_convert", "PIL"):
    pytest.importorskip(library)

from harness.publish import publish  # noqa: E402 - after the reason to skip
from harness.publish.site import _placed, _titled  # noqa: E402
from tests.several_runs import run_both  # noqa: E402
from tests.test_publish import files  # noqa: E402


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a directory of two datasets that have runs."""
    return run_both(tmp_path_factory.mktemp("runs") / "mine", seeds=(1,))


@pytest.mark.slow
def test_the_runs_of_several_datasets_are_one_entry(root, tmp_path, typed):
    """The index names the datasets; the same command updates it, and removes the page of a dataset that is gone."""
    both = tmp_path / "february"
    shutil.copytree(root, both)
    output = typed("publish", root, both, "--to", "site").out
    assert output.count("index.html") == 2 * 3 + 1
    site = tmp_path / "site"
    pages = [f"runs/{name}/{place}index.html" for name in ("february", "mine") for place in ("", "iris/", "wine/")]
    assert files(site) == sorted(["harness-site.json", "index.html", *pages])
    index = (site / "index.html").read_text()
    assert "2 runs of 1 suite," in index
    assert '<a href="runs/mine/index.html">mine</a>' in index
    links = (f'<a href="runs/mine/{label}/index.html">{label}</a>' for label in ("iris", "wine"))
    assert " · ".join(links) in index
    assert index.count("4 of 4 trials") == 2
    assert [title.partition(",")[0] for title in re.findall("<h3>(.*?)</h3>", index)] == ["iris", "wine"]
    assert "has the best mean rank by" in index or "have the best mean rank by" in index
    over = (site / "runs" / "mine" / "index.html").read_text()
    assert '<a href="iris/index.html">iris</a>' in over
    shutil.rmtree(both / "wine")
    assert "left out: wine: not run yet" in typed("publish", both, "--to", "site").out
    assert files(site) == [
        "harness-site.json", "index.html", "runs/february/index.html", "runs/february/iris/index.html",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_run_of_one_dataset_is_named_with_its_suite(root, tmp_path):
    """By the directory of all: another suite's has the same folder."""
    (published,) = publish([root / "wine"], tmp_path / "site")
    assert published.folder == "mine wine"
    assert ">mine wine</a>" in (tmp_path / "site" / "index.html").read_text()


def test_entries_are_named_by_as_much_of_their_paths_as_tells_them_apart(root, tmp_path):
    """Runs of one dataset among several have the directory of all in any case."""
    assert list(_placed([root, root / "wine"]).values()) == ["mine", "mine wine"]
    other = tmp_path / "mine"
    shutil.copytree(root, other)
    names = list(_placed([root / "wine", other / "wine", other]).values())
    assert names == [f"{root.parent.name} mine wine", f"{tmp_path.name} mine wine", f"{tmp_path.name} mine"]


def test_a_dataset_is_titled_by_its_label_and_what_it_is():
    """Two labels may be of the same data in other splits."""
    assert _titled("iris", "iris, 150 rows") == "iris, 150 rows"
    assert _titled("iris, other split", "iris, 150 rows") == "iris, other split · iris, 150 rows"


def test_a_directory_without_runs_is_not_published(typed, tmp_path, root):
    """Nothing is written; so where one of its runs cannot be read."""
    shutil.copytree(root, tmp_path / "empty", ignore=lambda _folder, names: {*names} & {"iris", "wine"})
    error = typed("publish", "empty", "--to", "site", code=2).err
    assert error == "error: empty: no dataset has a run yet. 'harness run SUITE' makes one\n"
    shutil.copytree(root, tmp_path / "bad")
    (tmp_path / "bad" / "wine" / "run.json").write_text("{}")
    assert typed("publish", "bad", "--to", "site", code=2).err.startswith("error: bad/wine/run.json: format None")
    assert not (tmp_path / "site").exists()
