"""OpenStack Swift with its S3 interface: a real S3 server in one process, from PyPI.

The four servers (proxy, account, container, object) run in a child, ``python -m deploy.local.swift``: its interpreter
belongs to eventlet, ours never meets it. Nothing lies outside the server's folder. What is stored outlives ``kill``.
"""

import math
import os
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import httpx
import obstore
from deploy.local.certificates import Certificates
from obstore.store import S3Store

REGION = "us-east-1"
_ROOT = Path(__file__).parents[2]
_START_SECONDS = 60.0
_REQUEST_SECONDS = 30.0
_SIGNED = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class User:
    """Who signs requests: ``key`` and ``secret`` of S3, an account and a user of Swift's."""

    key: str
    secret: str


OWNER = User("test:tester", "testing")
READER = User("test:reader", "reading")  # reads where ``create_bucket`` was told so
STRANGER = User("test:stranger", "asking")  # known, and denied everywhere


def find() -> str | None:
    """Swift's version; None where it is not installed."""
    try:
        return version("swift")
    except PackageNotFoundError:
        return None


class Swift:
    """A server: ``address`` stays the same from ``start`` to ``start``. With ``tls`` it speaks https.

    ``within`` are words before its command, for a network namespace; name the port then, too.
    """

    def __init__(
        self,
        folder: Path,
        tls: Certificates | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        within: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self._host, self._tls, self._port, self._within = host, tls, port or free_port(host), tuple(within)
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """Where S3 is spoken."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    def environment(self, user: User = OWNER) -> dict[str, str]:
        """The AWS_ variables with which a process reaches this server as a user."""
        told = {"AWS_ENDPOINT_URL": self.address, "AWS_REGION": REGION}
        if self._tls is not None:
            told["AWS_CA_BUNDLE"] = str(self._tls.authorities)
        else:
            told["AWS_ALLOW_HTTP"] = "true"
        return {**told, "AWS_ACCESS_KEY_ID": user.key, "AWS_SECRET_ACCESS_KEY": user.secret}

    def start(self) -> None:
        """Start the servers and wait until they answer; RuntimeError says why they do not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [*self._within, sys.executable, "-W", "ignore", "-m", "deploy.local.swift"]
        command += [str(self.folder), self._host]
        command += [str(self._port)]
        if self._tls is not None:
            command += [str(self._tls.certificate), str(self._tls.key)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _START_SECONDS)
        if not ready or "ready" not in self._process.stdout.readline():
            self.kill()
            raise RuntimeError(f"Swift did not start: {(self.folder / 'log').read_text()[-1000:]}")

    def kill(self) -> None:
        """End it at once, as a crash does (SIGKILL); harmless if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def restart(self) -> None:
        """Kill it and start it again with what it had stored."""
        self.kill()
        self.start()

    def create_bucket(self, name: str, *, readers: bool = False) -> None:
        """Make a bucket of the owner's; with ``readers``, READER may list and read it."""
        with self._client() as client:
            url = obstore.sign(self.store(name), "PUT", "", _SIGNED)
            answer = client.put(url)
            if answer.status_code != httpx.codes.CONFLICT:  # it is there already, and ours
                answer.raise_for_status()
            if readers:
                self._let_read(client, name)

    def store(self, bucket: str, user: User = OWNER) -> S3Store:
        """A plain obstore on a bucket, for tests that look behind Matinee."""
        options: dict[str, Any] = {"allow_http": True}
        if self._tls is not None:
            options["root_certificate"] = self._tls.authorities.read_text()
        return S3Store(
            bucket,
            endpoint=self.address,
            region=REGION,
            access_key_id=user.key,
            secret_access_key=user.secret,
            client_options=options,  # type: ignore[arg-type] # a TypedDict of the stubs
        )

    def _let_read(self, client: httpx.Client, bucket: str) -> None:
        """Rights are Swift's own, not S3's. The parts of multipart uploads lie in a container of their own."""
        known = {"X-Auth-User": OWNER.key, "X-Auth-Key": OWNER.secret}
        signed_in = client.get(f"{self.address}/auth/v1.0", headers=known).raise_for_status().headers
        headers = {"X-Auth-Token": signed_in["X-Auth-Token"], "X-Container-Read": READER.key}
        for container in (bucket, f"{bucket}+segments"):
            client.put(f"{signed_in['X-Storage-Url']}/{container}", headers=headers).raise_for_status()

    def _client(self) -> httpx.Client:
        verify = ssl.create_default_context(cafile=str(self._tls.authorities)) if self._tls else False
        return httpx.Client(verify=verify, trust_env=False, timeout=_REQUEST_SECONDS)


@contextmanager
def swift(folder: Path | None = None, tls: Certificates | None = None, host: str = "127.0.0.1") -> Iterator[Swift]:
    """A running server, in a folder of its own unless one is named, killed at the end."""
    with tempfile.TemporaryDirectory(prefix="matinee-swift-", dir="/tmp") as own:
        server = Swift(folder or Path(own), tls, host)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def free_port(host: str) -> int:
    """A port that nobody listens on now."""
    with socket.create_server((host, 0)) as probe:
        return int(probe.getsockname()[1])


# --- the child: everything below runs in a process of its own --------------------------------------------------------

_COMMON = """
[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
disable_fallocate = true
workers = 0
# A busy machine is no fault: nothing is given up before a client would.
conn_timeout = 20
node_timeout = 60
container_update_timeout = 60
log_custom_handlers = deploy.local.swift.quiet_log
"""
_BACKEND = "[app:main]\nuse = egg:swift#{kind}\n"
_PROXY = """
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth bulk slo dlo proxy-server

[filter:catch_errors]
use = egg:swift#catch_errors

[filter:gatekeeper]
use = egg:swift#gatekeeper

[filter:healthcheck]
use = egg:swift#healthcheck

[filter:listing_formats]
use = egg:swift#listing_formats

[filter:bulk]
use = egg:swift#bulk

[filter:dlo]
use = egg:swift#dlo

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
# One device a ring: to set it aside after errors would be to stop.
error_suppression_limit = 1000000000
conn_timeout = 20
node_timeout = 60
recoverable_node_timeout = 60

[filter:cache]
paste.filter_factory = deploy.local.swift:cache_filter

[filter:s3api]
use = egg:swift#s3api
location = {region}
max_upload_part_num = 10000

[filter:slo]
use = egg:swift#slo
max_manifest_segments = 10000

[filter:tempauth]
use = egg:swift#tempauth
{users}
"""


def quiet_log(
    conf: Mapping[str, str], name: str, log_to_console: bool, log_route: str, fmt: str, logger: Any, adapted: Any
) -> None:
    """Log to standard error, and not to this machine's syslog."""
    import logging  # noqa: PLC0415 - the child's

    del conf, name, log_to_console, log_route, adapted
    for present in list(logger.handlers):
        logger.removeHandler(present)
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(logging.Formatter(f"%(asctime)s {fmt}"))
    logger.addHandler(stream)
    logger.setLevel(logging.WARNING)


class _Cache:
    """What Swift asks of memcached, in this process. ``lasting`` is in seconds; 0 is for ever."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Any]] = {}

    def get(self, key: str, **_: Any) -> Any:
        until, value = self._kept.get(key, (0.0, None))
        return value if until > time.monotonic() else None

    def set(self, key: str, value: Any, **options: Any) -> None:
        lasting = float(options.get("time") or 0)
        self._kept[key] = (time.monotonic() + lasting if lasting else math.inf, value)

    def delete(self, key: str, **_: Any) -> None:
        self._kept.pop(key, None)


def cache_filter(_global: Mapping[str, str], **_local: str) -> Callable[[Any], Any]:
    """Paste's factory for the filter that puts the cache where Swift looks for memcached's."""
    cache = _Cache()

    def wrap(application: Any) -> Any:
        def answer(environment: dict[str, Any], start_response: Any) -> Any:
            environment["swift.cache"] = cache
            return application(environment, start_response)

        return answer

    return wrap


def _serve(folder: Path, host: str, port: int, tls: tuple[str, str] | None) -> None:
    import eventlet  # noqa: PLC0415 - the child's
    import eventlet.wsgi  # noqa: PLC0415 - the child's

    eventlet.monkey_patch(all=False, socket=True, select=True, thread=True, time=True)
    from swift.common import utils, wsgi  # noqa: PLC0415 - the child's, after eventlet patched

    listeners = {kind: eventlet.listen((host, 0)) for kind in ("account", "container", "object")}
    proxy = eventlet.listen((host, port), backlog=1024)
    _configure(folder, {kind: sock.getsockname() for kind, sock in listeners.items()})
    utils.set_swift_dir(str(folder))
    if tls is not None:
        proxy = eventlet.wrap_ssl(proxy, certfile=tls[0], keyfile=tls[1], server_side=True)
    threads = []
    for kind, listener in {**listeners, "proxy": proxy}.items():
        application = wsgi.loadapp(str(folder / f"{kind}.conf"), global_conf={"log_name": kind})
        options = {"protocol": wsgi.SwiftHttpProtocol, "capitalize_response_headers": False, "log_output": False}
        threads.append(eventlet.spawn(eventlet.wsgi.server, listener, application, max_size=1024, **options))
    print("ready", flush=True)
    for thread in threads:
        thread.wait()


def _configure(folder: Path, places: Mapping[str, tuple[str, int]]) -> None:
    """Write the servers' files: rings of one device, whose ports are this start's."""
    from swift.common.ring import RingBuilder  # noqa: PLC0415 - the child's

    (folder / "devices" / "d1").mkdir(parents=True, exist_ok=True)
    secrets = "[swift-hash]\nswift_hash_path_suffix = matinee\n[storage-policy:0]\nname = one\ndefault = yes\n"
    (folder / "swift.conf").write_text(secrets)
    common = _COMMON.format(folder=folder)
    rights = {OWNER: ".admin", READER: "", STRANGER: ""}
    users = "\n".join(f"user_{who.key.replace(':', '_')} = {who.secret} {may}" for who, may in rights.items())
    (folder / "proxy.conf").write_text(common + _PROXY.format(region=REGION, users=users))
    for kind, (host, port) in places.items():
        (folder / f"{kind}.conf").write_text(common + _BACKEND.format(kind=kind))
        ring = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
        ring.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": host, "port": port, "device": "d1"})
        ring.rebalance()
        ring.get_ring().save(str(folder / f"{kind}.ring.gz"))


def _end_with_parent() -> None:
    """The parent holds the other end of standard input: it closes when the parent is gone, however it went."""
    import threading  # noqa: PLC0415 - before eventlet patches it

    def wait() -> None:
        with suppress(OSError):
            os.read(0, 1)
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    _end_with_parent()
    _folder, _host, _port, *_pems = sys.argv[1:]
    _serve(Path(_folder), _host, int(_port), (_pems[0], _pems[1]) if _pems else None)
