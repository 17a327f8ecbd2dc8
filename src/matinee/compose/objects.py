"""Opens the object store an address names."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.store import LocalStore, ObjectStore, from_url

from matinee.model.errors import Invalid

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig  # stubs' names alone


def open_objects(
    url: str, *, client_options: "ClientConfig | None" = None, retry_config: "RetryConfig | None" = None
) -> ObjectStore:
    """The origin's object store: ``file:///FOLDER`` or ``s3://BUCKET``; Invalid if the address names neither.

    The options mean something over a network alone.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path:
        folder = Path(unquote(parts.path))
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(folder, mkdir=True)
    if parts.scheme == "s3" and parts.netloc:
        return from_url(url, client_options=client_options, retry_config=retry_config)
    raise Invalid(f"The object store's address {url!r} is neither file:///FOLDER nor s3://BUCKET.")
