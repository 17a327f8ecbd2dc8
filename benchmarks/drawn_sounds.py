"""Sounds drawn from seeds, for tests and benchmarks of what episodes share: music of sines, speech of noise."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from matinee.spans.words import RATE_HZ

Sound = NDArray[np.float64]
LOUD = 0.4


def music(rng: np.random.Generator, seconds: float, rate: int = RATE_HZ) -> Sound:
    """Notes that come, ring and overlap, with overtones."""
    sound = np.zeros(round(seconds * rate))
    at = 0.0
    while at < seconds:
        length = rng.uniform(0.15, 0.8)
        place = slice(round(at * rate), round(min(seconds, at + 1.5 * length) * rate))
        time = np.arange(place.stop - place.start) / rate
        for _ in range(rng.integers(1, 4)):
            pitch, decay = 220 * 2 ** (rng.integers(0, 36) / 12), rng.uniform(1, 5)
            for overtone in (1, 2, 3):
                sound[place] += np.sin(2 * np.pi * pitch * overtone * time) * np.exp(-time * decay) / overtone
        at += length
    sound += rng.normal(0, 0.02, len(sound))
    return np.asarray(sound / np.abs(sound).max() * LOUD)


def speech(rng: np.random.Generator, seconds: float, rate: int = RATE_HZ) -> Sound:
    """Syllables of filtered noise with pauses."""
    length, at = round(seconds * rate), 0
    sound = rng.normal(0, 0.001, length)
    while at < length:
        syllable = min(round(rng.uniform(0.1, 0.5) * rate), length - at)
        angle, radius = 2 * np.pi * rng.uniform(300, 2000) / rate, 0.97
        resonance = [1, -2 * radius * np.cos(angle), radius**2]
        sound[at : at + syllable] += lfilter([1], resonance, rng.normal(0, 1, syllable)) * rng.uniform(0, 0.02)
        at += syllable + round(rng.uniform(0, 0.3) * rate)
    return sound


def scene(rng: np.random.Generator, seconds: float, rate: int = RATE_HZ) -> Sound:
    """An episode's own sound: speech and quiet music in turns."""
    parts, left = [], seconds
    while left > 0:
        length = min(rng.uniform(8, 25), left)
        parts.append(speech(rng, length, rate) if rng.random() < 0.6 else 0.4 * music(rng, length, rate))
        left -= length
    length = round(seconds * rate)
    return np.pad(np.concatenate(parts), (0, len(parts)))[:length]


def placed(into: Sound, sound: Sound, at_seconds: float, rate: int = RATE_HZ) -> Sound:
    """A sound instead of what is there from a moment on."""
    first = round(at_seconds * rate)
    return np.concatenate([into[:first], sound, into[first + len(sound) :]])[: len(into)]


def samples(
    sound: Sound, gain: float = 1.0, noise: float = 0.0, rng: np.random.Generator | None = None
) -> NDArray[np.int16]:
    """As samples of 16 bits, turned and with noise."""
    turned = sound * gain + (rng.normal(0, noise, len(sound)) if rng is not None and noise else 0.0)
    return np.round(np.clip(turned, -1, 1) * 32_767).astype(np.int16)
