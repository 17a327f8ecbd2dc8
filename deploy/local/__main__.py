"""The demo on real engines: PostgreSQL, S3, NATS JetStream, Ray, and nginx in front of two copies of ``serve``.

``python -m deploy.local [--data DIR] [--port N] [options of matinee demo]``, or ``make demo ENGINES=real``. Everything
is kept in the data folder, engines included, and is there again at the next start.
"""

import argparse
import hashlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from deploy.local import nats, nginx, postgresql, ray, swift

BUCKET, DATABASE = "matinee", "matinee"
# Each copy has an address of its own and the demo's one port; nginx has the demo's own address.
COPIES = ("127.0.5.1", "127.0.6.1")
_STOP_SECONDS = 60.0


def missing() -> list[str]:
    """What is not installed here, as sentences."""
    engines = {
        "PostgreSQL": (postgresql.find(), postgresql.INSTALL),
        "nats-server": (nats.find(), nats.INSTALL),
        "nginx": (nginx.find(), nginx.INSTALL),
        "Swift": (swift.find(), "make setup-development"),
        "Ray": (ray.find(), ray.INSTALL),
    }
    return [f"{name} is not there: {how}" for name, (found, how) in engines.items() if not found]


def environment(data: Path, port: int, stack: ExitStack) -> dict[str, str]:
    """Start every engine; the variables with which the demo and Ray's nodes reach them."""
    kept = data / "engines"
    kept.mkdir(parents=True, exist_ok=True)

    def started(name: str, since: float) -> None:
        print(f"{name} answers after {time.monotonic() - since:.1f} s", flush=True)

    begun = time.monotonic()
    database = stack.enter_context(
        postgresql.postgresql(durable=True, password=_password(kept), folder=postgresql_folder(data))
    )
    if not database.execute(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"):
        database.create_database(DATABASE)
    started("PostgreSQL", begun)
    begun = time.monotonic()
    hosts = stack.enter_context(ray.hosts())
    store = stack.enter_context(swift.swift(kept / "swift", host=hosts.here))
    store.create_bucket(BUCKET)
    started("S3 (Swift)", begun)
    begun = time.monotonic()
    hub = stack.enter_context(nats.cluster(folder=kept / "nats"))
    started("NATS JetStream, three servers", begun)
    begun = time.monotonic()
    cluster = stack.enter_context(ray.cluster(hosts, environment=store.environment()))
    started("Ray, a head and two nodes", begun)
    front = stack.enter_context(nginx.nginx([f"{copy}:{port}" for copy in COPIES], listen=f"127.0.0.1:{port}"))
    print(f"nginx stands at {front.address}", flush=True)
    return {
        **store.environment(),
        **cluster.environment,
        "MATINEE_DATABASE": database.address(DATABASE),
        "MATINEE_OBJECTS": f"s3://{BUCKET}",
        "MATINEE_EVENTS": hub.address,
        "MATINEE_COMPUTE": cluster.address,
        "MATINEE_PROXIES": "127.0.0.0/8",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the engines, run the demo on them until it ends, and stop them; the demo's exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".matinee-real"), help="where everything is kept")
    parser.add_argument("--port", type=int, default=8400, help="port of the control plane and of every edge")
    told, more = parser.parse_known_args(arguments)
    if lacking := missing():
        print("\n".join(lacking), file=sys.stderr)
        return 1
    if os.geteuid() != 0:
        print("Ray's nodes get a network namespace each, for which this needs root.", file=sys.stderr)
        return 1
    data = told.data.absolute()
    # Asked to end while engines start, it ends those that have.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with ExitStack() as stack:
        return _show(data, told.port, more, environment(data, told.port, stack))


def _show(data: Path, port: int, more: Sequence[str], engines: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", "matinee.cli", "demo", "--data", str(data), "--port", str(port)]
    command += [part for copy in COPIES for part in ("--serve-host", copy)]
    # A session of its own: Ctrl-C reaches this process alone, which ends the demo first and the engines after it.
    demo = subprocess.Popen([*command, *more], env={**os.environ, **engines}, start_new_session=True)

    def stop(_number: int, _frame: object) -> None:
        demo.send_signal(signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        return demo.wait()
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait(_STOP_SECONDS)


def _password(kept: Path) -> str:
    """PostgreSQL's password: made at the first start, and kept."""
    file = kept / "postgresql.password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(16))
    return file.read_text()


def postgresql_folder(data: Path) -> Path:
    """Where PostgreSQL keeps its data: as root it runs as a user who may not see into the data folder."""
    return Path("/var/tmp") / f"matinee-postgresql-{hashlib.sha256(str(data).encode()).hexdigest()[:12]}"


if __name__ == "__main__":
    sys.exit(main())
