"""How well a model spots rows in which values were swapped with other rows': a measure that needs no labels.

To compare models fitted on the same claims. Not a measure of how much fraud is found: swapped rows contradict
themselves by construction, and not all fraud does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.autoencoder.evaluation import evaluate
from claims_fraud.autoencoder.tree_autoencoder import ClaimsTreeAutoencoder

SWAPPED_SHARE = 0.04
MOST_VALUES = 3
# Rows too few to swap values in and leave enough untouched.
FEWEST_ROWS = 50


def with_swaps(data: pd.DataFrame, columns: Sequence[str], seed: int) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    """Return the rows with one to three values of 4 % of them taken from other rows, and which rows those are.

    Every column keeps about the distribution it has; a row counts as swapped if some value of it really changed.

    Parameters
    ----------
    data : DataFrame of shape (n, ...)
        Never changed.
    columns : sequence of str
        Columns to swap values of.
    seed : int
        Another seed, other rows and values.
    """
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(data), size=max(round(SWAPPED_SHARE * len(data)), 1), replace=False)
    sources = {name: np.arange(len(data)) for name in columns}
    for row in rows:
        how_many = rng.integers(1, min(MOST_VALUES, len(columns)), endpoint=True)
        for name in rng.choice(list(columns), size=how_many, replace=False):
            sources[name][row] = rng.integers(len(data))
    swapped = data.reset_index(drop=True)
    changed = np.zeros(len(data), dtype=bool)
    for name, source in sources.items():
        # As codes, in which missing values are equal.
        codes, _ = pd.factorize(swapped[name])
        changed |= codes[source] != codes
    return swapped.assign(**{name: swapped[name].array[source] for name, source in sources.items()}), changed


def swap_measures(model: ClaimsTreeAutoencoder, data: pd.DataFrame, seed: int) -> dict[str, Any] | None:
    """Return how well the model's scores tell swapped rows from others; None for few rows.

    Parameters
    ----------
    model : ClaimsTreeAutoencoder
        Fitted, on other rows than these.
    data : DataFrame of shape (n, ...)
        Rows with the model's columns.
    seed : int
        See `with_swaps`.

    Returns
    -------
    dict or None
        ``n`` rows, ``n_swapped`` of them, their share ``base_rate``, and as in `evaluate`: ``auroc``,
        ``average_precision``, precision and recall among the highest-scored 1 % and 5 % (``precision_at_1pct``, …).
    """
    if len(data) < FEWEST_ROWS:
        return None
    swapped, changed = with_swaps(data, model.scored_features_, seed)
    if not changed.any():
        return None
    scores, _ = model.compute_fraud_scores(swapped)
    measures = evaluate(scores, changed)
    return {"n_swapped" if name == "n_fraud" else name: value for name, value in measures.items() if name != "by_kind"}
