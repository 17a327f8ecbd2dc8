"""The home page as a value, and its form in JSON."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from pydantic_core import to_json

from matinee.accounts.members import Profile
from matinee.adapters.clock_manual import ManualClock
from matinee.api.home import HomeBody, home_body
from matinee.catalogue.titles import Shelf
from matinee.model.events import Event
from matinee.model.topology import Region, Topology
from matinee.pages.cards import card
from matinee.pages.home import HomePage, home_page
from matinee.ports import Recorded
from matinee.recommender.serving import Recommender
from matinee.replay.shown import ShownPage
from plays import NOON, play, shelf, title

_EUROPE = Region("europe", 50.1, 8.7)
_PROFILE = Profile(
    id="ada", member_id="m", name="Ada", language="en", maturity_limit=12, has_pin=False, created_at=NOON
)
_TITLES = [
    title("spiral", ("Abstract",), ("Calm",), year=2024),
    title("tide", ("Nature",), ("Slow",), year=2021),
    title("reef", ("Nature",), ("Slow",), year=2022),
    title("gore", ("Horror",), maturity=18),
]


class Given:
    """A log that holds some events."""

    def __init__(self, events: list[Event]) -> None:
        self._batches = [[Recorded(number, one) for number, one in enumerate(events, 1)], []]

    def tail(self, after: int = 0) -> "Given":
        return self

    def read(self, limit: int = 1000, wait_seconds: float = 0.0) -> list[Recorded]:
        return self._batches.pop(0) if self._batches else []


def page(events: list[Event], titles: Shelf | None = None) -> HomePage:
    clock: Any = ManualClock(NOON + timedelta(hours=1))
    log: Any = Given(events)
    on_shelf = shelf(_TITLES) if titles is None else titles
    kept: list[ShownPage] = []
    rooms: Any = SimpleNamespace(
        recommender=Recommender(log, None, clock),
        catalogue=SimpleNamespace(shelf=lambda: on_shelf),
        clock=clock,
        topology=Topology((_EUROPE,)),
        experiments=SimpleNamespace(parameters=lambda _: {}),
        journal=SimpleNamespace(keep=kept.append),
    )
    made = home_page(rooms, _PROFILE, _EUROPE)
    # What was shown is what is kept to be made again.
    assert [list(one.rows) for one in kept] == [[row.id for row in made.rows]]
    return made


def test_nothing_to_watch_is_an_empty_page() -> None:
    empty = page([], Shelf())
    assert empty.hero is None
    assert empty.rows == ()


def test_a_page_opens_with_what_is_popular_and_says_where() -> None:
    hero = page(play("bob", "reef")).hero
    assert hero is not None
    assert (hero.name, hero.reason, hero.synopsis) == ("Reef", "Popular in Europe", "What happens in reef.")


def test_what_nobody_has_watched_is_not_called_popular() -> None:
    hero = page([]).hero
    assert hero is not None
    assert (hero.title_id, hero.reason) == ("spiral", "New")


def test_a_page_does_not_open_with_what_was_just_watched() -> None:
    hero = page(play("ada", "spiral")).hero
    assert hero is not None
    assert hero.title_id != "spiral"


def test_a_page_opens_with_something_even_if_all_was_watched() -> None:
    assert page([one for each in _TITLES for one in play("ada", each.id)]).hero is not None


def test_what_is_begun_shows_how_far_it_is_and_how_long_it_still_takes() -> None:
    first = page(play("ada", "tide")).rows[0]
    assert first.kind == "continue_watching"
    (shown,) = first.cards
    assert (shown.title_id, shown.progress, shown.remaining_seconds) == ("tide", 0.2, 480.0)
    assert shown.still_url == "/images/tide/r1/still.jpg"


def test_what_was_never_begun_shows_no_progress() -> None:
    shown = card(_TITLES[0], {})
    assert shown.progress is None
    assert shown.remaining_seconds is None
    assert shown.poster_url == "/images/spiral/r1/poster.jpg"
    assert shown.colour == "#aa7733"


def test_a_position_beyond_the_end_is_the_end() -> None:
    shown = card(_TITLES[0], {"spiral": (700.0, 600.0)})
    assert (shown.progress, shown.remaining_seconds) == (1.0, 0.0)


def test_a_title_without_a_picture_has_no_address_for_one() -> None:
    shown = card(replace(_TITLES[0], presentation=None, revision=None), {"spiral": (10.0, 0.0)})
    assert (shown.poster_url, shown.still_url, shown.colour, shown.progress) == (None, None, None, None)


def test_what_a_profile_may_not_see_is_nowhere_on_its_page() -> None:
    made = page([*play("bob", "gore"), *play("ada", "gore")])
    assert "gore" not in to_json(home_body(made)).decode()


def test_the_json_has_the_promised_form() -> None:
    made = page([*play("bob", "tide"), *play("bob", "spiral"), *play("ada", "tide")])
    body = HomeBody.model_validate_json(to_json(home_body(made)))
    assert body.profile_id == "ada"
    assert body.generated_at == NOON + timedelta(hours=1)
    assert body.hero is not None
    assert body.hero.synopsis
    assert [row.id for row in body.rows] == ["continue", "because:tide", "popular", "new"]
    because = body.rows[1]
    assert because.name == "Because you watched Tide"
    assert because.kind == "because_you_watched"
    assert because.reason == "watched by the same people, or shares Nature and Slow with it"
    assert [(one.id, one.reason) for one in because.titles] == [
        ("spiral", "watched by the same people"),
        ("reef", "shares Nature and Slow with it"),
    ]
