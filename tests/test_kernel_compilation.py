"""The kernels' source as NVIDIA's own compiler sees it, for GPUs of the machines that matter, without one."""

import re

import pytest

from harness_array.kernels.module import COLUMNS, LANES, THREADS, source
from tests import cubin, nvrtc

pytestmark = pytest.mark.skipif(nvrtc.LIBRARY is None, reason="NVRTC is not installed: pip install nvidia-cuda-nvrtc")
OPTIONS = "-std=c++17", "-ftz=true", "--device-as-default-execution-space"
"""`harness_array.kernels.module`'s and those that CuPy adds: numbers below 1.2e-38 are 0 on the device."""
REGISTERS, SHARED = 65_536, 48 << 10
"""Of a multiprocessor, of any architecture since 2014; bytes that a block has without asking for more."""


@pytest.mark.parametrize(
    ("architecture", "real"),
    [
        ("sm_90", "float"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [
                ("sm_90", "double"), ("sm_80", "float"), ("sm_80", "double"), ("sm_75", "double"), ("sm_120", "float"),
            ]
        ),
    ],
)  # fmt: skip
def test_the_kernels_compile_for_the_gpu(architecture, real):
    """Without a warning; each kernel is there by its plain name, and a block of it finds what it needs."""
    code, log = nvrtc.compiled(source(), architecture, f"-DREAL={real}", *OPTIONS)
    assert log.strip() == ""
    assert code.startswith(b"\x7fELF")
    names = re.findall(r"__global__ void (\w+)\(", source())
    assert len(names) >= 13
    used = cubin.needs(code)
    assert set(used) == set(names)
    threads = max(THREADS, COLUMNS * LANES)
    assert {name: needs for name, needs in used.items() if needs.registers * threads > REGISTERS} == {}
    assert {name: needs for name, needs in used.items() if needs.shared > SHARED or needs.stack} == {}
    assert used["squares"].shared >= 256 * 8  # its array of doubles


@pytest.mark.slow
def test_what_has_no_register_is_found():
    """With sixteen for a thread the rest is in local memory: that a test can fail."""
    code, _ = nvrtc.compiled(source(), "sm_90", "-DREAL=double", *OPTIONS, "--maxrregcount=16")
    used = cubin.needs(code)
    assert max(needs.stack for needs in used.values()) > 0
    assert used["squares"].registers < 30


def test_a_mistake_is_found():
    """A name that CUDA does not have: that a test can fail."""
    with pytest.raises(nvrtc.CompileError, match='identifier "sqroot" is undefined'):
        nvrtc.compiled(source().replace("sqrtf(x)", "sqroot(x)"), "sm_90", "-DREAL=float", *OPTIONS)


def test_the_source_is_ascii():
    """CuPy writes it to a file in the locale's encoding, which on Windows has no Greek."""
    assert source().isascii()
