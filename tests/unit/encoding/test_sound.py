"""How sound is measured, mixed and levelled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.commands.sound import sound_graph
from matinee.encoding.sound import (
    CEILING_DBTP,
    MOST_GAIN_DB,
    TARGET_LUFS,
    Loudness,
    damage_notes,
    gain_db,
    read_loudness,
    sound_notes,
)
from matinee.inspection.inspection import Film
from matinee.model.errors import EncodingFailed
from matinee.model.media import SourceTrack, TrackKind
from matinee.packaging.sound import Sound, plan_sounds
from unit.commands.test_commands import _FILM

_SAID = """[ebur128@a-en @ 0x5581] Summary:

  Integrated loudness:
    I:         -13.3 LUFS
    Threshold: -23.9 LUFS

  True peak:
    Peak:        0.4 dBFS
[ebur128@a-en-51 @ 0x5582] Summary:

  Integrated loudness:
    I:         -70.0 LUFS

  True peak:
    Peak:       -inf dBFS
"""


def _track(channels: int) -> SourceTrack:
    return SourceTrack(1, TrackKind.AUDIO, "aac", "en", channels=channels)


def _graph(channels: int, film: Film = _FILM) -> str:
    sounds = plan_sounds([_track(channels)])
    return sound_graph(film, sounds, ["anull"] * len(sounds))


@given(st.floats(-69, 0), st.floats(-60, 6))
def test_a_film_comes_to_the_target_as_far_as_its_peaks_and_its_noise_let_it(lufs: float, peak: float) -> None:
    gain = gain_db(Loudness(lufs, peak))
    assert lufs + gain <= TARGET_LUFS + 0.01
    assert peak + gain <= CEILING_DBTP + 0.01
    assert gain <= MOST_GAIN_DB
    limits = (TARGET_LUFS - lufs, CEILING_DBTP - peak, MOST_GAIN_DB)
    assert gain == pytest.approx(min(limits), abs=0.01)


def test_silence_stays_silence() -> None:
    silent = Loudness(-70.0, float("-inf"))
    assert gain_db(silent) == 0.0
    assert sound_notes(Sound("a-en", _track(2)), silent, 0.0) == ("The sound a-en is silent.",)


def test_only_what_does_not_come_to_the_target_is_told() -> None:
    sound = Sound("a-en", _track(2))
    assert sound_notes(sound, Loudness(-13.0, 0.0), -10.0) == ()
    (peaks,) = sound_notes(sound, Loudness(-30.0, -5.0), 3.0)
    assert peaks == "The sound a-en was brought to -27.0 LUFS only: more would clip its peaks."


def test_ffmpegs_words_are_read_by_rendition() -> None:
    assert read_loudness(_SAID, plan_sounds([_track(6)])) == (
        Loudness(-13.3, 0.4),
        Loudness(-70.0, float("-inf")),
    )
    with pytest.raises(EncodingFailed, match="how loud a-en is"):
        read_loudness("", plan_sounds([_track(2)]))


def test_a_track_that_is_measured_in_parts_is_as_loud_as_the_loudest() -> None:
    silent = _SAID.replace("-13.3", "-70.0").replace("0.4", "-inf")
    assert read_loudness(silent + _SAID, plan_sounds([_track(2)])) == (Loudness(-13.3, 0.4),)
    assert read_loudness(_SAID + silent, plan_sounds([_track(2)])) == (Loudness(-13.3, 0.4),)


def test_sound_is_as_long_as_the_picture() -> None:
    graph = _graph(2)
    assert "apad=whole_dur=12.000000" in graph
    assert "atrim=end=12.500000" in graph
    assert "first_pts=0" in graph


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        (1, ["FL=c0|FR=c0"]),
        (2, ["channel_layouts=stereo"]),
        (3, ["FL=FL+0.707*FC"]),
        (6, ["FL=FL+0.707*FC+0.707*BL+0.707*SL+0.5*BC", "pan=5.1|FL=FL|FR=FR|FC=FC|LFE=LFE|BL=BL+SL"]),
        (8, ["FL=FL+0.707*FC", "BL=0.707*BL+0.707*SL"]),
    ],
)
def test_channels_are_mixed_with_stated_coefficients(channels: int, words: list[str]) -> None:
    graph = _graph(channels)
    assert all(word in graph for word in words)
    assert ("pan=5.1" in graph) == (channels >= 6)


def test_packets_that_cannot_be_decoded_are_counted_by_track() -> None:
    (sound,) = plan_sounds((SourceTrack(1, TrackKind.AUDIO, "mp3", channels=2),))
    said = "  Input stream #0:1 (audio): 431 packets read; 420 frames decoded; {} decode errors (4 samples); \n"
    assert damage_notes(sound, said.format(0)) == ()
    assert damage_notes(sound, said.format(11).replace("#0:1", "#0:2")) == ()
    (note,) = damage_notes(sound, said.format(11))
    assert note == f"The sound {sound.name} is damaged: 11 packets cannot be decoded and are silent."
