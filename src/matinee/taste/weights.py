"""How much a profile likes what it met: how much of it was watched, times what it said of it.

A thumb down weighs negative whatever was watched. What was not watched counts by what was said or done alone: thumbs
up, put on the list, opened from a search.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from matinee.taste.interactions import History, Play
from matinee.taste.signs import DOWN, LOVE, UP

_WATCHED = {LOVE: 2.0, UP: 1.5, None: 1.0}
_SAID = {LOVE: 1.0, UP: 0.75}
_LISTED = 0.4
_CHOSEN = 0.2
_DISLIKED = -1.0
_BEGUN = 0.25
_UNKNOWN_SHARE = 0.5


def weight(history: History, title_id: str) -> float:
    """What a title says of a profile's taste: above 0 for, below 0 against; 0 says nothing."""
    rating = history.signs.rating(title_id) if history.signs else None
    if rating == DOWN:
        return _DISLIKED
    play = history.plays.get(title_id)
    if play is not None and play.watched:
        return (_BEGUN + (1 - _BEGUN) * _share(play)) * _WATCHED[rating]
    if rating is not None:
        return _SAID[rating]
    if history.signs is None:
        return 0.0
    if history.signs.listed.get(title_id, (False, 0.0))[0]:
        return _LISTED
    return _CHOSEN if title_id in history.signs.chosen else 0.0


def liked(history: History) -> list[tuple[str, float]]:
    """What a profile likes with its weight, latest first."""
    return [(title_id, worth) for title_id, worth in weighed(history) if worth > 0]


def disliked(history: History) -> list[str]:
    """What got a thumb down, latest first."""
    return [title_id for title_id, worth in weighed(history) if worth < 0]


def genre_mix(weights: Iterable[tuple[str, float]], genres: Mapping[str, Collection[str]]) -> dict[str, float]:
    """The shares of genres in weighted titles, which add up to 1; empty where none has a genre.

    A title's weight is shared by its genres alike (Steck 2018, equation 2).
    """
    mix: dict[str, float] = defaultdict(float)
    for title_id, worth in weights:
        mine = genres.get(title_id, ())
        for genre in mine:
            mix[genre] += worth / len(mine)
    total = sum(mix.values())
    return {genre: mix[genre] / total for genre in sorted(mix)} if total > 0 else {}


def weighed(history: History) -> list[tuple[str, float]]:
    """What says something of a profile's taste with its weight, latest first."""
    times = {title_id: play.last_at for title_id, play in history.plays.items() if play.watched}
    if history.signs is not None:
        signs = history.signs
        for said in (signs.ratings, signs.listed):
            for title_id, (_, at) in said.items():
                times[title_id] = max(at, times.get(title_id, at))
        for title_id, at in signs.chosen.items():
            times[title_id] = max(at, times.get(title_id, at))
    ordered = sorted(times, key=lambda title_id: (-times[title_id], title_id))
    return [(title_id, weight(history, title_id)) for title_id in ordered]


def _share(play: Play) -> float:
    if play.finished:
        return 1.0
    return min(1.0, play.watched_seconds / play.duration_seconds) if play.duration_seconds else _UNKNOWN_SHARE
