"""Asks every part how it is: one finding each, with its address and one sentence."""

import time
from collections.abc import Callable
from typing import Any

import obstore
import sqlalchemy as sa

from matinee.compose.database import check_schema, open_database, shown
from matinee.compose.objects import open_objects
from matinee.encoding.ffmpeg import find_tools
from matinee.model.errors import MatineeError
from matinee.settings import Settings


def examine(settings: Settings) -> list[dict[str, Any]]:
    """Findings ``{part, address, ok, says}`` of the database, the object store and the media tools."""
    return [
        _examine("database", shown(settings.database_url), lambda: _database(settings)),
        _examine("objects", settings.objects_url, lambda: _objects(settings)),
        _examine("tools", "ffmpeg, ffprobe, packager", _tools),
    ]


def _examine(part: str, address: str, ask: Callable[[], str]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        says = ask()
    except (MatineeError, OSError, sa.exc.SQLAlchemyError, obstore.exceptions.BaseError) as error:
        return {"part": part, "address": address, "ok": False, "says": str(error).splitlines()[0]}
    milliseconds = (time.perf_counter() - started) * 1000
    return {"part": part, "address": address, "ok": True, "says": f"{says}, {milliseconds:.0f} ms"}


def _database(settings: Settings) -> str:
    engine = open_database(settings.database_url)
    check_schema(engine)
    with engine.connect() as connection:
        version = ".".join(str(part) for part in engine.dialect.server_version_info or ())
        connection.execute(sa.text("SELECT 1"))
    return f"{engine.dialect.name} {version}".strip()


def _objects(settings: Settings) -> str:
    store = open_objects(settings.objects_url)
    obstore.put(store, "doctor/probe", b"matinee")
    kept = obstore.get(store, "doctor/probe").bytes()
    obstore.delete(store, "doctor/probe")
    return "written, read and deleted" if bytes(kept) == b"matinee" else "reads back something else"


def _tools() -> str:
    tools = find_tools()
    return f"ffmpeg at {tools.ffmpeg}"
