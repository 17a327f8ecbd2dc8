"""The bandit: propensities that are what was drawn from, a state that adds up, and learning that pays."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.experiments.bandit import Bandit, Method, likeliest
from matinee.experiments.sequences import Floats
from matinee.model.errors import Invalid

ARMS = ("a", "b", "c")
SIZE = 3


def context(random: np.random.Generator) -> Floats:
    return np.array([1.0, random.random(), random.random()])


def tried(seed: int, rows: int = 60, **how: bool) -> Bandit:
    bandit, random = Bandit(SIZE, **how), np.random.default_rng(seed)  # type: ignore[arg-type]
    for _ in range(rows):
        row = context(random)
        arm = str(random.choice(ARMS))
        bandit.update(row, arm, float(random.random() < row[1 + ARMS.index(arm) % 2]))
    return bandit


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("shared", [False, True])
@given(seed=st.integers(0, 2**32 - 1))
def test_every_arm_can_be_chosen_and_together_they_are_all(method: Method, *, shared: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    bandit = tried(seed, rows=5, shared=shared)
    bandit.method = method
    features = {arm: context(random) for arm in ARMS}
    choice = bandit.choose(features, ARMS, random)
    assert choice.propensity == choice.probabilities[choice.arm]
    assert sum(choice.probabilities.values()) == pytest.approx(1)
    assert all(0.02 / 3 - 1e-9 <= one <= 1 for one in choice.probabilities.values())


def test_arms_are_chosen_as_often_as_their_propensities_say() -> None:
    bandit, random = tried(1), np.random.default_rng(2)
    row = context(random)
    chosen = [bandit.choose(row, ARMS, random) for _ in range(4000)]
    counts = Counter(choice.arm for choice in chosen)
    for arm, part in chosen[0].probabilities.items():
        assert counts[arm] / 4000 == pytest.approx(part, abs=4 * (part * (1 - part) / 4000) ** 0.5)


def alone(means: Floats, deviations: Floats) -> Floats:
    found: Floats = likeliest(means[None], deviations[None])[0]
    return found


def test_thompsons_probabilities_are_those_of_many_draws() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        means, deviations = random.normal(0, 1, 5), random.uniform(0.3, 1.5, 5)
        drawn = np.argmax(random.normal(means, deviations, (40_000, 5)), axis=1)
        assert alone(means, deviations) == pytest.approx(np.bincount(drawn, minlength=5) / 40_000, abs=0.012)
    assert alone(np.zeros(2), np.zeros(2)) == pytest.approx([0.5, 0.5])
    assert alone(np.array([1.0, 0.0]), np.zeros(2)) == pytest.approx([1.0, 0.0])


def _plainly(bandit: Bandit, row: Floats, rows: list[tuple[Floats, str, float]], arms: tuple[str, ...]) -> list[float]:
    """As ``probabilities``, by its definition: arm by arm, solved from the rows that were tried."""
    means, deviations = [], []
    for arm in arms:
        mine = [(one, reward) for one, other, reward in rows if other == arm]
        precision = np.eye(SIZE) + sum((np.outer(one, one) for one, _ in mine), np.zeros((SIZE, SIZE)))
        products = sum((reward * one for one, reward in mine), np.zeros(SIZE))
        means.append(float(row @ np.linalg.solve(precision, products)))
        deviations.append(bandit.noise * math.sqrt(row @ np.linalg.solve(precision, row)))
    best = _averaged(means, deviations)
    return [(1 - bandit.floor) * one + bandit.floor / len(arms) for one in best]


def _averaged(means: list[float], deviations: list[float]) -> list[float]:
    """How likely each is the greatest, by sums over 129 places; together 1."""
    nodes = np.linspace(-6, 6, 129)
    weights = np.exp(-(nodes**2) / 2) / np.exp(-(nodes**2) / 2).sum()
    best = [
        sum(
            weight
            * math.prod(
                (1 + math.erf((mean + deviation * node - means[other]) / deviations[other] / math.sqrt(2))) / 2
                for other in range(len(means))
                if other != place
            )
            for node, weight in zip(nodes, weights, strict=True)
        )
        for place, (mean, deviation) in enumerate(zip(means, deviations, strict=True))
    ]
    return [one / sum(best) for one in best]


@given(
    st.lists(st.lists(st.tuples(st.floats(-2, 2), st.floats(0.01, 2)), min_size=3, max_size=3), min_size=1, max_size=20)
)
def test_fewer_places_are_taken_only_where_they_tell_the_same(sets: list[list[tuple[float, float]]]) -> None:
    means, deviations = np.moveaxis(np.array(sets), 2, 0)
    found = likeliest(means, deviations)
    for mine, mean, deviation in zip(found, means, deviations, strict=True):
        assert mine == pytest.approx(_averaged(mean.tolist(), deviation.tolist()), abs=1e-6)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 4), many=st.integers(1, 40))
def test_many_choices_at_once_are_each_as_by_the_definition(seed: int, count: int, many: int) -> None:
    random, bandit = np.random.default_rng(seed), Bandit(SIZE)
    names = [f"arm-{number}" for number in range(6)]
    rows = []
    for _ in range(int(random.integers(0, 30))):
        rows.append((context(random) * random.integers(0, 2, SIZE), str(random.choice(names)), float(random.random())))
        bandit.update(*rows[-1])
    asked = [tuple(random.choice(names, count, replace=False).tolist()) for _ in range(many)]
    row = context(random) * random.integers(0, 2, SIZE)
    found = bandit.probabilities_of(row, asked)
    assert found.shape == (many, count)
    for arms, mine in zip(asked, found.tolist(), strict=True):
        assert mine == pytest.approx(list(bandit.probabilities(row, arms, random).values()), abs=1e-12)
    for arms, mine in list(zip(asked, found.tolist(), strict=True))[:2]:
        if row.any():
            assert mine == pytest.approx(_plainly(bandit, row, rows, arms), abs=1e-6)


def test_arms_that_share_their_weights_are_not_asked_at_once() -> None:
    with pytest.raises(Invalid, match="share"):
        Bandit(SIZE, shared=True).probabilities_of(np.ones(SIZE), [ARMS])


def test_the_same_seed_makes_the_same_choice() -> None:
    for shared in (False, True):
        bandit = tried(4, shared=shared)
        row = context(np.random.default_rng(5))
        features = row if not shared else {arm: row * (place + 1) for place, arm in enumerate(ARMS)}
        assert bandit.choose(features, ARMS, np.random.default_rng(6)) == bandit.choose(
            features, ARMS, np.random.default_rng(6)
        )


@given(st.integers(0, 2**32 - 1))
def test_two_copies_that_saw_different_rows_are_merged_into_one_that_saw_all(seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other, all_ = Bandit(SIZE), Bandit(SIZE), Bandit(SIZE)
    for number in range(20):
        row, arm, reward = context(random), str(random.choice(ARMS)), float(random.random())
        (one if number % 2 else other).update(row, arm, reward)
        all_.update(row, arm, reward)
    one.merge(other)
    assert same(one, all_)


@given(st.integers(0, 2**32 - 1))
def test_a_members_rows_are_taken_back_as_if_they_had_never_been(seed: int) -> None:
    bandit, random = tried(seed), np.random.default_rng(seed)
    rows = [(context(random), str(random.choice(ARMS)), float(random.random())) for _ in range(15)]
    for row, arm, reward in rows:
        bandit.update(row, arm, reward)
    for row, arm, reward in rows:
        bandit.update(row, arm, reward, weight=-1.0)
    assert same(bandit, tried(seed))


def test_what_faded_wholly_is_unknown_again() -> None:
    bandit, row = tried(7), context(np.random.default_rng(8))
    before = bandit._scores(row[None], ("a",))[1][0]
    bandit.fade(0.5)
    assert before < bandit._scores(row[None], ("a",))[1][0] < bandit.noise * np.linalg.norm(row)
    bandit.fade(0.0)
    assert bandit.expected(row, "a") == 0
    with pytest.raises(Invalid, match="fades"):
        bandit.fade(1.5)


@pytest.mark.parametrize("shared", [False, True])
def test_the_state_comes_back_from_its_bytes(*, shared: bool) -> None:
    bandit = tried(9, shared=shared)
    again = Bandit.from_bytes(bandit.to_bytes())
    assert (again.shared, again.floor, again.method) == (shared, bandit.floor, bandit.method)
    assert same(again, bandit)
    assert Bandit.from_bytes(Bandit(2).to_bytes()).size == 2


def test_bytes_that_are_cut_or_anothers_are_refused() -> None:
    body = tried(10).to_bytes()
    for wrong in (b"", b"no", body[: len(body) // 2], body[:-30]):
        with pytest.raises(Invalid, match="no bandit's"):
            Bandit.from_bytes(wrong)


def test_what_cannot_be_learned_from_is_refused() -> None:
    bandit, row = Bandit(SIZE), np.ones(SIZE)
    with pytest.raises(Invalid, match="finite numbers"):
        bandit.update(row, "a", float("nan"))
    with pytest.raises(Invalid, match="3 finite features"):
        bandit.update(np.ones(2), "a", 1.0)
    with pytest.raises(Invalid, match="3 finite features"):
        bandit.choose(np.array([1.0, np.inf, 0.0]), ARMS, np.random.default_rng(1))
    for arms in ((), ("a", "a")):
        with pytest.raises(Invalid, match="one or more arms"):
            bandit.choose(row, arms, np.random.default_rng(1))
    with pytest.raises(Invalid, match="same features"):
        bandit.merge(Bandit(SIZE, shared=True))
    with pytest.raises(Invalid, match="needs features"):
        Bandit(0)


def test_it_learns_which_arm_is_whose() -> None:
    bandit, random = Bandit(2), np.random.default_rng(11)
    for _ in range(600):
        kind = int(random.integers(0, 2))
        row = np.eye(2)[kind]
        arm = bandit.choose(row, ("left", "right"), random).arm
        bandit.update(row, arm, float(random.random() < (0.8 if (arm == "left") == (kind == 0) else 0.2)))
    for kind, best in enumerate(("left", "right")):
        assert bandit.probabilities(np.eye(2)[kind], ("left", "right"), random)[best] > 0.9


def same(one: Bandit, other: Bandit) -> bool:
    names = sorted({*one._posteriors.names(), *other._posteriors.names()})
    sums = zip(one._posteriors.sums(names), other._posteriors.sums(names), strict=True)
    return all(np.allclose(mine, theirs, atol=1e-9) for mine, theirs in sums)
