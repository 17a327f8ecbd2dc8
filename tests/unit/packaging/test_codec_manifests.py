"""Codecs in DASH: one is preferred, and light that not everybody knows is essential."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from matinee.ladder.codecs import in_codec
from matinee.ladder.fixed import fixed_ladder
from matinee.model.errors import EncodingFailed
from matinee.model.media import Codec, VideoRange
from matinee.packaging.codec_manifests import check_codec, check_sets, rank_codecs, sample_entry
from matinee.packaging.packaging import video_folder
from matinee.packaging.sound import MPD

_CICP = "urn:mpeg:mpegB:cicp:"
_RUNG = fixed_ladder(1280, 720, 24).rungs[-1]


def _set(codecs: str, folder: str, transfer: str | None = None) -> str:
    told = ("MatrixCoefficients", "9"), ("ColourPrimaries", "9"), ("TransferCharacteristics", transfer)
    properties = [
        f'<SupplementalProperty schemeIdUri="{_CICP}{name}" value="{value}"/>' for name, value in told if transfer
    ]
    return (
        f'<AdaptationSet contentType="video">{"".join(properties)}<Representation codecs="{codecs}">'
        f'<SegmentTemplate initialization="{folder}/init.mp4"/></Representation></AdaptationSet>'
    )


def _period(*sets: str) -> ET.Element:
    return ET.fromstring(f'<Period xmlns="{MPD}">{"".join(sets)}</Period>')


def _properties(kind: str, pictured: ET.Element) -> dict[str, str | None]:
    found = pictured.findall(f"{{{MPD}}}{kind}")
    return {one.get("schemeIdUri", "").removeprefix(_CICP): one.get("value") for one in found}


def test_fewer_bits_are_preferred() -> None:
    period = _period(_set("avc1.64001f", "v"), _set("hvc1.2.4.L90.90", "h"), _set("av01.0.04M.10", "a"))
    rank_codecs(period)
    assert [one.get("selectionPriority") for one in period] == ["1", "2", "3"]


def test_one_codec_needs_no_order() -> None:
    period = _period(_set("avc1.64001f", "v"))
    rank_codecs(period)
    assert period[0].get("selectionPriority") is None


def test_pq_is_essential() -> None:
    period = _period(_set("av01.0.04M.10.0.110.09.16.09.0", "a", "16"))
    rank_codecs(period)
    essential = {"MatrixCoefficients": "9", "ColourPrimaries": "9", "TransferCharacteristics": "16"}
    assert _properties("EssentialProperty", period[0]) == essential
    assert _properties("SupplementalProperty", period[0]) == {}


def test_hlg_is_a_picture_for_wide_ordinary_screens_too() -> None:
    period = _period(_set("av01.0.04M.10.0.110.09.18.09.0", "a", "18"))
    rank_codecs(period)
    assert _properties("EssentialProperty", period[0])["TransferCharacteristics"] == "14"
    assert _properties("SupplementalProperty", period[0]) == {"TransferCharacteristics": "18"}


def test_ordinary_light_is_no_condition() -> None:
    period = _period(_set("avc1.64001f", "v", "1"))
    rank_codecs(period)
    assert _properties("EssentialProperty", period[0]) == {}


def _info(codecs: str, video_range: str | None = None) -> Any:
    return SimpleNamespace(codecs=codecs, video_range=video_range)


def test_a_variant_is_of_its_rungs_codec_and_range() -> None:
    assert check_codec(_info("avc1.64001f,mp4a.40.2"), _RUNG, "v720") == "avc1.64001f"
    bright = in_codec(_RUNG, Codec.AV1, VideoRange.PQ)
    assert check_codec(_info("av01.0.08M.10,mp4a.40.2", "PQ"), bright, "v720-av1") == "av01.0.08M.10"
    with pytest.raises(EncodingFailed, match=r"said to be avc1\.64001f, and was encoded to av1"):
        check_codec(_info("avc1.64001f"), bright, "v720-av1")
    with pytest.raises(EncodingFailed, match="said to be SDR, and was encoded to PQ"):
        check_codec(_info("av01.0.08M.10"), bright, "v720-av1")


def test_both_manifests_say_the_same_codec(tmp_path: Path) -> None:
    dash = tmp_path / "manifest.mpd"
    dash.write_text(f'<MPD xmlns="{MPD}">{_set("hev1.2.4.L90.90", "v720-hevc")}</MPD>')
    check_sets(dash, {"v720-hevc/main.m3u8": "hev1.2.4.L90.90", "a/main.m3u8": "mp4a.40.2"}, "night")
    with pytest.raises(EncodingFailed, match="disagree about v720-hevc"):
        check_sets(dash, {"v720-hevc/main.m3u8": "hvc1.2.4.L90.90"}, "night")


def test_no_set_mixes_codecs(tmp_path: Path) -> None:
    dash = tmp_path / "manifest.mpd"
    both = _set("avc1.64001f", "v").replace("</AdaptationSet>", "") + _set("av01.0.08M.10", "a").partition(">")[2]
    dash.write_text(f'<MPD xmlns="{MPD}">{both}</MPD>')
    with pytest.raises(EncodingFailed, match="several codecs: av01, avc1"):
        check_sets(dash, {"v/main.m3u8": "avc1.64001f", "a/main.m3u8": "av01.0.08M.10"}, "night")


def test_folders_are_named_for_rungs() -> None:
    assert video_folder(_RUNG) == "v720"
    assert video_folder(in_codec(_RUNG, Codec.AV1)) == "v720-av1"
    assert sample_entry("av01.0.08M.10") == "av01"
