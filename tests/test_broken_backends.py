"""The conformance kit passes backends that keep the contract, and says of others what a person needs."""

import re

import pytest

from tests.broken_plugins.broken_backends import NETWORKS
from tests.conformance_kit import failures

PASSING = ["correct", "softmax", "limited", "large_images"]
WHOLE = "correct or large_images"
SLOW = {
    "fresh_worker": "cannot_be_pickled or wrong_dtype or diverges",
    "synchronize_returns": "returns_early",
    "memory_does": "leaks_memory",
}
"""The tests that take their time, and the backends that they are about: the others are spared them."""
CHOSEN = f"{WHOLE} or not ({' or '.join(SLOW)})" + "".join(f" or {test} and ({name})" for test, name in SLOW.items())


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """Return the failures of every backend: its message by the name of the test."""
    folder = tmp_path_factory.mktemp("broken")
    return failures(folder, "broken_backends", {"backend": NETWORKS}, "-k", CHOSEN)


@pytest.mark.slow
@pytest.mark.parametrize("name", PASSING)
def test_a_backend_that_keeps_the_contract_passes(findings, name):
    """Limited ones too: keys that they decline are not tested, images that they decline are replaced."""
    assert findings[name] == {}


NO_STEPS = (
    r"expected an epoch at a learning rate of 0 that ends at the weights from which it starts; got the same "
    r"predictions after it from any weights: no gradient steps; contract: Network.train_epoch: a gradient step for each"
)
MISTAKES = [
    (
        "wrong_sign",
        "losses_and_gradients_agree_with_the_reference",
        r"expected \d\.\w+ to change by .* got .* \(all of it is -1 times the reference's\); contract: Network",
    ),
    (
        "forgets_the_last_batch",
        "uses_every_row_of_the_order_once",
        r"expected 5 steps of sizes \[16, 16, 16, 16, 7\]; got 4 of sizes \[16, 16, 16, 16\]; contract: Network",
    ),
    (
        "drops_out_in_prediction",
        "predicts_in_evaluation_mode",
        r"expected the same predictions twice: .* contract: Network.predict, in evaluation mode: dropout off",
    ),
    (
        "returns_early",
        "an_epoch_has_ended_when_synchronize_returns",
        r"to have ended when synchronize.. returns; got \d+% of its time .*: train_epoch returns early; contract:",
    ),
    (
        "predicts_early",
        "a_prediction_is_there_when_it_is_returned",
        r"expected values that stay; got \d+ of 65536 values that differ; contract: Network.predict returns when",
    ),
    (
        "leaks_memory",
        "memory_does_not_grow_over_epochs",
        r"got [\d,]+ KiB more after each, .* contract: Network.train_epoch and predict keep nothing of an epoch",
    ),
    (
        "augments_nothing",
        "trains_on_the_batches_that_it_is_given",
        r"expected the losses \[.*\]; got \[.*\]; contract: BatchTraining.train_batches does what train_epoch does",
    ),
    (
        "scales_batches_again",
        "trains_on_the_batches_that_it_is_given",
        r"expected the losses \[.*\]; got \[.*\]; contract: BatchTraining.train_batches does what train_epoch does",
    ),
    (
        "modifies_its_input",
        "leaves_what_it_is_given_as_it_was",
        r"expected images as they were attached; got \d+ of 2880 values that differ; contract: Network.attach",
    ),
    (
        "divides_vectors",
        "trains_on_channels_and_vectors",
        r"contract: Network.attach: uint8 .* is divided by 255, float32 is used as it is",
    ),
    (
        "channels_first",
        "trains_on_channels_and_vectors",
        r"contract: Network.attach: uint8 .* is divided by 255, float32 is used as it is",
    ),
    (
        "wrong_dtype",
        "returns_float32_log_probabilities",
        r"expected an array 'float32 \(4, 4\)'; got 'float64 \(4, 4\)'; contract: Network.predict returns float32",
    ),
    (
        "diverges",
        "losses_and_gradients_agree_with_the_reference",
        r"contract: Network.train_epoch: a step a batch, along the loss's gradient",
    ),
    (
        "cannot_be_pickled",
        "a_state_has_the_documented_arrays",
        r"expected a state that a run takes; got the backend's state has Local under '0.weight'; the",
    ),
    (
        "wrong_dtype",
        "trains_in_a_fresh_worker_process",
        r"the failure .the backend's predictions are float64 \(\d+, 4\); the contract says float32 \(\d+, 4\)",
    ),
    (
        "diverges",
        "trains_in_a_fresh_worker_process",
        r"expected a trained network in .*; got the failure 'diverged at epoch 1, step 2: the loss is nan'",
    ),
    (
        "hides_nan",
        "weights_that_are_nan_show",
        r"expected a loss of nan from weights that are nan; got \[0\.\]; contract: EpochStats.losses",
    ),
    (
        "cannot_be_pickled",
        "trains_in_a_fresh_worker_process",
        r"expected a trained network in this process; got .*the backend's state has Local under '0.weight'; the contr",
    ),
    (
        "ignores_keys",
        "honours_the_keys_that_it_does_not_decline",
        r"contract: NetworkSpec with l2 = 0.3. A backend that cannot honour 'l2' must declare it in unsupported",
    ),
    (
        "ignores_keys",
        "trains_with_the_optimizers_that_it_does_not_decline",
        r"A backend that cannot honour 'optimizer' must declare it in unsupported\(\)",
    ),
    (
        "ignores_the_loss",
        "honours_the_keys_that_it_does_not_decline",
        r"contract: NetworkSpec with loss = .*. A backend that cannot honour 'loss' must declare it in unsupported",
    ),
    (
        "ignores_class_weights",
        "honours_the_keys_that_it_does_not_decline",
        r"contract: NetworkSpec with class_weights = 'balanced'.* 'class_weights' must declare it in unsupported",
    ),
    (
        "ignores_clipping",
        "honours_the_keys_that_it_does_not_decline",
        r"contract: NetworkSpec with clip_norm = 0.05. A backend that cannot honour 'clip_norm' must declare it",
    ),
    (
        "refuses",
        "honours_the_keys_that_it_does_not_decline",
        r"contract: NetworkSpec with weight_decay = 0.3. A backend that cannot honour 'weight_decay' must declare",
    ),
    (
        "ignores_the_rate",
        "uses_the_learning_rate_that_it_is_given",
        r"\(all of it is 4 times the reference's\); contract: Network.train_epoch: each epoch's learning rate",
    ),
    (
        "forgets_the_rate_of_0",
        "a_rate_of_0_leaves_the_parameters_as_they_are",
        r"expected 0.weight as it was; got 330 of 360 values that differ; contract: Network.train_epoch at a rate of 0",
    ),
    (
        "rests_at_0",
        "a_rate_of_0_leaves_the_parameters_as_they_are",
        r"expected optimizer.velocity .* got 0 \(.*; contract: .* running statistics and moments move as ever",
    ),
    (
        "draws_on",
        "a_state_resumes_where_it_was_saved",
        r"expected the bits of 0.weight; .* contract: Network.load takes over .* here, after the next epoch",
    ),
    (
        "draws_on",
        "masks_do_not_depend_on_what_ran_before",
        r"expected the losses of a network that resumes to be .* contract: Dropout masks are drawn from \(seed, epoch",
    ),
    (
        "one_mask_an_epoch",
        "every_seed_epoch_and_step_has_other_masks",
        r"expected other masks at each \(seed, epoch, step\); got the same at \(42, 0, 0\) and \(42, 0, 1\): .* contr",
    ),
    (
        "one_mask_a_batch",
        "each_row_of_a_batch_has_another_mask",
        r"expected other units zeroed in each of two equal rows; got the same ones in both; contract: Dropout: each",
    ),
    (
        "ignores_the_seed",
        "every_seed_epoch_and_step_has_other_masks",
        r"got the same at \(42, 0, 0\) and \(43, 0, 0\): equal batches have equal losses; contract: Dropout masks",
    ),
    (
        "takes_any_layer",
        "builds_no_network_with_a_layer_kind_that_it_does_not_have",
        r"expected an error for the layer kind 'UnknownLayer'; got a network that trains without it; contract: ",
    ),
    (
        "lists_what_it_lacks",
        "predicts_in_evaluation_mode",
        r"KeyError: '1.weight'\ncontract: NetworkSpec with batch_norm = True. A backend that cannot honour",
    ),
    (
        "lists_what_it_lacks",
        "honours_the_keys_that_it_does_not_decline",
        r"KeyError: '1.weight'\ncontract: NetworkSpec with activation = 'relu', batch_norm = True",
    ),
    ("solves", "losses_and_gradients_agree_with_the_reference", NO_STEPS),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "test", "message"), MISTAKES)
def test_a_broken_backend_is_caught_and_the_fault_is_named(findings, name, test, message):
    """What was expected, what came, and which clause of the contract says so."""
    assert re.search(message, findings[name][f"test_{test}"])


@pytest.mark.slow
def test_of_a_backend_that_solves_for_its_weights_every_failure_says_so(findings):
    """And of no other: forty tests that compare steps with the reference's would each be a riddle."""
    solvers = {name for name, failures in findings.items() for text in failures.values() if re.search(NO_STEPS, text)}
    assert solvers == {"solves"}
    assert len(findings["solves"]) > 5
    assert all(re.search(NO_STEPS, text) for test, text in findings["solves"].items() if "batches_that" not in test)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({name for name, _, _ in MISTAKES}))
def test_the_first_failure_names_the_fault(findings, name):
    """``pytest -x`` shows no other: a test runs before those that presuppose what it tests."""
    assert next(iter(findings[name])) in {f"test_{test}" for other, test, _ in MISTAKES if other == name}


def test_every_broken_backend_has_its_mistake():
    """No broken backend is without a test."""
    assert {name for name, _, _ in MISTAKES} == set(NETWORKS) - set(PASSING)
