"""A task in a process of its own on this machine, which LocalCompute starts here and Ray's nodes start there.

The task travels to a fresh interpreter as a pickle on its standard input; progress and the outcome come back as pickles
on a pipe. The interpreter leads a process group, so that a task is stopped together with the tools it has started. It
watches its standard input: when that closes, whoever gave the task is gone, and the group ends itself.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import IO, Any

from matinee.adapters.compute_task import CORES
from matinee.model.errors import Unavailable
from matinee.ports import Task

_CHILD = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer);"
    "from matinee.adapters.compute_task import run; run(int(sys.argv[1]))"
)


def letter_of(task: Task) -> bytes:
    """What of a task travels; TypeError or pickle's own errors if it cannot."""
    return pickle.dumps((task.function, task.arguments))


class TaskProcess:
    """One run of one task. ``kill`` may be called from any thread, also before ``run``."""

    def __init__(self, name: str, letter: bytes, cores: float, path: Sequence[str] | None = None) -> None:
        self._name = name
        self._letter = pickle.dumps(list(sys.path if path is None else path)) + letter
        self._environment = {**os.environ, CORES: f"{cores:g}"}
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._lock = threading.Lock()

    def run(self, on_progress: Callable[[float], None]) -> tuple[str, Any] | None:
        """Do the task to its end; ``("done", value)``, ``("raised", error)``, or None if it was killed from here."""
        outward, inward = os.pipe()
        with os.fdopen(outward, "rb") as letters:
            try:
                process = self._begin(inward)
            finally:
                os.close(inward)
            if process is None:
                return None
            assert process.stdin is not None
            try:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(self._letter)
                    process.stdin.flush()
                outcome = _read(letters, on_progress)
            finally:
                # What the task leaves behind ends with it; the leader is not yet waited for, so the group is still its.
                with self._lock:
                    _kill(process)
                    code = process.wait()
                    self._process = None
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
        if outcome is None and not self._killed:
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            return ("raised", Unavailable(f"The process of {self._name} died ({how})."))
        return outcome

    def kill(self) -> None:
        """Stop the task and its tools, or see that it never starts."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                _kill(self._process)

    def _begin(self, inward: int) -> "subprocess.Popen[bytes] | None":
        with self._lock:  # a kill comes before the process or finds it
            if self._killed:
                return None
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CHILD, str(inward)],
                stdin=subprocess.PIPE,
                # What a task prints stands among what it logs.
                stdout=2,
                pass_fds=(inward,),
                env=self._environment,
                start_new_session=True,
            )
            return self._process


def _read(letters: IO[bytes], on_progress: Callable[[float], None]) -> tuple[str, Any] | None:
    """Follow a task by its letters; its outcome, or None if it went silent without one."""
    while True:
        try:
            kind, value = pickle.load(letters)  # noqa: S301 - written by our own code in the process started for it
        except (EOFError, pickle.UnpicklingError):  # killed, perhaps in the middle of a letter
            return None
        if kind != "progress":
            return kind, value
        on_progress(value)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
