"""Boxes: counts and lengths out of them, and patience with nonsense."""

import io
from pathlib import Path
from tempfile import NamedTemporaryFile

from hypothesis import given
from hypothesis import strategies as st

from matinee.packaging.boxes import first_level, fragment_samples, index_is_cut, lies_elsewhere, track_seconds, walk


def _box(kind: str, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind.encode() + content


def _run(samples: int) -> bytes:
    return _box("trun", bytes(4) + samples.to_bytes(4, "big") + bytes(16))


def test_the_samples_of_all_fragments_are_counted(tmp_path: Path) -> None:
    segment = tmp_path / "segment.m4s"
    fragments = [
        _box("moof", _box("mfhd", bytes(8)) + _box("traf", _box("tfhd", bytes(8)) + _run(n))) for n in (48, 47)
    ]
    segment.write_bytes(_box("styp") + b"".join(fragment + _box("mdat", bytes(100)) for fragment in fragments))
    assert fragment_samples(segment) == 95
    assert first_level(segment) == ("styp", "moof", "mdat", "moof", "mdat")


def test_a_track_lasts_as_long_as_its_media_header_says(tmp_path: Path) -> None:
    short = bytes(12) + (90_000).to_bytes(4, "big") + (1_080_000).to_bytes(4, "big")
    wide = b"\x01" + bytes(19) + (48_000).to_bytes(4, "big") + (24_000).to_bytes(8, "big")
    film = tmp_path / "film.mp4"
    for header, seconds in ((short, 12.0), (wide, 0.5)):
        film.write_bytes(_box("ftyp") + _box("moov", _box("trak", _box("mdia", _box("mdhd", header)))))
        assert track_seconds(film) == seconds
    film.write_bytes(_box("ftyp"))
    assert track_seconds(film) == 0.0


def test_a_box_of_sixty_four_bits_and_one_to_the_end_are_understood(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    large = (1).to_bytes(4, "big") + b"free" + (20).to_bytes(8, "big") + bytes(4)
    film.write_bytes(large + bytes(4) + b"mdat" + bytes(50))
    assert first_level(film) == ("free", "mdat")


@given(st.binary(max_size=400))
def test_noise_ends_the_walk_and_never_leaves_the_file(noise: bytes) -> None:
    everything = frozenset({"moov", "moof", "traf"})
    for _, start, end in walk(io.BytesIO(noise), 0, len(noise), everything):
        assert start >= 8
        assert end <= len(noise)


def _movie(flags: int, place: bytes) -> bytes:
    listed = _box("dref", bytes(4) + (1).to_bytes(4, "big") + _box("url ", flags.to_bytes(4, "big") + place))
    return _box("moov", _box("trak", _box("mdia", _box("minf", _box("dinf", listed)))))


def test_a_movie_lies_elsewhere_if_a_reference_has_a_place_that_is_not_itself(tmp_path: Path) -> None:
    movie = tmp_path / "movie.mov"
    for content, elsewhere in (
        (_movie(1, b""), False),
        (_movie(1, b"http://x"), False),
        (_movie(0, b""), False),
        (_movie(0, bytes(9)), False),
        (_movie(0, b"http://x"), True),
        (_box("moov", _box("rmra", b"")), True),
        (_box("mdat", _movie(0, b"http://x")), False),
        (b"", False),
    ):
        movie.write_bytes(content)
        assert lies_elsewhere(movie) is elsewhere


@given(st.binary(max_size=200))
def test_no_movie_breaks_who_looks_for_references(content: bytes) -> None:
    with NamedTemporaryFile() as file:
        file.write(_box("moov", _box("trak", _box("mdia", _box("minf", _box("dinf", _box("dref", content)))))))
        file.flush()
        assert lies_elsewhere(Path(file.name)) in {True, False}


def test_an_index_that_is_cut_off_is_known(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    index = (100).to_bytes(4, "big") + b"moov" + bytes(92)
    film.write_bytes((8).to_bytes(4, "big") + b"free" + index)
    assert not index_is_cut(film)
    film.write_bytes(film.read_bytes()[:-1])
    assert index_is_cut(film)
