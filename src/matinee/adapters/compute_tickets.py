"""The tasks that compute has taken on: who waits, who runs where, and what their futures hear.

Adapters say what machines there are, start what this hands out, and say how it ended. Everything here may be called
from any thread; listeners and futures' callbacks are called without a lock held.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from itertools import count
from typing import Any

import structlog

from matinee.adapters.compute_line import Grant, Machine, Place, next_grants
from matinee.model.errors import Unavailable
from matinee.ports import Task

Outcome = tuple[str, Any]
"""How a task ended: ``("done", value)`` or ``("raised", error)``."""

_log = structlog.get_logger()


class Ticket:
    """A task on its way. ``grant`` says where it runs; ``lost`` counts the machines that vanished under it.

    ``heard`` is how much of its progress an adapter has told, where that does not come with the outcome.
    """

    def __init__(self, number: int, task: Task, on_progress: Callable[[float], None] | None) -> None:
        self.task = task
        self.place = Place(number, task.needs, task.priority, task.share)
        # While a task runs its future stays "pending", so that cancel() works until the outcome is there.
        self.future: Future[Any] = Future()
        self.grant: Grant | None = None
        self.lost = 0
        self.heard = 0
        self._on_progress = on_progress

    @property
    def number(self) -> int:
        """Its name among the tickets of one process."""
        return self.place.number

    def tell(self, fraction: float) -> None:
        """Let the listener know how far the task is; who listens badly does not stop the work."""
        if self._on_progress is not None and not self.future.done():
            try:
                self._on_progress(fraction)
            except Exception:  # noqa: BLE001 - the listener's fault, told in the log
                _log.exception("compute.progress_unheard", task=self.task.name)


class Tickets:
    """All tickets of one process.

    ``start`` is given a ticket that has its grant; ``stop`` one that runs and was cancelled, and whoever runs it
    settles it then. Neither may wait.
    """

    def __init__(
        self, start: Callable[[Ticket], None], stop: Callable[[Ticket], None], machines: Sequence[Machine] = ()
    ) -> None:
        self._start = start
        self._stop = stop
        self._machines = tuple(machines)
        self._numbers = count()
        self._open: dict[int, Ticket] = {}
        self._closed = False
        self._lock = threading.Lock()
        self._empty = threading.Condition(self._lock)

    @property
    def machines(self) -> Sequence[Machine]:
        """What there is to hand out."""
        return self._machines

    def submit(self, task: Task, on_progress: Callable[[float], None] | None) -> "Future[Any]":
        """Put a task in line; Unavailable after ``close``."""
        with self._lock:
            if self._closed:
                raise Unavailable(f"{task.name} was not started: this process takes no more work.")
            ticket = Ticket(next(self._numbers), task, on_progress)
            self._open[ticket.number] = ticket
        ticket.future.add_done_callback(lambda done: self._cancelled(ticket) if done.cancelled() else None)
        self._hand_out()
        return ticket.future

    def find(self, number: int) -> Ticket | None:
        """An open ticket."""
        return self._open.get(number)

    def running(self) -> list[Ticket]:
        """Those that were handed out and are not settled."""
        with self._lock:
            return [ticket for ticket in self._open.values() if ticket.grant is not None]

    def waiting(self) -> list[Ticket]:
        """Those in line."""
        with self._lock:
            return [ticket for ticket in self._open.values() if ticket.grant is None]

    def equip(self, machines: Sequence[Machine]) -> None:
        """What machines there are from now on."""
        with self._lock:
            self._machines = tuple(machines)
        self._hand_out()

    def give_back(self, ticket: Ticket) -> None:
        """Put a ticket back in line, where its age places it; a cancelled one ends instead."""
        with self._lock:
            cancelled = ticket.future.cancelled()
            if not cancelled:
                ticket.grant, ticket.heard = None, 0
        if cancelled:
            self.settle(ticket, None)
        else:
            self._hand_out()

    def settle(self, ticket: Ticket, outcome: Outcome | None) -> None:
        """Tell a ticket's future how the task ended, once; None for one that was cancelled."""
        with self._lock:
            if self._open.pop(ticket.number, None) is None:
                return
            if not self._open:
                self._empty.notify_all()
        self._hand_out()
        if outcome is not None:
            with contextlib.suppress(InvalidStateError):  # cancelled in between
                if outcome[0] == "done":
                    ticket.future.set_result(outcome[1])
                else:
                    ticket.future.set_exception(outcome[1])
                return
        ticket.future.set_running_or_notify_cancel()  # wakes who waits for a cancelled future

    def close(self, seconds: float | None = None) -> None:
        """Refuse what comes, cancel everything, and wait until all is settled, or so long."""
        with self._lock:
            self._closed = True
            tickets = list(self._open.values())
        for ticket in tickets:
            ticket.future.cancel()
        with self._lock:
            self._empty.wait_for(lambda: not self._open, timeout=seconds)

    def _cancelled(self, ticket: Ticket) -> None:
        with self._lock:
            runs = ticket.grant is not None
        if runs:
            self._stop(ticket)
        else:
            self.settle(ticket, None)

    def _hand_out(self) -> None:
        with self._lock:
            waiting = [one.place for one in self._open.values() if one.grant is None and not one.future.cancelled()]
            running = [one.grant for one in self._open.values() if one.grant is not None]
            started = []
            for grant in () if self._closed else next_grants(waiting, running, self._machines):
                ticket = self._open[grant.place.number]
                ticket.grant = grant
                started.append(ticket)
        for ticket in started:
            self._start(ticket)
