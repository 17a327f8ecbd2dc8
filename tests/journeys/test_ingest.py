"""``matinee ingest``: films and episodes come into the catalogue with all that an operator says of them."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue, Title, TitleKind
from matinee.cli import matinee
from playing import NOON


class Archive:
    """A folder of sources, and the catalogue that they come into."""

    def __init__(self, database: sa.Engine, folder: Path) -> None:
        self.folder = folder
        self._catalogue = Catalogue(database, DatabaseOutbox(), ManualClock(NOON), lambda size: b"x" * size)

    def file(self, name: str) -> str:
        path = self.folder / name
        path.write_bytes(name.encode())
        return str(path)

    def titles(self, kind: TitleKind) -> list[Title]:
        return sorted((title for title in self._catalogue.titles() if title.kind is kind), key=lambda title: title.name)


@pytest.fixture
def archive(database_url: str, database: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setenv("MATINEE_DATABASE", database_url)
    monkeypatch.setenv("MATINEE_DATA", str(tmp_path / "data"))
    return Archive(database, tmp_path)


def ingest(*words: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(matinee, ["ingest", *words, "--json"])
    assert done.exit_code == 0, done.output
    taken: list[dict[str, Any]] = json.loads(done.stdout)["titles"]
    return taken


def refused(*words: str) -> str:
    done = CliRunner().invoke(matinee, ["ingest", *words])
    assert done.exit_code != 0
    return f"{done.output} {done.exception}"


def test_a_film_comes_in_with_what_is_said_of_it(archive: Archive) -> None:
    path = archive.file("Metropolis (1927).mkv")
    about = ("--genre", "Drama", "--genre", "Science fiction", "--mood", "Grand", "--maturity", "12")
    (taken,) = ingest(path, *about, "--territory", "pt", "--territory", "DE", "--synopsis", "A city of two classes.")
    assert taken["new"]
    assert not ingest(path)[0]["new"]
    (film,) = archive.titles(TitleKind.FILM)
    assert (film.name, film.year, film.synopsis) == ("Metropolis", 1927, "A city of two classes.")
    assert (film.genres, film.moods, film.maturity) == (("Drama", "Science fiction"), ("Grand",), 12)
    assert film.territories == ("PT", "DE")


def test_episodes_come_in_under_one_series_that_is_made_once(archive: Archive) -> None:
    first, second = archive.file("The Vault S01E01 Locked.mkv"), archive.file("the vault S01E02.mkv")
    ingest(first, "--maturity", "16", "--territory", "PT")
    ingest(second, "--kind", "episode", "--maturity", "16", "--territory", "PT")
    ingest(archive.file("pilot.mkv"), "--kind", "episode", "--series", "The Vault", "--season", "0", "--episode", "1")
    (series,) = archive.titles(TitleKind.SERIES)
    assert (series.name, series.maturity, series.territories) == ("The Vault", 16, ("PT",))
    found = archive.titles(TitleKind.EPISODE)
    assert [(one.name, one.season_number, one.episode_number) for one in found] == [
        ("Episode 2", 1, 2),
        ("Locked", 1, 1),
        ("Pilot", 0, 1),
    ]
    assert {one.parent_id for one in found} == {series.id}


def test_what_cannot_be_is_said_before_anything_comes_in(archive: Archive) -> None:
    good, unnamed = archive.file("The Vault S01E01.mkv"), archive.file("pilot.mkv")
    assert "pilot.mkv does not say which episode it is" in refused(good, unnamed, "--kind", "episode")
    assert "a film has no series" in refused(good, "--kind", "film", "--series", "The Vault")
    assert "pilot.mkv does not say which episode it is" in refused(good, unnamed, "--series", "The Vault")
    assert "fits one path only" in refused(good, unnamed, "--title", "Both")
    assert "fits one file only" in refused(str(archive.folder), "--title", "Both")
    assert "two letters" in refused(good, "--territory", "Atlantis")
    assert archive.titles(TitleKind.EPISODE) == archive.titles(TitleKind.SERIES) == []
    assert archive.titles(TitleKind.FILM) == []
