import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.errors import Invalid
from matinee.packaging.growing import appended, read_growth

EDGE = "http://127.0.1.1:8400/token/title/r0/"
# As FFmpeg's hls muxer writes it.
OF_FFMPEG = """#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:3
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:EVENT
#EXT-X-INDEPENDENT-SEGMENTS
#EXTINF:3.000000,
00001.ts
#EXTINF:2.120000,
00002.ts
"""

_lengths = st.lists(st.floats(0.04, 4.4), min_size=1, max_size=12)


def _named(lengths: list[float], first: int = 1) -> list[tuple[str, float]]:
    return [(f"{number:05}.ts", length) for number, length in enumerate(lengths, first)]


@given(_lengths, _lengths, st.booleans())
def test_a_playlist_grows_by_appending_only_and_says_how_much_has_arrived(
    first: list[float], more: list[float], whole: bool
) -> None:
    begun = appended("", _named(first), target_seconds=4)
    grown = appended(begun, _named(more, len(first) + 1), target_seconds=4, whole=whole)
    assert grown.startswith(begun)
    growth = read_growth(grown, "v360/main.m3u8")
    assert growth.arrived_seconds == pytest.approx(sum(first) + sum(more), abs=1e-5)
    assert growth.is_whole is whole
    assert not read_growth(begun, "v360/main.m3u8").is_whole


@given(_lengths)
def test_every_segment_stands_at_the_edge_in_its_order(lengths: list[float]) -> None:
    growth = read_growth(appended("", _named(lengths), target_seconds=4), "v360/main.m3u8")
    read = m3u8.loads(growth.at(EDGE))
    assert [one.uri for one in read.segments] == [f"{EDGE}v360/{name}" for name, _ in _named(lengths)]
    assert [one.duration for one in read.segments] == pytest.approx(lengths, abs=1e-6)
    assert read.playlist_type == "event"
    assert read.target_duration == 4


def test_what_ffmpeg_writes_is_read() -> None:
    growth = read_growth(OF_FFMPEG, "v360/main.m3u8")
    assert (growth.arrived_seconds, growth.is_whole) == (5.12, False)
    text = growth.at(EDGE)
    assert f"{EDGE}v360/00002.ts\n" in text
    assert "#EXT-X-INDEPENDENT-SEGMENTS" in text
    assert "invalid" not in text
    assert read_growth(OF_FFMPEG + "#EXT-X-ENDLIST\n", "v360/main.m3u8").is_whole


def test_a_map_and_a_break_are_kept() -> None:
    text = OF_FFMPEG.replace("#EXTINF:3", '#EXT-X-MAP:URI="init.mp4"\n#EXTINF:3').replace(
        "#EXTINF:2", "#EXT-X-DISCONTINUITY\n#EXTINF:2"
    )
    read = read_growth(text, "v360/main.m3u8").at(EDGE)
    assert f'#EXT-X-MAP:URI="{EDGE}v360/init.mp4"' in read
    assert "#EXT-X-DISCONTINUITY" in read


@pytest.mark.parametrize(
    "text",
    ["", "<html>", "#EXTM3U\n#EXT-X-TARGETDURATION:3\n", OF_FFMPEG.replace("EVENT", "VOD")],
)
def test_what_does_not_grow_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_growth(text, "v360/main.m3u8")


def test_what_was_said_of_a_playlist_holds() -> None:
    ended = appended("", [("00001.ts", 3.0)], target_seconds=4, whole=True)
    with pytest.raises(Invalid, match="has ended"):
        appended(ended, [("00002.ts", 3.0)], target_seconds=4)
    with pytest.raises(Invalid, match=r"00001\.ts lasts 4\.6 s"):
        appended("", [("00001.ts", 4.6)], target_seconds=4)
    with pytest.raises(Invalid, match="3 s at most"):
        appended(OF_FFMPEG, [("00003.ts", 2.0)], target_seconds=4)
