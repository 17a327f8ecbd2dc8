"""Facts that others learn later. One schema, versioned; additions only.

Every event carries an id (unique: a repeat is harmless), a time (UTC), its source and its facts. Each class below is
the facts of one type; ``FACTS`` maps type names to classes. Facts hold text, numbers, booleans, None and JSON values.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar, get_origin, get_type_hints

from matinee.model.errors import Invalid

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Facts:
    """What an event says; subclasses name their event type."""

    type: ClassVar[str]


@dataclass(frozen=True, slots=True)
class TitleEncoded(Facts):
    """A revision stands in the object store, whole. ``presentation`` is ``model.media.Presentation`` as JSON."""

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


@dataclass(frozen=True, slots=True)
class PlaybackHeartbeat(Facts):
    """A play goes on. ``watched_seconds`` were played since the last heartbeat of this playback; stalls likewise."""

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
    """A title was seen on a page, at this place of this row (both from zero)."""

    type: ClassVar[str] = "impression.shown"
    profile_id: str
    title_id: str
    row_id: str
    row: int
    place: int


@dataclass(frozen=True, slots=True)
class SearchMade(Facts):
    """A profile searched; ``found`` titles matched."""

    type: ClassVar[str] = "search.made"
    profile_id: str
    query: str
    found: int


@dataclass(frozen=True, slots=True)
class EdgeChanged(Facts):
    """An edge came, went silent, was drained or was taken back; ``reason`` is a sentence."""

    type: ClassVar[str] = "edge.changed"
    edge_id: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class MemberForgotten(Facts):
    """What a member's profile did until a time (seconds since 1970) is to be known no more, wherever it is kept."""

    type: ClassVar[str] = "member.forgotten"
    member_id: str
    profile_id: str
    until_seconds: float


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
        EdgeChanged,
        MemberForgotten,
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


def facts_from(kind: str, values: Mapping[str, Any]) -> Facts:
    """The facts of an event type out of JSON values; unknown names are ignored, so that old readers bear new writers.

    Raises Invalid with a sentence for an unknown type, a missing name or a value of the wrong kind.
    """
    facts = FACTS.get(kind)
    if facts is None:
        raise Invalid(f"There is no event type {kind!r}.")
    chosen: dict[str, Any] = {}
    for field in _shape(kind):
        if field.name in values:
            value = values[field.name]
            if type(value) not in field.kinds or (type(value) is float and not math.isfinite(value)):
                raise _wrong(kind, field, value)
            chosen[field.name] = value
        elif field.needed:
            raise Invalid(f"An event {kind} needs {field.name!r}.")
    return facts(**chosen)


@dataclass(frozen=True, slots=True)
class _Field:
    """A fact's name, the kinds of JSON value it takes, and whether it may be left out."""

    name: str
    kinds: frozenset[type]
    needed: bool


_KINDS: Mapping[object, frozenset[type]] = {
    float: frozenset({float, int}),
    int: frozenset({int}),
    str: frozenset({str}),
    bool: frozenset({bool}),
    type(None): frozenset({type(None)}),
    Mapping: frozenset({dict}),
}


# Every reader of the log asks for these once an event: they are found once.
@cache
def _shape(kind: str) -> tuple[_Field, ...]:
    facts = FACTS[kind]
    hints = get_type_hints(facts)
    shape = []
    for field in fields(facts):
        hint = hints[field.name]
        parts = [Mapping] if get_origin(hint) is Mapping else getattr(hint, "__args__", (hint,))
        kinds = frozenset[type]().union(*(_KINDS[part] for part in parts))
        shape.append(_Field(field.name, kinds, needed=field.default is MISSING))
    return tuple(shape)


def _wrong(kind: str, field: _Field, value: Any) -> Invalid:
    if dict in field.kinds:
        return Invalid(f"In an event {kind}, {field.name!r} must be an object.")
    if type(value) in field.kinds:
        return Invalid(f"In an event {kind}, {field.name!r} must be a finite number.")
    wanted = next(wanted for wanted in (float, int, str, bool) if wanted in field.kinds)
    return Invalid(f"In an event {kind}, {field.name!r} must be of type {wanted.__name__}.")


# Made once: json.dumps makes one anew wherever its arguments are not the usual ones.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def to_json(event: Event) -> str:
    """The event as one line of JSON. Raises Invalid if a fact is not a finite number: nobody could read it."""
    facts = event.facts
    names: tuple[str, ...] = facts.__slots__
    try:
        return _encode(
            {
                "version": SCHEMA_VERSION,
                "id": event.id,
                "type": facts.type,
                "time": event.time.astimezone(UTC).isoformat(),
                "source": event.source,
                "facts": {name: getattr(facts, name) for name in names},
            }
        )
    except ValueError as error:
        raise Invalid(f"The event {event.id!r} ({event.type}) cannot be written: {error}.") from error


def from_json(text: str) -> Event:
    """The event out of ``to_json``'s line. Raises Invalid if the line is not one."""
    try:
        value = json.loads(text)
        time = datetime.fromisoformat(value["time"])
        named = isinstance(value["id"], str) and isinstance(value["source"], str)
        if not named or time.tzinfo is None:
            raise Invalid("An event's id and source are text, and its time says its zone.")
        facts = facts_from(value["type"], value["facts"])
        return Event(id=value["id"], time=time.astimezone(UTC), source=value["source"], facts=facts)
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(f"This is not an event: {error}.") from error
