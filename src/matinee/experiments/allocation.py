"""Who is in which arm: computed from a salted hash each time, and stored nowhere. Pure.

A *layer* is a circle of 10,000 slots, salted with its name. Each running experiment of the layer holds slots of its
own, so no profile is in two experiments of one layer; layers are salted apart, so that what happens in one is
independent of what happens in another (Tang et al., "Overlapping experiment infrastructure", KDD 2010). Within an
experiment a second hash, salted with its own salt, chooses the arm: who was in the treated arm of the last experiment
of the layer is spread evenly over the arms of the next.

A profile stays where it is as long as the experiment keeps its slots, weights and salt: they are fixed when it starts.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from matinee.experiments.lifecycle import Arm, Experiment, State
from matinee.model.errors import Conflict

SLOTS = 10_000
"""Slots of a layer: an experiment's share is counted in hundredths of a percent."""

_BYTES = 8


def point(salt: str, profile_id: str) -> float:
    """Where a profile falls on the circle of a salt: 0 to 1, without 1.

    The first 53 bits of blake2b keyed by the salt's digest, as many as a float holds: no rounding reaches 1.
    """
    key = hashlib.blake2b(salt.encode(), digest_size=32).digest()
    digest = hashlib.blake2b(profile_id.encode(), digest_size=_BYTES, key=key).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def slot_of(layer: str, profile_id: str) -> int:
    """The profile's slot in a layer: 0 to 9,999."""
    return int(point(f"layer:{layer}", profile_id) * SLOTS)


def arm_in(experiment: Experiment, profile_id: str) -> Arm | None:
    """The experiment's arm for a profile, whether or not it runs; None if the profile is in none of its slots."""
    slot = slot_of(experiment.layer, profile_id)
    if not experiment.first_slot <= slot < experiment.first_slot + slots(experiment.share):
        return None
    return _by_weight(experiment.arms, point(f"arm:{experiment.salt}", profile_id))


def arm_of(experiments: Iterable[Experiment], profile_id: str) -> dict[str, Arm]:
    """The arm of every running experiment that the profile is in, by the experiment's id."""
    found = {}
    for experiment in experiments:
        if experiment.state is State.RUNNING and (arm := arm_in(experiment, profile_id)) is not None:
            found[experiment.id] = arm
    return found


def parameters_of(experiments: Iterable[Experiment], profile_id: str) -> dict[str, str]:
    """What the profile's arms set, by parameter; experiments that set the same one belong into one layer."""
    found: dict[str, str] = {}
    for arm in arm_of(experiments, profile_id).values():
        found.update(arm.parameters)
    return found


def slots(share: float) -> int:
    """How many slots a share of the layer's profiles takes; one at least."""
    return max(1, round(share * SLOTS))


def free_slot(running: Iterable[Experiment], share: float) -> int:
    """The first slot from which an experiment of that share has a run of free ones among a layer's running ones.

    Conflict, with what the layer has left, if there is none.
    """
    wanted, begin, largest = slots(share), 0, 0
    for taken in sorted(running, key=lambda one: one.first_slot):
        gap = taken.first_slot - begin
        if gap >= wanted:
            return begin
        largest, begin = max(largest, gap), taken.first_slot + slots(taken.share)
    if SLOTS - begin >= wanted:
        return begin
    largest = max(largest, SLOTS - begin)
    raise Conflict(
        f"The layer has no room for {share:.2%} of the profiles: {largest / SLOTS:.2%} is the most that is free. "
        "Stop another experiment of the layer, take a smaller share, or another layer."
    )


def expected(arms: Sequence[Arm]) -> Mapping[str, float]:
    """The part of an experiment's profiles that each arm is to have."""
    whole = sum(arm.weight for arm in arms)
    return {arm.name: arm.weight / whole for arm in arms}


def _by_weight(arms: Sequence[Arm], at: float) -> Arm:
    whole, upto = sum(arm.weight for arm in arms), 0.0
    for arm in arms:
        upto += arm.weight / whole
        if at < upto:
            return arm
    return arms[-1]
