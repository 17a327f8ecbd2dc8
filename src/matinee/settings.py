"""Every setting of every process: one frozen value, read from MATINEE_ variables.

A variable's name with ``_FILE`` after it names a file that holds the value, so that secrets need not stand in an
environment, which other programs of the same user can read.

Only composition roots and the command line read it; rooms receive what they need as arguments. Each field's metadata
holds its unit and its sentence, from which ``docs/configuration.md`` is written (``make docs``).
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from matinee.model.errors import Invalid

PREFIX = "MATINEE_"
FROM_FILE = "_FILE"
_LONGEST_BYTES = 64 * 1024


def _setting(default: Any, sentence: str, unit: str = "text", *, secret: bool = False) -> Any:
    return field(default=default, metadata={"sentence": sentence, "unit": unit, "secret": secret}, repr=not secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process is told. Addresses choose engines: see ``docs/architecture.md``."""

    data: Path = _setting(Path(".matinee"), "Folder for everything kept on this machine.", "path")
    database: str = _setting(
        "", "The database: sqlite:///PATH or postgresql+psycopg://…; empty: SQLite in the data folder.", secret=True
    )
    database_replica: str = _setting(
        "", "A read replica of PostgreSQL, for reads that may lag behind; empty: none.", secret=True
    )
    database_connections: int = _setting(20, "Connections to PostgreSQL that a process keeps open.", "count")
    database_connections_more: int = _setting(
        0, "Connections to PostgreSQL it opens in a rush, on top, and closes after: each costs some 10 ms.", "count"
    )
    database_wait_seconds: float = _setting(5.0, "How long a request waits for a free one of them.", "s")
    database_statement_seconds: float = _setting(
        30.0, "PostgreSQL gives up a statement that takes longer; 0: never.", "s"
    )
    database_lock_seconds: float = _setting(
        10.0, "PostgreSQL gives up a statement that waits longer for a lock; 0: never.", "s"
    )
    database_idle_seconds: float = _setting(
        60.0, "PostgreSQL gives up a transaction that does nothing for longer; 0: never.", "s"
    )
    objects: str = _setting("", "The object store: file:///PATH or s3://…; empty: a folder in the data folder.")
    events: str = _setting(
        "database:",
        "The event log: database: or nats://USER:PASSWORD@HOST:PORT,HOST:PORT,…; tls:// for nats:// over TLS.",
        secret=True,
    )
    events_replicas: int = _setting(3, "Servers that keep the event log on NATS; 1 where there is one server.", "count")
    events_keep_bytes: int = _setting(
        8 * 1024**3, "What the event log on NATS keeps at most; full, it refuses.", "bytes"
    )
    events_sites: str = _setting("", "Edge sites whose own logs the log on NATS fetches: names, comma separated.")
    events_keep_days: float = _setting(30.0, "How long the event log keeps what is archived; 0: for ever.", "days")
    archive_keep_days: float = _setting(0.0, "How long the archive keeps a day's events; 0: for ever.", "days")
    compute: str = _setting("local://", "Where encodes run: local:// or ray://HOST:PORT.")
    codecs: str = _setting(
        "h264", "What pictures are encoded to, comma separated: h264, which is always there; hevc; av1."
    )
    ladder: str = _setting("per-title", "Which rungs films get: per-title (those of their own) or fixed.")
    dataplane: str = _setting(
        "embedded:",
        "What moves an edge's bytes: embedded:, or nginx: or nginx:///PATH (nginx with Lua).",
    )
    control: str = _setting(
        "http://127.0.0.1:8400",
        "The control plane, as an edge reaches it: http(s)://HOST[:PORT]; or its site's NATS server, a leaf of the "
        "event log's: nats://USER:PASSWORD@HOST:PORT, tls:// over TLS.",
        secret=True,
    )

    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8400, "Port to listen on; edges and control plane of one service share it.", "port")
    tls_certificate: str = _setting(
        "", "PEM file: this process's certificate and what signed it; empty: no TLS.", "path"
    )
    tls_key: str = _setting("", "PEM file (PKCS#8): the certificate's private key.", "path")
    tls_authorities: str = _setting(
        "", "PEM file: authorities that other parts' certificates are signed by; empty: the system's.", "path"
    )
    proxies: str = _setting(
        "",
        "Proxies, as addresses or CIDRs, comma separated, that are believed in X-Forwarded-For and X-Forwarded-Proto.",
    )
    public_url: str = _setting("", "The control plane's address as browsers see it; empty: this one's.", "URL")
    token_keys: str = _setting(
        "",
        "Keys to begin with, KID:SECRET, comma separated, the first one signing; empty: one is made. From then on the "
        "database keeps them.",
        secret=True,
    )
    token_keys_days: float = _setting(
        30.0, "How long a key signs media tokens before the next one does; 0: for ever.", "days"
    )
    token_seconds: int = _setting(6 * 3600, "How long a media token opens its title.", "s")
    session_seconds: int = _setting(30 * 86400, "How long a sign-in lasts.", "s")
    member_streams: int = _setting(
        0, "On how many devices a member may play at once; 0: as many as they like.", "count"
    )
    rate_sign_ins: int = _setting(60, "Sign-ins and sign-ups a minute from one address; 0: no limit.", "count")
    rate_searches: int = _setting(600, "Searches a minute of one member; 0: no limit.", "count")
    rate_playbacks: int = _setting(120, "Presses of play a minute of one member; 0: no limit.", "count")
    rate_events: int = _setting(6000, "Requests with events a minute of one member; 0: no limit.", "count")
    rate_forgetting: int = _setting(5, "Histories a minute that one member may have forgotten; 0: no limit.", "count")
    steering_seconds: int = _setting(5, "How long a player waits before it asks for steering again (TTL).", "s")
    plan_seconds: float = _setting(60.0, "How often edges' plans are made anew; 0: never.", "s")
    fill_hours: str = _setting("", "Hours of the day, UTC, in which edges fill ahead, FROM-TO; empty: all.", "h")
    fill_bps: int = _setting(0, "How fast an edge fills ahead at most; 0: no limit.", "bit/s")
    edge_silence_seconds: float = _setting(4.0, "An edge silent for longer is steered around.", "s")
    networks: str = _setting("", "Which region a viewer's address lies in: CIDR=REGION, comma separated.")
    trust_region: bool = _setting(False, "Let a viewer say which region they are in (the demo's panel).", "0 or 1")
    regions: str = _setting("", "The regions, NAME=LATITUDE/LONGITUDE, comma separated; the first is the default.")
    territories: str = _setting(
        "",
        "The country a region's viewers are in, REGION=PT, comma separated: a title that names territories is shown "
        "there alone.",
    )
    demo_control: str = _setting("", "Unix socket of the demo's supervisor, for its panel.", "path")

    join_token: str = _setting("", "What this edge joins with, once: see matinee join-token.", secret=True)
    edge_id: str = _setting("", "This edge's name; a pathway in every manifest.")
    edge_site: str = _setting("", "The site this edge stands at.")
    edge_region: str = _setting("", "The region this edge serves first.")
    edge_tier: str = _setting("edge", "Whom it serves: viewers (edge) or other edges (parent).")
    edge_url: str = _setting("", "This edge's address as players see it; its host name is nobody else's.", "URL")
    edge_latitude: float = _setting(0.0, "Where this edge stands.", "degrees")
    edge_longitude: float = _setting(0.0, "Where this edge stands.", "degrees")
    edge_capacity_bps: int = _setting(1_000_000_000, "What this edge can send.", "bit/s")
    edge_memory_bytes: int = _setting(
        64 * 1024**2, "Memory in which an edge without nginx keeps what is asked for most; 0: none.", "bytes"
    )
    edge_cache_bytes: int = _setting(2 * 1024**3, "Disk this edge may fill.", "bytes")

    worker_slots: int = _setting(
        0, "Films a worker carries at once; 0: four for each machine of compute, or for every four cores.", "count"
    )

    @property
    def database_url(self) -> str:
        """The database's address, with the embedded default filled in."""
        return self.database or f"sqlite:///{self.data.absolute() / 'matinee.db'}"

    @property
    def objects_url(self) -> str:
        """The object store's address, with the embedded default filled in."""
        return self.objects or f"file://{self.data.absolute() / 'objects'}"

    @property
    def own_address(self) -> str:
        """Where this process listens, as a URL."""
        return f"{'https' if self.tls_certificate else 'http'}://{self.host}:{self.port}"

    @property
    def public_address(self) -> str:
        """The control plane's address as browsers see it, without a slash at its end."""
        return (self.public_url or self.own_address).rstrip("/")


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings out of MATINEE_ variables and the files they name; Invalid names a variable that cannot be read."""
    environment = os.environ if environment is None else environment
    known = {f"{PREFIX}{entry.name.upper()}": entry for entry in fields(Settings)}
    chosen: dict[str, Any] = {}
    for name, text in _given(environment, known):
        entry = known[name]
        try:
            chosen[entry.name] = _parsed(entry.type, text)
        except ValueError as error:
            # What was given is not repeated where it is a secret.
            given = "" if entry.metadata["secret"] else f"={text!r}"
            raise Invalid(f"{name}{given} cannot be read: {entry.metadata['sentence']}") from error
    return Settings(**chosen)


def exposed_files(environment: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for every file of a secret that any user of this machine may read."""
    environment = os.environ if environment is None else environment
    secret = [f"{PREFIX}{entry.name.upper()}{FROM_FILE}" for entry in fields(Settings) if entry.metadata["secret"]]
    named = [(name, environment[name]) for name in (*secret, "AWS_SHARED_CREDENTIALS_FILE") if environment.get(name)]
    return [
        f"{name}: every user can read {path}; chmod 600 it."
        for name, path in named
        if _readable_by_everyone(Path(path))
    ]


def _given(environment: Mapping[str, str], known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every known variable that is set, with its text, from its file if one is named."""
    for name, text in environment.items():
        if not name.startswith(PREFIX):
            continue
        if name in known:
            yield name, text
            continue
        setting = name.removesuffix(FROM_FILE)
        if setting == name or setting not in known:
            raise Invalid(f"There is no setting {name}; docs/configuration.md lists them all.")
        if setting in environment:
            raise Invalid(f"{setting} and {name} are both given; which of them holds?")
        yield setting, _content(name, Path(text))


def _content(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "that is no path"
        raise Invalid(f"{name} names {path}, which cannot be read: {reason}.") from error
    if len(content) > _LONGEST_BYTES:
        raise Invalid(f"{name} names {path}, which is longer than any setting.")
    try:
        # An editor's line end is no part of a secret.
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise Invalid(f"{name} names {path}, which is not text in UTF-8.") from error


def _readable_by_everyone(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except (OSError, ValueError):
        return False


def _parsed(kind: Any, text: str) -> Any:
    if kind is bool:
        if text not in {"0", "1"}:
            raise ValueError(text)
        return text == "1"
    return kind(text)
