"""Three machines and an edge site's as network namespaces on one bridge, with the files that ``deploy`` made for them.

Units of ``deploy/systemd`` are run as systemd would: their command, environment files and credentials. What lies under
/etc/matinee and /var/lib on a machine lies in a folder of the host's own here; nothing of this machine's is touched.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from tempfile import mkdtemp

from deploy.local import hosts as namespaces
from deploy.local import nats, nginx, postgresql

ROOT = Path(__file__).parents[2]
NAMES = ("a", "b", "c")
SITE = "nairobi"
_LINE = re.compile(r"^(\w+)=(.*)$")


def why_not() -> str:
    """Why there can be no three hosts here; empty if there can."""
    found = {"postgresql": postgresql.find(), "nats-server": nats.find(), "nginx-light": nginx.find()}
    absent = [package for package, place in found.items() if place is None]
    absent += [program for program in ("openssl", "setpriv") if shutil.which(program) is None]
    if absent:
        return f"apt-get install {' '.join(absent)}"
    return "" if namespaces.find() else namespaces.INSTALL


@dataclass
class Host:
    """One machine: its namespace, its files under ``home``, and the processes it runs."""

    name: str
    space: namespaces.Host
    home: Path
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """How others reach it."""
        return self.space.address

    @property
    def within(self) -> tuple[str, ...]:
        """Words before a command that is to run here."""
        return ("ip", "netns", "exec", self.space.name)

    @property
    def etc(self) -> Path:
        """What is /etc/matinee there."""
        return self.home / "etc"

    def here(self, text: str) -> str:
        """A text of this machine's with its paths as they are in the tests."""
        places = {
            "/etc/matinee": str(self.etc),
            "/var/lib/": f"{self.home}/var/",
            "/etc/postgresql/15/main": f"{self.home}/postgresql",
            "/opt/matinee/.venv/bin/matinee": f"{sys.executable} -m matinee.cli",
            "/opt/matinee/.venv/bin/ray": str(Path(sys.executable).parent / "ray"),
            "/opt/matinee/": f"{ROOT}/",
            "/usr/sbin/nats-server": str(nats.find()),
            # Here everything that is no engine's runs as who runs the tests.
            "--reuid=matinee --regid=matinee --init-groups": f"--reuid={os.getuid()} --keep-groups",
        }
        for place, path in places.items():
            text = text.replace(place, path)
        return text

    def environment(self, *files: str) -> dict[str, str]:
        """The variables of environment files under /etc/matinee, as systemd reads them."""
        found = {}
        for file in files:
            for line in (self.etc / file).read_text().splitlines():
                if line and not line.startswith("#"):
                    name, _, value = line.partition("=")
                    found[name] = "".join(shlex.split(value))
        return found

    def unit(self, name: str, *words: str, **more: str) -> "subprocess.Popen[bytes]":
        """Start a unit of ``deploy/systemd``, with more words and variables; an instance's name stands after the @."""
        file, at, instance = name.partition("@")
        text = (ROOT / "deploy" / "systemd" / f"{file}{at}.service").read_text().replace("%i", instance)
        lines = [found.groups() for line in text.splitlines() if (found := _LINE.match(line))]
        credentials = self.home / "credentials" / file
        credentials.mkdir(parents=True, exist_ok=True)
        environment: dict[str, str] = {}
        for key, value in lines:
            if key == "Environment":
                pairs = self.here(value.replace("%d", str(credentials))).split()
                environment |= dict(pair.split("=", 1) for pair in pairs)
            elif key == "LoadCredential":
                shutil.copy(self.here(value.partition(":")[2]), credentials / value.partition(":")[0])
        for key, value in lines:
            if key == "EnvironmentFile":
                environment |= self.environment(Path(value).name)
            elif key == "StateDirectory":
                (self.home / "var" / value).mkdir(parents=True, exist_ok=True)
        command = next(value for key, value in lines if key == "ExecStart")
        expanded = Template(self.here(command)).substitute(environment)
        return self.start(name, [*shlex.split(expanded), *words], environment | more)

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a process in this host's namespace; its output is kept under its name."""
        with self.log_file(name).open("ab") as log:
            self.processes[name] = self.space.start(command, _inherited() | dict(environment or {}), log)
        return self.processes[name]

    def run(
        self, command: Sequence[str], files: Sequence[str] = (), seconds: float = 300
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command here to its end, with the settings of environment files."""
        return subprocess.run(
            [*self.within, *command],
            env=_inherited() | self.environment(*files),
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            timeout=seconds,
        )

    def matinee(self, process: str, *words: str, seconds: float = 300) -> "subprocess.CompletedProcess[str]":
        """``deploy/matinee-as PROCESS WORDS…``, with its paths as they are in the tests."""
        script = self.here((ROOT / "deploy" / "matinee-as").read_text())
        return self.run(["sh", "-c", script, "matinee-as", process, *words], seconds=seconds)

    def secrets(self) -> set[str]:
        """Every password, key and token in this machine's files."""
        files = [*(self.etc / "secrets").iterdir(), self.etc / "nats.env", self.etc / "ray.token"]
        # Random ones are long and hexadecimal; the object store's are the test server's own.
        there = [path.read_text() for path in files if path.exists()]
        return {word for text in there for word in re.findall(r"[0-9a-f]{48,64}", text)}

    def log_file(self, name: str) -> Path:
        """Where a process's output goes."""
        return self.home / f"{name}.log"

    def log(self, name: str) -> str:
        """What a process said."""
        path = self.log_file(name)
        return path.read_text(errors="replace") if path.exists() else ""

    def lives(self, name: str) -> bool:
        """Whether a process that was started runs; an AssertionError with its last words if it ended."""
        assert self.processes[name].poll() is None, (
            f"{name} on {self.name} ended with {self.processes[name].poll()}: {self.log(name)[-3000:]}"
        )
        return True

    def kill(self, name: str) -> None:
        """End a process as a crash does (kill -9)."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def end(self, name: str, number: signal.Signals = signal.SIGTERM, seconds: float = 60) -> None:
        """Ask a process to end, and wait until it has."""
        process = self.processes.pop(name, None)
        if process is not None:
            process.send_signal(number)
            process.wait(seconds)


@dataclass(frozen=True)
class Network:
    """The hosts, the bridge between them, and the settings that an operator prepared."""

    hosts: Mapping[str, Host]
    home: Path

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    @property
    def authorities(self) -> Path:
        """Whom everybody trusts."""
        return self.home / "prepared" / "authority" / "authorities.pem"


@contextmanager
def three_hosts() -> Iterator[Network]:
    """Hosts a, b, c and a site's with their files, and no process yet; everything is gone at the end."""
    home = Path(mkdtemp(prefix="matinee-hosts-", dir="/tmp"))
    home.chmod(0o711)
    prepared = home / "prepared"
    try:
        with namespaces.hosts() as spaces:
            hosts = {name: Host(name, spaces.add(), home / name) for name in (*NAMES, SITE)}
            *addresses, site = [host.address for host in hosts.values()]
            for command in (["prepare", str(prepared), *addresses], ["prepare-site", str(prepared), SITE, site]):
                subprocess.run([f"deploy/{command[0]}", *command[1:]], check=True, cwd=ROOT, capture_output=True)
            for host in hosts.values():
                _install(host, prepared / host.name)
            yield Network(hosts, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _install(host: Host, prepared: Path) -> None:
    """What the operator copies to a machine, with the paths of the tests."""
    shutil.copytree(prepared, host.etc)
    host.home.chmod(0o711)
    for path in host.etc.rglob("*"):
        if path.is_file() and path.suffix not in {".pem", ".key"}:
            path.write_text(host.here(path.read_text()))


def _inherited() -> dict[str, str]:
    dropped = ("MATINEE_", "AWS_", "NATS_", "PG")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
