"""The kernels' source as NVIDIA's own compiler sees it, for GPUs of the machines that matter, without one."""

import re

import pytest

from harness_array.kernels.module import source
from tests import nvrtc

pytestmark = pytest.mark.skipif(nvrtc.LIBRARY is None, reason="NVRTC is not installed: pip install nvidia-cuda-nvrtc")
OPTIONS = "-std=c++17", "-DREAL=float"


@pytest.mark.parametrize(
    ("architecture", "real"),
    [
        ("sm_90", "float"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [("sm_90", "double"), ("sm_80", "float"), ("sm_80", "double")]
        ),
    ],
)
def test_the_kernels_compile_for_the_gpu(architecture, real):
    """Without a warning, and each kernel is there by its plain name."""
    code, log = nvrtc.compiled(source(), architecture, "-std=c++17", f"-DREAL={real}")
    assert log.strip() == ""
    assert code.startswith(b"\x7fELF")
    names = re.findall(r"__global__ void (\w+)\(", source())
    assert len(names) >= 13
    assert [name for name in names if f".text.{name}\0".encode() not in code] == []


def test_a_mistake_is_found():
    """A name that CUDA does not have: that a test can fail."""
    with pytest.raises(nvrtc.CompileError, match='identifier "sqroot" is undefined'):
        nvrtc.compiled(source().replace("sqrtf(x)", "sqroot(x)"), "sm_90", *OPTIONS)
