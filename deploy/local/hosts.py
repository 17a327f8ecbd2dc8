"""Hosts on this machine: network namespaces on a bridge, each with an address that all others and this machine reach.

For what will not share one loopback interface with others of its kind. Needs root.
"""

import ipaddress
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

INSTALL = "apt-get install iproute2, and be root"
_SECONDS = 15.0
_numbers = itertools.count(1)


def find() -> Path | None:
    """The program ``ip``; None if it is not installed or may not make namespaces here."""
    found = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return Path(found) if found and os.geteuid() == 0 else None


class Host:
    """One namespace: its name, its address, and the processes in it."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self._started: list[subprocess.Popen[bytes]] = []

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], output: IO[bytes]
    ) -> "subprocess.Popen[bytes]":
        """Start a process in there."""
        there = ["ip", "netns", "exec", self.name, *command]
        process = subprocess.Popen(
            there, env={**environment}, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        self._started.append(process)
        return process

    def kill(self) -> None:
        """``kill -9`` to all that runs in there, as when the machine loses its power."""
        deadline = time.monotonic() + _SECONDS
        while pids := _ip("netns", "pids", self.name).split():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            for process in self._started:
                process.poll()  # so that those which we started are not left as zombies
            if time.monotonic() > deadline:
                raise TimeoutError(f"What runs on host {self.name} cannot be killed: {' '.join(pids)}.")
            time.sleep(0.05)
        for process in self._started:
            process.wait(_SECONDS)
        self._started.clear()

    def cut(self) -> None:
        """Take the host off the network; what runs there goes on."""
        _ip("-n", self.name, "link", "set", "eth0", "down")

    def join(self) -> None:
        """Put it back on the network after ``cut``."""
        _ip("-n", self.name, "link", "set", "eth0", "up")


class Hosts:
    """The bridge, this machine's address on it (``here``), and the hosts that were added."""

    def __init__(self, bridge: str, network: ipaddress.IPv4Network) -> None:
        self._bridge = bridge
        self._free = iter(network.hosts())
        self._length = network.prefixlen
        self.here = str(next(self._free))
        self._hosts: list[Host] = []
        _ip("link", "add", bridge, "type", "bridge")
        try:
            _ip("address", "add", f"{self.here}/{self._length}", "dev", bridge)
            _ip("link", "set", bridge, "up")
        except BaseException:
            self.close()
            raise

    def add(self) -> Host:
        """One host more."""
        number = len(self._hosts) + 2
        host = Host(f"{self._bridge}-{number}", str(next(self._free)))
        _ip("netns", "add", host.name)
        self._hosts.append(host)
        outside = f"{self._bridge}v{number}"
        _ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", host.name)
        _ip("link", "set", outside, "master", self._bridge, "up")
        _ip("-n", host.name, "address", "add", f"{host.address}/{self._length}", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", host.name, "link", "set", device, "up")
        return host

    def close(self) -> None:
        """Kill what runs on the hosts and take them away."""
        with ExitStack() as stack:
            stack.callback(_ip, "link", "delete", self._bridge)
            for host in self._hosts:
                stack.callback(_ip, "netns", "delete", host.name)
                stack.callback(host.kill)


@contextmanager
def hosts() -> Iterator[Hosts]:
    """A bridge of its own, for as long as the body runs; PermissionError without root."""
    if find() is None:
        raise PermissionError(f"Hosts in network namespaces cannot be made here: {INSTALL}.")
    _sweep()
    made = Hosts(f"mt{os.getpid() % 4**11:x}{next(_numbers):x}"[:9], _free_network())
    # The bridge's name is short; who made it stands in its alias, for whoever sweeps up after a killed process.
    try:
        yield made
    finally:
        made.close()


def _free_network() -> ipaddress.IPv4Network:
    taken = [
        ipaddress.ip_interface(f"{address['local']}/{address['prefixlen']}").network
        for link in json.loads(_ip("-json", "-4", "address"))
        for address in link.get("addr_info", [])
    ]
    while True:
        chosen = ipaddress.IPv4Network((0x0A000000 | random.randrange(0x10000) << 8, 24))
        if not any(chosen.overlaps(network) for network in taken if network.version == chosen.version):
            return chosen


def _sweep() -> None:
    """Take away what killed processes have left: a bridge's name begins with the number of who made it."""
    for link in json.loads(_ip("-json", "link", "show", "type", "bridge")):
        match = re.fullmatch(r"mt([0-9a-f]+)", link["ifname"])
        if match is None:
            continue
        maker = int(match[1][:-1] or "0", 16)
        if Path(f"/proc/{maker}").exists():
            continue
        with suppress(subprocess.SubprocessError):
            for line in _ip("netns", "list").splitlines():
                name = line.split()[0]
                if name.startswith(f"{link['ifname']}-"):
                    Host(name, "").kill()
                    _ip("netns", "delete", name)
            _ip("link", "delete", link["ifname"])


def _ip(*words: str) -> str:
    program = find()
    assert program is not None
    done = subprocess.run([str(program), *words], capture_output=True, text=True, timeout=_SECONDS, check=True)
    return done.stdout
