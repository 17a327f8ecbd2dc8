"""What the catalogue makes of a revision that grows while its film is encoded, on SQLite and on PostgreSQL."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.catalogue.titles import Catalogue, Title, TitleDraft, TitleState
from matinee.model.events import Facts, TitlePublished, TitleWithdrawn
from matinee.model.media import Presentation, Rendition, TrackKind

GROWING = Presentation(
    duration_seconds=600.5,
    renditions=(Rendition("v360", TrackKind.VIDEO, "avc1.4d401e,mp4a.40.2", "v360/main.m3u8", 800_000, 700_000),),
    files=(),
    colour="#203040",
    thumbnails=None,
    is_growing=True,
)
WHOLE = replace(GROWING, is_growing=False, files=(("master.m3u8", 900),))


@pytest.fixture
def catalogue(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Catalogue:
    return Catalogue(engine=database, outbox=DatabaseOutbox(), clock=clock, random_bytes=random_bytes)


@pytest.fixture
def title(catalogue: Catalogue) -> Title:
    return catalogue.mark_encoding(catalogue.create(TitleDraft(name="Alder")).id)


@pytest.fixture
def facts(database: sa.Engine) -> Callable[[], list[Facts]]:
    def read() -> list[Facts]:
        DatabaseRelay(database).forward()
        return [recorded.event.facts for recorded in DatabaseEventLog(database).tail().read()]

    return read


def test_a_title_is_playable_while_it_grows_and_the_whole_revision_follows(
    catalogue: Catalogue, title: Title, facts: Callable[[], list[Facts]], clock: ManualClock
) -> None:
    grown = catalogue.publish(title.id, "r0", GROWING)
    assert (grown.state, grown.revision, grown.is_growing) == (TitleState.PLAYABLE, "r0", True)
    assert catalogue.shelf().by_id[title.id].is_growing
    clock.advance(60)
    whole = catalogue.publish(title.id, "r1", WHOLE)
    assert (whole.revision, whole.is_growing, whole.published_at) == ("r1", False, grown.published_at)
    # Told again, as any event may be, and too late: the better one stays.
    assert catalogue.publish(title.id, "r0", GROWING).revision == "r1"
    assert facts() == [TitlePublished(title.id, "r0"), TitlePublished(title.id, "r1")]


def test_a_film_that_is_encoded_anew_stays_as_it_was_until_the_new_revision_is_whole(
    catalogue: Catalogue, title: Title, facts: Callable[[], list[Facts]]
) -> None:
    catalogue.publish(title.id, "r1", WHOLE)
    catalogue.mark_encoding(title.id)
    assert catalogue.publish(title.id, "r2-growing", GROWING).revision == "r1"
    assert catalogue.mark_failed(title.id, "The disk was full.").revision == "r1"
    assert catalogue.title(title.id).state is TitleState.PLAYABLE
    assert catalogue.publish(title.id, "r2", WHOLE).revision == "r2"
    assert facts() == [TitlePublished(title.id, "r1"), TitlePublished(title.id, "r2")]


def test_what_grew_and_failed_is_taken_back_and_comes_again_with_the_next_try(
    catalogue: Catalogue, title: Title, facts: Callable[[], list[Facts]]
) -> None:
    catalogue.publish(title.id, "r0", GROWING)
    failed = catalogue.mark_failed(title.id, "The source broke off.")
    assert (failed.state, failed.revision, failed.message) == (TitleState.FAILED, None, "The source broke off.")
    assert catalogue.title(title.id) == failed
    assert title.id not in catalogue.shelf().by_id
    # A job that is tried again goes on with the revisions it had.
    assert catalogue.publish(title.id, "r0", GROWING).state is TitleState.PLAYABLE
    assert facts() == [
        TitlePublished(title.id, "r0"),
        TitleWithdrawn(title.id),
        TitlePublished(title.id, "r0"),
    ]


def test_of_two_that_grow_the_later_is_played(catalogue: Catalogue, title: Title) -> None:
    catalogue.publish(title.id, "r0", GROWING)
    catalogue.publish(title.id, "r0-again", GROWING)
    assert catalogue.publish(title.id, "r0", GROWING).revision == "r0-again"


def test_a_withdrawn_title_stays_so_while_it_grows(catalogue: Catalogue, title: Title) -> None:
    catalogue.withdraw(title.id)
    assert catalogue.publish(title.id, "r0", GROWING).state is TitleState.WITHDRAWN
    assert catalogue.mark_failed(title.id, "The source broke off.").revision is None
    assert catalogue.restore(title.id).state is TitleState.DRAFT
