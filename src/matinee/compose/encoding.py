"""Wires the encodes of a worker: the pipeline, and films enough to keep the machines busy and let a new one in."""

import secrets
import threading
from functools import partial

import structlog

from matinee.adapters.compute_local import LocalCompute
from matinee.adapters.compute_ray import RayCompute
from matinee.compose.engines import films_at_once
from matinee.compose.fonts import display_font
from matinee.compose.objects import OUTAGE, REQUEST, open_objects, store_folder
from matinee.encodes.jobs import Jobs
from matinee.encodes.pipeline import Pipeline
from matinee.encoding.ffmpeg import find_tools
from matinee.encoding.orders import ladder_kind
from matinee.ladder.codecs import read_codecs
from matinee.model.errors import MatineeError
from matinee.ports import Clock
from matinee.reports.keeping import keep_report
from matinee.settings import Settings

_log = structlog.get_logger()
_IDLE_SECONDS = 0.25
_LOOK_SECONDS = 2.0  # how often a cluster that grows is noticed
_WAITED_SECONDS = 1.0  # so long a film is left to workers that carry few


def open_pipeline(settings: Settings, jobs: Jobs, compute: LocalCompute | RayCompute, clock: Clock) -> Pipeline:
    """The shell around jobs, objects and productions."""
    return Pipeline(
        jobs=jobs,
        # A task waits rather than lose what it made; between tasks the job's lease, of 15 seconds, waits for an answer.
        open_store=partial(open_objects, settings.objects_url, OUTAGE),
        open_briefly=partial(open_objects, settings.objects_url, REQUEST),
        folder=store_folder(settings.objects_url),
        compute=compute,
        # Another machine may have its tools elsewhere.
        tools=find_tools() if isinstance(compute, LocalCompute) else None,
        work=settings.data / "work",
        clock=clock,
        random_bytes=secrets.token_bytes,
        font=display_font(),
        codecs=read_codecs(settings.codecs),
        ladder=ladder_kind(settings.ladder),
        keep_report=keep_report,
    )


def encode_films(
    settings: Settings, pipeline: Pipeline, compute: LocalCompute | RayCompute, owner: str, stop: threading.Event
) -> None:
    """Carry jobs until ``stop``; returns when none is carried any more."""
    threads: list[threading.Thread] = []

    def carry(slot: int) -> None:
        while not stop.is_set():
            try:
                films = films_at_once(settings, compute)
                waited_seconds = _WAITED_SECONDS if 2 * slot >= films > 1 else 0.0
                # Where the cluster has shrunk, the last threads rest.
                if slot >= films or not pipeline.run_once(f"{owner}-{slot}", waited_seconds):
                    stop.wait(_IDLE_SECONDS)
            except MatineeError as error:
                if not stop.is_set():
                    _log.error("encode.interrupted", reason=str(error))
                    stop.wait(_IDLE_SECONDS * 4)

    while not stop.is_set():
        while len(threads) < films_at_once(settings, compute):
            slot = len(threads)
            threads.append(threading.Thread(target=carry, args=(slot,), name=f"encode-{slot}"))
            threads[-1].start()
        stop.wait(_LOOK_SECONDS)
    for thread in threads:
        thread.join()
