"""RecTools' SASRec on a split that it is given, in an environment of its own (``rivals/sasrec.in``).

``python sasrec.py IN.npz OUT.npz``. IN holds, for validation and for the test, what is learned (``*_users``,
``*_items``, oldest first) and who is asked (``*_asked``), and the validation's answers (``validation_wanted``). OUT is
given the ``top`` hundred of each of the test's questions and what was ``chosen``. The test's answers are not in IN.

Tuned on validation: width and depth, loss, and how many epochs, three at a time until they no longer help.
"""

import json
import logging
import os
import sys
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
import torch
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

KEPT = 100
STEP = 3  # epochs between two looks at validation
SHAPES: tuple[dict[str, Any], ...] = (
    {"n_factors": 64, "n_blocks": 1, "n_heads": 1, "lr": 0.002, "loss": "gBCE", "n_negatives": 128, "gbce_t": 0.75},
    {"n_factors": 128, "n_blocks": 2, "n_heads": 2, "lr": 0.001, "loss": "gBCE", "n_negatives": 128, "gbce_t": 0.75},
)


def dataset(users: np.ndarray, items: np.ndarray) -> Any:
    frame = pd.DataFrame({Columns.User: users, Columns.Item: items, Columns.Weight: 1.0})
    frame[Columns.Datetime] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(len(users)), unit="s")
    return Dataset.construct(frame)


def tops(model: Any, data: Any, asked: np.ndarray, count: int) -> np.ndarray:
    """The best unseen items of each asked user; -1 where the model has none (it learned nothing of the user)."""
    found = np.full((len(asked), count), -1, np.int64)
    place = {user: row for row, user in enumerate(asked.tolist())}
    known = np.intersect1d(asked, data.user_id_map.external_ids)
    said = model.recommend(known, data, k=count, filter_viewed=True, on_unsupported_targets="ignore")
    rows = said[Columns.User].map(place).to_numpy()
    found[rows, said[Columns.Rank].to_numpy() - 1] = said[Columns.Item].to_numpy()
    return found


def ndcg10(top: np.ndarray, wanted: np.ndarray) -> float:
    hits = top[:, :10] == wanted[:, None]
    return float((hits / np.log2(np.arange(2, 12))).sum(axis=1).mean())


def fresh(shape: dict[str, Any], longest: int, epochs: int) -> Any:
    torch.manual_seed(7)
    fixed = {"session_max_len": longest, "epochs": epochs, "recommend_torch_device": "cpu", "deterministic": True}
    return SASRecModel(**shape, **fixed)


def main() -> None:
    given = np.load(sys.argv[1])
    longest, most, seconds = int(given["longest"]), int(given["most_epochs"]), float(given["seconds"])
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    data = dataset(given["validation_users"], given["validation_items"])
    best: tuple[float, dict[str, Any], int] = (-1.0, SHAPES[0], STEP)
    began = time.monotonic()
    for number, shape in enumerate(SHAPES):
        until = began + seconds * (number + 1) / len(SHAPES)
        model, mine = fresh(shape, longest, STEP), (-1.0, 0)
        for epochs in range(STEP, most + 1, STEP):
            model.fit_partial(data, min_epochs=STEP, max_epochs=STEP)
            asked = given["validation_asked"]
            reached = ndcg10(tops(model, data, asked, 10), given["validation_wanted"])
            print(f"{json.dumps(shape)} {epochs} epochs: {reached:.4f}, {time.monotonic() - began:.0f} s", flush=True)
            if reached > mine[0]:
                mine = (reached, epochs)
            if reached > best[0]:
                best = (reached, shape, epochs)
            if epochs - mine[1] >= 2 * STEP or time.monotonic() > until:
                break
    data = dataset(given["test_users"], given["test_items"])
    model = fresh(best[1], longest, best[2])
    model.fit(data)
    chosen = ", ".join(f"{name} {value}" for name, value in best[1].items())
    chosen += f", {best[2]} epochs, sessions of {longest}; validation ndcg@10 {best[0]:.4f}"
    took = time.monotonic() - began
    np.savez(sys.argv[2], top=tops(model, data, given["test_asked"], KEPT), chosen=chosen, seconds=took)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    main()
