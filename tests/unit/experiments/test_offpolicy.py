"""Off-policy estimates where the truth is known, and how they go wrong where a propensity is."""

from collections.abc import Callable

import numpy as np
import pytest

from matinee.experiments.offpolicy import Estimate, Log, doubly_robust, ips, snips
from matinee.experiments.sequences import Floats
from matinee.model.errors import Invalid

ARMS, LINES = 4, 4000
BIAS = 0.3


class World:
    """Two kinds of viewers, four arms; logged by a policy that prefers the first arm, another one is asked about."""

    rates = np.array([[0.1, 0.3, 0.2, 0.4], [0.5, 0.2, 0.3, 0.1]])
    logging = np.array([[0.7, 0.1, 0.1, 0.1], [0.4, 0.2, 0.2, 0.2]])
    other = np.array([[0.1, 0.1, 0.1, 0.7], [0.8, 0.1, 0.05, 0.05]])
    truth = float((rates * other).sum(axis=1).mean())

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.kinds = random.integers(0, 2, LINES)
        self.arms = np.array([random.choice(ARMS, p=self.logging[kind]) for kind in self.kinds])
        self.rewards = (random.random(LINES) < self.rates[self.kinds, self.arms]).astype(np.float64)
        self.propensities: Floats = self.logging[self.kinds, self.arms]
        self.wanted: Floats = self.other[self.kinds, self.arms]

    def log(self, factor: float = 1.0) -> Log:
        return Log(self.rewards, np.minimum(1.0, self.propensities * factor), self.wanted)

    def model(self, wrong: float = 0.0) -> tuple[Floats, Floats]:
        """What a model says of the arm taken, and of what the other policy would do."""
        said = self.rates + wrong
        return said[self.kinds, self.arms], (said * self.other).sum(axis=1)[self.kinds]


WORLDS = [World(seed) for seed in range(40)]


def dr(world: World, wrong: float, factor: float = 1.0) -> Estimate:
    return doubly_robust(world.log(factor), *world.model(wrong))


@pytest.mark.parametrize(
    "estimate",
    [
        lambda world: ips(world.log()),
        lambda world: snips(world.log()),
        lambda world: dr(world, 0.0),
        lambda world: dr(world, BIAS),  # the propensities are true
        lambda world: dr(world, 0.0, 0.8),  # the model is true
    ],
    ids=["ips", "snips", "dr", "dr of a wrong model", "dr of wrong propensities"],
)
def test_the_truth_is_found_and_the_interval_holds_it(estimate: Callable[[World], Estimate]) -> None:
    found = [estimate(world) for world in WORLDS]
    values = np.array([one.value for one in found])
    assert values.mean() == pytest.approx(World.truth, abs=4 * values.std() / len(found) ** 0.5)
    held = sum(one.low <= World.truth <= one.high for one in found)
    assert held >= 33  # 38 are promised


def test_wrong_propensities_bias_ips_by_their_factor_and_snips_not() -> None:
    # Logged as 0.8 of what they were: every weight is too large by a quarter.
    biased = np.mean([ips(world.log(0.8)).value for world in WORLDS])
    assert biased == pytest.approx(World.truth / 0.8, rel=0.03)
    assert all(ips(world.log(0.8)).low > World.truth for world in WORLDS[:5])
    assert np.mean([snips(world.log(0.8)).value for world in WORLDS]) == pytest.approx(World.truth, rel=0.03)


def test_wrong_propensities_and_a_wrong_model_together_are_wrong() -> None:
    values = np.array([dr(world, BIAS, 0.8).value for world in WORLDS])
    assert abs(values.mean() - World.truth) > 10 * values.std() / len(values) ** 0.5


def test_a_model_and_normalising_make_the_estimate_steadier() -> None:
    spread = {
        "ips": np.std([ips(world.log()).value for world in WORLDS]),
        "snips": np.std([snips(world.log()).value for world in WORLDS]),
        "dr": np.std([dr(world, 0.0).value for world in WORLDS]),
    }
    assert spread["snips"] < spread["ips"]
    assert spread["dr"] < spread["ips"]


def test_the_logging_policy_itself_is_its_own_mean_on_all_lines() -> None:
    world = WORLDS[0]
    same = Log(world.rewards, world.propensities, world.propensities)
    for found in (ips(same), snips(same)):
        assert found.value == pytest.approx(world.rewards.mean())
        assert found.effective == pytest.approx(LINES)
    assert ips(world.log()).effective < LINES / 2


def test_cut_weights_trade_bias_for_width() -> None:
    whole, cut = ips(WORLDS[0].log()), ips(WORLDS[0].log(), most=2.0)
    assert cut.high - cut.low < whole.high - whole.low
    assert cut.value < whole.value


def test_a_policy_that_does_nothing_that_was_logged_is_unknown() -> None:
    log = Log(np.ones(3), np.full(3, 0.5), np.zeros(3))
    assert snips(log).effective == ips(log).effective == 0
    assert snips(log).high == np.inf


@pytest.mark.parametrize(
    ("rewards", "propensities", "wanted"),
    [
        ([], [], []),
        ([1.0], [0.5, 0.5], [0.1]),
        ([1.0], [0.0], [0.1]),
        ([1.0], [1.5], [0.1]),
        ([1.0], [float("nan")], [0.1]),
        ([1.0], [0.5], [-0.1]),
        ([float("inf")], [0.5], [0.1]),
    ],
)
def test_what_is_no_log_is_refused(rewards: list[float], propensities: list[float], wanted: list[float]) -> None:
    with pytest.raises(Invalid):
        Log(np.array(rewards), np.array(propensities), np.array(wanted))
    with pytest.raises(Invalid, match="every line"):
        doubly_robust(WORLDS[0].log(), np.zeros(1), np.zeros(LINES))
