"""``ports.Compute``, sentence by sentence, for every engine."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, wait
from pathlib import Path

import pytest

import tasks
from engines import ray_cluster
from matinee.adapters.compute_local import LocalCompute
from matinee.adapters.compute_ray import RayCompute
from matinee.model.errors import Refused, Unavailable
from matinee.ports import Compute, Needs, Task

_PATIENCE = 180.0


@pytest.fixture(scope="module")
def ray_address() -> Iterator[str]:
    """A cluster of one node with one core, which wants a token and TLS."""
    with ray_cluster(nodes=(1,), tls=True) as cluster:
        yield cluster.address


@pytest.fixture(scope="module")
def ray_compute(ray_address: str) -> Iterator[Compute]:
    engine = RayCompute(ray_address)
    yield engine
    engine.close()


@pytest.fixture(params=["local", "ray"])
def compute(request: pytest.FixtureRequest) -> Iterator[Compute]:
    """Compute with one core."""
    if request.param == "ray":
        yield request.getfixturevalue("ray_compute")
        return
    engine = LocalCompute(cores=1)
    yield engine
    engine.close()


@pytest.fixture(params=["local", "ray"])
def gpu_compute(request: pytest.FixtureRequest) -> Iterator[Compute]:
    """Compute with one core and one GPU; nothing looks whether that is there."""
    if request.param == "local":
        engine: LocalCompute | RayCompute = LocalCompute(cores=1, gpus=1)
        yield engine
        engine.close()
        return
    with ray_cluster(nodes=()) as cluster:
        cluster.add(gpus=1).wait()
        engine = RayCompute(cluster.address)
        yield engine
        engine.close()


def _until(condition: Callable[[], bool], seconds: float = _PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be read counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_future_holds_what_the_function_returned(compute: Compute) -> None:
    assert compute.submit(Task("sum", tasks.add, (2, 3))).result(_PATIENCE) == 5


def test_the_function_tells_how_far_it_is(compute: Compute) -> None:
    told: list[float] = []
    compute.submit(Task("sum", tasks.add, (2, 3)), on_progress=told.append).result(_PATIENCE)
    assert told == [0.5, 1.0]


def test_a_listener_that_fails_does_not_stop_the_work(compute: Compute) -> None:
    def listen(fraction: float) -> None:
        raise ValueError(fraction)

    assert compute.submit(Task("sum", tasks.add, (2, 3)), on_progress=listen).result(_PATIENCE) == 5


def test_each_task_runs_in_a_process_of_its_own(compute: Compute) -> None:
    first, second = (compute.submit(Task("where", tasks.whereabouts)).result(_PATIENCE) for _ in range(2))
    assert len({first, second, os.getpid()}) == 3


def test_an_error_of_ours_arrives_as_the_same_class_with_the_same_sentence(compute: Compute) -> None:
    with pytest.raises(Refused) as caught:
        compute.submit(Task("judge", tasks.refuse, ("film.mp4 is empty.",))).result(_PATIENCE)
    assert str(caught.value) == "film.mp4 is empty."


def test_any_other_error_arrives_with_the_place_where_it_arose(compute: Compute) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        compute.submit(Task("divide", tasks.divide, (1,))).result(_PATIENCE)
    assert "tasks.py" in "".join(caught.value.__notes__)


def test_an_error_that_cannot_travel_arrives_as_one_that_says_the_same(compute: Compute) -> None:
    with pytest.raises(RuntimeError, match="StubbornError: 1 against 2"):
        compute.submit(Task("stumble", tasks.stumble)).result(_PATIENCE)


def test_an_outcome_that_cannot_travel_is_an_error(compute: Compute) -> None:
    with pytest.raises(TypeError, match="cannot leave its process"):
        compute.submit(Task("lambda", tasks.unpicklable)).result(_PATIENCE)


@pytest.mark.parametrize("end", [tasks.die, tasks.leave])
def test_a_process_that_dies_gives_unavailable_with_a_sentence_that_names_the_task(
    compute: Compute, end: Callable[..., None]
) -> None:
    with pytest.raises(Unavailable, match="Metropolis"):
        compute.submit(Task("the encode of Metropolis", end)).result(_PATIENCE)
    assert compute.submit(Task("sum", tasks.add, (1, 1))).result(_PATIENCE) == 2


def test_cancel_stops_a_task_and_its_tools_while_it_runs(compute: Compute, tmp_path: Path) -> None:
    note = tmp_path / "note"
    future = compute.submit(Task("sleep", tasks.sleep_with_child, (note,)))
    _until(note.exists)
    pids = [int(pid) for pid in note.read_text().split()]
    assert future.cancel()
    assert wait([future], timeout=_PATIENCE).not_done == set()
    _until(lambda: not any(map(_alive, pids)))
    with pytest.raises(CancelledError):
        future.result(0)
    assert compute.submit(Task("sum", tasks.add, (1, 1))).result(_PATIENCE) == 2


def test_a_waiting_task_that_is_cancelled_never_starts(compute: Compute, tmp_path: Path) -> None:
    note, diary = tmp_path / "note", tmp_path / "diary"
    running = compute.submit(Task("sleep", tasks.sleep_with_child, (note,)))
    waiting = compute.submit(Task("write", tasks.write_line, (diary, "never", 0.0)))
    _until(note.exists)
    assert waiting.cancel()
    assert wait([waiting], timeout=_PATIENCE).not_done == set()
    running.cancel()
    assert compute.submit(Task("sum", tasks.add, (1, 1))).result(_PATIENCE) == 2
    assert not diary.exists()


def test_the_lowest_priority_starts_first_and_equals_in_order_of_submission(compute: Compute, tmp_path: Path) -> None:
    diary = tmp_path / "diary"

    def write(line: str, priority: int) -> Task:
        return Task(line, tasks.write_line, (diary, line, 0.0), priority=priority)

    futures = [compute.submit(_at_gate(tmp_path, "first", 1.0, priority=5))]
    _until(diary.exists)
    order = [("late", 9), ("soon one", 1), ("middle", 5), ("soon two", 1)]
    futures += [compute.submit(write(line, priority)) for line, priority in order]
    (tmp_path / "first").touch()
    assert wait(futures, timeout=_PATIENCE).not_done == set()
    assert diary.read_text().splitlines() == ["first", "soon one", "soon two", "middle", "late"]


def _diary(folder: Path) -> list[str]:
    diary = folder / "diary"
    return diary.read_text().splitlines() if diary.exists() else []


def _at_gate(folder: Path, line: str, cores: float, share: str = "", priority: int = 0) -> Task:
    """A task that ends when the folder has a file of its name."""
    return Task(line, tasks.wait_for, (folder, line), Needs(cores, 2**20), priority, share)


def test_a_task_starts_when_a_machine_has_free_what_it_needs_and_no_earlier(compute: Compute, tmp_path: Path) -> None:
    halves = [compute.submit(_at_gate(tmp_path, name, 0.5)) for name in ("one half", "other half")]
    whole = compute.submit(_at_gate(tmp_path, "whole", 1.0))
    _until(lambda: len(_diary(tmp_path)) == 2)
    (tmp_path / "whole").touch()
    (tmp_path / "one half").touch()
    halves[0].result(_PATIENCE)
    assert not whole.done()
    assert set(_diary(tmp_path)) == {"one half", "other half"}
    (tmp_path / "other half").touch()
    assert whole.result(_PATIENCE) == "whole"


def test_a_task_that_needs_nothing_waits_for_nobody(compute: Compute, tmp_path: Path) -> None:
    # More than there is: it has the whole machine, memory included.
    whole = compute.submit(_at_gate(tmp_path, "whole", 64.0))
    _until(lambda: _diary(tmp_path) == ["whole"])
    assert compute.submit(Task("sum", tasks.add, (1, 1), Needs(0.0, 0))).result(_PATIENCE) == 2
    assert not whole.done()
    (tmp_path / "whole").touch()
    whole.result(_PATIENCE)


def test_a_task_that_waits_for_room_is_not_passed_by_a_smaller_one_behind_it(compute: Compute, tmp_path: Path) -> None:
    first = compute.submit(_at_gate(tmp_path, "first", 0.5))
    _until(lambda: len(_diary(tmp_path)) == 1)
    others = [compute.submit(_at_gate(tmp_path, name, size)) for name, size in (("whole", 1.0), ("small", 0.25))]
    for name in ("whole", "small", "first"):
        (tmp_path / name).touch()
    assert wait([first, *others], timeout=_PATIENCE).not_done == set()
    assert _diary(tmp_path) == ["first", "whole", "small"]


def test_a_task_that_needs_more_than_the_largest_machine_gets_the_whole_of_it(compute: Compute, tmp_path: Path) -> None:
    assert compute.submit(Task("huge", tasks.granted, needs=Needs(64.0, 2**60, 8.0))).result(_PATIENCE) == "1"
    assert compute.submit(Task("half", tasks.granted, needs=Needs(0.5, 1))).result(_PATIENCE) == "0.5"
    huge = compute.submit(_at_gate(tmp_path, "huge", 64.0))
    small = compute.submit(_at_gate(tmp_path, "small", 0.1))
    for name in ("small", "huge"):
        (tmp_path / name).touch()
    assert wait([huge, small], timeout=_PATIENCE).not_done == set()
    assert _diary(tmp_path) == ["huge", "small"]


def test_a_gpu_is_one_tasks_at_a_time_and_who_needs_one_waits_for_it(gpu_compute: Compute, tmp_path: Path) -> None:
    def task(name: str, gpus: float, priority: int = 1) -> Task:
        return Task(name, tasks.wait_for, (tmp_path, name), Needs(0.2, 2**20, gpus), priority)

    whole, next_whole = (gpu_compute.submit(task(name, 1.0)) for name in ("whole", "next whole"))
    _until(lambda: _diary(tmp_path) == ["whole"])
    (tmp_path / "none").touch()
    # There are cores for all of them.
    assert gpu_compute.submit(task("none", 0.0, priority=0)).result(_PATIENCE) == "none"
    assert _diary(tmp_path) == ["whole", "none"]
    for name in ("next whole", "whole"):
        (tmp_path / name).touch()
    assert [whole.result(_PATIENCE), next_whole.result(_PATIENCE)] == ["whole", "next whole"]
    halves = [gpu_compute.submit(task(name, 0.5)) for name in ("one half", "other half")]
    _until(lambda: set(_diary(tmp_path)[3:]) == {"one half", "other half"})
    for name in ("one half", "other half"):
        (tmp_path / name).touch()
    assert wait(halves, timeout=_PATIENCE).not_done == set()


def test_two_workers_on_one_cluster_together_take_no_more_than_it_has(ray_address: str, tmp_path: Path) -> None:
    one, other = RayCompute(ray_address), RayCompute(ray_address)
    _until(lambda: bool(one.machines and other.machines), 180)
    first = one.submit(_at_gate(tmp_path, "first", 1.0))
    _until(lambda: _diary(tmp_path) == ["first"])
    second = other.submit(_at_gate(tmp_path, "second", 1.0))
    (tmp_path / "glance").touch()
    # What needs no core is let in, so the other worker is at the cluster, too.
    assert other.submit(_at_gate(tmp_path, "glance", 0.0, priority=-1)).result(_PATIENCE) == "glance"
    assert _diary(tmp_path) == ["first", "glance"]
    for name in ("second", "first"):
        (tmp_path / name).touch()
    assert [first.result(_PATIENCE), second.result(_PATIENCE)] == ["first", "second"]
    one.close()
    other.close()


def test_of_equals_the_one_goes_first_whose_share_has_least_running(compute: Compute, tmp_path: Path) -> None:
    names = ("old 1", "old 2", "old 3", "new", "urgent")
    line = [
        compute.submit(_at_gate(tmp_path, name, 0.5, share=name[:3], priority=0 if name == "urgent" else 1))
        for name in names[:2]
    ]
    _until(lambda: len(_diary(tmp_path)) == 2)
    line += [
        compute.submit(_at_gate(tmp_path, name, 0.5, share="old" if name == "urgent" else name[:3], priority=priority))
        for name, priority in zip(names[2:], (1, 1, 0), strict=True)
    ]
    for name in names[3:]:
        (tmp_path / name).touch()
    (tmp_path / "old 1").touch()
    assert wait([line[0], *line[3:]], timeout=_PATIENCE).not_done == set()
    assert _diary(tmp_path)[2:4] == ["urgent", "new"]
    for name in names[1:3]:
        (tmp_path / name).touch()
    assert wait(line, timeout=_PATIENCE).not_done == set()


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_close_stops_what_runs_and_refuses_what_comes(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    compute: Compute = RayCompute(request.getfixturevalue("ray_address")) if engine == "ray" else LocalCompute(cores=1)
    note = tmp_path / "note"
    running = compute.submit(Task("sleep", tasks.sleep_with_child, (note,)))
    waiting = compute.submit(Task("sum", tasks.add, (1, 1)))
    _until(note.exists)
    pids = [int(pid) for pid in note.read_text().split()]
    compute.close()
    assert running.cancelled()
    assert waiting.cancelled()
    _until(lambda: not any(map(_alive, pids)))
    with pytest.raises(Unavailable, match="sum"):
        compute.submit(Task("sum", tasks.add, (1, 1)))


def test_tools_that_a_dead_task_left_behind_end_with_it(compute: Compute, tmp_path: Path) -> None:
    note = tmp_path / "note"
    future = compute.submit(Task("sleep", tasks.sleep_with_child, (note,)))
    _until(note.exists)
    leader, child = (int(pid) for pid in note.read_text().split())
    os.kill(leader, signal.SIGKILL)
    with pytest.raises(Unavailable):
        future.result(_PATIENCE)
    _until(lambda: not _alive(child))
