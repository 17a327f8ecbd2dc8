"""A Ray cluster on this machine, by the very scripts of ``deploy/ray``: a head and nodes, each a host of its own.

Hosts are network namespaces: Ray replaces 127.0.0.1 by an address that it guesses. With a token, and TLS if asked.
"""

import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.local import hosts as local_hosts
from deploy.local.certificates import Certificates, make_certificates
from deploy.local.hosts import Host, Hosts, hosts

__all__ = ["INSTALL", "Cluster", "Hosts", "Node", "cluster", "find", "hosts"]

SCRIPTS = Path(__file__).parent.parent / "ray"
INSTALL = f"make setup-ray; {local_hosts.INSTALL}"
PORT = 10001
_START_SECONDS = 180.0
_STARTED = b"Ray runtime started"


def find() -> Path | None:
    """The program ``ray``; None if it is not installed, or if hosts cannot be made here."""
    program = Path(sys.executable).with_name("ray")
    if importlib.util.find_spec("ray") is None or not program.exists() or local_hosts.find() is None:
        return None
    return program


class Node:
    """A head or a node: its address, and what a test may do to it."""

    def __init__(self, host: Host, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.host = host
        self.address = host.address
        self._command = command
        self._environment = environment
        self._folder = folder
        self._log = folder / "ray.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again; comes back before it is ready."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as output:
            self._process = self.host.start(self._command, self._environment, output)

    def wait(self, seconds: float = _START_SECONDS) -> None:
        """Until it says that it has started; TimeoutError or RuntimeError with its last words otherwise."""
        deadline = time.monotonic() + seconds
        assert self._process is not None
        while _STARTED not in (said := self._log.read_bytes()):
            words = said[-2000:].decode("utf-8", "replace")
            if self._process.poll() is not None:
                raise RuntimeError(f"Ray on {self.address} ended at its start:\n{words}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"Ray on {self.address} did not start within {seconds:g} s:\n{words}")
            time.sleep(0.05)

    def kill(self) -> None:
        """``kill -9`` to everything on its host, tasks included."""
        self.host.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


class Cluster:
    """A head and its nodes. ``environment`` is for who speaks to it, as ``deploy/ray/ray.env`` is on plain machines."""

    def __init__(
        self,
        these: Hosts,
        folder: Path,
        environment: Mapping[str, str],
        more: Mapping[str, str],
        program: Path,
        private: Path | None = None,
    ) -> None:
        self.environment = dict(environment)
        self._private = private
        self.nodes: list[Node] = []
        self._hosts = these
        self._folder = folder
        # For Ray and the tasks; nothing of Matinee's settings.
        own = {name: value for name, value in os.environ.items() if not name.startswith(("MATINEE_", "RAY_"))}
        self._environment = {**own, **environment, **more, "RAY": str(program)}
        self.head = self._make("head.sh")

    @property
    def address(self) -> str:
        """The address for ``MATINEE_COMPUTE``."""
        return f"ray://{self.head.address}:{PORT}"

    def add(self, cores: int = 1, on: int | None = None, gpus: int | None = None) -> Node:
        """Start one node more, bound to one core of this machine if ``on`` says which; it is not yet ready then.

        It has the GPUs that Ray finds, or so many as it is told, which need not be there.
        """
        told = [f"--num-cpus={cores}"] if gpus is None else [f"--num-cpus={cores}", f"--num-gpus={gpus}"]
        node = self._make("node.sh", self.head.address, *told, on=on)
        node.start()
        self.nodes.append(node)
        return node

    def encrypt(self, certificates: Certificates) -> None:
        """Have everything that starts from now on speak TLS."""
        for environment in (self.environment, self._environment):
            environment["RAY_USE_TLS"] = "1"
            environment["RAY_TLS_CA_CERT"] = str(certificates.authorities)
            environment["RAY_TLS_SERVER_CERT"] = str(certificates.certificate)
            environment["RAY_TLS_SERVER_KEY"] = str(certificates.key)

    def _make(self, script: str, *words: str, on: int | None = None) -> Node:
        host = self._hosts.add()
        folder = self._folder / host.name
        # Each would be a machine: what Ray keeps of a session lies apart.
        bound = [] if on is None else ["taskset", "--cpu-list", str(on)]
        # A host has mounts of its own, which end with its processes.
        mount = ["sh", "-c", 'mount -t tmpfs private "$0" && exec "$@"', str(self._private)] if self._private else []
        command = [
            *mount,
            *bound,
            str(SCRIPTS / script),
            host.address,
            *words,
            f"--temp-dir={folder / 't'}",
            "--disable-usage-stats",
        ]
        return Node(host, command, self._environment, folder)


@contextmanager
def cluster(
    these: Hosts,
    nodes: Sequence[int] = (1, 1),
    *,
    environment: Mapping[str, str] | None = None,
    tls: bool = False,
    private: Path | None = None,
) -> Iterator[Cluster]:
    """A head and nodes with so many cores each, ready. ``environment`` is for tasks: the object store's variables.

    ``private`` is a folder of which each of them has its own, in memory, empty at every start.
    """
    program = find()
    if program is None:
        raise FileNotFoundError(f"A Ray cluster cannot be started here: {INSTALL}.")
    # Short: the paths of Ray's sockets may have 107 characters.
    with (
        tempfile.TemporaryDirectory(prefix="mt-ray-", dir="/tmp", ignore_cleanup_errors=True) as name,
        ExitStack() as stack,
    ):
        home = Path(name)
        token = home / "token"
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32))
        variables = {**_variables(SCRIPTS / "ray.env"), "RAY_AUTH_TOKEN_PATH": str(token), "RAY_USE_TLS": "0"}
        made = Cluster(these, home, variables, environment or {}, program, private)
        stack.callback(_kill, made)
        if tls:
            addresses = [made.head.address.rpartition(".")[0] + f".{last}" for last in range(1, 20)]
            made.encrypt(make_certificates(home / "tls", ("127.0.0.1", *addresses)))
        made.head.start()
        made.head.wait()
        for cores in nodes:
            made.add(cores)
        for node in made.nodes:
            node.wait()
        yield made


def _kill(made: Cluster) -> None:
    for node in (*made.nodes, made.head):
        node.kill()


def _variables(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)
