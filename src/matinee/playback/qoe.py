"""How well people watched: start-up, stalls and bit rates, over all and by edge. Pure, over samples.

A sample is one thing a player told: an event of ours or a CMCD report. Where a playback told both, the events count
for everything but the time to the first byte, so that nothing counts twice.

The figures are those that viewers leave over: a start-up above 2 s, and each percent of time spent stalled (Krishnan
and Sitaraman, IMC 2012).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

EVENTS, CMCD = "event", "cmcd"
# A player that was silent for longer was away, not watching.
_LONGEST_GAP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing a player told of a playback; None where it said nothing."""

    playback_id: str
    time: datetime
    source: str
    kind: str
    edge_id: str | None = None
    startup_seconds: float | None = None
    watched_seconds: float | None = None
    stalls: int | None = None
    stalled_seconds: float | None = None
    stalls_total: int | None = None
    stalled_total_seconds: float | None = None
    bitrate_bps: float | None = None
    playing: bool | None = None
    first_byte_seconds: float | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures over some playbacks. ``rebuffer_ratio`` is the part of the time that was spent stalled, 0 to 1."""

    playbacks: int = 0
    startup_p50_seconds: float | None = None
    startup_p95_seconds: float | None = None
    watched_seconds: float = 0.0
    stalls: int = 0
    stalled_seconds: float = 0.0
    rebuffer_ratio: float = 0.0
    stalls_per_hour: float = 0.0
    bitrate_bps: float | None = None
    failed: int = 0
    switched: int = 0
    first_byte_p95_seconds: float | None = None
    failed_responses: int = 0


@dataclass(frozen=True, slots=True)
class QoeSummary:
    """Quality of the last hours, over all and by edge; ``started`` counts presses of play, heard of again or not."""

    hours: float
    started: int
    overall: Quality
    by_edge: Mapping[str, Quality]


@dataclass(slots=True)
class _Tally:
    """Sums on their way to a Quality."""

    playbacks: set[str] = field(default_factory=set)
    startups: list[float] = field(default_factory=list)
    watched: float = 0.0
    stalls: int = 0
    stalled: float = 0.0
    bits: float = 0.0
    bits_over: float = 0.0
    failed: set[str] = field(default_factory=set)
    switched: int = 0
    first_bytes: list[float] = field(default_factory=list)
    failed_responses: int = 0

    def add(self, sample: Sample) -> None:
        """Count one sample of increments."""
        self.playbacks.add(sample.playback_id)
        if sample.startup_seconds is not None:
            self.startups.append(sample.startup_seconds)
        if sample.first_byte_seconds is not None:
            self.first_bytes.append(sample.first_byte_seconds)
        watched = sample.watched_seconds or 0.0
        self.watched += watched
        self.stalls += sample.stalls or 0
        self.stalled += sample.stalled_seconds or 0.0
        if sample.bitrate_bps is not None and watched:
            self.bits += sample.bitrate_bps * watched
            self.bits_over += watched
        if sample.kind in {"playback.failed", "e"}:
            self.failed.add(sample.playback_id)
        self.switched += sample.kind == "playback.switched"
        self.failed_responses += sample.status is not None and sample.status >= 400  # noqa: PLR2004 - HTTP's own number

    def quality(self) -> Quality:
        """What the sums say."""
        total = self.watched + self.stalled
        return Quality(
            playbacks=len(self.playbacks),
            startup_p50_seconds=percentile(self.startups, 0.5),
            startup_p95_seconds=percentile(self.startups, 0.95),
            watched_seconds=self.watched,
            stalls=self.stalls,
            stalled_seconds=self.stalled,
            rebuffer_ratio=self.stalled / total if total else 0.0,
            stalls_per_hour=self.stalls / (self.watched / 3600) if self.watched else 0.0,
            bitrate_bps=self.bits / self.bits_over if self.bits_over else None,
            failed=len(self.failed),
            switched=self.switched,
            first_byte_p95_seconds=percentile(self.first_bytes, 0.95),
            failed_responses=self.failed_responses,
        )


def summarise(samples: Iterable[Sample], hours: float, started: int) -> QoeSummary:
    """The quality that samples, in any order, tell of."""
    overall, by_edge = _Tally(), defaultdict[str, _Tally](_Tally)
    for told in _by_playback(samples).values():
        for sample in increments(told):
            overall.add(sample)
            if sample.edge_id:
                by_edge[sample.edge_id].add(sample)
    return QoeSummary(
        hours=hours,
        started=started,
        overall=overall.quality(),
        by_edge={edge_id: tally.quality() for edge_id, tally in sorted(by_edge.items())},
    )


def of_playback(samples: Iterable[Sample]) -> Quality:
    """The quality of one playback, out of its samples."""
    tally = _Tally()
    for sample in increments(sorted(samples, key=lambda sample: sample.time)):
        tally.add(sample)
    return tally.quality()


def increments(told: Sequence[Sample]) -> list[Sample]:
    """One playback's samples in order of time, each turned into what it adds to the ones before."""
    events = [sample for sample in told if sample.source == EVENTS]
    reports = [sample for sample in told if sample.source == CMCD]
    if events:
        return [*_on_its_edge(events), *_responses_only(reports)]
    return _differences(reports)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _by_playback(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    grouped: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        grouped[sample.playback_id].append(sample)
    return {playback_id: sorted(told, key=lambda sample: sample.time) for playback_id, told in grouped.items()}


def _on_its_edge(events: Sequence[Sample]) -> list[Sample]:
    """Events that name no edge happened at the one named last."""
    known: str | None = None
    placed = []
    for sample in events:
        known = sample.edge_id or known
        placed.append(replace(sample, edge_id=known))
    return placed


def _responses_only(reports: Sequence[Sample]) -> list[Sample]:
    return [
        Sample(
            sample.playback_id,
            sample.time,
            CMCD,
            "rr",
            edge_id=sample.edge_id,
            first_byte_seconds=sample.first_byte_seconds,
            status=sample.status,
        )
        for sample in reports
        if sample.first_byte_seconds is not None or sample.status is not None
    ]


def _differences(reports: Sequence[Sample]) -> list[Sample]:
    """CMCD tells totals (bsa, bsda) or increments (bs, bsd), and time only as stamps: made increments, all of it."""
    added = []
    stalls, stalled, bitrate = 0, 0.0, None
    playing_since: datetime | None = None
    for sample in reports:
        watched = 0.0
        if playing_since is not None:
            watched = min((sample.time - playing_since).total_seconds(), _LONGEST_GAP_SECONDS)
        new_stalls, new_stalled = sample.stalls or 0, sample.stalled_seconds or 0.0
        if sample.stalls_total is not None:
            new_stalls, stalls = max(0, sample.stalls_total - stalls), max(stalls, sample.stalls_total)
        if sample.stalled_total_seconds is not None:
            total = sample.stalled_total_seconds
            new_stalled, stalled = max(0.0, total - stalled), max(stalled, total)
        bitrate = sample.bitrate_bps if sample.bitrate_bps is not None else bitrate
        added.append(
            replace(
                sample, watched_seconds=watched, stalls=new_stalls, stalled_seconds=new_stalled, bitrate_bps=bitrate
            )
        )
        if sample.playing is not None:
            playing_since = sample.time if sample.playing else None
        elif playing_since is not None:
            playing_since = sample.time
    return added
