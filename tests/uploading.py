"""Uploads as an operator's client speaks them: tus 1.0.0 over httpx."""

import base64
from collections.abc import Iterable, Mapping

import httpx

TUS = {"Tus-Resumable": "1.0.0"}
_BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


def begin(client: httpx.Client, name: str, size_bytes: int) -> str:
    """Promise an upload; its address."""
    told = f"filename {base64.b64encode(name.encode()).decode()}"
    headers = {**TUS, "Upload-Length": str(size_bytes), "Upload-Metadata": told}
    answer = client.post("/studio/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"].removeprefix("/api/v1")


def send(
    client: httpx.Client,
    address: str,
    content: bytes | Iterable[bytes],
    offset: int = 0,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Bring bytes; ``address`` is an upload's, or a source's id. ``headers`` are said instead of the usual ones."""
    place = address if address.startswith("/") else f"/studio/uploads/{address}"
    return client.patch(place, content=content, headers={**_BYTES, "Upload-Offset": str(offset), **(headers or {})})


def reached(client: httpx.Client, address: str) -> int:
    """How many bytes have arrived."""
    answer = client.head(address, headers=TUS)
    assert answer.status_code == 200, answer.headers
    return int(answer.headers["Upload-Offset"])
