"""The parts that settings name, each as a question: for ``matinee doctor``, and for processes before they start."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import sqlalchemy as sa

from matinee.adapters import dataplane_nginx_process as nginx
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.compose.control_channel import shown_control
from matinee.compose.control_check import check_control, check_public
from matinee.compose.database import check_database, check_replica, open_database, shown
from matinee.compose.edge_plane import is_nginx
from matinee.compose.engines import check_compute, check_events, shown_events
from matinee.compose.objects import shown_store
from matinee.compose.objects_check import check_objects
from matinee.compose.tls import own_identity, trusted
from matinee.compose.train import ranker_told
from matinee.delivery.edges import Edges, EdgeState
from matinee.encoding.ffmpeg import find_tools
from matinee.findings import Finding, Question, ask_all
from matinee.model.errors import Invalid, Unavailable
from matinee.settings import Settings, exposed_files

_Told = TypeVar("_Told")


def examine(settings: Settings, environment: Mapping[str, str] | None = None) -> list[Finding]:
    """A finding for every part that the settings name.

    Settings that name an edge and no database are an edge's own: nothing behind the control plane is asked.
    """
    environment = os.environ if environment is None else environment
    here = [
        Question("secrets", "files of secrets", lambda: _secrets(environment)),
        Question("certificate", settings.tls_certificate or "none", lambda: _certificate(settings)),
    ]
    if settings.edge_id and not settings.database:
        plane = Question("dataplane", settings.dataplane, lambda: _dataplane(settings))
        return ask_all([_objects(settings, writes=False), _control(settings), plane, *here])
    questions = worker_questions(settings)
    if settings.public_url:
        questions.append(Question("public", settings.public_address, lambda: check_public(settings)))
    if settings.edge_id or settings.control != Settings().control:
        questions.append(_control(settings))
    ranker = Question("ranker", "of the object store", lambda: ranker_told(settings))
    return ask_all(
        [*questions, Question("edges", "as the database knows them", lambda: _edges(settings)), ranker, *here]
    )


def serve_questions(settings: Settings) -> list[Question]:
    """What a control plane process needs before it starts."""
    questions = [
        Question("database", shown(settings.database_url), lambda: _database(settings)),
        _objects(settings, writes=True),
        Question("events", _shown(shown_events, settings), lambda: check_events(settings)),
    ]
    if settings.database_replica:
        replica = settings.database_replica
        questions.append(Question("replica", shown(replica), lambda: check_replica(replica), spared=True))
    return questions


def worker_questions(settings: Settings) -> list[Question]:
    """What a worker needs before it starts."""
    return [
        *serve_questions(settings),
        Question("compute", settings.compute, lambda: check_compute(settings)),
        Question("tools", "ffmpeg, ffprobe, packager", _tools),
    ]


def _objects(settings: Settings, *, writes: bool) -> Question:
    url = settings.objects_url
    return Question("objects", shown_store(url), lambda: check_objects(url, writes=writes))


def _control(settings: Settings) -> Question:
    return Question("control", _shown(shown_control, settings.control), lambda: check_control(settings))


@contextmanager
def _engine(settings: Settings) -> Iterator[sa.Engine]:
    engine = open_database(settings.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


def _database(settings: Settings) -> str:
    with _engine(settings) as engine:
        return check_database(engine)


def _edges(settings: Settings) -> str:
    """Whom the control plane offers; Unavailable, with their names, if some are silent."""
    clock, silence = SystemClock(), settings.edge_silence_seconds
    try:
        with _engine(settings) as engine:
            known = Edges(engine=engine, outbox=DatabaseOutbox(), clock=clock, silence_seconds=silence).edges()
    except sa.exc.SQLAlchemyError as error:
        raise Unavailable("The database that knows them cannot be asked.") from error
    now = clock.now()
    silent = [
        f"{edge.id} for {(now - edge.last_seen).total_seconds():.0f} s"
        for edge in known
        if edge.state is EdgeState.SILENT or (now - edge.last_seen).total_seconds() > silence
    ]
    if silent:
        raise Unavailable(f"Silent: {', '.join(silent)}.")
    drained = [edge.id for edge in known if edge.draining]
    says = f"{len(known)} known and heard" if known else "none has reported yet"
    return f"{says}; drained: {', '.join(drained)}" if drained else says


def _shown(show: Callable[[_Told], str], told: _Told) -> str:
    try:
        return show(told)
    except Invalid:
        return "an address that cannot be read"


def _dataplane(settings: Settings) -> str:
    """Unavailable, with what to install, if nginx or its Lua module is asked for and not there."""
    if not is_nginx(settings):
        return "the edge serves by itself"
    program = nginx.find(urlsplit(settings.dataplane).path)
    built = subprocess.run([str(program), "-V"], capture_output=True, check=False, text=True, timeout=10).stderr
    if not (nginx.modules() or "lua" in built):
        raise Unavailable(f"{program} has no Lua module ({nginx.INSTALL}).")
    said = re.search(r"nginx version: (\S+)", built)
    return f"{said[1] if said else program}, with Lua"


def _tools() -> str:
    tools = find_tools()
    return f"ffmpeg at {tools.ffmpeg}"


def _secrets(environment: Mapping[str, str]) -> str:
    """Invalid if a file of a secret can be read by every user of this machine."""
    exposed = exposed_files(environment)
    if exposed:
        raise Invalid(" ".join(exposed))
    return "none can be read by everyone"


def _certificate(settings: Settings) -> str:
    """What this machine's processes show, and whom they trust."""
    shows = "shown with its key" if own_identity(settings).certificate else "plain HTTP is spoken"
    trusted(settings)
    return f"{shows}; trusted: {settings.tls_authorities or 'the authorities of the system'}"
