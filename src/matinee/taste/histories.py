"""All profiles' histories: the few that are in use as values, all others as bytes (``packing``).

A million profiles as objects are six gibibytes, and half a minute in which the collector looks through them.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from matinee.model.events import (
    Event,
    ImpressionShown,
    ListChanged,
    PlaybackHeartbeat,
    PlaybackStarted,
    PlaybackStopped,
    SearchChosen,
    TitleEncoded,
    TitleRated,
)
from matinee.taste.interactions import FINISHED_SHARE, Counted, History, Play, enough, whole_milliseconds
from matinee.taste.packing import pack, unpack
from matinee.taste.signs import Signs
from matinee.taste.titles import Titles

_TITLES_KEPT = 500
_IN_USE = 4096
_DAY_SECONDS = 86_400.0


class Histories:
    """All profiles' histories, of at most ``titles_kept`` titles each: the ones not touched for longest go first.

    The ``in_use`` asked for last are values; what ``of`` gave is not to be held on to. Not safe to share without
    a lock.
    """

    def __init__(self, titles_kept: int = _TITLES_KEPT, titles: Titles | None = None, in_use: int = _IN_USE) -> None:
        self._titles_kept = titles_kept
        self._titles = Titles() if titles is None else titles
        self._most_in_use = in_use
        # Every profile has its place here; those that changed since they were packed are right in ``_in_use`` only.
        self._packed: dict[str, bytes] = {}
        self._in_use: OrderedDict[str, History] = OrderedDict()
        self._changed: set[str] = set()
        self._durations: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def of(self, profile_id: str) -> History:
        """A profile's history; an empty one if nothing is known."""
        return self._known(profile_id) or History()

    def fold(self, event: Event, at: float) -> Counted | None:
        """Take one event in; what counts as a play from it on, if anything does.

        ``at`` is the event's time in seconds since 1970, which the caller keeps from lying in the future. A profile's
        plays of one title count once a day at most: a loop left running is one person's, not a crowd's.
        """
        at = whole_milliseconds(at)
        match event.facts:
            case TitleEncoded(title_id=title_id, presentation=presentation):
                duration = presentation.get("duration_seconds")
                if isinstance(duration, int | float) and duration > 0:
                    self._durations[title_id] = whole_milliseconds(duration)
                return None
            case PlaybackStarted(profile_id=profile_id, title_id=title_id, region=region):
                history, play = self._play(profile_id, title_id, at)
                history.region = region or history.region
                play.last_at = max(play.last_at, at)
                return None
            case PlaybackHeartbeat() | PlaybackStopped() as facts:
                return self._watch(facts, at)
            case TitleRated() | ListChanged() | SearchChosen() | ImpressionShown() as sign:
                history = self._history(sign.profile_id)
                if history.signs is None:
                    history.signs = Signs()
                history.signs.fold(sign, at)
                return None
        return None

    def forget(self, profile_id: str) -> History:
        """Know a profile no more; what was known of it."""
        history = self.of(profile_id)
        self._packed.pop(profile_id, None)
        self._in_use.pop(profile_id, None)
        self._changed.discard(profile_id)
        return history

    def part(self, profile_id: str, title_id: str) -> None:
        """Know no more that a profile watched a title."""
        self._history(profile_id).plays.pop(title_id, None)

    def durations(self) -> dict[str, float]:
        """How long titles last, in seconds, as their encodes told."""
        return self._durations

    def bodies(self) -> Iterable[tuple[str, bytes]]:
        """Every profile with its history as bytes."""
        for profile_id in self._changed:
            self._packed[profile_id] = pack(self._in_use[profile_id], self._titles)
        self._changed.clear()
        return self._packed.items()

    def restore(self, bodies: dict[str, bytes], durations: dict[str, float]) -> None:
        """Begin with what was known before, by the numbers of the same titles."""
        self._packed, self._durations = bodies, durations
        self._in_use.clear()
        self._changed.clear()

    def _known(self, profile_id: str) -> History | None:
        history = self._in_use.get(profile_id)
        if history is not None:
            self._in_use.move_to_end(profile_id)
            return history
        body = self._packed.get(profile_id)
        if body is None:
            return None
        return self._use(profile_id, unpack(body, self._titles))

    def _use(self, profile_id: str, history: History) -> History:
        self._in_use[profile_id] = history
        while len(self._in_use) > self._most_in_use:
            other_id, other = self._in_use.popitem(last=False)
            if other_id in self._changed:
                self._changed.remove(other_id)
                self._packed[other_id] = pack(other, self._titles)
        return history

    def _history(self, profile_id: str) -> History:
        """A profile's history, to be changed."""
        history = self._known(profile_id)
        if history is None:
            self._packed[profile_id] = b""
            history = self._use(profile_id, History())
        self._changed.add(profile_id)
        return history

    def _watch(self, facts: PlaybackHeartbeat | PlaybackStopped, at: float) -> Counted | None:
        history, play = self._play(facts.profile_id, facts.title_id, at)
        if facts.duration_seconds and facts.duration_seconds > 0:
            play.duration_seconds = whole_milliseconds(facts.duration_seconds)
        elif not play.duration_seconds:
            play.duration_seconds = self._durations.get(facts.title_id, 0.0)
        ended = isinstance(facts, PlaybackStopped) and facts.ended
        at_end = ended or 0 < FINISHED_SHARE * play.duration_seconds <= facts.position_seconds
        play.finished = play.finished or at_end
        if at >= play.position_at:
            position = max(0.0, whole_milliseconds(facts.position_seconds))
            play.position_seconds = min(position, play.duration_seconds) if play.duration_seconds else position
            play.done = at_end
            play.position_at = at
        play.last_at = max(play.last_at, at)
        seconds = max(0.0, float(facts.watched_seconds))
        play.watched_seconds = whole_milliseconds(play.watched_seconds + seconds)
        play.fresh_seconds = whole_milliseconds(play.fresh_seconds + seconds)
        if at < play.counted_at + _DAY_SECONDS or not enough(play.fresh_seconds, play.duration_seconds):
            return None
        first = not play.watched
        play.counted_at = at
        play.fresh_seconds = 0.0
        return Counted(facts.profile_id, facts.title_id, history.region, at, first)

    def _play(self, profile_id: str, title_id: str, at: float) -> tuple[History, Play]:
        history = self._history(profile_id)
        play = history.plays.get(title_id)
        if play is None:
            if len(history.plays) >= self._titles_kept:
                oldest = min(history.plays, key=lambda known: (history.plays[known].last_at, known))
                del history.plays[oldest]
            play = history.plays[title_id] = Play(last_at=at)
        return history, play
