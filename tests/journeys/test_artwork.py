"""What viewers play teaches by which picture a title is shown to those of their taste, over HTTP, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from event_processes import until
from matinee.catalogue.titles import TitleDraft
from matinee.model.media import Picture, Presentation
from theatre import DURATION_SECONDS, FILMS, Service, Viewer, publish, service

_FILM = TitleDraft("Both", genres=("Nature", "Machines"), year=2023)
_TAUGHT = 6


@pytest.fixture
def theatre(database_url: str, tmp_path: Path) -> Iterator[Service]:
    with service(database_url, tmp_path / "data") as made:
        yield made


def _card(viewer: Viewer, title_id: str) -> dict[str, Any]:
    """A title as it stands on the page: everywhere by the same picture."""
    page = viewer.home()
    found = [card for row in page["rows"] for card in row["titles"] if card["id"] == title_id]
    assert len({(card["poster_url"], card["artwork"], card["artwork_propensity"]) for card in found}) == 1
    return dict(found[0])


def _tell_seen(viewer: Viewer, title_id: str, number: int, artwork: str, propensity: float) -> None:
    seen = {
        "id": f"seen-{viewer.profile_id}-{number}",
        "type": "impression.shown",
        "time": datetime.now(UTC).isoformat(),
        "profile_id": viewer.profile_id,
        "title_id": title_id,
        "row_id": "new",
        "row": 0,
        "place": 0,
        "artwork": artwork,
        "artwork_propensity": propensity,
    }
    assert viewer.ask("POST", "/events", {"events": [seen]}) == {"accepted": 1, "repeated": 0}


def _of_first(card: dict[str, Any]) -> float:
    """How likely the first of a title's two pictures was."""
    propensity = float(card["artwork_propensity"])
    return propensity if card["artwork"].endswith("/0") else 1 - propensity


def test_plays_shift_by_which_picture_a_taste_is_shown_a_title(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms, (*FILMS, _FILM))
    film, revision = films["Both"], "r2"
    shown = Presentation(
        duration_seconds=DURATION_SECONDS,
        renditions=(),
        files=(),
        colour="#aa7733",
        pictures=(Picture("poster-1.jpg", "still-1.jpg", "#3377aa"),),
    )
    rooms.catalogue.publish(film, revision, shown)
    for taste in (0, 1):
        for number in range(_TAUGHT):
            viewer = Viewer(app, f"{taste}-{number}@matinee.example")
            viewer.watch(films[("Tide", "Gear")[taste]], 60.0)
            before = _card(viewer, film)
            assert before["artwork"] in {f"{revision}/0", f"{revision}/1"}
            assert before["poster_url"].endswith({"0": "/poster.jpg", "1": "/poster-1.jpg"}[before["artwork"][-1]])
            assert 0 < before["artwork_propensity"] < 1
            _tell_seen(viewer, film, number, f"{revision}/{number % 2}", 0.5)
            # It keeps the picture that it was told of, whatever chance would have shown it.
            looking = _card(viewer, film)
            assert (looking["artwork"], looking["artwork_propensity"]) == (f"{revision}/{number % 2}", 0.5)
            if number % 2 == taste:
                viewer.watch(film, 85.0)
    nature, machines = (Viewer(app, f"new-{taste}@matinee.example") for taste in (0, 1))
    nature.watch(films["Tide"], 60.0)
    machines.watch(films["Gear"], 60.0)
    until(lambda: _of_first(_card(nature, film)) > 0.75 and _of_first(_card(machines, film)) < 0.25, "the taste")
    logged = [one.event.facts for one in rooms.recommender._log.tail().read(1000)]
    told = [getattr(one, "artwork_propensity", None) for one in logged if one.type == "impression.shown"]
    assert told == [0.5] * (2 * _TAUGHT)
