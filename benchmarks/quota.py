"""A process held to a part of a core by its control group, version 1 or 2 of cgroups."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Short: a process that used its part up waits at most this long. The kernel's own 100 ms would show in every answer.
PERIOD_US = 20_000
_GROUPS = Path("/sys/fs/cgroup")


def _version_1() -> Path | None:
    """The folder of the cpu controller, where cgroups are of version 1."""
    folder = _GROUPS / "cpu"
    return folder if (folder / "cpu.cfs_quota_us").exists() else None


def fault() -> str:
    """Why no process can be held to a part of a core here; empty if it can."""
    folder = _version_1() or _GROUPS
    if _version_1() is None and "cpu" not in _read(_GROUPS / "cgroup.controllers").split():
        return "there is no cpu controller of cgroups here"
    return "" if os.access(folder, os.W_OK) else f"{folder} cannot be written: be root"


@contextmanager
def held(pid: int, cores: float) -> Iterator[None]:
    """Hold a process, with all its threads, to so many cores; it is let go at the end."""
    first = _version_1()
    group = (first or _GROUPS) / f"matinee-{os.getpid()}-{pid}"
    quota = round(cores * PERIOD_US)
    if first is None:
        with suppress(OSError):  # it may be on already
            (_GROUPS / "cgroup.subtree_control").write_text("+cpu")
    group.mkdir()
    try:
        if first is None:
            (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        with suppress(OSError):  # the process may have ended
            ((first or _GROUPS) / "cgroup.procs").write_text(str(pid))
        with suppress(OSError):
            group.rmdir()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
