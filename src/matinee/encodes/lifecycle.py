"""What an encoding job is, and which states follow which."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JobState(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING}),
    # To itself: a worker died, and another goes on.
    JobState.RUNNING: frozenset({JobState.RUNNING, JobState.QUEUED, JobState.DONE, JobState.FAILED}),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED}),
}


def before(state: JobState) -> tuple[JobState, ...]:
    """The states from which a job may come into this one."""
    return tuple(source for source, targets in TRANSITIONS.items() if state in targets)


class RenditionState(StrEnum):
    """Where one rendition of a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class JobRendition:
    """One rendition of a job. ``frames`` is None for sound and until it is done; ``seconds`` is what making it took."""

    name: str
    state: RenditionState
    progress: float
    frames: int | None = None
    size_bytes: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One source on its way to a revision of a title.

    ``progress`` runs from 0 to 1; ``stage`` is a word for people. ``attempts`` counts starts; ``failures`` those since
    something was last finished. ``message`` is a sentence: why it failed, or why it waits.
    """

    id: str
    title_id: str
    name: str
    source_key: str
    source_name: str
    priority: int
    state: JobState
    stage: str
    progress: float
    message: str | None
    attempts: int
    failures: int
    revision: str | None
    owner: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    renditions: tuple[JobRendition, ...] = ()
