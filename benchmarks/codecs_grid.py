"""The largest rung of test films in every codec at several CRFs: what codecs are compared by, and CRFs mapped with.

As production encodes them, on one thread, with a key frame at each shot alone; measured by VMAF. Kept in a folder
outside the repository, as encodes of other people's films are no part of it.
"""

import json
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av

from benchmarks.encoding_grid import CACHE, FILMS, Sample, encoder, find_shots, measure, run
from matinee.commands.encoders import AV1_PRESET, HEVC_PRESET, av1_options, hevc_options
from matinee.ladder.quality import reference_size
from matinee.model.media import Codec

SAMPLES = (
    Sample("sintel_480p24", "Sintel", "sintel_trailer_480p24_h264_mp3_52s.mp4", 8.0, 12.0),
    Sample("bbb_720p24", "Big Buck Bunny", "bbb_720p24_vp8_vorbis_30s.webm", 4.0, 10.0),
    Sample("tos_battle_800p24", "Tears of Steel", "tos_battle_800x332_vp8_vorbis_70s.webm", 10.0, 12.0),
    Sample("tos_1080p24", "Tears of Steel", "tos_1080p24_h264_aac_16s.mp4", 6.0, 8.0),
    Sample("bbb_716p30", "Big Buck Bunny", "bbb_716p30_h264_noaudio_23s.mp4", 4.0, 8.0),
)
CRFS = {
    Codec.H264: (18.0, 22.0, 26.0, 30.0, 34.0, 38.0),
    Codec.AV1: (20.0, 26.0, 32.0, 38.0, 44.0, 50.0, 56.0),
    Codec.HEVC: (18.0, 22.0, 26.0, 30.0, 34.0, 38.0),
}
# HEVC and AV1's other presets are measured at some of these, of two films.
LESS, FEW = 2, slice(1, None, 2)


def wanted(place: int) -> list[tuple[Codec, str, float]]:
    """What is measured of a film, by its place in the list: codec, preset, CRF."""
    main = [(Codec.H264, "superfast", crf) for crf in CRFS[Codec.H264]]
    main += [(Codec.AV1, AV1_PRESET, crf) for crf in CRFS[Codec.AV1]]
    if place >= LESS:
        return main
    others = [(Codec.AV1, preset, crf) for preset in ("9", "10") for crf in CRFS[Codec.AV1][FEW]]
    return [*main, *others, *((Codec.HEVC, HEVC_PRESET, crf) for crf in CRFS[Codec.HEVC][FEW])]


def words(codec: Codec, preset: str, crf: float, starts: Sequence[int]) -> list[str]:
    """The arguments of production's encoders, without caps, on one thread."""
    if codec is Codec.H264:
        return encoder(crf, None, starts)
    options = av1_options if codec is Codec.AV1 else hevc_options
    at = "+".join(f"eq(n,{start})" for start in starts)
    return [*("-an", "-g", "100000", "-force_key_frames", f"expr:{at}"), *options(preset, crf, 1), "-f", "mp4", "-y"]


def point(work: Path, master: Path, grid: dict[str, Any], codec: Codec, preset: str, crf: float) -> dict[str, Any]:
    """One encode: bits and VMAF of the whole, and the processor seconds that it took."""
    encode = work / "encode.mp4"
    deep = ["-pix_fmt", "yuv420p" if codec is Codec.H264 else "yuv420p10le"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(["-v", "error", "-i", str(master), *deep, *words(codec, preset, crf, grid["starts"]), str(encode)])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    shots = measure(encode, master, grid)["shots"]
    lengths = [end - start for start, end in zip(grid["starts"], [*grid["starts"][1:], grid["frames"]], strict=True)]
    return {
        "codec": codec.value,
        "preset": preset,
        "crf": crf,
        "bits": sum(shot["bits"] for shot in shots),
        "vmaf": sum(shot["vmaf"] * length for shot, length in zip(shots, lengths, strict=True)) / grid["frames"],
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


def begin(sample: Sample, work: Path) -> tuple[Path, dict[str, Any]]:
    """The film as encoders get it, and where its shots begin."""
    source, master = FILMS / sample.file, work / "master.y4m"
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        display = (round(stream.width * (stream.sample_aspect_ratio or 1)), stream.height)
        rate = float(stream.average_rate or 25)
    width, height = reference_size(*display)
    cut = ["-ss", str(sample.start_seconds), "-i", str(source), "-t", str(sample.seconds), "-an"]
    scale = f"scale={width}:{height}:flags=bicubic,format=yuv420p,setsar=1"
    run(["-v", "error", *cut, "-vf", scale, "-y", str(master)])
    look = ["-vf", "scale=320:-2,scdet=t=8:sc_pass=0", "-fps_mode", "passthrough", "-f", "null", "-"]
    said = run(["-i", str(master), *look])
    frames = int(said.rpartition("frame=")[2].split()[0])
    grid = {"name": sample.name, "title": sample.title, "frames": frames, "rate": rate, "reference": [width, height]}
    return master, {**grid, "starts": find_shots(said, frames, rate), "points": []}


def measured() -> list[dict[str, Any]]:
    """The grids of all films that are here; what is missing is made. Without films it ends with a sentence."""
    CACHE.mkdir(exist_ok=True, parents=True)
    grids: dict[str, dict[str, Any]] = {}
    for place, sample in enumerate(SAMPLES):
        if not (FILMS / sample.file).exists():
            continue
        path = CACHE / f"codecs-{sample.name}.json"
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            master: Path | None = None
            grid = json.loads(path.read_text()) if path.exists() else None
            for codec, preset, crf in wanted(place):
                if grid and (codec, preset, crf) in {
                    (one["codec"], one["preset"], one["crf"]) for one in grid["points"]
                }:
                    continue
                if master is None:
                    master, fresh = begin(sample, Path(work))
                    grid = grid or fresh
                assert grid is not None
                grid["points"].append(point(Path(work), master, grid, codec, preset, crf))
                path.write_text(json.dumps(grid))
        if grid:
            grids[sample.name] = grid
    if not grids:
        sys.exit(f"There are no films in {FILMS}, nor their grids in {CACHE}.")
    return list(grids.values())


if __name__ == "__main__":
    measured()
