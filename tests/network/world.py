"""A world with distance in it: hosts in regions, each with an address of its own, and lines of a length between them.

Hosts of one region stand on one bridge and hear each other at once; to hosts of another region packets go through
``far0``, a device whose other end is the relay (``relay.py``). Everything is gone when the body of ``world`` ends,
however it ended; what a killed process leaves, the next world sweeps away.
"""

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations, permutations
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

from deploy.local import hosts as namespaces

from network.hosts import ROOT, Host
from network.line import Line
from network.relay import DEVICE, enter

T = TypeVar("T")
_PATIENCE_SECONDS = 20.0
_HOME = Path("/tmp/matinee-world-")
_NAMESPACES = Path("/var/run/netns")
# As on an ordinary line; the relay takes one packet at a time.
_MTU_BYTES = 1500


def why_not() -> str:
    """Why there can be no world here; empty if there can."""
    if not namespaces.find() or shutil.which("tc", path="/usr/sbin:/sbin:/usr/bin") is None:
        return namespaces.INSTALL
    return "" if Path("/dev/net/tun").exists() else "this kernel has no /dev/net/tun"


class Lines:
    """The relay's process, and what it was told."""

    def __init__(self, hosts: Mapping[str, Host], seed: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "network.relay"],
            cwd=ROOT / "tests",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._laid: dict[tuple[str, str], Line] = {}
        spaces = {
            name: {"namespace": str(_NAMESPACES / host.space.name), "address": host.address}
            for name, host in hosts.items()
        }
        try:
            self._tell({"hosts": spaces, "seed": seed})
        except BaseException:
            self.close()
            raise

    def lay(self, ends: tuple[str, str], line: Line) -> None:
        """A line in one direction, from the first to the second host; holds when this returns."""
        self._tell({"from": ends[0], "to": ends[1], "line": asdict(line)})
        self._laid[ends] = line

    def cut(self, name: str, *, cut: bool) -> None:
        """Let nothing go to or from a host, or everything again."""
        for ends, line in list(self._laid.items()):
            if name in ends and line.cut != cut:
                self.lay(ends, replace(line, cut=cut))

    def close(self) -> None:
        """End the relay, and its devices with it."""
        with self._process:
            try:
                assert self._process.stdin is not None
                self._process.stdin.close()
                self._process.wait(_PATIENCE_SECONDS)
            finally:
                self._process.kill()

    def _tell(self, words: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        heard, _, _ = select.select([self._process.stdout], [], [], _PATIENCE_SECONDS)
        answer = self._process.stdout.readline() if heard else ""
        assert answer == "ok\n", f"The relay did not do what it was told: {words}"


@dataclass
class World:
    """Hosts by name, each in a region, and the lines between those of different regions."""

    hosts: Mapping[str, Host]
    regions: Mapping[str, str]
    lines: Lines
    home: Path
    here: str
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(16))

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def lay(self, one: str, other: str, line: Line, back: Line | None = None) -> None:
        """A line between hosts of two regions, the same both ways unless the way back is another."""
        assert self.regions[one] != self.regions[other], f"{one} and {other} stand side by side in one region."
        self.lines.lay((one, other), line)
        self.lines.lay((other, one), back or line)

    def part(self, round_trips: Mapping[tuple[str, str], float]) -> None:
        """Lay plain lines between all hosts of two regions each, so many seconds there and back."""
        for one, other in combinations(self.hosts, 2):
            ends = self.regions[one], self.regions[other]
            seconds = round_trips.get(ends, round_trips.get(ends[::-1]))
            if seconds is not None:
                self.lay(one, other, Line(delay_seconds=seconds / 2))

    def limit(self, name: str, rate_bps: int) -> None:
        """Cap what a host sends, to its own region and to others each (HTB)."""
        for device in ("eth0", DEVICE):
            root = ["qdisc", "replace", "dev", device, "root", "handle", "1:", "htb", "default", "1"]
            rate = ["class", "replace", "dev", device, "parent", "1:", "classid", "1:1", "htb"]
            # Without a quantum of one packet HTB guesses one from the rate, and warns of it at the ends of its range.
            rate += ["rate", f"{rate_bps}bit", "burst", "16k", "quantum", str(_MTU_BYTES + 14)]
            for words in (root, rate):
                _run("tc", "-n", self[name].space.name, *words)

    def control_congestion(self, name: str, how: str) -> None:
        """How a host's TCP answers to loss: ``reno`` slows down, ``bbr``, the default of this kernel, hardly does.

        A namespace may choose among what the machine allows everybody: not ``cubic``, unless its owner said so.
        """
        done = self[name].run(["sysctl", "-q", "-w", f"net.ipv4.tcp_congestion_control={how}"])
        assert done.returncode == 0, done.stderr

    def cut(self, *names: str) -> None:
        """Take hosts off every line, near and far: nothing answers, and nobody is told why."""
        for name in names:
            self.lines.cut(name, cut=True)
            self[name].space.cut()

    def join(self, *names: str) -> None:
        """Put them back after ``cut``."""
        for name in names:
            self[name].space.join()
            self.lines.cut(name, cut=False)

    def inside(self, name: str, do: Callable[[], T]) -> T:
        """What a function returns that runs in a thread of its own on a host.

        Sockets that it makes are that host's for as long as they live, whoever uses them.
        """

        def there() -> T:
            with (_NAMESPACES / self[name].space.name).open("rb") as namespace:
                enter(namespace.fileno())
            return do()

        # A thread that was elsewhere does not come back to the pool of those that are here.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(there).result()

    def within(self, name: str, program: Path) -> Path:
        """A program that is another one on a host, for who starts programs by their file's name."""
        script = self.home / f"{program.name}-{name}"
        script.write_text(f'#!/bin/sh\nexec ip netns exec {self[name].space.name} {program} "$@"\n')
        script.chmod(0o755)
        return script


@contextmanager
def world(regions: Mapping[str, str], round_trips: Mapping[tuple[str, str], float], seed: int = 1) -> Iterator[World]:
    """Hosts by name with the region each stands in, and how far regions are apart: seconds there and back."""
    _sweep()
    home = Path(mkdtemp(prefix=f"{_HOME.name}{os.getpid()}-", dir=_HOME.parent))
    home.chmod(0o711)
    try:
        with namespaces.hosts() as spaces:
            hosts = {name: Host(name, spaces.add(), home / name) for name in regions}
            for host in hosts.values():
                host.home.mkdir(mode=0o711)
            lines = Lines(hosts, seed)
            try:
                _route(hosts, regions)
                made = World(hosts, regions, lines, home, spaces.here)
                made.part(round_trips)
                with made.threads:
                    yield made
            finally:
                # Before the namespaces: an open device would keep its own alive.
                lines.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _sweep() -> None:
    """Take away the folders of worlds whose makers were killed; ``namespaces.hosts`` does so with their hosts."""
    for home in _HOME.parent.glob(f"{_HOME.name}*"):
        maker = home.name.removeprefix(_HOME.name).partition("-")[0]
        if not Path(f"/proc/{maker}").exists():
            shutil.rmtree(home, ignore_errors=True)


def _route(hosts: Mapping[str, Host], regions: Mapping[str, str]) -> None:
    """Send what is for another region through the relay, under the host's own address."""
    for host in hosts.values():
        _ip(host, "link", "set", DEVICE, "mtu", str(_MTU_BYTES), "up")
    for one, other in permutations(hosts, 2):
        if regions[one] != regions[other]:
            words = ("dev", DEVICE, "src", hosts[one].address)
            _ip(hosts[one], "route", "add", f"{hosts[other].address}/32", *words)


def _ip(host: Host, *words: str) -> None:
    _run("ip", "-n", host.space.name, *words)


def _run(program: str, *words: str) -> Sequence[str]:
    found = shutil.which(program, path="/usr/sbin:/sbin:/usr/bin")
    assert found is not None
    done = subprocess.run([found, *words], capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS)
    assert done.returncode == 0, f"{program} {' '.join(words)}: {done.stderr}"
    return done.stdout.splitlines()
