"""Compute on a Ray cluster: the line stands here, the work is done on whichever node has room.

A process of its own speaks to Ray (``compute_ray_link``). When it is lost, or the whole cluster, everything that ran
goes back to its place in line, and starts again when there are machines: work waits for machines, it does not fail for
lack of them. What a task itself raises is final.
"""

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from importlib.metadata import version
from typing import IO, Any

import structlog

from matinee.adapters.compute_line import Machine
from matinee.adapters.compute_process import letter_of
from matinee.adapters.compute_tickets import Ticket, Tickets
from matinee.model.errors import Unavailable
from matinee.ports import Task

LARGEST_LOSSES = 3  # workers or machines that a task may lose: what kills each of them must not kill all
_CONNECT_SECONDS = 90.0
_SILENT_SECONDS = 20.0
_AGAIN_SECONDS = 2.0
_CLOSE_SECONDS = 10.0
_LEAVE_SECONDS = 7.0

_log = structlog.get_logger()


class RayCompute:
    """``ports.Compute`` on the cluster at ``ray://HOST:PORT``.

    It may be away when this is made; ``RAY_`` variables of the environment say how to authenticate and encrypt.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._link: _Link | None = None
        self._closing = threading.Event()
        self._tickets = Tickets(self._start, self._stop)
        self._keeper = threading.Thread(target=self._keep, name="compute-ray", daemon=True)
        self._keeper.start()

    def submit(self, task: Task, on_progress: Callable[[float], None] | None = None) -> "Future[Any]":
        """Put a task in line; Unavailable after ``close``."""
        return self._tickets.submit(task, on_progress)

    def close(self) -> None:
        """Cancel what waits and what runs; returns when it has ended, or after ten seconds."""
        self._tickets.close(_CLOSE_SECONDS if self._link is not None else 0.0)
        self._closing.set()
        link = self._link
        if link is not None:
            link.leave()
        if threading.current_thread() is not self._keeper:
            self._keeper.join()

    @property
    def machines(self) -> Sequence[Machine]:
        """The nodes there are now."""
        return self._tickets.machines

    def _keep(self) -> None:
        said = ""
        while not self._closing.is_set():
            try:
                reason = self._follow()
            except Exception as error:  # noqa: BLE001 - without this thread no future would ever end
                _log.exception("compute.link_failed", address=self._address)
                reason = f"The link to Ray at {self._address} failed: {error!r}."
            self._link = None
            self._tickets.equip(())
            for ticket in self._tickets.running():
                self._tickets.give_back(ticket)
            if self._closing.is_set():
                return
            if reason != said:
                _log.warning("compute.away", reason=reason, waiting=len(self._tickets.waiting()))
                said = reason
            self._closing.wait(_AGAIN_SECONDS)

    def _follow(self) -> str:
        link = self._link = _Link(self._address)
        if self._closing.is_set():
            link.leave()
        return link.follow(self._hear)

    def _start(self, ticket: Ticket) -> None:
        try:
            letter = letter_of(ticket.task)
        except Exception as error:  # noqa: BLE001 - what cannot travel is the task's error
            self._tickets.settle(ticket, ("raised", error))
            return
        link, grant = self._link, ticket.grant
        if link is not None and grant is not None:
            link.order("start", ticket.number, ticket.task.name, letter, grant.machine, grant.takes)

    def _stop(self, ticket: Ticket) -> None:
        if self._link is not None:
            self._link.order("stop", ticket.number)

    def _hear(self, kind: str, *what: Any) -> None:
        """One letter of the link's."""
        if kind == "joined":
            _log.info("compute.joined", address=self._address, **what[0])
        elif kind == "machines":
            if {machine.name for machine in what[0]} != {machine.name for machine in self._tickets.machines}:
                _log.info("compute.machines", nodes=len(what[0]), cores=sum(machine.cores for machine in what[0]))
            self._tickets.equip(what[0])
        elif kind == "news":
            for number, fractions in what[0]:
                self._tell(number, fractions)
        elif (ticket := self._tickets.find(what[0])) is not None:
            self._end(kind, ticket, *what[1:])

    def _end(self, kind: str, ticket: Ticket, *what: Any) -> None:
        name = ticket.task.name
        if kind == "ended":
            try:
                outcome, told = pickle.loads(what[0])  # noqa: S301 - written by our own code on a node of our cluster
            except Exception as error:  # noqa: BLE001 - of another version: its modules and classes are not ours
                sentence = f"What {name} returned cannot be read here: {error!r}."
                outcome, told = ("raised", Unavailable(sentence)), ()
            self._tell(ticket.number, told[ticket.heard :])
            self._tickets.settle(ticket, outcome)
        elif kind == "cancelled":
            self._tickets.settle(ticket, None)
        elif kind == "unfit":
            sentence = f"The node that was to do {name} cannot run Matinee's tasks: {what[0]}."
            self._tickets.settle(ticket, ("raised", Unavailable(sentence)))
        elif kind == "adrift":
            ticket.lost += 1
            _log.warning("compute.adrift", task=name, reason=what[0], lost=ticket.lost)
            if ticket.lost < LARGEST_LOSSES:
                self._tickets.give_back(ticket)
            else:
                sentence = f"{ticket.lost} processes or machines of the cluster were lost while they did {name}."
                self._tickets.settle(ticket, ("raised", Unavailable(sentence)))

    def _tell(self, number: int, fractions: Sequence[float]) -> None:
        ticket = self._tickets.find(number)
        for fraction in fractions if ticket is not None else ():
            assert ticket is not None
            ticket.heard += 1
            ticket.tell(fraction)


def examine(address: str) -> str:
    """One sentence about the cluster: versions, nodes, cores, latency; Unavailable with one if something is wrong.

    A node with another Matinee is wrong: tasks travel as names and values of ours, and may mean others there.
    """
    found: dict[str, Any] = {}
    link = _Link(address)

    def hear(kind: str, *what: Any) -> None:
        found[kind] = what[0]
        if kind == "joined":
            link.order("hello")
        elif kind == "hello":
            link.leave()

    reason = link.follow(hear)
    if "hello" not in found:
        raise Unavailable(reason)
    nodes, machines, joined = found["hello"], found["machines"], found["joined"]
    if not nodes:
        raise Unavailable(f"Ray at {address} has no node that takes work: start some with cores.")
    for node, said, trouble, _ in nodes:
        if said is None:
            raise Unavailable(f"Node {node} of Ray at {address} cannot run Matinee's tasks: {trouble}.")
    ours = version("matinee")
    if others := [f"{node} has {said}" for node, said, *_ in nodes if said != ours]:
        raise Unavailable(
            f"Nodes of Ray at {address} have another Matinee than {ours}, which this is: {', '.join(others)}."
        )
    cores = sum(machine.cores for machine in machines)
    slowest = max(seconds for *_, seconds in nodes) * 1000
    return (
        f"Ray {joined['ray']} with Python {joined['python']}: {len(nodes)} nodes, {cores:g} cores, "
        f"Matinee {ours}; a task there and back in {slowest:.0f} ms"
    )


class _Link:
    """The process that speaks to Ray, from its start to its end."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._messages: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process has ended
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "matinee.adapters.compute_ray_link", address],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._messages,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # a Ctrl-C on the terminal is for who holds this link
            )
        except BaseException:
            self._messages.close()
            raise
        self._ordering = threading.Lock()
        self._deadline = time.monotonic() + _CONNECT_SECONDS
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="compute-ray-watch", daemon=True).start()

    def order(self, *words: Any) -> None:
        """Send an order; nothing happens if the process is gone."""
        assert self._process.stdin is not None
        letter = pickle.dumps(words)
        with self._ordering, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(letter)
            self._process.stdin.flush()

    def leave(self) -> None:
        """Let it end in its own time, which is short."""
        assert self._process.stdin is not None
        self._deadline = min(self._deadline, time.monotonic() + _LEAVE_SECONDS)
        with self._ordering, contextlib.suppress(OSError):
            self._process.stdin.close()

    def follow(self, hear: Callable[..., None]) -> str:
        """Pass on its letters until it ends; a sentence that says why it did. What ``hear`` raises ends it too."""
        assert self._process.stdout is not None
        reason = ""
        try:
            with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
                while True:
                    kind, *what = pickle.load(self._process.stdout)  # noqa: S301 - from the process started above
                    assert self._process.stdin is not None
                    if not self._process.stdin.closed:
                        self._deadline = time.monotonic() + _SILENT_SECONDS
                    if kind in {"away", "refused", "lost"}:
                        reason = what[0]
                    else:
                        hear(kind, *what)
            late = time.monotonic() > self._deadline
        finally:
            words = self._end()
        if late:
            return f"Ray at {self._address} does not answer in time."
        return reason or f"The link to Ray at {self._address} broke off: {words[-1] if words else 'it said nothing'}."

    def _end(self) -> list[str]:
        """Stop the process; the last lines that it wrote."""
        assert self._process.stdout is not None
        self._ended.set()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._messages.seek(0)
        words = self._messages.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        self._messages.close()
        return words

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            if time.monotonic() > self._deadline:
                self._process.kill()
                return
