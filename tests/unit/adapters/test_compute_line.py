"""Who starts next, where, and with how much of the machine."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.adapters.compute_line import Grant, Machine, Place, next_grants
from matinee.ports import Needs

_GIB = 2**30
SMALL, LARGE = Machine("small", 2.0, 4 * _GIB), Machine("large", 8.0, 16 * _GIB)


def _place(number: int, cores: float = 1.0, priority: int = 0, share: str = "", gpus: float = 0.0) -> Place:
    return Place(number, Needs(cores, _GIB // 2, gpus), priority, share)


def _numbers(grants: list[Grant]) -> list[int]:
    return [grant.place.number for grant in grants]


def test_the_lowest_priority_starts_first_and_then_the_oldest() -> None:
    waiting = [_place(1, 2, priority=5), _place(2, 2, priority=1), _place(3, 2, priority=5)]
    assert _numbers(next_grants(waiting, [], [SMALL])) == [2]
    assert _numbers(next_grants(waiting[::2], [], [SMALL])) == [1]


def test_of_equals_the_share_with_least_running_goes_first() -> None:
    waiting = [_place(1, share="old"), _place(2, share="old"), _place(3, share="old"), _place(4, share="new")]
    assert _numbers(next_grants(waiting, [], [SMALL])) == [1, 4]
    running = next_grants(waiting[:1], [], [LARGE])
    assert _numbers(next_grants(waiting[1:], running, [LARGE])) == [4, 2, 3]


def test_a_priority_counts_more_than_a_share() -> None:
    running = [Grant(_place(0, share="a"), "small", Needs(1.0, 0))]
    waiting = [_place(1, priority=2, share="b"), _place(2, priority=1, share="a")]
    assert _numbers(next_grants(waiting, running, [SMALL])) == [2]


@pytest.mark.parametrize(
    "needs", [Needs(cores=3.0, memory_bytes=1), Needs(1.0, 5 * _GIB), Needs(1.0, 1, gpus=1.0)], ids=str
)
def test_a_machine_is_weighed_by_cores_memory_and_gpus(needs: Needs) -> None:
    with_gpu = Machine("gpu", 4.0, 8 * _GIB, 1.0)
    assert [grant.machine for grant in next_grants([Place(1, needs)], [], [SMALL, with_gpu])] == ["gpu"]


def test_a_task_larger_than_the_largest_machine_gets_the_whole_of_it() -> None:
    huge = _place(1, cores=64)
    (grant,) = next_grants([huge], [], [SMALL, LARGE])
    assert (grant.machine, grant.takes) == ("large", LARGE.whole)
    crumb = Grant(_place(0, cores=0.5), "large", Needs(0.5, 1))
    assert next_grants([huge], [crumb], [SMALL, LARGE]) == []


def test_twins_that_differ_in_a_little_memory_are_both_the_largest() -> None:
    twins = [Machine("a", 1.0, 24 * _GIB), Machine("b", 1.0, 24 * _GIB - 17)]
    grants = next_grants([_place(1, cores=2), _place(2, cores=2)], [], twins)
    assert {grant.machine for grant in grants} == {"a", "b"}


def test_a_task_without_room_keeps_one_machine_and_the_others_go_on() -> None:
    busy = [Grant(_place(0), "small", Needs(1.0, 1)), Grant(_place(1), "large", Needs(4.0, 1))]
    waiting = [_place(2, cores=6, priority=1), _place(3, priority=2), _place(4, cores=1, priority=3)]
    grants = next_grants(waiting, busy, [SMALL, LARGE])
    assert [(grant.place.number, grant.machine) for grant in grants] == [(3, "small")]


def test_tasks_spread_and_leave_a_gpu_to_who_needs_it() -> None:
    machines = [Machine("a", 2.0, _GIB * 8), Machine("b", 2.0, _GIB * 8), Machine("g", 8.0, _GIB * 8, 1.0)]
    waiting = [_place(1), _place(2), _place(3, gpus=1.0), _place(4), _place(5), _place(6)]
    places = {grant.place.number: grant.machine for grant in next_grants(waiting, [], machines)}
    assert sorted(places[number] for number in (1, 2, 4, 5)) == ["a", "a", "b", "b"]
    assert places[3] == places[6] == "g"


def test_nothing_starts_where_there_is_no_machine_and_lost_machines_count_nowhere() -> None:
    assert next_grants([_place(1)], [], []) == []
    lost = Grant(_place(0), "gone", Needs(2.0, 1))
    assert _numbers(next_grants([_place(1, cores=2)], [lost], [SMALL])) == [1]


_machines = st.lists(
    st.builds(
        Machine,
        name=st.uuids().map(str),
        cores=st.integers(1, 8).map(float),
        memory_bytes=st.integers(1, 8).map(lambda gib: gib * _GIB),
        gpus=st.integers(0, 1).map(float),
    ),
    max_size=4,
)
_tasks = st.lists(
    st.tuples(
        st.sampled_from([0.1, 0.5, 1.0, 2.0, 3.0, 16.0]),
        st.integers(0, 10).map(lambda gib: gib * _GIB),
        st.sampled_from([0.0, 0.0, 0.5, 2.0]),
        st.integers(0, 2),
        st.sampled_from("abc"),
    ),
    max_size=16,
)


@given(machines=_machines, tasks=_tasks, data=st.data())
def test_every_task_runs_once_and_never_beyond_what_a_machine_has(
    machines: list[Machine], tasks: list[tuple[float, int, float, int, str]], data: st.DataObject
) -> None:
    waiting = [Place(n, Needs(c, m, g), p, s) for n, (c, m, g, p, s) in enumerate(tasks)]
    running: list[Grant] = []
    done: list[int] = []
    whole = {machine.name: machine for machine in machines}
    while waiting and machines:
        grants = next_grants(waiting, running, machines)
        assert grants or running, "something waits while every machine is idle"
        if grants and not running:
            first = min(waiting, key=lambda place: (place.priority, place.number))
            assert grants[0].place == first, "with every machine idle, the first in line goes first"
        running += grants
        waiting = [place for place in waiting if place.number not in set(_numbers(grants))]
        cores: dict[str, float] = defaultdict(float)
        memory: dict[str, int] = defaultdict(int)
        gpus: dict[str, float] = defaultdict(float)
        for grant in running:
            cores[grant.machine] += grant.takes.cores
            memory[grant.machine] += grant.takes.memory_bytes
            gpus[grant.machine] += grant.takes.gpus
            machine = whole[grant.machine]
            assert grant.takes in (grant.place.needs, machine.whole)
        for name, machine in whole.items():
            assert cores[name] <= machine.cores + 1e-6
            assert memory[name] <= machine.memory_bytes
            assert gpus[name] <= machine.gpus + 1e-6
        if running:
            ended = data.draw(st.integers(0, len(running) - 1))
            done.append(running.pop(ended).place.number)
    assert len(done) == len(set(done))


def test_of_tasks_that_need_no_core_a_machine_does_one_at_a_time_beside_its_work() -> None:
    at_work = [Grant(_place(0, cores=8), "large", LARGE.whole)]
    glances = [Place(number, Needs(0.0, 0)) for number in (1, 2, 3)]
    first = next_grants(glances, at_work, [SMALL, LARGE])
    assert sorted((grant.place.number, grant.machine) for grant in first) == [(1, "small"), (2, "large")]
    assert next_grants(glances[2:], [*at_work, *first], [SMALL, LARGE]) == []
    beside = next_grants([*glances[2:], _place(4, priority=1)], [*at_work, *first], [SMALL, LARGE])
    assert [(grant.place.number, grant.machine) for grant in beside] == [(4, "small")]
