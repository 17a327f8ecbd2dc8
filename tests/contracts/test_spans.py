"""What is known of an episode's spans, on both databases: found, and said by operators, who are right."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue, Title, TitleDraft, TitleKind
from matinee.delivery.audit import Audit
from matinee.model.errors import Conflict, Invalid, NotFound
from matinee.spans import store
from matinee.spans.span import Extent, Said, SpanKind
from matinee.spans.spans import Spans
from playing import presentation

INTRO = Extent(SpanKind.INTRO, 10.0, 40.0, 0.8)
CREDITS = Extent(SpanKind.CREDITS, 70.0, 80.0, 0.7)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def catalogue(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Catalogue:
    return Catalogue(engine=database, outbox=DatabaseOutbox(), clock=clock, random_bytes=random_bytes)


@pytest.fixture
def spans(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Spans:
    return Spans(database, clock, random_bytes, Audit(database, clock).note)


@pytest.fixture
def episode(catalogue: Catalogue) -> Title:
    title = catalogue.create(TitleDraft("Tide", TitleKind.EPISODE))
    return catalogue.publish(title.id, "r1", presentation(duration_seconds=80.0))


def find(database: sa.Engine, spans: Spans, title: Title, *found: Extent) -> None:
    """As a worker does that heard the episode and compared it."""
    assert title.revision is not None
    with database.begin() as connection:
        known: dict[str, Any] = {"fingerprint": "f", "failures": 0, "compared": ""}
        store.put_episode(connection, title.id, title.revision, {**known, "changed_at": spans._clock.now()})
    spans.keep_found(title.id, title.revision, found, "others")


def told(spans: Spans, title: Title) -> list[tuple[str, float, float, str]]:
    return [
        (one.kind.value, one.start_seconds, one.end_seconds, one.said.value)
        for one in spans.of(title.id, title.revision)
    ]


def test_what_was_found_is_told_and_found_anew(database: sa.Engine, spans: Spans, episode: Title) -> None:
    find(database, spans, episode, CREDITS, INTRO)
    assert told(spans, episode) == [("intro", 10.0, 40.0, "found"), ("credits", 70.0, 80.0, "found")]
    assert [one.confidence for one in spans.of(episode.id, "r1")] == [0.8, 0.7]
    find(database, spans, episode, replace(INTRO, end_seconds=41.0))
    assert told(spans, episode) == [("intro", 10.0, 41.0, "found")]
    assert spans.of(episode.id, "r2") == spans.of(episode.id, None) == ()


def test_what_was_found_in_another_revision_is_not_kept(database: sa.Engine, spans: Spans, episode: Title) -> None:
    find(database, spans, episode, INTRO)
    spans.keep_found(episode.id, "r0", [CREDITS], "others")
    assert [one[0] for one in told(spans, episode)] == ["intro"]
    assert spans.of(episode.id, "r0") == ()


def test_an_operator_is_right_and_nothing_that_is_found_changes_that(
    database: sa.Engine, spans: Spans, episode: Title
) -> None:
    find(database, spans, episode, INTRO, CREDITS)
    intro, credits_ = spans.of(episode.id, "r1")
    spans.change(episode, intro.id, "ops", start_seconds=11.5)
    spans.remove(episode, credits_.id, "ops")
    find(database, spans, episode, INTRO, CREDITS)
    assert told(spans, episode) == [("intro", 11.5, 40.0, "operator")]
    assert spans.settled(episode.id, "r1") == {SpanKind.INTRO, SpanKind.CREDITS}
    # What is found of another kind gives way where they would cover each other.
    find(database, spans, episode, Extent(SpanKind.RECAP, 0.0, 12.0, 0.9))
    assert told(spans, episode) == [("intro", 11.5, 40.0, "operator")]
    find(database, spans, episode, Extent(SpanKind.RECAP, 0.0, 11.0, 0.9))
    assert [one[0] for one in told(spans, episode)] == ["recap", "intro"]
    acts = [(act.act, act.member_id, act.subject) for act in Audit(database, spans._clock).acts()]
    assert acts == [("remove-span", "ops", episode.id), ("change-span", "ops", episode.id)]


def test_adding_one_of_a_kind_makes_those_found_of_it_the_operators(
    database: sa.Engine, spans: Spans, episode: Title
) -> None:
    find(database, spans, episode, CREDITS)
    spans.add(episode, Extent(SpanKind.CREDITS, 50.0, 60.0), "ops")
    find(database, spans, episode)
    assert told(spans, episode) == [("credits", 50.0, 60.0, "operator"), ("credits", 70.0, 80.0, "operator")]
    spans.reset(episode, "ops")
    assert told(spans, episode) == []
    find(database, spans, episode, CREDITS)
    assert told(spans, episode) == [("credits", 70.0, 80.0, "found")]


def test_a_kind_that_is_changed_into_another_settles_both(database: sa.Engine, spans: Spans, episode: Title) -> None:
    find(database, spans, episode, INTRO)
    spans.change(episode, spans.of(episode.id, "r1")[0].id, "ops", kind=SpanKind.RECAP)
    find(database, spans, episode, INTRO)
    assert told(spans, episode) == [("recap", 10.0, 40.0, "operator")]


def test_what_cannot_be_is_refused_and_changes_nothing(
    database: sa.Engine, spans: Spans, catalogue: Catalogue, episode: Title
) -> None:
    find(database, spans, episode, INTRO)
    (intro,) = spans.of(episode.id, "r1")
    with pytest.raises(Invalid):
        spans.change(episode, intro.id, "ops", end_seconds=5.0)
    with pytest.raises(Invalid):
        spans.add(episode, Extent(SpanKind.RECAP, 5.0, 12.0), "ops")
    with pytest.raises(NotFound):
        spans.remove(episode, "nobody", "ops")
    with pytest.raises(Conflict):
        spans.add(catalogue.create(TitleDraft("Not yet")), INTRO, "ops")
    assert told(spans, episode) == [("intro", 10.0, 40.0, "found")]
    assert spans.settled(episode.id, "r1") == frozenset()


def test_what_operators_said_holds_for_a_later_revision_that_is_as_long(
    database: sa.Engine, spans: Spans, catalogue: Catalogue, episode: Title
) -> None:
    find(database, spans, episode, CREDITS)
    spans.add(episode, INTRO, "ops")
    again = catalogue.publish(episode.id, "r2", presentation(duration_seconds=80.1))
    for _ in range(2):
        spans.carry_over({again.id: again})
    assert told(spans, again) == [("intro", 10.0, 40.0, "operator")]
    assert spans.settled(again.id, "r2") == {SpanKind.INTRO}
    other = catalogue.publish(episode.id, "r3", presentation(duration_seconds=95.0))
    spans.carry_over({other.id: other})
    assert told(spans, other) == []
    assert spans.of(episode.id, "r2")[0].said is Said.OPERATOR
