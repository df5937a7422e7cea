"""Third parties' plugins as they really come: distributions on the path, with metadata and entry points."""

import json
import signal
import sys
import textwrap
from base64 import urlsafe_b64encode
from contextlib import contextmanager
from hashlib import sha256

import pytest

from harness.plugins.foreign import interrupt
from harness.plugins.loading import registry

FINE = """
import harness

@harness.hookimpl
def register_optimizers(register):
    register("fine", Rule)

class Rule:
    pass
"""


def distribution(root, name, version, modules, entry_points, *, record=False, editable=None, folder=None):
    """Write a distribution into ``root``, a folder on ``sys.path``: its modules, its metadata, its entry points.

    The next call of `registry` finds it, whatever an earlier test has loaded.

    ``record``: as an installer leaves it, with a RECORD of its files. ``editable``: the checkout that it is an editable
    install of. ``folder``: another name of its metadata's folder.
    """
    registry.cache_clear()
    root.mkdir(parents=True, exist_ok=True)
    for module, source in modules.items():
        path = root / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
    info = root / (folder or f"{name.replace('-', '_')}-{version}.dist-info")
    info.mkdir()
    file = "PKG-INFO" if info.name.endswith(".egg-info") else "METADATA"
    (info / file).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = "".join(f"{point} = {target}\n" for point, target in entry_points.items())
    (info / "entry_points.txt").write_text(f"[harness]\n{lines}")
    if editable:
        origin = {"url": editable.as_uri(), "dir_info": {"editable": True}}
        (info / "direct_url.json").write_text(json.dumps(origin))
    if record or editable:
        write_record(root, info, modules)
    return root


def write_record(root, info, modules):
    """Write the RECORD of a distribution's modules as they are now."""
    lines = [f"{info.name}/RECORD,,"]
    for module in modules:
        content = (root / f"{module}.py").read_bytes()
        digest = urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{module}.py,sha256={digest},{len(content)}")
    (info / "RECORD").write_text("\n".join(lines) + "\n")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a folder on the path; Ctrl-C is handled as on the command line."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    before = signal.signal(signal.SIGINT, interrupt)
    forget_modules()
    yield folder
    signal.signal(signal.SIGINT, before)
    forget_modules()


def forget_modules():
    registry.cache_clear()
    for name in ("harness_bad", "harness_fine", "bad_part"):
        sys.modules.pop(name, None)


@contextmanager
def installed(folder, monkeypatch, name, version, source):
    """Give the registry with a plugin of one module beside harness's own; the module has the distribution's name."""
    module = name.replace("-", "_")
    distribution(folder, name, version, {module: source}, {module: module})
    monkeypatch.syspath_prepend(folder)
    registry.cache_clear()
    yield registry()
    registry.cache_clear()
    sys.modules.pop(module, None)


def install(site, name, source, **more):
    module = name.replace("-", "_")
    return distribution(site, name, "0.1", {module: source} | more, {module: module})


def errors(registry):
    return {entry.distribution: entry.error for entry in registry.quarantined}
