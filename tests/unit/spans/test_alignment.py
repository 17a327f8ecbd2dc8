"""What two sounds share is found wherever it lies and however it was treated; what they do not share is not."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.drawn_sounds import music, placed, samples, scene
from hypothesis import given, settings
from hypothesis import strategies as st

from matinee.spans.alignment import shared_runs
from matinee.spans.words import FRAME, HOP, HOP_SECONDS, RATE_HZ, seconds_of, word_at, words_of
from sources import ffmpeg

NEAR_SECONDS = 0.5
SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=8, deadline=None)
@given(SEEDS, st.floats(12, 40), st.floats(0, 60), st.floats(0, 60), st.floats(0.2, 2.0), st.floats(0, 0.002))
def test_a_shared_piece_is_found_to_half_a_second_at_other_places_gains_and_noise(
    seed: int, length: float, here_at: float, there_at: float, gain: float, noise: float
) -> None:
    rng = np.random.default_rng(seed)
    shared = music(rng, length)
    here = samples(placed(scene(rng, 105), shared, here_at))
    # A sound that is turned down has its noise turned down with it.
    there = samples(placed(scene(rng, 110), shared, there_at), gain, gain * noise, rng)
    (run,) = shared_runs(words_of(here), words_of(there))
    assert abs(seconds_of(run.first) - here_at) < NEAR_SECONDS
    assert abs(seconds_of(run.end) - here_at - length) < NEAR_SECONDS
    assert abs(run.distance * HOP_SECONDS - (there_at - here_at)) < 2 * HOP_SECONDS


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_sounds_that_share_nothing_have_no_run(seed: int) -> None:
    rng = np.random.default_rng(seed)
    here, there = (words_of(samples(scene(rng, 60))) for _ in range(2))
    assert shared_runs(here, there) == ()


def test_a_piece_is_found_under_voices_and_in_another_mix() -> None:
    rng = np.random.default_rng(7)
    shared = music(rng, 25)
    voices = scene(rng, 25) * 0.3
    here = placed(scene(rng, 100), shared, 20)
    there = placed(scene(rng, 100), shared + voices, 50)
    # Another mix: its treble turned down.
    there = there - 0.4 * np.diff(there, prepend=0.0)
    (run,) = shared_runs(words_of(samples(here)), words_of(samples(there)))
    assert abs(seconds_of(run.first) - 20) < NEAR_SECONDS
    assert abs(seconds_of(run.end) - 45) < NEAR_SECONDS


@pytest.mark.parametrize(("codec", "rate"), [("aac", "64k"), ("libopus", "48k"), ("libmp3lame", "64k")])
def test_a_piece_is_found_behind_a_codec(tmp_path: Path, codec: str, rate: str) -> None:
    rng = np.random.default_rng(11)
    shared = music(rng, 20)
    sounds = [placed(scene(rng, 70), shared, at) for at in (5.0, 31.234)]
    words = []
    for number, sound in enumerate(sounds):
        raw, packed, back = (tmp_path / f"{number}.{ending}" for ending in ("raw", "mkv", "back"))
        samples(sound).tofile(raw)
        mono = ("-f", "s16le", "-ar", str(RATE_HZ), "-ac", "1")
        ffmpeg(*mono, "-i", raw, "-c:a", codec, "-ar", "48000", "-b:a", rate, packed)
        ffmpeg("-i", packed, *mono, back)
        words.append(words_of(np.fromfile(back, np.int16)))
    (run,) = shared_runs(words[0], words[1])
    assert abs(seconds_of(run.first) - 5) < NEAR_SECONDS
    assert abs(seconds_of(run.end) - 25) < NEAR_SECONDS


def test_two_pieces_in_another_order_are_both_found() -> None:
    rng = np.random.default_rng(3)
    one, other = music(rng, 12), music(rng, 15)
    here = placed(placed(scene(rng, 100), one, 10), other, 60)
    there = placed(placed(scene(rng, 100), other, 5), one, 70)
    runs = shared_runs(words_of(samples(here)), words_of(samples(there)))
    assert [round(seconds_of(run.first)) for run in runs] == [10, 60]
    assert [run.distance < 0 for run in runs] == [False, True]


def test_silence_and_nothing_share_nothing() -> None:
    silence = words_of(np.zeros(60 * RATE_HZ, np.int16))
    assert not silence.any()
    assert shared_runs(silence, silence) == ()
    assert shared_runs(words_of(np.zeros(0, np.int16)), silence) == ()
    assert len(words_of(np.zeros(FRAME + HOP - 1, np.int16))) == 0
    assert len(words_of(np.zeros(FRAME + HOP, np.int16))) == 1


@given(st.floats(0, 10_000))
def test_the_word_of_a_moment_stands_for_that_moment(seconds: float) -> None:
    assert abs(seconds_of(word_at(seconds)) - seconds) <= max(HOP_SECONDS / 2 + 1e-9, seconds_of(0))


def test_words_do_not_depend_on_how_sound_is_cut_into_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = samples(scene(np.random.default_rng(1), 20))
    whole = words_of(sound)
    monkeypatch.setattr("matinee.spans.words._BATCH", 37)
    assert np.array_equal(words_of(sound), whole)
