"""Opens the object store that an address names: a folder, or a bucket of any S3.

Where S3 is and who asks stands in AWS_ variables (``S3_VARIABLES``), as obstore and every other client of S3 has them.
How long a call is tried is the caller's to say, as a ``Patience``.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from obstore.store import LocalStore, ObjectStore, S3Store

from matinee.compose.credentials import with_credentials
from matinee.model.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig  # a stub's names alone

S3_VARIABLES: Mapping[str, str] = {
    "AWS_ENDPOINT_URL": "Where S3 is, http:// or https://; empty: Amazon's. Buckets are named in the path.",
    "AWS_REGION": "The bucket's region; empty: us-east-1.",
    "AWS_ACCESS_KEY_ID": "Who asks. An edge only reads `media/*` and lists the bucket; everybody else also writes.",
    "AWS_SECRET_ACCESS_KEY": "The key's secret. Both empty: the machine's role, on Amazon.",
    "AWS_SESSION_TOKEN": "The token that belongs to a key which expires.",
    "AWS_SHARED_CREDENTIALS_FILE": "Instead of these three: a file that holds them in its section `[default]`.",
    "AWS_PROFILE": "Another section of that file.",
    "AWS_CA_BUNDLE": "PEM file: authorities that the endpoint's certificate is signed by, besides the system's.",
    "AWS_ALLOW_INVALID_CERTIFICATES": "`true`: believe any certificate. For a trial only.",
    "AWS_PROXY_URL": "A proxy on the way to S3.",
    "AWS_CONNECT_TIMEOUT": "How long a connection may take to be made, as `2s`; empty: it depends on who waits.",
    "AWS_READ_TIMEOUT": "How long S3 may be silent, as `60s`; empty: it depends on who waits.",
}
"""The variables of S3 that Matinee's documentation names, each with its sentence. obstore knows more."""

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_ROLES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_METADATA_ENDPOINT")
_KEYS = ("access_key_id", "secret_access_key", "session_token")
# obstore reads these from the environment only where it is given no client options at all.
_CLIENT = (
    "allow_http",
    "allow_invalid_certificates",
    "connect_timeout",
    "http1_only",
    "http2_only",
    "pool_idle_timeout",
    "pool_max_idle_per_host",
    "proxy_excludes",
    "proxy_url",
    "randomize_addresses",
    "read_timeout",
    "timeout",
    "user_agent",
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call to S3 is tried. ``silent_seconds`` without a byte break one try; it includes sending a part."""

    connect_seconds: float
    silent_seconds: float
    retries: int
    retry_seconds: float


NONE = Patience(connect_seconds=2, silent_seconds=10, retries=0, retry_seconds=0)
"""An edge's: its fills try again themselves, and a viewer is sent to another edge."""
REQUEST = Patience(connect_seconds=2, silent_seconds=10, retries=3, retry_seconds=3)
"""Somebody waits for an answer."""
# The pauses between tries are drawn by lot, and may stay short: time is what ends the next two, not a number of tries.
WORK = Patience(connect_seconds=5, silent_seconds=60, retries=200, retry_seconds=8)
"""Work that is put off when this is over."""
OUTAGE = Patience(connect_seconds=5, silent_seconds=60, retries=2_000, retry_seconds=120)
"""An operator's command or a task of an encode, which would rather wait than be started again."""

# One answer may be a whole mezzanine: what bounds it is silence, not its length.
_LONGEST = timedelta(hours=12)


def open_objects(url: str, patience: Patience = WORK) -> ObjectStore:
    """The store at ``file:///FOLDER`` (made if it is not there) or ``s3://BUCKET[/PREFIX]``.

    Invalid if the address or the AWS_ variables cannot be right; Unavailable if the folder cannot be made.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path:
        return _folder(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        return _bucket(url, patience, os.environ)
    raise Invalid(f"The object store's address {url!r} is neither file:///FOLDER nor s3://BUCKET.")


def store_folder(url: str) -> Path | None:
    """The folder that a store is, at ``file:///FOLDER``; None if it is none."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _folder(folder: Path) -> LocalStore:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"The folder {folder} of the object store cannot be made: {error.strerror}.") from error
    return LocalStore(folder, mkdir=True)


def _bucket(url: str, patience: Patience, environment: Mapping[str, str]) -> S3Store:
    environment = with_credentials(environment)
    endpoint = _endpoint(environment)
    if endpoint and urlsplit(endpoint).scheme not in {"http", "https"}:
        raise Invalid(f"AWS_ENDPOINT_URL={endpoint!r} is neither an http:// nor an https:// address.")
    given = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if environment.get(name)]
    keyless = not given and endpoint and not any(environment.get(name) for name in _ROLES)
    if (len(given) == 1 or keyless) and environment.get("AWS_SKIP_SIGNATURE") != "true":
        # Without this, the library asks Amazon's metadata address for a role, for a long time.
        raise Invalid(f"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must both be set to reach {url}.")
    options: dict[str, Any] = {
        "connect_timeout": timedelta(seconds=patience.connect_seconds),
        "read_timeout": timedelta(seconds=patience.silent_seconds),
        "timeout": _LONGEST,
    }
    if endpoint.startswith("http:"):
        options["allow_http"] = True
    options |= {name: environment[f"AWS_{name.upper()}"] for name in _CLIENT if environment.get(f"AWS_{name.upper()}")}
    if bundle := environment.get("AWS_CA_BUNDLE"):
        try:
            options["root_certificate"] = Path(bundle).read_bytes()
        except OSError as error:
            raise Invalid(f"AWS_CA_BUNDLE={bundle!r} cannot be read: {error.strerror}.") from error
    client: ClientConfig = options  # type: ignore[assignment] # built above, from a list of its own names
    retry: RetryConfig = {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=patience.retry_seconds),
        "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=5), "base": 2},
    }
    # Told here, for they may come from a file, which obstore does not read.
    keys: Any = {name: environment[f"AWS_{name.upper()}"] for name in _KEYS if environment.get(f"AWS_{name.upper()}")}
    try:
        return S3Store.from_url(url, client_options=client, retry_config=retry, **keys)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise Invalid(f"The object store {url} cannot be opened with these AWS_ variables: {reason}.") from error


def _endpoint(environment: Mapping[str, str]) -> str:
    return next((environment[name] for name in _ENDPOINTS if environment.get(name)), "")


def shown_store(url: str) -> str:
    """The store's address for people: a bucket and where S3 is. It holds no secret."""
    return f"{url} at {_endpoint(os.environ) or 'Amazon S3'}" if url.startswith("s3:") else url
