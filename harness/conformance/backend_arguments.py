"""What a network does with its arguments: it leaves them as they were, and says where they are."""

from pathlib import Path

import numpy as np

from harness.conformance.backend_base import BackendTests
from harness.conformance.bench import Bench
from harness.conformance.clauses import accepted, require_same
from harness.trial.declared import read_launch, read_placement
from harness.trial.inputs import as_given


class Arguments(BackendTests):
    """`Network.attach`, with the first steps and predictions."""

    def test_leaves_what_it_is_given_as_it_was(self, bench: Bench, tmp_path: Path) -> None:
        """Network.attach is given the cache's memory map, which all workers share; an order is the core's.

        A run hands them over read-only. Here they can be written to, so that a change shows as such.
        """
        clause = "Network.attach, train_epoch and predict do not modify images, labels or order"
        np.save(tmp_path / "images.npy", bench.data.features)
        images = np.load(tmp_path / "images.npy", mmap_mode="c")  # copy on write
        labels, order = bench.data.labels.copy(), np.concatenate(bench.batches(3))
        rows = order.copy()
        network = bench.unattached(bench.plain)
        network.attach(np.asarray(images), labels)
        network.train_epoch(0, order, bench.plain.rate)
        network.predict(order)
        scaled = as_given(bench.data.features[order])
        shown = scaled.copy()
        network.predict_images(shown)
        network.close()
        require_same(np.asarray(images), bench.data.features, clause, "images as they were attached")
        require_same(labels, bench.data.labels, clause, "labels as they were attached")
        require_same(order, rows, clause, "the order as it was handed")
        clause = "Network.predict_images does not modify its images: every network that is tested shares them"
        require_same(shown, scaled, clause, "test images as they were handed")

    def test_says_where_the_images_are(self, bench: Bench) -> None:
        """Network.placement is ``stream`` or ``resident``, valid after `attach`."""
        network = bench.build(bench.plain)
        accepted("Network.placement", "'stream' or 'resident'", read_placement, network)

    def test_says_how_steps_are_launched(self, bench: Bench) -> None:
        """Network.launch, where there is one, is ``graph``, ``eager`` or None, after `attach` and after an epoch."""
        network = bench.build(bench.plain)
        accepted("Network.launch", "'graph', 'eager' or None", read_launch, network)
        network.train_epoch(0, bench.batches(1)[0], bench.plain.rule.rate)
        accepted("Network.launch", "'graph', 'eager' or None", read_launch, network)
