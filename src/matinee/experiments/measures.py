"""What exposed profiles did, folded from the log's events in their order. Pure.

A profile is measured in each experiment from its first exposure on, for the experiment's window: plays begun and
seconds watched, by the events' own times. Its past (the ``PAST_DAYS`` days before the day of that exposure) is kept
beside it for CUPED, out of sums by profile and day.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from matinee.experiments.lifecycle import Source
from matinee.model.events import (
    Event,
    ExperimentExposed,
    MemberForgotten,
    PlaybackHeartbeat,
    PlaybackStarted,
    PlaybackStopped,
)

PAST_DAYS = 28
_LONGEST_STEP_SECONDS = 3600.0


@dataclass(slots=True)
class Sum:
    """Plays begun, and seconds watched."""

    starts: int = 0
    watched_seconds: float = 0.0

    def add(self, starts: int, watched_seconds: float) -> None:
        """Count more."""
        self.starts += starts
        self.watched_seconds += watched_seconds


@dataclass(slots=True)
class Exposure:
    """A profile in an experiment: ``done`` since its first exposure, ``past`` before it."""

    experiment_id: str
    profile_id: str
    arm: str
    source: Source
    exposed_at: datetime
    done: Sum = field(default_factory=Sum)
    past: Sum = field(default_factory=Sum)


@dataclass(slots=True)
class Measures:
    """What is known of the profiles of some events, and after ``fold`` what is to be kept of them.

    ``windows``: seconds by experiment. ``days``: sums by profile and day (2026-11-22). ``forgotten``: until when events
    of a profile are to be known no more, in seconds since 1970. What ``fold`` changed stands in ``changed``,
    ``changed_days`` and ``gone`` (profiles of which nothing is to be left but what was changed since).
    """

    windows: Mapping[str, float]
    exposures: dict[str, dict[str, Exposure]] = field(default_factory=dict)
    days: dict[str, dict[str, Sum]] = field(default_factory=dict)
    forgotten: dict[str, float] = field(default_factory=dict)
    changed: set[tuple[str, str]] = field(default_factory=set)
    changed_days: set[tuple[str, str]] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def fold(self, events: Iterable[Event]) -> None:
        """Take events in, in the log's order."""
        for event in events:
            facts = event.facts
            if isinstance(facts, MemberForgotten):
                self._forget(facts)
                continue
            profile_id = getattr(facts, "profile_id", None)
            if profile_id is None or event.time.timestamp() <= self.forgotten.get(profile_id, -1.0):
                continue
            match facts:
                case ExperimentExposed():
                    self._expose(facts, event)
                case PlaybackStarted():
                    self._count(profile_id, event.time, 1, 0.0)
                case PlaybackHeartbeat(watched_seconds=seconds) | PlaybackStopped(watched_seconds=seconds):
                    # A player's word: no step between two of them is longer than this.
                    self._count(profile_id, event.time, 0, min(max(0.0, seconds), _LONGEST_STEP_SECONDS))

    def _expose(self, facts: ExperimentExposed, event: Event) -> None:
        mine = self.exposures.setdefault(facts.profile_id, {})
        if facts.experiment_id in mine or facts.experiment_id not in self.windows:
            return
        past = Sum()
        for day, done in self.days.get(facts.profile_id, {}).items():
            if _is_past(day, event.time):
                past.add(done.starts, done.watched_seconds)
        source = Source.GENERATED if event.source == Source.GENERATED else Source.MEMBERS
        mine[facts.experiment_id] = Exposure(
            facts.experiment_id, facts.profile_id, facts.arm, source, event.time, past=past
        )
        self.changed.add((facts.profile_id, facts.experiment_id))

    def _count(self, profile_id: str, at: datetime, starts: int, watched_seconds: float) -> None:
        day = day_of(at)
        self.days.setdefault(profile_id, {}).setdefault(day, Sum()).add(starts, watched_seconds)
        self.changed_days.add((profile_id, day))
        for experiment_id, exposure in self.exposures.get(profile_id, {}).items():
            if 0 <= (at - exposure.exposed_at).total_seconds() < self.windows.get(experiment_id, 0.0):
                exposure.done.add(starts, watched_seconds)
            elif _is_past(day, exposure.exposed_at):
                # A player that was offline tells late of what no arm had a part in.
                exposure.past.add(starts, watched_seconds)
            else:
                continue
            self.changed.add((profile_id, experiment_id))

    def _forget(self, facts: MemberForgotten) -> None:
        profile_id = facts.profile_id
        self.forgotten[profile_id] = max(facts.until_seconds, self.forgotten.get(profile_id, -1.0))
        self.exposures.pop(profile_id, None)
        self.days.pop(profile_id, None)
        self.changed = {key for key in self.changed if key[0] != profile_id}
        self.changed_days = {key for key in self.changed_days if key[0] != profile_id}
        self.gone.add(profile_id)


def profiles_of(events: Iterable[Event]) -> set[str]:
    """The profiles that the events are about."""
    kinds = (ExperimentExposed, PlaybackStarted, PlaybackHeartbeat, PlaybackStopped, MemberForgotten)
    return {event.facts.profile_id for event in events if isinstance(event.facts, kinds)}


def _is_past(day: str, exposed_at: datetime) -> bool:
    return day_of(exposed_at - timedelta(days=PAST_DAYS)) <= day < day_of(exposed_at)


def day_of(time: datetime) -> str:
    """The day in UTC, as ``2026-11-22``."""
    return time.date().isoformat()
