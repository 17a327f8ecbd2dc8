"""What runs on a Ray cluster: for each task a process of its own on some node, and one mailbox for news of them all.

Ray's worker process only watches over that process, so a task is stopped with all its tools, and one that dies takes no
worker along. When Ray kills the worker, the task's standard input closes, and it ends itself.
"""

import asyncio
import contextlib
import pickle
import signal
import threading
from importlib.metadata import version
from typing import Any

from matinee.adapters.compute_process import TaskProcess

_BEAT_SECONDS = 0.2  # a cancel reaches Python between two of these


class Mailbox:
    """An actor: tasks leave news, and the process that gave them takes it."""

    def __init__(self) -> None:
        self._news: list[tuple[int, list[float]]] = []
        self._arrived = asyncio.Event()

    async def put(self, number: int, fractions: list[float]) -> None:
        """Leave how far a task has come."""
        self._news.append((number, fractions))
        self._arrived.set()

    async def take(self, seconds: float) -> list[tuple[int, list[float]]]:
        """All news since the last time; waits so long for a first one."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), seconds)
        self._arrived.clear()
        news, self._news = self._news, []
        return news


def carry(number: int, name: str, letter: bytes, cores: float, mailbox: Any) -> bytes:
    """Do one task to its end: a pickle of its outcome and of all its progress, for news may come later than that."""
    # Ray cancels by SIGINT, which a node that was started in the background of a shell ignores.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = TaskProcess(name, letter, cores)
    told: list[float] = []
    outcomes: list[tuple[str, Any] | None] = []

    def run() -> None:
        try:
            outcomes.append(process.run(told.append))
        except Exception as error:  # noqa: BLE001 - the giver of the task is told
            outcomes.append(("raised", error))

    runner = threading.Thread(target=run)
    runner.start()
    sent = 0
    try:
        while runner.is_alive():
            runner.join(_BEAT_SECONDS)
            until = len(told)
            if runner.is_alive() and until > sent:
                mailbox.put.remote(number, told[sent:until])
                sent = until
    finally:  # also when Ray raises KeyboardInterrupt here, which is how it cancels
        process.kill()
        runner.join()
    return pickle.dumps((outcomes[0], told))


def hello() -> str:
    """What a node runs."""
    return version("matinee")
