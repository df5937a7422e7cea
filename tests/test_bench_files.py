"""Files of measurements: kept to the last bit, and refused in one line."""

import json
from dataclasses import replace

import pytest

from harness import bench
from harness.errors import HarnessError
from tests.measurements import measurement


def test_a_file_gives_back_what_was_saved(tmp_path):
    """To the last bit."""
    measurements = [
        measurement([0.1, 1 / 3], numpy="2"),
        replace(measurement([3.0], backend="x"), processes=2, startup_seconds=(0.1, 0.2), waited=1 / 3, label="X"),
    ]
    path = tmp_path / "file.json"
    bench.save(path, measurements)
    assert bench.read(path) == measurements


def test_a_file_of_an_earlier_harness_is_read(tmp_path):
    """It knew neither peers nor several processes."""
    path = tmp_path / "file.json"
    bench.save(path, [measurement([0.5])])
    content = json.loads(path.read_text())
    keys = ("backend", "network", "work", "provenance", "rows", "threads", "machine", "environment", "seconds")
    content["measurements"] = [{key: measurement[key] for key in keys} for measurement in content["measurements"]]
    path.write_text(json.dumps(content))
    assert bench.read(path) == [measurement([0.5])]


def test_a_file_without_its_folder_is_refused(tmp_path):
    """No folder is made: a slip of the keyboard would leave one."""
    path = tmp_path / "nope" / "x.json"
    with pytest.raises(HarnessError) as caught:
        bench.save(path, [measurement([1.0])])
    assert str(caught.value) == (
        f"{path}: there is no folder {path.parent}. Make it first (mkdir -p {path.parent}), or name another place"
    )
    assert not path.parent.exists()
    with pytest.raises(HarnessError, match=r"is a folder\. Name a file in it: .*bench\.json"):
        bench.check_place(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        (
            "{",
            "--benchmark-json' writes: ValueError: is cut short or damaged",
        ),
        ("[]", "neither what .* writes: TypeError"),
        ("{}", "neither what .* writes: KeyError: 'version'"),
        ('{"version": 9}', r"version 9 of the format, not 1\. Measure anew"),
        ('{"version": 1, "measurements": [{"rows": 1}]}', "neither what .* writes: 0.backend: Field required"),
        ('{"benchmarks": [{"extra_info": {}, "stats": {}}]}', "neither what .* writes: KeyError: 'data'"),
        ('{"benchmarks": []}', "holds no measurement"),
    ],
)
def test_a_faulty_file_is_one_line(tmp_path, content, message):
    """Where, what, and what would do."""
    path = tmp_path / "base.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(HarnessError, match=message) as caught:
        bench.read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_seconds_that_are_none_are_refused(tmp_path):
    """A file that somebody edited."""
    path = tmp_path / "base.json"
    bench.save(path, [measurement([1.0])])
    path.write_text(path.read_text().replace("1.0", "0.0"))
    with pytest.raises(HarnessError, match="at least one, all above 0"):
        bench.read(path)
