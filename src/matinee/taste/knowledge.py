"""All that was learned, and the one way to learn more: event by event. In memory; nothing here reads or writes."""

from datetime import datetime

from matinee.model.events import Event, MemberForgotten
from matinee.taste.approval import Approval
from matinee.taste.artwork import Artworks
from matinee.taste.histories import Histories
from matinee.taste.popularity import Popularity
from matinee.taste.titles import Titles
from matinee.taste.traces import Traces
from matinee.taste.transitions import Transitions

USUAL_HALF_LIFE_SECONDS = 14 * 86_400.0
_EARLIER_KEPT = 100
_NEVER = float("-inf")


class Knowledge:
    """What profiles did, what is popular now and usually, what was liked, what goes together, what pictures do."""

    def __init__(self, titles: Titles | None = None) -> None:
        self.titles = Titles() if titles is None else titles
        self.histories = Histories(titles=self.titles)
        self.popularity = Popularity()
        # What ``popularity`` is compared with: a title that is played more than it used to be is trending.
        self.usual = Popularity(USUAL_HALF_LIFE_SECONDS)
        self.approval = Approval()
        self.transitions = Transitions(titles=self.titles)
        self.artworks = Artworks()
        self.traces = Traces(self.titles)
        # Up to when profiles are forgotten, in seconds since 1970: what comes late is left out.
        self.forgotten: dict[str, float] = {}

    def learn(self, event: Event, now: datetime) -> None:
        """Take one event in. A time that lies in the future is taken for ``now``: it would stay on top for ever."""
        facts = event.facts
        if isinstance(facts, MemberForgotten):
            self._forget(facts.profile_id, facts.until_seconds)
            return
        at = min(event.time, now).timestamp()
        profile_id, title_id = getattr(facts, "profile_id", ""), getattr(facts, "title_id", "")
        if self.forgotten and at <= self.forgotten.get(profile_id, _NEVER):
            return
        was_pleased = self.histories.of(profile_id).pleased(title_id)
        counted = self.histories.fold(event, at)
        self.artworks.fold(event, at, self.histories.of(profile_id))
        pleased = self.histories.of(profile_id).pleased(title_id)
        first = counted is not None and counted.first
        self.approval.change(title_id, int(first), int(pleased) - int(was_pleased))
        if counted is None:
            return
        self.popularity.count(counted.title_id, counted.region, counted.at)
        self.usual.count(counted.title_id, counted.region, counted.at)
        self.traces.count(counted.title_id, counted.region, counted.at)
        if counted.first:
            plays = self.histories.of(counted.profile_id).plays
            watched = [
                (play.last_at, title_id)
                for title_id, play in plays.items()
                if play.counted_at > _NEVER and title_id != counted.title_id
            ]
            watched.sort(reverse=True)
            earlier = [title_id for _, title_id in watched[:_EARLIER_KEPT]]
            self.transitions.add(counted.title_id, earlier)
            self.traces.follow(counted.title_id, earlier)

    def _forget(self, profile_id: str, until_seconds: float) -> None:
        """Know a profile no more. What it added to popularity is nobody's, and fades within days."""
        if until_seconds <= self.forgotten.get(profile_id, _NEVER):
            return
        self.forgotten[profile_id] = until_seconds
        history = self.histories.forget(profile_id)
        self.artworks.forget(profile_id)
        plays = sorted((play.last_at, title_id) for title_id, play in history.plays.items() if play.watched)
        watched = [title_id for _, title_id in plays]
        self.transitions.remove(watched)
        self.traces.remove(watched)
        for title_id in watched:
            self.approval.change(title_id, -1, -int(history.pleased(title_id)))
