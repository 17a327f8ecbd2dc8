"""Where a title was left, and where to go on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# By then only the credits are left.
_FINISHED_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Position:
    """Where a profile left a title."""

    position_seconds: float
    duration_seconds: float
    updated_at: datetime

    @property
    def resume_seconds(self) -> float:
        """Where to go on."""
        return resume_at(self.position_seconds, self.duration_seconds)


def resume_at(position_seconds: float, duration_seconds: float) -> float:
    """Where to go on with what was left there: at the start again once so much was seen that only credits are left."""
    return 0.0 if 0 < _FINISHED_SHARE * duration_seconds <= position_seconds else position_seconds


def position_from(row: Mapping[str, Any]) -> Position:
    """A position out of its row."""
    return Position(row["position_seconds"], row["duration_seconds"], row["updated_at"])
