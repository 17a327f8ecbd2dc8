import string
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from matinee.model.addresses import LONGEST, MediaAddress, content_type, is_media_path, parse

_LETTERS = string.ascii_letters + string.digits + "_-"
_SEGMENTS = st.builds("{}{}".format, st.sampled_from(_LETTERS), st.text(alphabet=_LETTERS + ".", max_size=20))
_PATHS = st.lists(_SEGMENTS, min_size=3, max_size=5).map("/".join)
_TOKENS = st.text(alphabet=_LETTERS, min_size=1, max_size=300)


@given(_TOKENS, _PATHS)
def test_every_published_name_has_an_address(token: str, path: str) -> None:
    assert parse(f"/{token}/{path}".encode()) == MediaAddress(token, path)
    assert is_media_path(path)


@given(st.binary(max_size=200))
@example(b"/t/a/b/c\n")
@example(b"/t/a/b/../c")
@example(b"/t/a/b/.c")
@example(b"/t//a/b/c")
@example(b"/t/a/b/c/")
@example(b"t/a/b/c")
@example(b"//t/a/b/c")
@example(b"/t/a/b")
@example("/t/a/b/ä".encode())
@example("/t/a/b/\uff11".encode())
def test_what_is_taken_for_an_address_is_plain(raw: bytes) -> None:
    address = parse(raw)
    if address is None:
        return
    assert raw.decode("ascii") == f"/{address.token}/{address.path}"
    segments = address.path.split("/")
    assert len(segments) >= 3
    for segment in [address.token, *segments]:
        assert segment
        assert not segment.startswith(".")
        assert set(segment) <= set(_LETTERS + ".")


@given(_TOKENS, _PATHS, st.data())
def test_one_odd_byte_anywhere_is_enough_to_refuse(token: str, path: str, data: st.DataObject) -> None:
    raw = f"/{token}/{path}".encode()
    place = data.draw(st.integers(0, len(raw)))
    odd = data.draw(st.integers(0, 255).filter(lambda byte: chr(byte) not in _LETTERS + "./"))
    assert parse(raw[:place] + bytes([odd]) + raw[place:]) is None


@given(_PATHS, st.data())
def test_a_name_in_any_escape_is_no_address(path: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(path) - 1))
    escaped = f"%{ord(path[place]):02x}"
    for spelled in (escaped, quote(escaped), f"%u00{ord(path[place]):02x}"):
        assert parse(f"/t/{path[:place]}{spelled}{path[place + 1 :]}".encode()) is None


def test_a_path_that_is_too_long_is_not_looked_at() -> None:
    stem = b"/t/a/b/"
    assert parse(stem + b"c" * (LONGEST - len(stem))) is not None
    assert parse(stem + b"c" * (LONGEST - len(stem) + 1)) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("master.m3u8", "application/vnd.apple.mpegurl"),
        ("manifest.mpd", "application/dash+xml"),
        ("v720/init.mp4", "video/mp4"),
        ("v720/00001.m4s", "video/iso.segment"),
        ("poster.jpg", "image/jpeg"),
        ("thumbnails.vtt", "text/vtt; charset=utf-8"),
        ("unknown", "application/octet-stream"),
    ],
)
def test_players_are_told_what_a_file_is(name: str, expected: str) -> None:
    assert content_type(name) == expected
