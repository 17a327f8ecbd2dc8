"""Reports of encodes that never were, for tests of what is drawn of them."""

from matinee.reports.report import (
    Again,
    Curve,
    CurvePoint,
    Loudness,
    MadeRung,
    Normalised,
    Report,
    Stage,
    Tried,
    Verified,
)

LENGTHS = (4.0, 2.0, 6.0)


def rung(name: str, vmaf: float, bps: float) -> MadeRung:
    """A rung of three shots, the middle one the dearest."""
    bits = tuple(round(share * bps * 12) for share in (0.25, 0.5, 0.25))
    return MadeRung(
        *(name, 640, 360, "h264", bps, sum(bits) // 8, bits, 3.5),
        target=vmaf,
        vmaf=vmaf,
        expected_bps=bps / 1.1,
        hull_gap=0.2,
        shot_vmaf=(vmaf,) * 3,
        crfs=(26.0,) * 3,
    )


def per_title() -> Report:
    """One with all that a report may have; its second shot was encoded again."""
    curve = tuple(CurvePoint(100_000.0 * 2**place, 60.0 + 8 * place) for place in range(5))
    return Report(
        source="film <b>.mp4",
        ladder="per-title",
        length_seconds=sum(LENGTHS),
        frames=288,
        starts_seconds=(0.0, 4.0, 6.0),
        rungs=(rung("360p-vmaf71", 71.0, 200_000), rung("360p-vmaf83", 83.0, 700_000)),
        stages=(Stage("surveying", 3.0, 2.0), Stage("encoding", 8.0, 5.0), Stage("verifying", 1.0)),
        normalised=Normalised(
            notes=("There is no sound.",),
            is_deinterlaced=True,
            is_variable=True,
            pixel_aspect="4/3",
            pixel_format="yuv422p10le",
            shift_seconds=1.5,
            sounds=(Loudness("a-und", -13.2, -9.8),),
        ),
        size_bytes=1_350_000,
        first=Tried(640, 360, 26.0, 300_000, 75.0, (80.0, 60.0, 76.0)),
        verified=Verified("360p-vmaf83", 82.0, (90.0, 70.5, 80.5)),
        again=(Again(1, 70.5, 83.0, 22.0),),
        curves=(Curve(426, 240, curve[:3]), Curve(640, 360, curve)),
        hull=curve,
    )


def fixed() -> Report:
    """One of a fixed ladder: nothing was measured."""
    plain = MadeRung("240p", 426, 240, "h264", 400_000, 600_000, (4_800_000,))
    return Report(
        "film.mp4", "fixed", 12.0, 288, (0.0,), (plain,), (Stage("encoding", 4.0, 2.0),), Normalised(), 700_000
    )
