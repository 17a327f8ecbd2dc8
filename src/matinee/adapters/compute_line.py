"""The line in which tasks wait for machines, pure: who starts next, where, and with how much of the machine.

The lowest priority goes first, then the share that has least running, then the oldest. Nothing is handed out beyond
what a machine has. A task that finds no room keeps one machine for itself, so that smaller ones behind it cannot pass
it there for ever; on the other machines they go on.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from matinee.ports import Needs

_NOTHING = Needs(cores=0.0, memory_bytes=0, gpus=0.0)
_CRUMB = 1e-9  # cores are fractions; sums of them are not exact


@dataclass(frozen=True, slots=True)
class Machine:
    """What one machine can give."""

    name: str
    cores: float
    memory_bytes: int
    gpus: float = 0.0

    @property
    def whole(self) -> Needs:
        """All of it."""
        return Needs(self.cores, self.memory_bytes, self.gpus)


@dataclass(frozen=True, slots=True)
class Place:
    """A task's place in line; ``number`` grows with its age, the oldest has the lowest."""

    number: int
    needs: Needs
    priority: int = 0
    share: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """A task that runs, or may: on which machine, and what of it is the task's."""

    place: Place
    machine: str
    takes: Needs


def next_grants(waiting: Iterable[Place], running: Collection[Grant], machines: Sequence[Machine]) -> list[Grant]:
    """What may start now, in order. Grants on machines that are gone take nothing of the others."""
    line = list(waiting)
    busy = Counter(grant.place.share for grant in running)
    taken = {machine.name: _NOTHING for machine in machines}
    for grant in running:
        if grant.machine in taken:
            taken[grant.machine] = _sum(taken[grant.machine], grant.takes)
    free = list(machines)
    passing = {grant.machine for grant in running if _passes_by(grant.place)}
    grants: list[Grant] = []
    while line and free:
        place = min(line, key=lambda one: (one.priority, busy[one.share], one.number))
        line.remove(place)
        able = _able(place.needs, machines)
        if _passes_by(place):
            able = [machine for machine in able if machine.name not in passing]
        chosen = _roomiest([machine for machine in able if machine in free], taken, place.needs)
        if chosen is None:
            continue  # it waits for a machine that one before it keeps, or passes by
        takes = _takes(place.needs, chosen)
        if not _holds(chosen.whole, _sum(taken[chosen.name], takes)):
            free.remove(chosen)
            continue
        taken[chosen.name] = _sum(taken[chosen.name], takes)
        busy[place.share] += 1
        if _passes_by(place):
            passing.add(chosen.name)
        grants.append(Grant(place, chosen.name, takes))
    return grants


def _passes_by(place: Place) -> bool:
    return not place.needs.cores and not place.needs.gpus


def _able(needs: Needs, machines: Sequence[Machine]) -> list[Machine]:
    """The machines that could do it if nothing else ran; the largest, if it is too large for each."""
    able = [machine for machine in machines if _holds(machine.whole, needs)]
    if able:
        return able
    sizes = {machine.name: (min(machine.gpus, needs.gpus), machine.cores) for machine in machines}
    return [machine for machine in machines if sizes[machine.name] == max(sizes.values())]


def _takes(needs: Needs, machine: Machine) -> Needs:
    return needs if _holds(machine.whole, needs) else machine.whole


def _roomiest(machines: Sequence[Machine], taken: dict[str, Needs], needs: Needs) -> Machine | None:
    """The machine with the most cores free; one with a GPU is kept for who needs it, as long as another has room."""

    def rank(machine: Machine) -> tuple[bool, bool, float]:
        has_room = _holds(machine.whole, _sum(taken[machine.name], _takes(needs, machine)))
        modest = bool(needs.gpus) or not machine.gpus
        return has_room, modest, machine.cores - taken[machine.name].cores

    return max(machines, key=rank, default=None)


def _holds(whole: Needs, part: Needs) -> bool:
    return (
        part.cores <= whole.cores + _CRUMB
        and part.memory_bytes <= whole.memory_bytes
        and part.gpus <= whole.gpus + _CRUMB
    )


def _sum(one: Needs, other: Needs) -> Needs:
    memory_bytes = one.memory_bytes + other.memory_bytes
    return replace(one, cores=one.cores + other.cores, memory_bytes=memory_bytes, gpus=one.gpus + other.gpus)
