"""Yesterday's log through a candidate ranker beside the one in force, before anybody sees it: ``matinee shadow``.

At each play that was begun both order the same candidates, as of that moment: those that the profile's page would have
ranked. ``experiments.shadow`` compares. At most ``PLAYS_MOST`` plays are asked, spread evenly over the day.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from matinee.catalogue.titles import Shelf
from matinee.experiments.shadow import Shadow, replay
from matinee.model.errors import Invalid, NotFound
from matinee.model.events import Event, PlaybackStarted
from matinee.ports import Clock
from matinee.recommender.archive import Archive
from matinee.recommender.candidates import Selection, Selections
from matinee.recommender.for_you import candidates
from matinee.recommender.page import Page, page_of
from matinee.recommender.rankers import Ranker, Rankers
from matinee.recommender.ranking import rank
from matinee.taste.knowledge import Knowledge
from matinee.taste.trees import Trees
from matinee.taste.weights import liked
from matinee.teaching.lessons import Thinned

PLAYS_MOST = 3_000
FORMULA, CANDIDATE, TRENDING = "formula", "candidate", "trending"
_ADULT = 18


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it. ``remark`` is what keeps the figures from meaning what they seem to; "" if nothing does."""

    day: str
    candidate: str
    current: str
    shadow: Shadow
    remark: str


class Shadowing:
    """Asks archive, log and rankers; changes none of them."""

    def __init__(self, archive: Archive, clock: Clock, rankers: Rankers, shelf: Callable[[], Shelf]) -> None:
        self._archive = archive
        self._clock = clock
        self._rankers = rankers
        self._shelf = shelf

    def replay(self, candidate: str, day: str) -> Replayed:
        """A day's plays through ``candidate`` (what was taught last), a version, ``formula`` or ``trending``.

        NotFound for a version that there is not; Invalid for another word; Unavailable if a part does not answer.
        """
        knowledge, selection = Knowledge(), Selections().of(self._shelf(), _ADULT)
        moment = _Moment(knowledge, selection)
        standing = self._rankers.in_force()
        other = self._named(candidate)
        current = _Ordered(moment, standing.trees if standing else None)
        tried = _Ordered(moment, other.trees if other else None, trending=candidate == TRENDING)
        found = replay(self._plays(knowledge, day, moment), current, tried, moment.candidates)
        begins = datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()
        taught = [one for one in (other, standing) if one is not None and one.made_at > begins]
        remark = "A ranker here was taught after the day began, from plays that it is asked about." if taught else ""
        named = f"version {standing.version}" if standing else FORMULA
        return Replayed(day, candidate, named, found, remark)

    def _named(self, candidate: str) -> Ranker | None:
        """The trees behind a candidate's name; None for what has none."""
        if candidate in {FORMULA, TRENDING}:
            return None
        if candidate == CANDIDATE:
            found = self._rankers.candidate()
            if found is None:
                raise NotFound("No ranker was taught yet: matinee train teaches one.")
            return found
        if not (candidate.isascii() and candidate.isdigit()):
            raise Invalid(f"{candidate!r:.40} is no candidate: name a version, {CANDIDATE}, {FORMULA} or {TRENDING}.")
        found = self._rankers.find(int(candidate))
        if found is None:
            raise NotFound(f"There is no version {int(candidate)} of the ranker, or it is not whole.")
        return found

    def _plays(self, knowledge: Knowledge, day: str, moment: "_Moment") -> Iterator[Event]:
        """The day's plays, each before it is learned; everything before and between is learned."""
        thinned, now = Thinned[Event](PLAYS_MOST), self._clock.now()
        for _, event in self._archive.told(0, self._archive.log.end()):
            at = event.time.strftime("%Y-%m-%d")
            if at > day:
                continue
            if at == day and isinstance(event.facts, PlaybackStarted) and thinned.wants():
                thinned.keep(event)
                moment.device = event.facts.device or ""
                yield event
            knowledge.learn(event, now)


class _Moment:
    """A profile's page at the moment that is asked about, made once for both rankers."""

    def __init__(self, knowledge: Knowledge, selection: Selection) -> None:
        self._knowledge = knowledge
        self._selection = selection
        self.device = ""
        self._page: Page | None = None
        self._of: tuple[str, datetime] | None = None

    def page(self, profile_id: str, at: datetime) -> Page:
        if self._page is None or self._of != (profile_id, at):
            region = self._knowledge.histories.of(profile_id).region or ""
            self._page = page_of(self._knowledge, self._selection, profile_id, region, at, device=self.device)
            self._of = (profile_id, at)
        return self._page

    def candidates(self, profile_id: str, at: datetime) -> Sequence[str]:
        page = self.page(profile_id, at)
        likes = liked(page.history)
        return candidates(page, likes) if likes else ()

    def plays(self, page: Page, title_id: str) -> float:
        boards, region = self._knowledge.popularity, page.context.region
        return (boards.region(region) if region else boards.overall).plays(title_id, page.context.now)


class _Ordered:
    """One ranker's order of the candidates of a moment."""

    def __init__(self, moment: _Moment, trees: Trees | None, *, trending: bool = False) -> None:
        self._moment = moment
        self._trees = trees
        self._trending = trending

    def rank(self, profile_id: str, candidates: Sequence[str], at: datetime) -> Sequence[str]:
        page = self._moment.page(profile_id, at)
        if self._trending:
            return sorted(candidates, key=lambda one: -self._moment.plays(page, one))
        scores = rank(page.history, candidates, replace(page.context, trees=self._trees))
        return sorted(candidates, key=lambda one: -scores[one])
