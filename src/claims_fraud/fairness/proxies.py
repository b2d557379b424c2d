"""How well a protected attribute can be told from other columns: what a model may know without seeing it.

The autoencoder's own model of a column is asked, cross-fitted, so that no row is told by a model that has seen it. Not
for whether a score makes use of what it could know: flag rates say that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from claims_fraud.autoencoder.boosters import BoosterSettings, Matrix
from claims_fraud.autoencoder.column_model import ColumnModel, cross_fitted
from claims_fraud.autoencoder.encoding import Floats, Ints
from claims_fraud.autoencoder.folds import fold_numbers, group_hashes
from claims_fraud.autoencoder.kinds import CategoryEncoder, Encoder, NumberEncoder
from claims_fraud.fairness.groups import labels

N_FOLDS = 3
# Rows too few to learn from.
FEWEST_ROWS = 100
# Groups that are told apart; smaller ones are pooled.
MOST_GROUPS = 24
# Columns that are named as proxies.
MOST_PROXIES = 3


def proxy_strength(  # noqa: PLR0913
    data: pd.DataFrame,
    attribute: str,
    edges: Sequence[float] | None,
    *,
    categorical: Sequence[str],
    numeric: Sequence[str],
    people: str,
    settings: BoosterSettings,
) -> dict[str, Any] | None:
    """Return how well the groups of an attribute can be told from other columns; None where there is nothing to tell.

    Parameters
    ----------
    data : DataFrame of shape (n, ...)
        A sample of rows.
    attribute : str
        The protected column.
    edges : sequence of float, optional
        Where its bands begin, if it is a number.
    categorical, numeric : sequence of str
        The other columns.
    people : str
        Column of whose rows they are: all rows of a person are told by models that saw none of them, which else
        would know the person again.
    settings : BoosterSettings
        Of the model, which is CatBoost's.

    Returns
    -------
    dict or None
        ``n`` rows; ``auroc``, how often a row of a group is thought likelier to be of it than a row of another, 0.5 by
        chance and 1 at best, the mean of all groups weighted by size; ``explained``, the share of the uncertainty
        (cross-entropy) of who is in which group that is gone once the other columns are known, 0 to 1; and
        ``columns``, those that the model leans on most, with their ``weight``, which sum to 1 over all columns.
    """
    names = [*categorical, *numeric]
    if len(data) < FEWEST_ROWS or not names:
        return None
    target = pd.Series(labels(data[attribute], edges), dtype=object)
    encoder = CategoryEncoder.fit(target, MOST_GROUPS)
    classes = encoder.encode(target).classes
    if len(np.unique(classes)) < 2:
        return None
    inputs = _inputs(data, categorical, numeric)
    folds = fold_numbers(group_hashes(data[people], len(data)), N_FOLDS)
    model, predictions = cross_fitted(partial(_fit, inputs, classes, settings), inputs, encoder.marginal, folds)
    probabilities = np.zeros((len(data), encoder.n_classes))
    for rows, predicted in predictions:
        probabilities[rows] = predicted
    weights = model.booster.importance() if model.booster else np.zeros(len(names))
    leading = np.argsort(-weights, kind="stable")[:MOST_PROXIES]
    return {
        "n": len(data),
        "auroc": _auroc(probabilities, classes),
        "explained": _explained(probabilities, classes, encoder.marginal),
        "columns": [{"column": names[place], "weight": float(weights[place])} for place in leading if weights[place]],
    }


def _inputs(data: pd.DataFrame, categorical: Sequence[str], numeric: Sequence[str]) -> Matrix:
    encoders: dict[str, Encoder] = {
        **{name: CategoryEncoder.fit(data[name], MOST_GROUPS) for name in categorical},
        **{name: NumberEncoder.fit(data[name]) for name in numeric},
    }
    return np.column_stack([encoder.encode(data[name]).inputs for name, encoder in encoders.items()])


def _fit(inputs: Matrix, classes: Ints, settings: BoosterSettings, rows: np.ndarray) -> ColumnModel:
    return ColumnModel.fit("catboost", inputs[rows], classes[rows], settings)


def _auroc(probabilities: Floats, classes: Ints) -> float:
    found, sizes = np.unique(classes, return_counts=True)
    each = [float(roc_auc_score(classes == one, probabilities[:, one])) for one in found]
    return float(np.average(each, weights=sizes))


def _explained(probabilities: Floats, classes: Ints, marginal: Floats) -> float:
    left = -np.log(probabilities[np.arange(len(classes)), classes]).mean()
    return float(max(0.0, 1 + left / np.log(marginal[classes]).mean()))
