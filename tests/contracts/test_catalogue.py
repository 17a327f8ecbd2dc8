"""What the catalogue promises, on SQLite and on PostgreSQL."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.catalogue.lifecycle import draft_of
from matinee.catalogue.titles import Catalogue, Title, TitleDraft, TitleKind, TitleState
from matinee.model.errors import Conflict, Invalid, NotFound
from matinee.model.events import Event, Facts, TitlePublished, TitleWithdrawn
from matinee.model.ids import new_id
from matinee.model.media import Presentation, Rendition, TrackKind

FILM = Presentation(
    duration_seconds=600.5,
    renditions=(
        Rendition("v360", TrackKind.VIDEO, "avc1.4d401e", "v360/v.m3u8", 800_000, 700_000, 640, 360, 24.0, 14_412),
        Rendition("a-en", TrackKind.AUDIO, "mp4a.40.2", "a-en/a.m3u8", 128_000, 128_000, language="en", channels=2),
    ),
    files=(("master.m3u8", 900), ("v360/1.m4s", 700_000)),
    colour="#203040",
)


@pytest.fixture
def catalogue(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Catalogue:
    return Catalogue(engine=database, outbox=DatabaseOutbox(), clock=clock, random_bytes=random_bytes)


@pytest.fixture
def elsewhere(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Catalogue:
    """The catalogue as another process has it."""
    return Catalogue(engine=database, outbox=DatabaseOutbox(), clock=clock, random_bytes=random_bytes)


@pytest.fixture
def facts(database: sa.Engine) -> Callable[[], list[Facts]]:
    """What was told so far."""

    def read() -> list[Facts]:
        DatabaseRelay(database).forward()
        return [recorded.event.facts for recorded in DatabaseEventLog(database).tail().read()]

    return read


def published(catalogue: Catalogue, name: str, **fields: int) -> Title:
    title = catalogue.create(TitleDraft(name=name, **fields))  # type: ignore[arg-type]
    return catalogue.publish(title.id, "r1", FILM)


def test_a_title_is_kept_as_it_was_drafted(catalogue: Catalogue, elsewhere: Catalogue) -> None:
    draft = TitleDraft("Rashōmon", TitleKind.FILM, "Rain.\n\nA gate.", 1950, ("Drama", "犯罪"), ("tense",), maturity=12)
    title = catalogue.create(draft)
    assert title.state is TitleState.DRAFT
    assert title.duration_seconds is None
    assert elsewhere.title(title.id) == title
    assert (title.name, title.synopsis, title.year, title.genres) == (
        "Rashōmon",
        "Rain.\n\nA gate.",
        1950,
        ("Drama", "犯罪"),
    )
    assert elsewhere.titles() == [title]


def test_there_is_no_title_under_an_id_nobody_gave(catalogue: Catalogue) -> None:
    for title_id in ("", "0" * 16, "a\x00b", "\ud800", "../../etc"):
        for attempt in (catalogue.title, catalogue.mark_encoding, catalogue.withdraw, catalogue.restore):
            with pytest.raises(NotFound):
                attempt(title_id)


def test_an_episode_belongs_to_its_season_and_to_nothing_unknown(catalogue: Catalogue) -> None:
    series = catalogue.create(TitleDraft("Hollow", TitleKind.SERIES))
    season = catalogue.create(TitleDraft("Season 1", TitleKind.SEASON, parent_id=series.id, season_number=1))
    episode = catalogue.create(
        TitleDraft("Pilot", TitleKind.EPISODE, parent_id=season.id, season_number=1, episode_number=1)
    )
    assert catalogue.title(episode.id).parent_id == season.id
    for kind, parent in ((TitleKind.FILM, series.id), (TitleKind.EPISODE, "0" * 16), (TitleKind.EPISODE, "\x00")):
        with pytest.raises(Invalid):
            catalogue.create(TitleDraft("Stray", kind, parent_id=parent))
    assert len(catalogue.titles()) == 3


def test_other_things_are_said_of_a_title_and_what_it_plays_stays(
    catalogue: Catalogue, elsewhere: Catalogue, clock: ManualClock
) -> None:
    title = published(catalogue, "Alder")
    draft = TitleDraft("Elder", synopsis="A tree.", year=2001, genres=("Wood",), moods=("Calm",), maturity=6)
    described = catalogue.describe(title.id, draft)
    assert draft_of(described) == draft
    assert (described.state, described.revision, described.published_at) == ("playable", "r1", title.published_at)
    clock.advance(1)
    assert [(one.name, one.genres) for one in elsewhere.shelf().titles] == [("Elder", ("Wood",))]
    series = catalogue.create(TitleDraft("Hollow", TitleKind.SERIES))
    for wrong in (
        replace(draft, kind=TitleKind.EPISODE),
        replace(draft, parent_id=series.id),
        replace(draft, parent_id=title.id),
        replace(draft, year=3),
    ):
        with pytest.raises(Invalid):
            catalogue.describe(title.id, wrong)
    with pytest.raises(NotFound):
        catalogue.describe("0" * 16, draft)
    assert draft_of(catalogue.title(title.id)) == draft


def test_a_title_becomes_playable_and_says_so(catalogue: Catalogue, facts: Callable[[], list[Facts]]) -> None:
    title = catalogue.create(TitleDraft("Alder"))
    assert catalogue.mark_encoding(title.id).state is TitleState.ENCODING
    assert catalogue.shelf().titles == ()
    catalogue.publish(title.id, "r1", FILM)
    playable = catalogue.title(title.id)
    assert (playable.state, playable.revision, playable.presentation) == (TitleState.PLAYABLE, "r1", FILM)
    assert playable.duration_seconds == 600.5
    assert facts() == [TitlePublished(title_id=title.id, revision="r1")]


def test_an_event_told_twice_publishes_once(
    catalogue: Catalogue, clock: ManualClock, facts: Callable[[], list[Facts]]
) -> None:
    title = published(catalogue, "Alder")
    clock.advance(60)
    assert catalogue.publish(title.id, "r1", FILM) == title
    catalogue.publish(title.id, "r2", replace(FILM, duration_seconds=700.0))
    catalogue.publish(title.id, "r1", FILM)  # an old message, told again
    now = catalogue.title(title.id)
    assert (now.revision, now.duration_seconds, now.published_at) == ("r2", 700.0, title.published_at)
    assert facts() == [TitlePublished(title.id, "r1"), TitlePublished(title.id, "r2")]


def test_of_many_who_publish_at_once_one_tells(catalogue: Catalogue, facts: Callable[[], list[Facts]]) -> None:
    title = catalogue.create(TitleDraft("Alder"))
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda _: catalogue.publish(title.id, "r1", FILM).state, range(16)))
    assert set(states) == {TitleState.PLAYABLE}
    assert facts() == [TitlePublished(title.id, "r1")]


class BrokenOutbox:
    def append(self, connection: object, events: Sequence[Event]) -> int:
        raise OSError("the disk is full")


def test_what_cannot_be_told_is_not_done(
    database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes], catalogue: Catalogue
) -> None:
    title = catalogue.create(TitleDraft("Alder"))
    mute = Catalogue(engine=database, outbox=BrokenOutbox(), clock=clock, random_bytes=random_bytes)
    with pytest.raises(OSError, match="disk is full"):
        mute.publish(title.id, "r1", FILM)
    assert catalogue.title(title.id) == title
    assert mute.shelf().titles == ()
    assert catalogue.publish(title.id, "r1", FILM).state is TitleState.PLAYABLE


def test_a_failed_encode_leaves_its_sentence_until_the_next(catalogue: Catalogue) -> None:
    title = catalogue.create(TitleDraft("Alder"))
    assert catalogue.mark_failed(title.id, "The source ends after three seconds.").state is TitleState.FAILED
    assert catalogue.title(title.id).message == "The source ends after three seconds."
    assert catalogue.mark_encoding(title.id).message is None
    catalogue.publish(title.id, "r1", FILM)
    failed = catalogue.mark_failed(title.id, "x" * 10_000 + "\n")
    assert failed.state is TitleState.PLAYABLE
    assert catalogue.shelf().by_id[title.id].message == failed.message


def test_a_withdrawn_title_leaves_the_shelf_and_comes_back_with_its_newest_revision(
    catalogue: Catalogue, clock: ManualClock, facts: Callable[[], list[Facts]]
) -> None:
    title = published(catalogue, "Alder")
    assert catalogue.withdraw(title.id).state is TitleState.WITHDRAWN
    assert catalogue.withdraw(title.id).state is TitleState.WITHDRAWN
    assert catalogue.shelf().titles == ()
    catalogue.publish(title.id, "r2", FILM)  # an encode that was running
    assert catalogue.shelf().titles == ()
    clock.advance(60)
    restored = catalogue.restore(title.id)
    assert (restored.state, restored.revision, restored.published_at) == (TitleState.PLAYABLE, "r2", title.published_at)
    assert list(catalogue.shelf().by_id) == [title.id]
    assert facts() == [TitlePublished(title.id, "r1"), TitleWithdrawn(title.id), TitlePublished(title.id, "r2")]
    with pytest.raises(Conflict, match="Alder"):
        catalogue.restore(title.id)


def test_a_draft_that_was_withdrawn_comes_back_as_a_draft(
    catalogue: Catalogue, facts: Callable[[], list[Facts]]
) -> None:
    title = catalogue.create(TitleDraft("Alder"))
    catalogue.withdraw(title.id)
    assert catalogue.restore(title.id) == title
    assert facts() == []


def test_the_shelf_is_newest_first_and_without_files(catalogue: Catalogue, clock: ManualClock) -> None:
    for name in ("Alder", "Birch", "Cedar"):
        published(catalogue, name)
        clock.advance(1)
    catalogue.create(TitleDraft("Draft"))
    shelf = catalogue.shelf()
    assert [title.name for title in shelf.titles] == ["Cedar", "Birch", "Alder"]
    assert shelf.titles[0].presentation == replace(FILM, files=())
    assert catalogue.title(shelf.titles[0].id).presentation == FILM
    assert [title.name for title in catalogue.titles()] == ["Draft", "Cedar", "Birch", "Alder"]


def test_ones_own_changes_stand_on_the_shelf_at_once(catalogue: Catalogue) -> None:
    catalogue.shelf()
    title = published(catalogue, "Alder")
    assert title.id in catalogue.shelf().by_id
    catalogue.withdraw(title.id)
    assert title.id not in catalogue.shelf().by_id


def test_anothers_changes_are_seen_after_a_fifth_of_a_second(
    catalogue: Catalogue, elsewhere: Catalogue, clock: ManualClock
) -> None:
    assert elsewhere.shelf().titles == ()
    title = published(catalogue, "Alder")
    clock.advance(0.19)
    assert elsewhere.shelf().titles == ()
    clock.advance(0.01)
    assert list(elsewhere.shelf().by_id) == [title.id]
    assert elsewhere.shelf() is elsewhere.shelf()


def test_the_list_of_all_titles_is_never_old(catalogue: Catalogue, elsewhere: Catalogue) -> None:
    assert elsewhere.titles() == []
    title = published(catalogue, "Alder")
    assert [found.id for found in elsewhere.titles()] == [title.id]


def test_looking_costs_one_query_a_fifth_of_a_second_and_none_in_between(
    catalogue: Catalogue, database: sa.Engine, clock: ManualClock
) -> None:
    published(catalogue, "Alder")
    shelf = catalogue.shelf()
    statements: list[str] = []
    sa.event.listen(database, "before_cursor_execute", lambda _c, _cursor, statement, *_: statements.append(statement))
    for _ in range(100):
        assert catalogue.shelf() is shelf
    assert not statements
    clock.advance(0.2)
    for _ in range(100):
        assert catalogue.shelf() is shelf
    assert sum(statement.startswith("SELECT") for statement in statements) == 1


def test_no_change_is_missed_while_many_write_and_look(
    catalogue: Catalogue, elsewhere: Catalogue, clock: ManualClock
) -> None:
    def make(place: int) -> str:
        made = published((catalogue, elsewhere)[place % 2], f"Film {place}")
        clock.advance(0.05)
        assert made.id in (catalogue, elsewhere)[place % 2].shelf().by_id
        return made.id

    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(make, range(40)))
    clock.advance(0.2)
    assert set(catalogue.shelf().by_id) == set(elsewhere.shelf().by_id) == made


def test_search_finds_playable_titles_by_name_within_the_age(catalogue: Catalogue) -> None:
    published(catalogue, "Amélie", maturity=12)
    published(catalogue, "Amelia's Garden")
    catalogue.create(TitleDraft("Amelie, the draft"))
    assert [title.name for title in catalogue.search("amelie")] == ["Amélie"]
    assert {title.name for title in catalogue.search("amel")} == {"Amélie", "Amelia's Garden"}
    assert [title.name for title in catalogue.search("amel", maturity_limit=7)] == ["Amelia's Garden"]
    assert len(catalogue.search("amel", limit=1)) == 1
    assert [title.name for title in catalogue.search("gardne")] == ["Amelia's Garden"]
    assert catalogue.search("") == []


def test_search_knows_what_was_published_a_moment_ago(catalogue: Catalogue) -> None:
    assert catalogue.search("alder") == []
    published(catalogue, "Alder")
    assert [title.name for title in catalogue.search("alder")] == ["Alder"]


def test_twenty_thousand_titles_are_a_cheap_shelf(
    database: sa.Engine, catalogue: Catalogue, clock: ManualClock, random_bytes: Callable[[int], bytes]
) -> None:
    first = published(catalogue, "Alder")
    tables = sa.MetaData()
    tables.reflect(database, only=["catalogue_titles", "catalogue_revisions", "catalogue_changes"])
    titles, revisions, changes = (tables.tables[f"catalogue_{n}"] for n in ("titles", "revisions", "changes"))
    with database.begin() as connection:
        title = connection.execute(titles.select()).mappings().one()
        revision = connection.execute(revisions.select()).mappings().one()
        ids = [new_id(random_bytes) for _ in range(19_999)]
        rows = [{**title, "id": i, "name": f"Film {n}", "change": 10 + n} for n, i in enumerate(ids)]
        connection.execute(titles.insert(), rows)
        connection.execute(revisions.insert(), [{**revision, "title_id": i} for i in ids])
        connection.execute(changes.update().values(last=30_000))
    clock.advance(1)
    assert len(catalogue.shelf().titles) == 20_000
    taken = []
    for place in range(5):
        catalogue.publish(first.id, f"r{place + 2}", FILM)
        started = time.thread_time()
        shelf = catalogue.shelf()
        taken.append(time.thread_time() - started)
        assert shelf.by_id[first.id].revision == f"r{place + 2}"
    # One changed title is read, not twenty thousand: reading them all takes over a second.
    assert min(taken) < 0.2
