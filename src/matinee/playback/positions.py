"""Where a title was left, and where to go on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_FINISHED_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Position:
    """Where a profile left a title."""

    position_seconds: float
    duration_seconds: float
    updated_at: datetime

    @property
    def finished(self) -> bool:
        """Whether so much was seen (95 %) that only the credits are left."""
        return self.position_seconds >= _FINISHED_SHARE * self.duration_seconds

    @property
    def resume_seconds(self) -> float:
        """Where to go on: at the start again once it was finished."""
        return 0.0 if self.finished else self.position_seconds


def position_from(row: Mapping[str, Any]) -> Position:
    """A position out of its row."""
    return Position(row["position_seconds"], row["duration_seconds"], row["updated_at"])
