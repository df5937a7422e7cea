"""One observer of a run: the calls that wait for it, and the thread that makes them, so that it delays nothing."""

import ctypes
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from harness.errors import one_line
from harness.plugins.foreign import UNLIMITED, foreign
from harness.text import counted

MOST_WAITING = 1000
"""Calls that wait for an observer; while they do, calls that are best effort are left out."""
CALL_SECONDS = 30.0
"""The limit of a call."""
LATE_SECONDS = 5.0
"""How long the end of a run waits for a call that has taken longer than that."""
BEST_EFFORT = frozenset({"epoch_finished", "trial_remarked"})
"""Hooks whose calls may be left out. Those of all other hooks are made, however long they wait."""
LOOK_SECONDS = 0.5
"""How often it is looked at whether a call has taken too long."""


class _Late(BaseException):
    """The time of a call has ended. Not an Exception, so that a plugin's ``except`` does not catch it."""


class Attendant(threading.Thread):
    """The thread of an observer: what it prints is no job's output, although a job may run in this process."""


@dataclass(frozen=True)
class Call:
    """A call of an observer's hook; ``place`` names it in a report, as ``plugin.hook``."""

    hook: str
    place: str
    function: Callable[..., None]
    values: Sequence[Any]


class Observer:
    """Calls one plugin's hooks, one after the other, in a thread that starts with the first call.

    A hook that raised or took longer than `CALL_SECONDS` is not called again; a plugin with a call that cannot be ended
    is not called at all. ``faults`` says what each hook did, by `Call.place`; ``tracebacks`` has the tracebacks.
    """

    def __init__(self, name: str) -> None:
        self.faults: dict[str, str] = {}
        self.tracebacks: dict[str, str] = {}
        self._raised: set[str] = set()
        self._left_out: Counter[str] = Counter()
        self._waiting: deque[Call] = deque()
        lock = threading.Lock()
        self._arrived, self._changed = threading.Condition(lock), threading.Condition(lock)
        self._current: tuple[Call, float] | None = None
        """The call that is being made, and since when, by `time.monotonic`."""
        self._late = False
        """Whether the current call was asked to end, because its time is over."""
        self._closed = False
        # Daemons: the end of the process waits for none of them.
        self._thread = Attendant(target=self._serve, name=f"observer {name}", daemon=True)
        self._watch = threading.Thread(target=self._look, name=f"limit of observer {name}", daemon=True)
        self._thread.start()
        self._watch.start()

    def put(self, call: Call) -> None:
        """Have a call made after those that wait; it returns at once."""
        with self._changed:
            if call.place in self._raised:
                return
            if self._late or (call.hook in BEST_EFFORT and len(self._waiting) >= MOST_WAITING):
                self._left_out[call.place] += 1
                return
            self._waiting.append(call)
            self._arrived.notify()

    def close(self) -> None:
        """Take no more calls: the thread ends when it has made those that wait."""
        with self._changed:
            self._closed = True
            self._arrived.notify()
            self._changed.notify_all()

    def join(self, seconds: float) -> bool:
        """Wait until all calls were made; return whether they were. A call that is late has its time behind it."""
        with self._changed:
            self._changed.wait_for(lambda: self._over, max(0.0, min(seconds, LATE_SECONDS) if self._late else seconds))
            return self._over

    def leave_out(self) -> None:
        """Drop the calls that wait and are best effort."""
        with self._changed:
            self._left_out.update(call.place for call in self._waiting if call.hook in BEST_EFFORT)
            self._waiting = deque(call for call in self._waiting if call.hook not in BEST_EFFORT)

    def conclude(self) -> None:
        """Drop every call that still waits, and note in ``faults`` which were never made, and why."""
        with self._changed:
            self._left_out.update(call.place for call in self._waiting)
            self._waiting.clear()
            missed = {place: f"missed {counted(calls, 'call')}" for place, calls in self._left_out.items()}
            if self._current:
                place = self._current[0].place
                late = ["had not returned when the run ended", *([missed.pop(place)] if place in missed else [])]
                self.faults.setdefault(place, " and ".join(late))
            for place, what in missed.items():
                self.faults.setdefault(place, f"{what}: the observer was too slow")
            self._left_out.clear()

    @property
    def _over(self) -> bool:
        return self._closed and not self._waiting and self._current is None

    def _serve(self) -> None:
        while True:
            try:
                call = self._next()
                if call is None:
                    return
                self._make(call)
            except _Late:  # it came just when the call had returned
                self._ended()

    def _next(self) -> Call | None:
        """Wait for a call; None when no more will come."""
        with self._arrived:
            while not self._waiting:
                if self._closed:
                    return None
                self._arrived.wait()
            call = self._waiting.popleft()
            self._current = call, monotonic()
            return call

    def _make(self, call: Call) -> None:
        try:
            if call.place not in self._raised:
                with foreign(UNLIMITED, aside=False):
                    call.function(*call.values)
        except BaseException as error:  # noqa: BLE001 - an observer must end neither the run nor its thread
            if not self._late:  # which `_look` has noted
                self._raised.add(call.place)
                self.faults[call.place] = f"raised {one_line(error)}: it was not called again"
                self.tracebacks[call.place] = "".join(traceback.format_exception(error))
        finally:
            self._ended()

    def _ended(self) -> None:
        with self._changed:
            if self._late:
                self._interrupt(None)
            self._current, self._late = None, False
            self._changed.notify_all()

    def _look(self) -> None:
        """End a call whose time is over: one in Python at its next step, one that waits for the system when it returns.

        Until it has ended, nothing more waits for this observer.
        """
        with self._changed:
            while not self._over:
                self._changed.wait(LOOK_SECONDS)
                if self._current and monotonic() - self._current[1] > CALL_SECONDS:
                    place = self._current[0].place
                    self._raised.add(place)
                    self.faults[place] = f"took longer than {CALL_SECONDS:g} s: it was not called again"
                    self._late = True
                    self._changed.notify_all()
                    self._interrupt(_Late)  # again and again: its code may have swallowed the first

    def _interrupt(self, error: type[BaseException] | None) -> None:
        """Raise an error in the thread at its next step; None takes back one that was not raised yet."""
        thread = ctypes.c_ulong(self._thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(error) if error else None)
