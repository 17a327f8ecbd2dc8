"""The demo's processes as command lines and environments."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from matinee.demo.supervisor import Program
from matinee.settings import PREFIX, Settings

_EDGES_AFTER_SECONDS = 0.8


@dataclass(frozen=True, slots=True)
class DemoEdge:
    """One edge of the demo: its region's name and place (degrees), and the loopback address that is its host."""

    id: str
    region: str
    latitude: float
    longitude: float
    host: str


# Each edge has a host of its own, and one port: players tell pathways apart by host alone (facts in docs/decisions).
EDGES = (
    DemoEdge("europe-1", "europe", 50.1, 8.7, "127.0.1.1"),
    DemoEdge("america-1", "america", 39.0, -77.5, "127.0.2.1"),
    DemoEdge("asia-1", "asia", 1.35, 103.8, "127.0.3.1"),
)
WORKER_HOST = "127.0.4.1"
_FILMS_AT_ONCE = 8  # there is one worker: all that is drawn can be played before the first film is whole
SERVE_HOST = "127.0.0.1"


def programs(
    settings: Settings, hosts: Sequence[str] = (SERVE_HOST,), join_tokens: Mapping[str, str] | None = None
) -> list[Program]:
    """The demo's processes; ``hosts`` are the addresses of the control plane's copies, ``join_tokens`` by edge."""
    matinee = (sys.executable, "-m", "matinee.cli")
    copies = [
        Program(
            name="serve" if len(hosts) == 1 else f"serve-{number}",
            command=(*matinee, "serve"),
            environment=_environment(settings, host=host),
        )
        for number, host in enumerate(hosts, start=1)
    ]
    edges = [
        Program(
            name=edge.id,
            command=(*matinee, "edge"),
            environment=_environment(
                settings,
                host=edge.host,
                edge_id=edge.id,
                join_token=(join_tokens or {}).get(edge.id, ""),
                edge_site=edge.region,
                edge_region=edge.region,
                edge_url=f"http://{edge.host}:{settings.port}",
                edge_latitude=edge.latitude,
                edge_longitude=edge.longitude,
                data=settings.data / "edges" / edge.id,
            ),
            # Pages first: five interpreters that start at once on two cores all start late.
            after_seconds=_EDGES_AFTER_SECONDS,
        )
        for edge in EDGES
    ]
    slots = settings.worker_slots or _FILMS_AT_ONCE
    worker = Program("worker", (*matinee, "worker"), _environment(settings, host=WORKER_HOST, worker_slots=slots))
    return [*copies, worker, *edges]


def _environment(settings: Settings, **changes: object) -> dict[str, str]:
    """MATINEE_ variables for a child process: the demo's settings, and none that only its caller's shell has."""
    known = ((entry, getattr(settings, entry.name)) for entry in fields(Settings))
    chosen = {entry.name: value for entry, value in known if value != entry.default}
    # Where the demo keeps things is not where its children do: what follows from the folder is said in full.
    own = chosen | {"database": settings.database_url, "objects": settings.objects_url} | changes
    told = {name: int(value) if isinstance(value, bool) else value for name, value in own.items()}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return inherited | {f"{PREFIX}{name.upper()}": str(value) for name, value in told.items()}
