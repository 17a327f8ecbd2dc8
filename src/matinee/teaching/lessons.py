"""A ranker's lessons and questions out of a replayed log: what stood to choose from when something was watched.

Each first watch is one, asked before it is learned: the candidates that this profile's page would have ranked at that
moment, what is told of them, and which of them was watched. Pure but for the knowledge that the caller teaches.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Any, Generic, TypeVar

from matinee.model.events import Event, PlaybackHeartbeat, PlaybackStopped
from matinee.recommender.candidates import Selection
from matinee.recommender.features import FORMULA, told
from matinee.recommender.for_you import candidates
from matinee.recommender.page import page_of
from matinee.taste.comparison import TEN, place_of
from matinee.taste.interactions import enough
from matinee.taste.knowledge import Knowledge
from matinee.taste.trees import Lesson, Trees, as_array
from matinee.taste.weights import liked

_DRAWN = 60
_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """``rows`` are what is told of the candidates, ``wanted`` the place of what was watched: -1 if it is not there.

    ``trending`` is its place among what the region watches most, without what the profile knows; None beyond the ten.
    """

    rows: Any
    wanted: int
    trending: int | None

    def lesson(self, random: Random) -> Lesson | None:
        """The lesson in it: what was watched, and so many of the others; None if what was watched is not there."""
        if self.wanted < 0:
            return None
        others = [place for place in range(len(self.rows)) if place != self.wanted]
        kept = sorted([self.wanted, *random.sample(others, min(len(others), _DRAWN))])
        return Lesson(self.rows[kept], kept.index(self.wanted))

    def place(self, trees: Trees | None) -> int | None:
        """Where trees would have put what was watched, or (None) the formula; None for nowhere."""
        if self.wanted < 0:
            return None
        return place_of(self.wanted, self.rows[:, FORMULA].tolist() if trees is None else trees.scores(self.rows))


@dataclass(slots=True)
class Thinned(Generic[_Kept]):
    """At most ``most`` of what comes, spread evenly over all of it: every second one leaves when it is full."""

    most: int
    kept: list[_Kept] = field(default_factory=list)
    step: int = 1
    came: int = 0

    def wants(self) -> bool:
        """Whether the next one is to be made at all; call once for each."""
        self.came += 1
        return (self.came - 1) % self.step == 0

    def keep(self, one: _Kept) -> None:
        """Keep one."""
        self.kept.append(one)
        if len(self.kept) > self.most:
            del self.kept[1::2]
            self.step *= 2


def is_first_watch(knowledge: Knowledge, event: Event) -> bool:
    """Whether a profile will have watched a title for the first time once this event is learned."""
    facts = event.facts
    if not isinstance(facts, PlaybackHeartbeat | PlaybackStopped):
        return False
    play = knowledge.histories.of(facts.profile_id).plays.get(facts.title_id)
    if play is not None and play.watched:
        return False
    known = play.duration_seconds if play else 0.0
    duration = facts.duration_seconds or known or knowledge.histories.durations().get(facts.title_id, 0.0)
    return enough((play.fresh_seconds if play else 0.0) + max(0.0, facts.watched_seconds), duration)


def question(knowledge: Knowledge, selection: Selection, event: Event) -> Question | None:
    """The question of a first watch that is not learned yet; None where nothing was to choose from, or it was known.

    A profile that likes nothing yet is shown no ranked row.
    """
    facts = event.facts
    assert isinstance(facts, PlaybackHeartbeat | PlaybackStopped)
    history = knowledge.histories.of(facts.profile_id)
    likes = liked(history)
    page = page_of(knowledge, selection, facts.profile_id, history.region or "", event.time, device=facts.device or "")
    watched = next(page.browsable([facts.title_id]), None)
    if not likes or watched is None or (history.signs and watched in history.signs.ratings):
        return None
    boards = knowledge.popularity
    board = boards.region(history.region) if history.region else boards.overall
    found = candidates(page, likes)
    if not found:
        return None
    return Question(
        as_array(told(history, found, page.context)),
        found.index(watched) if watched in found else -1,
        _trending(page.browsable(board.ranked()), page.watched, watched),
    )


def _trending(ranked: Any, known: frozenset[str], watched: str) -> int | None:
    first: Sequence[str] = list(islice((one for one in ranked if one not in known), TEN))
    return first.index(watched) if watched in first else None
