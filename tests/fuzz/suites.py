"""Mutated suite files, planned; those whose names alone are odd are run."""

import random
import re
from pathlib import Path

import numpy as np

from tests.chaos.forkserver import Forks
from tests.fuzz.endings import REAL_EVERY, ending, really
from tests.fuzz.values import CONTROLS, ESCAPES, SUFFIXES, nested, quoted, text, toml_value

SUITE = """\
[suite]
name = "fuzz"
description = "a suite to be mutated"
seeds = [1, 2]
timeout = "10m"

[dataset]
name = "files"
images = "images.npy"
labels = "labels.npy"
split = { train = 0.6, val = 0.2, test = 0.2, seed = 42 }

[defaults]
hidden_layers = [4]
batch_size = 32
optimizer = { name = "adam", learning_rate = 0.01 }
epochs = 1

[experiments.A]
group = "first"
description = "plain"

[experiments."B b"]
optimizer = { name = "sgd", learning_rate = 0.1, momentum = 0.9 }
schedule = { name = "cosine" }
early_stopping = { patience = 2, restore_best = true, min_delta = 1e-4 }

[experiments.C]
activation = "silu"
batch_norm = true
dropout = 0.2
[experiments.C.grid]
"optimizer.learning_rate" = [0.01, 0.1]
hidden_layers = [[4], [5]]

[finalists]
one = "A"
two = { best_of = "[BC]*", by = "val_loss" }

[[robustness]]
perturbation = "gaussian_noise"
severities = [0.0, 0.3]
seed = 7

[leaderboard]
baseline = "A"
compare = [["A", "B b"]]

[expectations]
tolerance = { test_accuracy = 0.01, parameters = 0.0 }

[[expect]]
experiment = "A"
metric = ["test_accuracy", "parameters"]
value = [0.99, 111]
source = "nowhere"

[[expect]]
relation = "A.test_accuracy > 'B b'.test_accuracy"
perturbation = "gaussian_noise"
severity = [0.0, 0.3]
"""
_TOKEN = re.compile(r'"[^"\n]*"|[\w.+-]+|[^\w\s]|\s+')


def _at(draw: random.Random, content: str) -> int:
    return draw.randrange(len(content) + 1)


def characters(draw: random.Random, content: str) -> str:
    """Insert, replace, remove or repeat some characters."""
    for _ in range(draw.choice((1, 1, 2, 5, 40))):
        at = _at(draw, content)
        new = draw.choice(
            (draw.choice(CONTROLS), draw.choice(SUFFIXES), chr(draw.randrange(32, 0x3000)), draw.choice(ESCAPES))
        )
        content = draw.choice(
            (
                content[:at] + new + content[at:],
                content[:at] + new + content[at + 1 :],
                content[:at] + content[at + 1 :],
                content[:at] + content[at : at + 5] * 3 + content[at + 5 :],
            )
        )
    return content


def tokens(draw: random.Random, content: str) -> str:
    """Swap, remove, repeat or exchange words and signs."""
    words = _TOKEN.findall(content)
    for _ in range(draw.choice((1, 1, 2, 4))):
        a, b = draw.randrange(len(words)), draw.randrange(len(words))
        kind = draw.randrange(4)
        if kind == 0:
            words[a], words[b] = words[b], words[a]
        elif kind == 1:
            words[a] = ""
        elif kind == 2:
            words[a] *= 2
        else:
            words[a] = words[b]
    return "".join(words)


def lines(draw: random.Random, content: str) -> str:
    """Swap, remove or repeat lines, or end in the middle of one."""
    parts = content.splitlines(keepends=True)
    a, b = draw.randrange(len(parts)), draw.randrange(len(parts))
    kind = draw.randrange(4)
    if kind == 0:
        parts[a], parts[b] = parts[b], parts[a]
    elif kind == 1:
        del parts[a]
    elif kind == 2:
        parts.insert(a, parts[b] * draw.choice((1, 2, 300)))
    else:
        return content[: _at(draw, content)]
    return "".join(parts)


def values(draw: random.Random, content: str) -> str:
    """Replace what follows a sign of equality, or an item of a list, by another value."""
    for _ in range(draw.choice((1, 1, 1, 2))):
        spot = draw.choice(list(re.finditer(r"(?<== )(\"[^\"\n]*\"|\[[^\n]*\]|\{[^\n]*\}|[\w.+-]+)", content)))
        content = content[: spot.start()] + toml_value(draw) + content[spot.end() :]
    return content


def keys(draw: random.Random, content: str) -> str:
    """Rename a key or a table, or add one."""
    spot = draw.choice(list(re.finditer(r"\b[a-z_]+\b(?= =|\])", content)))
    new = draw.choice(
        (quoted(text(draw)), "__proto__", "model_config", "validate", "self", "a.b.c", "name", "extends", "seeds")
    )
    if draw.random() < 0.3:
        return content[: spot.start()] + f"{new} = {toml_value(draw)}\n" + content[spot.start() :]
    return content[: spot.start()] + new + content[spot.end() :]


def names(draw: random.Random, content: str) -> str:
    """Give an experiment, the suite or a finalist another name, wherever it is named."""
    old = draw.choice(('"B b"', '"fuzz"', '"first"', '"plain"', "two", '"nowhere"'))
    return content.replace(old, quoted(text(draw)))


def deep(draw: random.Random, content: str) -> str:
    """Add nesting, or very much of something."""
    many = draw.choice((10, 1000, 20_000))
    return content + draw.choice(
        (
            f"[x]\ny = {nested(draw)}\n",
            f"[experiments.D]\nhidden_layers = {nested(draw)}\n",
            f"[experiments.D]\nhidden_layers = {[4] * many}\n",
            f"[experiments.D]\ngrid = {{ dropout = {[0.1] * min(many, 1000)}, l2 = {[0.1] * min(many, 1000)} }}\n",
            f"[experiments.D]\ngrid = {{ epochs = {list(range(1, many))}, l2 = {[k / many for k in range(many)]} }}\n",
            "".join(f"[experiments.D{k}]\n" for k in range(min(many, 300))),
            "[a" + ".a" * many + "]\n",
            f"# {'x' * many}\n",
        )
    )


def bytes_(draw: random.Random, content: str) -> bytes:
    """Break the encoding."""
    raw = content.encode(draw.choice(("utf-8", "utf-8-sig", "utf-16", "latin-1")))
    at = draw.randrange(len(raw))
    return raw[:at] + bytes(draw.randrange(256) for _ in range(draw.choice((0, 1, 3)))) + raw[at:]


def extends(draw: random.Random, content: str) -> str:
    """Extend another file, this one or none."""
    other = draw.choice((quoted(text(draw)), '"fuzz.toml"', '"base.toml"', '"."', '"/dev/zero"', '"images.npy"'))
    return content.replace("[suite]\n", f"[suite]\nextends = {other}\n", 1)


MUTATIONS = (characters, characters, tokens, tokens, lines, values, values, values, keys, names, deep, bytes_, extends)


def write_data(folder: Path) -> None:
    """Write 60 images of 4 × 4 pixels, of three classes that differ."""
    draw = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = draw.integers(0, 100, (60, 4, 4)) + 60 * labels[:, None, None]
    np.save(folder / "images.npy", images.astype(np.uint8))
    np.save(folder / "labels.npy", labels)


class Suites:
    """The fuzzer: each number is one mutated suite."""

    def __init__(self, server: Forks, folder: Path) -> None:
        self._server, self._folder = server, folder
        folder.mkdir(parents=True, exist_ok=True)
        write_data(folder)
        (folder / "base.toml").write_text('[suite]\nname = "base"\nextends = "fuzz.toml"\n')
        (folder / "fuzz.toml").write_text(SUITE)
        for command in ("plan", "run"):
            done = server.run(command, "fuzz.toml", "--jobs", "0", cwd=folder, limit=60, warm=True)
            assert done.code == 0, done

    def problems(self, number: int) -> list[str]:
        """Mutate, plan, and return what is wrong with the ending."""
        draw = random.Random(number)
        mutation = draw.choice(MUTATIONS)
        content = mutation(draw, SUITE)
        raw = content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
        (self._folder / "fuzz.toml").write_bytes(raw)
        arguments = ["fuzz.toml", "--jobs", "0", "--out", "runs/out"]
        problems = ending(self._server.run("plan", *arguments, cwd=self._folder))
        if not problems and mutation is names:
            out = f"runs/{number}"
            done = self._server.run("run", *arguments[:3], "--out", out, cwd=self._folder)
            problems = ending(done)
            if not problems and done.code in {0, 1}:
                for command in (
                    ("leaderboard", out),
                    ("leaderboard", out, "-f", "latex"),
                    ("verify", out),
                    ("runs", "runs"),
                ):
                    problems += ending(self._server.run(*command, cwd=self._folder))
        if not problems and number % REAL_EVERY == 0:
            problems = ending(really("plan", *arguments, cwd=self._folder))
        return problems
