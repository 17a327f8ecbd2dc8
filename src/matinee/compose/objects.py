"""Opens the object store an address names."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.store import LocalStore, ObjectStore, from_url

from matinee.model.errors import Invalid

if TYPE_CHECKING:
    from obstore.store import RetryConfig  # a stub's name alone


def open_objects(url: str, *, retry_config: "RetryConfig | None" = None) -> ObjectStore:
    """The origin's object store: ``file:///FOLDER`` or ``s3://BUCKET``; Invalid if the address names neither.

    S3 takes its endpoint, credentials and client options from ``AWS_`` variables; client options that were given here
    would put those aside.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path:
        folder = Path(unquote(parts.path))
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(folder, mkdir=True)
    if parts.scheme == "s3" and parts.netloc:
        return from_url(url, retry_config=retry_config)
    raise Invalid(f"The object store's address {url!r} is neither file:///FOLDER nor s3://BUCKET.")
