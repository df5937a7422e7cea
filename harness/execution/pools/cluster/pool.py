"""The pool of a Dask cluster, in the driver."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from harness.errors import LostError
from harness.execution.pools.cluster.arrival import wait_for_answers, wait_for_first
from harness.execution.pools.cluster.data import Data, Source
from harness.execution.pools.cluster.lending import Lender
from harness.execution.pools.cluster.messages import Messages, Running
from harness.execution.pools.cluster.nodes import Member
from harness.execution.pools.cluster.one_node import OneNode
from harness.execution.pools.cluster.roster import Roster
from harness.execution.pools.cluster.shipping import Shipment, piece_of
from harness.execution.pools.cluster.waiting import CONNECTED, patience
from harness.execution.pools.pool import Abilities, Node, Pool
from harness.plugins.options import ComponentSpec
from harness.trial.tasks import Failure, Report, Task

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
_LOOK_SECONDS = 0.25
_STOP_SECONDS = 5.0


class Cluster:
    """Runs tasks on the workers of a Dask cluster, each as a node with its own processes, files and devices.

    ``parts``: what the suite uses, by identity, which nodes must have too. ``threads``: of a trial. ``say`` takes lines
    about nodes, within calls of the pool. ``third_party``: whether third-party plugins take part.

    Raises:
        HarnessError: there is no worker, or none that fits.
    """

    def __init__(
        self,
        client: "Client",
        parts: Mapping[str, str],
        threads: int,
        say: Callable[[str], None],
        *,
        third_party: bool,
    ) -> None:
        self._client, self._say = client, say
        self._connection = client.scheduler_comm
        self._topic = f"harness-{token_hex(4)}"
        self._messages = Messages()
        self._running: dict[int, Running] = {}
        self._shipments: dict[int, Shipment] = {}
        self._numbers = count(1)
        self._stopped = threading.Event()
        self._local, self._local_lock = Lender(), threading.Lock()
        self._data = Data(lambda text: self._messages.put("line", text))
        self._updaters = ThreadPoolExecutor(4, thread_name_prefix="harness-updates")
        self._roster = Roster(
            client, self._topic, parts, threads, self._perform, self._messages.put, third_party=third_party
        )
        client.subscribe_topic(self._topic, self._heard)
        self._roster.call()
        try:
            wait_for_first(self._roster, lambda: self._take([]), say)
        except BaseException:
            self.stop()
            raise

    @property
    def slots(self) -> int:
        """The tasks that run at a time."""
        return sum(node.slots for node in self.nodes())

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are ready for tasks."""
        return [member.node for member in self._members()] if self._connected else []

    def devices(self, node: Node, needs: Sequence[str]) -> tuple[str, ...]:
        """Return the devices of a node on which it can do all that is needed."""
        member = self._roster.ready.get(node.name)
        return member.devices(needs) if member else ()

    def processors(self) -> set[str]:
        """Return the models of the nodes' processors."""
        return {str(member.facts["processor"]) for member in self._members()}

    def source(self, digest: str, spec: ComponentSpec, *, own: bool) -> None:
        """Take note of what a dataset is made from."""
        self._data.sources[digest] = Source(spec, own)

    def each(self, ask: Callable[[Pool], T]) -> dict[str, T]:
        """Call a function with each node as a pool, all at once; return what it returned by node.

        A node that answers long after another is left out: it takes part once it answers, see `learn`.
        """
        members = self._members()
        members = [member for member in members if not self._roster.late[member]] or members
        executor = ThreadPoolExecutor(max(1, len(members)), thread_name_prefix="harness-questions")
        try:
            asked = {member.node.name: executor.submit(ask, OneNode(member, self._perform)) for member in members}
            wait_for_answers(asked, self._say)
            by_node = {name: future.result() for name, future in asked.items() if future.done()}
        finally:  # an interrupt waits for no answer: `stop` ends the questions
            executor.shutdown(wait=False, cancel_futures=True)
        self._need_scheduler()  # without it, they are no answers
        return by_node

    def learn(self, abilities: Mapping[str, Abilities], ask: Callable[[Pool], Abilities]) -> None:
        """Take note of what nodes can do, and of how to find that out of nodes that join later."""
        self._roster.learn(abilities, lambda member: ask(OneNode(member, self._perform)))
        self._need_scheduler()
        for line in self._roster.lines():
            self._say(line)

    def submit(self, task: Task, report: Report | None = None) -> Future[Any]:
        """Start a task in a process of this machine; one runs at a time."""
        number, running = self._started(report)

        def run() -> None:
            with self._local_lock:
                result = self._local.run(number, task, lambda said: self._messages.put("report", number, said))
            self._messages.put("ended", number, result)

        threading.Thread(target=run, daemon=True).start()
        return running.future

    def submit_to(self, node: Node, task: Task, report: Report | None = None) -> Future[Any]:
        """Start a task on a node; `Spread` says what becomes of it where the node leaves or has no room."""
        member = self._roster.ready.get(node.name)
        number, running = self._started(report)

        def run() -> None:
            gone = Failure("lost", f"the node {node.name} was lost")
            self._messages.put("ended", number, self._perform(member, task, number) if member else gone)

        threading.Thread(target=run, daemon=True).start()
        return running.future

    def wait(self) -> list[Future[Any]]:
        """Wait until a task has ended, or a node has joined; pass on what jobs report meanwhile."""
        ended: list[Future[Any]] = []
        while self._running and not ended:
            if self._take(ended):
                break
        return ended

    def changed(self) -> bool:
        """Wait, while no task runs, until a node has joined; return False after a while without one.

        Raises:
            LostError: no node is left, or the scheduler has gone.
        """
        seconds = patience()
        deadline, said = monotonic() + seconds, False
        while monotonic() < deadline:
            if self._take([]):
                return True
            if not said:
                which = "can run what is left" if self._roster.ready else "is left"
                self._say(f"no node {which}: waiting {seconds:g} s for one to join")
                said = True
        if not self._roster.ready:
            msg = f"no node of the cluster has been left for {seconds:g} s"
            raise LostError(msg)
        return False

    def stop(self) -> None:
        """End whatever runs, on every node, and what the nodes keep for this driver."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._local.stop()
        self._updaters.shutdown(wait=False, cancel_futures=True)
        if self._client.status == CONNECTED:
            ending = threading.Thread(target=self._roster.dismiss, daemon=True)
            ending.start()
            ending.join(_STOP_SECONDS)

    def _members(self) -> list[Member]:
        """Return the nodes that are ready now: they join and leave in other threads."""
        return list(self._roster.ready.values())

    def _need_scheduler(self) -> None:
        """Raise LostError where the scheduler has gone."""
        if not self._connected and not self._stopped.is_set():
            raise LostError("the scheduler of the cluster was lost")

    @property
    def _connected(self) -> bool:
        """Whether the scheduler has known this driver all the time: when a connection ends, so do its sessions."""
        return self._client.status == CONNECTED and self._client.scheduler_comm is self._connection

    def _started(self, report: Report | None) -> tuple[int, Running]:
        number = next(self._numbers)
        running = self._running[number] = Running(report)
        return number, running

    def _perform(self, member: Member, task: Task, number: int | None = None) -> Any:
        """Have a task done on a node, in this thread."""
        question = number is None
        number = next(self._numbers) if number is None else number

        def data(directory: Path) -> Path:
            return self._data.place(directory, member, self._client, lambda task: self._perform(member, task))

        shipment = self._shipments[number] = Shipment(number, self._topic, member, task, data)
        try:
            return shipment.result(self._client, self._stopped)
        finally:
            self._messages.put("said", number, shipment.said)
            if question:
                del self._shipments[number]

    def _heard(self, event: Any) -> None:
        """Queue what an agent says: Dask's loop waits for nothing here."""
        number, kind, content = event[1]
        if kind == "updated":
            shipment = self._shipments.get(number)
            begins = shipment and shipment.announce(content[0], piece_of(content[1]))
            if shipment and begins and not self._stopped.is_set():
                self._updaters.submit(shipment.update)
        else:
            self._messages.put(kind, number, content)

    def _take(self, ended: list[Future[Any]]) -> bool:
        """Take what has come: ends first, so that no row waits for others' reports; return whether a node has joined.

        Raises:
            LostError: the scheduler has gone.
        """
        messages = self._messages.take(_LOOK_SECONDS)
        connected = self._connected
        joined = False
        for kind, about, content in messages:
            if kind in {"line", "joined"}:
                joined |= kind == "joined"
                self._say(about)
            elif kind == "logged":
                if shipment := self._shipments.get(about):
                    shipment.keep_log(*content)
            elif kind == "ended":
                self._shipments.pop(about, None)
                if not connected and type(content) is Failure and content.status == "lost":
                    continue  # with the scheduler: the node may be there, and no other attempt can be made
                running = self._running.pop(about)
                running.future.set_result(content)
                ended.append(running.future)
            elif about in self._running:
                self._running[about].pass_on(kind, content)
        if not ended:  # what has come home is kept
            self._need_scheduler()
        return joined
