"""Seasons drawn from seeds, of many kinds, with what is in them: for tests and benchmarks of what episodes share."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from benchmarks.drawn_episodes import (
    AAC,
    LOW,
    MP3,
    OPUS,
    Drawn,
    Rng,
    again,
    cameras,
    episode,
    quicker,
    shot,
    shots,
)
from benchmarks.drawn_sounds import music, scene, speech
from matinee.spans.pictures import RATE, SIDE
from matinee.spans.span import Extent, SpanKind
from matinee.spans.words import RATE_HZ

# --- seasons in which there is something ----------------------------------------------------------------------------

INTRO, CREDITS, RECAP = SpanKind.INTRO, SpanKind.CREDITS, SpanKind.RECAP


def with_intro(
    rng: Rng,
    seconds: float = 240.0,
    length: float = 20.0,
    places: Sequence[float] = (0, 12.3, 31.7, 50.2, 68.9),
    credits_length: float = 25.0,
    *,
    moving: bool = True,
    over: float = 0.0,
) -> list[Drawn]:
    """Episodes with an intro at these places (none where it is below zero) and credits at the end."""
    theme, views = music(rng, length), shots(rng, length)
    outro = music(rng, credits_length)
    season = []
    for at in places:
        one = episode(rng, seconds)
        if at >= 0:
            one.put(at, theme, INTRO, again(rng, views) if moving else None, over)
        one.put(seconds - credits_length, outro, CREDITS)
        season.append(one)
    return season


def intro_of(length: float) -> Callable[[Rng], list[Drawn]]:
    return lambda rng: with_intro(rng, length=length)


def cold_opens(rng: Rng) -> list[Drawn]:
    return with_intro(rng, 480, 30, (0, 45, 90.5, 135.2, 180))


def codecs(rng: Rng) -> list[Drawn]:
    season = with_intro(rng)
    for one, codec, gain in zip(season, (AAC, LOW, OPUS, MP3, LOW), (1, 0.2, 2.2, 0.1, 0.05), strict=True):
        one.codec, one.gain = codec, gain
    return season


def speeds(rng: Rng) -> list[Drawn]:
    return [quicker(one, 1.005) if n % 2 else one for n, one in enumerate(with_intro(rng, length=60))]


def long_speeds(rng: Rng) -> list[Drawn]:
    return [quicker(one, 1.005) if n % 2 else one for n, one in enumerate(with_intro(rng, length=90))]


def voices(rng: Rng) -> list[Drawn]:
    return with_intro(rng, over=0.7)


def languages(rng: Rng) -> list[Drawn]:
    """A song in two languages over the same music."""
    season = with_intro(rng, length=30)
    songs = [2 * speech(rng, 30) for _ in range(2)]
    for number, one in enumerate(season):
        first = round(one.spans[0].start_seconds * RATE_HZ)
        one.sound[first : first + len(songs[0])] += songs[number % 2]
    return season


def some_without(rng: Rng) -> list[Drawn]:
    return with_intro(rng, places=(3.0, -1, 25.5, 40, -1, 12))


def changed(rng: Rng) -> list[Drawn]:
    return [*with_intro(rng, places=(3, 30, 12, 22)), *with_intro(rng, length=25, places=(8, 35, 2, 17))]


def other_pictures(rng: Rng) -> list[Drawn]:
    return with_intro(rng, moving=False)


def short(rng: Rng) -> list[Drawn]:
    return with_intro(rng, 60, 10, (0, 5.5, 12, 20.2, 15), 8)


def hours(rng: Rng) -> list[Drawn]:
    return with_intro(rng, 3000, 60, (0, 410.3, 180), 60)


def two_only(rng: Rng) -> list[Drawn]:
    return with_intro(rng, places=(4, 31))


def two_of_three(rng: Rng) -> list[Drawn]:
    return with_intro(rng, length=30, places=(4, 31, -1))


def glances(rng: Rng) -> list[Drawn]:
    """Credits, then a glance at the next episode."""
    season = with_intro(rng, places=(2, 14, 30, 22), credits_length=55)
    for one in season:
        kept = one.spans[-1]
        one.spans[-1] = Extent(CREDITS, kept.start_seconds, kept.end_seconds - 30)
        one.put(210, scene(rng, 30))
    return season


def recaps(rng: Rng) -> list[Drawn]:
    """Every episode but the first begins with shots of the one before, with their sound."""
    season = with_intro(rng, places=(5, 30, 40, 55))
    for before, one in pairwise(season):
        at = 0.0
        for place in np.sort(rng.choice(np.arange(90, 200, 7), 5, replace=False)):
            length = rng.uniform(2.5, 5)
            views = before.pictures[place * RATE : round((place + length) * RATE)]
            sound = before.sound[place * RATE_HZ : round((place + length) * RATE_HZ)].copy()
            one.put(at, sound, None, again(rng, views))
            at += len(views) / RATE
        one.spans.append(Extent(RECAP, 0.0, at))
    return season


# --- seasons in which there is nothing ------------------------------------------------------------------------------


def plain(rng: Rng, seconds: float = 240.0, number: int = 5) -> list[Drawn]:
    return [episode(rng, seconds) for _ in range(number)]


def silence(rng: Rng) -> list[Drawn]:
    season = plain(rng)
    for one in season:
        for at in (0, 40, 215):
            one.put(at, np.zeros(25 * RATE_HZ), None, np.zeros((25 * RATE, SIDE, SIDE), np.uint8))
    return season


def room_tone(rng: Rng) -> list[Drawn]:
    """A room that hums and hisses between what is said, the same recording over and over."""
    season, tone = plain(rng), 0.01 * rng.normal(0, 1, 6 * RATE_HZ)
    for one in season:
        one.put(rng.uniform(0, 60), np.resize(tone, 20 * RATE_HZ))
        one.put(rng.uniform(200, 215), np.resize(tone, 25 * RATE_HZ))
    return season


def hum(rng: Rng) -> list[Drawn]:
    """Mains that hum, with their overtones, where nobody speaks."""
    season = plain(rng)
    time = np.arange(30 * RATE_HZ) / RATE_HZ
    for one in season:
        for at in (rng.uniform(0, 60), 210):
            phase = rng.uniform(0, 6)
            tones = sum(np.sin(2 * np.pi * 50 * n * time + n * phase) / n for n in range(1, 30))
            one.put(at, 0.05 * np.asarray(tones) + rng.normal(0, 0.0005, len(time)))
    return season


def tone(rng: Rng) -> list[Drawn]:
    """Bars and a tone before and after."""
    season, bars = plain(rng), np.repeat(shot(rng, 0.25), 15 * RATE, axis=0)
    for one in season:
        for at in (0, 225):
            one.put(at, 0.3 * np.sin(2 * np.pi * 1000 * np.arange(15 * RATE_HZ) / RATE_HZ), None, bars)
    return season


def jingles(rng: Rng) -> list[Drawn]:
    """A jingle of three seconds, wherever; and thrice in a row at one pace."""
    season, jingle = plain(rng), music(rng, 3)
    for one in season:
        at = rng.uniform(5, 50)
        for n in range(3):
            one.put(at + 6.5 * n, jingle)
        one.put(rng.uniform(180, 235), jingle)
    return season


def laughs(rng: Rng) -> list[Drawn]:
    """The same few laughs, again and again."""
    season = plain(rng)
    kinds = [0.3 * rng.normal(0, 1, round(s * RATE_HZ)) * np.hanning(round(s * RATE_HZ)) for s in (1.5, 2.5, 4, 6)]
    for one in season:
        at = rng.uniform(2, 8)
        while at < one.seconds - 7:
            one.put(at, kinds[rng.integers(len(kinds))], over=0.5)
            at += rng.uniform(6, 14)
    return season


def stock(over: float, number: int, *, whole: bool = True) -> Callable[[Rng], list[Drawn]]:
    """The same stock music under other scenes of some of six episodes, early and late."""

    def drawn(rng: Rng) -> list[Drawn]:
        season, cue = plain(rng, number=6), music(rng, 30)
        for place in rng.permutation(6)[:number]:
            for at in (rng.uniform(5, 70), rng.uniform(175, 209)):
                first, length = (0.0, 30.0) if whole else (rng.uniform(0, 10), rng.uniform(12, 20))
                part = cue[round(first * RATE_HZ) : round((first + length) * RATE_HZ)]
                season[place].put(at, part * (1 if over == 0 else 0.5), over=over)
        return season

    return drawn


def logo(rng: Rng) -> list[Drawn]:
    season, sound, views = plain(rng), music(rng, 5), shot(rng, 5)
    for one in season:
        one.put(0, sound, None, again(rng, views))
        one.put(235, sound, None, again(rng, views))
    return season


def twice(seconds: float, number: int = 2) -> Callable[[Rng], list[Drawn]]:
    """The same episode uploaded twice, the second in another encode; others beside it share nothing."""

    def drawn(rng: Rng) -> list[Drawn]:
        season = plain(rng, seconds, number - 1)
        first = season[0]
        return [Drawn(first.sound.copy(), again(rng, first.pictures), [], LOW, 0.5), *season]

    return drawn


def twice_quiet(rng: Rng) -> list[Drawn]:
    """The same, with silences in it."""
    season = plain(rng, 240, 1)
    for at in (20, 50, 90, 130, 180, 205, 226):
        season[0].put(at, np.zeros(6 * RATE_HZ))
    return [Drawn(season[0].sound.copy(), again(rng, season[0].pictures), [], LOW, 0.5), *season]


def longer_cut(rng: Rng) -> list[Drawn]:
    """An episode and its longer cut: scenes are put in every 20 s."""
    one = episode(rng, 240)
    sound, views = [], []
    for at in range(0, 240, 20):
        sound += [one.sound[at * RATE_HZ : (at + 20) * RATE_HZ], scene(rng, 8)]
        views += [one.pictures[at * RATE : (at + 20) * RATE], shots(rng, 8)]
    return [one, Drawn(np.concatenate(sound), np.concatenate(views))]


def single(rng: Rng) -> list[Drawn]:
    return plain(rng, number=1)


def flashback(rng: Rng) -> list[Drawn]:
    """A scene of twelve seconds is seen again, whole, in the next episode of three; another one late."""
    season = plain(rng, number=3)
    for at, to, length in ((60, 20, 12), (200, 210, 12)):
        sound = season[0].sound[at * RATE_HZ : (at + length) * RATE_HZ].copy()
        season[1].put(to, sound, None, again(rng, season[0].pictures[at * RATE : (at + length) * RATE]))
    return season


def stage(number: int, seconds: float = 240.0) -> Callable[[Rng], list[Drawn]]:
    """Talk on a stage before cameras that stand still."""

    def drawn(rng: Rng) -> list[Drawn]:
        season, sets = plain(rng, seconds, 4), [shot(rng, 0.25) for _ in range(number)]
        for one in season:
            for at in range(0, round(seconds), 30):
                length = min(30, seconds - at)
                part = cameras(rng, sets, length) if at % 60 == 0 or seconds < 120 else shots(rng, length)
                one.put(at, None, None, part)
        return season

    return drawn


def establishing(rng: Rng) -> list[Drawn]:
    """Views of the town between the scenes, the same ones in every episode."""
    season, views = plain(rng, number=5), [shot(rng, 3) for _ in range(4)]
    for one in season:
        for at in np.arange(10, 230, 12):
            one.put(float(at), None, None, again(rng, views[rng.integers(4)]))
    return season


def cards(rng: Rng) -> list[Drawn]:
    """Black, and cards that fade in, stand and fade out."""
    season, texts = plain(rng), [shot(rng, 0.25)[0] for _ in range(4)]
    fade = np.concatenate([np.linspace(0, 1, 4), np.ones(10), np.linspace(1, 0, 4), np.zeros(6)])
    for one in season:
        for n, text in enumerate(rng.permutation(4)):
            one.put(6.0 * n, None, None, (fade[:, None, None] * texts[text]).astype(np.uint8))
    return season


def same_pictures_quicker(rng: Rng) -> list[Drawn]:
    """An opening whose pictures all have, at other speeds and with other music: not a recap."""
    views = shots(rng, 80)
    season = []
    for n in range(4):
        one = episode(rng, 240)
        one.put(3 + n, None, None, again(rng, views))
        season.append(quicker(one, 1.0 + 0.01 * n))
    return season


FOUND: dict[str, Callable[[Rng], list[Drawn]]] = {
    "cold opens of 0 to 180 s": cold_opens,
    "intro of 8 s": intro_of(8),
    "intro of 10 s": intro_of(10),
    "intro of 20 s": intro_of(20),
    "intro of 60 s": intro_of(60),
    "intro of 90 s": intro_of(90),
    "other codecs and loudness": codecs,
    "half at 1.005 speed, 60 s": speeds,
    "half at 1.005 speed, 90 s": long_speeds,
    "voices over the intro": voices,
    "sung in two languages": languages,
    "two of six without": some_without,
    "changed in mid-season": changed,
    "intro with other pictures": other_pictures,
    "episodes of 60 s": short,
    "episodes of 50 min": hours,
    "two episodes": two_only,
    "two of three, 30 s": two_of_three,
    "a glance after the credits": glances,
    "recaps": recaps,
}
NOTHING: dict[str, Callable[[Rng], list[Drawn]]] = {
    "nothing shared": plain,
    "silence and black": silence,
    "the same room tone": room_tone,
    "hum": hum,
    "bars and tone": tone,
    "jingles of 3 s": jingles,
    "laughs": laughs,
    "stock music, bare, in two": stock(0.0, 2),
    "stock music, bare, in six": stock(0.0, 6, whole=False),
    "stock music under speech, in two": stock(1.0, 2),
    "stock music under speech, in six": stock(1.0, 6),
    "studio logo of 5 s": logo,
    "uploaded twice, 240 s": twice(240),
    "uploaded twice, 60 s": twice(60),
    "uploaded twice, among five": twice(240, 5),
    "uploaded twice, with silences": twice_quiet,
    "a longer cut": longer_cut,
    "a single episode": single,
    "a scene seen again": flashback,
    "a stage of two cameras": stage(2),
    "a stage of four cameras, 90 s": stage(4, 90),
    "views of the town": establishing,
    "black and cards": cards,
    "an opening by its pictures": same_pictures_quicker,
}
