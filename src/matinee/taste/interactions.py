"""What each profile did with each title, and said of it: a fold over the events, in whatever order they come.

A position is the one with the latest time, so a straggler cannot turn a play back. Seconds watched only add up, so
their sum does not depend on order. A repeat of an event is the log's to drop, not ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

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
from matinee.taste.signs import DOWN, LOVE, PASSED_SITTINGS, UP, Signs

FINISHED_SHARE = 0.95
"""Credits roll by then: the play is done."""

_TITLES_KEPT = 500
_SHORTEST_SECONDS = 5.0
_SHORTEST_SHARE = 0.05
_SURELY_SECONDS = 60.0
_DAY_SECONDS = 86_400.0
_NEVER = float("-inf")


@dataclass(slots=True)
class Play:
    """One profile and one title. Times are seconds since 1970; ``duration_seconds`` is 0 while nobody has told it.

    ``done`` says that the latest position is at the end, ``finished`` that one ever was. ``fresh_seconds`` were watched
    since the play was last counted (``counted_at``).
    """

    position_seconds: float = 0.0
    duration_seconds: float = 0.0
    watched_seconds: float = 0.0
    fresh_seconds: float = 0.0
    last_at: float = _NEVER
    position_at: float = _NEVER
    counted_at: float = _NEVER
    done: bool = False
    finished: bool = False

    @property
    def watched(self) -> bool:
        """Whether so much was watched that it says something about taste."""
        return self.counted_at > _NEVER

    @property
    def placed(self) -> bool:
        """Whether anybody told a position."""
        return self.position_at > _NEVER

    @property
    def in_progress(self) -> bool:
        """Whether there is something to go on with: begun in earnest, and not at its end."""
        return not self.done and max(self.position_seconds, self.watched_seconds) >= _SHORTEST_SECONDS


@dataclass(slots=True)
class History:
    """What one profile did: its region, as last heard, and its plays by title id; ``signs`` where it gave any."""

    region: str | None = None
    plays: dict[str, Play] = field(default_factory=dict)
    signs: Signs | None = None

    def latest(self) -> list[tuple[str, Play]]:
        """The plays, latest first; those of one moment by title id, so that the order is always the same."""
        return sorted(self.plays.items(), key=lambda entry: (-entry[1].last_at, entry[0]))

    @property
    def blank(self) -> bool:
        """Whether nothing is known that could say what to show."""
        return not self.plays and (self.signs is None or not (self.signs.ratings or self.signs.listed))

    def pleased(self, title_id: str) -> bool:
        """Whether a title was watched and liked: to its end, or with a thumb up; and with none down."""
        play = self.plays.get(title_id)
        if play is None or not play.watched:
            return False
        rating = self.signs.rating(title_id) if self.signs else None
        return rating in {UP, LOVE} or (play.finished and rating != DOWN)

    def refused(self) -> frozenset[str]:
        """What got a thumb down."""
        if self.signs is None:
            return frozenset()
        return frozenset(title_id for title_id, (rating, _) in self.signs.ratings.items() if rating == DOWN)

    def passed_over(self) -> frozenset[str]:
        """What was shown on the first screens in several sittings, and never touched."""
        if self.signs is None:
            return frozenset()
        passed = self.signs.passed.items()
        return frozenset(
            title_id for title_id, (sittings, _) in passed if sittings >= PASSED_SITTINGS and title_id not in self.plays
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """A play that counts, at ``at`` seconds since 1970; ``first`` if this profile had not watched the title before."""

    profile_id: str
    title_id: str
    region: str | None
    at: float
    first: bool


class Histories:
    """All profiles' histories, of at most ``titles_kept`` titles each: the ones not touched for longest go first."""

    def __init__(self, titles_kept: int = _TITLES_KEPT) -> None:
        self._titles_kept = titles_kept
        self._histories: dict[str, History] = {}
        self._durations: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._histories)

    def __iter__(self) -> Iterator[str]:
        return iter(self._histories)

    def of(self, profile_id: str) -> History:
        """A profile's history; an empty one if nothing is known."""
        return self._histories.get(profile_id) or History()

    def fold(self, event: Event, at: float) -> Counted | None:
        """Take one event in; what counts as a play from it on, if anything does.

        ``at`` is the event's time in seconds since 1970, which the caller keeps from lying in the future. A profile's
        plays of one title count once a day at most: a loop left running is one person's, not a crowd's.
        """
        match event.facts:
            case TitleEncoded(title_id=title_id, presentation=presentation):
                duration = presentation.get("duration_seconds")
                if isinstance(duration, int | float) and duration > 0:
                    self._durations[title_id] = float(duration)
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
        return self._histories.pop(profile_id, None) or History()

    def durations(self) -> dict[str, float]:
        """How long titles last, in seconds, as their encodes told."""
        return self._durations

    def restore(self, histories: dict[str, History], durations: dict[str, float]) -> None:
        """Begin with what was known before."""
        self._histories, self._durations = histories, durations

    def _watch(self, facts: PlaybackHeartbeat | PlaybackStopped, at: float) -> Counted | None:
        history, play = self._play(facts.profile_id, facts.title_id, at)
        if facts.duration_seconds and facts.duration_seconds > 0:
            play.duration_seconds = float(facts.duration_seconds)
        elif not play.duration_seconds:
            play.duration_seconds = self._durations.get(facts.title_id, 0.0)
        ended = isinstance(facts, PlaybackStopped) and facts.ended
        at_end = ended or 0 < FINISHED_SHARE * play.duration_seconds <= facts.position_seconds
        play.finished = play.finished or at_end
        if at >= play.position_at:
            position = max(0.0, float(facts.position_seconds))
            play.position_seconds = min(position, play.duration_seconds) if play.duration_seconds else position
            play.done = at_end
            play.position_at = at
        play.last_at = max(play.last_at, at)
        seconds = max(0.0, float(facts.watched_seconds))
        play.watched_seconds += seconds
        play.fresh_seconds += seconds
        if at < play.counted_at + _DAY_SECONDS or not enough(play.fresh_seconds, play.duration_seconds):
            return None
        first = not play.watched
        play.counted_at = at
        play.fresh_seconds = 0.0
        return Counted(facts.profile_id, facts.title_id, history.region, at, first)

    def _history(self, profile_id: str) -> History:
        history = self._histories.get(profile_id)
        if history is None:
            history = self._histories[profile_id] = History()
        return history

    def _play(self, profile_id: str, title_id: str, at: float) -> tuple[History, Play]:
        history = self._history(profile_id)
        play = history.plays.get(title_id)
        if play is None:
            if len(history.plays) >= self._titles_kept:
                oldest = min(history.plays, key=lambda known: (history.plays[known].last_at, known))
                del history.plays[oldest]
            play = history.plays[title_id] = Play(last_at=at)
        return history, play


def enough(watched_seconds: float, duration_seconds: float) -> bool:
    """Whether so much was watched that it counts: a minute, or five seconds that are 5 % of the whole."""
    if watched_seconds >= _SURELY_SECONDS:
        return True
    return watched_seconds >= _SHORTEST_SECONDS and 0 < _SHORTEST_SHARE * duration_seconds <= watched_seconds
