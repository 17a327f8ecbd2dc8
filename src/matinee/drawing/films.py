"""The eight short films of the demo, drawn with FFmpeg's own generators; nothing is downloaded.

Each is a filter graph for the picture and one for the sound, 1280x720 at 24 frames/s; two cores draw all of them in
well under a minute.
"""

from dataclasses import dataclass
from pathlib import Path

from matinee.drawing import landscapes, patterns, scores
from matinee.drawing.brushes import HEIGHT, RATE, WIDTH


@dataclass(frozen=True, slots=True)
class DrawnFilm:
    """A film the demo draws. ``video`` and ``audio`` are filter graphs whose last output has no label.

    ``maturity`` is the age it is meant from. The graphs run for as long as asked; fades are added when it is drawn.
    """

    slug: str
    name: str
    synopsis: str
    year: int
    genres: tuple[str, ...]
    moods: tuple[str, ...]
    maturity: int
    duration_seconds: float
    video: str
    audio: str


DRAWN_FILMS: tuple[DrawnFilm, ...] = (
    DrawnFilm(
        slug="first-light",
        name="First Light",
        synopsis="Five ridges, one sun, and nobody up yet to see it.",
        year=2024,
        genres=("Nature", "Slow"),
        moods=("Hopeful", "Quiet", "Golden"),
        maturity=0,
        duration_seconds=12.0,
        video=landscapes.first_light(12.0),
        audio=scores.FIRST_LIGHT,
    ),
    DrawnFilm(
        slug="the-loom",
        name="The Loom",
        synopsis="A weaver who knows one rule makes a cloth that never repeats.",
        year=2021,
        genres=("Geometry", "Abstract"),
        moods=("Playful", "Rhythmic", "Bright"),
        maturity=0,
        duration_seconds=16.0,
        video=patterns.loom(),
        audio=scores.LOOM,
    ),
    DrawnFilm(
        slug="last-tram",
        name="Last Tram",
        synopsis="The final ride home along the river, past every window still awake.",
        year=2019,
        genres=("City", "Night"),
        moods=("Wistful", "Mellow", "Sleepless"),
        maturity=13,
        duration_seconds=20.0,
        video=landscapes.last_tram(20.0),
        audio=scores.LAST_TRAM,
    ),
    DrawnFilm(
        slug="the-slow-tide",
        name="The Slow Tide",
        synopsis="Ten waves on an empty beach, at the speed of the sea.",
        year=2018,
        genres=("Nature", "Slow"),
        moods=("Calm", "Wide", "Unhurried"),
        maturity=0,
        duration_seconds=98.0,
        video=landscapes.slow_tide(),
        audio=scores.SLOW_TIDE,
    ),
    DrawnFilm(
        slug="polar-night",
        name="Polar Night",
        synopsis="At the edge of a frozen lake the sky forgets to be dark.",
        year=2023,
        genres=("Night", "Nature", "Slow"),
        moods=("Wondrous", "Cold", "Vast"),
        maturity=0,
        duration_seconds=22.0,
        video=landscapes.polar_night(),
        audio=scores.POLAR_NIGHT,
    ),
    DrawnFilm(
        slug="seahorse-valley",
        name="Seahorse Valley",
        synopsis="An expedition into a coastline that grows longer the closer it is measured.",
        year=2020,
        genres=("Geometry", "Abstract"),
        moods=("Hypnotic", "Intricate", "Endless"),
        maturity=0,
        duration_seconds=20.0,
        video=patterns.seahorse_valley(20.0),
        audio=scores.SEAHORSE_VALLEY,
    ),
    DrawnFilm(
        slug="colony",
        name="Colony",
        synopsis="Four rules, one dish, and everything that came of them.",
        year=2022,
        genres=("Nature", "Abstract"),
        moods=("Curious", "Restless", "Glowing"),
        maturity=0,
        duration_seconds=20.0,
        video=patterns.colony(),
        audio=scores.COLONY,
    ),
    DrawnFilm(
        slug="perihelion",
        name="Perihelion",
        synopsis="A ringed world falls towards its star, and the light keeps growing.",
        year=2025,
        genres=("Night", "Space"),
        moods=("Ominous", "Grand", "Burning"),
        maturity=16,
        duration_seconds=18.0,
        video=patterns.perihelion(18.0),
        audio=scores.PERIHELION,
    ),
)


def draw_command(
    film: DrawnFilm,
    ffmpeg: str,
    output: Path,
    *,
    card: Path | None = None,
    seconds: float | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> list[str]:
    """The command that draws a film to ``output`` (.mp4 or .mkv), overwriting it.

    ``card`` is a picture with transparency (``lettering.title_card``) that is shown over the first seconds.
    ``seconds`` and ``size`` (even numbers of pixels) make a short, small one for tests.
    """
    length = film.duration_seconds if seconds is None else seconds
    rise, fall = min(1.0, length / 6), min(1.6, length / 4)
    graphs = [f"{film.video}[drawn]", f"{film.audio}[heard]"]
    if card is not None:
        graphs += [
            "[0:v]format=yuva420p,fade=in:st=0.5:d=0.6:alpha=1,fade=out:st=2.8:d=0.6:alpha=1[card]",
            "[drawn][card]overlay=x=(W-w)/2:y=(H-h)/2:format=yuv420:eof_action=pass[titled]",
        ]
    small = "" if size == (WIDTH, HEIGHT) else f"scale={size[0]}:{size[1]}:flags=area,"
    graphs += [
        # The fade ends half a frame early, so that the last frame is black.
        (
            f"[{'drawn' if card is None else 'titled'}]{small}fade=in:d={rise:.2f},"
            f"fade=out:st={length - fall - 0.5 / RATE:.3f}:d={fall:.2f},setsar=1,"
            "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709[picture]"
        ),
        f"[heard]afade=in:d={rise:.2f},afade=out:st={length - fall:.3f}:d={fall:.2f}[sound]",
    ]
    return [
        ffmpeg,
        *("-hide_banner", "-nostdin", "-loglevel", "error", "-y"),
        # A single picture, repeated for as long as it is shown.
        *(("-loop", "1", "-framerate", str(RATE), "-t", "3.4", "-i", str(card)) if card is not None else ()),
        # One thread: planes are small, and handing their slices around costs more than it saves.
        *("-filter_complex_threads", "1"),
        *("-filter_complex", ";".join(graphs), "-map", "[picture]", "-map", "[sound]", "-t", f"{length:.3f}"),
        # A mezzanine: drawn fast and encoded again at once, so its size matters little. A constant quantiser needs no
        # looking ahead.
        *("-c:v", "libx264", "-preset", "ultrafast", "-qp", "18", "-g", str(2 * RATE), "-pix_fmt", "yuv420p"),
        # Lossless, and quicker to make than AAC; ISO BMFF and Matroska both carry it.
        *("-c:a", "flac", "-sample_fmt", "s16"),
        *("-metadata", f"title={film.name}"),
        str(output),
    ]
