import subprocess
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from matinee.drawing.thumbnails import plan_sprites, sprites_command, thumbnails_vtt, tiles

sizes = st.integers(1, 8000)
durations = st.floats(0.0, 50_000.0, allow_nan=False)


@given(sizes, sizes, durations)
def test_tiles_cover_the_film_without_gap_or_overlap(width: int, height: int, seconds: float) -> None:
    sprites = plan_sprites(width, height, seconds)
    last = 0
    for tile in tiles(sprites):
        assert tile.start_ms == last < tile.end_ms
        last = tile.end_ms
    assert last == sprites.duration_ms == max(1, round(seconds * 1000))


@given(sizes, sizes, durations)
def test_tiles_lie_within_their_sheets_and_never_on_each_other(width: int, height: int, seconds: float) -> None:
    sprites = plan_sprites(width, height, seconds)
    sheet = (sprites.columns * sprites.tile_width, sprites.rows * sprites.tile_height)
    assert max(sheet) <= 65_535
    places = set()
    for tile in tiles(sprites):
        assert 1 <= tile.sheet <= sprites.sheets
        assert tile.x + sprites.tile_width <= sheet[0]
        assert tile.y + sprites.tile_height <= sheet[1]
        assert (tile.x % sprites.tile_width, tile.y % sprites.tile_height) == (0, 0)
        places.add((tile.sheet, tile.x, tile.y))
    assert len(places) == sprites.count


@pytest.mark.parametrize(
    ("seconds", "interval_ms"), [(1, 2000), (98, 2000), (1440, 2000), (3600, 5000), (7200, 10_000)]
)
def test_short_films_get_a_tile_each_two_seconds_and_long_ones_each_ten(seconds: float, interval_ms: int) -> None:
    assert plan_sprites(1280, 720, seconds).interval_ms == interval_ms


@pytest.mark.parametrize(
    ("shape", "tile"),
    [((1280, 720), (160, 90)), ((720, 1280), (90, 160)), ((4000, 16), (160, 2)), ((853, 480), (160, 90))],
)
def test_tiles_keep_the_film_s_shape(shape: tuple[int, int], tile: tuple[int, int]) -> None:
    sprites = plan_sprites(*shape, 60.0)
    assert (sprites.tile_width, sprites.tile_height) == tile


def test_the_sheets_hold_what_the_film_shows_at_each_time(tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    # Six greys of two seconds each and a bit of a seventh.
    look = "nullsrc=s=320x180:r=24:d=12.5,format=gray,geq=lum='30+30*floor((T+0.001)/2)'"
    ffmpeg = get_ffmpeg_exe()
    encode = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "48", "-pix_fmt", "yuv420p")
    subprocess.run([ffmpeg, "-f", "lavfi", "-i", look, *encode, str(source)], check=True, capture_output=True)
    sprites = plan_sprites(320, 180, 12.5)
    for key_frames in (None, 2.0):
        command = sprites_command(ffmpeg, source, tmp_path, sprites, key_frames)
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        assert sprites.count == 7
        with Image.open(tmp_path / "thumbnails-1.jpg") as opened:
            sheet = opened.convert("L")
        assert sheet.size == (7 * 160, 90)
        shades = [sheet.getpixel((tile.x + 80, tile.y + 45)) for tile in tiles(sprites)]
        for shade, expected in zip(shades, range(30, 240, 30), strict=True):
            assert isinstance(shade, int)
            assert abs(shade - expected) <= 6


def test_a_film_of_many_tiles_makes_as_many_sheets_as_are_named(tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    ffmpeg = get_ffmpeg_exe()
    look = "color=c=teal:s=64x36:r=1:d=205"
    subprocess.run([ffmpeg, "-f", "lavfi", "-i", look, "-c:v", "mpeg4", str(source)], check=True, capture_output=True)
    # The container's length may be more than the picture's.
    sprites = plan_sprites(64, 36, 209.0)
    subprocess.run(sprites_command(ffmpeg, source, tmp_path, sprites), check=True, capture_output=True, timeout=60)
    assert sorted(path.name for path in tmp_path.glob("*.jpg")) == ["thumbnails-1.jpg", "thumbnails-2.jpg"]
    assert "thumbnails-2.jpg#xywh=640,0,160,90" in thumbnails_vtt(sprites)


def test_the_text_is_webvtt_that_a_foreign_reader_reads(tmp_path: Path) -> None:
    path = tmp_path / "thumbnails.vtt"
    path.write_text(thumbnails_vtt(plan_sprites(1280, 720, 12.5)))
    with av.open(path) as container:
        stream = container.streams[0]
        cues = [
            (float(packet.pts * stream.time_base), float(packet.duration * stream.time_base), bytes(packet).decode())
            for packet in container.demux(stream)
            if packet.pts is not None and packet.duration is not None and stream.time_base is not None
        ]
    assert container.format.name == "webvtt"
    assert [cue[0] for cue in cues] == [0, 2, 4, 6, 8, 10, 12]
    assert cues[-1] == (12.0, 0.5, "thumbnails-1.jpg#xywh=960,0,160,90")


def test_times_beyond_an_hour_are_written_out() -> None:
    text = thumbnails_vtt(plan_sprites(1280, 720, 36_000.0))
    assert "09:59:50.000 --> 10:00:00.000\n" in text
