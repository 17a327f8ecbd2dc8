"""Keeps the demo's processes running: starts them, brings back what dies, breaks what the panel breaks, stops all."""

import asyncio
import contextlib
import ctypes
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matinee.model.errors import Invalid

_PR_SET_PDEATHSIG = 1
_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 5.0
_SETTLED_SECONDS = 10.0
_GRACE_SECONDS = 6.0
_libc = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Program:
    """One process of the service: its name, command line and environment, and how long its first start is held back."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    after_seconds: float = 0.0


class Supervisor:
    """Runs programs until ``stop``. ``say`` hears one sentence for each thing that happened to one of them."""

    def __init__(self, programs: Sequence[Program], logs: Path, say: Callable[[str], None]) -> None:
        self._programs = {program.name: program for program in programs}
        self._logs = logs
        self._say = say
        self._processes: dict[str, Process] = {}
        self._held: dict[str, asyncio.Event] = {}
        self._hung: set[str] = set()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Keep every program running; returns when ``stop`` was called and all have ended."""
        self._logs.mkdir(parents=True, exist_ok=True)
        async with asyncio.TaskGroup() as tasks:
            for program in self._programs.values():
                tasks.create_task(self._keep(program))

    def stop(self) -> None:
        """Let every program end; ``run`` returns after the last."""
        self._stopping.set()
        for event in self._held.values():
            event.set()

    def kill(self, name: str) -> None:
        """Kill a program and hold it down until ``revive``."""
        self._known(name)
        self._held.setdefault(name, asyncio.Event())
        self._hung.discard(name)
        self._signal(name, signal.SIGKILL)
        self._say(f"{name} was killed and stays down until it is revived.")

    def hang(self, name: str) -> None:
        """Stop a program in its tracks (SIGSTOP): it keeps its connections and answers nothing."""
        self._known(name)
        if name in self._held:
            raise Invalid(f"{name} is down: revive it first.")
        self._hung.add(name)
        self._signal(name, signal.SIGSTOP)
        self._say(f"{name} hangs until it is revived.")

    def revive(self, name: str) -> None:
        """Bring a killed or hung program back."""
        self._known(name)
        if name in self._hung:
            self._hung.discard(name)
            self._signal(name, signal.SIGCONT)
            self._say(f"{name} goes on.")
        held = self._held.pop(name, None)
        if held is not None:
            held.set()

    def _known(self, name: str) -> None:
        if name not in self._programs:
            raise Invalid(f"There is no {name} here: there are {', '.join(self._programs)}.")

    def _signal(self, name: str, number: signal.Signals) -> None:
        process = self._processes.get(name)
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep(self, program: Program) -> None:
        delay = _FIRST_DELAY_SECONDS
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({stopped}, timeout=program.after_seconds)
        while not self._stopping.is_set():
            started = time.monotonic()
            with (self._logs / f"{program.name}.log").open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *program.command,
                    env=dict(program.environment),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=die_with_parent,
                )
            self._processes[program.name] = process
            ended = asyncio.create_task(process.wait())
            await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():
                await self._end(process)
                return
            if (held := self._held.get(program.name)) is not None:
                await held.wait()
                continue
            delay = _FIRST_DELAY_SECONDS if time.monotonic() - started > _SETTLED_SECONDS else delay
            self._say(f"{program.name} ended ({_how(process.returncode)}); it is started again.")
            await asyncio.wait({stopped}, timeout=delay)
            delay = min(delay * 2, _LONGEST_DELAY_SECONDS)

    async def _end(self, process: Process) -> None:
        for number in (signal.SIGCONT, signal.SIGTERM):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def die_with_parent() -> None:
    """Between fork and exec: let the kernel end this process when the one that started it ends."""
    # A supervisor that is killed must not leave its processes behind (prctl(2)); SIGKILL also ends a stopped one.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _how(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    return f"signal {-code}, {signal.Signals(-code).name}"
