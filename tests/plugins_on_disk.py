"""Third parties' plugins as they really come: distributions on the path, with metadata and entry points."""

import textwrap


def distribution(root, name, version, modules, entry_points):
    """Write a distribution into ``root``, a folder on ``sys.path``: its modules, its metadata, its entry points."""
    root.mkdir(parents=True, exist_ok=True)
    for module, source in modules.items():
        (root / f"{module}.py").write_text(textwrap.dedent(source))
    info = root / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = "".join(f"{point} = {target}\n" for point, target in entry_points.items())
    (info / "entry_points.txt").write_text(f"[harness]\n{lines}")
    return root
