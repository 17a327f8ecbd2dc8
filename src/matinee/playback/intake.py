"""Client events as they come in: what a player may say, checked before anything is kept. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from matinee.event_json import facts_from
from matinee.model.devices import DEVICE_KIND, DeviceKind
from matinee.model.errors import Invalid, NotFound
from matinee.model.events import (
    FACTS,
    PLAYER_TYPES,
    Event,
    Facts,
    ImpressionShown,
    PlaybackFailed,
    PlaybackHeartbeat,
    PlaybackStarted,
    PlaybackStopped,
    PlaybackSwitched,
    SearchChosen,
    SearchMade,
)
from matinee.playback import qoe

PLAYBACK_FACTS = (PlaybackStarted, PlaybackHeartbeat, PlaybackStopped, PlaybackFailed, PlaybackSwitched)
PLAYBACK_TYPES = frozenset(kind.type for kind in PLAYBACK_FACTS)
PROFILE_TYPES = frozenset(kind.type for kind in (ImpressionShown, SearchMade, SearchChosen))
_TYPES = PLAYER_TYPES
_ENVELOPE = frozenset({"id", "type", "time", "facts"})
_EVENT_ID = re.compile(r"[!-~]{1,100}")
# NUL and lone surrogates are text that no database keeps.
_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_LONGEST_TEXT = 500
_IDS = frozenset({"profile_id", "title_id", "playback_id"})
_LONGEST_ID = 64
_OLDEST = timedelta(days=30)
# Beyond any length in seconds, any rate and any count.
_MOST: Mapping[str, float] = {
    "position_seconds": 1e7,
    "watched_seconds": 1e7,
    "duration_seconds": 1e7,
    "startup_seconds": 1e7,
    "stalled_seconds": 1e7,
    "buffer_seconds": 1e7,
    "bitrate_bps": 1e12,
    "stalls": 1e6,
    "row": 1e6,
    "place": 1e6,
    "propensity": 1.0,
    "artwork_propensity": 1.0,
    "found": 1e9,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One event of a batch before it is known whose it is. ``place`` counts from zero."""

    place: int
    id: str
    type: str
    time: datetime
    values: Mapping[str, Any]


def read_sent(place: int, values: Any, now: datetime) -> Sent:
    """An event's envelope and facts, the facts flat or under ``facts``; Invalid names its place."""
    if not isinstance(values, Mapping):
        raise Invalid(f"Event {place} is not an object.")
    event_id, kind, facts = values.get("id"), values.get("type"), values.get("facts", {})
    if not isinstance(event_id, str) or not _EVENT_ID.fullmatch(event_id):
        raise Invalid(f"Event {place} needs an 'id' of 1 to 100 printable ASCII characters.")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise Invalid(f"Event {place} has the type {kind!r:.60}, which is none that a player may send.")
    if not isinstance(facts, Mapping):
        raise Invalid(f"Event {place} has 'facts' that are not an object.")
    told = {name: value for name, value in values.items() if name not in _ENVELOPE}
    told.update(facts)
    for name, value in told.items():
        if isinstance(value, str) and _unfit(name, value):
            raise Invalid(f"In event {place}, {name!r:.60} is too long or holds a character that no text has.")
    return Sent(place, event_id, kind, _time(place, values.get("time"), now), told)


def _unfit(name: str, text: str) -> bool:
    longest = _LONGEST_ID if name in _IDS or "edge_id" in name else _LONGEST_TEXT
    if len(text) > longest:
        return True
    # Most text is an id: seen to be sane at once.
    return not (text.isascii() and text.isprintable()) and _NO_TEXT.search(text) is not None


def _time(place: int, text: Any, now: datetime) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        aware = time.tzinfo is not None
        time = time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        aware, time = False, now
    if not aware:
        raise Invalid(f"Event {place} needs a 'time' like 2026-01-31T18:30:00Z.")
    if time < now - _OLDEST:
        raise Invalid(f"Event {place} is of {text}; events of more than 30 days ago are not taken.")
    return min(time, now)


def event_of(sent: Sent, member_id: str, owners: Mapping[str, Mapping[str, Any]], profiles: frozenset[str]) -> Event:
    """The event, with what the service knows better filled in.

    ``owners`` are the playbacks of the batch by id, ``profiles`` the member's own. NotFound if it is about another's;
    Invalid if its facts are not right.
    """
    values = sent.values
    if sent.type in PLAYBACK_TYPES:
        owner = owners.get(str(values.get("playback_id")))
        if owner is None or owner["member_id"] != member_id:
            raise NotFound(f"Event {sent.place} is about a playback that does not exist, or is not yours.")
        values = {**values, "profile_id": owner["profile_id"], "title_id": owner["title_id"], "region": owner["region"]}
        values["device"] = kind_told(owner["device"])
        if owner["duration_seconds"]:
            values["duration_seconds"] = owner["duration_seconds"]
    elif str(values.get("profile_id")) not in profiles:
        raise NotFound(f"Event {sent.place} is about a profile that does not exist, or is not yours.")
    try:
        facts = facts_from(sent.type, values)
    except Invalid as error:
        raise Invalid(f"Event {sent.place}: {error}") from error
    return Event(id=sent.id, time=sent.time, source="player", facts=_checked(sent.place, facts))


def kind_told(device: str) -> str | None:
    """The kind of device that a playback was started on, out of what was kept of it; None if that tells none."""
    kind = json.loads(device).get(DEVICE_KIND)
    return kind if isinstance(kind, str) and kind in set(DeviceKind) else None


def _checked(place: int, facts: Facts) -> Facts:
    """Facts whose amounts can be true: a position lies within its title, however long the player thinks it is."""
    for name in _amounts(type(facts).type):
        amount = getattr(facts, name)
        if amount is not None and not 0 <= amount <= _MOST[name]:
            raise Invalid(f"In event {place}, {name!r} cannot be {amount}.")
    if isinstance(facts, (PlaybackHeartbeat, PlaybackStopped)):
        length = facts.duration_seconds or facts.position_seconds
        if facts.position_seconds > length or length != facts.duration_seconds:
            facts = replace(facts, duration_seconds=length, position_seconds=min(facts.position_seconds, length))
    return facts


@cache
def _amounts(kind: str) -> tuple[str, ...]:
    return tuple(field.name for field in fields(FACTS[kind]) if field.name in _MOST)


def position_of(event: Event) -> Mapping[str, Any] | None:
    """Where a title was left, if the event says."""
    facts = event.facts
    if not isinstance(facts, (PlaybackHeartbeat, PlaybackStopped)):
        return None
    length = facts.duration_seconds or 0.0
    ended = isinstance(facts, PlaybackStopped) and facts.ended
    return {
        "profile_id": facts.profile_id,
        "title_id": facts.title_id,
        "position_seconds": length if ended else facts.position_seconds,
        "duration_seconds": length,
        "updated_at": event.time,
    }


def sample_of_event(event: Event) -> qoe.Sample | None:
    """What the event says of a playback's quality, if it is about one."""
    facts = event.facts
    match facts:
        case PlaybackStarted():
            told: dict[str, Any] = {"edge_id": facts.edge_id, "startup_seconds": facts.startup_seconds}
        case PlaybackHeartbeat():
            told = {
                "edge_id": facts.edge_id,
                "watched_seconds": facts.watched_seconds,
                "stalls": facts.stalls,
                "stalled_seconds": facts.stalled_seconds,
                "bitrate_bps": facts.bitrate_bps,
            }
        case PlaybackStopped():
            told = {"watched_seconds": facts.watched_seconds}
        case PlaybackFailed():
            told = {"edge_id": facts.edge_id}
        case PlaybackSwitched():
            told = {"edge_id": facts.to_edge_id}
        case _:
            return None
    return qoe.Sample(playback_id=facts.playback_id, time=event.time, source=qoe.EVENTS, kind=event.type, **told)
