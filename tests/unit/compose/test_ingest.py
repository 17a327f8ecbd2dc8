"""What files and operators say of titles before they are taken in."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.catalogue.titles import TitleDraft, TitleKind
from matinee.compose.films import EpisodeName, FilmFile, episode_name
from matinee.compose.ingest import Said, told
from matinee.model.errors import Invalid

WORDS = st.lists(st.from_regex(r"[A-Z][a-z]{1,9}", fullmatch=True), min_size=1, max_size=4)


def file(name: str) -> FilmFile:
    return FilmFile(Path(name), TitleDraft(Path(name).stem, year=1999, genres=("drama",)), "fingerprint")


@given(WORDS, st.integers(0, 9999), st.integers(0, 99999), WORDS, st.sampled_from([" ", ".", "_"]))
def test_a_name_tells_series_season_number_and_name(
    series: list[str], season: int, episode: int, name: list[str], between: str
) -> None:
    stem = between.join([*series, f"S{season:02}E{episode:02}", *name])
    assert episode_name(stem) == EpisodeName(" ".join(series), season, episode, " ".join(name))


@pytest.mark.parametrize("stem", ["Metropolis (1927)", "S", "SE", "Class of 1999", "Sea 1", ""])
def test_a_film_speaks_of_no_episode(stem: str) -> None:
    assert episode_name(stem) is None


def test_an_episode_is_called_by_its_file_or_by_its_number() -> None:
    one, series = told(file("The.Archive.s02e03.mkv"), Said(kind=TitleKind.EPISODE))
    assert (one.draft.name, one.draft.season_number, one.draft.episode_number, series) == (
        "Episode 3",
        2,
        3,
        "The Archive",
    )
    named, _ = told(file("The Archive S02E03 - The key.mkv"), Said(kind=TitleKind.EPISODE))
    assert named.draft.name == "The key"


def test_a_file_that_names_its_series_is_an_episode_unless_an_operator_says_otherwise() -> None:
    (one, series), (film, none) = (
        told(file("The Archive S02E03.mkv"), Said(kind=kind)) for kind in (None, TitleKind.FILM)
    )
    assert (one.draft.kind, series) == (TitleKind.EPISODE, "The Archive")
    assert (film.draft.kind, none) == (TitleKind.FILM, None)
    # Of which series nobody says: it may as well be a film's name.
    assert told(file("S02E03.mkv"), Said())[0].draft.kind is TitleKind.FILM
    assert told(file("S02E03.mkv"), Said(series="The Archive"))[1] == "The Archive"


def test_what_an_operator_says_comes_before_what_the_file_says() -> None:
    said = Said("Key", TitleKind.EPISODE, "Lost.", 2020, ("crime",), ("dark",), 16, ("PT",), "Vault", 0, 7)
    one, series = told(file("The Archive S02E03 The key.mkv"), said)
    assert series == "Vault"
    assert one.draft == TitleDraft(
        "Key", TitleKind.EPISODE, "Lost.", 2020, ("crime",), ("dark",), 16, None, 0, 7, ("PT",)
    )


def test_a_film_keeps_what_its_file_says() -> None:
    one, series = told(file("Metropolis.mkv"), Said(maturity=12))
    assert series is None
    assert (one.draft.name, one.draft.year, one.draft.genres, one.draft.maturity) == (
        "Metropolis",
        1999,
        ("drama",),
        12,
    )


@pytest.mark.parametrize("said", [Said(kind=TitleKind.EPISODE), Said(kind=TitleKind.EPISODE, series="A", season=1)])
def test_an_episode_that_nobody_places_is_named(said: Said) -> None:
    with pytest.raises(Invalid, match=r"^pilot.mkv does not say which episode it is"):
        told(file("pilot.mkv"), said)
