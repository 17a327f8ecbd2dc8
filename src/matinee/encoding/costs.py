"""What a task takes of processors: its own time and that of the tools it ran."""

import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a task returned, and the seconds of processors that it took."""

    value: Any
    cpu_seconds: float


def spent_seconds() -> float:
    """Seconds of processors that this process took so far, with those of its children that have ended."""
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in found)


def counted(function: Callable[..., Any], *arguments: Any) -> Outcome:
    """Run a task's function. A task has a process of its own: no other task's tools are among its children."""
    before = spent_seconds()
    value = function(*arguments)
    return Outcome(value, spent_seconds() - before)
