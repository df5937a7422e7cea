"""The conformance kit catches backends that write into what they are given, or return what cannot be."""

import re

import pytest

from tests.broken_plugins.dishonest import NETWORKS
from tests.conformance_kit import failures

GIVEN = "leaves_what_it_is_given_as_it_was"
PREDICTS = "returns_float32_log_probabilities"
STATISTICS = "statistics_have_the_types_of_the_contract"
STATE = "a_state_has_the_documented_arrays"
LABELS = "needs_no_label_but_those_of_its_order"
SUM = r"expected predictions that a run takes; got the backend's probabilities of row 0 of 4 sum to .* contract: Netw"
FOUND = {
    "writes_into_rows": (GIVEN, "expected the order as it was handed; got"),
    "writes_into_the_order": (GIVEN, "expected the order as it was handed; got"),
    "writes_into_labels": (GIVEN, "expected labels as they were attached; got"),
    "writes_into_images": (GIVEN, "expected images as they were attached; got"),
    "writes_into_test_images": (
        GIVEN,
        r"expected test images as they were handed; got .* contract: Network.predict_im",
    ),
    "reads_beyond_its_order": (LABELS, "IndexError(.|\n)*contract: Network.attach: labels are those of the rows"),
    "one_hot_encodes_all": (LABELS, "IndexError(.|\n)*contract: Network.attach: labels are those of the rows"),
    "returns_logits": (PREDICTS, SUM),
    "returns_probabilities": (PREDICTS, SUM),
    "returns_zeros": (PREDICTS, SUM),
    "returns_infinity": (PREDICTS, SUM),
    "nan_beside_the_truth": (PREDICTS, "got diverged: NaN among the log-probabilities of row 0 of 4"),
    "test_logits": (PREDICTS, r"sum to 2\.71828; .* contract: Network.predict_images"),
    "counts_too_many": (STATISTICS, "the number of rows right is 1000000; .* contract: EpochStats"),
    "counts_in_fractions": (STATISTICS, r"the number of rows right is \d+\.5; .* contract: EpochStats"),
    "complex_losses": (STATISTICS, "got the backend's losses are complex128"),
    "object_losses": (STATISTICS, "got the backend's losses are object"),
    "integer_losses": (STATISTICS, "got the backend's losses are int64"),
    "negative_losses": (STATISTICS, "a cross-entropy is not negative"),
    "uneven_sizes": (STATISTICS, "step 1 of 3 has 17 rows; the contract says 16"),
    "peak_in_words": (STATISTICS, "peak_device_bytes is 'plenty'"),
    "aliases_its_state": ("a_state_is_a_copy", "contract: Network.state returns a copy"),
    "forgets_to_load": ("a_state_resumes_where_it_was_saved", "contract: Network.load takes over a state"),
    "state_keys": (STATE, "expected the keys .*; got .*'allow_pickle', 'file'"),
    "state_key_of_a_path": (STATE, "has the key '../weight'; a key is printable"),
    "state_key_of_no_text": (STATE, r"has the key 'weight\\udc80'; a key is printable"),
    "huge_state": (STATE, "numbers; a network of this size may have"),
    "placement_of_its_own": ("says_where_the_images_are", "expected 'stream' or 'resident'; got the network's"),
    "launch_of_its_own": ("says_how_steps_are_launched", "expected 'graph', 'eager' or None; got the network's"),
    "speaks_in_escapes": ("reports_its_environment", "contract: Backend.environment returns versions"),
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """Return the failures of every backend: its message by the name of the test."""
    tests = " or ".join({test for test, _ in FOUND.values()})
    return failures(tmp_path_factory.mktemp("dishonest"), "dishonest", {"backend": NETWORKS}, "-k", tests)


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUND)
def test_a_dishonest_backend_is_not_certified(findings, name):
    """What was expected, what came, and which clause of the contract says so."""
    test, message = FOUND[name]
    assert re.search(message, findings[name][f"test_{test}"])


def test_every_dishonest_backend_is_tested():
    """None is there for nothing."""
    assert set(FOUND) == set(NETWORKS)
