"""What a ranker is told of each candidate of a query: the scores of many models, how sure each is, and the plain facts.

A stage is a fitted model with a name. Candidates are the best unseen items by the sum of the leading stages' scores,
each brought to the same spread a query. Every number is made from the query's history and from what the stages learned,
never from its target.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from matinee.learning.histories import Floats, Histories, Ints, Queries
from matinee.learning.models import Fitted, blocks, hide_seen
from matinee.learning.transitions import FittedLinear

_BLOCK = 256
_LINKS = (5, 20)  # of how many of the last items the best single link is told
_LAST = 3  # the links of the last items that are told one by one


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A model's part: its name, whether it proposes candidates, whether its single links are told, too."""

    name: str
    fitted: Fitted
    proposes: float = 0.0  # its weight among those that propose
    links: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Candidates of all queries, one after another: a row of ``features`` each; ``blend`` is the proposing score."""

    starts: Ints
    items: Ints
    features: Floats
    blend: Floats
    names: tuple[str, ...]

    def labels(self, targets: Histories) -> Ints:
        """1 where a candidate is what its query is judged by."""
        rows = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        wanted = targets.owners() * targets.n_items + targets.items
        return np.isin(rows * targets.n_items + self.items, wanted).astype(np.int64)


def tell(
    stages: Sequence[Stage], learn: Histories, queries: Queries, count: int, mix: Mapping[str, float] | None = None
) -> Told:
    """``count`` candidates of each query with what is told of them; ``mix`` has weights of its own for the blend."""
    if mix is None:
        mix = {stage.name: stage.proposes for stage in stages if stage.proposes}
    popular = np.log1p(learn.counts()).astype(np.float32)
    links = [stage for stage in stages if stage.links and isinstance(stage.fitted, FittedLinear)]
    names = [
        *(stage.name for stage in stages),
        *(f"{stage.name}_rank" for stage in stages if stage.proposes),
        *(
            f"{stage.name}_{what}"
            for stage in links
            for what in (*(f"best{many}" for many in _LINKS), *(f"from{back + 1}" for back in range(_LAST)))
        ),
        "blend",
        "place",
        "popularity",
        "length",
        "usual_popularity",
        "recent_popularity",
    ]
    cores = len(os.sched_getaffinity(0))
    # Blocks side by side, each on one core: much of it is sorting and sparse sums, which BLAS has no threads for.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(cores) as threads:
        asked = (block for _, block in blocks(queries, _BLOCK))
        found = list(threads.map(lambda block: _told(stages, links, popular, block, count, mix), asked))
    sizes = np.concatenate([one[0] for one in found])
    starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    items, features, blend = (np.concatenate([one[place] for one in found]) for place in (1, 2, 3))
    return Told(starts, items, features, blend, tuple(names))


def _told(
    stages: Sequence[Stage],
    links: Sequence[Stage],
    popular: Floats,
    block: Queries,
    count: int,
    mix: Mapping[str, float],
) -> tuple[Ints, Ints, Floats, Floats]:
    count = min(count, len(popular))
    scores = [stage.fitted.scores(block) for stage in stages]
    blend = np.zeros_like(scores[0])
    for stage, mine in zip(stages, scores, strict=True):
        if stage.name in mix:
            blend += np.float32(mix[stage.name]) * spread(mine)
    hide_seen(blend, block)
    chosen = np.argpartition(-blend, count - 1, axis=1)[:, :count]
    mixed = np.take_along_axis(blend, chosen, axis=1)
    order = np.argsort(-mixed, axis=1, kind="stable")
    chosen, mixed = np.take_along_axis(chosen, order, axis=1), np.take_along_axis(mixed, order, axis=1)
    usable = ~np.isneginf(mixed)
    columns = [np.take_along_axis(mine, chosen, axis=1) for mine in scores]
    for stage, mine in zip(stages, columns[: len(stages)], strict=True):
        if stage.proposes:
            columns.append(np.argsort(np.argsort(-mine, axis=1, kind="stable"), axis=1).astype(np.float32))
    columns += [best for stage in links for best in _best_links(stage.fitted, block, chosen)]
    histories = block.histories
    length = np.maximum(histories.lengths, 1)
    usual = np.asarray(histories.matrix() @ popular) / length
    recent = histories.recency(0.8)
    lately = np.asarray(histories.matrix(recent) @ popular) / np.maximum(histories.matrix(recent).sum(axis=1).A1, 1e-6)
    columns += [mixed, np.broadcast_to(np.arange(count, dtype=np.float32), mixed.shape), popular[chosen]]
    columns += [np.broadcast_to(one.astype(np.float32)[:, None], mixed.shape) for one in (length, usual, lately)]
    told = np.stack([column[usable] for column in columns], axis=1).astype(np.float32)
    return usable.sum(axis=1), chosen[usable], told, mixed[usable]


def together(parts: Sequence[Told]) -> Told:
    """What was told of several splits' candidates, one after another."""
    starts = np.concatenate(([0], np.cumsum(np.concatenate([np.diff(one.starts) for one in parts])))).astype(np.int64)
    items, features, blend = (
        np.concatenate([getattr(one, name) for one in parts]) for name in ("items", "features", "blend")
    )
    return Told(starts, items, features, blend, parts[0].names)


def spread(scores: Floats) -> Floats:
    """Scores of each query brought to a mean of 0 and a deviation of 1 over the catalogue."""
    deviation = scores.std(axis=1, keepdims=True)
    return np.asarray((scores - scores.mean(axis=1, keepdims=True)) / np.maximum(deviation, 1e-9), np.float32)


def _best_links(fitted: Fitted, block: Queries, chosen: Ints) -> list[Floats]:
    """For each candidate the strongest single weight from the last items, and those from the very last ones."""
    assert isinstance(fitted, FittedLinear)
    found = [np.zeros(chosen.shape, np.float32) for _ in range(len(_LINKS) + _LAST)]
    starts, items = block.histories.starts, block.histories.items
    for row in range(len(block)):
        recent = items[starts[row] : starts[row + 1]][::-1][: max(_LINKS)]
        if len(recent):
            weights = fitted.links(recent, chosen[row])
            for best, many in zip(found, _LINKS, strict=False):
                best[row] = weights[:many].max(axis=0)
            for back in range(min(_LAST, len(recent))):
                found[len(_LINKS) + back][row] = weights[back]
    return found
