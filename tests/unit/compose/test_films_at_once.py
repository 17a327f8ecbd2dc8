"""How many films a worker carries."""

from types import SimpleNamespace
from typing import Any

import pytest

from matinee.adapters.compute_line import Machine
from matinee.compose.engines import films_at_once
from matinee.settings import Settings


def _films(*cores: float, slots: int = 0) -> int:
    machines = [Machine(str(number), each, 2**30) for number, each in enumerate(cores)]
    compute: Any = SimpleNamespace(machines=machines)
    return films_at_once(Settings(worker_slots=slots), compute)


@pytest.mark.parametrize("cores", [(), (1.0,), (2.0,), (4.0,)])
def test_a_small_machine_carries_four_so_that_a_new_film_need_not_wait_for_all_of_an_old_one(
    cores: tuple[float, ...],
) -> None:
    assert _films(*cores) == 4


def test_every_machine_and_every_four_cores_carry_four_more() -> None:
    assert _films(1.0, 1.0, 1.0) == 12
    assert _films(16.0) == 16


def test_who_is_told_how_many_carries_as_many() -> None:
    assert _films(16.0, slots=1) == 1
