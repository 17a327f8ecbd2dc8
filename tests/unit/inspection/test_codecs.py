"""Each codec that is listed has a decoder that may be opened, in both of the FFmpegs that read a film."""

import re

import av
import pytest

from matinee.inspection.codecs import AUDIO_CODECS, DECODERS, VIDEO_CODECS
from sources import ffmpeg_lists

_CODECS = (*VIDEO_CODECS, *AUDIO_CODECS)


@pytest.mark.parametrize("codec", _CODECS)
def test_what_inspects_a_film_decodes_each_codec_by_a_listed_decoder(codec: str) -> None:
    assert av.Codec(codec, "r").name in DECODERS


def test_what_encodes_a_film_decodes_each_codec_by_a_listed_decoder() -> None:
    told = ffmpeg_lists("codecs")
    for codec in _CODECS:
        line = re.search(rf"^ D\S+ {re.escape(codec)} .*$", told, re.MULTILINE)
        assert line is not None, codec
        decoders = re.search(r"\(decoders: ([^)]*)\)", line[0])
        assert set(decoders[1].split() if decoders else [codec]) & set(DECODERS), codec


def test_no_codec_is_listed_twice() -> None:
    assert len(set(DECODERS)) == len(DECODERS)
