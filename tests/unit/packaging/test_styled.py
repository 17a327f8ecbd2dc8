"""Lines of Advanced SubStation, as libavcodec writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.packaging.styled import Styles
from matinee.packaging.text import read_webvtt, tidy, webvtt

_HEADER = """[Script Info]
PlayResX: 640
PlayResY: 360

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,20,&H00FFFFFF,&H000000FF,&H00000000,&H00000000,-1,0,0,0,100,100,0,0,1,2,2,2,10,10,10,1
Style: Top,Arial,20,&H00FFFFFF,&H000000FF,&H00000000,&H00000000,0,-1,0,0,100,100,0,0,1,2,2,8,10,10,10,1
"""


def _said(text: str, style: str = "Default", header: str = "") -> tuple[str, str]:
    cue = Styles(header).cue(0.0, 1.0, f"0,0,{style},,0,0,0,,{text}")
    return cue.text, cue.settings


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain, with a comma", "plain, with a comma"),
        (r"two\Nlines", "two\nlines"),
        (r"{\i1}slanted{\i0} not", "<i>slanted</i> not"),
        (r"{\b1}{\i1}both", "<b><i>both</i></b>"),
        (r"{\i1}over{\c&H0000FF&} colours{\i0}", "<i>over colours</i>"),
        ("a < b & c", "a &lt; b &amp; c"),
        (r"{\p1}m 0 0 l 9 9{\p0}", ""),
        (r"{\k20}ka{\k30}ra", "kara"),
    ],
)
def test_words_and_their_marks_come_along(written: str, shown: str) -> None:
    assert _said(written)[0] == shown


@pytest.mark.parametrize(
    ("written", "settings"),
    [
        ("below", ""),
        (r"{\an8}above", "line:0"),
        (r"{\an5}amid", "line:50%,center"),
        (r"{\an7}corner", "line:0 position:0%,line-left align:left"),
        (r"{\an3}corner", "position:100%,line-right align:right"),
        (r"{\pos(192,144)}a sign", "line:50%,end position:50%,center"),
    ],
)
def test_places_come_along(written: str, settings: str) -> None:
    assert _said(written)[1] == settings


def test_a_style_gives_slant_and_place_and_its_weight_is_only_its_look() -> None:
    assert _said("shown above", "Top", _HEADER) == ("<i>shown above</i>", "line:0")
    assert _said("bold as all of it", "Default", _HEADER) == ("bold as all of it", "")
    assert _said(r"{\pos(64,36)}a sign", "Default", _HEADER)[1] == "line:10%,end position:10%,center"


@given(st.text(max_size=200), st.text(max_size=60))
def test_nothing_that_is_written_breaks_the_file(header: str, text: str) -> None:
    cue = Styles(header).cue(0.0, 1.0, f"0,0,Default,,0,0,0,,{text}")
    cues = tidy([cue, Styles("").cue(1.0, 2.0, text)], 0.0, 9.0)
    assert read_webvtt(webvtt(cues)) == cues
