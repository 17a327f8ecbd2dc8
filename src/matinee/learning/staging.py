"""Which stages ours is made of, by protocol."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from matinee.learning.beside import FittedBetween, beside_weights, local_weights
from matinee.learning.ease import Ease, ease_weights, gram
from matinee.learning.factors import Als
from matinee.learning.features import Stage
from matinee.learning.histories import Histories, familiar
from matinee.learning.models import Model
from matinee.learning.neighbours import Neighbours
from matinee.learning.popularity import HALF_LIVES_TIMED, HALF_LIVES_UNTIMED, Popularity, Trending
from matinee.learning.protocols import Split, Strong, groups_held_out, walked
from matinee.learning.stacking import Lessons, Recipe
from matinee.learning.transitions import FittedLinear, Sequence, discounted, sequence_weights, transition_counts

_MOST = 4_500  # items that squares hold here, where there are many of them
# decay, window of learning and of what is folded in, ridge: from the item before to the last sixty
_PACES = ((0.5, 8, 20.0), (0.8, 25, 20.0), (0.93, 60, 20.0))
_LINKED = 0.8  # the pace whose single links are told
# name, decay of learning, decay and window of what is folded in, ridge, weight among those that propose
_EASES: tuple[tuple[str, float, float, int | None, float, float], ...] = (
    ("ease_recent", 0.98, 0.9, 40, 150.0, 0.5),
    ("ease_200", 0.995, 0.98, 200, 300.0, 0.3),
    ("ease_all", 1.0, 1.0, None, 300.0, 0.0),
)
_BESIDE = ((0.8, 15), (0.93, 40))  # decay, window: what is watched beside what, near and far
_LOCAL = (0.8, 12, 20.0)  # the same of the regression, and its ridge
_OFTEN = 3  # plays below which an item has no part in these and in the variants of EASE: squares stay small
_EASE, _ALS = Ease(), Als()


def sequence_stages(histories: Histories) -> tuple[Stage, ...]:
    """For what comes next: sequence models near and far, transitions, EASE of several windows, factors, counts."""
    own, known = familiar(histories, _MOST)
    counts = own.counts()
    found: list[Stage] = []
    for decay, window, ridge in _PACES:
        following = transition_counts(own, decay, window)
        weights = sequence_weights(following, counts, Sequence(decay, window, ridge))
        links = decay == _LINKED
        found.append(Stage(f"sequence_{decay}", FittedLinear(weights, known, decay, window), 1.0, links))
        plain = discounted(following, counts, 0.5)
        found.append(Stage(f"transitions_{decay}", FittedLinear(plain, known, decay, window), 0.5, links))
    after = discounted(transition_counts(own, 1.0, 1), counts, 0.3)
    found.append(Stage("next", FittedLinear(after, known, 1.0, 1)))
    for name, decay, recall, last, ridge, proposes in _EASES:
        weights = ease_weights(gram(own.matrix(own.recency(decay))), ridge)
        found.append(Stage(name, FittedLinear(weights, known, recall, last), proposes, name == "ease_recent"))
    before = transition_counts(own, _LINKED, 10).T.copy()
    found.append(Stage("before", FittedLinear(discounted(before, counts, 0.5), known, _LINKED, 25)))
    found.append(Stage("neighbours", Neighbours(window=5).fit(histories), 0.7))
    found.append(Stage("als", Als(64, 30.0, 10.0, rounds=8).fit(histories)))
    return (*found, *_count_stages(histories))


def taste_stages(histories: Histories, ease: Ease = _EASE, als: Als = _ALS) -> tuple[Stage, ...]:
    """For what else is liked: the EASE and the ALS that were chosen, variants of both, what is beside what, counts."""
    own, known = familiar(histories, min(int((histories.counts() >= _OFTEN).sum()), _MOST))
    total = gram(own.matrix())
    found = [Stage("ease", ease.fit(histories), 1.0, links=True), Stage("als", als.fit(histories), 1.0)]
    for name, times in (("ease_less", 0.3), ("ease_more", 3.0)):
        weights = ease_weights(total.copy(), ease.ridge * times)
        found.append(Stage(name, FittedLinear(weights, known, 1.0)))
    half = Als(max(als.factors // 2, 8), als.ridge / 2, als.alpha)
    found.append(Stage("als_half", half.fit(histories), 0.3))
    near, far = (beside_weights(own, *reach) for reach in _BESIDE)
    found.append(Stage("beside_near", FittedLinear(near, known, 1.0), 0.3))
    found.append(Stage("beside_far", FittedLinear(far, known, 1.0), 0.3))
    found.append(Stage("between", FittedBetween(near, known), 0.15))
    found.append(Stage("local", FittedLinear(local_weights(own, *_LOCAL), known, 1.0), 0.3))
    return (*found, Stage("count", Popularity().fit(histories)))


# Where queries are few: trees that ask little at a time, and of many queries.
_CAREFUL = {"num_leaves": 15, "learning_rate": 0.04, "min_data_in_leaf": 200}
_LONG = {"lambdarank_truncation_level": 100, "eval_at": [100], "learning_rate": 0.04, "num_leaves": 15}
STAGES_OF: dict[str, tuple[str, ...]] = {"leave-one-out": (), "strong": ("ease", "als")}
_FITS = 4  # of the stages, for lessons of leave-one-out
_GROUPS, _GROUP = 8, 0.12  # of users that are held out in turn, and the share of all that each is
_CHECKS = 3  # of these groups check, the others teach
_ENOUGH = 20_000  # queries that are asked for lessons
_MOST_PLACES = 8  # of one history that are asked for after one fit


def recipe_of(protocol: str, chosen: Mapping[str, Model]) -> Recipe:
    """How ours is made; ``chosen`` has the models of ``STAGES_OF`` that validation chose."""
    if protocol == "leave-one-out":
        return Recipe(sequence_stages, "ndcg@10", shapes=({}, _CAREFUL))
    ease, als = chosen["ease"], chosen["als"]
    assert isinstance(ease, Ease)
    assert isinstance(als, Als)
    staging = partial(taste_stages, ease=ease, als=als)
    return Recipe(staging, "ndcg@100", candidates=400, shapes=(_LONG, {**_LONG, **_CAREFUL}), mixed=True)


def places_asked(histories: Histories, validation: Split) -> Lessons:
    """Of leave-one-out: everybody's interactions before the last known one."""
    enough = round(_ENOUGH / _FITS / max(len(validation.queries), 1))
    spared = int(np.median(histories.lengths)) // 3 // _FITS  # a third of a history may be asked for, no more
    places = max(min(enough, spared, _MOST_PLACES), 1)
    lessons = [split for fit in range(_FITS) for split in walked(histories, 2 + fit * places, places)]
    return Lessons((validation,), tuple(split for split in lessons if len(split.queries)))


def users_asked(strong: Strong, seed: int) -> Lessons:
    """Of strong generalisation: all users but the test's, in groups that are held out in turn."""
    groups = [one for one in groups_held_out(strong.others, _GROUPS, _GROUP, seed) if len(one.queries)]
    return Lessons(tuple(groups[:_CHECKS]), tuple(groups[_CHECKS:]))


def _count_stages(histories: Histories) -> tuple[Stage, ...]:
    if not histories.timed:
        return tuple(Stage(f"of_late_{half:g}", Trending(half).fit(histories)) for half in HALF_LIVES_UNTIMED[1:4])
    # Where the day matters, what is watched today is a candidate whatever the history.
    return tuple(Stage(f"of_late_{half:g}", Trending(half).fit(histories), 0.5) for half in HALF_LIVES_TIMED)
