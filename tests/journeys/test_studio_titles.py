"""An operator says other things of a title, takes it off every page, and puts it back."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from matinee.catalogue.titles import TitleDraft, TitleKind
from playing import presentation
from studio_pages import MEMBER, Studio, database_of_two, opened, words

FORM = {"name": "Tide", "year": "2021", "maturity": "12", "genres": "Nature, Slow cinema", "territories": "pt"}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return database_of_two(tmp_path_factory.mktemp("studio"))


@pytest.fixture
def studio(two: bytes, tmp_path: Path) -> Iterator[Studio]:
    with opened(two, tmp_path) as found:
        yield found


@pytest.fixture
def tide(studio: Studio) -> str:
    title = studio.rooms.catalogue.create(TitleDraft("Tied", genres=("Knots",), year=1921))
    studio.rooms.catalogue.publish(title.id, "r1", presentation())
    return title.id


def test_what_is_said_of_a_title_is_changed_by_hand(studio: Studio, tide: str) -> None:
    assert f'href="/studio/titles/{tide}"' in studio.page("/titles")
    assert 'value="Tied"' in studio.page(f"/titles/{tide}")
    studio.do(f"/titles/{tide}", 303, **FORM, synopsis="The sea comes.\r\n\r\nIt goes.")
    title = studio.rooms.catalogue.title(tide)
    assert (title.name, title.year, title.maturity, title.genres) == ("Tide", 2021, 12, ("Nature", "Slow cinema"))
    assert (title.synopsis, title.territories, title.revision) == ("The sea comes.\n\nIt goes.", ("PT",), "r1")
    assert "Saved." in words(studio.page(f"/titles/{tide}?done=1"))
    assert [found.id for found in studio.rooms.catalogue.search("tide", territory="PT")] == [tide]
    assert studio.rooms.catalogue.search("tide", territory="DE") == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"year": "soon"}, "The year is a whole number, not 'soon'."),
        ({"year": "1066"}, "A title's year is between 1870 and 2200, not 1066."),
        ({"territories": "Portugal"}, "A territory is a country's two letters like PT"),
        ({"name": ""}, "A title's name"),
        ({"maturity": ""}, "A title needs the age from which it may be seen"),
        ({"parent_id": "0" * 16}, "There is no title '0000000000000000' to belong to."),
    ],
)
def test_what_cannot_be_is_said_and_what_was_typed_stays(
    studio: Studio, tide: str, wrong: dict[str, str], sentence: str
) -> None:
    answer = studio.do(f"/titles/{tide}", 400, **{**FORM, "moods": "Grey", **wrong}).text
    assert sentence in unescape(answer)
    for name, typed in {**FORM, "moods": "Grey", **wrong}.items():
        # Nothing that was typed is lost: an age that fell back to none would show the title to children.
        assert name == "parent_id" or re.search(rf'name="{name}"[^>]* value="{re.escape(typed)}"', answer), name
    assert studio.rooms.catalogue.title(tide).name == "Tied"


def test_a_title_is_withdrawn_and_put_back(studio: Studio, tide: str) -> None:
    studio.do(f"/titles/{tide}/withdrawal")
    assert studio.rooms.catalogue.shelf().titles == ()
    assert "It can be put back as it was." in words(studio.page(f"/titles/{tide}"))
    studio.do(f"/titles/{tide}/restoration")
    assert [title.id for title in studio.rooms.catalogue.shelf().titles] == [tide]


def test_an_episode_moves_to_the_series_it_belongs_to(studio: Studio) -> None:
    catalogue = studio.rooms.catalogue
    series = catalogue.create(TitleDraft("The Vault", kind=TitleKind.SERIES))
    episode = catalogue.create(TitleDraft("Locked", kind=TitleKind.EPISODE))
    assert "The Vault" in studio.page(f"/titles/{episode.id}")
    form = {"name": "Locked", "maturity": "0", "parent_id": series.id, "season_number": "1", "episode_number": "2"}
    studio.do(f"/titles/{episode.id}", 303, **form)
    found = catalogue.title(episode.id)
    assert (found.parent_id, found.season_number, found.episode_number) == (series.id, 1, 2)


def test_the_same_over_the_api(studio: Studio, tide: str) -> None:
    path = f"/api/v1/studio/titles/{tide}"
    described = studio.ask("PATCH", path, json={"name": "Tide", "year": None, "territories": ["DE"]}).json()
    assert (described["name"], described["year"], described["genres"]) == ("Tide", None, ["Knots"])
    assert described["territories"] == ["DE"]
    assert "A title cannot be without genres." in studio.ask("PATCH", path, 400, json={"genres": None}).text
    assert studio.ask("PUT", f"{path}/withdrawal").json()["state"] == "withdrawn"
    assert studio.ask("DELETE", f"{path}/withdrawal").json()["state"] == "playable"


def test_members_change_nothing(studio: Studio, tide: str) -> None:
    studio.enter(MEMBER)
    studio.do(f"/titles/{tide}", 403, **FORM)
    studio.do(f"/titles/{tide}/withdrawal", 403)
    studio.ask("PATCH", f"/api/v1/studio/titles/{tide}", 403, json={"name": "Mine"})
    studio.ask("PUT", f"/api/v1/studio/titles/{tide}/withdrawal", 403)
    studio.ask("GET", f"/studio/titles/{tide}", 403)
    assert studio.rooms.catalogue.title(tide).name == "Tied"
