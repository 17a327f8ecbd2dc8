"""Several copies of ``matinee serve`` on this machine, behind nginx, as an operator runs them."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.local import nginx
from deploy.local.nginx import free_port

_READY_SECONDS = 60.0
_STOP_SECONDS = 20.0


class Process:
    """One process of Matinee: ``matinee serve`` or ``matinee worker``, on a port of its own."""

    def __init__(self, verb: str, environment: Mapping[str, str], folder: Path, wrapper: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.log = folder / f"{verb}-{self.port}.log"
        self._command = [*wrapper, sys.executable, "-m", "matinee.cli", verb]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MATINEE_")}
        self._environment = {**inherited, **environment, "MATINEE_HOST": "127.0.0.1", "MATINEE_PORT": str(self.port)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def place(self) -> str:
        """Where it listens: HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process is not None
        return self._process.pid

    def launch(self) -> None:
        """Start it, and do not wait."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=output, stderr=output)

    def wait(self) -> None:
        """Wait until it is ready."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            with suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"http://{self.place}/readyz", timeout=5).close()
                return
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"It did not start: {self.log.read_text()[-4000:]}")
            time.sleep(0.05)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.launch()
        self.wait()

    def stop(self) -> int:
        """Let it end (SIGTERM); its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Send kill -9."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        try:
            return self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """Copies that run, and the nginx before them."""

    copies: Sequence[Process]
    nginx: nginx.Server

    @property
    def address(self) -> str:
        """What browsers ask."""
        return self.nginx.address


@contextmanager
def running(processes: Sequence[Process]) -> Iterator[None]:
    """Start processes, all at once, and wait until they are ready; they are stopped at the end."""
    with ExitStack() as stack:
        for process in processes:
            stack.callback(process.stop)
            process.launch()
        for process in processes:
            process.wait()
        yield


@contextmanager
def control_plane(number: int, environment: Mapping[str, str], folder: Path) -> Iterator[ControlPlane]:
    """So many copies behind nginx. ``environment`` holds their MATINEE_ variables; they share everything but a port."""
    told = {"MATINEE_PROXIES": "127.0.0.1", **environment}
    copies = [Process("serve", told, folder) for _ in range(number)]
    with running(copies), nginx.nginx([copy.place for copy in copies]) as before:
        yield ControlPlane(copies, before)
