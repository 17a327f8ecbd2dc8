"""Brings the hosts up in the order of docs/operations.md: event log, database and object store, then Matinee."""

import pwd
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from deploy.local import nginx, postgresql
from deploy.local.certificates import Certificates
from deploy.local.swift import OWNER, READER, Swift, User

from network.hosts import NAMES, Host, Network
from running_demo import until

BUCKET, S3_PORT = "matinee", 9000
# A dozen processes start on a machine that may have two cores, or less of them.
PATIENCE_SECONDS = 180.0
OWNER_OF_DATABASE = "postgres"


@contextmanager
def installed(network: Network) -> Iterator[Swift]:
    """Everything runs and says that it is ready; yields the object store, which is no process of a host's own."""
    a, b, c = (network[name] for name in "abc")
    for host in (a, b):
        tuned = host.run(["sysctl", "-q", "-p", "deploy/sysctl.conf"])
        assert tuned.returncode == 0, tuned.stderr
    for host in network.hosts.values():
        host.unit("matinee-nats")
    store = Swift(b.home / "s3", _shown(b), b.address, S3_PORT, within=b.within)
    try:
        with ThreadPoolExecutor() as together:
            for done in [together.submit(start_database, a), together.submit(_start_store, store, network)]:
                done.result()
        migrated = a.matinee("matinee", "migrate")
        assert migrated.returncode == 0, migrated.stderr
        for host in (a, c):
            host.unit("matinee-serve@8400")
        b.unit("matinee-worker")
        with asking(network) as client:
            for host, unit, port in ((a, "serve@8400", 8400), (c, "serve@8400", 8400), (b, "worker", 8410)):
                _wait(client, host, f"matinee-{unit}", f"https://{host.address}:{port}")
            start_nginx(a)
            _wait(client, a, "nginx", f"https://{a.address}")
            joined = a.matinee("matinee", "join-token", "edge-c")
            assert joined.returncode == 0, joined.stderr
            write_secret(c.etc / "secrets" / "join_token", joined.stdout)
            c.unit("matinee-edge", MATINEE_EDGE_CACHE_BYTES="100000000")
            _wait(client, c, "matinee-edge", f"https://{c.address}")
        yield store
    finally:
        store.kill()
        # Killed, they would leave their shared memory behind; the others are killed with their host.
        for host in (b, a):
            host.end("postgresql", signal.SIGINT)


def asking(network: Network) -> httpx.Client:
    """A client that trusts the operator's authority, and nobody else."""
    trust = ssl.create_default_context(cafile=str(network.authorities))
    return httpx.Client(verify=trust, trust_env=False, timeout=60)


def is_ready(client: httpx.Client, address: str) -> bool:
    """Whether the process there says that it is ready."""
    with suppress(httpx.HTTPError):
        return client.get(f"{address}/readyz").is_success
    return False


def _wait(client: httpx.Client, host: Host, unit: str, address: str) -> None:
    until(f"{unit} on {host.name}", lambda: host.lives(unit) and is_ready(client, address), PATIENCE_SECONDS)


def start_nginx(host: Host) -> None:
    """With the file that was prepared for it, in Debian's place for it."""
    home = host.home / "nginx"
    home.mkdir()
    places = "".join(
        f"{kind}_temp_path {home}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    files = f"include {host.etc}/nginx/control.conf;"
    (home / "nginx.conf").write_text(
        f"daemon off; pid {home}/pid; worker_processes 1; error_log stderr; events {{ worker_connections 1024; }}\n"
        f"http {{ access_log off; {places} {files} }}\n"
    )
    host.start("nginx", [str(nginx.find()), "-p", str(home), "-c", str(home / "nginx.conf"), "-e", "stderr"])


def start_postgresql(host: Host) -> None:
    """Debian's own unit would do it."""
    programs, as_owner = _postgresql()
    home = host.home / "postgresql"
    command = [*as_owner, str(programs / "postgres"), "-D", str(home / "data"), "-k", str(home)]
    ask = [*as_owner, str(programs / "pg_isready"), "-q", "-h", str(home)]

    def answers() -> bool:
        # Killed, its backends hold the shared memory for a moment longer, and a new server refuses to start.
        if "postgresql" not in host.processes or host.processes["postgresql"].poll() is not None:
            # As its user's own unit would: a replica looks for certificates of its own in its home.
            host.start("postgresql", command, {"HOME": str(home)})
        return host.run(ask).returncode == 0

    until("PostgreSQL", answers, PATIENCE_SECONDS)


def _postgresql() -> tuple[Path, list[str]]:
    """PostgreSQL's programs, and words that run them as their user."""
    programs = postgresql.find()
    assert programs is not None
    who = pwd.getpwnam(OWNER_OF_DATABASE)
    return programs, ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]


def start_database(host: Host) -> None:
    """Debian's cluster, the prepared files in it, and the roles."""
    programs, as_owner = _postgresql()
    home = _home_of_postgresql(host, "postgresql/setup.sql")
    data = home / "data"
    initialise = [str(programs / "initdb"), "-A", "peer", "-U", OWNER_OF_DATABASE, "-N", "--no-instructions"]
    subprocess.run(
        [*as_owner, *initialise, "--locale=C.UTF-8", "-D", str(data)], check=True, capture_output=True, cwd="/"
    )
    _configure(home)
    start_postgresql(host)
    made = host.run([*as_owner, "psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(home), "-f", str(home / "setup.sql")])
    assert made.returncode == 0, made.stderr


def start_replica(host: Host, primary: Host) -> None:
    """A copy of the primary's data that follows it, with the prepared files of the replica's machine."""
    programs, as_owner = _postgresql()
    home = _home_of_postgresql(host, "tls/authorities.pem", "postgresql/replica.pass")
    whom = f"host={primary.address} user=matinee_replica sslmode=verify-full"
    files = f"sslrootcert={home}/authorities.pem passfile={home}/replica.pass"
    command = [str(programs / "pg_basebackup"), "-R", "-X", "stream", "-c", "fast", "-D", str(home / "data")]
    # As sudo does: it, too, looks for certificates of its own in its user's home.
    copied = host.run([*as_owner, "env", f"HOME={home}", *command, "-d", f"{whom} {files}"])
    assert copied.returncode == 0, copied.stderr
    # Debian keeps these beside the data, and no copy would bring them.
    (home / "data" / "postgresql.conf").write_text("")
    _configure(home)
    start_postgresql(host)


def _home_of_postgresql(host: Host, *more: str) -> Path:
    """A folder of the database's owner, with the prepared files and what PostgreSQL shows of this machine's."""
    home = host.home / "postgresql"
    home.mkdir()
    shutil.chown(home, OWNER_OF_DATABASE)
    for file in ("postgresql/matinee.conf", "postgresql/pg_hba.conf", "tls/host.pem", "tls/host.key", *more):
        copy = home / Path(file).name
        shutil.copy(host.etc / file, copy)
        shutil.chown(copy, OWNER_OF_DATABASE)
        copy.chmod(0o600)
    return home


def _configure(home: Path) -> None:
    with (home / "data" / "postgresql.conf").open("a") as conf:
        # A quarter of a machine is more than a test may take.
        conf.write(f"include '{home}/matinee.conf'\nshared_buffers = 64MB\nhba_file = '{home}/pg_hba.conf'\n")


def _start_store(store: Swift, network: Network) -> None:
    store.start()
    store.create_bucket(BUCKET, readers=True)
    for name in NAMES:
        _write_key(network[name].etc / "secrets" / "s3", OWNER)
    _write_key(network["c"].etc / "secrets" / "s3_edge", READER)


def write_secret(path: Path, text: str) -> None:
    """Put a secret into the file that a host has for it, which keeps its owner."""
    path.write_text(text)
    path.chmod(0o600)


def _write_key(path: Path, user: User) -> None:
    write_secret(path, f"[default]\naws_access_key_id = {user.key}\naws_secret_access_key = {user.secret}\n")


def _shown(host: Host) -> Certificates:
    tls = host.etc / "tls"
    return Certificates(tls / "authorities.pem", tls / "host.pem", tls / "host.key")
