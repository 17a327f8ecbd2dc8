"""What a ranker is told of each candidate: one pure function, for its lessons and for serving, so they cannot differ.

How like it is to what the profile likes, what is watched after what it watched last, how much it is watched at several
half-lives (here and everywhere) and whether that rises, who its people are, and what it is (year, length, genres, how
new) against what the profile usually watches. Nothing is told of plays that do not count yet: what is asked for in a
lesson is being played at that moment.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matinee.recommender.likeness import Context, Likeness, likenesses
from matinee.taste.interactions import History
from matinee.taste.traces import HALF_LIVES_SECONDS, NEXT
from matinee.taste.weights import genre_mix, liked

FORMULA = 0
"""The place of the formula's score among the features: what orders candidates while no ranker is in force."""

_DAY = 86_400.0
_USUAL = 20
_LAST = len(NEXT)
_NAMED_HALF_LIVES = tuple(f"{int(half / 3600)}h" for half in HALF_LIVES_SECONDS)
NAMES = (
    "formula",
    "together",
    "strongest",
    "links",
    "tags",
    "next_last",
    "next",
    *(f"plays_{name}" for name in _NAMED_HALF_LIVES),
    *(f"plays_here_{name}" for name in _NAMED_HALF_LIVES),
    "rising_day",
    "rising_week",
    "rising_here",
    "people",
    "newcomers",
    "length_of_its_people",
    "approval",
    "since_first_play",
    "since_last_play",
    "since_published",
    "year",
    "year_apart",
    "length",
    "length_apart",
    "genres",
    "watched",
    "since_last",
    "usual_plays",
    "hour",
    "place",
)


@dataclass(frozen=True, slots=True)
class _Habits:
    """What a profile usually watches, of the last titles that it liked; ``since_last`` in seconds, -1 for never.

    ``year`` and ``length`` (the logarithm of the mean) are not a number where none is known.
    """

    watched: int
    since_last: float
    plays: float
    year: float
    length: float
    genres: dict[str, float]


def told(history: History, candidate_ids: Sequence[str], context: Context) -> Any:
    """An array with a row of ``NAMES`` for each candidate, in order. What is not known of one is not a number."""
    parts = likenesses(history, candidate_ids, context)
    likes = [title_id for title_id, _ in liked(history)]
    habits = _habits(history, likes, context)
    knowledge, count = context.knowledge, len(candidate_ids)
    numbers = _numbers(candidate_ids, context)
    after = [knowledge.traces.followers_of(title_id, numbers) for title_id in likes[:_LAST]]
    columns = [
        *np.array([_of_likeness(parts[title_id]) for title_id in candidate_ids]).reshape(count, 5).T,
        after[0] if after else 0.0,
        sum(weight * many for weight, many in zip(NEXT, after, strict=False)),
        *_of_plays(candidate_ids, numbers, context),
        *_of_titles(candidate_ids, habits, context),
        math.log1p(habits.watched),
        math.log1p(habits.since_last) if habits.since_last >= 0 else -1.0,
        habits.plays,
        context.now % _DAY / 3600,
        np.arange(count),
    ]
    rows = np.empty((count, len(NAMES)))
    for place, column in enumerate(columns):
        rows[:, place] = column
    return rows


def _numbers(title_ids: Sequence[str], context: Context) -> Any:
    """Titles by their number; -1 for what nobody has heard of."""
    known = context.knowledge.titles.known
    return np.array([-1 if (number := known(one)) is None else number for one in title_ids], np.int64)


def _of_likeness(part: Likeness) -> tuple[float, ...]:
    return (part.score, part.together, part.strongest, float(part.links), part.tags)


def _of_plays(title_ids: Sequence[str], numbers: Any, context: Context) -> list[Any]:
    knowledge, now = context.knowledge, context.now
    plays = knowledge.traces.plays_of(numbers, now).T
    here = knowledge.traces.plays_of(numbers, now, context.region).T
    facts = knowledge.traces.facts_of(numbers)
    watched = np.array([knowledge.approval.of(title_id) for title_id in title_ids]).reshape(-1, 2)
    people, newcomers, lengths, first, last = (np.asarray(column) for column in facts)
    return [
        *np.log1p(plays),
        *np.log1p(here),
        _rising(plays[1], plays[3], 7),
        _rising(plays[3], plays[4], 30 / 7),
        _rising(here[1], here[3], 7),
        np.log1p(people),
        (newcomers + 0.3) / (people + 1),
        lengths / np.maximum(people, 1),
        (watched[:, 1] + 0.3) / (watched[:, 0] + 1),
        np.where(np.isfinite(first), np.maximum(0.0, now - first) / _DAY, math.nan),
        np.where(np.isfinite(last), np.log1p(np.maximum(0.0, now - last)), math.nan),
    ]


def _rising(short: Any, long: Any, times: float) -> Any:
    """The logarithm of how many times their usual plays titles have; both in plays of the shorter half-life."""
    return np.log((short + 0.3) / (long / times + 0.3))


def _of_titles(title_ids: Sequence[str], habits: _Habits, context: Context) -> list[Any]:
    figures = context.selection.figures
    places = figures.places(title_ids)
    years, lengths = figures.years[places], figures.lengths[places]
    return [
        np.log1p(np.maximum(0.0, context.now - figures.published[places]) / _DAY),
        years,
        years - habits.year,
        lengths,
        lengths - habits.length,
        figures.liked_genres(places, habits.genres),
    ]


def _habits(history: History, likes: Sequence[str], context: Context) -> _Habits:
    playable, figures = context.selection.playable, context.selection.figures
    counted = [play.last_at for play in history.plays.values() if play.watched]
    known = [title_id for title_id in likes[:_USUAL] if title_id in playable]
    places = figures.places(known)
    years = [year for year in figures.years[places].tolist() if not math.isnan(year)]
    lengths = [seconds for one in known if (seconds := playable[one].duration_seconds)]
    plays = np.log1p(context.knowledge.traces.plays_of(_numbers(known, context), context.now)[:, 3])
    genres = {title_id: figures.genres[place] for title_id, place in zip(known, places, strict=True)}
    return _Habits(
        watched=len(counted),
        since_last=max(0.0, context.now - max(counted)) if counted else -1.0,
        plays=float(plays.sum()) / max(1, len(known)),
        year=sum(years) / len(years) if years else math.nan,
        length=math.log(max(1.0, sum(lengths) / len(lengths))) if lengths else math.nan,
        genres=genre_mix([(title_id, 1.0) for title_id in known], genres),
    )
