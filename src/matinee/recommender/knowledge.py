"""All that was learned, and the one way to learn more: event by event. In memory; nothing here reads or writes."""

import heapq
from datetime import datetime

from matinee.model.events import Event
from matinee.recommender.interactions import Histories
from matinee.recommender.popularity import Popularity
from matinee.recommender.transitions import Transitions

_EARLIER_KEPT = 100


class Knowledge:
    """What profiles did, what is popular, and which titles go together."""

    def __init__(self) -> None:
        self.histories = Histories()
        self.popularity = Popularity()
        self.transitions = Transitions()

    def learn(self, event: Event, now: datetime) -> None:
        """Take one event in. A time that lies in the future is taken for ``now``: it would stay on top for ever."""
        counted = self.histories.fold(event, min(event.time, now).timestamp())
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
