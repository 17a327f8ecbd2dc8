"""Files by granian itself, without tokens and books: what the embedded data plane could be at most."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT, HOW = Path(os.environ["ROOT"]), os.environ["HOW"]
_ready = {f"/{file.relative_to(ROOT)}": file.read_bytes() for file in ROOT.rglob("*.m4s")}
_files = {path: str(ROOT / path.lstrip("/")) for path in _ready}


async def app(scope: Any, _receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """Answer with the whole file: out of memory in one piece, or by its path (ASGI's ``http.response.pathsend``)."""
    if scope["type"] != "http":
        return
    path = scope["path"]
    length = str(len(_ready[path])).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    if HOW == "path":
        await send({"type": "http.response.pathsend", "path": _files[path]})
    else:
        await send({"type": "http.response.body", "body": _ready[path]})
