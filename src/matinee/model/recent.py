"""Answers that hold for a moment: kept in the process, so that the next request need not ask the database again."""

from collections.abc import Hashable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

_STEPS = 1024

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The newest values by key, at most ``most`` of them, each for half of ``lasts`` to all of it. Threads share it.

    Each key has its own time, so that what was asked together is not asked again together.

    Who is about to ask elsewhere notes the ``turn`` first and hands it to ``keep``: an answer from before a ``forget``
    is not kept after it.
    """

    def __init__(self, most: int, lasts: timedelta) -> None:
        self._most = most
        self._lasts = lasts
        self._lock = Lock()
        self._kept: dict[Key, tuple[datetime, Value]] = {}
        self._turn = 0

    @property
    def turn(self) -> int:
        """How often something was forgotten so far."""
        return self._turn

    def get(self, key: Key, now: datetime) -> Value | None:
        """What was kept under a key, unless its time is over."""
        found = self._kept.get(key)
        return found[1] if found is not None and now < found[0] else None

    def keep(self, key: Key, value: Value, now: datetime, turn: int | None = None) -> None:
        """Keep a value, unless something was forgotten after ``turn``; the oldest makes room."""
        with self._lock:
            if turn is not None and turn != self._turn:
                return
            self._kept.pop(key, None)
            if len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            share = 0.5 + hash(key) % _STEPS / _STEPS / 2
            self._kept[key] = (now + share * self._lasts, value)

    def forget(self, key: Key | None = None) -> None:
        """Forget one key's value; without a key, everything."""
        with self._lock:
            self._turn += 1
            if key is None:
                self._kept.clear()
            else:
                self._kept.pop(key, None)
