import re
import subprocess
from pathlib import Path

import av
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from matinee.drawing import landscapes
from matinee.drawing.films import DRAWN_FILMS, DrawnFilm, draw_command
from matinee.drawing.lettering import title_card

_BY_SLUG = [pytest.param(film, id=film.slug) for film in DRAWN_FILMS]
_UNNAMED_LABEL = re.compile(r"\[([a-z_A-Z0-9]+)\]")


def _drawn(film: DrawnFilm, folder: Path, seconds: float, card: Path | None = None) -> Path:
    output = folder / f"{film.slug}.mp4"
    command = draw_command(film, get_ffmpeg_exe(), output, card=card, seconds=seconds, size=(320, 180))
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return output


def test_there_are_eight_films_with_names_of_their_own() -> None:
    assert len(DRAWN_FILMS) == 8
    assert len({film.slug for film in DRAWN_FILMS}) == len({film.name for film in DRAWN_FILMS}) == 8
    assert all(re.fullmatch(r"[a-z-]+", film.slug) for film in DRAWN_FILMS)


def test_the_first_film_is_short_and_one_lasts_for_a_failover() -> None:
    assert DRAWN_FILMS[0].duration_seconds <= 12
    assert max(film.duration_seconds for film in DRAWN_FILMS) >= 96


def test_every_film_shares_a_genre_with_another_and_has_three_moods() -> None:
    for film in DRAWN_FILMS:
        others = {genre for other in DRAWN_FILMS if other is not film for genre in other.genres}
        assert others & set(film.genres)
        assert len(film.moods) == 3
        assert film.synopsis.endswith(".")


def test_one_film_is_from_thirteen_and_one_from_sixteen() -> None:
    assert sorted(film.maturity for film in DRAWN_FILMS) == [0] * 6 + [13, 16]


@pytest.mark.parametrize("film", _BY_SLUG)
def test_every_plane_of_a_graph_is_made_once_and_used_once(film: DrawnFilm) -> None:
    for graph in (film.video, film.audio):
        labels = _UNNAMED_LABEL.findall(re.sub(r"'[^']*'", "", graph))
        assert {labels.count(label) for label in labels} <= {2}


@pytest.mark.parametrize("film", _BY_SLUG)
def test_a_film_has_a_picture_that_moves_and_sound_that_is_heard(film: DrawnFilm, tmp_path: Path) -> None:
    with av.open(_drawn(film, tmp_path, 1.0)) as container:
        frames = [_picture(frame).tobytes() for frame in container.decode(video=0)]
    with av.open(tmp_path / f"{film.slug}.mp4") as container:
        assert container.streams.audio[0].rate == 48_000
        assert container.streams.audio[0].channels == 2
        loudest = max(
            abs(int.from_bytes(pair, "little", signed=True))
            for frame in container.decode(audio=0)
            for pair in _pairs(bytes(frame.planes[0]))
        )
    assert len(frames) == 24
    middle = frames[len(frames) // 2]
    assert max(middle) - min(middle) > 60
    assert frames[11] != frames[14]
    assert 200 < loudest < 32_000


def _picture(frame: av.VideoFrame) -> Image.Image:
    image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    return image


def _pairs(data: bytes) -> list[bytes]:
    return [data[place : place + 2] for place in range(0, len(data), 64)]


def test_a_film_rises_from_black_and_sinks_back(tmp_path: Path) -> None:
    with av.open(_drawn(DRAWN_FILMS[1], tmp_path, 2.0)) as container:
        light = [sum(_picture(frame).convert("L").tobytes()) for frame in container.decode(video=0)]
    assert light[0] == 0
    assert light[-1] < max(light) / 50


def test_a_title_card_is_shown_and_goes_again(tmp_path: Path) -> None:
    film = next(film for film in DRAWN_FILMS if film.slug == "perihelion")
    card = tmp_path / "card.png"
    title_card(film.name, film.year, None, card)
    plain = _frames(_drawn(film, tmp_path, 5.0))
    titled = _frames(_drawn(film, tmp_path, 5.0, card))
    assert len(plain) == len(titled) == 120
    changed = [sum(abs(a - b) for a, b in zip(*pair, strict=True)) for pair in zip(plain, titled, strict=True)]
    assert changed[48] > 5 * max(changed[5], changed[110], 1)


def _frames(path: Path) -> list[bytes]:
    with av.open(path) as container:
        return [_picture(frame).resize((64, 36)).tobytes() for frame in container.decode(video=0)]


def test_a_shorter_or_longer_sunrise_still_ends_in_daylight() -> None:
    assert landscapes.first_light(12.0) != landscapes.first_light(24.0)


def test_the_command_writes_where_it_is_told_and_asks_nothing() -> None:
    command = draw_command(DRAWN_FILMS[0], "/opt/ffmpeg", Path("/films/first.mp4"))
    assert command[0] == "/opt/ffmpeg"
    assert command[-1] == "/films/first.mp4"
    assert {"-nostdin", "-y"} <= set(command)
    assert command[command.index("-t") + 1] == "12.000"
