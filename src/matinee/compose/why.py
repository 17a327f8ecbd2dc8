"""Replays a recorded decision and says its reasons."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue
from matinee.compose.database import check_schema, open_database
from matinee.compose.engines import open_events
from matinee.compose.objects import open_objects
from matinee.model.errors import NotFound
from matinee.playback.recorded import replay
from matinee.recommender.archive import Archive
from matinee.recommender.artefacts import Artefacts
from matinee.recommender.rankers import Rankers
from matinee.replay.again import again
from matinee.replay.journal import KEPT, Journal, Kept
from matinee.settings import Settings


def why_playback(settings: Settings, playback_id: str) -> dict[str, Any]:
    """The decision of a playback: ``{playback_id, title_id, region, time, edges: [{id, reason}]}``."""
    engine = open_database(settings.database_url)
    check_schema(engine)
    return replay(engine, playback_id)


def why_row(settings: Settings, profile_id: str, row_id: str, page_id: str | None = None) -> dict[str, Any]:
    """A row of the last page that had it (or of one page), made again: what is recorded, what it comes to, and why.

    ``same`` says whether the row is made as it was shown, ``remarks`` what has changed since that may be the reason.
    NotFound where no such page is kept.
    """
    engine = open_database(settings.database_url)
    try:
        check_schema(engine)
        return _row_again(settings, engine, profile_id, row_id, page_id)
    finally:
        engine.dispose()


def _row_again(
    settings: Settings, engine: sa.Engine, profile_id: str, row_id: str, page_id: str | None
) -> dict[str, Any]:
    clock, objects = SystemClock(), open_objects(settings.objects_url)
    log, _ = open_events(settings, engine)
    kept = _chosen(Journal(engine, clock, bytes).pages(profile_id), profile_id, row_id, page_id)
    page, rankers = kept.page, Rankers(objects)
    archive = Archive(engine=engine, objects=objects, log=log, clock=clock)
    archive.check_log()
    knowledge = Artefacts(objects, archive, log, clock).at(page.position, page.asked.at, page.early)
    ranker = rankers.find(page.ranker) if page.ranker else None
    shelf = Catalogue(engine=engine, outbox=DatabaseOutbox(), clock=clock, random_bytes=bytes).shelf()
    row = again(page, row_id, knowledge, shelf, ranker.trees if ranker else None)
    remarks = []
    if shelf.change != page.change:
        remarks.append("The catalogue has changed since: titles that were withdrawn or changed are not as they were.")
    if page.ranker and ranker is None:
        remarks.append(f"Version {page.ranker} of the ranker is no longer kept: the formula stood in for it.")
    if not row.same and not remarks:
        remarks.append("Somebody may have been forgotten since, with all that their plays had taught.")
    asked = asdict(page.asked) | {"at": page.asked.at.isoformat()}
    inputs = {"position": page.position, "early": page.early, "ranker": page.ranker, "change": page.change}
    return {"page_id": kept.id, **asked, **inputs, "row": asdict(row), "same": row.same, "remarks": remarks}


def row_lines(found: dict[str, Any]) -> Sequence[str]:
    """What ``why_row`` found, as it is printed."""
    row = found["row"]
    ranked = f"version {found['ranker']} of the ranker" if found["ranker"] else "the formula"
    named = row["name"] or "It is not made again."
    lines = [
        f"{row['row_id']} on the page of {found['at']} in {found['region']}, known to position {found['position']}:",
        f"{named}{': ' * bool(row['reason'])}{row['reason']} (ranked by {ranked})",
    ]
    for place, part in enumerate(row["parts"], start=1):
        score = "" if part["ranker"] is None else f"ranker {part['ranker']:+.3f}, "
        lines.append(
            f"{place:>3}. {part['name']} ({part['title_id']}): {part['reason'] or row['reason']}\n"
            f"     {score}formula {part['score']:.3f} = together {part['together']:.3f} + tags {part['tags']:.3f}"
            f" + popular {part['popular']:.3f}; plays here {part['plays_here']:.2f}, everywhere {part['plays']:.2f}"
        )
    if row["same"]:
        lines.append("The row is made again as it was shown.")
    else:
        lines += [f"The replay differs. Shown was: {', '.join(row['shown']) or 'nothing'}.", *found["remarks"]]
    return lines


def _chosen(pages: Sequence[Kept], profile_id: str, row_id: str, page_id: str | None) -> Kept:
    if not pages:
        raise NotFound(f"No page of profile {profile_id!r:.60} is kept; pages are kept for {KEPT.days} days.")
    found = [one for one in pages if page_id in {None, one.id} and row_id in one.page.rows]
    if not found:
        known = ", ".join(pages[0].page.rows)
        raise NotFound(f"No page that is kept has a row {row_id!r:.60}; the last one has: {known}.")
    return found[0]
