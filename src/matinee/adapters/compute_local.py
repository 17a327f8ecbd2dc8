"""Compute on this machine: every task in a process of its own, a fixed number of them at once.

A task travels to a fresh interpreter as a pickle on its standard input; progress and the outcome come back as pickles
on a pipe. The interpreter leads a process group, so that a task is stopped together with the tools it has started. It
watches its standard input: when that closes, whoever gave the task is gone, and the group ends itself.
"""

import contextlib
import heapq
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import structlog

from matinee.model.errors import Unavailable
from matinee.ports import Task

_log = structlog.get_logger()
_CHILD = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer);"
    "from matinee.adapters.compute_task import run; run(int(sys.argv[1]))"
)


@dataclass(order=True, slots=True)
class _Entry:
    """A task in line, ordered by priority and then by its turn; ``process`` while it runs."""

    priority: int
    turn: int
    task: Task = field(compare=False)
    future: "Future[Any]" = field(compare=False)
    on_progress: Callable[[float], None] | None = field(compare=False)
    process: "subprocess.Popen[bytes] | None" = field(default=None, compare=False)
    settled: bool = field(default=False, compare=False)


class LocalCompute:
    """``ports.Compute`` with ``slots`` processes at once. What a task says it needs is not weighed here."""

    def __init__(self, slots: int = 1) -> None:
        self._turns = count()
        self._line: list[_Entry] = []
        self._running: list[_Entry] = []
        self._closed = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, name=f"compute-{slot}", daemon=True) for slot in range(slots)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task, on_progress: Callable[[float], None] | None = None) -> "Future[Any]":
        """Put a task in line; Unavailable after ``close``."""
        future: Future[Any] = Future()
        with self._changed:
            if self._closed:
                raise Unavailable(f"{task.name} was not started: this process takes no more work.")
            entry = _Entry(task.priority, next(self._turns), task, future, on_progress)
            heapq.heappush(self._line, entry)
            self._changed.notify()
        # While a task runs its future stays "pending", so that cancel() works until the outcome is there.
        future.add_done_callback(lambda done: self._stop(entry) if done.cancelled() else None)
        return future

    def close(self) -> None:
        """Cancel what waits and what runs; returns when its processes are gone."""
        with self._changed:
            self._closed = True
            entries = [*self._line, *self._running]
            self._changed.notify_all()
        for entry in entries:
            entry.future.cancel()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def _stop(self, entry: _Entry) -> None:
        with self._changed:
            if entry.process is not None:
                _kill(entry.process)
                return
            if entry in self._line:
                self._line.remove(entry)
                heapq.heapify(self._line)
        self._settle(entry, None)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._line:
                    if self._closed:
                        return
                    self._changed.wait()
                entry = heapq.heappop(self._line)
                self._running.append(entry)
            try:
                outcome = self._run(entry)
            except Exception as error:  # noqa: BLE001 - the future carries it; this thread serves the next task
                outcome = ("raised", error)
            with self._changed:
                self._running.remove(entry)
            self._settle(entry, outcome)

    def _run(self, entry: _Entry) -> tuple[str, Any] | None:
        """Do one task to its end; None if it was cancelled."""
        task = entry.task
        letter = pickle.dumps(sys.path) + pickle.dumps((task.function, task.arguments))
        outward, inward = os.pipe()
        with os.fdopen(outward, "rb") as letters:
            try:
                with self._changed:  # a cancel comes before the process or finds it
                    if entry.future.cancelled():
                        return None
                    entry.process = process = subprocess.Popen(
                        [sys.executable, "-c", _CHILD, str(inward)],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.DEVNULL,
                        pass_fds=(inward,),
                        start_new_session=True,
                    )
            finally:
                os.close(inward)
            assert process.stdin is not None
            try:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(letter)
                    process.stdin.flush()
                outcome = _read(entry, letters)
            finally:
                # What the task leaves behind ends with it; the leader is not yet waited for, so the group is still its.
                with self._changed:
                    _kill(process)
                    code = process.wait()
                    entry.process = None
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
        if outcome is None and not entry.future.cancelled():
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            return ("raised", Unavailable(f"The process of {task.name} died ({how})."))
        return outcome

    def _settle(self, entry: _Entry, outcome: tuple[str, Any] | None) -> None:
        """Tell the future how its task ended, once; None for a task that was cancelled."""
        with self._changed:
            if entry.settled:
                return
            entry.settled = True
        if outcome is not None:
            with contextlib.suppress(InvalidStateError):  # cancelled in between
                if outcome[0] == "done":
                    entry.future.set_result(outcome[1])
                else:
                    entry.future.set_exception(outcome[1])
                return
        entry.future.set_running_or_notify_cancel()  # wakes who waits for a cancelled future


def _read(entry: _Entry, letters: Any) -> tuple[str, Any] | None:
    """Follow a task by its letters; its outcome, or None if it went silent without one."""
    while True:
        try:
            kind, value = pickle.load(letters)  # noqa: S301 - written by our own code in the process started for it
        except EOFError:
            return None
        if kind != "progress":
            return kind, value
        if entry.on_progress is not None:
            try:
                entry.on_progress(value)
            except Exception:  # noqa: BLE001 - who listens badly does not stop the work
                _log.exception("compute.progress_unheard", task=entry.task.name)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
