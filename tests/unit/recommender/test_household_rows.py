"""Rows of a household: the next episode, my list, thumbs, what is rising, what few know, what is passed over."""

from collections.abc import Iterable
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from matinee.catalogue.titles import Title, TitleKind
from matinee.model.events import Event
from matinee.recommender.boards import rising
from matinee.recommender.candidates import Selection, Selections
from matinee.recommender.rows import OWN_ROWS, Row, RowKind, arrange, choices
from plays import NOON, knowledge_of, listed, play, rated, shelf, shown, title

DAY = 86_400.0
_FILMS = [title(f"film-{number}", (("Drama", "Noir", "Farce")[number % 3],)) for number in range(90)]
_SERIES = title("series", ("Drama",), kind=TitleKind.SERIES)
_SEASONS = [title(f"season-{n}", kind=TitleKind.SEASON, parent_id="series", season=n) for n in (1, 2)]
_EPISODES = [
    title(f"s{season}e{number}", ("Drama",), kind=TitleKind.EPISODE, parent_id=f"season-{season}", episode=number)
    for season in (2, 1)
    for number in (3, 2, 1)
]


def page(
    titles: Iterable[Title],
    events: Iterable[Event],
    profile_id: str = "ada",
    maturity_limit: int = 18,
    territory: str = "",
    now: timedelta = timedelta(days=1),
) -> dict[str, Row]:
    selection = Selection(shelf(titles, [_SERIES, *_SEASONS]), maturity_limit, territory)
    return {row.id: row for row in arrange(knowledge_of(events), selection, profile_id, "europe", NOON + now)}


def test_after_an_episode_comes_the_next_and_after_a_season_the_next_season() -> None:
    rows = page(_EPISODES, play("ada", "s1e1", to_the_end=True))
    assert rows["continue"].title_ids == ("s1e2",)
    assert rows["continue"].title_reasons == ("Next: S1 E2",)
    rows = page(_EPISODES, play("ada", "s1e3", to_the_end=True))
    assert rows["continue"].title_reasons == ("Next: S2 E1",)
    assert "continue" not in page(_EPISODES, play("ada", "s2e3", to_the_end=True))


def test_of_a_series_only_the_episode_seen_last_is_continued() -> None:
    events = [*play("ada", "s1e1", 0), *play("ada", "s1e3", 100), *play("ada", "film-1", 50)]
    row = page([*_EPISODES, *_FILMS], events)["continue"]
    assert row.title_ids == ("s1e3", "film-1")
    assert row.title_reasons == ()


def test_a_series_stands_on_the_page_by_its_first_episode_alone() -> None:
    rows = page(_EPISODES, [*play("bob", "s2e2"), *play("eve", "s2e2")])
    assert rows["popular"].title_ids == ("s1e1",)
    assert rows["new"].title_ids == ("s1e1",)


def test_my_list_is_what_was_put_there_newest_first() -> None:
    events = [listed("ada", "film-1", 1), listed("ada", "film-2", 2), listed("ada", "gone", 3)]
    row = page(_FILMS, [*events, rated("ada", "film-2", "down")])["my-list"]
    assert (row.kind, row.title_ids) == (RowKind.MY_LIST, ("film-2", "film-1"))
    assert "my-list" not in page(_FILMS, [*events, *(listed("ada", f"film-{n}", 9, on=False) for n in (1, 2))])


def test_a_thumb_down_keeps_a_title_out_of_every_row_until_it_is_taken_back() -> None:
    events = [*play("bob", "film-3"), *play("ada", "film-3"), rated("ada", "film-3", "down", 10)]
    rows = page(_FILMS, events)
    assert all("film-3" not in row.title_ids and row.seed_title_id != "film-3" for row in rows.values())
    rows = page(_FILMS, [*events, rated("ada", "film-3", None, 20)])
    assert rows["popular"].title_ids[0] == "film-3"
    assert rows["continue"].title_ids == ("film-3",)


def test_what_was_passed_over_goes_to_the_end_of_its_row() -> None:
    events = [shown("ada", "film-0", number * 7200.0) for number in range(3)]
    few = _FILMS[:9]
    assert page(few, events[:2])["new"].title_ids[0] == "film-0"
    assert page(few, events)["new"].title_ids[-1] == "film-0"


def test_a_thumb_up_brings_a_row_of_its_own() -> None:
    row = page(_FILMS, [rated("ada", "film-4", "up")])["because:film-4"]
    assert row.name == "Because you liked Film-4"
    assert row.title_ids


def test_after_three_that_are_liked_there_is_a_row_for_you_with_reasons() -> None:
    likes = [rated("ada", f"film-{number}", "up", number) for number in (1, 4, 7)]
    assert "for-you" not in page(_FILMS, likes[:2])
    row = page(_FILMS, likes)["for-you"]
    assert row.kind is RowKind.FOR_YOU
    assert {int(title_id[5:]) % 3 for title_id in row.title_ids[:6]} == {1}
    assert row.title_reasons[0] == "Noir, like Film-7"


def test_what_rises_is_trending_and_what_is_always_watched_is_not() -> None:
    steady = [
        one
        for day in range(30)
        for number in (1, 2, 3)
        for viewer in range(4)
        for one in play(f"{day}-{viewer}", f"film-{number}", day * DAY)
    ]
    sudden = [
        one for number in (7, 8, 9) for viewer in range(8) for one in play(f"n{viewer}", f"film-{number}", 29.5 * DAY)
    ]
    knowledge = knowledge_of([*steady, *sudden])
    films = [*_FILMS, *(title(f"more-{number}") for number in range(40))]
    rows = arrange(knowledge, Selection(shelf(films), 18), "ada", "europe", NOON + timedelta(days=30))
    found = {row.id: row for row in rows}
    trending = found.get("trending")
    # The ten take the same titles first: here all six are among them.
    assert trending is None
    assert set(found["popular"].title_ids[:6]) == {f"film-{number}" for number in (1, 2, 3, 7, 8, 9)}
    board, usual, now = knowledge.popularity.region("europe"), knowledge.usual.region("europe"), 30 * DAY
    times = {
        one: rising(board.plays(one, NOON.timestamp() + now), usual.plays(one, NOON.timestamp() + now))
        for one in ("film-1", "film-7")
    }
    assert times["film-1"] < 1.3
    assert times["film-7"] > 2.0


def test_trending_is_a_row_beneath_the_ten() -> None:
    steady = [
        one
        for day in range(20)
        for number in range(12)
        for viewer in range(12)
        for one in play(f"{day}-{viewer}", f"film-{number}", day * DAY)
    ]
    sudden = [
        one
        for number in (40, 41, 42)
        for viewer in range(8)
        for one in play(f"n{viewer}", f"film-{number}", 19.5 * DAY)
    ]
    row = page(_FILMS, [*steady, *sudden], now=timedelta(days=19.6))["trending"]
    assert set(row.title_ids) == {"film-40", "film-41", "film-42"}
    assert row.reason == "rising in Europe, whatever its level"
    assert row.title_reasons[0].endswith("times its usual plays")


def test_a_hidden_gem_is_liked_by_its_few_watchers() -> None:
    known = [
        one
        for number in range(30)
        for viewer in range(9)
        for one in play(f"k{viewer}", f"film-{number}", number * 60.0)
    ]
    few = [
        one
        for number in (50, 51, 52, 53)
        for viewer in range(5)
        for one in play(f"g{viewer}", f"film-{number}", 1.0, to_the_end=number != 53)
    ]
    row = page(_FILMS, [*known, *few])["hidden-gems"]
    assert set(row.title_ids) == {"film-50", "film-51", "film-52"}
    assert row.title_reasons[0] == "liked by 5 of 5 who watched it"


def test_what_was_seen_a_week_ago_may_be_watched_again_the_best_rated_first() -> None:
    events = [
        *play("ada", "film-1", 1, to_the_end=True),
        *play("ada", "film-2", 2, to_the_end=True),
        *play("ada", "film-3", 3, to_the_end=True),
        rated("ada", "film-2", "love", 9),
    ]
    assert "watch-again" not in page(_FILMS, events, now=timedelta(days=6))
    assert page(_FILMS, events, now=timedelta(days=8))["watch-again"].title_ids == ("film-2", "film-3", "film-1")


def test_a_new_profile_is_asked_for_three_of_many_genres_and_no_longer_afterwards() -> None:
    selection = Selection(shelf(_FILMS), 18)

    def asked(*events: Event) -> tuple[str, ...]:
        return choices(knowledge_of(events), selection, "ada", "europe", NOON)

    first = asked()
    assert len(first) == 18
    assert {int(title_id[5:]) % 3 for title_id in first[:3]} == {0, 1, 2}
    assert set(asked(rated("ada", "film-80", "up"))) >= {"film-80"}
    assert asked(*(rated("ada", f"film-{number}", "up") for number in (1, 2, 3))) == ()
    assert asked(*play("ada", "film-1")) == ()


def test_territories_share_a_selection_unless_a_title_names_them() -> None:
    selections = Selections()
    ours = shelf([title("everywhere"), title("ours", territories=("PT", "ES"))])
    assert list(selections.of(ours, 18, "PT").titles) == ["everywhere", "ours"]
    assert list(selections.of(ours, 18, "DE").titles) == ["everywhere"]
    assert selections.of(ours, 18, "DE") is selections.of(ours, 18)
    assert selections.of(ours, 18, "PT") is not selections.of(ours, 18, "ES")


_catalogues = st.integers(0, 110).flatmap(
    lambda size: st.tuples(
        *(
            st.builds(
                title,
                title_id=st.just(f"film-{number}"),
                genres=st.lists(st.sampled_from(("Drama", "Noir", "Farce")), max_size=2, unique=True).map(tuple),
                maturity=st.sampled_from((0, 6, 12, 18)),
                territories=st.sampled_from(((), (), ("PT",), ("PT", "DE"))),
            )
            for number in range(size)
        )
    ).map(list)
)
_profiles = st.sampled_from(("ada", "bob", "eve"))
_titles = st.integers(0, 110).map("film-{}".format)
_times = st.integers(0, 100_000).map(float)
_told = st.lists(
    st.one_of(
        st.builds(play, profile_id=_profiles, title_id=_titles, seconds=_times, to_the_end=st.booleans()),
        st.builds(rated, _profiles, _titles, st.sampled_from(("up", "down", "love", None)), _times).map(
            lambda one: [one]
        ),
        st.builds(listed, _profiles, _titles, _times).map(lambda one: [one]),
        st.builds(shown, _profiles, _titles, _times).map(lambda one: [one]),
    ),
    max_size=25,
)


@settings(max_examples=80)
@given(_catalogues, _told, st.integers(0, 18), st.sampled_from(("", "PT", "DE")))
def test_no_row_holds_what_must_not_be_shown_or_shows_a_title_twice_on_the_first_screens(
    titles: list[Title], told: list[list[Event]], maturity_limit: int, territory: str
) -> None:
    events = [one for each in told for one in each]
    found = page(titles, events, maturity_limit=maturity_limit, territory=territory)
    rows = list(found.values())
    allowed = {
        entry.id
        for entry in titles
        if entry.maturity <= maturity_limit and (not entry.territories or territory in entry.territories)
    }
    signs = knowledge_of(events).histories.of("ada").signs
    down = {entry.id for entry in titles if signs is not None and signs.rating(entry.id) == "down"}
    for row in rows:
        assert set(row.title_ids) <= allowed
        assert len(set(row.title_ids)) == len(row.title_ids) > 0
        assert len(row.title_reasons) in {0, len(row.title_ids)}
        assert row.reason
        assert row.kind is RowKind.MY_LIST or not down & set(row.title_ids)
    picks = choices(knowledge_of(events), Selection(shelf(titles), maturity_limit, territory), "ada", "europe", NOON)
    assert set(picks) <= allowed
    if len(allowed) >= 40:
        kinds = {RowKind.POPULAR, RowKind.FOR_YOU, RowKind.TRENDING, RowKind.NEW}
        seeds = [row for row in rows[: rows.index(found["popular"])] if row.kind is RowKind.BECAUSE_YOU_WATCHED]
        first = [row for row in rows if row.kind in kinds and row.kind not in OWN_ROWS] + seeds
        standing = [title_id for row in first for title_id in row.title_ids]
        assert len(standing) == len(set(standing))
