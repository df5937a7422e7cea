"""What a backend declares."""

from collections.abc import Mapping
from typing import Any

from harness.conformance.backend_base import BackendTests
from harness.conformance.bench import SEED, Bench
from harness.conformance.clauses import accepted, broken, require, require_equal
from harness.conformance.recipes import ACTIVATIONS, RULES, UnknownLayer, with_unknown_layer
from harness.interfaces import INTERFACE_VERSION, kinds_of
from harness.plugins.layer_kinds import layer_kinds
from harness.seeding import initial_state
from harness.suite.models import Experiment
from harness.trial.declared import read_facts

_VARIED: list[dict[str, Any]] = [
    {},
    *({"activation": name} for name in ACTIVATIONS),
    {"hidden_layers": []},
    {"batch_norm": True},
    {"dropout": 0.5},
    {"gradient": "sum"},
    {"l2": 0.1},
    {"weight_decay": 0.1},
    {"loss": "focal"},
    {"class_weights": "balanced"},
    {"clip_norm": 0.1},
]


class Declarations(BackendTests):
    """Interface version, layer kinds, keys, devices, environment."""

    def test_was_written_for_this_interface(self, bench: Bench) -> None:
        """Backend.interface is the `INTERFACE_VERSION` that it was written for."""
        require_equal(bench.backend.interface, INTERFACE_VERSION, "Backend.interface", "the version")

    def test_says_why_it_cannot_run_on_a_device_that_is_not_there(self, bench: Bench) -> None:
        """Backend.unavailable returns a reason in one line; it does not raise."""
        clause = "Backend.unavailable returns why it cannot run on a device, in one line"
        reason = bench.backend.unavailable("nosuchdevice")
        require(isinstance(reason, str) and reason.strip(), clause, "a reason for 'nosuchdevice'", repr(reason))
        require("\n" not in str(reason), clause, "one line", repr(reason))

    def test_names_the_devices_that_it_trains_on(self, bench: Bench) -> None:
        """Backend.devices returns devices that `unavailable` has no objection to."""
        clause = "Backend.devices returns the devices here that a name may mean"
        devices = list(bench.backend.devices(bench.device))
        require(devices and all(isinstance(device, str) for device in devices), clause, "names of devices", devices)
        for device in devices:
            require_equal(bench.backend.unavailable(device), None, clause, f"unavailable({device!r}) to be")

    def test_reports_its_environment(self, bench: Bench) -> None:
        """Backend.environment returns texts by name, ``device`` among them."""
        clause = "Backend.environment returns versions and the device's name"
        facts = bench.backend.environment(bench.device)
        require(isinstance(facts, Mapping), clause, "a mapping", type(facts).__name__)
        texts = all(isinstance(key, str) and isinstance(value, str) for key, value in facts.items())
        require(texts, clause, "texts by name", facts)
        known = accepted(clause, "facts that a run takes", read_facts, facts)
        require_equal(dict(facts), known, clause, "texts of one line without control characters, 300 at most:")
        require("device" in facts, clause, "the key 'device'", f"the keys {sorted(facts)}")

    def test_declares_whether_it_is_deterministic(self, bench: Bench) -> None:
        """Backend.deterministic returns True or False."""
        answer = bench.backend.deterministic(bench.device)
        clause = "Backend.deterministic says whether equal inputs give equal bits"
        require(isinstance(answer, bool), clause, "True or False", repr(answer))

    def test_says_which_layer_kinds_it_has(self, bench: Bench) -> None:
        """Backend.layers contains layer classes; a backend without it has those of interface 1."""
        accepted("Backend.layers names the layer kinds that it has", "layer classes", layer_kinds, bench.backend)

    def test_builds_no_network_with_a_layer_kind_that_it_does_not_have(self, bench: Bench) -> None:
        """Backend.build refuses a layer of a kind that it does not have: it never trains without it."""
        clause = "Backend.build raises for a layer kind that is not among Backend.layers, or unsupported() names a key"
        spec, rule = with_unknown_layer(bench.plain.spec(bench.data)), bench.plain.rule
        try:
            if bench.backend.unsupported(spec, rule.bound(spec)):
                return
            network = bench.backend.build(spec, initial_state(spec, SEED), rule.bound(spec), bench.context())
            network.attach(bench.data.features, bench.data.labels)
            network.train_epoch(0, bench.batches(1)[0], rule.rate)
        except Exception:  # noqa: BLE001 - whatever it raises, no network has trained without the layer
            return
        broken(clause, f"an error for the layer kind '{UnknownLayer.__name__}'", "a network that trains without it")

    def test_unsupported_names_keys_of_an_experiment(self, bench: Bench) -> None:
        """Backend.unsupported returns a list of keys as a suite writes them, for any experiment."""
        clause = "Backend.unsupported returns the keys of the experiment that it cannot honour"
        known = sorted({*Experiment.model_fields, "classes", "input_shape"})
        recipes = [bench.plain.varied(**keys) for keys in _VARIED]
        kinds = layer_kinds(bench.backend)
        for recipe in [*recipes, *(bench.plain.varied(rule) for rule in RULES.values())]:
            spec = recipe.spec(bench.data)
            if not set(kinds_of(spec.layers)) <= set(kinds):
                continue  # it is not asked
            named = bench.backend.unsupported(spec, recipe.rule.bound(spec))
            require(isinstance(named, list), clause, "a list", f"{type(named).__name__} {named!r}")
            for key in named:
                require(key in known, clause, f"keys among {', '.join(known)}", repr(key))
