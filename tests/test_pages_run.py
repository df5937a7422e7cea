"""The pages' commands and scripts as a reader types them, in order, in the page's own folder; the rest says why not."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.suite.shipped import shipped
from tests.documents import DOCUMENTS, blocks

QUICKLY = (r"epochs = \d+", "epochs = 2")
"""What the suites of a page are changed to: fewer epochs."""
SUITE = """
[suite]
name = "stand-in"
seeds = [1]
[defaults]
hidden_layers = [8]
batch_size = 256
epochs = 1
optimizer = { name = "adam", learning_rate = 0.003 }
[experiments.small]
[experiments.large]
hidden_layers = [12]
"""
SEVERAL = SUITE + "".join(f"[[datasets]]\nname = '{name}'\n" for name in ("digits", "wine"))
"""Used in place of a suite of several datasets."""
RUNS = ("full-digits", "january", "february", "before", "after", "a", "b", "main", "kept")
"""Runs that pages read and do not make."""
PAGES = {
    "docs/tutorial.md": {"capacity.toml": "Does capacity help"},
    "docs/how-to/resume-and-repeat.md": {},
    "docs/how-to/share-results.md": {},
    "docs/how-to/use-your-own-data.md": {"mine.toml": "My data"},
    "docs/how-to/compare-machines.md": {},
    "docs/how-to/merge-and-move-runs.md": {},
    "docs/how-to/gate-ci.md": {"gate.toml": "our hypothesis"},
    "docs/how-to/work-in-a-notebook.md": {},
    "docs/how-to/augment-training.md": {"augment.toml": "augmented"},
    "docs/how-to/combine-networks.md": {"combine.toml": "together"},
    "docs/reference/json.md": {},
    "docs/reference/python.md": {},
}
"""The pages, and the suites among their blocks: a file's name, and a text that the block contains."""
ENDS = {
    "harness verify": {0, 3},
    "harness compare runs/main": {0, 3, 4},
    "harness compare runs/a": {0, 3, 4},
}
"""Commands that end with another code than 0 where two epochs decide otherwise than a whole training."""
ELSEWHERE = {
    "docs/explanation/performance.md": "measures for minutes: tests/test_bench_command.py has its options",
    "docs/explanation/timing.md": "measures for minutes: tests/test_bench_command.py has its options",
    "docs/how-to/add-a-layer-kind.md": "tests/test_layer_page.py",
    "docs/how-to/benchmark-on-a-gpu.md": "needs a GPU: tests/test_gpu_check.py has its script",
    "docs/how-to/compare-over-datasets.md": "tests/test_several_run.py runs several datasets",
    "docs/how-to/paper-tables.md": "tests/test_paper_tables.py",
    "docs/how-to/run-on-a-cluster.md": "tests/test_cluster.py, tests/test_slurm.py and tests/test_slurm_real.py",
    "docs/how-to/train-on-emnist.md": "downloads EMNIST: tests/test_emnist_download.py has a server",
    "docs/how-to/write-a-backend.md": "tests/test_docs.py",
    "docs/how-to/write-a-dataset.md": "tests/test_new.py installs and tests what `harness new` writes",
    "docs/how-to/write-a-loss.md": "tests/test_docs.py, tests/test_new.py",
    "docs/how-to/write-a-perturbation.md": "tests/test_docs.py, tests/test_new.py",
    "docs/how-to/write-an-optimizer.md": "tests/test_docs.py, tests/test_new.py",
    "README.md": ".ci/run, tests/test_readme.py",
    "CONTRIBUTING.md": ".ci/run",
}
"""Pages with commands that run in another test, or cannot run here."""
ANOTHER_MACHINE = {"harness merge runs/here": "runs/full-digits", "harness import full": "runs/full-digits"}
"""Commands that make a run where the page has none: on another machine."""
SKIPPED = r"pip install|python3 -m venv|mkdir|cd |\(cd |set -e|pytest|harness bench|harness new|harness doctor"
"""Lines that change the reader's machine, or take minutes."""


def lines(page):
    """Return the shell lines of a page, without comments."""
    stripped = [re.sub(r"(^|\s)#.*", "", line) for block in blocks(page, "sh") for line in block.splitlines()]
    return [line.rstrip() for line in stripped if line.strip()]


def test_every_page_with_commands_runs_or_says_where():
    """Here, in another test, or not here at all, with the reason."""
    with_commands = {page for page in DOCUMENTS if blocks(page, "sh")}
    assert with_commands == {page for page in PAGES if blocks(page, "sh")} | set(ELSEWHERE)
    for reason in ELSEWHERE.values():
        for path in re.findall(r"tests/\w+\.py", reason):
            assert (Path(__file__).parents[1] / path).exists()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a run of the suite that is used in place of larger ones."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "stand-in.toml").write_text(SUITE)
    typed("harness run stand-in.toml --jobs 0 --quiet --out run", folder)
    return folder / "run"


def typed(line, folder):
    """Run a line as a shell does, with this environment's programs; return its exit code and what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "HARNESS_JOBS": "0", "HARNESS_NO_TUNE": "1"}
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def prepared(folder, page, run):
    """Write what a page takes for granted: its suites, those of the repository, data, and runs of earlier weeks."""
    (folder / "suites").mkdir()
    (folder / "suites" / "quick.toml").write_text(re.sub(*QUICKLY, shipped()["quick"].read_text()))
    (folder / "suites" / "full.toml").write_text(SUITE)
    (folder / "suites" / "several.toml").write_text(SEVERAL)
    for name in RUNS:
        shutil.copytree(run, folder / "runs" / name)
    for name, containing in PAGES[page].items():
        (text,) = [block for block in blocks(page, "toml") if containing in block and "[experiments" in block]
        text = re.sub(r"(?m)^(\[defaults\]\n)", r"\1epochs = 2\n", text)
        (folder / name).write_text(text)


def scripts(page):
    """Return the Python blocks of a page: each is run where it is first needed."""
    return [block for block in blocks(page, "python") if not block.startswith("# save_digits")]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page, tmp_path, made):
    """Each line ends well, in order."""
    prepared(tmp_path, page, made)
    if page == "docs/tutorial.md":
        tutorial(tmp_path)
    if page == "docs/how-to/use-your-own-data.md":
        typed(f"{sys.executable} -c {DIGITS!r}", tmp_path)
    for line in lines(page):
        for command, place in ANOTHER_MACHINE.items():
            if line.startswith(command):
                shutil.rmtree(tmp_path / place, ignore_errors=True)
        if not re.match(SKIPPED, line):
            ended, output = typed(line, tmp_path)
            codes = next((codes for start, codes in ENDS.items() if line.startswith(start)), {0})
            assert ended in codes, f"{line}\n{output}"
            assert "Traceback" not in output
    for index, script in enumerate(scripts(page)):
        (tmp_path / f"{index}.py").write_text(script)
        ended, output = typed(f"{sys.executable} {index}.py", tmp_path)
        assert ended == 0, output
    for name in PAGES[page]:
        assert typed(f"harness plan {name}", tmp_path)[0] == 0


DIGITS = (
    "import numpy as np; from sklearn.datasets import load_digits; digits = load_digits(); "
    "np.save('images.npy', (digits.images * 15).astype('uint8')); np.save('labels.npy', digits.target)"
)


def tutorial(folder):
    """Do what the tutorial says before its first command: save the data, and answer the error that it shows."""
    (script,) = [block for block in blocks("docs/tutorial.md", "python") if block.startswith("# save_digits")]
    (folder / "save_digits.py").write_text(script)
    assert typed("python save_digits.py", folder)[0] == 0
    ended, output = typed("harness plan capacity.toml", folder)
    expected = next(text for text in blocks("docs/tutorial.md", "text") if "images hold values" in text)
    assert ended == 2
    assert " ".join(expected.split()) in " ".join(output.split())
    suite = folder / "capacity.toml"
    suite.write_text(suite.read_text().replace('labels = "labels.npy"', 'labels = "labels.npy"\nscale = [0, 16]'))
