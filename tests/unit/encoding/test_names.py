"""A part's name in the depot depends on all that its content does."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from obstore.store import MemoryStore

from matinee.commands.first_rung import first_rung
from matinee.commands.stretches import Stretch
from matinee.encoding.depot import Depot
from matinee.encoding.names import grain_name, part_name
from matinee.encoding.orders import Order
from matinee.encoding.steps import Place, Source
from matinee.encoding.survey import FirstRung, Surveyed
from matinee.inspection.frames import Frames
from matinee.inspection.inspection import Film, Picture
from matinee.ladder.codecs import in_codec
from matinee.ladder.fixed import fixed_ladder
from matinee.ladder.recipes import Recipe
from matinee.model import media
from matinee.model.media import Codec, SourceTrack, TrackKind

_VIDEO = SourceTrack(0, TrackKind.VIDEO, "h264", frames=4)
_FILM = Film(
    name="film.mp4",
    source=media.Source("mov", 0.16, 1_000, _VIDEO, None),
    picture=Picture(1280, 720, Fraction(1), "yuv420p", is_interlaced=False, first_seconds=0.0),
    frame_rate=Fraction(25),
    shift_seconds=0.0,
    length_seconds=0.16,
    is_steady=True,
    notes=(),
)
_TIMES = (0, 3_600, 7_200, 10_800)
_FOUND = Surveyed(_FILM, Frames(_TIMES), None, FirstRung(first_rung(_FILM), "first.mp4", _TIMES, (8,) * len(_TIMES)))
_ORDER = Order(Source("film", "1", "film.mp4"), "Film", Place(Depot(MemoryStore, "one", Path("shelf"))), "media/film")
_STRETCH = Stretch(0, 0, _TIMES, (0,))
_RUNG = in_codec(fixed_ladder(1280, 720, 25).rungs[-1], Codec.AV1)


def test_another_strength_of_grain_is_another_part() -> None:
    names = {
        part_name(_ORDER, _FOUND, _STRETCH, Recipe(replace(_RUNG, grain=level), (23.0,))) for level in (0, 8, 20, 20)
    }
    assert len(names) == len({0, 8, 20})


def test_noise_is_looked_for_anew_in_other_sizes_and_places() -> None:
    smaller = replace(_RUNG, width=640, height=360)
    later = replace(_STRETCH, first=1, times=_TIMES[:3])
    names = {
        grain_name(_ORDER, _FOUND, [_STRETCH], [_RUNG]),
        grain_name(_ORDER, _FOUND, [_STRETCH], [smaller]),
        grain_name(_ORDER, _FOUND, [later], [_RUNG]),
        grain_name(replace(_ORDER, source=replace(_ORDER.source, identity="2")), _FOUND, [_STRETCH], [_RUNG]),
    }
    assert len(names) == 4
    assert grain_name(_ORDER, _FOUND, [_STRETCH], [_RUNG]) in names
