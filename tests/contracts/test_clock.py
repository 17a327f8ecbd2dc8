"""``ports.Clock``: the system's and the one turned by hand."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from matinee.adapters import clock_system
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.clock_system import SystemClock
from matinee.ports import Clock

CLOCKS = (ManualClock, SystemClock)


@pytest.fixture(params=CLOCKS)
def each_clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_the_time_is_aware_and_in_utc(each_clock: Clock) -> None:
    assert each_clock.now().utcoffset() == timedelta(0)
    assert each_clock.now().tzinfo is UTC


def test_a_clock_never_runs_backwards(each_clock: Clock) -> None:
    def readings(_: int) -> list[datetime]:
        return [each_clock.now() for _ in range(500)]

    with ThreadPoolExecutor(4) as pool:
        for times in pool.map(readings, range(4)):
            assert all(before <= after for before, after in pairwise(times))


def test_the_systems_clock_says_the_systems_time() -> None:
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_systems_clock_stands_still_while_the_systems_time_runs_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    told = [noon, noon + timedelta(seconds=1), noon - timedelta(hours=1), noon + timedelta(seconds=2)]

    class Told:
        """``datetime`` with a past of its own."""

        @staticmethod
        def now(_zone: object) -> datetime:
            return told.pop(0)

    monkeypatch.setattr(clock_system, "datetime", Told)
    clock = SystemClock()
    assert [clock.now() for _ in range(3)] == [noon + timedelta(seconds=seconds) for seconds in (1, 1, 2)]


def test_a_clock_turned_by_hand_stands_still_until_it_is_turned() -> None:
    clock = ManualClock()
    start = clock.now()
    assert clock.now() == start
    clock.advance(1.5)
    assert clock.now() - start == timedelta(seconds=1.5)


def test_a_clock_turned_by_hand_is_not_turned_back() -> None:
    clock = ManualClock()
    start = clock.now()
    with pytest.raises(ValueError, match="not turned back"):
        clock.advance(-0.001)
    assert clock.now() == start
