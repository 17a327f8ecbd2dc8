"""The inside of a process that is started for one task. Imports little: every task waits for it."""

import contextlib
import json
import logging
import os
import pickle
import signal
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import IO, Any

from matinee.model.errors import MatineeError

CORES = "TASK_CORES"
"""The environment variable that tells a task how many cores are its own."""


def run(pipe: int) -> None:
    """Read one task from standard input, do it, and write progress and outcome to ``pipe`` as pickles."""
    os.set_inheritable(pipe, False)  # noqa: FBT003 - a system call; the tools that a task starts must not keep it open
    source = sys.stdin.buffer
    letters = _Letters(os.fdopen(pipe, "wb"))
    _log_as_others_do()
    try:
        function, arguments = pickle.load(source)  # noqa: S301 - from the process that started this one
        threading.Thread(target=_end_with_giver, args=(source,), daemon=True).start()
        value = function(*arguments, lambda fraction: letters.send("progress", float(fraction)))
    except Exception as error:  # noqa: BLE001 - whatever it is, the giver of the task is told
        letters.send("raised", _portable(error))
    else:
        letters.send("done", value)


def _log_as_others_do() -> None:
    """Lines on standard error in the form that Matinee's other processes have where nobody sits before them."""

    class Lines(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            line = {"process": "task", "level": record.levelname.lower(), "event": record.getMessage()}
            if record.exc_info:
                line["exception"] = self.formatException(record.exc_info)
            return json.dumps({**line, "timestamp": datetime.now(UTC).isoformat()})

    handler = logging.StreamHandler()
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class _Letters:
    """Messages to the giver of the task, from any thread of it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def send(self, kind: str, value: Any) -> None:
        try:
            letter = pickle.dumps((kind, value))
        except Exception as error:  # noqa: BLE001 - a value that cannot travel is the task's error
            letter = pickle.dumps(("raised", TypeError(f"The outcome cannot leave its process: {error}")))
        with self._lock, contextlib.suppress(BrokenPipeError):
            self._pipe.write(letter)
            self._pipe.flush()


def _end_with_giver(source: IO[bytes]) -> None:
    """Nobody waits for the outcome any more: end, and take the tools along."""
    with contextlib.suppress(OSError):
        while source.read(1):
            pass
    os.killpg(0, signal.SIGKILL)


def _portable(error: Exception) -> Exception:
    """The error itself if it survives the journey, with where it arose; else one that says the same."""
    where = traceback.format_exc()
    if not isinstance(error, MatineeError):
        error.add_note(where)
    try:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in this line
    except Exception:  # noqa: BLE001 - errors with constructors of their own
        copy = None
    if type(copy) is type(error) and str(copy) == str(error):
        return error
    other = RuntimeError(f"{type(error).__name__}: {error}")
    other.add_note(where)
    return other
