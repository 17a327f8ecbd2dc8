"""What AV1's grain synthesis saves at one CRF, by the noise in the picture: what ``ladder/grain.py`` decides by.

Noise that is new in each frame is laid over short clips of films, so that there is a clean original: detail is measured
by VMAF against that, of what the decoder has before it draws grain. Levels are those that production takes for the
noise it finds, whether or not it would use them.
"""

import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.encoding_grid import FILMS, Sample, run
from benchmarks.machine import report
from matinee.commands.encoders import AV1_PRESET, av1_options
from matinee.inspection.grain import noise_of
from matinee.ladder.grain import LEAST_SAVING, LEVEL_PER_NOISE, saving

SAMPLES = (
    Sample("sintel_480p24", "Sintel", "sintel_trailer_480p24_h264_mp3_52s.mp4", 14.0, 1.5),
    Sample("bbb_480p24", "Big Buck Bunny", "bbb_480p_h264_30s.mp4", 6.0, 1.5),
    Sample("tos_720p24", "Tears of Steel", "tos_1080p24_h264_aac_16s.mp4", 12.0, 1.5),
)
STRENGTHS = (0, 3, 4, 6, 8, 12, 16)  # of FFmpeg's filter: Gaussian, of deviations up to 10 of 255
CRFS = (22.0, 26.0, 32.0, 38.0, 46.0)
SHOWN_CRF = 26.0
_LINES = 720


def clean_clip(sample: Sample, work: Path) -> Path:
    """A clip as it is, at 720 lines at most."""
    clip = work / "clean.y4m"
    cut = ["-ss", str(sample.start_seconds), "-i", str(FILMS / sample.file), "-t", str(sample.seconds), "-an"]
    scale = f"scale=-2:'min(ih,{_LINES})':flags=area,format=yuv420p,setsar=1"
    run(["-v", "error", *cut, "-vf", scale, "-y", str(clip)])
    return clip


def noisy_clip(clean: Path, strength: int, work: Path) -> Path:
    """The same under noise."""
    if not strength:
        return clean
    clip = work / "noisy.y4m"
    run(["-v", "error", "-i", str(clean), "-vf", f"noise=alls={strength}:allf=t:all_seed=7", "-y", str(clip)])
    return clip


def noise_in(clip: Path) -> float | None:
    """As production measures it, of three frames in the middle."""
    with av.open(str(clip)) as container:
        light = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    middle = len(light) // 2
    return noise_of(np.stack(light[middle - 1 : middle + 2]).astype(np.uint16) * 4)


def encode(clip: Path, crf: float, level: int, output: Path) -> int:
    """The bits of a clip as production's encoder makes it, on one thread, without caps."""
    grain = f"film-grain={level}:film-grain-denoise=1" if level else ""
    options = av1_options(AV1_PRESET, crf, 1, grain)
    once = ["-g", "100000", "-force_key_frames", "expr:eq(n,0)"]
    run(["-v", "error", "-i", str(clip), "-pix_fmt", "yuv420p10le", *once, *options, "-f", "mp4", "-y", str(output)])
    with av.open(str(output)) as container:
        return 8 * sum(packet.size for packet in container.demux(video=0))


def detail(encoded: Path, clean: Path) -> float:
    """VMAF against the clean clip, without the grain that is drawn."""
    graph = "[0]format=yuv420p[a];[a][1]libvmaf=n_subsample=2"
    undrawn = ["-filmgrain", "0", "-c:v", "libdav1d", "-i", str(encoded)]
    said = run([*undrawn, "-i", str(clean), "-lavfi", graph, "-f", "null", "-"])
    return float(re.findall(r"VMAF score: ([\d.]+)", said)[-1])


def compare(sample: Sample, strength: int, work: Path) -> dict[str, Any]:
    """One clip under one noise at all CRFs."""
    clean = clean_clip(sample, work)
    clip = noisy_clip(clean, strength, work)
    found = noise_in(clip)
    noise = found or 0.0
    level = round(noise * LEVEL_PER_NOISE)
    bits, scores = dict[tuple[float, int], int](), dict[tuple[float, int], float]()
    for crf in CRFS if strength else (SHOWN_CRF,):
        for one in {0, level}:
            encoded = work / "encoded.mp4"
            bits[crf, one] = encode(clip, crf, one, encoded)
            scores[crf, one] = detail(encoded, clean)
    saved = {crf: 1 - bits[crf, level] / bits[crf, 0] for crf, one in bits if one == 0}
    return {
        "film": sample.title,
        "strength": strength,
        "noise": found,
        "level": level,
        "bits": bits,
        "saved": saved,
    } | {
        "vmaf": {crf: scores[crf, level] - scores[crf, 0] for crf in saved},
        "seconds": sample.seconds,
    }


def as_row(found: dict[str, Any]) -> dict[str, str]:
    """A line of the table."""
    noise, level = found["noise"], found["level"]
    plain, drawn = (found["bits"][SHOWN_CRF, one] / found["seconds"] / 1000 for one in (0, level))
    uses = [crf for crf in CRFS if saving(noise or 0.0, crf) >= LEAST_SAVING]
    return {
        "film": found["film"],
        "noise added": str(found["strength"]),
        "noise found": "too dark" if noise is None else f"{noise:.1f}",
        "level": str(level),
        f"kbit/s at CRF {SHOWN_CRF:g}": f"{plain:,.0f}",
        "with grain drawn": f"{drawn:,.0f}",
        **{f"saved at {crf:g}": f"{100 * found['saved'][crf]:.0f} %" if crf in found["saved"] else "-" for crf in CRFS},
        "VMAF against the clean film": f"{min(found['vmaf'].values()):+.1f} to {max(found['vmaf'].values()):+.1f}",
        "used up to CRF": f"{max(uses):g}" if uses else "never",
    }


def least(compared: Sequence[dict[str, Any]]) -> str:
    """The table of ``ladder/grain.py``: by noise found on the average, the least that any clip saved at each CRF."""
    lines = []
    for strength in STRENGTHS[1:]:
        ours = [one for one in compared if one["strength"] == strength]
        noise = float(np.mean([one["noise"] for one in ours if one["noise"]]))
        smallest = [min(one["saved"][crf] for one in ours) for crf in CRFS]
        lines.append(f"{noise:.1f}: {', '.join(f'{share:.2f}' for share in smallest)}")
    return "; ".join(lines)


def main() -> None:
    """Print the table; fail where production uses what does not pay."""
    compared = []
    for sample in SAMPLES:
        if not (FILMS / sample.file).exists():
            continue
        for strength in STRENGTHS:
            with tempfile.TemporaryDirectory() as work:
                compared.append(compare(sample, strength, Path(work)))
    if not compared:
        sys.exit(f"There are no films in {FILMS}.")
    used = [
        saved
        for one in compared
        for crf, saved in one["saved"].items()
        if saving(one["noise"] or 0.0, crf) >= LEAST_SAVING
    ]
    report(
        "film_grain",
        "what does AV1's grain synthesis save at one CRF, by the noise in the picture?",
        [as_row(one) for one in compared],
        bar=f"at least {LEAST_SAVING:.0%} wherever it is used: {min(used):.0%} to {max(used):.0%}",
        least_saved=f"noise: at CRF {', '.join(f'{crf:g}' for crf in CRFS)}: {least(compared)}",
    )
    if min(used) < LEAST_SAVING:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
