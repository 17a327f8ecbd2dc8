"""Histories whose answer is known."""

import numpy as np

from matinee.learning.histories import Histories, histories_of


def checkerboard(users: int = 60, items: int = 40, watched: int = 12, seed: int = 1) -> Histories:
    """Two groups of users; those of even numbers watch even items, the others odd ones, in an order of chance."""
    random = np.random.default_rng(seed)
    halves = [np.arange(side, items, 2) for side in (0, 1)]
    return histories_of([random.permutation(halves[user % 2])[:watched].tolist() for user in range(users)], items)
