"""LambdaRank by LightGBM, for whoever ranks: what trees are like, and when enough of them have been learned.

LambdaRank is Burges 2010; LightGBM is Ke et al. 2017. LightGBM and numpy load in a second, so they are loaded when
trees are learned or read, never before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from matinee.model.errors import Unavailable

# Who changes one of them says why where it is changed.
PARAMETERS: dict[str, Any] = {
    "objective": "lambdarank",
    "num_leaves": 31,
    "learning_rate": 0.06,
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
}
_FEW = 100_000  # rows below which threads wait for each other longer than they work


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Rows of what is told of candidates (an array, float32), what each was worth, and how many rows each query has."""

    rows: Any
    labels: Any
    sizes: Any


def joined(parts: Sequence[Groups]) -> Groups:
    """Several as one."""
    import numpy as np  # noqa: PLC0415 - loaded with the first trees

    return Groups(
        np.concatenate([one.rows for one in parts]),
        np.concatenate([one.labels for one in parts]),
        np.concatenate([one.sizes for one in parts]),
    )


def boosted(
    learn: Groups,
    rounds: int,
    seed: int,
    held: Groups | None = None,
    *,
    names: Sequence[str] = (),
    patience: int = 30,
    until: float = float("inf"),
    **changed: Any,
) -> Any:
    """A booster of ``rounds`` trees at most: no more than help ``held``, nor than were learned by the time ``until``.

    ``until`` is monotonic time. ``best_iteration`` says how many trees are to be used. Unavailable without LightGBM.
    """
    lightgbm = loaded()
    few = {"num_threads": 1} if len(learn.labels) < _FEW else {}
    parameters = {**PARAMETERS, **few, "seed": seed, **changed}
    data = _dataset(lightgbm, learn, feature_name=list(names) or "auto")
    stop = _Stop(lightgbm.callback.EarlyStopException, patience, until)
    checks = [_dataset(lightgbm, held, reference=data)] if held is not None else []
    booster = lightgbm.train(parameters, data, rounds, valid_sets=checks, callbacks=[stop])
    booster.best_iteration = stop.best
    return booster


def loaded() -> Any:
    """The library. Unavailable, with what is to be done, where it cannot be loaded."""
    try:
        import lightgbm  # noqa: PLC0415 - loads in a second
    except OSError as error:  # a library of the system's that a bare Debian lacks
        raise Unavailable(f"LightGBM cannot be loaded ({error}): apt-get install libgomp1.") from error
    return lightgbm


def _dataset(lightgbm: Any, groups: Groups, **more: Any) -> Any:
    return lightgbm.Dataset(groups.rows, groups.labels, group=groups.sizes, **more)


class _Stop:
    """Ends learning where trees no longer help what is held, or time is up."""

    order = 30  # as LightGBM's own early stopping, after what records
    before_iteration = False

    def __init__(self, ended: type[Exception], patience: int, until: float) -> None:
        self._ended = ended
        self._patience = patience
        self._until = until
        self._value = float("-inf")
        self.best = 0

    def __call__(self, state: Any) -> None:
        reached = state.evaluation_result_list
        value = reached[0][2] if reached else float(state.iteration)
        if value > self._value:
            self._value, self.best = value, state.iteration + 1
        if state.iteration + 1 - self.best >= self._patience or monotonic() > self._until:
            raise self._ended(self.best - 1, reached)
