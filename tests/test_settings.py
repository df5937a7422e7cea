"""Tables of a suite: their values come whole, or an interrupt passes as one."""

import os
import signal
import sys

import pytest
from pydantic_core import PydanticSerializationError

from harness.plugins.foreign import from_user, interrupt
from harness.plugins.loading import registry
from harness.suite import load_suite, models
from tests.tiny import TINY


class Interrupted(tuple):
    """The names of keys; who looks at them is interrupted."""

    __slots__ = ()

    def __iter__(self):
        """Send the signal."""
        os.kill(os.getpid(), signal.SIGTERM)
        return super().__iter__()


class Faulty(tuple):
    """Names that cannot be looked at."""

    __slots__ = ()

    def __iter__(self):
        """Raise."""
        raise OSError


@pytest.mark.skipif(sys.platform == "win32", reason="there the signal ends the process")
def test_an_interrupt_while_a_table_is_written_out_is_one(tmp_path, monkeypatch):
    """Pydantic wraps what a serializer raises in another error: a preempted job ended with a traceback."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    suite = load_suite(path, registry()).suite
    whole = suite.model_dump(mode="json")
    earlier = [signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        for table in (suite, suite.experiments["A"]):
            with monkeypatch.context() as patched:
                patched.setattr(models, "_NEWER", Interrupted(models._NEWER))
                with pytest.raises(KeyboardInterrupt) as caught:
                    table.model_dump(mode="json")
                assert from_user(caught.value)
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), earlier, strict=True):
            signal.signal(number, handler)
    with monkeypatch.context() as patched:
        patched.setattr(models, "_NEWER", Faulty())
        with pytest.raises(PydanticSerializationError):
            suite.model_dump()
    assert suite.model_dump(mode="json") == whole
