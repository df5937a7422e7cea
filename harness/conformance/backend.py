"""What a backend must do to be certified."""

from harness.conformance.backend_arguments import Arguments
from harness.conformance.backend_batches import BatchSteps
from harness.conformance.backend_data import OtherData
from harness.conformance.backend_declarations import Declarations
from harness.conformance.backend_dropout import Masks
from harness.conformance.backend_gradients import InputGradients
from harness.conformance.backend_honesty import Honesty
from harness.conformance.backend_images import Images
from harness.conformance.backend_kinds import LayerKinds
from harness.conformance.backend_prediction import Prediction
from harness.conformance.backend_state import Saving
from harness.conformance.backend_training import Training


class BackendConformance(
    Honesty,
    OtherData,
    LayerKinds,
    InputGradients,
    Masks,
    Images,
    BatchSteps,
    Saving,
    Training,
    Prediction,
    Arguments,
    Declarations,
):
    """Tests of a backend beside the NumPy reference; keys that `unsupported` names are skipped.

    pytest runs those of the last base first: what is most basic, which the tests of the bases before it presuppose.
    """
