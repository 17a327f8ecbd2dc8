"""What a page's rows are, and what they have in common while they are made."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import chain

from matinee.exploration.exploring import Explored
from matinee.exploration.parameters import USUAL, Parameters
from matinee.recommender.candidates import Selection
from matinee.recommender.ranking import Context
from matinee.taste.interactions import History, Play
from matinee.taste.knowledge import Knowledge
from matinee.taste.trees import Trees

ROW_LONGEST = 20
_FULL = 6
LARGE_CATALOGUE = 40


class RowKind(StrEnum):
    """What a row is."""

    CONTINUE_WATCHING = "continue_watching"
    MY_LIST = "my_list"
    WATCH_AGAIN = "watch_again"
    BECAUSE_YOU_WATCHED = "because_you_watched"
    FOR_YOU = "for_you"
    POPULAR = "popular"
    TRENDING = "trending"
    NEW = "new"
    HIDDEN_GEMS = "hidden_gems"
    GENRE = "genre"


OWN_ROWS = frozenset({RowKind.CONTINUE_WATCHING, RowKind.MY_LIST, RowKind.WATCH_AGAIN})
"""Rows of what the profile chose itself, which may stand in the house's rows as well."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``title_reasons`` says why each title stands in it, or is empty where the row's reason says it all.

    ``explored`` is the title of it that chance put there.
    """

    id: str
    kind: RowKind
    name: str
    reason: str
    title_ids: tuple[str, ...]
    seed_title_id: str | None = None
    title_reasons: tuple[str, ...] = ()
    explored: Explored | None = None


@dataclass(slots=True)
class Page:
    """What one page's rows are made of; ``shown`` are the titles of the first screens. Times are in seconds."""

    context: Context
    history: History
    latest: list[tuple[str, Play]]
    finished: frozenset[str]
    begun: frozenset[str]
    watched: frozenset[str]
    refused: frozenset[str]
    passed: frozenset[str]
    shown: set[str] = field(default_factory=set)
    profile_id: str = ""
    parameters: Parameters = USUAL

    @property
    def knowledge(self) -> Knowledge:
        """All that was learned."""
        return self.context.knowledge

    @property
    def selection(self) -> Selection:
        """What this profile may see."""
        return self.context.selection

    def browsable(self, title_ids: Iterable[str]) -> Iterator[str]:
        """Of some titles those that stand on pages, once each; an episode gives way to what stands for its series."""
        titles, seen, refused = self.selection.titles, set[str](), self.refused
        for title_id in title_ids:
            front = title_id if title_id in titles else self.selection.front(title_id)
            if front in titles and front not in seen and front not in refused:
                seen.add(front)
                yield front

    def unshown(self, title_ids: Sequence[str], *, first: bool = False) -> Sequence[str]:
        """Without what is shown already, what was passed over last.

        A catalogue too small for that shows titles twice; a large one does so only below the ``first`` screens.
        """
        kept = [title_id for title_id in title_ids if title_id not in self.refused]
        left = [title_id for title_id in kept if title_id not in self.shown]
        large = len(self.selection.titles) >= LARGE_CATALOGUE
        chosen = left if len(left) >= _FULL or (large and (left or first)) else kept
        return sorted(chosen, key=self.passed.__contains__) if self.passed else chosen


def page_of(
    knowledge: Knowledge,
    selection: Selection,
    profile_id: str,
    region: str,
    now: datetime,
    trees: Trees | None = None,
    parameters: Parameters = USUAL,
) -> Page:
    """The page of a profile before its first row, ranked by ``trees`` where some are in force."""
    usable = trees if parameters.ranker else None
    history = knowledge.histories.of(profile_id)
    plays = history.plays
    return Page(
        context=Context(knowledge, selection, region, now.timestamp(), usable),
        history=history,
        latest=history.latest(),
        finished=frozenset(title_id for title_id, play in plays.items() if play.finished),
        begun=frozenset(title_id for title_id, play in plays.items() if play.in_progress),
        watched=frozenset(title_id for title_id, play in plays.items() if play.watched),
        refused=history.refused(),
        passed=history.passed_over(),
        profile_id=profile_id,
        parameters=parameters,
    )


def without(row: Row, gone: frozenset[str]) -> Row:
    """A row without some titles."""
    if gone.isdisjoint(row.title_ids):
        return row
    reasons = row.title_reasons or ("",) * len(row.title_ids)
    left = [(one, why) for one, why in zip(row.title_ids, reasons, strict=True) if one not in gone]
    return Row(
        row.id,
        row.kind,
        row.name,
        row.reason,
        tuple(one for one, _ in left),
        row.seed_title_id,
        tuple(why for _, why in left) if row.title_reasons else (),
        row.explored,
    )


def filled(*parts: Iterable[str]) -> list[str]:
    """Titles of several sources one after the other, once each."""
    return list(dict.fromkeys(chain.from_iterable(parts)))
