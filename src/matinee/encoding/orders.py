"""What a production is asked for, who hears of it, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from matinee.commands.commands import CRF, PRESET
from matinee.encoding.depot import Finished
from matinee.encoding.measuring import Analysis
from matinee.encoding.steps import Place, Source
from matinee.inspection.frames import Bars
from matinee.inspection.inspection import Film
from matinee.model.errors import Invalid
from matinee.model.media import Codec, Ladder, Presentation
from matinee.packaging.protection import Protection


class LadderKind(StrEnum):
    """Which rungs a film gets: those of its own, or the same as every other of its size."""

    PER_TITLE = "per-title"
    FIXED = "fixed"


def ladder_kind(word: str) -> LadderKind:
    """The ladder of this name; Invalid if there is none."""
    try:
        return LadderKind(word)
    except ValueError as error:
        raise Invalid(f"There is no ladder {word!r}: name {' or '.join(LadderKind)}.") from error


@dataclass(frozen=True, slots=True)
class Order:
    """What to make, and where: the presentation goes under ``prefix`` in the object store.

    The first rung goes under ``early`` while it is made, if there is such a prefix. ``title`` goes on the poster, in
    ``font`` if there is one; ``share`` is who gets its share of the machines. ``crf`` is the fixed ladder's.
    With ``protection``, picture and sound are encrypted when they are packaged.
    """

    source: Source
    title: str
    place: Place
    prefix: str
    preset: str = PRESET
    crf: float = CRF
    codecs: tuple[Codec, ...] = (Codec.H264,)
    priority: int = 0
    share: str = ""
    font: Path | None = None
    ladder: LadderKind = LadderKind.PER_TITLE
    early: str | None = None
    protection: Protection | None = None


class Watcher(Protocol):
    """Who hears how far a production is. An error it raises ends the production."""

    def begun(self, film: Film, early: Presentation) -> None:
        """The first rung can be played from its start; more of it is coming."""
        ...

    def planned(self, film: Film, ladder: Ladder, names: tuple[str, ...]) -> None:
        """What will be made, by name, in order."""
        ...

    def progressed(self, stage: str, progress: float, renditions: Mapping[str, float]) -> None:
        """How far it is, from 0 to 1, about twice a second; ``renditions`` are those that run."""
        ...

    def advanced(self) -> None:
        """Something was finished that no later run makes again."""
        ...

    def made(self, finished: Finished) -> None:
        """A rendition is done, now or by an earlier run."""
        ...


@dataclass(frozen=True, slots=True)
class Produced:
    """A presentation in the store. ``reused`` were found finished; ``seconds`` is what each stage took.

    ``analysis`` is what its ladder was chosen by, where it is the film's own. ``cpu_seconds`` is what each stage took
    of processors in this run, ``starts_seconds`` where the shots begin, ``bars`` what is black around the picture,
    ``noise`` how much of it (of 255 levels) the rungs show that grain may be drawn on.
    """

    presentation: Presentation
    film: Film
    ladder: Ladder
    finished: tuple[Finished, ...]
    reused: tuple[str, ...]
    seconds: Mapping[str, float]
    analysis: Analysis | None = None
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    starts_seconds: tuple[float, ...] = ()
    bars: Bars | None = None
    noise: Mapping[str, float] = field(default_factory=dict)
