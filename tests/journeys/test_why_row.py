"""``matinee why row``: a page that was shown over HTTP is made again, row by row, from what was recorded of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from matinee.adapters.events_database import DatabaseRelay
from matinee.cli import matinee
from matinee.pages.rooms import Rooms
from theatre import Service, Viewer, publish, service


@pytest.fixture
def theatre(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("MATINEE_DATABASE", database_url)
    monkeypatch.setenv("MATINEE_DATA", str(tmp_path / "data"))
    with service(database_url, tmp_path / "data") as made:
        yield made


def why(rooms: Rooms, *words: str) -> Any:
    rooms.journal.write()
    DatabaseRelay(rooms.catalogue._engine).forward()
    done = CliRunner().invoke(matinee, ["why", "row", *words, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_every_row_that_was_shown_is_made_again(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    ada, bob = Viewer(app, "ada@matinee.example"), Viewer(app, "bob@matinee.example")
    ada.headers["User-Agent"] = "Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/126.0 Mobile Safari/537.36"
    for viewer, name in ((ada, "Tide"), (bob, "Tide"), (bob, "Reef")):
        viewer.watch(films[name], 30.0)
    # What is accepted and not in the log yet counts as well.
    ada.ask("PUT", f"/profiles/{ada.profile_id}/ratings/{films['Gear']}", {"rating": "up"})
    rows = ada.rows()
    because = f"because:{films['Tide']}"
    assert because in rows
    for row_id, row in rows.items():
        found = why(rooms, ada.profile_id, row_id)
        assert found["same"], found
        assert found["row"]["page_same"]
        assert found["early"]
        assert [part["title_id"] for part in found["row"]["parts"]] == [title["id"] for title in row["titles"]]
        assert found["row"]["reason"] == row["reason"]

    assert {kept.page.asked.device for kept in rooms.journal.pages(ada.profile_id)} == {"phone"}

    # What is learned afterwards changes the page, and not the one that was shown.
    ada.watch(films["Reef"], 80.0)
    assert why(rooms, ada.profile_id, because)["same"]
    said = CliRunner().invoke(matinee, ["why", "row", ada.profile_id, because]).output
    assert "The row is made again as it was shown." in said
    assert "shares Nature and Slow with it" in said or "watched by the same people" in said
    assert "formula" in said


def test_a_catalogue_that_changed_is_said_and_who_is_forgotten_has_no_page(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    ada = Viewer(app, "ada@matinee.example")
    ada.home()
    rooms.catalogue.withdraw(films["Tide"])
    found = why(rooms, ada.profile_id, "new")
    assert not found["same"]
    assert films["Tide"] in found["row"]["shown"]
    assert found["remarks"] == [
        "The catalogue has changed since: titles that were withdrawn or changed are not as they were."
    ]
    missing = CliRunner().invoke(matinee, ["why", "row", ada.profile_id, "nothing"], standalone_mode=False)
    assert "has a row 'nothing'; the last one has: popular, new" in str(missing.exception)
    rooms.journal.forget(ada.profile_id, rooms.clock.now().timestamp())
    gone = CliRunner().invoke(matinee, ["why", "row", ada.profile_id, "new"], standalone_mode=False)
    assert "No page of profile" in str(gone.exception)
