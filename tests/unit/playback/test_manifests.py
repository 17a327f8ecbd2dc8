from dataclasses import replace
from xml.etree import ElementTree as ET

import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.media import Presentation, Rendition, Role, TrackKind
from matinee.playback.manifests import Pathway, compose_dash, compose_hls, top_bitrate_bps
from playing import PACKAGED_MPD, presentation, sound, video

STEERING = "http://matinee.test/steering/abc"
PATHWAYS = [
    Pathway("europe-1", "http://127.0.1.1:8400/tok/title/r1/"),
    Pathway("asia-1", "http://127.0.3.1:8400/tok/title/r1/"),
]
MPD = "{urn:mpeg:dash:schema:mpd:2011}"


def read(shown: Presentation, pathways: list[Pathway] | None = None) -> m3u8.M3U8:
    return m3u8.loads(compose_hls(shown, pathways or PATHWAYS, STEERING))


def test_a_foreign_reader_finds_every_variant_once_on_every_pathway() -> None:
    playlist = read(presentation())
    assert playlist.is_variant
    assert playlist.version == 6
    assert playlist.is_independent_segments
    found = [
        (one.stream_info.pathway_id, one.stream_info.stable_variant_id, one.stream_info.resolution, one.uri)
        for one in playlist.playlists
    ]
    assert found == [
        ("europe-1", "v720", (1280, 720), "http://127.0.1.1:8400/tok/title/r1/v720/main.m3u8"),
        ("europe-1", "v360", (640, 360), "http://127.0.1.1:8400/tok/title/r1/v360/main.m3u8"),
        ("asia-1", "v720", (1280, 720), "http://127.0.3.1:8400/tok/title/r1/v720/main.m3u8"),
        ("asia-1", "v360", (640, 360), "http://127.0.3.1:8400/tok/title/r1/v360/main.m3u8"),
    ]


def test_steering_starts_on_the_first_pathway() -> None:
    steering = read(presentation()).content_steering
    assert (steering.uri, steering.pathway_id) == (STEERING, "europe-1")


def test_a_variants_figures_count_its_sound() -> None:
    variant = read(presentation()).playlists[0].stream_info
    assert variant.bandwidth == 2_400_000 + 130_000
    assert variant.average_bandwidth == 1_800_000 + 128_000
    assert variant.codecs == "avc1.64001f,mp4a.40.2"
    assert variant.frame_rate == 24.0


def test_every_pathway_has_sound_of_its_own() -> None:
    playlist = read(presentation())
    groups = {one.stream_info.pathway_id: one.stream_info.audio for one in playlist.playlists}
    assert groups == {"europe-1": "a-europe-1", "asia-1": "a-asia-1"}
    heard = [(one.group_id, one.stable_rendition_id, one.language, one.channels, one.uri) for one in playlist.media]
    assert heard == [
        ("a-europe-1", "a-en", "en", "2", "http://127.0.1.1:8400/tok/title/r1/a-en/main.m3u8"),
        ("a-asia-1", "a-en", "en", "2", "http://127.0.3.1:8400/tok/title/r1/a-en/main.m3u8"),
    ]
    assert {(one.default, one.autoselect) for one in playlist.media} == {("YES", "YES")}


def test_what_grows_is_begun_at_its_start_and_its_playlists_stand_elsewhere() -> None:
    shown = replace(presentation(video("v360", 360, 800_000)), is_growing=True)
    own = [replace(one, playlists=f"http://matinee.test/{one.id}/") for one in PATHWAYS]
    text = compose_hls(shown, own, STEERING)
    assert "#EXT-X-START:TIME-OFFSET=0.001\n" in text
    assert "EXT-X-START" not in compose_hls(replace(shown, is_growing=False), PATHWAYS, STEERING)
    listed = m3u8.loads(text).playlists
    assert [one.uri for one in listed] == [f"http://matinee.test/{one.id}/v360/main.m3u8" for one in PATHWAYS]


def test_a_silent_film_names_no_sound() -> None:
    text = compose_hls(presentation(video("v360", 360, 800_000)), PATHWAYS, STEERING)
    assert "AUDIO" not in text
    assert "EXT-X-MEDIA" not in text


def test_two_languages_are_one_group_with_one_default_and_names_of_their_own() -> None:
    shown = presentation(video("v360", 360, 800_000), sound(), sound("a-de", "de"), sound("a-en2", "en"))
    media = [one for one in read(shown).media if one.group_id == "a-europe-1"]
    assert [one.name for one in media] == ["en", "de", "en 2"]
    assert [one.default for one in media] == ["YES", "NO", "NO"]


def test_sound_of_no_known_language_has_a_name_and_no_language() -> None:
    media = read(presentation(video("v360", 360, 1), sound(language=None), sound("a-und", "und"))).media
    assert [(one.name, one.language) for one in media][:2] == [("sound", None), ("und", None)]


def test_a_player_without_a_measurement_begins_in_the_middle_of_the_ladder() -> None:
    heights = [240, 360, 720, 1080, 2160]
    rates = [400_000, 900_000, 2_400_000, 5_000_000, 16_000_000]
    shown = presentation(*[video(f"v{height}", height, rate) for height, rate in zip(heights, rates, strict=True)])
    order = [one.stream_info.stable_variant_id for one in read(shown, PATHWAYS[:1]).playlists]
    assert order == ["v720", "v240", "v360", "v1080", "v2160"]


def test_a_ladder_above_what_any_line_carries_begins_at_its_foot() -> None:
    shown = presentation(video("v2160", 2160, 16_000_000), video("v1080", 1080, 8_000_000))
    assert read(shown).playlists[0].stream_info.stable_variant_id == "v1080"


_names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


@given(name=_names, language=_names)
def test_no_name_breaks_out_of_its_attribute(name: str, language: str) -> None:
    shown = presentation(video("v360", 360, 800_000), sound(name, language))
    lines = compose_hls(shown, PATHWAYS, STEERING).split("\n")
    assert len(lines) == 1 + 3 + 2 + 4 + 1
    assert all(line.count('"') % 2 == 0 for line in lines)


def test_the_highest_bit_rate_is_the_top_rung_with_its_sound() -> None:
    assert top_bitrate_bps(presentation()) == 2_530_000
    assert top_bitrate_bps(presentation(video("v360", 360, 800_000))) == 800_000


def test_an_mpd_gets_a_base_url_for_every_pathway_before_steering_before_its_periods() -> None:
    root = ET.fromstring(compose_dash(PACKAGED_MPD, PATHWAYS, STEERING))
    assert [child.tag.removeprefix(MPD) for child in root] == [
        "ProgramInformation",
        "BaseURL",
        "BaseURL",
        "ContentSteering",
        "Period",
    ]
    bases = [(base.get("serviceLocation"), base.text) for base in root.findall(f"{MPD}BaseURL")]
    assert bases == [(pathway.id, pathway.url) for pathway in PATHWAYS]
    steering = root.find(f"{MPD}ContentSteering")
    assert steering is not None
    assert steering.text == STEERING
    assert steering.attrib == {"defaultServiceLocation": "europe-1", "queryBeforeStart": "false"}


def test_what_was_packaged_stays_as_it_was() -> None:
    before, after = ET.fromstring(PACKAGED_MPD), ET.fromstring(compose_dash(PACKAGED_MPD, PATHWAYS, STEERING))
    assert after.attrib == before.attrib
    periods = [ET.canonicalize(ET.tostring(root.find(f"{MPD}Period")), strip_text=True) for root in (before, after)]  # type: ignore[arg-type]
    assert periods[0] == periods[1]


def test_the_mpd_keeps_its_default_namespace_and_prefixes() -> None:
    text = compose_dash(PACKAGED_MPD, PATHWAYS, STEERING)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"')
    assert "xsi:schemaLocation" in text
    assert "ns0" not in text


def test_addresses_with_ampersands_are_escaped_in_xml() -> None:
    text = compose_dash(PACKAGED_MPD, [Pathway("e", "http://e.example/a&b/")], "http://s.example/?a=1&b=2")
    assert ET.fromstring(text).findtext(f"{MPD}ContentSteering") == "http://s.example/?a=1&b=2"


@pytest.mark.parametrize("packaged", [PACKAGED_MPD, compose_dash(PACKAGED_MPD, PATHWAYS, "http://old.example/")])
def test_composing_replaces_what_an_earlier_composition_left(packaged: str) -> None:
    root = ET.fromstring(compose_dash(packaged, PATHWAYS[:1], STEERING))
    assert len(root.findall(f"{MPD}BaseURL")) == 1
    assert root.findtext(f"{MPD}ContentSteering") == STEERING


def test_subtitles_stand_on_every_pathway_and_every_variant_names_them() -> None:
    text = Rendition("t-de", TrackKind.TEXT, "wvtt", "t-de/main.m3u8", 400, 90, language="de", roles=(Role.FORCED,))
    playlist = read(presentation(video("v360", 360, 800_000), sound(), text))
    told = [one for one in playlist.media if one.type == "SUBTITLES"]
    assert [(one.group_id, one.language, one.forced, one.default, one.uri) for one in told] == [
        ("t-europe-1", "de", "YES", "NO", "http://127.0.1.1:8400/tok/title/r1/t-de/main.m3u8"),
        ("t-asia-1", "de", "YES", "NO", "http://127.0.3.1:8400/tok/title/r1/t-de/main.m3u8"),
    ]
    groups = {one.stream_info.pathway_id: one.stream_info.subtitles for one in playlist.playlists}
    assert groups == {"europe-1": "t-europe-1", "asia-1": "t-asia-1"}
    assert playlist.playlists[0].stream_info.codecs == "avc1.64001f,mp4a.40.2"


def test_surround_is_for_who_asks_for_it() -> None:
    five = replace(sound("a-en-51", "en"), channels=6)
    media = [one for one in read(presentation(video("v360", 360, 1), sound(), five)).media if "europe" in one.group_id]
    assert [(one.name, one.channels, one.default, one.autoselect) for one in media] == [
        ("en", "2", "YES", "YES"),
        ("en 5.1", "6", "NO", "NO"),
    ]
