"""All that was learned, and the one way to learn more: event by event. In memory; nothing here reads or writes."""

from datetime import datetime

from matinee.model.events import (
    Event,
    MemberForgotten,
    PlaybackHeartbeat,
    PlaybackStarted,
    PlaybackStopped,
    WatchForgotten,
)
from matinee.taste.approval import Approval
from matinee.taste.artwork import Artworks
from matinee.taste.histories import Histories
from matinee.taste.interactions import whole_milliseconds
from matinee.taste.popularity import Popularity
from matinee.taste.titles import Titles
from matinee.taste.traces import Traces
from matinee.taste.transitions import Transitions

USUAL_HALF_LIFE_SECONDS = 14 * 86_400.0
_EARLIER_KEPT = 100
_NEVER = float("-inf")
_UNWATCHED_KEPT = 500
_PLAYS = (PlaybackStarted, PlaybackHeartbeat, PlaybackStopped)


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
        # The same of single titles, by profile.
        self.unwatched: dict[str, dict[str, float]] = {}

    def learn(self, event: Event, now: datetime) -> None:
        """Take one event in. A time that lies in the future is taken for ``now``: it would stay on top for ever."""
        facts = event.facts
        if isinstance(facts, MemberForgotten):
            self._forget(facts.profile_id, facts.until_seconds)
            return
        if isinstance(facts, WatchForgotten):
            self._unwatch(facts.profile_id, facts.title_id, facts.until_seconds)
            return
        at = min(event.time, now).timestamp()
        profile_id, title_id = getattr(facts, "profile_id", ""), getattr(facts, "title_id", "")
        if self.forgotten and at <= self.forgotten.get(profile_id, _NEVER):
            return
        if self.unwatched and isinstance(facts, _PLAYS) and at <= self._unwatched_until(profile_id, title_id):
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
        self.unwatched.pop(profile_id, None)
        history = self.histories.forget(profile_id)
        self.artworks.forget(profile_id)
        plays = sorted((play.last_at, title_id) for title_id, play in history.plays.items() if play.watched)
        watched = [title_id for _, title_id in plays]
        self.transitions.remove(watched)
        self.traces.remove(watched)
        for title_id in watched:
            self.approval.change(title_id, -1, -int(history.pleased(title_id)))

    def _unwatched_until(self, profile_id: str, title_id: str) -> float:
        return self.unwatched.get(profile_id, {}).get(title_id, _NEVER)

    def _unwatch(self, profile_id: str, title_id: str, until_seconds: float) -> None:
        """Know no more that a profile watched a title; what it watched later stands, and what it said.

        What it added to popularity is nobody's, as when all is forgotten.
        """
        if until_seconds <= max(self.forgotten.get(profile_id, _NEVER), self._unwatched_until(profile_id, title_id)):
            return
        mine = self.unwatched.setdefault(profile_id, {})
        mine[title_id] = until_seconds
        if len(mine) > _UNWATCHED_KEPT:
            del mine[min(mine, key=lambda one: (mine[one], one))]
        history = self.histories.of(profile_id)
        play = history.plays.get(title_id)
        if play is None or play.last_at > whole_milliseconds(until_seconds):
            return
        self.artworks.forget(profile_id, title_id)
        if play.watched:
            in_order = [
                one for _, one in sorted((had.last_at, one) for one, had in history.plays.items() if had.watched)
            ]
            left = [one for one in in_order if one != title_id]
            self.transitions.part(title_id, left)
            self.traces.remove(in_order)
            self.traces.put_back(left)
            self.approval.change(title_id, -1, -int(history.pleased(title_id)))
        self.histories.part(profile_id, title_id)
