"""The machine's clock."""

from datetime import UTC, datetime
from threading import Lock


class SystemClock:
    """``ports.Clock`` on the system's time; stands still while the system's runs backwards."""

    def __init__(self) -> None:
        self._latest = datetime.now(UTC)
        self._lock = Lock()

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        with self._lock:
            self._latest = max(self._latest, datetime.now(UTC))
            return self._latest
