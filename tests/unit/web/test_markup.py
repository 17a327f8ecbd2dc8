"""Cards as HTML: every value escaped, one stop for the keyboard, words as people say them."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.pages.cards import Card
from matinee.web.markup import card, length, maturity, ranked, resume

TIDE = Card(
    title_id="t1",
    name="Tide",
    synopsis="The sea comes and goes.",
    year=2021,
    duration_seconds=6120.0,
    maturity=12,
    moods=("slow", "blue", "wide", "deep"),
    genres=("nature",),
    poster_url="/images/t1/r1/poster.jpg",
    still_url="/images/t1/r1/still.jpg",
    colour="#203040",
    progress=0.5,
    remaining_seconds=3060.0,
    reason="watched by the same people",
)


class _Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(min_size=1, max_size=40))
def test_whatever_a_film_is_called_it_stays_text(name: str) -> None:
    plain = [tag for tag, _ in _Elements(card(TIDE)).tags]
    for made in (card(replace(TIDE, name=name)), card(replace(TIDE, moods=(name,), reason=name, colour=name))):
        assert [tag for tag, _ in _Elements(made).tags] == plain


def test_a_card_tells_year_length_maturity_and_three_moods() -> None:
    text = _Elements(card(TIDE)).text
    assert "2021 · 1 h 42 min · 12+" in text
    assert "slow · blue · wide" in text
    assert "deep" not in text


@pytest.mark.parametrize("make", [card, lambda shown: ranked(shown, 3), resume])
def test_a_card_is_one_stop_for_the_keyboard_and_nothing_on_it_jumps(make: object) -> None:
    assert callable(make)
    elements = _Elements(str(make(TIDE)))
    assert sum("data-stop" in attributes for _, attributes in elements.tags) == 1
    for tag, attributes in elements.tags:
        if tag == "img":
            assert {"width", "height", "alt"} <= attributes.keys()


def test_a_film_without_a_poster_shows_its_name() -> None:
    made = _Elements(card(replace(TIDE, poster_url=None)))
    assert "img" not in [tag for tag, _ in made.tags]
    assert "Tide" in made.text


def test_a_begun_film_leads_to_the_film_itself_and_says_what_is_left() -> None:
    made = _Elements(resume(TIDE))
    assert ("a", {"class": "card-link", "data-stop": None, "href": "/watch/t1"}) in made.tags
    assert "51 min left" in made.text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (52.4, "52 s"), (119.0, "119 s"), (150, "2 min"), (3600, "1 h"), (6120, "1 h 42 min")],
)
def test_lengths_are_said_as_people_say_them(seconds: float | None, said: str) -> None:
    assert length(seconds) == said


def test_maturity_is_a_mark() -> None:
    assert [maturity(age) for age in (0, 6, 18)] == ["All", "6+", "18+"]
