"""What ``matinee demo --check`` does once every film is done: play them all, and say what came of it."""

import secrets
from collections.abc import Callable
from typing import Any

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue, TitleState
from matinee.compose.database import open_database
from matinee.compose.objects import open_objects
from matinee.demo.check import check_service
from matinee.demo.processes import EDGES
from matinee.encodes.jobs import REFUSED, Jobs
from matinee.encoding.ffmpeg import find_tools
from matinee.settings import Settings


def demo_check(say: Callable[[str], None], outcome: dict[str, Any]) -> Callable[[Settings], bool]:
    """A function for ``Demo.ready`` that fills ``outcome`` with the check's result and returns whether all is well.

    A source that was refused is named in ``refused`` and is no fault of the service; any other film that cannot be
    played is one.
    """

    def ready(settings: Settings) -> bool:
        engine = open_database(settings.database_url)
        parts = {"engine": engine, "outbox": DatabaseOutbox(), "clock": SystemClock()}
        catalogue = Catalogue(**parts, random_bytes=secrets.token_bytes)  # type: ignore[arg-type]
        jobs = Jobs(**parts, random_bytes=secrets.token_bytes)  # type: ignore[arg-type]
        store = open_objects(settings.objects_url)
        folder = settings.data / "check"
        folder.mkdir(exist_ok=True)
        sources = {}
        titles = {title.id: title for title in catalogue.titles()}
        refused, faults = [], []
        for job in jobs.jobs(limit=100_000):
            title = titles.get(job.title_id)
            if title is None:
                continue
            if title.state is not TitleState.PLAYABLE and job.stage == REFUSED:
                refused.append({"name": title.name, "message": title.message})
                continue
            if title.state is not TitleState.PLAYABLE:
                faults.append(f"{title.name} is {title.state}: {title.message}")
                continue
            path = folder / job.source_key.replace("/", "-")
            with path.open("wb") as file:
                for chunk in store.get(job.source_key):
                    file.write(bytes(chunk))
            sources[title.id] = path
        found = check_service(settings, find_tools(), sources, [edge.id for edge in EDGES], say)
        found["faults"] += faults
        outcome.update(found, ok=found["ok"] and not faults, refused=refused)
        return bool(outcome["ok"])

    return ready
