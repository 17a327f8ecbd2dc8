"""What is seen of a rung while it is encoded is what a comparison afterwards sees, and changes nothing of it."""

import subprocess
from functools import partial
from pathlib import Path

import pytest
from obstore.store import LocalStore

from matinee.commands.stretches import plan_stretches
from matinee.encoding.chunks import Looking, encode_stretch
from matinee.encoding.depot import Depot
from matinee.encoding.measuring import Encoded, verify_stretch
from matinee.encoding.steps import Place, Source, inspect_source
from matinee.encoding.survey import survey_source
from matinee.inspection.frames import film_times
from matinee.ladder.fixed import fixed_ladder
from matinee.ladder.recipes import Recipe
from sources import TOOLS

_EVERY = 6
_DRAWN = {
    "progressive": ("fps=24,format=yuv420p", ()),
    "fields": ("fps=50,tinterlace=interleave_top,setfield=tff,format=yuv420p", ("-flags", "+ilme+ildct")),
}


def _nobody(_: float) -> None:
    """Nobody waits for it."""


@pytest.mark.parametrize("scan", _DRAWN)
def test_a_look_while_it_is_encoded_sees_what_a_comparison_afterwards_sees(scan: str, tmp_path: Path) -> None:
    graph, words = _DRAWN[scan]
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    picture = "testsrc2=size=640x360:rate=100:duration=14"
    encoder = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", *words)
    subprocess.run(
        [TOOLS.ffmpeg, "-v", "error", "-f", "lavfi", "-i", picture, "-vf", graph, *encoder, str(drawn / "film.mp4")],
        check=True,
    )
    place = Place(Depot(partial(LocalStore, drawn), "encode", tmp_path / "shelves", drawn), TOOLS)
    source = Source("film.mp4", "drawn", "film.mp4")
    found = survey_source(place, source, inspect_source(place, source, _nobody), None, None, _nobody)
    assert found.film.picture.is_interlaced == (scan == "fields")
    stretch = plan_stretches(found.film, found.frames, *film_times(found.film, found.frames))[-1]
    assert stretch.number > 0  # sought in the source
    rungs = fixed_ladder(640, 360, float(found.film.shown_rate)).rungs
    recipes = [Recipe(rung, (28.0,) * len(stretch.starts)) for rung in rungs]
    looking = Looking(rungs[-1].name, _EVERY, "seen.list")
    part = (found.film, found.copy, stretch)
    made = encode_stretch(
        place, source, *part, recipes, [f"{rung.name}.mp4" for rung in rungs], "superfast", looking, _nobody
    )
    blind = encode_stretch(
        place, source, *part, recipes, [f"{rung.name}-2.mp4" for rung in rungs], "superfast", None, _nobody
    )
    for one, other in zip(made.finished, blind.finished, strict=True):
        assert place.depot.rendition(one.file).read_bytes() == place.depot.rendition(other.file).read_bytes()
    best = Encoded(rungs[-1], made.finished[-1].file)
    assert made.looked == verify_stretch(place, source, *part, best, _EVERY, "compared.list", _nobody)
    assert made.looked is not None
    assert place.depot.rendition("seen.list").read_bytes() == place.depot.rendition("compared.list").read_bytes()
    scores = [frame.vmaf for shot in made.looked.shots for frame in shot]
    assert 60 < min(scores) <= max(scores) <= 100
