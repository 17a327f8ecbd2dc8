"""A data set, a protocol and some models in; a table out.

All-time popularity and trending are rows of every table: what does not beat them has learned nothing. Each row says
what was chosen on validation, accuracy with its interval, and what its lists are like.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np

from matinee.learning.datasets import Dataset
from matinee.learning.histories import Catalogue, Floats, Histories, Ints, coded
from matinee.learning.metrics import accuracies, coverage, genre_mix, interval, miscalibration, novelty
from matinee.learning.models import Model, lists
from matinee.learning.popularity import HALF_LIVES_TIMED
from matinee.learning.prequential import Events, popularity_answers, stream_answers
from matinee.learning.protocols import Split, leave_last, strong_generalisation
from matinee.learning.stacking import Lessons, Recipe, teach
from matinee.learning.staging import STAGES_OF, places_asked, recipe_of, users_asked
from matinee.learning.streams import Stream
from matinee.learning.tuning import GRIDS, LARGEST_SQUARE, Chosen, choose
from matinee.model.errors import Invalid

SEED = 98_765  # as Liang et al. published theirs
PROTOCOLS = ("leave-one-out", "strong", "prequential")
OURS = "matinee"
ALWAYS = ("popularity", "trending")
MODELS = {
    "leave-one-out": (*ALWAYS, "transitions", "sequence", "neighbours", "ease", "als", OURS),
    "strong": (*ALWAYS, "ease", "als", OURS),
    "prequential": (*ALWAYS, OURS),
}
LIKED = 4.0  # Liang et al. 2018: what is rated 4 of 5 or more counts, under ``strong``
SEARCH_SECONDS = 14 * 60.0  # of the whole table, on the machine that it is made on
_OTHERS = 0.4  # of it, at most, for the rows that are not ours
_MEASURE = {"leave-one-out": "ndcg@10", "strong": "ndcg@100"}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One model's: its lists, what they reach query by query, and what it took."""

    model: str
    chosen: str
    top: Ints
    measured: dict[str, Floats]
    search_seconds: float
    fit_seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """All rows, and what they are about."""

    dataset: str
    protocol: str
    rows: tuple[Row, ...]
    facts: dict[str, Any]
    histories: Histories  # what was asked with, for calibration
    counts: Ints
    genres: tuple[tuple[str, ...], ...]

    def as_json(self) -> dict[str, Any]:
        """As the contract names it: ``{dataset, protocol, rows: [{model, "hr@10", …, ci95}]}``."""
        return {
            "dataset": self.dataset,
            "protocol": self.protocol,
            **self.facts,
            "rows": [self._row(one) for one in self.rows],
        }

    def _row(self, row: Row) -> dict[str, Any]:
        found = {name: interval(values) for name, values in row.measured.items()}
        calibration = miscalibration(row.top, self.histories, self.genres)
        return {
            "model": row.model,
            **{name: round(one.mean, 5) for name, one in found.items()},
            "ci95": {name: [round(one.low, 5), round(one.high, 5)] for name, one in found.items()},
            "coverage": round(coverage(row.top, len(self.counts)), 5),
            "novelty_bits": round(novelty(row.top, self.counts), 3),
            **({} if calibration is None else {"miscalibration": round(calibration, 4)}),
            "chosen": row.chosen,
            "search_seconds": round(row.search_seconds, 1),
            "fit_seconds": round(row.fit_seconds, 1),
        }


def evaluate(
    dataset: Dataset, protocol: str, models: Sequence[str] = (), seed: int = SEED, say: Say = lambda _: None
) -> Table:
    """The table of some models (without any, the protocol's own list); popularity and trending are always in it.

    Invalid, with a sentence, if a model or protocol is unknown or the data set has nobody to ask.
    """
    if protocol not in MODELS:
        raise Invalid(f"There is no protocol {protocol}: say one of {', '.join(PROTOCOLS)}.")
    offered = MODELS[protocol]
    unknown = [name for name in models if name not in offered]
    if unknown:
        raise Invalid(f"Under {protocol} there is no model {unknown[0]}: say some of {', '.join(offered)}.")
    wanted = [name for name in offered if name in ALWAYS or not models or name in models]
    histories, catalogue = coded(dataset)
    say(
        f"{dataset.name}: {len(histories.items):,} interactions "
        f"of {histories.n_users:,} users with {histories.n_items:,} items"
    )
    if dataset.left_out.sentence():
        say(f"{dataset.name}: {dataset.left_out.sentence()}")
    if protocol == "prequential":
        return _prequential(dataset, wanted, histories, catalogue, seed, say)
    return _held_out(dataset, protocol, wanted, (histories, catalogue), seed, say)


def _held_out(
    dataset: Dataset, protocol: str, wanted: Sequence[str], data: tuple[Histories, Catalogue], seed: int, say: Say
) -> Table:
    histories, catalogue = data
    validation: tuple[Split, ...]
    if protocol == "leave-one-out":
        first, test = leave_last(histories, 1), leave_last(histories)
        validation, lessons = (first,), places_asked(histories, first)
    else:
        strong = strong_generalisation(histories, seed)
        validation, test, lessons = strong.validation, strong.test, users_asked(strong, seed)
    if not len(test.queries) or not len(validation[0].queries):
        raise Invalid(f"{dataset.name} has nobody to ask under {protocol}: too few users, or too short histories.")
    began = monotonic()
    others = began + SEARCH_SECONDS * _OTHERS
    rows = []
    chosen: dict[str, Model] = {}
    searched = {name for name in (*wanted, *STAGES_OF[protocol]) if name != OURS}

    def choice(name: str) -> Chosen:
        now = monotonic()
        left = len(searched - set(chosen))
        # What is left is shared by those who have not searched, so that the last rival has its whole list, too.
        found = choose(GRIDS[name](test.learn), validation, _MEASURE[protocol], now + (others - now) / left, seed)
        chosen[name] = found.model
        return found

    for name in wanted:
        if name != OURS:
            rows.append(_row(name, choice, test, say))
            continue
        for stage in STAGES_OF[protocol]:
            if stage not in chosen:
                choice(stage)
        recipe = recipe_of(protocol, chosen)
        rows.append(_ours(recipe, lessons, test, began + SEARCH_SECONDS, seed, say))
    return Table(
        dataset.name,
        protocol,
        tuple(rows),
        _facts(dataset, histories, len(test.queries), seed),
        test.queries.histories,
        test.learn.counts(),
        tuple(one.genres for one in catalogue.about),
    )


def _row(name: str, choice: Callable[[str], Chosen], test: Split, say: Say) -> Row:
    began = monotonic()
    chosen = choice(name)
    searched = monotonic()
    fitted = chosen.model.fit(test.learn)
    learned = monotonic()
    top = lists(fitted, test.queries)
    say(f"{name}: {chosen.sentence()}; searched {searched - began:.0f} s, learned {learned - searched:.1f} s")
    return Row(name, chosen.sentence(), top, accuracies(top, test.targets), searched - began, learned - searched)


def _ours(recipe: Recipe, splits: Lessons, test: Split, until: float, seed: int, say: Say) -> Row:
    began = monotonic()
    taught = teach(recipe, splits, seed, say, until)
    searched = monotonic()
    fitted = taught.fit(test.learn, say)
    top = lists(fitted, test.queries)
    learned = monotonic()
    say(f"{OURS}: {taught.sentence()}; searched {searched - began:.0f} s, learned and asked {learned - searched:.0f} s")
    return Row(OURS, taught.sentence(), top, accuracies(top, test.targets), searched - began, learned - searched)


def _prequential(
    dataset: Dataset, wanted: Sequence[str], histories: Histories, catalogue: Catalogue, seed: int, say: Say
) -> Table:
    events = _events(dataset, catalogue)
    if len(events) < 50:  # noqa: PLR2004 - a fifth of it would be fewer than ten questions
        raise Invalid(f"{dataset.name} has {len(events)} interactions: the last fifth is too few to ask for.")
    if not dataset.timed:
        say(f"{dataset.name} has no times: its lines are taken to be a stream, a second apart")
    asked = slice(events.first_question, len(events))
    targets = _single(events.items[asked], events.n_items)
    rows = []
    for name in wanted:
        began = monotonic()
        if name == OURS and events.n_items > LARGEST_SQUARE:
            say(f"{name} is left out: it keeps squares of the catalogue, which has more than {LARGEST_SQUARE:,} items")
            continue
        if name == OURS:
            genres = genre_mix([one.genres for one in catalogue.about])
            years = np.array([one.year or 0 for one in catalogue.about], np.float32)
            answers = stream_answers(events, Stream(events.n_items, years, genres), seed, say)
        else:
            answers = popularity_answers(events, HALF_LIVES_TIMED if name == "trending" else (float("inf"),), name)
        took = monotonic() - began
        say(f"{name}: {answers.chosen}; {took:.0f} s for all of it")
        rows.append(Row(name, answers.chosen, answers.top, accuracies(answers.top, targets), 0.0, took))
    asked_with = histories.of(events.users[asked])
    counts = np.bincount(events.items[: asked.start], minlength=events.n_items).astype(np.int64)
    genres_of = tuple(one.genres for one in catalogue.about)
    facts = _facts(dataset, histories, len(events) - asked.start, seed)
    return Table(dataset.name, "prequential", tuple(rows), facts, asked_with, counts, genres_of)


def _events(dataset: Dataset, catalogue: Catalogue) -> Events:
    users = {name: place for place, name in enumerate(catalogue.users)}
    items = {name: place for place, name in enumerate(catalogue.items)}
    told = dataset.interactions
    return Events(
        np.fromiter((users[one.user] for one in told), np.int64),
        np.fromiter((items[one.item] for one in told), np.int64),
        np.fromiter((one.time for one in told), np.float64),
        np.fromiter((one.rating or 0.0 for one in told), np.float32),
        len(items),
    )


def _single(items: Ints, n_items: int) -> Histories:
    return Histories(np.arange(len(items) + 1), items, np.zeros(len(items)), n_items)


def _facts(dataset: Dataset, histories: Histories, queries: int, seed: int) -> dict[str, Any]:
    return {
        "users": histories.n_users,
        "items": histories.n_items,
        "interactions": len(histories.items),
        "queries": queries,
        "seed": seed,
        "left_out": {
            "unreadable": dataset.left_out.unreadable,
            "below_rating": dataset.left_out.below_rating,
            "repeated": dataset.left_out.repeated,
        },
    }
