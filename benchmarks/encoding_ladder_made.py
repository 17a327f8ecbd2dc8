"""Does a ladder that was chosen from its first rung come true, and what does choosing cost.

Films are encoded as production does it: the first rung whole, then the best of one chunk, then all rungs in chunks,
each out of one decode, with the chosen CRFs and caps. Processor time by part, user and system, of one thread each; VMAF
of the first rung and of the best one (its verification) is the analysis. The prediction was taught by other titles.
"""

import argparse
import resource
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks import encoding_grid
from benchmarks.encoding_grid import FILMS, encoder, run
from benchmarks.encoding_ladder import bd_rate, chunked, exhaustive, fixed, measured, one_crf
from benchmarks.ladder_fit import lengths, probes, sizes, taught_without
from benchmarks.machine import report
from matinee.commands.commands import PRESET
from matinee.ladder.correction import corrected, deviations, sampled
from matinee.ladder.prediction import CRFS, PROBE_CRF, predicted, probed
from matinee.ladder.quality import (
    EVERY,
    OUT,
    FrameQuality,
    Reference,
    by_shot,
    mean_quality,
    quality_command,
    quality_graph,
    read_quality,
)
from matinee.ladder.rungs import ChosenRung, choose_again, choose_rungs
from matinee.ladder.verification import VERIFIED_EVERY, misses
from matinee.ladder.zones import zones

TABLE = "only for this table"
VERIFYING = "VMAF of the best rung"
CHOSEN = ("sintel_480p24", "bbb_716p30", "tos_1080p24")


class Made:
    """One film on its way through."""

    def __init__(self, grid: dict[str, Any], work: Path) -> None:
        self.grid, self.work = grid, work
        self.source = FILMS / grid["file"]
        self.seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Processor seconds of the processes that ran inside."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        yield
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.seconds[name] = self.seconds.get(name, 0.0) + spent

    def stretch(self, start: int) -> list[str]:
        """The source from a frame on: half a frame before it, so that rounding picks the right one."""
        rate = self.grid["rate"]
        seek = self.grid["start_seconds"] + max(start - 0.5, 0) / rate
        return ["-threads", "1", "-ss", f"{seek:.6f}", "-i", str(self.source)]

    def quality(self, encoded: Path, start: int, frames: int, every: int) -> tuple[FrameQuality, ...]:
        """An encode against the source."""
        log = self.work / "vmaf.json"
        width, height = self.grid["reference"]
        reference = Reference(tuple(self.stretch(start)), "", width, height, frames)
        run(quality_command("", reference, ("-threads", "1", "-i", str(encoded)), log, every)[3:])
        return read_quality(log.read_text(), frames, every)

    def first_rung(self) -> list[Any]:
        """Encode and measure what is playable first; the probes of all shots."""
        grid, encode = self.grid, self.work / "first.mp4"
        width, height = probes(grid)[0].width, probes(grid)[0].height
        with self.part("first rung"):
            scale = f"scale={width}:{height}:flags=bicubic"
            rate = encoder(PROBE_CRF, None, grid["starts"])
            run(
                [*("-v", "error"), *self.stretch(0), "-frames:v", str(grid["frames"]), "-vf", scale, *rate, str(encode)]
            )
        with self.part("VMAF of the first rung"):
            shots = by_shot(self.quality(encode, 0, grid["frames"], EVERY), grid["starts"], grid["frames"])
        sums, costs = packet_bits(encode), []
        for start, length in zip(grid["starts"], lengths(grid), strict=True):
            costs.append(sum(sums[start : start + length]))
        return list(probed(width, height, costs, lengths(grid), shots))

    def chunk(
        self, shots: range, rungs: Sequence[ChosenRung], crfs: Sequence[Sequence[float]], part: str, *, looks: bool
    ) -> list[Path]:
        """Encode rungs of a chunk out of one decode; ``crfs`` are a film's, by rung; the last one is looked at."""
        outputs = [self.work / f"{shots.start}-{one.rung.name}.mp4" for one in rungs]
        starts, frames = self.places(shots)
        pads = "".join(f"[s{at}]" for at in range(len(rungs)))
        scales = [
            f"[s{at}]scale={one.rung.width}:{one.rung.height}:flags=bicubic[v{at}]" for at, one in enumerate(rungs)
        ]
        command = ["-v", "error", "-y", *self.stretch(self.grid["starts"][shots.start])]
        command += ["-filter_complex", ";".join([f"[0:v]format=yuv420p,setsar=1,split={len(rungs)}{pads}", *scales])]
        for at, (one, all_crfs, output) in enumerate(zip(rungs, crfs, outputs, strict=True)):
            caps = ["-maxrate", str(one.rung.bitrate_bps), "-bufsize", str(one.rung.peak_bps - one.rung.bitrate_bps)]
            inside = [all_crfs[place] for place in shots]
            words = encoder(inside[0], None, starts)
            told = zones(starts, frames, inside)
            words[words.index("-x264-params") + 1] += f":zones={told}" if told else ""
            command += ["-map", f"[v{at}]", "-frames:v", str(frames), *caps, *words, str(output)]
        known = self.seconds.get(part, 0.0)
        with self.part(part):
            run(command)
        spent = self.seconds[part] - known
        if looks:
            width, height = self.grid["reference"]
            graph = quality_graph(
                Reference((), "", width, height, frames), "dec:0", self.work / "vmaf.json", VERIFIED_EVERY
            )
            command += ["-threads", "1", "-dec", f"{len(rungs) - 1}:0", "-filter_complex", graph]
            before = self.seconds[part]
            with self.part(part):
                run([*command, "-map", f"[{OUT}]", "-fps_mode", "passthrough", "-f", "null", "-"])
            # What looking adds to the same run.
            self.seconds[VERIFYING] = self.seconds.get(VERIFYING, 0.0) + self.seconds[part] - before - spent
            self.seconds[part] = before
        return outputs

    def places(self, shots: range) -> tuple[list[int], int]:
        """Where the shots of a chunk begin in it, and how many frames it has."""
        first, all_starts = self.grid["starts"][shots.start], self.grid["starts"]
        return [all_starts[place] - first for place in shots], sum(lengths(self.grid)[place] for place in shots)

    def told(self, output: Path, shots: range) -> list[tuple[float, float]]:
        """Bits and VMAF of each shot of an encoded chunk."""
        starts, frames = self.places(shots)
        with self.part(TABLE):  # as the grid was measured
            measured = self.quality(output, self.grid["starts"][shots.start], frames, encoding_grid.EVERY)
        costs, scores = packet_bits(output), by_shot(measured, starts, frames)
        return [
            (sum(costs[start : start + lengths(self.grid)[place]]), mean_quality([one.vmaf for one in score]))
            for start, place, score in zip(starts, shots, scores, strict=True)
        ]


def packet_bits(path: Path) -> list[int]:
    """The bits of each frame, in order of showing."""
    with av.open(str(path)) as container:
        packets = [(one.pts, one.size * 8) for one in container.demux(video=0) if one.pts is not None]
    return [bits for _, bits in sorted(packets)]


def make(grid: dict[str, Any], grids: Sequence[dict[str, Any]], work: Path) -> dict[str, Any]:
    """One film's row."""
    made = Made(grid, work)
    known, film = made.first_rung(), measured(grid)
    shots = [predicted(probe, sizes(grid), CRFS, taught_without(grids, grid["title"])) for probe in known]
    first = choose_rungs(shots, grid["rate"], least_bps=0)  # as in encoding_ladder
    best, parts = first[-1], chunked(grid)
    came_to: dict[int, tuple[float, float]] = {}
    samples = [parts[number] for number in sampled(len(parts))]
    for part in samples:
        (output,) = made.chunk(part, [best], [best.crfs], "best rung of the sample", looks=True)
        came_to |= zip(part, made.told(output, part), strict=True)
    seen = deviations(best, *({shot: two[which] for shot, two in came_to.items()} for which in range(2)))
    after = [corrected(*one) for one in zip(shots, known, seen, strict=True)]
    rungs = choose_again(first, after, grid["rate"])
    told: list[list[tuple[float, float]]] = [[] for _ in rungs[:-1]]
    for part in parts:
        left = rungs[:-1] if part in samples else rungs
        outputs = made.chunk(part, left, [one.crfs for one in left], "rungs", looks=part not in samples)
        for kept, output in zip(told, outputs, strict=False):  # the best one is verified
            kept.extend(made.told(output, part))
        if part not in samples:
            came_to |= zip(part, made.told(outputs[-1], part), strict=True)
    missed = misses(best, [came_to[shot][1] for shot in sorted(came_to)], shots)
    crfs = list(best.crfs)
    for miss in missed:
        crfs[miss.shot] = miss.crf
    again = [part for part in parts if any(miss.shot in part for miss in missed)]
    for part in again:
        (output,) = made.chunk(part, [best], [crfs], "done again", looks=False)
        came_to |= zip(part, made.told(output, part), strict=True)
    told.append([came_to[shot] for shot in sorted(came_to)])
    curve = [
        (sum(bits for bits, _ in one) / film.seconds, float(np.average([vmaf for _, vmaf in one], weights=film.frames)))
        for one in told
    ]
    analysis = sum(spent for name, spent in made.seconds.items() if name.startswith("VMAF"))
    whole = sum(spent for name, spent in made.seconds.items() if name != TABLE)
    off = [abs(vmaf - one.vmaf) for (_, vmaf), one in zip(curve, rungs, strict=True)]
    deltas = {"to fixed": fixed(film), "to one CRF": one_crf(film), "to exhaustive": exhaustive(film)}
    return {
        "film": grid["name"],
        **{name: "-" if (d := bd_rate(anchor, curve)) is None else f"{d:+.1f} %" for name, anchor in deltas.items()},
        "VMAF off": f"{sum(off) / len(off):.1f}",
        "chunks again": f"{len(again)} of {len(parts)}",
        "CPU of analysis": f"{analysis / whole * 100:.0f} %",
        **{name: f"{spent:.1f} s" for name, spent in made.seconds.items() if name != TABLE},
    }


def main() -> None:
    """Make the chosen films."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=CHOSEN)
    names = parser.parse_args().names
    grids = encoding_grid.measured()
    rows = []
    for grid in grids:
        if grid["name"] in names:
            with tempfile.TemporaryDirectory() as work:
                rows.append(make(grid, grids, Path(work)))
    columns = {name: "-" for row in rows for name in row}
    report(
        "encoding_ladder_made",
        "does a ladder chosen from its first rung come true, and what does choosing cost?",
        [{**columns, **row} for row in rows],
        bars="CPU of analysis at most 25 % of the whole encode",
        deltas="BD-rate over VMAF 68 to 95 against what the grid measured, in per cent of bits",
        encoder=f"libx264 {PRESET}, a thread each; sound and packaging not counted",
    )


if __name__ == "__main__":
    main()
