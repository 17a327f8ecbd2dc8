"""What a ranker is told of each candidate: one pure function, for its lessons and for serving, so they cannot differ.

How like it is to what the profile likes, what is watched after what it watched last, how much it is watched at several
half-lives (here and everywhere) and whether that rises, who its people are, and what it is (year, length, genres, how
new) against what the profile usually watches. Nothing is told of plays that do not count yet: what is asked for in a
lesson is being played at that moment.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matinee.catalogue.titles import Title
from matinee.recommender.likeness import Context, Likeness, likenesses
from matinee.taste.interactions import History
from matinee.taste.traces import HALF_LIVES_SECONDS, NEXT, Trace
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
    """What a profile usually watches, of the last titles that it liked; ``since_last`` in seconds, -1 for never."""

    watched: int
    since_last: float
    plays: float
    year: float | None
    duration_seconds: float | None
    genres: dict[str, float]


def told(history: History, candidate_ids: Sequence[str], context: Context) -> list[list[float]]:
    """A row of ``NAMES`` for each candidate, in their order. What is not known of one is told as not a number."""
    parts = likenesses(history, candidate_ids, context)
    likes = [title_id for title_id, _ in liked(history)]
    habits = _habits(history, likes, context)
    following = [context.knowledge.traces.followers(title_id, parts) for title_id in likes[:_LAST]]
    hour = context.now % _DAY / 3600
    rows = []
    for place, title_id in enumerate(candidate_ids):
        after = [followers.get(title_id, 0.0) for followers in following]
        rows.append(
            [
                *_of_likeness(parts[title_id]),
                after[0] if after else 0.0,
                sum(weight * many for weight, many in zip(NEXT, after, strict=False)),
                *_of_plays(title_id, context),
                *_of_title(context.selection.playable[title_id], habits, context.now),
                math.log1p(habits.watched),
                math.log1p(habits.since_last) if habits.since_last >= 0 else -1.0,
                habits.plays,
                hour,
                float(place),
            ]
        )
    return rows


def _of_likeness(part: Likeness) -> list[float]:
    return [part.score, part.together, part.strongest, float(part.links), part.tags]


def _of_plays(title_id: str, context: Context) -> list[float]:
    knowledge, now = context.knowledge, context.now
    plays = knowledge.traces.plays(title_id, now)
    here = knowledge.traces.plays(title_id, now, context.region)
    trace = knowledge.traces.of(title_id) or Trace([])
    people, pleased = knowledge.approval.of(title_id)
    return [
        *map(math.log1p, plays),
        *map(math.log1p, here),
        _rising(plays[1], plays[3], 7),
        _rising(plays[3], plays[4], 30 / 7),
        _rising(here[1], here[3], 7),
        math.log1p(trace.people),
        (trace.newcomers + 0.3) / (trace.people + 1),
        trace.lengths / max(trace.people, 1),
        (pleased + 0.3) / (people + 1),
        max(0.0, now - trace.first_at) / _DAY if trace.first_at < math.inf else math.nan,
        math.log1p(max(0.0, now - trace.last_at)) if trace.last_at > -math.inf else math.nan,
    ]


def _rising(short: float, long: float, times: float) -> float:
    """The logarithm of how many times its usual plays a title has; both in plays of the shorter half-life."""
    return math.log((short + 0.3) / (long / times + 0.3))


def _of_title(title: Title, habits: _Habits, now: float) -> list[float]:
    year = math.nan if title.year is None else float(title.year)
    seconds = title.duration_seconds
    length = math.nan if not seconds else math.log(max(1.0, seconds))
    usual = habits.duration_seconds
    published = title.published_at
    mine = {name.casefold() for name in title.genres}
    return [
        math.nan if published is None else math.log1p(max(0.0, now - published.timestamp()) / _DAY),
        year,
        math.nan if habits.year is None else year - habits.year,
        length,
        math.nan if not usual else length - math.log(max(1.0, usual)),
        sum(habits.genres.get(name, 0.0) for name in mine) / max(1, len(mine)),
    ]


def _habits(history: History, likes: Sequence[str], context: Context) -> _Habits:
    playable, traces = context.selection.playable, context.knowledge.traces
    counted = [play.last_at for title_id, play in history.plays.items() if play.watched]
    known = [playable[title_id] for title_id in likes[:_USUAL] if title_id in playable]
    years = [float(title.year) for title in known if title.year is not None]
    lengths = [title.duration_seconds for title in known if title.duration_seconds]
    plays = [math.log1p(traces.plays(title.id, context.now)[3]) for title in known]
    genres = {title.id: {name.casefold() for name in title.genres} for title in known}
    return _Habits(
        watched=len(counted),
        since_last=max(0.0, context.now - max(counted)) if counted else -1.0,
        plays=sum(plays) / max(1, len(plays)),
        year=sum(years) / len(years) if years else None,
        duration_seconds=sum(lengths) / len(lengths) if lengths else None,
        genres=genre_mix([(title.id, 1.0) for title in known], genres),
    )
