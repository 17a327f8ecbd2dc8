"""A public data set's viewing history, retold as plays of the demo's films."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from matinee.catalogue.titles import Title
from matinee.learning.datasets import Interaction, read_interactions
from matinee.model.events import Event, PlaybackStopped
from matinee.ports import Outbox

_BATCH = 500


def retell(path: Path, titles: Sequence[Title], engine: sa.Engine, outbox: Outbox, now: datetime) -> int:
    """Append one whole play for each interaction of a file, the last of them now; returns how many were new.

    A data set's items are other films than ours: the most watched item becomes the first title, the next one the
    second, and round again, so that who watched alike there watches alike here. Told twice, a file counts once.
    """
    found = read_interactions(path)
    if not found or not titles:
        return 0
    films = _films(found, titles)
    last = found[-1].time
    name = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    new = 0
    for start in range(0, len(found), _BATCH):
        events = [
            _play(f"history-{name}-{start + place}", one, films[one.item], now - timedelta(seconds=last - one.time))
            for place, one in enumerate(found[start : start + _BATCH])
        ]
        with engine.begin() as connection:
            new += outbox.append(connection, events)
    return new


def _films(found: Sequence[Interaction], titles: Sequence[Title]) -> dict[str, Title]:
    watched = Counter(one.item for one in found)
    ranked = sorted(watched, key=lambda item: (-watched[item], item))
    return {item: titles[place % len(titles)] for place, item in enumerate(ranked)}


def _play(event_id: str, one: Interaction, title: Title, time: datetime) -> Event:
    seconds = title.duration_seconds or 0.0
    facts = PlaybackStopped(
        playback_id=event_id,
        profile_id=f"history-{one.user}",
        title_id=title.id,
        position_seconds=seconds,
        watched_seconds=seconds,
        duration_seconds=seconds,
        ended=True,
    )
    return Event(id=event_id, time=time, source="history", facts=facts)
