"""The sound of the films that Matinee draws: each a filter graph for FFmpeg that ends in an unlabelled output.

A score is a few voices mixed: chords that swell into one another, struck strings, plucks scattered by a hash, coloured
noise. Voices are evaluated at low sample rates and one cycle long, then looped: an expression costs microseconds a
sample. Times are in seconds, gains are linear.
"""

import re
from collections.abc import Sequence

_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NOTE = re.compile(r"([A-G])([#b]?)(\d)")

# Partials of a voice as (multiple of the pitch, strength).
_SOFT = ((1, 1.0), (2, 0.3), (3, 0.1))
_REED = ((1, 1.0), (2, 0.5), (3, 0.33), (4, 0.25), (5, 0.2))
_ORGAN = ((1, 1.0), (2, 0.5), (4, 0.15), (6, 0.08))
# Partials of a struck string as (multiple, strength, decay): a bar of metal rings inharmonically, a bass does not.
_BELL = ((1, 1.0, 1.0), (2.756, 0.35, 2.2), (5.404, 0.12, 4.0))
_BASS = ((1, 1.0, 1.0), (2, 0.35, 2.0))


def hertz(note: str) -> float:
    """The pitch of a note such as ``F#4``; a rest (``-``) has none, which is 0 Hz."""
    if note == "-":
        return 0.0
    match = _NOTE.fullmatch(note)
    if match is None:
        raise ValueError(f"{note!r} is not a note such as F#4.")
    step = _SEMITONES[match[1]] + {"": 0, "#": 1, "b": -1}[match[2]] + 12 * int(match[3]) - 57
    return 440.0 * float(2.0 ** (step / 12))


def _choice(index: str, leaves: Sequence[str]) -> str:
    """An expression that picks a leaf by number, in as few comparisons as a balanced tree needs."""
    if len(leaves) == 1:
        return leaves[0]
    return _branch(index, leaves, 0)


def _branch(index: str, leaves: Sequence[str], first: int) -> str:
    if len(leaves) == 1:
        return leaves[0]
    half = len(leaves) // 2
    low = _branch(index, leaves[:half], first)
    high = _branch(index, leaves[half:], first + half)
    return f"if(lt({index},{first + half}),{low},{high})"


def _source(left: str, right: str, rate: int, cycle_seconds: float | None = None) -> str:
    """A stereo voice from an expression a channel; looped if it repeats after ``cycle_seconds``."""
    source = f"aevalsrc=exprs='{left}|{right}':s={rate}:c=stereo"
    return source if cycle_seconds is None else f"{source},aloop=loop=-1:size={round(cycle_seconds * rate)}"


def swells(
    chords: Sequence[str],
    bar_seconds: float,
    gain: float,
    partials: Sequence[tuple[float, float]] = _SOFT,
    rate: int = 4000,
) -> str:
    """An even number of chords (notes parted by spaces); each swells for two bars and overlaps its neighbours.

    ``rate`` in Hz is more than twice the highest partial.
    """
    count = len(chords)
    channels = []
    for side in (-1, 1):
        # Each chord sounds a little sharp on one side and flat on the other: the room seems wide.
        voices = [
            "+".join(
                f"{strength}*sin({6.2832 * hertz(note) * multiple * (1 + side * 0.001 * (1 + place)):.3f}*t)"
                for place, note in enumerate(chord.split())
                for multiple, strength in partials
            )
            for chord in chords
        ]
        lanes = []
        for lane in (0, 1):
            # The first chord begins with the film, the second a bar later; chords change where a swell is silent.
            clock = f"st({lane},max(0,t-{lane * bar_seconds})/{2 * bar_seconds})"
            choice = _choice(f"mod(floor(ld({lane})),{count // 2})", [f"({voice})" for voice in voices[lane::2]])
            lanes.append(f"({clock};pow(sin(PI*ld({lane})),2)*{choice})")
        channels.append(f"{gain}*({'+'.join(lanes)})")
    return _source(channels[0], channels[1], rate)


def struck(
    notes: str,
    step_seconds: float,
    decay: float,
    gain: float,
    partials: Sequence[tuple[float, float, float]] = _BELL,
    rate: int = 16000,
) -> str:
    """Notes parted by spaces, one each step, ``-`` for a rest: even ones lean left, odd ones right, over and over."""
    pitches = notes.split()
    channels = []
    for side in (0, 1):
        leaves = [f"{6.2832 * hertz(note):.3f}" for note in pitches[side::2]]
        # 0: seconds of this side's clock; 1: seconds since the strike; 2: angle of the lowest partial.
        clock = f"st(0,max(0,t-{side * step_seconds}));st(1,mod(ld(0),{2 * step_seconds}))"
        angle = f"st(2,ld(1)*{_choice(f'floor(ld(0)/{2 * step_seconds})', leaves)})"
        tone = "+".join(
            f"{strength}*sin({multiple}*ld(2))*exp({-decay * faster:.2f}*ld(1))"
            for multiple, strength, faster in partials
        )
        # A strike rises in 4 ms and is damped 15 ms before the next one, so that neither clicks.
        damped = f"min(1,ld(1)*250)*min(1,({2 * step_seconds}-ld(1))*66)"
        channels.append(f"{clock};{angle};{gain}*{damped}*({tone})")
    cycle = step_seconds * len(pitches)
    return f"{_source(channels[0], channels[1], rate, cycle)},pan=stereo|c0=c0+0.45*c1|c1=c1+0.45*c0"


def scattered(scale: str, step_seconds: float, decay: float, gain: float, chance: float, seed: int) -> str:
    """Plucks from a scale, each step one with a chance; pitch and place come of a hash of the step's number."""
    leaves = [f"{6.2832 * hertz(note):.3f}" for note in scale.split()]
    steps = 32
    channels = []
    for side in ("1-ld(4)", "ld(4)"):
        chances = [f"mod(abs(sin((ld(0)+{seed})*{factor})*43758.5453),1)" for factor in (12.9898, 78.233, 39.425)]
        channels.append(
            f"st(0,floor(t/{step_seconds}));st(1,mod(t,{step_seconds}));st(4,{chances[1]});"
            f"if(lt({chances[2]},{chance}),"
            f"st(2,floor({chances[0]}*{len(leaves)}));st(3,ld(1)*{_choice('ld(2)', leaves)});"
            f"{gain}*({side})*min(1,ld(1)*300)*min(1,({step_seconds}-ld(1))*80)"
            f"*(sin(ld(3))*exp({-decay}*ld(1))+0.4*sin(3.93*ld(3))*exp({-3 * decay}*ld(1))),0)"
        )
    return _source(channels[0], channels[1], 16000, steps * step_seconds)


def endless(cycle_seconds: float, gain: float) -> str:
    """Octaves that climb for ever (Shepard's scale): each fades in at the bottom while the highest fades out."""
    channels = []
    for turns in (794, 796):
        # A whole number of turns a cycle, so that each octave takes over the phase of the one below it.
        base = turns / cycle_seconds
        octaves = "+".join(
            f"exp(-pow(({octave}+ld(0)-2.6)/1.35,2))*sin({6.28318530718 * base * 2**octave:.6f}*ld(1))"
            for octave in range(6)
        )
        climb = f"st(0,mod(t/{cycle_seconds},1));st(1,(pow(2,ld(0))-1)*{cycle_seconds})"
        channels.append(f"{climb};{gain}*({octaves})")
    return _source(channels[0], channels[1], 8000, cycle_seconds)


def noise(colour: str, seed: int, shape: str, loudness: str) -> str:
    """Noise of a colour through filters, with its loudness an expression of ``t``."""
    # Short frames, because volume is evaluated once a frame and a beat must not smear.
    return f"anoisesrc=color={colour}:seed={seed}:r=48000:n=480,{shape},volume='{loudness}':eval=frame"


def hall(size: float, wet: float) -> str:
    """A room as a filter: five reflections; ``size`` 1 is a chamber, 2.5 a cathedral."""
    delays = "|".join(f"{milliseconds * size:.0f}" for milliseconds in (53, 89, 137, 211, 307))
    decays = "|".join(f"{wet * share:.2f}" for share in (0.9, 0.75, 0.6, 0.45, 0.3))
    return f"aecho=0.9:0.85:{delays}:{decays}"


def mixed(*voices: str) -> str:
    """The voices together, in stereo at 48 kHz, held below full scale."""
    stereo = "aresample=48000,aformat=sample_fmts=fltp:channel_layouts=stereo"
    graph = ";".join(f"{voice},{stereo}[voice{place}]" for place, voice in enumerate(voices))
    labels = "".join(f"[voice{place}]" for place in range(len(voices)))
    return f"{graph};{labels}amix=inputs={len(voices)}:normalize=0,alimiter=limit=0.7:level=0"


FIRST_LIGHT = mixed(
    swells(("D3 A3 D4 F#4", "G2 B3 D4 G4", "B2 A3 D4 F#4", "A2 A3 C#4 E4"), 3.0, 0.050),
    f"{struck('A4 - D5 - E5 F#5 - A5 - F#5 - E5 - D5 - A5', 0.375, 2.4, 0.085)},{hall(1.3, 0.45)}",
    noise("pink", 3, "bandpass=f=900:w=500", "0.012+0.010*sin(t*0.7)"),
)

# The surf breathes with the picture's waterline, every 9.8 s; the hiss follows as the water draws back.
SLOW_TIDE = mixed(
    swells(("F2 C4 E4 A4", "D2 C4 F4 A4", "Bb1 D4 F4 A4", "C2 D4 G4 Bb4"), 9.8, 0.045),
    f"{struck('C5 - - - A4 - - G4 - - - - F4 - - - - A4 - D5 - - - -', 1.225, 1.1, 0.06)},{hall(2.2, 0.5)}",
    noise("pink", 5, "lowpass=f=1400", "0.05+0.12*pow(0.5+0.5*sin(2*PI*(t-1.2)/9.8),2)"),
    noise("white", 9, "highpass=f=2500,lowpass=f=9000", "0.003+0.024*pow(max(0,sin(2*PI*(t-1.6)/9.8)),3)"),
)

SEAHORSE_VALLEY = mixed(
    f"{endless(10.0, 0.085)},{hall(1.7, 0.4)}",
    f"{struck('E4 B4 E5 G5 F#5 B4 D5 B4 E4 A4 E5 G5 F#5 A4 D5 B4', 0.2083, 5.0, 0.055)},{hall(1.1, 0.45)}",
    swells(("E2 B2 E3 G3", "C2 C3 E3 G3", "A1 A2 E3 A3", "B1 B2 D#3 F#3"), 2.5, 0.035),
)

COLONY = mixed(
    f"{scattered('C4 D4 E4 G4 A4 C5 D5 E5 G5 A5 C6', 0.25, 9.0, 0.17, 0.55, 3)},{hall(1.0, 0.5)}",
    f"{scattered('C4 D4 E4 G4 A4 C5', 0.5, 4.0, 0.15, 0.6, 17)},{hall(1.9, 0.5)}",
    swells(("C2 G2 E3 B3", "A1 G2 E3 C4", "F1 A2 E3 C4", "G1 G2 D3 B3"), 5.0, 0.055),
)

LAST_TRAM = mixed(
    swells(("D3 F3 C4 E4", "G2 F3 B3 E4", "C3 E3 B3 D4", "A2 G3 C#4 F4"), 2.5, 0.050, _ORGAN, 8000)
    + f",tremolo=f=4.5:d=0.25,{hall(0.9, 0.25)}",
    struck(
        "D2 - - A2 - D2 - - G2 - - D2 - G2 - - C2 - - G2 - C2 - - A1 - - E2 - A1 - C#2", 0.3125, 2.0, 0.15, _BASS, 8000
    ),
    f"{struck('- - - - A4 - C5 D5 - - - E5 - - D5 - - - - - B4 - G4 - - - A4 - - - - -', 0.3125, 2.2, 0.07)},"
    + hall(1.6, 0.5),
    # Wheels over a joint in the rail, two bogies at a time.
    noise("pink", 4, "highpass=f=1800", "0.006+0.07*(exp(-16*mod(t,1.25))+0.7*exp(-16*mod(t+1.05,1.25)))"),
    noise("brown", 8, "lowpass=f=160", "0.25"),
)

LOOM = mixed(
    f"{struck('G3 D4 B3 D4 F4 D4 A3 D4 G3 D4 C4 E4 G4 E4 D4 B3', 0.2083, 4.5, 0.12)},{hall(0.7, 0.25)}",
    f"{struck('G4 - B4 - - D5 - - F5 - E5 - D5 - - - G4 - A4 - - C5 - E5 - - D5 - B4 - - -', 0.2083, 3.5, 0.09)},"
    + hall(1.2, 0.4),
    struck("G2 - - - G2 - - - F2 - - - C2 - D2 -", 0.2083, 2.2, 0.14, _BASS, 8000),
    # The shuttle: a thrown beat and, every other time, its return.
    noise("white", 6, "bandpass=f=1900:w=900", "0.35*(exp(-60*mod(t,0.4166))+0.5*exp(-70*mod(t+0.2083,0.8332)))"),
)

POLAR_NIGHT = mixed(
    swells(("A2 E3 B3 E4", "F2 E3 A3 C4", "D2 F#3 A3 E4", "E2 E3 G#3 B3"), 5.5, 0.048),
    swells(("E5 A5 B5", "C5 G5 B5", "F#5 A5 C#6", "E5 G#5 B5"), 5.5, 0.018, ((1, 1.0), (2, 0.15)), 8000)
    + f",tremolo=f=0.6:d=0.5,vibrato=f=5:d=0.06,{hall(2.4, 0.5)}",
    f"{struck('- - E6 - - - B5 - - - - A5 - - - - - F#6 - - - E6 - - - - - -', 0.6875, 1.6, 0.035)},{hall(2.6, 0.55)}",
    noise("pink", 11, "bandpass=f=480:w=260", "0.12+0.09*sin(t*0.55)+0.04*sin(t*1.3)"),
)

PERIHELION = mixed(
    swells(("C#2 G#2 C#3 E3", "C#2 A2 C#3 E3", "C#2 A2 D3 F#3", "C#2 G#2 D3 G3"), 4.5, 0.040, _REED) + ",lowpass=f=700",
    struck("C#1 C#1 - - - - -", 0.3214, 5.0, 0.42, _BASS, 4000),
    noise("brown", 13, "lowpass=f=420", "0.05+0.40*pow(min(1,t/17),2)"),
    f"{struck('- - - G#5 - - - - - E5 - - - - D5 - - -', 0.9, 1.2, 0.04)},{hall(2.8, 0.6)}",
)
