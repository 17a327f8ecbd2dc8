"""Every shot of the test films encoded and measured at every size and CRF: what ladders are judged by and taught from.

One continuous encode a size and CRF, with a key frame at each shot, by the encoder and preset of production, on one
thread; measured by VMAF. Kept in a folder outside the repository, as encodes of other people's films are no part of it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg

from matinee.commands.commands import PRESET
from matinee.ladder.fixed import fixed_ladder
from matinee.ladder.quality import Reference, by_shot, quality_command, read_quality, reference_size

FILMS = Path(os.environ.get("FILMS", Path(__file__).parents[2] / "shared" / "media" / "films"))
CACHE = Path(os.environ.get("GRID", Path(tempfile.gettempdir()) / "ladder_grid"))
CRFS = (18, 22, 26, 30, 34, 38, 42)
SMALL_CRFS = (18, 22, 26, 30, 34)  # where fewer pixels than 360 lines have cannot look good anyway
EVERY = 3  # frames are measured
LONGEST_SECONDS, SHORTEST_SECONDS = 6.0, 1.0
_CUT = 8.0  # scdet's threshold, in per cent


@dataclass(frozen=True, slots=True)
class Sample:
    """A stretch of a film: what title it belongs to (no title teaches what it is judged by), and where it lies.

    What has codes and numbers drawn over the picture is judged but teaches nothing.
    """

    name: str
    title: str
    file: str
    start_seconds: float = 0.0
    seconds: float = 60.0
    teaches: bool = True


SAMPLES = (
    Sample("bbb_720p24", "Big Buck Bunny", "bbb_720p24_vp8_vorbis_30s.webm"),
    Sample("sintel_480p24", "Sintel", "sintel_trailer_480p24_h264_mp3_52s.mp4"),
    Sample("tos_battle_800p24", "Tears of Steel", "tos_battle_800x332_vp8_vorbis_70s.webm"),
    Sample("tos_1080p24", "Tears of Steel", "tos_1080p24_h264_aac_16s.mp4"),
    Sample("llama_180p24", "Caminandes", "llama_drama_180p24_av1_opus_30s.webm"),
    Sample("bbb_480p24", "Big Buck Bunny", "bbb_480p_h264_30s.mp4"),
    Sample("bbb_716p30", "Big Buck Bunny", "bbb_716p30_h264_noaudio_23s.mp4"),
    Sample("bbb_360p24_part0", "Big Buck Bunny", "bbb_360p24_h264_aac_23s_part0.mp4"),
    Sample("bbb_2160p60", "Big Buck Bunny", "bbb_2160p60_vp9_noaudio_10s.mkv", 0.0, 4.0),
    Sample("wave_1080p30", "Tears of Steel", "wave_tos_1080p2997_h264_aac_8s.mp4", 0.0, 8.0, teaches=False),
)


def samples() -> Iterator[Sample]:
    """Those of which the film is here."""
    return (sample for sample in SAMPLES if (FILMS / sample.file).exists())


def load(sample: Sample) -> dict[str, Any] | None:
    """What was measured of a sample, or None if it was not yet."""
    path = CACHE / f"{sample.name}.json"
    return {**json.loads(path.read_text()), **asdict(sample)} if path.exists() else None


def run(arguments: Sequence[str]) -> str:
    """Run FFmpeg, and give back what it said."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    done = subprocess.run([ffmpeg, "-hide_banner", "-nostdin", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"FFmpeg failed: {done.stderr[-600:]}")
    return done.stderr


def encoder(crf: float | None, bitrate_bps: int | None, starts: Sequence[int]) -> list[str]:
    """The arguments of production's encoder, on one thread, with key frames at shots alone."""
    if bitrate_bps is None:
        rate = ["-crf", f"{crf:g}"]
    else:
        # Apple's rates as they are meant: an average, and a peak of 200 % of it.
        rate = ["-b:v", str(bitrate_bps), "-maxrate", str(2 * bitrate_bps), "-bufsize", str(2 * bitrate_bps)]
    at = "+".join(f"eq(n,{start})" for start in starts)
    return [
        *("-an", "-c:v", "libx264", "-preset", PRESET, "-profile:v", "high", *rate, "-threads", "1"),
        *("-g", "100000", "-sc_threshold", "0", "-forced-idr", "1", "-flags", "+cgop"),
        *("-force_key_frames", f"expr:{at}"),
        *("-x264-params", "rc-lookahead=20:mbtree=1", "-f", "mp4", "-y"),
    ]


def find_shots(said: str, frames: int, rate: float) -> list[int]:
    """First frames of shots: cuts as scdet names them, none shorter than a second, none longer than six."""
    cuts = [round(float(time) * rate) for time in re.findall(r"lavfi\.scd\.time: ([\d.]+)", said)]
    starts = [0]
    for cut in [*(cut for cut in cuts if 0 < cut < frames), frames]:
        if cut - starts[-1] < SHORTEST_SECONDS * rate and cut != frames:
            continue
        pieces = max(-(-(cut - starts[-1]) // round(LONGEST_SECONDS * rate)), 1)
        first = starts[-1]
        starts += [first + (cut - first) * piece // pieces for piece in range(1, pieces + 1)]
    if len(starts) > 2 and frames - starts[-2] < SHORTEST_SECONDS * rate:
        del starts[-2]
    return starts[:-1]


def measure(encode: Path, master: Path, grid: dict[str, Any]) -> dict[str, Any]:
    """Bits and quality of each shot of an encode."""
    frames, starts, (width, height) = grid["frames"], grid["starts"], grid["reference"]
    with av.open(str(encode)) as container:
        stream = container.streams.video[0]
        packets = [(packet.pts, packet.size * 8) for packet in container.demux(stream) if packet.pts is not None]
    sizes = [bits for _, bits in sorted(packets)]
    if len(sizes) != frames:
        sys.exit(f"{encode.name} has {len(sizes)} frames of {frames}.")
    log = encode.with_suffix(".json")
    reference = Reference(("-i", str(master)), "", width, height, frames)
    run(quality_command("", reference, ("-i", str(encode)), log, EVERY)[3:])
    measured = by_shot(read_quality(log.read_text(), frames, EVERY), starts, frames)
    ends = [*starts[1:], frames]
    names = ("vmaf", "detail", "fine", "middle", "coarse", "coarsest", "motion")
    return {
        "shots": [
            {
                "bits": sum(sizes[start:end]),
                "key_bits": sizes[start],
                **{name: sum(getattr(one, name) for one in shot) / len(shot) for name in names},
            }
            for start, end, shot in zip(starts, ends, measured, strict=True)
        ],
        "peak_second_bits": max(sum(sizes[at : at + 24]) for at in range(frames)),
    }


def point(
    work: Path, master: Path, grid: dict[str, Any], size: tuple[int, int], crf: float | None, bitrate_bps: int | None
) -> dict[str, Any]:
    """One encode, measured."""
    width, height = size
    encode = work / f"{height}-{crf}-{bitrate_bps}.mp4"
    scale = f"scale={width}:{height}:flags=bicubic"
    rate = encoder(crf, bitrate_bps, grid["starts"])
    run(["-v", "error", "-i", str(master), "-vf", scale, *rate, str(encode)])
    measured = measure(encode, master, grid)
    for path in (encode, encode.with_suffix(".json")):
        path.unlink()
    return {"width": width, "height": height, "crf": crf, "bitrate_bps": bitrate_bps, **measured}


def make(sample: Sample, work: Path, workers: int) -> dict[str, Any]:
    """Encode and measure all of a sample."""
    source = FILMS / sample.file
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        aspect = stream.sample_aspect_ratio or 1
        display, rate = (round(stream.width * aspect), stream.height), float(stream.average_rate or 25)
    width, height = reference_size(*display)
    master = work / "master.y4m"
    run(
        [
            *("-v", "error", "-ss", str(sample.start_seconds), "-i", str(source), "-t", str(sample.seconds), "-an"),
            *("-vf", f"scale={width}:{height}:flags=bicubic,format=yuv420p,setsar=1", "-y", str(master)),
        ]
    )
    said = run(
        [
            "-i",
            str(master),
            "-vf",
            f"scale=320:-2,scdet=t={_CUT}:sc_pass=0",
            "-fps_mode",
            "passthrough",
            "-f",
            "null",
            "-",
        ]
    )
    frames = int(re.findall(r"frame= *(\d+)", said)[-1])
    grid: dict[str, Any] = {**asdict(sample), "frames": frames, "rate": rate, "reference": [width, height]}
    grid["starts"] = find_shots(said, frames, rate)
    rungs = fixed_ladder(width, height, rate).rungs
    wanted: list[tuple[tuple[int, int], float | None, int | None]] = []
    for rung in rungs:
        small = min(rung.width, rung.height) < 300 and rung is not rungs[-1]
        wanted += [((rung.width, rung.height), crf, None) for crf in (SMALL_CRFS if small else CRFS)]
        wanted.append(((rung.width, rung.height), None, rung.bitrate_bps))
    with ThreadPoolExecutor(workers) as pool:
        made = list(pool.map(lambda one: point(work, master, grid, *one), wanted))
    master.unlink()
    grid["points"] = [one for one in made if one["crf"] is not None]
    grid["fixed"] = [one for one in made if one["crf"] is None]
    return grid


def measured(workers: int = 0) -> list[dict[str, Any]]:
    """The grids of all samples; what is missing is made, for hours. Without films it ends with a sentence."""
    CACHE.mkdir(exist_ok=True, parents=True)
    for sample in samples():
        if load(sample) is None:
            with tempfile.TemporaryDirectory(dir=CACHE) as work:
                grid = make(sample, Path(work), workers or len(os.sched_getaffinity(0)))
            (CACHE / f"{sample.name}.json").write_text(json.dumps(grid))
            print(f"{sample.name}: {len(grid['starts'])} shots, {len(grid['points'])} points", flush=True)
    grids = [one for sample in SAMPLES if (one := load(sample)) is not None]
    if len({one["title"] for one in grids}) < 2:
        sys.exit(f"There are no films of two titles in {FILMS}, nor their grids in {CACHE}.")
    return grids


def main() -> None:
    """Make what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=0)
    measured(parser.parse_args().workers)


if __name__ == "__main__":
    main()
