"""nginx as a child of the edge process: found, tried out, started, told to reload, ended; and what it says, cleaned."""

import asyncio
import ctypes
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import structlog

from matinee.model.errors import Unavailable

_log = structlog.get_logger()

INSTALL = "apt-get install nginx-light libnginx-mod-http-lua"
_MODULES = ("ndk_http_module.so", "ngx_http_lua_module.so")
_MODULE_FOLDERS = ("/usr/lib/nginx/modules", "/usr/share/nginx/modules", "/usr/lib64/nginx/modules")
_TRIAL_SECONDS = 10.0
_LINES_A_SECOND = 20
_LOOK_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)

# What nginx quotes of a request stands at the end of its line; a token elsewhere is taken out by its look.
_QUOTED = re.compile(r",? (?:while [^,]*, )?(?:client|server|request|subrequest|upstream|host|referrer): .*")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{48,}")


def find(program: str) -> Path:
    """The program that an address (``nginx:`` or ``nginx:///PATH``) names; Unavailable if it is not there."""
    wanted = program or "nginx"
    found = shutil.which(wanted, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin")
    if found is None:
        raise Unavailable(f"There is no {wanted} on this machine ({INSTALL}).")
    return Path(found)


def modules() -> tuple[Path, ...]:
    """The modules that bring Lua into nginx; none where it is built in."""
    for folder in _MODULE_FOLDERS:
        files = tuple(Path(folder, name) for name in _MODULES)
        if all(file.exists() for file in files):
            return files
    return ()


def cleaned(line: str) -> str:
    """A line of nginx's log without what it quotes of a request, in which a token may stand."""
    return _TOKEN.sub("…", _QUOTED.sub("", line)).strip()


def command(program: Path, folder: Path, configuration: Path, *more: str) -> list[str]:
    """The command line."""
    return [
        str(program),
        "-p",
        f"{folder}/",
        "-c",
        str(configuration),
        # Also what it says before it has read where to say it.
        "-e",
        "stderr",
        *more,
    ]


def try_out(program: Path, folder: Path, configuration: Path) -> None:
    """Let nginx read a configuration without serving it; Unavailable, with its reason, if it will not have it."""
    told = subprocess.run(
        command(program, folder, configuration, "-t", "-q"),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_TRIAL_SECONDS,
        check=False,
        text=True,
    )
    if told.returncode:
        lines = [cleaned(line) for line in told.stderr.splitlines() if "[emerg]" in line] or ["it gives no reason."]
        reason = lines[0].partition("[emerg]")[2].strip() or lines[0]
        missing = f" Its Lua module is not installed ({INSTALL})." if "lua" in reason and "directive" in reason else ""
        raise Unavailable(f"nginx does not take its configuration: {reason}.{missing}")


def left_over(folder: Path) -> list[int]:
    """Processes of nginx that an edge before this one started in its folder and did not end."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            if (entry / "cwd").readlink() == folder and (entry / "comm").read_text().strip() == "nginx":
                found.append(int(entry.name))
    return found


def end_left_over(folder: Path, patience_seconds: float) -> None:
    """Let them finish what they send, but listen no more; those that take too long are ended."""
    deadline = time.monotonic() + patience_seconds
    told: set[int] = set()
    while pids := left_over(folder):
        late = time.monotonic() > deadline
        for pid in pids:
            if late or pid not in told:
                told.add(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if late else signal.SIGQUIT)
        time.sleep(0.05)
    if told:
        _log.info("nginx.left_over_ended", processes=len(told))


class Child:
    """One running nginx: its master process, whose death ends the workers and whose life ends with the edge's."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._hearing = asyncio.create_task(self._hear())
        self.last_words = ""

    @classmethod
    async def start(cls, program: Path, folder: Path, configuration: Path) -> "Child":
        """Start it; whether it serves is seen by asking it."""
        process = await asyncio.create_subprocess_exec(
            *command(program, folder, configuration),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The master's process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._process.returncode is not None

    def signal(self, number: signal.Signals) -> None:
        """Tell it something; nothing if it is gone."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it and its workers at once; nothing if they are gone."""
        if not self.ended:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Until it is gone; its exit code."""
        # Process.wait waits for the end of its standard error too, which workers may hold open for long.
        while (code := self._process.returncode) is None:  # noqa: ASYNC110 - there is no event that tells this alone
            await asyncio.sleep(_LOOK_SECONDS)
        if code < 0:
            # A master that was killed leaves its workers, and they the port: let them finish and listen no more.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGQUIT)
        return code

    async def end(self, patience_seconds: float) -> None:
        """Take no more connections, finish what is being sent for so long, and end."""
        for number, seconds in ((signal.SIGQUIT, patience_seconds), (signal.SIGTERM, 2.0), (signal.SIGKILL, None)):
            if self.ended:
                break
            self.kill() if number is signal.SIGKILL else self.signal(number)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.wait(), seconds)
        self._hearing.cancel()

    async def _hear(self) -> None:
        assert self._process.stderr is not None
        since, count = time.monotonic(), 0
        async for raw in self._process.stderr:
            line = cleaned(raw.decode(errors="replace"))
            if "[emerg]" in line or not self.last_words:
                self.last_words = line.partition("] ")[2] or line
            if time.monotonic() - since > 1.0:
                since, count = time.monotonic(), 0
            count += 1
            if count <= _LINES_A_SECOND:
                _log.warning("nginx.said", line=line)


def _end_with_parent() -> None:
    # prctl(2): an edge that is killed leaves no nginx behind that nobody tells of revoked playbacks.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
