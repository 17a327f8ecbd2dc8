"""The ranker: gradient-boosted trees that learned in which situations which feature is to be believed.

LambdaRank (Burges 2010) by LightGBM (Ke et al. 2017). LightGBM and numpy load in a second, so they are loaded when
trees are taught or read, never before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matinee.model.errors import Invalid, Unavailable

_ROUNDS = 200
_PATIENCE = 20
_HELD = 0.2
_PARAMETERS: dict[str, Any] = {
    "objective": "lambdarank",
    "num_leaves": 31,
    "learning_rate": 0.08,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "lambdarank_truncation_level": 20,
    "metric": "ndcg",
    "eval_at": [10],
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    # A worker has other things to do.
    "num_threads": 2,
}


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
    lightgbm = _lightgbm()

    cut = max(1, int(len(lessons) * (1 - _HELD)))
    learn = lightgbm.Dataset(**_data(lessons[:cut]), feature_name=list(names))
    held = lightgbm.Dataset(**_data(lessons[cut:]), reference=learn)
    stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
    booster = lightgbm.train({**_PARAMETERS, "seed": seed}, learn, _ROUNDS, valid_sets=[held], callbacks=[stop])
    return read(booster.model_to_string(num_iteration=booster.best_iteration), names)


def read(text: str, names: Sequence[str]) -> Trees:
    """Trees out of their text. Invalid if it is none, or was taught on other features."""
    lightgbm = _lightgbm()

    try:
        booster = lightgbm.Booster(model_str=text)
        told = tuple(booster.feature_name())
    except lightgbm.basic.LightGBMError as error:
        raise Invalid(f"It holds no trees: {error}.") from error
    if told != tuple(names):
        raise Invalid("It was taught on other features than this version tells.")
    return Trees(tuple(names), text, booster)


def _lightgbm() -> Any:
    try:
        import lightgbm  # noqa: PLC0415 - loads in a second
    except OSError as error:  # a library of the system's that a bare Debian lacks
        raise Unavailable(f"LightGBM cannot be loaded ({error}): apt-get install libgomp1.") from error
    return lightgbm


def _data(lessons: Sequence[Lesson]) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415 - only who teaches needs it

    labels = [np.arange(len(lesson.rows)) == lesson.wanted for lesson in lessons]
    return {
        "data": np.concatenate([lesson.rows for lesson in lessons]),
        "label": np.concatenate(labels).astype(np.int64),
        "group": [len(lesson.rows) for lesson in lessons],
    }
