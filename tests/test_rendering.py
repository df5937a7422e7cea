"""Charts are drawn in a process of their own: whatever ends it is one line; nothing foreign gets to it as it is."""

import json
import re
from dataclasses import replace

import pytest

from harness.datasets.cache import materialise
from harness.datasets.description import describe, examples
from harness.datasets.digits import Digits
from harness.datasets.splits import SplitTable
from harness.errors import HarnessError
from harness.machine import children
from harness.machine.cache import cache_root
from harness.report import draw, read, render
from harness.report.dataset import grid, histogram
from harness.report.rendering import Drawing, rendered, tidied, tidy
from harness.trial.jobs import split_of
from tests.report_runs import make_run

for library in ("altair", "jinja2", "vl_convert", "PIL"):
    pytest.importorskip(library)

NASTY = ["nul\0", "bell\a\x1b[31m", "line\nbreak\r\ttab", "x" * 100_000]
BARS = {
    "data": {"values": [{"a": "b", "n": 1}]},
    "mark": "bar",
    "encoding": {"x": {"field": "a", "type": "nominal"}, "y": {"field": "n", "type": "quantitative"}},
}
RENDERER = """
import os, signal, sys
print("noise on standard output")
def vegalite_to_png(spec, config, scale):
    {}
    return b"picture"
"""


@pytest.fixture
def renderer(tmp_path, monkeypatch):
    """Return a function that puts another renderer in vl-convert's place, in the process that draws alone."""
    module = children.module_path()

    def put(line):
        (tmp_path / "vl_convert.py").write_text(RENDERER.format(line))
        monkeypatch.setattr(children, "module_path", lambda: [str(tmp_path), *module])

    return put


@pytest.mark.slow
@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_classes_of_any_name_are_drawn(tmp_path, form):
    """Control characters end vl-convert with SIGTRAP; a run may have any of them in a class's name."""
    run = make_run(tmp_path, {"A": "g"}, class_names=NASTY)
    material = read(run.directory)
    assert len(draw(material, tmp_path / "figures", form)) > 5
    assert "\0" not in render(material)


@pytest.mark.slow
def test_a_dataset_of_any_class_names_is_drawn():
    """By describe --figures."""
    data = materialise("digits", {}, Digits(), cache_root())
    odd = replace(data, info=replace(data.info, class_names=tuple((NASTY * 3)[:10])))
    described = describe(odd, split_of(data, SplitTable()))
    assert histogram(described).startswith(b"\x89PNG")
    assert grid(examples(data), odd.info.class_names).startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_crash_of_the_renderer_is_one_line_that_names_the_figure(renderer):
    """With the signal; figures before it are no excuse."""
    renderer('os.kill(os.getpid(), signal.SIGTRAP) if spec["title"] == "second" else None')
    drawings = [Drawing(title, {"title": title}, {}) for title in ("first", "second", "third")]
    with pytest.raises(HarnessError, match=r"^figure second: the process that draws it with vl-convert was ended by"):
        rendered(drawings)
    assert rendered(drawings[:1]) == [b"picture"]


@pytest.mark.slow
def test_a_renderer_that_hangs_is_one_line(renderer, monkeypatch):
    """What it drew before is no excuse either, but tells which figure it was."""
    monkeypatch.setattr("harness.report.rendering._SECONDS", 5)
    renderer('import time; time.sleep(600 if spec["title"] == "second" else 0)')
    drawings = [Drawing(title, {"title": title}, {}) for title in ("first", "second")]
    with pytest.raises(HarnessError, match=r"^figure second: .* vl-convert took more than 5 seconds"):
        rendered(drawings)


@pytest.mark.slow
def test_what_the_renderer_refuses_is_one_line(renderer):
    """And what it prints does not get between the pictures."""
    renderer('sys.stdout.write("more noise"); sys.stdout.flush(); 1 / len(spec["title"])')
    assert rendered([Drawing("one", {"title": "x"}, {})]) == [b"picture"]
    with pytest.raises(HarnessError, match=r"^figure one: vl-convert refuses it: ZeroDivisionError: division by zero"):
        rendered([Drawing("one", {"title": ""}, {})])


@pytest.mark.slow
def test_a_crash_is_exit_code_2(typed, renderer, tmp_path):
    """Of report --figures: the page is there by then."""
    make_run(tmp_path, {"A": "g"})
    # The page takes its scripts from the renderer, too.
    renderer("os.kill(os.getpid(), signal.SIGTRAP)")
    err = typed("report", "run", "--figures", "pictures", code=2).err
    assert re.search(
        r"error: figure [\w-]+: the process that draws it with vl-convert was ended by signal SIGTRAP", err
    )


def test_every_text_of_a_specification_is_tidy():
    """Values, keys and lists; numbers and what is printable stay as they are."""
    assert tidied({"a\0": ["b\x1b", 1, {"c": "x\u202ey"}]}) == {"a�": ["b�", 1, {"c": "x�y"}]}
    assert tidied(BARS) == BARS
    assert tidy("नमस्\u200dते") == "नमस्\u200dते"
    assert json.dumps(tidied({"half": "\ud800"}), ensure_ascii=False).encode()
