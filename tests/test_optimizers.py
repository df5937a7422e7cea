"""Every built-in update rule against torch.optim, and its native form in the array backend against its generic one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.optimizers import SGD, Adam, AdamW
from harness.plugins.components import OWN
from harness.plugins.loading import registry
from harness_array.devices import Host
from harness_array.updates import GenericUpdate, update_for

CASES = {
    "sgd": (SGD(), "SGD", {}),
    "sgd, momentum": (SGD(momentum=0.9), "SGD", {"momentum": 0.9}),
    "sgd, nesterov": (SGD(momentum=0.8, nesterov=True), "SGD", {"momentum": 0.8, "nesterov": True}),
    "adam": (Adam(), "Adam", {}),
    "adam, betas": (Adam(betas=(0.5, 0.9), eps=1e-4), "Adam", {"betas": (0.5, 0.9), "eps": 1e-4}),
    "adam, no first moment": (Adam(betas=(0.0, 0.999)), "Adam", {"betas": (0.0, 0.999)}),
    "adamw": (AdamW(), "AdamW", {"weight_decay": 0.01}),
    "adamw, strong": (AdamW(weight_decay=0.3), "AdamW", {"weight_decay": 0.3}),
}


def gradients(steps, size, seed=0):
    return np.random.default_rng(seed).standard_normal((steps, size))


def test_every_builtin_has_a_case():
    """The table above covers all optimizers that the core registers."""
    assert {type(rule) for rule, _, _ in CASES.values()} == {
        component.load()
        for component in registry().components
        if (component.kind, component.distribution) == ("optimizer", OWN)
    }


@pytest.mark.parametrize("name", CASES)
def test_update_matches_torch(name):
    """Thirty steps from the same start, at a changing rate, agree with torch.optim in float64."""
    torch = pytest.importorskip("torch")
    rule, torch_name, options = CASES[name]
    start = gradients(1, 7, seed=1)[0]
    parameter = torch.nn.Parameter(torch.tensor(start))
    theirs = getattr(torch.optim, torch_name)([parameter], lr=0.1, **options)
    ours, state = start.copy(), rule.init(start)
    for step, gradient in enumerate(gradients(30, 7)):
        rate = 0.1 / (1 + step)
        theirs.param_groups[0]["lr"] = rate
        parameter.grad = torch.tensor(gradient)
        theirs.step()
        ours, state = rule.update(ours, gradient, state, rate)
        np.testing.assert_allclose(ours, parameter.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_serves_torch_tensors_and_a_leading_axis_of_trials(name):
    """The same rule on a torch tensor, and on several trials at once, gives what it gives one NumPy vector."""
    torch = pytest.importorskip("torch")
    rule, _, _ = CASES[name]
    vector, stack = gradients(1, 5, seed=1)[0], gradients(3, 5, seed=2)
    states = [rule.init(array) for array in (vector, torch.tensor(vector), stack)]
    results = [vector, torch.tensor(vector), stack]
    singles = list(stack)
    single_states = [rule.init(single) for single in singles]
    for gradient in gradients(5, 5):
        for index, convert in enumerate((np.asarray, torch.tensor, np.asarray)):
            results[index], states[index] = rule.update(results[index], convert(gradient), states[index], 0.01)
        for index in range(3):
            singles[index], single_states[index] = rule.update(singles[index], gradient, single_states[index], 0.01)
    np.testing.assert_allclose(results[1].numpy(), results[0], rtol=1e-12)
    np.testing.assert_array_equal(results[2], np.stack(singles))


@pytest.mark.parametrize("name", CASES)
def test_inputs_stay_as_they_were_and_dtypes_are_kept(name):
    """An update modifies no argument, and float32 stays float32, in parameters and state alike."""
    rule, _, _ = CASES[name]
    parameters, gradient = (gradients(1, 6, seed=s)[0].astype(np.float32) for s in (1, 2))
    state = rule.init(parameters)
    before = [array.copy() for array in (parameters, gradient, *state.values())]
    updated, after = rule.update(parameters, gradient, state, 0.1)
    for was, now in zip(before, (parameters, gradient, *state.values()), strict=True):
        np.testing.assert_array_equal(was, now)
    assert updated.dtype == np.float32
    assert updated.shape == parameters.shape
    assert {key: value.dtype for key, value in after.items()} == {key: value.dtype for key, value in state.items()}


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=20)
@given(size=st.integers(1, 200), block=st.integers(1, 64), steps=st.integers(1, 6))
def test_native_form_matches_generic_form(name, size, block, steps):
    """In-place and block by block, whatever the blocks, is the same rule; its state travels both ways."""
    rule, _, _ = CASES[name]
    device = Host()
    device.update_block = block
    native_parameters = gradients(1, size, seed=3)[0]
    generic_parameters = native_parameters.copy()
    native = update_for(device, rule, native_parameters)
    generic = GenericUpdate(device, rule, generic_parameters)
    assert not isinstance(native, GenericUpdate)
    for gradient in gradients(steps, size):
        native.step(native_parameters, gradient.copy(), 0.05)
        generic.step(generic_parameters, gradient.copy(), 0.05)
    np.testing.assert_allclose(native_parameters, generic_parameters, rtol=1e-11, atol=1e-13)
    assert native.state().keys() == generic.state().keys()
    for key, value in native.state().items():
        np.testing.assert_allclose(value, generic.state()[key], rtol=1e-11, atol=1e-13)
        assert np.asarray(value).dtype == np.asarray(generic.state()[key]).dtype
    native.load(generic.state())
    native.step(native_parameters, gradients(1, size)[0], 0.05)


def test_adam_corrects_its_bias_in_float32_without_cancellation():
    """At step 1 the second moment's correction is 0.001, not what float32 leaves of 1 - 0.999: off by 1e-5."""
    start = np.zeros(1, dtype=np.float32)
    gradient = np.full(1, 1e-6, dtype=np.float32)
    updated, _ = Adam().update(start, gradient, Adam().init(start), 1.0)
    assert updated[0] == pytest.approx(-1e-6 / (1e-6 + 1e-8), rel=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(momentum=1.0), r"momentum: 1\.0 is not in \[0, 1\)"),
        (lambda: SGD(nesterov=True), "nesterov: needs a momentum above 0"),
        (lambda: Adam(betas=(0.9, -0.1)), r"betas: -0\.1 is not in \[0, 1\)"),
        (lambda: Adam(eps=0.0), r"eps: 0\.0 is not above 0"),
        (lambda: AdamW(weight_decay=-1.0), r"weight_decay: -1\.0 is negative"),
    ],
)
def test_impossible_options_are_refused(make, message):
    """The factory names the option and the value."""
    with pytest.raises(ValueError, match=message):
        make()
