"""A data set's history is retold as plays once, however often it is told."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.catalogue.titles import Catalogue, TitleDraft
from matinee.demo.history import retell
from matinee.model.events import PlaybackStopped


def test_a_history_is_retold_once_and_ends_now(
    database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes], tmp_path: Path
) -> None:
    outbox = DatabaseOutbox()
    catalogue = Catalogue(engine=database, outbox=outbox, clock=clock, random_bytes=random_bytes)
    titles = [catalogue.create(TitleDraft(name=name)) for name in ("First", "Second")]
    path = tmp_path / "plays"
    path.write_text("ann rare 5 100\nann loved 5 200\nben loved 4 300\n")
    assert retell(path, titles, database, outbox, clock.now()) == 3
    assert retell(path, titles, database, outbox, clock.now()) == 0
    DatabaseRelay(database).forward()
    told = [entry.event for entry in DatabaseEventLog(database).tail().read()]
    plays = [
        (event.facts.profile_id, event.facts.title_id) for event in told if isinstance(event.facts, PlaybackStopped)
    ]
    # The most watched item is the first title.
    assert plays == [
        ("history-ann", titles[1].id),
        ("history-ann", titles[0].id),
        ("history-ben", titles[0].id),
    ]
    assert told[-1].time == clock.now()
    assert told[0].time == clock.now() - timedelta(seconds=200)
