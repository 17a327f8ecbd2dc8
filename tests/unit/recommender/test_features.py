"""What a ranker is told, of all candidates at once: the same as title by title."""

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from matinee.catalogue.titles import Title
from matinee.recommender.candidates import Selection
from matinee.recommender.features import NAMES, told
from matinee.recommender.likeness import Context, likenesses
from matinee.taste.interactions import History
from matinee.taste.knowledge import Knowledge
from matinee.taste.traces import NEXT, Trace
from matinee.taste.weights import genre_mix, liked
from plays import NOON, play, rated, shelf, title

_DAY = 86_400.0
_GENRES = [(), ("Drama",), ("drama", "Comedy"), ("Crime", "Drama", "War")]
_COUNT = 12


def _titles() -> list[Title]:
    return [
        replace(
            title(
                f"film-{number}",
                genres=_GENRES[number % len(_GENRES)],
                year=None if number % 5 == 0 else 1960 + number,
                duration_seconds=0.0 if number % 4 == 3 else 600.0 + number,
            ),
            published_at=None if number % 7 == 0 else NOON - timedelta(days=number),
        )
        for number in range(_COUNT)
    ]


SELECTION = Selection(shelf(_titles()), 18)
_SAID = st.tuples(
    st.sampled_from(["ada", "bob", "cyd"]),
    st.integers(0, _COUNT - 3),
    st.integers(0, 40 * 86_400),
    st.booleans(),
    st.sampled_from(["europe", "asia", None]),
)


def plainly(history: History, candidate_ids: list[str], context: Context) -> list[list[float]]:
    """As ``told``, title by title."""
    parts = likenesses(history, candidate_ids, context)
    traces, playable, now = context.knowledge.traces, context.selection.playable, context.now
    likes = [title_id for title_id, _ in liked(history)]
    following = [traces.followers(title_id, parts) for title_id in likes[: len(NEXT)]]
    counted = [one.last_at for one in history.plays.values() if one.watched]
    known = [playable[title_id] for title_id in likes[:20] if title_id in playable]
    years = [float(one.year) for one in known if one.year is not None]
    lengths = [one.duration_seconds for one in known if one.duration_seconds]
    usual = [math.log1p(traces.plays(one.id, now)[3]) for one in known]
    genres = {one.id: {name.casefold() for name in one.genres} for one in known}
    mix = genre_mix([(one.id, 1.0) for one in known], genres)
    rows = []
    for place, title_id in enumerate(candidate_ids):
        part, one, trace = parts[title_id], playable[title_id], traces.of(title_id) or Trace()
        plays, here = traces.plays(title_id, now), traces.plays(title_id, now, context.region)
        after = [followers.get(title_id, 0.0) for followers in following]
        people, pleased = context.knowledge.approval.of(title_id)
        year = math.nan if one.year is None else float(one.year)
        length = math.log(max(1.0, one.duration_seconds)) if one.duration_seconds else math.nan
        mine = {name.casefold() for name in one.genres}
        rows.append(
            [
                part.score,
                part.together,
                part.strongest,
                float(part.links),
                part.tags,
                after[0] if after else 0.0,
                sum(weight * many for weight, many in zip(NEXT, after, strict=False)),
                *map(math.log1p, plays),
                *map(math.log1p, here),
                math.log((plays[1] + 0.3) / (plays[3] / 7 + 0.3)),
                math.log((plays[3] + 0.3) / (plays[4] / (30 / 7) + 0.3)),
                math.log((here[1] + 0.3) / (here[3] / 7 + 0.3)),
                math.log1p(trace.people),
                (trace.newcomers + 0.3) / (trace.people + 1),
                trace.lengths / max(trace.people, 1),
                (pleased + 0.3) / (people + 1),
                max(0.0, now - trace.first_at) / _DAY if trace.first_at < math.inf else math.nan,
                math.log1p(max(0.0, now - trace.last_at)) if trace.last_at > -math.inf else math.nan,
                math.nan
                if one.published_at is None
                else math.log1p(max(0.0, now - one.published_at.timestamp()) / _DAY),
                year,
                year - sum(years) / len(years) if years else math.nan,
                length,
                length - math.log(max(1.0, sum(lengths) / len(lengths))) if lengths else math.nan,
                sum(mix.get(name, 0.0) for name in mine) / max(1, len(mine)),
                math.log1p(len(counted)),
                math.log1p(max(0.0, now - max(counted))) if counted else -1.0,
                sum(usual) / max(1, len(usual)),
                now % _DAY / 3600,
                float(place),
            ]
        )
    return rows


@given(st.lists(_SAID, max_size=40), st.lists(st.integers(0, _COUNT - 1), unique=True), st.sampled_from(["asia", "?"]))
def test_all_candidates_at_once_are_told_what_each_is(
    said: list[tuple[str, int, int, bool, str | None]], asked: list[int], region: str
) -> None:
    knowledge, now = Knowledge(), NOON + timedelta(days=41)
    for profile_id, number, seconds, ended, where in said:
        told_of = play(profile_id, f"film-{number}", seconds, where, to_the_end=ended)
        for one in (*told_of, rated(profile_id, f"film-{number}", "up" if ended else "down", seconds)):
            knowledge.learn(one, now)
    context = Context(knowledge, SELECTION, region, now.timestamp())
    history, ids = knowledge.histories.of("ada"), [f"film-{number}" for number in asked]
    rows = told(history, ids, context)
    assert rows.shape == (len(ids), len(NAMES))
    np.testing.assert_allclose(rows, np.reshape(plainly(history, ids, context), rows.shape), rtol=1e-9, atol=1e-12)
