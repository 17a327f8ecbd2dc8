"""The ranker: gradient-boosted trees that learned in which situations which feature is to be believed.

LambdaRank (Burges 2010) by LightGBM (Ke et al. 2017). LightGBM and numpy load in a second, so they are loaded when
trees are taught or read, never before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matinee.boosting import Groups, boosted, loaded
from matinee.model.errors import Invalid

_ROUNDS = 200
_PATIENCE = 20
_HELD = 0.2
_THREADS = 2  # a worker has other things to do


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What was told of some candidates (an array, a row each), and the place of the one that was watched."""

    rows: Any
    wanted: int


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """A ranker; ``names`` are the features that it expects, ``text`` is LightGBM's own form of it."""

    names: tuple[str, ...]
    text: str
    booster: Any

    def scores(self, rows: Sequence[Sequence[float]]) -> list[float]:
        """A score a row, higher for what suits better. One thread: the others serve other people."""
        import numpy as np  # noqa: PLC0415 - loaded with the first trees

        return [float(score) for score in self.booster.predict(np.asarray(rows, np.float32), num_threads=1)]


def as_array(rows: Sequence[Sequence[float]]) -> Any:
    """Rows as a lesson keeps them: four bytes a number."""
    import numpy as np  # noqa: PLC0415 - only who teaches needs it here

    return np.asarray(rows, np.float32)


def taught(lessons: Sequence[Lesson], names: Sequence[str], seed: int = 0) -> Trees:
    """Trees from lessons in the order of time; the last fifth says how many trees are enough."""
    cut = max(1, int(len(lessons) * (1 - _HELD)))
    learn, held = _groups(lessons[:cut]), _groups(lessons[cut:])
    booster = boosted(learn, _ROUNDS, seed, held, names=names, patience=_PATIENCE, num_threads=_THREADS)
    return read(booster.model_to_string(num_iteration=booster.best_iteration), names)


def read(text: str, names: Sequence[str]) -> Trees:
    """Trees out of their text. Invalid if it is none, or was taught on other features."""
    lightgbm = loaded()

    try:
        booster = lightgbm.Booster(model_str=text)
        told = tuple(booster.feature_name())
    except lightgbm.basic.LightGBMError as error:
        raise Invalid(f"It holds no trees: {error}.") from error
    if told != tuple(names):
        raise Invalid("It was taught on other features than this version tells.")
    return Trees(tuple(names), text, booster)


def _groups(lessons: Sequence[Lesson]) -> Groups:
    import numpy as np  # noqa: PLC0415 - only who teaches needs it

    labels = [np.arange(len(lesson.rows)) == lesson.wanted for lesson in lessons]
    return Groups(
        np.concatenate([lesson.rows for lesson in lessons]),
        np.concatenate(labels).astype(np.int64),
        np.array([len(lesson.rows) for lesson in lessons]),
    )
