"""What an optimizer returns, verified before anything trains: in plans, runs and the conformance kit."""

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

import numpy as np

from harness.descent import for_blocks
from harness.errors import HarnessError, shown
from harness.interfaces import Parameter
from harness.plugins.foreign import foreign

RETURNS = "(parameters, state): the new parameters, of their shape, and the dict of the state's arrays, of their shapes"
"""What the contract says that an update returns."""
_BLOCKS = (Parameter("0.weight", (2, 2), 0, is_weight=True), Parameter("0.bias", (2,), 4, is_weight=False))
_RATE = 0.01
_UPDATE = ("parameters", "gradients", "state", "learning_rate")
_ARGUMENTS = {"init": _UPDATE[:1], "update": _UPDATE, "update_blocks": (*_UPDATE, "blocks")}


def check_rule(rule: Any, name: str) -> None:
    """Refuse an optimizer that does not return what the contract says, after one step on six parameters of NumPy's.

    An error that it raises is not this function's: a rule of one array library is refused by the conformance kit alone.

    Raises:
        HarnessError: a method is missing or returns something else; ``name`` says whose: ``"optimizer 'lion' (…)"``.
    """
    update = "update_blocks" if hasattr(rule, "update_blocks") else "update"
    for method in ("init", update):
        if not callable(getattr(rule, method, None)):
            msg = f"{name} has no {method}(); the contract says init(parameters) and update(…), which returns {RETURNS}"
            raise HarnessError(msg)
        if not _takes(getattr(rule, method), _ARGUMENTS[method]):
            given = ", ".join(_ARGUMENTS[method])
            msg = f"{name}: {method}() does not take what it is given; the contract says ({given})"
            raise HarnessError(msg)
    parameters = np.linspace(-1.0, 1.0, _BLOCKS[-1].stop, dtype=np.float32)
    bound = for_blocks(rule, _BLOCKS)
    try:
        with foreign(), np.errstate(all="ignore"):
            state: Any = bound.init(parameters.copy())
    except NotImplementedError:
        state = NotImplemented
    except Exception:  # noqa: BLE001 - a foreign rule may raise anything: what it raises in training is reported there
        return
    if not isinstance(state, dict):
        msg = (
            f"{name}: init() {_gave(state)}; the contract says a dict of arrays by name, empty where there is no state"
        )
        raise HarnessError(msg)
    before = {key: np.shape(value) for key, value in state.items()}
    try:
        with foreign(), np.errstate(all="ignore"):
            returned: Any = bound.update(parameters.copy(), parameters.copy(), state, _RATE)
    except NotImplementedError:
        returned = NotImplemented
    except Exception:  # noqa: BLE001 - as above
        return
    wrong = _wrong(returned, parameters.shape, before)
    if wrong:
        msg = f"{name}: {update}() {wrong}; the contract says {RETURNS}"
        raise HarnessError(msg)


def _takes(method: Any, arguments: Sequence[str]) -> bool:
    """Return whether a method can be called with that number of arguments, True where it does not say."""
    try:
        bound = signature(method)
    except (TypeError, ValueError):
        return True
    try:
        bound.bind(*arguments)
    except TypeError:
        return False
    return True


def _wrong(returned: Any, shape: tuple[int, ...], before: Mapping[str, tuple[int, ...]]) -> str:
    """Return what is wrong with what an update of parameters of a shape returned; empty if nothing is."""
    if not isinstance(returned, tuple | list) or len(returned) != 2 or not isinstance(returned[1], dict):
        return _gave(returned)
    parameters, state = returned
    if np.shape(parameters) != shape:
        return f"returned parameters of shape {np.shape(parameters)} for those of shape {shape}"
    for key in before.keys() & state.keys():
        if np.shape(state[key]) != before[key]:
            return f"returned the state's {shown(key)} of shape {np.shape(state[key])} for that of shape {before[key]}"
    return ""


def _gave(returned: Any) -> str:
    """Return what a method did, in words."""
    if returned is NotImplemented:
        return "is not implemented"
    if isinstance(returned, tuple | list):
        return f"returned {len(returned)} values: {', '.join(map(_described, returned)) or 'none'}"
    return f"returned one value, {_described(returned)}"


def _described(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float | str):
        return shown(value)
    shape = getattr(value, "shape", None)
    return f"{type(value).__name__}{f' {value.dtype} {shape}' if shape is not None and hasattr(value, 'dtype') else ''}"
