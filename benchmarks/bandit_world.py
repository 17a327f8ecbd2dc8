"""Which image of a title is shown to whom: does the bandit pay, and less regret than epsilon-greedy? A known world.

A viewer is a vector of tastes, an image a vector of what it shows, and the chance that an impression becomes a play is
logistic in their product: so the best image of each viewer is known, and so is what any choice loses (regret, in plays
expected). Beside the bandits stand a random image, the one image that is best over all viewers (known, not learned),
and epsilon-greedy over the same linear models, with its epsilon tuned on other seeds. The ordering that Netflix
published (2017, without figures), random < best single image < contextual, is checked, not assumed. Every policy sees
the same viewers and the same coins; the propensities that Thompson logged are then used to value the others off-policy.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.machine import report
from matinee.experiments.bandit import Bandit, Choice, Method
from matinee.experiments.offpolicy import Log, snips
from matinee.experiments.sequences import Floats

SEEDS, TUNING_SEEDS = range(100, 120), range(5)
ROUNDS, IMAGES, TASTES = 6000, 6, 5
EPSILONS = (0.01, 0.02, 0.05, 0.1, 0.2)
ARMS = tuple(f"image-{number}" for number in range(IMAGES))


class World:
    """A title's images and its viewers, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.images: Floats = random.normal(0, 1.0, (IMAGES, TASTES))
        viewers = np.hstack([np.ones((ROUNDS, 1)), random.normal(0, 1.0, (ROUNDS, TASTES - 1))])
        self.viewers: Floats = viewers
        self.chances: Floats = 1 / (1 + np.exp(2.0 - viewers @ self.images.T))
        self.coins: Floats = random.random(ROUNDS)

    def best_single(self) -> int:
        return int(np.argmax(self.chances.mean(axis=0)))


Policy = Callable[[Floats, np.random.Generator], int]
Learn = Callable[[Floats, int, float], None]


def played(world: World, policy: Policy, learn: Learn, seed: int) -> tuple[float, float]:
    """Plays an impression, and the regret over all rounds in plays expected."""
    random = np.random.default_rng(seed + 10_000)
    plays, regret = 0, 0.0
    for viewer, chances, coin in zip(world.viewers, world.chances, world.coins, strict=True):
        arm = policy(viewer, random)
        reward = float(coin < chances[arm])
        learn(viewer, arm, reward)
        plays += int(reward)
        regret += float(chances.max() - chances[arm])
    return plays / ROUNDS, regret


def nothing(_viewer: Floats, _arm: int, _reward: float) -> None:
    """What learns nothing."""


def at_random(_world: World) -> tuple[Policy, Learn]:
    return lambda _viewer, random: int(random.integers(IMAGES)), nothing


def single(world: World) -> tuple[Policy, Learn]:
    best = world.best_single()
    return lambda _viewer, _random: best, nothing


def greedy(epsilon: float) -> Callable[[World], tuple[Policy, Learn]]:
    def made(_world: World) -> tuple[Policy, Learn]:
        bandit = Bandit(TASTES)

        def policy(viewer: Floats, random: np.random.Generator) -> int:
            if random.random() < epsilon:
                return int(random.integers(IMAGES))
            return int(np.argmax([bandit.expected(viewer, arm) for arm in ARMS]))

        return policy, lambda viewer, arm, reward: bandit.update(viewer, ARMS[arm], reward)

    return made


def bandit_of(method: Method, logged: list[tuple[Floats, Choice]] | None = None) -> Callable[..., tuple[Policy, Learn]]:
    def made(_world: World) -> tuple[Policy, Learn]:
        # A play is a coin of about 0.2: its deviation is about 0.4. The floor keeps every propensity above 0.
        bandit = Bandit(TASTES, method=method, noise=0.4, floor=0.02)

        def policy(viewer: Floats, random: np.random.Generator) -> int:
            choice = bandit.choose(viewer, ARMS, random)
            if logged is not None:
                logged.append((viewer, choice))
            return ARMS.index(choice.arm)

        return policy, lambda viewer, arm, reward: bandit.update(viewer, ARMS[arm], reward)

    return made


def measured(make: Callable[[World], tuple[Policy, Learn]], seeds: Sequence[int]) -> tuple[Floats, Floats, float]:
    started = time.perf_counter()
    worlds = [World(seed) for seed in seeds]
    found = [played(world, *make(world), seed) for world, seed in zip(worlds, seeds, strict=True)]
    took = (time.perf_counter() - started) / (len(seeds) * ROUNDS)
    rates, regrets = (np.array(values) for values in zip(*found, strict=True))
    return rates, regrets, took


def off_policy(seeds: Sequence[int]) -> tuple[float, float]:
    """How far SNIPS of the best single image, out of Thompson's own log, is from the truth: mean and spread."""
    errors = []
    for seed in seeds:
        world, logged = World(seed), list[tuple[Floats, Choice]]()
        policy, learn = bandit_of(Method.THOMPSON, logged)(world)
        played(world, policy, learn, seed)
        best = ARMS[world.best_single()]
        rewards = np.array(
            [
                float(coin < chances[ARMS.index(choice.arm)])
                for (_, choice), chances, coin in zip(logged, world.chances, world.coins, strict=True)
            ]
        )
        propensities = np.array([choice.propensity for _, choice in logged])
        wanted = np.array([float(choice.arm == best) for _, choice in logged])
        truth = float(world.chances[:, world.best_single()].mean())
        errors.append(snips(Log(rewards, propensities, wanted)).value - truth)
    return float(np.mean(errors)), float(np.std(errors))


def main() -> None:
    """Tune epsilon elsewhere, run every policy on the same worlds, report."""
    tuned = min(EPSILONS, key=lambda epsilon: measured(greedy(epsilon), list(TUNING_SEEDS))[1].mean())
    policies: dict[str, Callable[[World], tuple[Policy, Learn]]] = {
        "random image": at_random,
        "best single image (known)": single,
        f"epsilon-greedy, epsilon {tuned}": greedy(tuned),
        "LinUCB (ours)": bandit_of(Method.UCB),
        "Thompson (ours)": bandit_of(Method.THOMPSON),
    }
    rows, regrets, rates = [], {}, {}
    for name, make in policies.items():
        rates[name], regrets[name], took = measured(make, list(SEEDS))
        rows.append(
            {
                "policy": name,
                "plays/impression": f"{rates[name].mean():.4f}",
                "regret (plays expected)": f"{regrets[name].mean():.0f}",
                "spread over seeds": f"{regrets[name].min():.0f} to {regrets[name].max():.0f}",
                "us a round": f"{took * 1e6:.0f}",
            }
        )
    greedy_name = next(name for name in policies if name.startswith("epsilon"))
    gained = regrets[greedy_name] - regrets["Thompson (ours)"]
    half = 1.96 * gained.std(ddof=1) / len(SEEDS) ** 0.5
    error, spread = off_policy(list(SEEDS)[:10])
    ordered = rates["random image"].mean() < rates["best single image (known)"].mean() < rates["Thompson (ours)"].mean()
    report(
        "bandit_world",
        f"{ROUNDS} impressions of {IMAGES} images to viewers of {TASTES} tastes, {len(SEEDS)} seeded worlds",
        rows,
        paired=f"epsilon-greedy's regret less Thompson's: {gained.mean():.0f} +- {half:.0f} (95 %)",
        ordering=f"random < best single < contextual: {'yes' if ordered else 'NO'}",
        tuned=f"epsilon {tuned} of {EPSILONS} on {len(TUNING_SEEDS)} other seeds; ours is not tuned",
        off_policy=f"SNIPS of the best single image from Thompson's log: off by {error:+.4f}, sd {spread:.4f}",
    )


if __name__ == "__main__":
    main()
