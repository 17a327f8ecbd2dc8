"""What an experiment's arm may set of a page, by name; whatever an arm does not set is as for everybody.

``calibration`` is the dial of the row that is ranked for one profile (0: the order of its scores, 1: its mix of genres
alone); ``ranker`` (``on`` or ``off``) whether what was taught ranks, or the formula; ``exploring`` in what share of
profiles and days the place for something different is there (0 to 1). Other names are other rooms' or nobody's.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from matinee.model.errors import Invalid
from matinee.taste.calibration import DIAL

_SWITCH = {"on": True, "off": False}


@dataclass(frozen=True, slots=True)
class Parameters:
    """How a page is made, as far as it may be tried otherwise."""

    calibration: float = DIAL
    ranker: bool = True
    exploring: float = 1.0

    @classmethod
    def read(cls, said: Mapping[str, str]) -> Self:
        """What arms say. A page is made in any case, so a value that cannot be is taken for none."""
        usual = cls()
        return cls(
            _share(said.get("calibration"), usual.calibration),
            _SWITCH.get(said.get("ranker", "on"), usual.ranker),
            _share(said.get("exploring"), usual.exploring),
        )


USUAL = Parameters()
"""How a page is made for whom no arm sets anything."""


def check(said: Mapping[str, str]) -> None:
    """Invalid, with a sentence, if one of the names above has a value that it cannot have."""
    for name in ("calibration", "exploring"):
        if name in said and math.isnan(_share(said[name], math.nan)):
            raise Invalid(f"The value of {name!r} is {said[name]!r:.40}; it is a number from 0 to 1.")
    if said.get("ranker", "on") not in _SWITCH:
        raise Invalid(f"The value of 'ranker' is {said['ranker']!r:.40}; it is on or off.")


def _share(text: str | None, usual: float) -> float:
    try:
        value = usual if text is None else float(text)
    except ValueError:
        return usual
    # What is not a number is in no range.
    return value if 0 <= value <= 1 else usual
