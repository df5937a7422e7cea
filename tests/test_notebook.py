"""A notebook: the example runs from top to bottom, and a kernel that is interrupted within a run loses nothing."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

import harness
from harness.live.notebook import Notebook, in_notebook
from tests.tiny import TINY

EXAMPLE = Path(__file__).parent.parent / "examples" / "notebook" / "quick.ipynb"


def test_the_example_has_about_fifteen_lines():
    """Code alone, without blank lines."""
    cells = nbformat.read(EXAMPLE, as_version=4).cells
    lines = [line for cell in cells if cell.cell_type == "code" for line in cell.source.splitlines() if line.strip()]
    assert len(lines) <= 15
    assert not any(cell.get("outputs") for cell in cells)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own libraries
def test_the_example_runs(tmp_path):
    """Without a network; runs show their tables, their progress, and a chart."""
    notebook = nbformat.read(EXAMPLE, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("<progress" in data.get("text/html", "") for data in outputs)
    assert any("<table><caption" in data.get("text/html", "") for data in outputs)
    assert any("image/svg+xml" in data for data in outputs)
    assert harness.open_run(tmp_path / "runs" / "longer").complete


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_interrupted_kernel_ends_the_run_and_the_same_call_resumes(tmp_path):
    """Finished trials are stored; no process of the run is left; the kernel goes on."""
    (tmp_path / "tiny.toml").write_text(
        TINY.replace("epochs = 3", "epochs = 3000").replace("seeds = [1]", "seeds = [1, 2]")
    )
    call = "harness.run('tiny.toml', only='A', jobs=1, checkpoint='1s')"
    cells = [new_code_cell("import harness"), new_code_cell(call)]
    client = NotebookClient(new_notebook(cells=cells), timeout=600, resources={"metadata": {"path": str(tmp_path)}})

    def interrupt():
        while not list(tmp_path.glob("runs/tiny/trials/A/seed-1/checkpoint.npz")):
            time.sleep(0.05)
        client.km.provisioner.process.send_signal(2)

    waiting = threading.Thread(target=interrupt, daemon=True)
    waiting.start()
    with pytest.raises(CellExecutionError, match="KeyboardInterrupt"):
        client.execute()
    (tmp_path / "tiny.toml").write_text(TINY.replace("seeds = [1]", "seeds = [1, 2]"))
    run = harness.run(tmp_path / "tiny.toml", only="A", jobs=0, out=tmp_path / "runs" / "tiny")
    assert run.trials()["status"].tolist() == ["done", "done"]


SCRIPT = """
import harness
print("the script runs")
run = harness.run("tiny.toml", only="A", jobs=2)
print(run.state)
"""


@pytest.mark.slow
def test_workers_do_not_run_the_callers_script(tmp_path):
    """It has no main guard: a pool that started it again would never end."""
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "mine.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "mine.py"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout == "the script runs\ncomplete: 1 of 1 done\n"


@pytest.mark.slow
def test_a_run_outside_the_main_thread(tmp_path):
    """No signal handler is needed."""
    (tmp_path / "tiny.toml").write_text(TINY)
    collected = []
    arguments = {"only": "A", "jobs": 1, "out": tmp_path / "run"}
    thread = threading.Thread(target=lambda: collected.append(harness.run(tmp_path / "tiny.toml", **arguments)))
    thread.start()
    thread.join()
    assert collected[0].complete


def test_an_interrupt_passes_and_says_what_resumes(tmp_path, monkeypatch):
    """As a note of the exception, which notebooks show."""
    (tmp_path / "tiny.toml").write_text(TINY)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.api.running.carry_out", interrupted)
    with pytest.raises(KeyboardInterrupt) as error:
        harness.run(tmp_path / "tiny.toml", jobs=0, out=tmp_path / "run")
    assert error.value.__notes__ == [f"finished trials are in {tmp_path / 'run'}; the same call resumes"]


def test_the_progress_of_a_notebook_is_escaped_html():
    """Trials that ended, what happened last, and a row for each that is running."""
    assert not in_notebook()
    shown = Notebook()
    shown._watched.begin({"trials": 3, "pending": 2, "predicted_seconds": None})
    shown._last = "<b> seed 1: done\x1b[31m"
    assert shown.html().startswith('<progress value="1" max="3"></progress> 1 of 3 trials ended · ')
    assert shown.html().endswith(" · &lt;b&gt; seed 1: done\\x1b[31m")
    shown._watched.started({"experiment": "<i>", "seed": 2, "backend": "numpy", "epochs": 5})
    assert shown.html().count("<tr>") == 2
    assert "<td>&lt;i&gt; seed 2 on numpy</td><td>0/5</td>" in shown.html()


class Kernel:
    """A notebook's shell."""

    kernel = True


def test_a_run_in_a_notebook_is_drawn_in_one_place(tmp_path, monkeypatch):
    """By default; the last drawing has how the trials ended, and a console of the kernel gets text."""
    import IPython
    import IPython.display

    drawn = []

    class Handle:
        def update(self, shown, *, raw):
            drawn.append((shown, raw))

    def display(shown, *, raw, display_id):
        assert display_id
        drawn.append((shown, raw))
        return Handle()

    monkeypatch.setattr(IPython, "get_ipython", Kernel)
    monkeypatch.setattr(IPython.display, "display", display)
    (tmp_path / "tiny.toml").write_text(TINY)
    harness.run(tmp_path / "tiny.toml", only="A", jobs=0, out=tmp_path / "run", overrides={"defaults.epochs": 1})
    assert all(raw for _, raw in drawn)
    first, last = drawn[0][0], drawn[-1][0]
    assert "0 of 1 trial ended" in first["text/html"]
    assert last["text/html"].startswith('<progress value="1" max="1"></progress> 1 of 1 trial ended, 1 tested · ')
    assert last["text/plain"] == "1 of 1 trial ended, 1 tested · 1 done"
    drawn.clear()
    harness.run(tmp_path / "tiny.toml", only="A", jobs=0, out=tmp_path / "run", progress=False)
    assert not drawn
