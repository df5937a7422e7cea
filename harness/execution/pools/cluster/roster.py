"""Who takes part: workers that are there, join and leave, each looked at in a thread as it comes."""

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from harness.errors import one_line
from harness.execution.pools.cluster.nodes import Member, UnfitError, examined, name_of, opened
from harness.execution.pools.cluster.orders import Settings
from harness.execution.pools.cluster.session import end_session
from harness.execution.pools.cluster.waiting import DASK_ERRORS, GoneError
from harness.execution.pools.pool import Abilities
from harness.machine.host import host
from harness.machine.kernels import TUNING_OFF, VARIABLE
from harness.machine.threads import VARIABLES
from harness.plugins.foreign import LIMIT
from harness.plugins.loading import DISABLE
from harness.trial.tasks import Task

if TYPE_CHECKING:
    from distributed import Client

_INHERITED = (*VARIABLES, DISABLE, LIMIT, TUNING_OFF)
"""Variables of this process that the jobs' processes have too, wherever they are."""


def keep_none(topic: str, dask_scheduler: Any) -> None:
    """Have a scheduler pass on a topic's events and keep none: it would keep a thousand, also of a killed driver."""
    with suppress(AttributeError):  # of another version
        dask_scheduler._broker._topics[topic].events = deque(maxlen=0)  # noqa: SLF001 - there is no public way


@dataclass(eq=False)
class _Seen:
    """A worker that is there; ``member`` once it has a session. ``gone`` is set when it leaves."""

    name: str
    gone: threading.Event = field(default_factory=threading.Event)
    member: Member | None = None


class Roster:
    """The nodes of a cluster, by name. ``tell`` takes messages for the driver, as `Messages.put` does."""

    def __init__(
        self,
        client: "Client",
        topic: str,
        parts: Mapping[str, str],
        threads: int,
        perform: Callable[[Member, Task], Any],
        tell: Callable[[str, str], None],
        *,
        third_party: bool,
    ) -> None:
        self._client, self._topic, self._parts, self._threads = client, topic, parts, threads
        self._perform, self._tell, self._third_party = perform, tell, third_party
        self._lock = threading.Lock()
        self._known: dict[str, _Seen] = {}
        """Every worker that is there, by address, but those that are left out: they are looked at when they rejoin."""
        self._inquiries: list[Callable[[Member], Abilities]] = []
        self.ready: dict[str, Member] = {}
        self.refused: dict[str, str] = {}
        """Nodes that were left out, and why."""
        self.joining: dict[_Seen, str] = {}
        """Workers that are being looked at, and their names."""
        self.late: Counter[Member] = Counter()
        """Nodes that are ready but for what they were asked, and how many answers each has yet to give."""
        self._shown: set[str] = set()

    def call(self) -> None:
        """Look at every worker that is there, and at those that come."""
        self._client.run_on_scheduler(keep_none, self._topic)
        self._client.subscribe_topic("all", self._heard)
        for address, about in self._workers().items():
            self._look_at(address, about)

    def members(self) -> list[Member]:
        """Return the nodes that have a session of this driver."""
        with self._lock:
            return [seen.member for seen in self._known.values() if seen.member]

    def learn(self, abilities: Mapping[str, Abilities], ask: Callable[[Member], Abilities]) -> None:
        """Take note of what nodes can do; those that join later, or have not answered, are asked, each in a thread."""
        with self._lock:
            self._inquiries.append(ask)
            for name, found in abilities.items():
                if name in self.ready:
                    self.ready[name].abilities.update(found)
            silent = [member for name, member in self.ready.items() if name not in abilities]
            self.late.update(silent)
            self._shown.update(member.node.name for member in silent)
        for member in silent:
            threading.Thread(target=self._ask, args=(member, ask), daemon=True).start()

    def _ask(self, member: Member, ask: Callable[[Member], Abilities]) -> None:
        """Ask a member that is late; once nothing is left to ask, say that it takes part."""
        found = ask(member)
        with self._lock:
            member.abilities.update(found)
            self.late[member] -= 1
            answered = not self.late[member] and self.ready.get(member.node.name) is member
        if answered:
            self._tell("joined", member.shown())

    def lines(self) -> list[str]:
        """Return a line for each node that has not been shown yet."""
        with self._lock:
            new = [member for name, member in self.ready.items() if name not in self._shown]
            self._shown.update(member.node.name for member in new)
        return [member.shown() for member in new]

    def dismiss(self) -> None:
        """End the sessions of all nodes; one that does not answer ends its own, once the scheduler has let go of it."""
        addresses = [member.address for member in self.members()]
        with suppress(*DASK_ERRORS):
            self._client.unsubscribe_topic("all")  # else the scheduler logs a traceback when this client leaves
            self._client.run(end_session, self._topic, workers=addresses, on_error="ignore")

    def _workers(self) -> dict[str, Mapping[str, Any]]:
        return dict(self._client.scheduler_info(n_workers=-1)["workers"])

    def _heard(self, event: Any) -> None:
        """Take note of a worker that joins or leaves; called in Dask's loop, which waits for nothing here."""
        about = event[1]
        action, address = about.get("action"), about.get("worker")
        if action == "add-worker":
            threading.Thread(target=self._added, args=(address,), daemon=True).start()
        elif action == "remove-worker":
            self._removed(address)

    def _added(self, address: str) -> None:
        with suppress(*DASK_ERRORS):  # the scheduler has gone
            scheduler: Any = self._client.scheduler  # asked now: what the client knows may be two seconds old
            found = self._client.sync(scheduler.identity, n_workers=-1)["workers"].get(address)
            if found is not None:
                self._look_at(address, found)

    def _removed(self, address: str) -> None:
        with self._lock:
            seen = self._known.pop(address, None)
            if seen:
                seen.gone.set()
                if seen.member and self.ready.get(seen.name) is seen.member:
                    del self.ready[seen.name]
                    self._tell("line", f"node {seen.name} has left")

    def _look_at(self, address: str, about: Mapping[str, Any]) -> None:
        with self._lock:
            if address in self._known:
                return
            seen = self._known[address] = _Seen(name_of(address, about))
            self.joining[seen] = seen.name
        threading.Thread(target=self._join, args=(address, about, seen), daemon=True).start()

    def _join(self, address: str, about: Mapping[str, Any], seen: _Seen) -> None:
        name, why = seen.name, ""
        try:
            member = opened(self._client, address, about, self._settings(name), self._threads, seen.gone)
            with self._lock:
                seen.member = member
            examined(member, self._parts, lambda task: self._perform(member, task), third_party=self._third_party)
            self._enlist(member)
        except UnfitError as error:
            why = str(error)
        except GoneError as error:
            why = f"it does not answer ({one_line(error)})" if str(error) else "it does not answer"
        except DASK_ERRORS as error:  # one node's trouble, whatever it is, is not the run's
            why = one_line(error)
        with self._lock:
            del self.joining[seen]
            if why:
                self.refused[name] = why
                if self._known.get(address) is seen:
                    del self._known[address]  # its session ends, and it is looked at once more when it rejoins
        if why:
            self._tell("line", f"node {name} is left out: {why}")

    def _enlist(self, member: Member) -> None:
        asked = 0
        while True:
            with self._lock:
                inquiries = self._inquiries[asked:]
                if not inquiries:
                    if member.gone.is_set():
                        raise GoneError
                    self.ready[member.node.name] = member
                    known = bool(self._inquiries)
                    if known:
                        self._shown.add(member.node.name)
                    break
            for ask in inquiries:
                member.abilities.update(ask(member))
                asked += 1
        if known:
            self._tell("joined", member.shown())

    def _settings(self, name: str) -> Settings:
        inherited = {variable: os.environ.get(variable) for variable in _INHERITED}
        kernel = {VARIABLE: os.environ.get(VARIABLE)}
        key = f"session-{self._topic}-{token_hex(4)}"
        return Settings(self._topic, name, key, inherited, host()["processor"], kernel)
