"""Compute on this machine: every task in a process of its own, as many of them at once as the machine has room for."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from matinee.adapters.compute_line import Machine
from matinee.adapters.compute_process import TaskProcess, letter_of
from matinee.adapters.compute_tickets import Outcome, Ticket, Tickets
from matinee.ports import Task

_CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")


class LocalCompute:
    """``ports.Compute`` with what this machine has, or less where it is told so.

    It lends the GPUs that it is told of, and ``local://`` tells of none: nobody says there which one is a task's. On a
    cluster, Ray does.
    """

    def __init__(self, cores: float | None = None, memory_bytes: int | None = None, gpus: float = 0.0) -> None:
        machine = Machine(
            "here",
            float(len(os.sched_getaffinity(0))) if cores is None else cores,
            _memory_bytes() if memory_bytes is None else memory_bytes,
            gpus,
        )
        self._processes: dict[int, TaskProcess] = {}
        self._tickets = Tickets(self._start, self._stop, [machine])

    def submit(self, task: Task, on_progress: Callable[[float], None] | None = None) -> "Future[Any]":
        """Put a task in line; Unavailable after ``close``."""
        return self._tickets.submit(task, on_progress)

    def close(self) -> None:
        """Cancel what waits and what runs; returns when its processes are gone."""
        self._tickets.close()

    @property
    def machines(self) -> Sequence[Machine]:
        """This machine, as far as it hands itself out."""
        return self._tickets.machines

    def _start(self, ticket: Ticket) -> None:
        threading.Thread(target=self._run, args=(ticket,), name=f"compute-{ticket.number}", daemon=True).start()

    def _run(self, ticket: Ticket) -> None:
        assert ticket.grant is not None
        outcome: Outcome | None
        try:
            process = TaskProcess(ticket.task.name, letter_of(ticket.task), ticket.grant.takes.cores)
            self._processes[ticket.number] = process
            if ticket.future.cancelled():  # before the process was there to be stopped
                process.kill()
            outcome = process.run(ticket.tell)
        except Exception as error:  # noqa: BLE001 - the future carries it
            outcome = ("raised", error)
        self._processes.pop(ticket.number, None)
        self._tickets.settle(ticket, outcome)

    def _stop(self, ticket: Ticket) -> None:
        process = self._processes.get(ticket.number)
        if process is not None:
            process.kill()


def _memory_bytes() -> int:
    """What this machine has, or what the container it is in may use."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(physical, int(_CGROUP_MEMORY.read_text()))
    except (OSError, ValueError):  # no such limit
        return physical
