"""A worker that encodes one job and ends: ``python -m encode_worker DATABASE OBJECTS WORK OWNER PRESET``."""

import secrets
import sys
from functools import partial
from pathlib import Path

from obstore.store import LocalStore

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.compute_local import LocalCompute
from matinee.adapters.events_database import DatabaseOutbox
from matinee.compose.database import open_database
from matinee.encodes.jobs import Jobs
from matinee.encodes.pipeline import Pipeline
from matinee.encoding.ffmpeg import find_tools

LEASE_SECONDS = 3.0


def pipeline(database: str, objects: Path, work: Path, preset: str) -> Pipeline:
    """The worker's shell as a composition root would wire it."""
    engine, clock = open_database(database), SystemClock()
    jobs = Jobs(engine=engine, outbox=DatabaseOutbox(), clock=clock, random_bytes=secrets.token_bytes)
    return Pipeline(
        jobs=jobs,
        open_store=partial(LocalStore, objects, mkdir=True),
        folder=objects,
        compute=LocalCompute(cores=1),
        tools=find_tools(),
        work=work,
        clock=clock,
        random_bytes=secrets.token_bytes,
        preset=preset,
        lease_seconds=LEASE_SECONDS,
    )


if __name__ == "__main__":
    pipeline(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[5]).run_once(sys.argv[4])
