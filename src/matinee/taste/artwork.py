"""What came of the pictures by which titles were shown: a fold over the log, so that every copy knows the same.

An *outcome* is one profile that saw one title by one picture. Its reward is the share of the title that the profile
watched within a day of seeing it, and 0 until then: a play soon left says little for the picture that led to it. What a
profile has begun already has nothing to prove, and is left out; so is what is seen again by the same picture.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any

from matinee.model.events import Event, ImpressionShown, PlaybackHeartbeat, PlaybackStopped
from matinee.taste.interactions import History, enough
from matinee.taste.weights import liked

SITTING_SECONDS = 1800.0
"""A look at the page that goes on: so long after a picture was last seen, the title keeps it."""

LIKES = 5
"""So many titles that a profile liked last are the taste for which a picture is chosen."""

_SOON_SECONDS = 86_400.0
_KEPT = 20_000
_OF_A_PROFILE = 200
_USUAL_SECONDS = 5400.0
_LONGEST_NAME = 100

Key = tuple[str, str, str]
"""Profile, title, artwork."""


@dataclass(slots=True)
class Outcome:
    """What one profile did after it saw one title by one picture. Times are seconds since 1970.

    ``likes`` are the titles that it liked when it saw it, latest first: what was known when the picture was chosen.
    """

    profile_id: str
    title_id: str
    artwork: str
    propensity: float
    seen_at: float
    likes: tuple[str, ...] = ()
    watched_seconds: float = 0.0
    duration_seconds: float = 0.0

    @property
    def key(self) -> Key:
        """What there is one outcome of."""
        return (self.profile_id, self.title_id, self.artwork)

    @property
    def reward(self) -> float:
        """The share of the title that was watched, from 0 to 1; 0 for what does not count as a play."""
        if not enough(self.watched_seconds, self.duration_seconds):
            return 0.0
        return min(1.0, self.watched_seconds / (self.duration_seconds or _USUAL_SECONDS))


class Artworks:
    """The latest outcomes: at most ``kept`` of all profiles, and 200 of one; older ones go first.

    ``changes`` names, in order, the outcomes that came, changed or went, so that a learner need not begin anew.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._outcomes: dict[Key, Outcome] = {}
        self._seen: dict[str, dict[str, list[Outcome]]] = {}
        self._changes: deque[Key] = deque(maxlen=2 * kept)
        self._told = 0

    def __len__(self) -> int:
        return len(self._outcomes)

    def of(self, key: Key) -> Outcome | None:
        """An outcome, if it is kept."""
        return self._outcomes.get(key)

    def outcomes(self) -> Iterable[Outcome]:
        """All that are kept, oldest first."""
        return self._outcomes.values()

    def changes(self, after: int) -> tuple[list[Key] | None, int]:
        """What changed since a number that this gave before (None: more than is remembered), and the next number."""
        missed = self._told - after
        if not 0 <= missed <= len(self._changes):
            return None, self._told
        return list(islice(self._changes, len(self._changes) - missed, None)), self._told

    def looking(self, profile_id: str, at: float) -> dict[str, Outcome]:
        """By what each title is shown to a profile that is looking at it just now; no title whose sitting is over."""
        seen = self._seen.get(profile_id)
        if not seen:
            return {}
        latest = {title_id: max(outcomes, key=_seen_at) for title_id, outcomes in seen.items()}
        return {title_id: one for title_id, one in latest.items() if at < one.seen_at + SITTING_SECONDS}

    def fold(self, event: Event, at: float, history: History) -> None:
        """Take one event in, of a time in seconds since 1970. ``history`` is its profile's, with the event."""
        match event.facts:
            case ImpressionShown(artwork=str(artwork)) as shown if 0 < len(artwork) <= _LONGEST_NAME:
                self._see(shown, artwork, at, history)
            case PlaybackHeartbeat() | PlaybackStopped() as facts:
                self._watch(facts, at, history)

    def forget(self, profile_id: str, title_id: str | None = None) -> None:
        """Know nothing of a profile any more, or nothing of what it did with one title."""
        for known, seen in list(self._seen.get(profile_id, {}).items()):
            if title_id in {None, known}:
                for one in list(seen):
                    self._drop(one)

    def columns(self) -> dict[str, list[Any]]:
        """All outcomes, a list a field: what ``restore`` reads."""
        return {name: [getattr(one, name) for one in self._outcomes.values()] for name in _FIELDS}

    def restore(self, columns: Mapping[str, list[Any]]) -> None:
        """Begin with what was known before."""
        self._outcomes, self._seen = {}, {}
        for values in zip(*(columns[name] for name in _FIELDS), strict=True):
            told = dict(zip(_FIELDS, values, strict=True))
            self._add(Outcome(**{**told, "likes": tuple(told["likes"])}))

    def _see(self, shown: ImpressionShown, artwork: str, at: float, history: History) -> None:
        propensity = shown.artwork_propensity
        known = self._outcomes.get((shown.profile_id, shown.title_id, artwork))
        if known is not None:
            known.seen_at = max(known.seen_at, at)
            return
        play = history.plays.get(shown.title_id)
        if not propensity or (play is not None and play.watched_seconds > 0):
            return
        titles = self._seen.get(shown.profile_id, {})
        # Who looks on has the same likes: they are looked up once a sitting.
        latest = titles[next(reversed(titles))][-1] if titles else None
        if latest is not None and abs(at - latest.seen_at) < SITTING_SECONDS:
            likes = latest.likes
        else:
            likes = tuple(title_id for title_id, _ in liked(history)[:LIKES])
        self._add(Outcome(shown.profile_id, shown.title_id, artwork, propensity, at, likes))
        if len(titles) > _OF_A_PROFILE:
            for one in list(titles[next(iter(titles))]):
                self._drop(one)
        if len(self._outcomes) > self._kept:
            self._drop(next(iter(self._outcomes.values())))

    def _watch(self, facts: PlaybackHeartbeat | PlaybackStopped, at: float, history: History) -> None:
        seen = self._seen.get(facts.profile_id, {}).get(facts.title_id)
        if not seen:
            return
        before = [one for one in seen if one.seen_at <= at <= one.seen_at + _SOON_SECONDS]
        if not before or facts.watched_seconds <= 0:
            return
        latest = max(before, key=_seen_at)
        latest.watched_seconds += facts.watched_seconds
        play = history.plays.get(facts.title_id)
        latest.duration_seconds = play.duration_seconds if play is not None else latest.duration_seconds
        self._changed(latest)

    def _add(self, one: Outcome) -> None:
        self._outcomes[one.key] = one
        self._seen.setdefault(one.profile_id, {}).setdefault(one.title_id, []).append(one)
        self._changed(one)

    def _drop(self, one: Outcome) -> None:
        del self._outcomes[one.key]
        titles = self._seen[one.profile_id]
        titles[one.title_id].remove(one)
        if not titles[one.title_id]:
            del titles[one.title_id]
        if not titles:
            del self._seen[one.profile_id]
        self._changed(one)

    def _changed(self, one: Outcome) -> None:
        self._changes.append(one.key)
        self._told += 1


def _seen_at(one: Outcome) -> float:
    return one.seen_at


_FIELDS = tuple(field.name for field in fields(Outcome))
