import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from matinee.model.media import Chapter
from matinee.packaging.chapters import chapters_json, list_chapters, write_chapters

_TWO = (Chapter("Opening", 0.0), Chapter('The "end"', 12.5))


def test_each_chapter_lasts_until_the_next_one(tmp_path: Path) -> None:
    write_chapters(tmp_path, _TWO, 20.0)
    assert json.loads((tmp_path / "chapters.json").read_text()) == [
        {"chapter": 1, "start-time": 0.0, "duration": 12.5, "titles": [{"language": "und", "title": "Opening"}]},
        {"chapter": 2, "start-time": 12.5, "duration": 7.5, "titles": [{"language": "und", "title": 'The "end"'}]},
    ]


def test_the_playlist_names_the_file_before_its_variants(tmp_path: Path) -> None:
    playlist = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv/main.m3u8\n"
    assert list_chapters(playlist, _TWO).splitlines()[1:] == [
        '#EXT-X-SESSION-DATA:DATA-ID="com.apple.hls.chapters",URI="chapters.json"',
        "#EXT-X-STREAM-INF:BANDWIDTH=1",
        "v/main.m3u8",
    ]


def test_a_film_without_chapters_has_neither(tmp_path: Path) -> None:
    write_chapters(tmp_path, (), 20.0)
    assert list(tmp_path.iterdir()) == []
    assert list_chapters("#EXTM3U\n", ()) == "#EXTM3U\n"


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=30, unique=True), st.floats(0.1, 10))
def test_together_they_fill_the_film_from_the_first_on(starts: list[float], rest: float) -> None:
    chapters = [Chapter("x", round(start, 3)) for start in sorted(starts)]
    length = chapters[-1].start_seconds + rest
    told = chapters_json(chapters, length)
    whole = sum(float(str(one["duration"])) for one in told)
    assert abs(whole - (length - chapters[0].start_seconds)) < 0.001 * (len(told) + 1)
