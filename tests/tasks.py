"""Tasks for the tests of compute: module-level functions, as a port's task must be."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from matinee.model.errors import Refused

Progress = Callable[[float], None]


def add(first: int, second: int, progress: Progress) -> int:
    progress(0.5)
    progress(1.0)
    return first + second


def whereabouts(_progress: Progress) -> int:
    return os.getpid()


def refuse(sentence: str, _progress: Progress) -> None:
    raise Refused(sentence)


class StubbornError(Exception):
    """Cannot be rebuilt from what ``Exception`` keeps of it."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} against {second}")


def stumble(_progress: Progress) -> None:
    raise StubbornError(1, 2)


def divide(number: int, _progress: Progress) -> float:
    return number / 0


def die(_progress: Progress) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(_progress: Progress) -> None:
    os._exit(3)


def unpicklable(_progress: Progress) -> object:
    return lambda: None


def sleep_with_child(note: Path, progress: Progress) -> None:
    """Start a tool, write down both process numbers, and wait."""
    child = subprocess.Popen(["sleep", "1000"])
    part = note.with_suffix(".part")
    part.write_text(f"{os.getpid()} {child.pid}")
    part.rename(note)
    progress(0.1)
    time.sleep(1000)


def write_line(diary: Path, line: str, seconds: float, _progress: Progress) -> None:
    with diary.open("a") as file:
        file.write(f"{line}\n")
    time.sleep(seconds)


def wait_for(folder: Path, line: str, _progress: Progress) -> str:
    """Write a line in the folder's diary, and end when the folder has a file of that name."""
    with (folder / "diary").open("a") as file:
        file.write(f"{line}\n")
    end = time.monotonic() + 300
    while not (folder / line).exists() and time.monotonic() < end:
        time.sleep(0.01)
    return line


def granted(_progress: Progress) -> str:
    return os.environ["TASK_CORES"]
