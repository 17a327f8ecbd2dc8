"""All that was learned, and the one way to learn more: event by event. In memory; nothing here reads or writes."""

import heapq
from datetime import datetime

from matinee.model.events import Event, MemberForgotten
from matinee.recommender.interactions import Histories
from matinee.recommender.popularity import Popularity
from matinee.recommender.transitions import Transitions

_EARLIER_KEPT = 100
_NEVER = float("-inf")


class Knowledge:
    """What profiles did, what is popular, and which titles go together."""

    def __init__(self) -> None:
        self.histories = Histories()
        self.popularity = Popularity()
        self.transitions = Transitions()
        # Up to when profiles are forgotten, in seconds since 1970: what comes late is left out.
        self.forgotten: dict[str, float] = {}

    def learn(self, event: Event, now: datetime) -> None:
        """Take one event in. A time that lies in the future is taken for ``now``: it would stay on top for ever."""
        facts = event.facts
        if isinstance(facts, MemberForgotten):
            self._forget(facts.profile_id, facts.until_seconds)
            return
        at = min(event.time, now).timestamp()
        if self.forgotten and at <= self.forgotten.get(getattr(facts, "profile_id", ""), _NEVER):
            return
        counted = self.histories.fold(event, at)
        if counted is None:
            return
        self.popularity.count(counted.title_id, counted.region, counted.at)
        if counted.first:
            plays = self.histories.of(counted.profile_id).plays
            watched = (
                (play.last_at, title_id)
                for title_id, play in plays.items()
                if play.watched and title_id != counted.title_id
            )
            earlier = heapq.nlargest(_EARLIER_KEPT, watched)
            self.transitions.add(counted.title_id, [title_id for _, title_id in earlier])

    def _forget(self, profile_id: str, until_seconds: float) -> None:
        """Know a profile no more. What it added to popularity is nobody's, and fades within days."""
        if until_seconds <= self.forgotten.get(profile_id, _NEVER):
            return
        self.forgotten[profile_id] = until_seconds
        history = self.histories.forget(profile_id)
        self.transitions.remove([title_id for title_id, play in history.plays.items() if play.watched])
