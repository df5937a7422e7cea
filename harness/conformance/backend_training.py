"""How a backend trains: gradients, rows, keys, rates."""

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from harness.conformance.backend_base import BackendTests
from harness.conformance.bench import Bench
from harness.conformance.clauses import (
    accepted,
    declare,
    explained,
    honoured,
    require,
    require_close,
    require_equal,
    require_same,
)
from harness.conformance.gradient_steps import gradient_steps
from harness.conformance.recipes import ACTIVATIONS, RULES
from harness.interfaces import Precision, ReducedPrecision, implements
from harness.trial.inputs import training_labels
from harness.trial.outputs import array_type, read_stats
from harness.trial.schedules import CosineAnnealing

KEYS: dict[str, dict[str, Any]] = {
    **{name: {"activation": name} for name in ACTIVATIONS},
    **{f"batch_norm-{name}": {"activation": name, "batch_norm": True} for name in ACTIVATIONS},
    "no-hidden-layers": {"hidden_layers": []},
    "one-hidden-layer": {"hidden_layers": [12]},
    "mean": {"gradient": "mean"},
    "sum": {"gradient": "sum"},
    "l2": {"l2": 0.3},
    "weight_decay": {"weight_decay": 0.3},
    "l2-weight_decay": {"l2": 0.2, "weight_decay": 0.1},
    "label_smoothing": {"loss": {"name": "cross_entropy", "label_smoothing": 0.2}},
    "focal": {"loss": "focal"},
    "third-party-loss": {"loss": "foreign"},
    "class_weights": {"class_weights": "balanced"},
    "class_weights-sum": {"class_weights": "balanced", "gradient": "sum"},
    "focal-class_weights": {"loss": "focal", "class_weights": "balanced"},
    "clip_norm": {"clip_norm": 0.05},
    "clip_norm-l2-weight_decay": {"clip_norm": 0.05, "l2": 0.2, "weight_decay": 0.1},
}


class Training(BackendTests):
    """`Network.train_epoch`, each epoch begun from the state of the reference."""

    def test_losses_and_gradients_agree_with_the_reference(self, bench: Bench) -> None:
        """Network.train_epoch descends along the gradient of the mean (or summed) cross-entropy."""
        clause = "Network.train_epoch: a step a batch, along the loss's gradient, its loss taken before the update."
        bench.check_steps(bench.plain, bench.batches(), clause)

    @pytest.mark.parametrize("name", KEYS)
    def test_honours_the_keys_that_it_does_not_decline(self, bench: Bench, name: str) -> None:
        """NetworkSpec says what is built and trained; Backend.unsupported names what is not honoured."""
        recipe = bench.supported(bench.plain.varied(**KEYS[name]))
        bench.check_steps(recipe, bench.batches(), honoured(KEYS[name]))

    @pytest.mark.parametrize("name", RULES)
    def test_trains_with_the_optimizers_that_it_does_not_decline(self, bench: Bench, name: str) -> None:
        """Backend.build is given an optimizer: any rule, with its own options and state."""
        recipe = bench.supported(bench.plain.varied(RULES[name]))
        clause = f"Backend.build trains with the optimizer that it is given, here {recipe.rule.optimizer!r}."
        bench.check_steps(recipe, bench.batches(), clause + declare("optimizer"))

    @pytest.mark.parametrize("precision", [name for name in get_args(Precision) if name not in {"float32", "float64"}])
    def test_trains_in_the_precisions_that_it_names(self, bench: Bench, precision: Precision) -> None:
        """ReducedPrecision.precisions: products are rounded, parameters and everything else stay float32."""
        backend: object = bench.backend
        if not implements(backend, ReducedPrecision) or precision not in backend.precisions:
            pytest.skip(f"it does not offer {precision}")
        clause = f"ReducedPrecision.precisions with {precision}: float32 but for the products, which are rounded"
        order = np.concatenate(bench.batches(1))
        networks = bench.build(bench.plain), bench.build(bench.plain, precision=precision)
        exact, rounded = (network.train_epoch(0, order, bench.plain.rate).losses for network in networks)
        require_close(rounded, exact, 0.02, clause, "the loss of a step in float32")
        require(not np.array_equal(rounded, exact), clause, "another loss than that of float32", "the same")
        for key, value in networks[1].state().items():
            if value.dtype.kind == "f":
                require_equal(str(value.dtype), "float32", clause, f"the type of {key}")

    def test_uses_every_row_of_the_order_once(self, bench: Bench) -> None:
        """Network.train_epoch trains on every row of ``order``, in that order, the last smaller batch too."""
        batch = bench.plain.batch
        order = np.concatenate(bench.batches())[: 4 * batch + 7]
        clause = "Network.train_epoch: every row of the order once, in that order, the last smaller batch included"
        wanted = [batch] * 4 + [7]
        stats = bench.build(bench.plain).train_epoch(0, order, bench.plain.rate)
        sizes = np.asarray(stats.sizes).tolist()
        require(sizes == wanted, clause, f"{len(wanted)} steps of sizes {wanted}", f"{len(sizes)} of sizes {sizes}")
        calm = bench.plain.rate / 5  # several steps in one epoch drift apart by rounding: less so at a low rate
        bench.check_steps(bench.plain, [order, order[::-1].copy(), order[: batch + 1]], clause, [calm] * 3)

    def test_needs_no_label_but_those_of_its_order(self, bench: Bench) -> None:
        """Network.attach is given the labels of training rows; those of all others are `WITHHELD`."""
        clause = "Network.attach: labels are those of the rows that orders name, and WITHHELD for all others"
        order = np.concatenate(bench.batches(3))
        predictions = []
        for labels in (bench.data.labels, training_labels(bench.data.labels, order)):
            with explained(clause):
                network = bench.build(bench.plain, replace(bench.data, labels=labels))
                network.train_epoch(0, order, bench.plain.rate)
                predictions.append(network.predict(np.arange(len(labels), dtype=np.int64)))
        whole, withheld = predictions
        require_close(withheld, whole, 1e-4, clause, "as with the labels of all rows, the log-probability of")

    def test_a_smaller_batch_is_not_rescaled(self, bench: Bench) -> None:
        """NetworkSpec: a last, smaller batch's gradient is the mean (or sum) of the rows in it."""
        orders = [batch[:5] for batch in bench.batches(3)]
        bench.check_steps(bench.plain, orders, "NetworkSpec.gradient: a last, smaller batch is not rescaled")

    def test_a_batch_may_lack_a_class(self, bench: Bench) -> None:
        """Network.train_epoch takes any rows: the classes are those of the spec, not those of a batch."""
        rows, batch = np.flatnonzero(bench.data.labels % 2 == 1), bench.plain.batch
        clause = "NetworkSpec.classes is that of every batch, even of one that lacks a class"
        bench.check_steps(bench.plain, [rows[:batch], rows[batch : 2 * batch]], clause)

    def test_uses_the_learning_rate_that_it_is_given(self, bench: Bench) -> None:
        """Network.train_epoch is given each epoch's rate: schedules belong to the core."""
        clause = "Network.train_epoch: each epoch's learning rate is the one that it is given"
        rates = [bench.plain.rate * factor for factor in (1.0, 0.25, 2.0)]
        bench.check_steps(bench.plain, bench.batches(3), clause, rates)

    def test_warms_up_and_decays_by_the_rates_of_a_schedule(self, bench: Bench) -> None:
        """Network.train_epoch is given the rates of a warm-up, too: they rise before they fall."""
        clause = "Network.train_epoch: each epoch's learning rate is the one that it is given, in a warm-up too"
        schedule = CosineAnnealing(name="cosine", warmup=2)
        rates = [schedule.rate(bench.plain.rate, epoch, 5) for epoch in range(5)]
        bench.check_steps(bench.plain, bench.batches(5), clause, rates)

    def test_a_rate_of_0_leaves_the_parameters_as_they_are(self, bench: Bench) -> None:
        """Network.train_epoch may be given a rate of 0, which a schedule may end with: all else goes on."""
        clause = "Network.train_epoch at a rate of 0: parameters stay, running statistics and moments move as ever"
        recipe = bench.stateful()
        network = bench.build(recipe)
        before = network.state()
        network.train_epoch(0, bench.batches(1)[0], 0.0)
        after = network.state()
        with gradient_steps(bench):
            for block in recipe.spec(bench.data).parameters():
                require_same(after[block.key], before[block.key], clause, f"{block.key} as it was")
        bench.check_steps(recipe, bench.batches(2), clause, [0.0, recipe.rate])

    def test_statistics_have_the_types_of_the_contract(self, bench: Bench) -> None:
        """EpochStats: ``losses`` float64 and ``sizes`` of whole numbers, a value a step; ``correct`` a whole number."""
        stats = bench.build(bench.plain).train_epoch(0, np.concatenate(bench.batches(3)), bench.plain.rate)
        clause = "EpochStats: losses (steps,) float64, sizes (steps,) whole numbers, correct a whole number"
        batch = bench.plain.batch
        accepted(clause, "statistics that a run takes", read_stats, stats, 3 * batch, batch, 0)
        for name, kind in (("losses", "f8"), ("sizes", "i8")):
            values = getattr(stats, name)
            fits = isinstance(values, np.ndarray) and values.shape == (3,) and values.dtype.kind == kind[0]
            right = fits and (kind[0] == "i" or values.dtype == np.float64)
            require(right, clause, f"{name} {kind} (3,)", array_type(values))
        require(isinstance(stats.correct, int | np.integer), clause, "a whole number", type(stats.correct).__name__)
