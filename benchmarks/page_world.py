"""What stands before pages are asked for: a catalogue in a database, a ranker, and what came of pictures.

Rows are written at once, as publishing them one by one would have left them; the trees learn from made-up choices, so
they rank by nothing, at the cost of those that do.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import sqlalchemy as sa

from benchmarks.audience import DURATION_SECONDS
from benchmarks.home_page import draft
from matinee.catalogue import store
from matinee.catalogue.lifecycle import TitleKind, TitleState
from matinee.exploration.artwork import artwork_name
from matinee.model.events import Event, ImpressionShown
from matinee.model.ids import new_id
from matinee.model.media import Picture, Presentation, presentation_to_json
from matinee.recommender.candidates import Selection
from matinee.recommender.features import NAMES, told
from matinee.recommender.for_you import candidates
from matinee.recommender.page import page_of
from matinee.taste.knowledge import Knowledge
from matinee.taste.trees import Lesson, Trees, as_array, taught
from matinee.taste.weights import liked

OUTCOMES = 20_000
_LESSONS = 1_500
_PICTURES = tuple(Picture(f"poster-{one}.jpg", f"still-{one}.jpg", "#335577") for one in (1, 2))


def publish(engine: sa.Engine, titles: int, chance: random.Random, now: datetime) -> None:
    """So many films, each with three pictures, played by anybody."""
    shown = Presentation(
        duration_seconds=DURATION_SECONDS, renditions=(), files=(), colour="#aa7733", pictures=_PICTURES
    )
    kept = presentation_to_json(shown)
    del kept["files"], kept["digests"]
    rows, revisions = [], []
    for number in range(titles):
        film, title_id, at = draft(number, chance), new_id(chance.randbytes), now - timedelta(minutes=titles - number)
        rows.append(
            {
                "id": title_id,
                "kind": TitleKind.FILM.value,
                "name": film.name,
                "synopsis": film.synopsis,
                "year": film.year,
                "genres": list(film.genres),
                "moods": list(film.moods),
                "maturity": film.maturity,
                "state": TitleState.PLAYABLE.value,
                "revision": "r1",
                "created_at": at,
                "published_at": at,
                "change": number + 1,
            }
        )
        revisions.append(
            {"title_id": title_id, "revision": "r1", "presentation": kept, "files": [], "published_at": at}
        )
    with engine.begin() as connection:
        connection.execute(store.titles.insert(), rows)
        connection.execute(store.revisions.insert(), revisions)
        connection.execute(store.changes.insert().values(id=1, last=titles))


def a_ranker(knowledge: Knowledge, selection: Selection, profile_ids: Sequence[str], now: datetime) -> Trees:
    """Trees over the candidates of some profiles; what each is said to have watched follows a few features."""
    chance, lessons = np.random.default_rng(1), []
    for profile_id in profile_ids:
        page = page_of(knowledge, selection, profile_id, "europe", now)
        likes = liked(page.history)
        ids = candidates(page, likes) if likes else []
        if len(ids) < 2:
            continue
        rows = as_array(told(page.history, ids, page.context))
        worth = np.nan_to_num(rows[:, :20]) @ chance.random(20) + chance.gumbel(size=len(ids))
        kept = np.unique([*chance.choice(len(ids), min(60, len(ids)), replace=False), int(worth.argmax())])
        lessons.append(Lesson(rows[kept], int(np.flatnonzero(kept == worth.argmax())[0])))
        if len(lessons) == _LESSONS:
            break
    return taught(lessons, NAMES)


def tell_of_pictures(
    knowledge: Knowledge, selection: Selection, profile_ids: Sequence[str], chance: random.Random, now: datetime
) -> None:
    """As many outcomes as are kept, of titles that people saw by one of their pictures."""
    popular = knowledge.popularity.overall.ranked()
    for number in range(OUTCOMES):
        profile_id = profile_ids[number % len(profile_ids)]
        title = selection.titles.get(popular[min(len(popular) - 1, int(chance.paretovariate(0.3)) - 1)])
        if title is None:
            continue
        facts = ImpressionShown(
            profile_id=profile_id,
            title_id=title.id,
            row_id="new",
            row=9,
            place=number % 20,
            artwork=artwork_name(title, chance.randrange(3)),
            artwork_propensity=1 / 3,
        )
        at = now - timedelta(days=1, seconds=number)
        knowledge.learn(Event(f"seen-{number}", at, "benchmark", facts), now)
