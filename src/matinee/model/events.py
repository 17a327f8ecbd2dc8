"""Facts that others learn later. One schema, versioned; additions only.

Every event carries an id (unique: a repeat is harmless), a time (UTC), its source and its facts. Each class below is
the facts of one type; ``FACTS`` maps type names to classes. Facts hold text, numbers, booleans, None and JSON values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Facts:
    """What an event says; subclasses name their event type."""

    type: ClassVar[str]


@dataclass(frozen=True, slots=True)
class TitleEncoded(Facts):
    """A revision stands in the object store, whole or growing. ``presentation`` is a ``model.media.Presentation``."""

    type: ClassVar[str] = "title.encoded"
    title_id: str
    revision: str
    presentation: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TitleEncodingFailed(Facts):
    """An encode ended without renditions; ``message`` is a sentence for the operator."""

    type: ClassVar[str] = "title.encoding_failed"
    title_id: str
    message: str


@dataclass(frozen=True, slots=True)
class TitlePublished(Facts):
    """A title can be played from this revision on."""

    type: ClassVar[str] = "title.published"
    title_id: str
    revision: str


@dataclass(frozen=True, slots=True)
class TitleWithdrawn(Facts):
    """A title can no longer be played."""

    type: ClassVar[str] = "title.withdrawn"
    title_id: str


@dataclass(frozen=True, slots=True)
class PlaybackStarted(Facts):
    """A first frame was shown. ``startup_seconds`` counts from the press of play."""

    type: ClassVar[str] = "playback.started"
    playback_id: str
    profile_id: str
    title_id: str
    edge_id: str | None = None
    region: str | None = None
    startup_seconds: float | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class PlaybackHeartbeat(Facts):
    """A play goes on. ``watched_seconds`` were played since the last heartbeat of this playback; stalls likewise.

    ``device`` is of ``model.devices``' kinds.
    """

    type: ClassVar[str] = "playback.heartbeat"
    playback_id: str
    profile_id: str
    title_id: str
    position_seconds: float
    watched_seconds: float
    duration_seconds: float | None = None
    edge_id: str | None = None
    bitrate_bps: float | None = None
    buffer_seconds: float | None = None
    stalls: int = 0
    stalled_seconds: float = 0.0
    device: str | None = None


@dataclass(frozen=True, slots=True)
class PlaybackStopped(Facts):
    """A play ended, at its end or before. ``watched_seconds`` as in a heartbeat."""

    type: ClassVar[str] = "playback.stopped"
    playback_id: str
    profile_id: str
    title_id: str
    position_seconds: float
    watched_seconds: float = 0.0
    duration_seconds: float | None = None
    ended: bool = False
    device: str | None = None


@dataclass(frozen=True, slots=True)
class PlaybackFailed(Facts):
    """A play could not go on; ``reason`` is the player's sentence."""

    type: ClassVar[str] = "playback.failed"
    playback_id: str
    profile_id: str
    title_id: str
    reason: str
    position_seconds: float | None = None
    edge_id: str | None = None


@dataclass(frozen=True, slots=True)
class PlaybackSwitched(Facts):
    """A running player moved to another edge."""

    type: ClassVar[str] = "playback.switched"
    playback_id: str
    profile_id: str
    title_id: str
    from_edge_id: str
    to_edge_id: str
    position_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ImpressionShown(Facts):
    """A title was seen on a page, at this place of this row (both from zero).

    ``experiment`` names what decided that it stood there, and ``propensity`` how likely that was (0 to 1), where chance
    had a part in it. ``artwork`` is the picture by which it was shown, where it has several, and ``artwork_propensity``
    how likely that one was.
    """

    type: ClassVar[str] = "impression.shown"
    profile_id: str
    title_id: str
    row_id: str
    row: int
    place: int
    experiment: str | None = None
    propensity: float | None = None
    artwork: str | None = None
    artwork_propensity: float | None = None


@dataclass(frozen=True, slots=True)
class SearchMade(Facts):
    """A profile searched; ``found`` titles matched."""

    type: ClassVar[str] = "search.made"
    profile_id: str
    query: str
    found: int


@dataclass(frozen=True, slots=True)
class SearchChosen(Facts):
    """Of what a search found, a title was opened, at this place of the results (from zero)."""

    type: ClassVar[str] = "search.chosen"
    profile_id: str
    title_id: str
    query: str
    place: int


@dataclass(frozen=True, slots=True)
class TitleRated(Facts):
    """A profile gave its thumbs to a title: ``down``, ``up`` or ``love`` (two of them up); None takes them back."""

    type: ClassVar[str] = "title.rated"
    profile_id: str
    title_id: str
    rating: str | None


@dataclass(frozen=True, slots=True)
class ListChanged(Facts):
    """A profile put a title on its list, or took it off."""

    type: ClassVar[str] = "list.changed"
    profile_id: str
    title_id: str
    listed: bool


@dataclass(frozen=True, slots=True)
class EdgeChanged(Facts):
    """An edge came, went silent, was drained or was taken back; ``reason`` is a sentence."""

    type: ClassVar[str] = "edge.changed"
    edge_id: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class PlanApplied(Facts):
    """An edge obeys a plan from now on: it fills what is missing, and what it holds besides may leave."""

    type: ClassVar[str] = "plan.applied"
    edge_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class DemandExpected(Facts):
    """Plays that are expected in a region, by title, in the hour and in the day from a time on (seconds since 1970).

    Of each region the latest such event counts; a title that it does not name is expected hardly at all.
    """

    type: ClassVar[str] = "demand.expected"
    region: str
    from_seconds: float
    hour: Mapping[str, float]
    day: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ExperimentExposed(Facts):
    """A page was made for a profile under an arm of an experiment. Source ``generated``: the profile is nobody's."""

    type: ClassVar[str] = "experiment.exposed"
    experiment_id: str
    arm: str
    profile_id: str


@dataclass(frozen=True, slots=True)
class MemberForgotten(Facts):
    """What a member's profile did until a time (seconds since 1970) is to be known no more, wherever it is kept."""

    type: ClassVar[str] = "member.forgotten"
    member_id: str
    profile_id: str
    until_seconds: float


@dataclass(frozen=True, slots=True)
class WatchForgotten(Facts):
    """That a profile watched a title until a time (seconds since 1970) is to be known no more; what it said stays."""

    type: ClassVar[str] = "watch.forgotten"
    profile_id: str
    title_id: str
    until_seconds: float


PLAYER_TYPES = frozenset(
    kind.type
    for kind in (
        PlaybackStarted,
        PlaybackHeartbeat,
        PlaybackStopped,
        PlaybackFailed,
        PlaybackSwitched,
        ImpressionShown,
        SearchMade,
        SearchChosen,
    )
)
"""The types that players and pages send: nearly all that there is in a log."""

FACTS: Mapping[str, type[Facts]] = {
    kind.type: kind
    for kind in (
        TitleEncoded,
        TitleEncodingFailed,
        TitlePublished,
        TitleWithdrawn,
        PlaybackStarted,
        PlaybackHeartbeat,
        PlaybackStopped,
        PlaybackFailed,
        PlaybackSwitched,
        ImpressionShown,
        SearchMade,
        SearchChosen,
        TitleRated,
        ListChanged,
        EdgeChanged,
        PlanApplied,
        DemandExpected,
        ExperimentExposed,
        MemberForgotten,
        WatchForgotten,
    )
}


@dataclass(frozen=True, slots=True)
class Event:
    """One fact with its envelope. ``time`` is aware and in UTC; ``source`` names the process or client that saw it."""

    id: str
    time: datetime
    source: str
    facts: Facts

    @property
    def type(self) -> str:
        """The name of the event's type, as ``playback.heartbeat``."""
        return self.facts.type
