"""What one profile did with each title, and said of it (``histories`` folds events, in whatever order they come).

A position is the one with the latest time, so a straggler cannot turn a play back. Seconds watched only add up, so
their sum does not depend on order. A repeat of an event is the log's to drop, not ours.
"""

from dataclasses import dataclass, field

from matinee.taste.signs import DOWN, LOVE, PASSED_SITTINGS, UP, Signs

FINISHED_SHARE = 0.95
"""Credits roll by then: the play is done."""

_SHORTEST_SECONDS = 5.0
_SHORTEST_SHARE = 0.05
_SURELY_SECONDS = 60.0
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


def enough(watched_seconds: float, duration_seconds: float) -> bool:
    """Whether so much was watched that it counts: a minute, or five seconds that are 5 % of the whole."""
    if watched_seconds >= _SURELY_SECONDS:
        return True
    return watched_seconds >= _SHORTEST_SECONDS and 0 < _SHORTEST_SHARE * duration_seconds <= watched_seconds


def whole_milliseconds(seconds: float) -> float:
    """Seconds to the millisecond: so exact is no player, and as many take half the bytes."""
    return round(seconds * 1000) / 1000
