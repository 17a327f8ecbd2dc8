"""Players go on telling while every part of the service is killed once; ``benchmarks/events_killed.py`` kills fifty."""

import pytest
from benchmarks.event_parts import service
from benchmarks.events_killed import killed
from deploy.local import nats, postgresql

from engines import missing


@pytest.mark.parametrize(
    ("events", "parts"), [("database", ("serve", "worker", "PostgreSQL")), ("nats", ("serve", "nats 1", "nats 2"))]
)
def test_what_was_accepted_is_counted_once_whatever_part_is_killed(events: str, parts: tuple[str, ...]) -> None:
    if postgresql.find() is None:
        missing("PostgreSQL", postgresql.INSTALL)
    if events == "nats" and nats.find() is None:
        missing("nats-server", nats.INSTALL)
    with service("postgresql", events, durable=False) as running:
        outcome = killed(running, len(parts), pause_seconds=(0.2, 0.6), only=parts)
    assert set(outcome.kills) == set(parts)
    assert outcome.accepted > 0
    assert (outcome.lost, outcome.twice) == (0, 0)
    assert outcome.samples == outcome.accepted
    assert outcome.watched_seconds == outcome.sent_seconds
