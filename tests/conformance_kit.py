"""The conformance kit as a command, and what it finds wrong with the plugins of ``tests/broken_plugins``."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.plugins_on_disk import distribution

ROOT = Path(__file__).parent.parent
KIT = ["--pyargs", "harness.conformance"]


def kit(folder, *arguments, command=KIT):
    """Run the kit from a folder, on whose path the distributions in it are; return the finished process."""
    roots = [folder, ROOT / "tests" / "broken_plugins", ROOT, ROOT / "backends", ROOT / "perturbations"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, roots))}
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *command, *arguments]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def failures(folder, module, kinds, *arguments):
    """Certify the components of a broken module, by kind, in one run.

    Return the failures of each: its message by the name of the test.
    """
    return certified(folder, module, kinds, *arguments)[1]


def certified(folder, module, kinds, *arguments):
    """Return what such a run printed, and the failures of each component."""
    distribution(folder, "harness-broken", "0.1", {}, {"broken": module})
    options = [f"--harness-{kind}={name}" for kind, names in kinds.items() for name in names]
    done = kit(folder, *options, *arguments, f"--junitxml={folder / 'report.xml'}")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    failed = {name: {} for names in kinds.values() for name in names}
    for case in ET.parse(folder / "report.xml").iter("testcase"):  # noqa: S314 - our own file
        test, _, name = re.fullmatch(r"(\w+)(\[(\w+)[^\]]*\])?", case.get("name")).groups()
        for failure in [*case.iter("failure"), *case.iter("error")]:
            failed[name].setdefault(test, failure.get("message") + (failure.text or ""))
    return done.stdout, failed
