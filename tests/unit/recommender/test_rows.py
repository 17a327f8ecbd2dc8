"""Which rows a page has, and what stands in them."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matinee.catalogue.titles import Title, TitleKind
from matinee.model.events import Event
from matinee.recommender.candidates import Selection, Selections
from matinee.recommender.rows import Row, RowKind, arrange, similar
from matinee.taste.knowledge import Knowledge
from plays import NOON, event, heartbeat, knowledge_of, play, shelf, title

_LATER = NOON + timedelta(minutes=5)
_DRAWN = [
    title("tide", ("Nature",), ("Slow", "Calm"), year=2021),
    title("reef", ("Nature",), ("Slow",), year=2022),
    title("forest", ("Nature",), ("Dark",), year=2020),
    title("peak", ("Nature", "Sport"), ("Bright",), year=2019),
    title("rotor", ("Machines",), ("Fast",), year=2023),
    title("gear", ("Machines",), ("Fast", "Loud"), year=2018),
    title("spiral", ("Abstract",), ("Calm",), year=2024),
    title("noise", ("Abstract",), ("Loud",), year=2017),
]


def page(
    titles: list[Title],
    events: list[Event],
    profile_id: str = "ada",
    region: str = "europe",
    maturity_limit: int = 18,
    now: timedelta = timedelta(minutes=5),
) -> dict[str, Row]:
    rows = arrange(knowledge_of(events), Selection(shelf(titles), maturity_limit), profile_id, region, NOON + now)
    return {row.id: row for row in rows}


def test_an_empty_catalogue_has_no_rows() -> None:
    assert page([], play("ada", "gone")) == {}


def test_a_new_profile_sees_a_full_page_of_the_small_catalogue() -> None:
    rows = page(_DRAWN, [])
    assert list(rows) == ["popular", "new", "genre:Nature"]
    assert rows["new"].title_ids == tuple(entry.id for entry in _DRAWN)
    assert len(rows["popular"].title_ids) == 8
    assert rows["popular"].reason == "the newest, while nothing has been watched"


def test_a_watched_title_brings_its_row_which_was_absent_before() -> None:
    assert "because:tide" not in page(_DRAWN, [])
    row = page(_DRAWN, [heartbeat("ada", "tide", 31.0, 31.0)])["because:tide"]
    assert row.kind is RowKind.BECAUSE_YOU_WATCHED
    assert row.name == "Because you watched Tide"
    assert row.seed_title_id == "tide"
    assert row.title_ids[0] == "reef"
    assert row.title_reasons[0] == "shares Nature and Slow with it"
    assert set(row.title_ids) == {"reef", "forest", "peak", "spiral"}
    assert row.reason == "shares Nature or Slow with it"


def test_what_was_only_looked_into_brings_no_row() -> None:
    assert "because:tide" not in page(_DRAWN, [heartbeat("ada", "tide", 8.0, 8.0)])


def test_other_peoples_plays_come_before_shared_genres() -> None:
    events = [*play("bob", "tide"), *play("bob", "rotor"), *play("ada", "tide", 60)]
    row = page(_DRAWN, events)["because:tide"]
    assert row.title_ids[:2] == ("rotor", "reef")
    assert row.title_reasons[:2] == ("watched by the same people", "shares Nature and Slow with it")
    assert row.reason == "watched by the same people, or shares Nature or Slow with it"


def test_with_enough_co_plays_the_reason_is_the_people_alone() -> None:
    others = [f"film-{number}" for number in range(30)]
    events = [one for number in range(12) for one in [*play("bob", others[number]), *play("eve", others[number])]]
    titles = [title(other, ("Drama",)) for other in others]
    row = page(titles, [*events, *play("ada", "film-0", 60)])["because:film-0"]
    assert row.reason == "watched by the same people"
    assert set(row.title_ids) <= set(others[1:12])


def test_in_a_catalogue_without_genres_year_and_length_remain() -> None:
    titles = [
        title("seed", year=2000, duration_seconds=600),
        title("far", year=1950, duration_seconds=90),
        title("near", year=2001, duration_seconds=590),
    ]
    row = page(titles, play("ada", "seed"))["because:seed"]
    assert row.title_ids == ("near", "far")
    assert row.reason == "closest to it in year and length"


def test_the_last_three_watched_titles_have_a_row_each_latest_first() -> None:
    events = [
        one for number, seed in enumerate(("tide", "gear", "noise", "reef")) for one in play("ada", seed, 60 * number)
    ]
    events += play("ada", "gear", 600)
    rows = page(_DRAWN, events)
    assert [row.seed_title_id for row in rows.values() if row.seed_title_id] == ["gear", "reef", "noise"]


def test_neither_the_seed_nor_what_is_finished_is_recommended() -> None:
    events = [*play("ada", "tide", 60), *play("ada", "reef", 0, to_the_end=True)]
    row = page(_DRAWN, events)["because:tide"]
    assert not {"tide", "reef"} & set(row.title_ids)


def test_what_is_begun_stands_at_the_end_of_a_row() -> None:
    row = page(_DRAWN, [*play("ada", "tide", 60), *play("ada", "reef", 0)])["because:tide"]
    assert row.title_ids[-1] == "reef"


def test_continue_watching_is_what_is_begun_latest_first_and_at_most_twelve() -> None:
    titles = [title(f"film-{number}") for number in range(20)]
    events = [one for number in range(15) for one in play("ada", f"film-{number}", 60 * number)]
    events += play("ada", "film-13", 3000, to_the_end=True)
    row = page(titles, events, now=timedelta(hours=2))["continue"]
    assert row.kind is RowKind.CONTINUE_WATCHING
    assert row.title_ids == ("film-14", *(f"film-{number}" for number in range(12, 1, -1)))


def test_a_film_at_95_percent_is_no_longer_to_be_continued() -> None:
    assert "continue" in page(_DRAWN, [heartbeat("ada", "tide", 569.0)])
    assert "continue" not in page(_DRAWN, [heartbeat("ada", "tide", 570.0)])


def test_popular_is_the_regions_then_everywheres_then_the_newest() -> None:
    titles = [title(f"film-{number}") for number in range(30)]
    events = [*play("bob", "film-20"), *play("eve", "film-20"), *play("bob", "film-21")]
    events += [*play("joe", "film-25", region="asia"), *play("jim", "film-25", region="asia")]
    row = page(titles, events)["popular"]
    assert row.title_ids == ("film-20", "film-21", "film-25", *(f"film-{number}" for number in range(7)))
    assert row.reason == "most watched in Europe, then everywhere"
    assert row.title_reasons[:4] == ("popular in Europe", "popular in Europe", "popular everywhere", "new")
    assert page(titles, events, region="asia")["popular"].title_ids[0] == "film-25"
    elsewhere = page(titles, events, region="america")["popular"]
    assert elsewhere.reason == "most watched everywhere"
    assert set(elsewhere.title_ids[:2]) == {"film-20", "film-25"}


def test_a_service_of_no_regions_names_none() -> None:
    row = page([title("film")], play("bob", "film", region="anywhere"), region="anywhere")["popular"]
    assert (row.reason, row.title_reasons) == ("most watched everywhere", ("popular everywhere",))


def test_what_was_popular_a_month_ago_gives_way_to_what_is_popular_elsewhere() -> None:
    titles = [title("old"), title("current")]
    events = [*play("bob", "old"), *play("joe", "current", 30 * 86_400, region="asia")]
    row = page(titles, events, now=timedelta(days=30, minutes=1))["popular"]
    assert row.title_ids == ("current", "old")


def test_genres_follow_what_the_profile_watches_then_their_size() -> None:
    titles = [
        title(f"{genre}-{number}", (genre,))
        for genre, size in (("Drama", 9), ("Noir", 4), ("Farce", 3))
        for number in range(size)
    ]
    assert [row.name for row in page(titles, []).values() if row.kind is RowKind.GENRE] == ["Drama", "Noir"]
    rows = page(titles, play("ada", "Noir-2"))
    assert [row.name for row in rows.values() if row.kind is RowKind.GENRE] == ["Noir", "Drama"]
    assert rows["genre:Noir"].reason == "you watched 1 of them"
    assert rows["genre:Drama"].reason == "9 titles"
    assert rows["genre:Noir"].title_ids[0] == "Noir-2"


def test_genres_that_differ_in_case_are_one() -> None:
    titles = [
        title("one", ("Sci-Fi",)),
        title("two", ("sci-fi",)),
        title("three", ("SCI-FI",)),
        title("four", ("Sci-Fi", "sci-fi")),
    ]
    assert page(titles, [])["genre:Sci-Fi"].title_ids == ("one", "two", "three", "four")


def test_episodes_of_a_series_on_the_shelf_are_continued_but_not_shelved_beside_it() -> None:
    titles = [
        title("series", ("Drama",), kind=TitleKind.SERIES),
        title("episode", ("Drama",), kind=TitleKind.EPISODE, parent_id="series"),
        title("stray", ("Drama",), kind=TitleKind.EPISODE, parent_id="not on the shelf"),
    ]
    rows = page(titles, [heartbeat("ada", "episode")])
    assert rows["continue"].title_ids == ("episode",)
    assert rows["new"].title_ids == ("series", "stray")


def test_a_withdrawn_title_leaves_every_row() -> None:
    events = [*play("bob", "tide"), *play("bob", "reef"), *play("ada", "tide"), *play("ada", "reef")]
    rows = page([entry for entry in _DRAWN if entry.id != "tide"], events)
    assert all("tide" not in row.title_ids and row.seed_title_id != "tide" for row in rows.values())


def test_similar_is_what_the_same_people_watched_then_what_is_alike() -> None:
    knowledge = knowledge_of([*play("bob", "tide"), *play("bob", "rotor")])
    found = similar(knowledge, Selection(shelf(_DRAWN), 18), _DRAWN[0], 3)
    assert found[:2] == ("rotor", "reef")
    assert len(found) == 3


def test_two_groups_with_nothing_in_common_are_never_recommended_to_each_other() -> None:
    """The checkerboard: even people watch even titles, odd people odd ones."""
    titles = [title(f"film-{number}", ("Even", "Odd")[number % 2 :][:1]) for number in range(40)]
    events = [
        one
        for person in range(20)
        for number in range(40)
        if number % 2 == person % 2 and (number * 7 + person) % 5
        for one in play(f"person-{person}", f"film-{number}", 60 * number)
    ]
    knowledge, selection = knowledge_of(events), Selection(shelf(titles), 18)
    for person in range(20):
        rows = arrange(knowledge, selection, f"person-{person}", "europe", _LATER)
        because = [row for row in rows if row.kind is RowKind.BECAUSE_YOU_WATCHED]
        assert len(because) == 3
        recommended = {title_id for row in because for title_id in row.title_ids}
        assert recommended
        assert {int(title_id[5:]) % 2 for title_id in recommended} == {person % 2}
    for entry in titles:
        found = similar(knowledge, selection, entry, 10)
        assert len(found) == 10
        assert {int(title_id[5:]) % 2 for title_id in found} == {int(entry.id[5:]) % 2}


_GENRES = ("Drama", "Noir", "Farce", "Epic", "Western")
_catalogues = st.integers(0, 120).flatmap(
    lambda size: st.tuples(
        *(
            st.builds(
                title,
                title_id=st.just(f"film-{number}"),
                genres=st.lists(st.sampled_from(_GENRES), max_size=2, unique=True).map(tuple),
                maturity=st.sampled_from((0, 6, 12, 16, 18)),
            )
            for number in range(size)
        )
    ).map(list)
)
_histories = st.lists(
    st.builds(
        play,
        profile_id=st.sampled_from(("ada", "bob", "eve")),
        title_id=st.integers(0, 120).map("film-{}".format),
        seconds=st.integers(0, 100_000).map(float),
        region=st.sampled_from(("europe", "asia", None)),
        to_the_end=st.booleans(),
    ),
    max_size=15,
)


@settings(max_examples=60, deadline=None)
@given(_catalogues, _histories, st.integers(0, 18))
def test_every_page_keeps_its_promises(titles: list[Title], plays: list[list[Event]], maturity_limit: int) -> None:
    events = [one for each in plays for one in each]
    rows = page(titles, events, maturity_limit=maturity_limit, now=timedelta(days=2))
    allowed = {entry.id for entry in titles if entry.maturity <= maturity_limit}
    assert bool(rows) is bool(allowed)
    for row in rows.values():
        assert row.title_ids
        assert len(set(row.title_ids)) == len(row.title_ids)
        assert set(row.title_ids) <= allowed
        assert row.seed_title_id is None or (row.seed_title_id in allowed and row.seed_title_id not in row.title_ids)
        assert len(row.title_reasons) in {0, len(row.title_ids)}
        assert row.reason
    assert rows == page(titles, events, maturity_limit=maturity_limit, now=timedelta(days=2))
    if len(allowed) >= 80:
        first, second = [row for row in rows.values() if row.kind is not RowKind.CONTINUE_WATCHING][:2]
        assert not set(first.title_ids) & set(second.title_ids)


def test_a_selection_is_made_once_for_the_same_titles_and_ages() -> None:
    selections = Selections()
    titles = [title("child", maturity=6), title("adult", maturity=18)]
    kids = selections.of(shelf(titles), 6)
    assert list(kids.titles) == ["child"]
    assert selections.of(shelf(titles), 12) is kids
    assert list(selections.of(shelf(titles), 18).titles) == ["child", "adult"]
    assert list(selections.of(shelf(titles), 3).titles) == []
    assert list(selections.of(shelf(titles[1:]), 18).titles) == ["adult"]


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=4000)])
def test_a_play_from_the_future_does_not_stay_on_top(ahead: timedelta) -> None:
    knowledge = Knowledge()
    for one in play("bob", "liar", ahead.total_seconds()):
        knowledge.learn(one, NOON)
    for one in [*play("bob", "honest", 86_400), *play("eve", "honest", 86_400)]:
        knowledge.learn(one, NOON + timedelta(days=2))
    assert list(knowledge.popularity.overall.ranked()) == ["honest", "liar"]


def test_an_event_of_no_profile_changes_no_page() -> None:
    from matinee.model.events import TitleWithdrawn

    assert page(_DRAWN, [event(TitleWithdrawn("tide"))]) == page(_DRAWN, [])
