"""Makes the report of an encode out of what a production knows at its end. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from matinee.encoding.depot import Finished
from matinee.encoding.measuring import Analysis
from matinee.encoding.orders import LadderKind, Produced
from matinee.inspection.inspection import Film
from matinee.ladder.fixed import fixed_ladder
from matinee.ladder.prediction import CRFS, PROBE_CRF
from matinee.ladder.rungs import ChosenRung
from matinee.model.media import Presentation, Rung
from matinee.reports.curves import curves, hull_gap, hull_of, shown
from matinee.reports.report import (
    Again,
    Curve,
    Edges,
    Loudness,
    MadeRung,
    Normalised,
    Report,
    Stage,
    Tried,
    Verified,
    report_to_json,
)

_SEGMENT = ".m4s"
_MANY_SHOTS = 500  # more are foretold at fewer CRFs: their curves are as smooth, and a job waits meanwhile
# In the order in which they are done; what is not named here comes after.
_STAGES = ("inspecting", "surveying", "measuring", "grain", "encoding", "verifying", "sound", "text", "packaging")


def report_of(produced: Produced) -> Report:
    """The report of a production that has ended."""
    film, analysis = produced.film, produced.analysis
    finished = {one.name: one for one in produced.finished}
    made: tuple[Curve, ...] = ()
    chosen: Mapping[str, ChosenRung] = {}
    gaps: Mapping[str, float] = {}
    if analysis is not None:
        usual = fixed_ladder(film.picture.display_width, film.picture.height, float(film.shown_rate))
        sizes = [(rung.width, rung.height) for rung in usual.rungs]
        crfs = CRFS if len(analysis.probes) <= _MANY_SHOTS else CRFS[::4]
        rate, chosen = float(film.shown_rate), {one.rung.name: one for one in analysis.chosen}
        made = curves(analysis.probes, sizes, rate, crfs, analysis.seen)
        # The best rung was chosen before it was seen.
        gaps = {name: hull_gap(one, made) for name, one in chosen.items()}
        best = analysis.chosen[-1]
        gaps[best.rung.name] = hull_gap(best, curves(analysis.probes, sizes, rate, crfs))
    return Report(
        source=film.name,
        ladder=LadderKind.FIXED if analysis is None else LadderKind.PER_TITLE,
        length_seconds=film.length_seconds,
        frames=max((one.frames or 0 for one in produced.finished), default=0),
        starts_seconds=produced.starts_seconds,
        rungs=tuple(
            _rung(rung, finished.get(rung.name), chosen.get(rung.name), gaps.get(rung.name), produced)
            for rung in produced.ladder.rungs
        ),
        stages=stages(produced.cpu_seconds, produced.seconds),
        normalised=_normalised(film, produced),
        size_bytes=produced.presentation.size_bytes,
        reused=produced.reused,
        first=None if analysis is None else _first(analysis, film),
        verified=None if analysis is None else _verified(analysis),
        again=() if analysis is None else tuple(Again(**asdict(miss)) for miss in analysis.again),
        curves=tuple(replace(curve, points=shown(curve.points)) for curve in made),
        hull=shown(hull_of(made)),
    )


def report_json(produced: Produced) -> bytes:
    """The same, as it is kept."""
    return report_to_json(report_of(produced))


def shot_bits(presentation: Presentation, name: str) -> tuple[int, ...]:
    """The bits of each shot of a rendition: a shot is a segment, and its file is what players fetch."""
    folder = next((one.uri.rpartition("/")[0] for one in presentation.video if one.name == name), None)
    if folder is None:
        return ()
    files = sorted(file for file in presentation.files if file[0].startswith(f"{folder}/") and _SEGMENT in file[0])
    return tuple(8 * size for _, size in files)


def stages(cpu_seconds: Mapping[str, float], seconds: Mapping[str, float]) -> tuple[Stage, ...]:
    """What was counted, in the order of the work; sound, text and verifying go on while rungs are encoded."""
    order = {name: place for place, name in enumerate(_STAGES)}
    names = sorted({*cpu_seconds, *seconds}, key=lambda name: (order.get(name, len(order)), name))
    return tuple(Stage(name, round(cpu_seconds.get(name, 0.0), 3), seconds.get(name)) for name in names)


def _rung(
    rung: Rung, one: Finished | None, chosen: ChosenRung | None, gap: float | None, produced: Produced
) -> MadeRung:
    bits = shot_bits(produced.presentation, rung.name)
    size_bytes = sum(bits) // 8
    plain = MadeRung(
        name=rung.name,
        width=rung.width,
        height=rung.height,
        codec=str(rung.codec),
        bps=round(8 * size_bytes / max(produced.film.length_seconds, 0.001)),
        size_bytes=size_bytes,
        shot_bits=bits,
        cpu_seconds=None if one is None else one.cpu_seconds,
        noise=produced.noise.get(rung.name),
        grain=rung.grain,
    )
    if chosen is None or gap is None:
        return plain
    return replace(
        plain,
        target=round(chosen.target, 2),
        vmaf=round(chosen.vmaf, 2),
        expected_bps=round(chosen.average_bps),
        hull_gap=round(gap, 2),
        shot_vmaf=_rounded(chosen.shot_vmaf),
        crfs=chosen.crfs,
    )


def _first(analysis: Analysis, film: Film) -> Tried:
    probes = analysis.probes
    frames = sum(probe.frames for probe in probes)
    return Tried(
        width=probes[0].width,
        height=probes[0].height,
        crf=PROBE_CRF,
        bps=round(sum(probe.bits for probe in probes) * float(film.shown_rate) / frames),
        vmaf=round(sum(probe.frames * probe.vmaf for probe in probes) / frames, 2),
        shot_vmaf=_rounded([probe.vmaf for probe in probes]),
    )


def _verified(analysis: Analysis) -> Verified | None:
    if len(analysis.verified) != len(analysis.probes):
        return None
    frames = [probe.frames for probe in analysis.probes]
    whole = sum(count * vmaf for count, vmaf in zip(frames, analysis.verified, strict=True)) / sum(frames)
    return Verified(analysis.chosen[-1].rung.name, round(whole, 2), _rounded(analysis.verified))


def _normalised(film: Film, produced: Produced) -> Normalised:
    picture, bars = film.picture, produced.bars
    return Normalised(
        notes=(*film.notes, *(note for one in produced.finished for note in one.notes)),
        is_deinterlaced=picture.is_interlaced,
        is_tone_mapped=picture.is_high_dynamic_range,
        is_variable=not film.is_steady,
        pixel_aspect=str(picture.pixel_aspect),
        pixel_format=picture.pixel_format,
        shift_seconds=round(film.shift_seconds, 6),
        bars=None if bars is None or not bars.worth_telling else Edges(**asdict(bars)),
        sounds=tuple(
            Loudness(one.name, round(one.lufs, 1), round(one.gain_db, 2))
            for one in produced.finished
            if one.lufs is not None and one.gain_db is not None
        ),
    )


def _rounded(scores: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(score, 2) for score in scores)
