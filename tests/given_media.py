"""Media as they occur in the wild, which are not part of the project, and each of them encoded once a session.

They lie in ``MATINEE_TEST_MEDIA``, or beside the repository in ``shared/media``. ``EVERY_MEDIA_FILE=1`` tries all of
them; else those of a second or two.
"""

import functools
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from house import ROOT
from matinee.compose.encode import encode_folder
from matinee.model.errors import Refused

MEDIA = Path(os.environ.get("MATINEE_TEST_MEDIA", ROOT.parent / "shared/media"))
_EVERY = os.environ.get("EVERY_MEDIA_FILE") == "1"

QUICK = (
    *("odd/iphone_ios9_rot-90_720p.mov", "odd/rotate_and_reflect.mp4", "odd/shorter_audio.mp4", "odd/flv_sample.flv"),
    "subtitles/sample_with_overlapping_srt.mkv",
)
LONGER = (
    *("odd/bbb_1080p24_hevc_aac51_5s.ts", "odd/bbb_1080p60_aac51_2s.mp4", "odd/bbb_720i30_tff_h264_10s.mp4"),
    *("odd/bbb_720p25_aac51_5s.mp4", "odd/firstpts_10s_bbb.mp4", "odd/hdr10_av1_mdcv_clli_1s.mp4"),
    *("odd/hdr10_hevc_1080p_sdr_container.mp4", "odd/hlg_hevc_editlist_no_sync.mp4"),
    *("odd/long_6min_1080p30_h264_aac.mp4", "odd/mpeg2_1080p24_mp2.ts", "odd/nasa_2v_2a_2s.mp4"),
    *("odd/sar_2x1_640x360.mp4", "odd/sar_64x45_bbb_h264_pyramid_noaudio.mp4", "odd/smpte_2997_colourbars_1080p.mp4"),
    *("odd/tos_1080p24_hdr10_hevc_16s.mp4", "odd/vertical_16x4000.ts", "odd/vfr_bad_displaymatrix_720p_10s.mp4"),
    *("odd/vfr_screen_3026x1386.mp4", "subtitles/sample_with_chapters.mp4"),
    *("subtitles/sample_with_pgs_subtitles.mkv", "subtitles/sample_with_srt.mkv"),
    *("subtitles/sample_with_ssa_subtitles.mkv", "subtitles/sample_with_vobsub.mkv"),
    "subtitles/sample_with_vtt_subtitles.mkv",
)
PLAYABLE = (*QUICK, *LONGER)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file and what was made of it; ``refusal`` is the sentence if nothing was."""

    source: Path
    folder: Path
    report: dict[str, Any] | None
    refusal: str = ""

    @property
    def film(self) -> dict[str, Any]:
        """The report of what was made."""
        assert self.report is not None, self.refusal
        return self.report


def given(name: str, *, always: bool = False) -> Path:
    """A file of the media; skips the test where it is not, or, but ``always``, where only quick ones are wanted."""
    place = MEDIA / name
    if not place.exists():
        pytest.skip(f"{name} is not here: these samples are not part of the project.")
    if name in LONGER and not _EVERY and not always:
        pytest.skip(f"{name} takes long: EVERY_MEDIA_FILE=1 tries all.")
    return place


@functools.cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="given-media-")


@functools.cache
def encoded(name: str) -> Encoded:
    """A file of the media, encoded into a folder that lasts as long as the session."""
    source, folder = MEDIA / name, Path(_folder().name) / name.replace("/", "-")
    try:
        return Encoded(source, folder, encode_folder(source, folder))
    except Refused as error:
        return Encoded(source, folder, None, str(error))
