"""How well people watched: start-up, stalls and bit rates, over all and by edge. Pure.

A *sample* is what one event of ours or one CMCD report adds to a playback. The database sums samples by playback,
source and edge into *shares*; here they become figures. Where a playback told both ways, its events count for
everything but responses, so that nothing counts twice.

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
    """What one thing that a player told adds to its playback; None where it said nothing.

    The totals count since the playback began, as CMCD v2 may tell them.
    """

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
class Share:
    """One playback's samples of one source at one edge, summed. ``bits`` were played over ``bits_seconds``."""

    playback_id: str
    source: str
    edge_id: str | None
    startup_seconds: float | None = None
    watched_seconds: float = 0.0
    stalls: int = 0
    stalled_seconds: float = 0.0
    bits: float = 0.0
    bits_seconds: float = 0.0
    failures: int = 0
    switches: int = 0
    failed_responses: int = 0


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


def summarise(
    shares: Iterable[Share], first_bytes: Iterable[tuple[str | None, float]], hours: float, started: int
) -> QoeSummary:
    """The quality that shares tell of; ``first_bytes`` are edges with seconds to a response's first byte."""
    by_playback: dict[str, list[Share]] = defaultdict(list)
    for share in shares:
        by_playback[share.playback_id].append(share)
    counted = [one for told in by_playback.values() for one in _once(told)]
    waits: dict[str | None, list[float]] = defaultdict(list)
    for edge_id, seconds in first_bytes:
        waits[edge_id].append(seconds)
    by_edge: dict[str, list[Share]] = defaultdict(list)
    for share in counted:
        if share.edge_id:
            by_edge[share.edge_id].append(share)
    return QoeSummary(
        hours=hours,
        started=started,
        overall=_quality(counted, [seconds for each in waits.values() for seconds in each]),
        by_edge={edge_id: _quality(told, waits[edge_id]) for edge_id, told in sorted(by_edge.items())},
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _once(told: Sequence[Share]) -> list[Share]:
    """One playback's shares, each thing counted by one source."""
    if not any(share.source == EVENTS for share in told):
        return list(told)
    responses = [
        Share(share.playback_id, CMCD, share.edge_id, failed_responses=share.failed_responses)
        for share in told
        if share.source == CMCD
    ]
    return [*(share for share in told if share.source == EVENTS), *responses]


def _quality(shares: Sequence[Share], first_bytes: Sequence[float]) -> Quality:
    watched = sum(share.watched_seconds for share in shares)
    stalled = sum(share.stalled_seconds for share in shares)
    stalls = sum(share.stalls for share in shares)
    bits_seconds = sum(share.bits_seconds for share in shares)
    startups = [share.startup_seconds for share in shares if share.startup_seconds is not None]
    return Quality(
        playbacks=len({share.playback_id for share in shares}),
        startup_p50_seconds=percentile(startups, 0.5),
        startup_p95_seconds=percentile(startups, 0.95),
        watched_seconds=watched,
        stalls=stalls,
        stalled_seconds=stalled,
        rebuffer_ratio=stalled / (watched + stalled) if watched + stalled else 0.0,
        stalls_per_hour=stalls / (watched / 3600) if watched else 0.0,
        bitrate_bps=sum(share.bits for share in shares) / bits_seconds if bits_seconds else None,
        failed=len({share.playback_id for share in shares if share.failures}),
        switched=sum(share.switches for share in shares),
        first_byte_p95_seconds=percentile(first_bytes, 0.95),
        failed_responses=sum(share.failed_responses for share in shares),
    )


@dataclass(slots=True)
class Course:
    """How far one playback's CMCD reports have come: what turns totals and time stamps into increments."""

    time: datetime | None = None
    playing: bool = False
    stalls: int = 0
    stalled_seconds: float = 0.0
    bitrate_bps: float | None = None
    reports: int = field(default=0)

    def increment(self, report: Sample) -> Sample:
        """A report as what it adds to the ones before it; a report from before them adds no time."""
        watched = 0.0
        if self.playing and self.time is not None:
            watched = min(max(0.0, (report.time - self.time).total_seconds()), _LONGEST_GAP_SECONDS)
        stalls, stalled = report.stalls or 0, report.stalled_seconds or 0.0
        if report.stalls_total is not None:
            stalls = max(0, report.stalls_total - self.stalls)
            self.stalls = max(self.stalls, report.stalls_total)
        if report.stalled_total_seconds is not None:
            stalled = max(0.0, report.stalled_total_seconds - self.stalled_seconds)
            self.stalled_seconds = max(self.stalled_seconds, report.stalled_total_seconds)
        if report.bitrate_bps is not None:
            self.bitrate_bps = report.bitrate_bps
        if self.time is None or report.time >= self.time:
            self.time = report.time
            self.playing = self.playing if report.playing is None else report.playing
        self.reports += 1
        return replace(
            report,
            watched_seconds=watched,
            stalls=stalls,
            stalled_seconds=stalled,
            bitrate_bps=self.bitrate_bps,
            playing=self.playing,
        )
