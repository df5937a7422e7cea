"""Metadata that is left over loses to the distribution whose files an import finds."""

import sys
from importlib.metadata import PackageNotFoundError

import pytest

from harness.machine import installed
from harness.plugins.loading import GROUP, load_installed
from tests.plugins_on_disk import distribution, write_record

SOURCE = """
import harness

@harness.hookimpl
def register_optimizers(register):
    register("lion", Rule)

class Rule:
    version = "{version}"
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a folder on the path, as an environment's."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    installed.find.cache_clear()
    sys.modules.pop("harness_lion", None)


def lion(site, version, **options):
    return distribution(
        site, "harness-lion", version, {"harness_lion": SOURCE.format(version=version)}, {"lion": "harness_lion"},
        **options,
    )  # fmt: skip


def served():
    """Return the provenance of the optimizer that serves; nothing may be set aside, and nothing offered twice."""
    registry = load_installed()
    assert not registry.quarantined
    return registry.find("optimizer", "lion").provenance


def left_over():
    return [place.name for place in installed.survey(GROUP).left_over]


@pytest.mark.parametrize("old", ["0.0.9", "0.1.0", "9.0"])
def test_a_folder_that_an_interrupted_pip_left_is_ignored(site, old):
    """Its name begins with ~, whatever version it has."""
    lion(site, old, record=True, folder=f"~arness_lion-{old}.dist-info")
    lion(site, "0.1.0", record=True)
    assert served() == "harness-lion 0.1.0"
    assert left_over() == [f"~arness_lion-{old}.dist-info"]


def test_what_an_interrupted_pip_removed_is_not_there(site):
    """Metadata set aside alone offers nothing."""
    lion(site, "0.1.0", record=True, folder="~arness_lion-0.1.0.dist-info")
    assert "lion" not in load_installed().named("optimizer")


@pytest.mark.parametrize("old", ["0.0.9", "9.0"])
def test_of_two_records_that_one_counts_which_the_imported_file_matches(site, old):
    """An update that was cut off leaves the old metadata beside the new."""
    lion(site, old, record=True)
    lion(site, "1.0", record=True)
    assert served() == "harness-lion 1.0"
    assert load_installed().find("optimizer", "lion").load().version == "1.0"
    assert left_over() == [f"harness_lion-{old}.dist-info"]


def test_an_egg_info_beside_a_dist_info_is_left_over(site):
    """The installer's record decides, whichever is the higher version."""
    lion(site, "9.0", folder="harness_lion.egg-info")
    lion(site, "1.0", record=True)
    assert served() == "harness-lion 1.0"
    assert left_over() == ["harness_lion.egg-info"]


def test_an_editable_install_wins_over_the_egg_info_of_its_checkout(site, tmp_path, monkeypatch):
    """The checkout is on the path before the environment, as the current folder may be."""
    checkout = tmp_path / "checkout"
    lion(checkout, "0.5", folder="harness_lion.egg-info")
    distribution(site, "harness-lion", "1.0", {}, {"lion": "harness_lion"}, editable=checkout)
    monkeypatch.syspath_prepend(checkout)
    assert served() == "harness-lion 1.0"


@pytest.mark.parametrize("first", [True, False])
def test_the_distribution_counts_whose_file_the_path_finds_first(site, tmp_path, monkeypatch, first):
    """One in the user's site and one in the environment's: whichever is imported."""
    lion(site, "1.0", record=True)
    other = lion(tmp_path / "other", "2.0", record=True)
    monkeypatch.setattr(sys, "path", [str(other), *sys.path] if first else [*sys.path, str(other)])
    assert served() == ("harness-lion 2.0" if first else "harness-lion 1.0")


def test_metadata_that_precedes_the_imported_package_loses(site, tmp_path, monkeypatch):
    """A folder earlier on the path has metadata and no package."""
    lion(site, "1.0", record=True)
    husk = tmp_path / "husk"
    distribution(husk, "harness-lion", "3.0", {}, {"lion": "harness_lion"}, record=True)
    monkeypatch.syspath_prepend(husk)
    assert served() == "harness-lion 1.0"


def test_one_folder_twice_on_the_path_is_one_distribution(site, tmp_path, monkeypatch):
    """By a link, too."""
    lion(site, "1.0", record=True)
    link = tmp_path / "link"
    link.symlink_to(site)
    monkeypatch.setattr(sys, "path", [str(link), str(site), *sys.path])
    assert served() == "harness-lion 1.0"
    assert left_over() == []


def test_metadata_that_cannot_be_read_is_set_aside_by_its_path(site):
    """The others serve; one that mentions no plugin of harness's is none of its business."""
    lion(site, "1.0", record=True)
    for name, content in (("torn", b"[harness]\nlion\n"), ("foreign", b"[console]\n\xff")):
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_bytes(content)
    registry = load_installed()
    assert [entry.distribution for entry in registry.quarantined] == [str(site / "torn-1.0.dist-info")]
    assert registry.find("optimizer", "lion").provenance == "harness-lion 1.0"


def test_a_version_is_that_of_what_is_imported(site):
    """Rows and keys of caches ask by name."""
    for version in ("3.0", "2.0"):
        distribution(site, "some-library", version, {"some_library/__init__": f"v = {version}"}, {}, record=True)
    assert installed.version("some-library") == "2.0"
    installed.find.cache_clear()
    (site / "some_library" / "__init__.py").write_text("v = 3.0")
    write_record(site, site / "some_library-3.0.dist-info", ["some_library/__init__"])
    assert installed.version("Some_Library") == "3.0"
    with pytest.raises(PackageNotFoundError):
        installed.version("no-such-library")


@pytest.mark.slow
def test_doctor_names_what_is_left_over(site, typed):
    """So that it can be removed."""
    lion(site, "1.0", record=True, folder="~arness_lion-1.0.dist-info")
    place = site / "~arness_lion-1.0.dist-info"
    assert f"{place} is left over from another installation and is ignored. Remove it" in typed("doctor").out
