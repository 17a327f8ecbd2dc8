"""Where real systems plug in: read this file first.

Each Protocol here has two sides (an embedded adapter and a real engine's) or a stand-in that tests turn by hand. Its
docstrings are the contract: every sentence has a test under ``tests/contracts`` that each adapter passes. The database
and the object store have no port of ours: SQLAlchemy and obstore are theirs.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from matinee.model.events import Event
from matinee.model.plans import Account, EdgeOrders, EdgeReport, HoldingsUpdate, KeyRing, PlanPage


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """The time, aware, in UTC. Never runs backwards within a process."""
        ...


class Outbox(Protocol):
    """Where a store leaves the events of a change, in the change's own transaction."""

    def append(self, connection: object, events: Sequence[Event]) -> int:
        """Leave events within the transaction that ``connection`` has open; they exist if and only if it commits.

        An id that still waits there is passed over; one that was forwarded before is passed over by the log. Returns
        how many were new, as far as can be told here. Invalid if an id is empty, longer than 200 characters or not
        printable.
        """
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event at its place in the log. Positions grow; gaps are allowed."""

    position: int
    event: Event


class Tail(Protocol):
    """A reader for one process, which sees every event from its start on, in order of position."""

    def read(self, limit: int = 1000, wait_seconds: float = 0.0) -> Sequence[Recorded]:
        """The next events, at most ``limit``; waits up to ``wait_seconds`` for a first one; empty if none came."""
        ...


class Group(Protocol):
    """One of the members of a named group: each event is handled by one of them, at least once, in order."""

    def batch(self, limit: int = 100, wait_seconds: float = 0.0) -> AbstractContextManager[Sequence[Recorded]]:
        """The group's next events, for the body of a ``with``.

        Events that were appended together may come together, beyond ``limit``. Leaving the body acknowledges them. A
        body that raises, or a process that dies in it, has acknowledged nothing:
        the same events are given again, to this member or another. While one member's body runs, the others get an
        empty batch, so that order is kept. A group's first batch begins at the log's first event.
        """
        ...


class EventLog(Protocol):
    """All events that were accepted, in one order. Readers pass over an event that their version does not know."""

    def append(self, events: Sequence[Event]) -> int:
        """Accept events that tell of no change in the database; durable when it returns, all of them or none.

        An id that came within the log's memory (ten minutes, or the last half million events where that is less,
        whatever happened to any process) is passed over, here or by the readers: each of them sees an event once.
        Returns how many were new, as far as can be told here.
        Invalid for an id that the outbox would not take; Unavailable, and then perhaps accepted all the same, if the
        log does not answer in time: appending the same events again is harmless.
        """
        ...

    def tail(self, after: int = 0) -> Tail:
        """A reader of every event after a position (0: from the first that is kept)."""
        ...

    def group(self, name: str, types: Collection[str] = ()) -> Group:
        """A member of the named group, which is given events of these types only; of all where none are named."""
        ...

    def end(self) -> int:
        """The position of the last event in the log; 0 if there is none."""
        ...

    def drop(self, through: int) -> None:
        """Forget events up to a position, that one included, but none that a group has still to handle.

        Positions go on growing; a tail that asked for dropped events begins at the first that is kept.
        """
        ...

    def erase(self, positions: Sequence[int]) -> None:
        """Remove the events at these positions for good, whether or not a group has still to handle them.

        The others keep their places. Of events that were appended together some may stay until the last is erased.
        """
        ...


class Relay(Protocol):
    """Carries events from the outbox into the log."""

    def forward(self, limit: int = 1000) -> int:
        """Move waiting events, oldest first, exactly once each however many relays run. Returns how many."""
        ...

    def waiting(self, limit: int = 1000) -> Sequence[Event]:
        """Events that were accepted and are not in the log yet, oldest first, at most ``limit``. Moves nothing.

        It waits for no writer. Who asks this first and then reads a tail to its end has seen every accepted event,
        some of them twice.
        """
        ...


class Leases(Protocol):
    """Who among many processes does a thing: one at a time, and another when that one dies."""

    def take(self, name: str, owner: str, seconds: float) -> bool:
        """Take a lease that is free or has ended, or renew the owner's own; it ends so many seconds from now.

        False if another owner has it.
        """
        ...

    def release(self, name: str, owner: str) -> None:
        """Give the owner's lease back at once; another's stays as it is."""
        ...


@dataclass(frozen=True, slots=True)
class Needs:
    """What a task takes of a machine while it runs."""

    cores: float = 1.0
    memory_bytes: int = 512 * 1024 * 1024
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class Task:
    """Work that can run on any machine: a module-level function and picklable arguments.

    The function is called as ``function(*arguments, progress)``, where ``progress(fraction)`` tells how far it is.
    Among waiting tasks the lowest ``priority`` starts first. Of equals the one goes first whose ``share`` (an upload's
    id) has least running, so that one upload of many tasks does not hold up the others; then the oldest.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    needs: Needs = field(default_factory=Needs)
    priority: int = 0
    share: str = ""


class Compute(Protocol):
    """Machines that do work: processes here, or a cluster's.

    Order (priorities, shares) is kept among the tasks that one process submits. Two processes on one cluster together
    take no more than it has, but neither knows the other's line: what finds no room there waits in the cluster's own,
    which has no such order.
    """

    def submit(self, task: Task, on_progress: Callable[[float], None] | None = None) -> Future[Any]:
        """Run a task in a process of its own; the future holds what the function returned or raised.

        It starts when a machine has free what it needs, and no earlier: what the machines have no room for waits here,
        in order. One that needs more than the largest machine has gets the whole of such a machine.

        An error of ours (``model.errors``) arrives as the same class with the same sentence. A process that dies gives
        Unavailable with a sentence that names the task. ``future.cancel()`` stops a task even while it runs.
        """
        ...

    def close(self) -> None:
        """Stop what runs and refuse what comes."""
        ...


Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Send], Awaitable[None]]


class DataPlane(Protocol):
    """What moves an edge's bytes to viewers."""

    async def serve(self, application: AsgiApplication) -> None:
        """Answer requests with the edge's ASGI application until ``stop``; Unavailable if the port is taken."""
        ...

    def stop(self) -> None:
        """Take no more connections and let ``serve`` return."""
        ...


class ControlChannel(Protocol):
    """How an edge and the control plane speak. Every verb is Unavailable if nobody answers: the edge goes on as it was.

    Forbidden if the control plane does not take the edge's credential.
    """

    async def enrol(self, join_token: str) -> None:
        """Show a one-time join token, and from then on be known by the channel's own credential.

        Harmless if repeated with the same credential; Forbidden if the token is unknown, used by another or expired.
        """
        ...

    async def report(self, report: EdgeReport) -> EdgeOrders:
        """Say how the edge is; hear what it is to do."""
        ...

    async def keys(self) -> KeyRing:
        """The keys that open media tokens now."""
        ...

    async def plan(self, generation: int, page: int) -> PlanPage:
        """One page of the edge's plan of that generation; NotFound if there is a newer one by now."""
        ...

    async def hold(self, update: HoldingsUpdate) -> int:
        """Tell what the edge holds. The last update that was kept; -1 if the edge is to begin anew."""
        ...

    async def account(self, account: Account) -> int:
        """Tell what was sent. The last sequence that was counted; telling one twice counts it once."""
        ...

    async def close(self) -> None:
        """Let the connection go."""
        ...
