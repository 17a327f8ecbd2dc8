"""Command lines for the sound of a film: each track as all of its renditions, in time with the picture. Pure."""

from collections.abc import Sequence
from pathlib import Path

from matinee.commands.commands import AUDIO_RATE_HZ, clean, keep_time, open_source, start
from matinee.inspection.inspection import Film
from matinee.packaging.sound import STEREO, SURROUND, Sound

BITRATES_BPS = {STEREO: 128_000, SURROUND: 320_000}
_OVERHANG_SECONDS = 0.5
# Less is let be: Vorbis in WebM is off by 21 ms to and fro, and each cut is heard. More is seen on lips.
_LEAST_GAP_SECONDS = 0.04

# Sound of these is kept as numbers with a point, among which there may be some that are none (NaN), or endless.
_FLOATS = frozenset({"pcm_f16le", "pcm_f24le", "pcm_f32be", "pcm_f32le", "pcm_f64be", "pcm_f64le", "wavpack"})
COUNTER = "astats@numbers"
"""The filter that says how many samples of a track are no numbers; it stands only where there may be some."""
_LOUDEST = 64  # 36 dB over full scale: nothing that was recorded is louder

# ITU-R BS.775-4, table 2: centre and surrounds 3 dB down, the low-frequency channel left out. Names that a layout lacks
# count as silence, so that one line serves 3.0 to 7.1.
_TO_STEREO = "pan=stereo|FL=FL+0.707*FC+0.707*BL+0.707*SL+0.5*BC|FR=FR+0.707*FC+0.707*BR+0.707*SR+0.5*BC"
# What goes on in stereo loses neither side.
_FROM_MONO = "aformat=channel_layouts=mono,pan=stereo|FL=c0|FR=c0"
# 5.1 as it is, whether its surrounds are called side or back; of more channels, those behind are put together.
_FRONT = "pan=5.1|FL=FL|FR=FR|FC=FC|LFE=LFE"
_TO_SURROUND = f"{_FRONT}|BL=BL+SL|BR=BR+SR"
_MORE_TO_SURROUND = f"{_FRONT}|BL=0.707*BL+0.707*SL+0.5*BC|BR=0.707*BR+0.707*SR+0.5*BC"


def measure_command(
    ffmpeg: str, source: Path, film: Film, sounds: Sequence[Sound], *, changes: bool = False
) -> list[str]:
    """Measure renditions of one track out of one decode, as they will be before their gain.

    ``changes`` says that the track changes its channels or its rate on the way.
    """
    last = [f"ebur128@{one.name}=peak=true:framelog=quiet" for one in sounds]
    outputs = [word for one in sounds for word in ("-map", f"[{one.name}]", "-f", "null", "-")]
    command = [*start(ffmpeg, "info"), *open_source(source), *_graphs(film, sounds, last, changes=changes), *outputs]
    return [*command, *_in_time(film, sounds)]


def sound_command(
    ffmpeg: str,
    source: Path,
    film: Film,
    sounds: Sequence[Sound],
    gains: Sequence[float],
    outputs: Sequence[Path],
    *,
    changes: bool = False,
) -> list[str]:
    """Encode renditions of one track out of one decode as AAC-LC, each with its gain; ``changes`` as above."""
    last = [f"volume={gain:.2f}dB:precision=float" for gain in gains]
    command = [*start(ffmpeg, "verbose"), *open_source(source), *_graphs(film, sounds, last, changes=changes)]
    for one, output in zip(sounds, outputs, strict=True):
        command += ["-map", f"[{one.name}]", "-c:a", "aac", "-b:a", str(BITRATES_BPS[one.channels])]
        command += ["-ar", str(AUDIO_RATE_HZ), *clean(), "-f", "mp4", str(output)]
    return [*command, *_in_time(film, sounds)]


def _graphs(film: Film, sounds: Sequence[Sound], last: Sequence[str], *, changes: bool) -> list[str]:
    """The words for the filters from one track to a pad a rendition.

    FFmpeg builds a graph anew where its track changes, and one that counts time begins again at zero. So of a track
    that changes each rendition is mixed first, and what counts time comes behind it, in a graph of its own.
    """
    if not changes:
        return ["-filter_complex", sound_graph(film, sounds, last)]
    track, words = sounds[0].track, list[str]()
    whole = [*(_numbers_alone() if track.codec in _FLOATS else ()), "aformat=sample_fmts=fltp"]
    mixed = [f"{_mix(one)},aresample={AUDIO_RATE_HZ}[{one.name}-mixed]" for one in sounds]
    words += ["-filter_complex", _spread(f"[0:{track.index}]{','.join(whole)}", sounds, mixed)]
    for one in sounds:
        words += ["-map", f"[{one.name}-mixed]", "-c:a", "pcm_f32le", "-f", "null", "-"]
    for place, (one, end) in enumerate(zip(sounds, last, strict=True)):
        timed = ",".join([*_timed(film, film.shift_seconds), end])
        words += ["-dec", f"{place}:0", "-filter_complex", f"[dec:{place}]{timed}[{one.name}]"]
    return words


def sound_graph(
    film: Film, sounds: Sequence[Sound], last: Sequence[str], zero_seconds: float | None = None, file: int = 0
) -> str:
    """The filters from one decoded track to a pad a rendition, called by its name; ``last`` ends each.

    All is in time with the picture, 48 kHz, and as long as the picture. ``zero_seconds`` is when the film begins, where
    that is not what it was inspected with: by another clock. ``file`` counts those that the command opens.
    """
    track = sounds[0].track
    head = [
        # One of them would spoil all that filters and encoders make of its neighbours.
        *(_numbers_alone() if track.codec in _FLOATS else ()),
        *_timed(film, film.shift_seconds if zero_seconds is None else zero_seconds),
    ]
    mixed = [f"{_mix(one)},{end}[{one.name}]" for one, end in zip(sounds, last, strict=True)]
    return _spread(f"[{file}:{track.index}]{','.join(head)}", sounds, mixed)


def _timed(film: Film, zero_seconds: float) -> list[str]:
    """The filters that bring sound to 48 kHz, in time with the picture, and to its length."""
    return [
        f"asetpts='PTS-({zero_seconds:.6f})/TB'",
        # Silence fills what is missing before the first sample and in gaps; what overlaps is cut.
        f"aresample={AUDIO_RATE_HZ}:async=1:min_hard_comp={_LEAST_GAP_SECONDS}:first_pts=0",
        # Sums may pass full scale between here and the gain.
        "aformat=sample_fmts=fltp",
        # Sound that ends early is followed by silence; sound that goes on long after the picture is cut.
        f"apad=whole_dur={film.length_seconds:.6f}",
        f"atrim=end={film.length_seconds + _OVERHANG_SECONDS:.6f}",
    ]


def _spread(head: str, sounds: Sequence[Sound], parts: Sequence[str]) -> str:
    """What comes out of the filters of ``head``, through a part for each rendition."""
    pads = [f"[{one.channels}ch]" for one in sounds]
    split = f"asplit={len(sounds)}" if len(sounds) > 1 else "anull"
    parts = [f"{pad}{part}" for pad, part in zip(pads, parts, strict=True)]
    return ";".join([f"{head},{split}{''.join(pads)}", *parts])


def _numbers_alone() -> list[str]:
    counted = "measure_perchannel=none:measure_overall=Number_of_NaNs+Number_of_Infs"
    return [f"{COUNTER}={counted}", f"aeval='if(lte(abs(val(ch)),{_LOUDEST}),val(ch),0)':channel_layout=same"]


def _mix(sound: Sound) -> str:
    channels = sound.track.channels or STEREO
    if sound.channels == SURROUND:
        return _TO_SURROUND if channels == SURROUND else _MORE_TO_SURROUND
    return {1: _FROM_MONO, STEREO: "aformat=channel_layouts=stereo"}.get(channels, _TO_STEREO)


def _in_time(film: Film, sounds: Sequence[Sound]) -> list[str]:
    """Read the tracks of the picture's run as well: both must agree about time."""
    leading, words = film.source.audio, keep_time(film.source.video.index)
    if leading is not None and leading.index != sounds[0].track.index:
        words += keep_time(leading.index)
    return words
