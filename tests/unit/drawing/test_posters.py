import subprocess
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from matinee.drawing.films import DRAWN_FILMS, draw_command
from matinee.drawing.posters import make_poster, make_still, still_command

_SHAPES = [(1280, 720), (720, 1280), (640, 640), (16, 4000), (4000, 16), (1, 1), (2, 2), (3026, 1386), (853, 480)]


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _source(path: Path, size: str, seconds: float, *options: str) -> Path:
    ffmpeg = get_ffmpeg_exe()
    _run(
        [ffmpeg, "-y", "-f", "lavfi", "-i", f"testsrc2=s={size}:r=12:d={seconds}", *options, "-c:v", "mpeg4", str(path)]
    )
    return path


@pytest.mark.parametrize("shape", _SHAPES)
def test_a_frame_of_any_shape_makes_a_poster_and_a_still_of_the_promised_size(
    shape: tuple[int, int], tmp_path: Path
) -> None:
    frame = tmp_path / "frame.png"
    Image.linear_gradient("L").resize(shape).convert("RGB").save(frame)
    make_still(frame, tmp_path / "still.jpg")
    colour = make_poster(frame, "Metropolis", None, tmp_path / "poster.jpg", 1927)
    with Image.open(tmp_path / "still.jpg") as still, Image.open(tmp_path / "poster.jpg") as poster:
        assert (still.format, still.size) == ("JPEG", (1280, 720))
        assert (poster.format, poster.size) == ("JPEG", (600, 900))
    assert len(colour) == 7
    assert int(colour[1:], 16) >= 0


def test_a_poster_shows_the_part_of_a_wide_frame_where_something_is(tmp_path: Path) -> None:
    frame = Image.new("RGB", (1280, 720), "#101418")
    frame.paste("#e04020", (1000, 200, 1160, 420))
    frame.save(tmp_path / "frame.png")
    make_poster(tmp_path / "frame.png", "Buoy", None, tmp_path / "poster.jpg")
    with Image.open(tmp_path / "poster.jpg") as poster:
        reds = [poster.getpixel((x, 380)) for x in range(0, 600, 10)]
    seen = [red for red in reds if isinstance(red, tuple) and red[0] > 150]
    assert len(seen) >= 15


def test_a_name_is_written_at_the_foot_of_a_white_frame_on_dark_ground(tmp_path: Path) -> None:
    Image.new("RGB", (600, 900), "white").save(tmp_path / "frame.png")
    make_poster(tmp_path / "frame.png", "Snow", None, tmp_path / "poster.jpg")
    with Image.open(tmp_path / "poster.jpg") as opened:
        poster = opened.convert("L")
    foot = sorted(poster.crop((46, 760, 554, 870)).tobytes())
    assert poster.getpixel((300, 100)) == 255
    assert foot[len(foot) // 2] < 70
    assert foot[-1] > 220


def test_a_frame_of_a_tall_film_stands_whole_in_its_still(tmp_path: Path) -> None:
    frame = Image.new("RGB", (360, 640), "#204060")
    frame.paste("#ffffff", (0, 0, 360, 20))
    frame.paste("#ffffff", (0, 620, 360, 640))
    frame.save(tmp_path / "frame.png")
    make_still(tmp_path / "frame.png", tmp_path / "still.jpg")
    with Image.open(tmp_path / "still.jpg") as opened:
        still = opened.convert("L")
    assert min(still.crop((600, 2, 680, 18)).tobytes()) > 200
    assert min(still.crop((600, 702, 680, 718)).tobytes()) > 200


@pytest.mark.parametrize("seconds", [0.2, 3.0, 45.0])
def test_a_still_is_found_in_films_of_any_length(seconds: float, tmp_path: Path) -> None:
    source = _source(tmp_path / "film.mp4", "320x180", seconds)
    _run(still_command(get_ffmpeg_exe(), source, tmp_path / "frame.jpg", seconds))
    with Image.open(tmp_path / "frame.jpg") as frame:
        assert frame.size == (320, 180)
        assert max(frame.convert("L").tobytes()) > 100


@pytest.mark.parametrize(("size", "expected"), [("16:1200", (16, 1200)), ("2000:16", (1920, 16)), ("2:2", (2, 2))])
def test_a_still_is_found_in_films_of_odd_shapes(size: str, expected: tuple[int, int], tmp_path: Path) -> None:
    source = _source(tmp_path / "film.mkv", "64x64", 1.0, "-vf", f"scale={size},setsar=1")
    _run(still_command(get_ffmpeg_exe(), source, tmp_path / "frame.jpg", 1.0))
    with Image.open(tmp_path / "frame.jpg") as frame:
        assert frame.width == expected[0]
        assert abs(frame.height - expected[1]) <= 1


def test_a_still_is_in_square_pixels(tmp_path: Path) -> None:
    source = _source(tmp_path / "film.mkv", "360x288", 1.0, "-vf", "setsar=64/45")
    _run(still_command(get_ffmpeg_exe(), source, tmp_path / "frame.jpg", 1.0))
    with Image.open(tmp_path / "frame.jpg") as frame:
        assert frame.size == (512, 288)


def test_a_still_is_upright(tmp_path: Path) -> None:
    flat = _source(tmp_path / "flat.mp4", "320x180", 1.0)
    turned = tmp_path / "turned.mp4"
    _run([get_ffmpeg_exe(), "-y", "-display_rotation", "90", "-i", str(flat), "-c", "copy", str(turned)])
    _run(still_command(get_ffmpeg_exe(), turned, tmp_path / "frame.jpg", 1.0))
    with Image.open(tmp_path / "frame.jpg") as frame:
        assert frame.size == (180, 320)


def test_a_still_is_not_taken_from_the_dark_at_the_start(tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    _run(draw_command(DRAWN_FILMS[1], get_ffmpeg_exe(), source, seconds=4, size=(320, 180)))
    _run(still_command(get_ffmpeg_exe(), source, tmp_path / "frame.jpg", 4.0))
    with Image.open(tmp_path / "frame.jpg") as frame:
        light = frame.convert("L").resize((1, 1)).getpixel((0, 0))
    assert isinstance(light, int)
    assert light > 90


@pytest.mark.parametrize(("size", "seconds"), [("640x360", 4.0), ("1920x1080", 45.0), ("16x1200", 1.0), ("64x64", 0.1)])
def test_what_was_looked_at_for_a_still_is_kept_where_somebody_wants_it(
    size: str, seconds: float, tmp_path: Path
) -> None:
    source, looked_at = _source(tmp_path / "film.mkv", size, seconds), tmp_path / "looked_at"
    looked_at.mkdir()
    _run(still_command(get_ffmpeg_exe(), source, tmp_path / "alone.jpg", seconds))
    _run(still_command(get_ffmpeg_exe(), source, tmp_path / "frame.jpg", seconds, looked_at))
    assert (tmp_path / "frame.jpg").read_bytes() == (tmp_path / "alone.jpg").read_bytes()
    names = sorted(path.name for path in looked_at.iterdir())
    assert names == [f"{number}.jpg" for number in range(1, len(names) + 1)]
    assert 1 <= len(names) <= 9
    for name in names:
        with Image.open(looked_at / name) as frame:
            assert frame.width == min(1280, int(size.partition("x")[0]))


def test_stills_are_found_in_a_slide_show(tmp_path: Path) -> None:
    source, looked_at = tmp_path / "film.mp4", tmp_path / "looked_at"
    looked_at.mkdir()
    slides = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=1/20:duration=60"]
    _run([get_ffmpeg_exe(), "-y", *slides, "-c:v", "libx264", "-g", "1", str(source)])
    _run(still_command(get_ffmpeg_exe(), source, tmp_path / "frame.jpg", 60.0, looked_at))
    assert len(list(looked_at.iterdir())) == 9
