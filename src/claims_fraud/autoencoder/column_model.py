"""One column's model: predicts the probabilities of its classes from the other columns.

Not for what the classes mean: see ``encoding``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from claims_fraud.autoencoder.boosters import BOOSTERS, Booster, BoosterSettings, Matrix
from claims_fraud.autoencoder.encoding import Floats, Ints
from claims_fraud.autoencoder.folds import smallest_fold
from claims_fraud.choices import ModelType

# Rows predicted at a time: bounds memory at some hundred MB.
BATCH_ROWS = 100_000
# Share of the marginal mixed into each prediction: a model is never so sure that one row costs more than it can know.
FLOOR = 0.02

# Positions of some rows and the probabilities predicted for them; several of them have no row in common.
Prediction = tuple[Ints, Floats]


@dataclass(frozen=True)
class ColumnModel:
    """A column's fitted booster and the classes it tells apart; None where there is but one, or nothing to go by."""

    booster: Booster | None
    observed: npt.NDArray[np.integer[Any]]

    @classmethod
    def fit(cls, model_type: ModelType, inputs: Matrix, classes: Any, settings: BoosterSettings) -> Self:
        """Fit on inputs of shape (n, d) and classes of shape (n,)."""
        observed, target = np.unique(classes, return_inverse=True)
        learnable = len(observed) > 1 and _varies(inputs)
        return cls(BOOSTERS[model_type].fit(inputs, target, settings) if learnable else None, observed)

    def predict(self, inputs: Matrix, marginal: Floats) -> Floats:
        """Return floored probabilities of all classes, shape (n, k)."""
        if self.booster is None:
            shares = marginal[self.observed] / marginal[self.observed].sum()
            return floored(np.tile(shares, (len(inputs), 1)), self.observed, marginal)
        return floored(self.booster.predict(inputs), self.observed, marginal)


def cross_fitted(
    fit: Callable[[npt.NDArray[np.bool_]], ColumnModel], inputs: Matrix, marginal: Floats, folds: Ints
) -> tuple[ColumnModel, list[Prediction]]:
    """Predict each fold by a model that ``fit`` made of the other folds' rows.

    Returns
    -------
    model : ColumnModel
        That of the smallest fold, which learned from the most rows.
    predictions : list of Prediction
        One or more a fold.
    """
    models: list[ColumnModel] = []
    predictions: list[Prediction] = []
    for fold in range(folds.max() + 1):
        inside = folds == fold
        models.append(fit(~inside))
        predictions += in_batches(models[-1], inputs, marginal, np.flatnonzero(inside))
    return models[smallest_fold(folds)], predictions


def in_batches(model: ColumnModel, inputs: Matrix, marginal: Floats, rows: Ints) -> Iterator[Prediction]:
    """Yield the positions of each batch of the rows and their probabilities by the model."""
    for start in range(0, len(rows), BATCH_ROWS):
        batch = rows[start : start + BATCH_ROWS]
        yield batch, model.predict(inputs[batch], marginal)


def floored(probabilities: Floats, observed: Ints, marginal: Floats) -> npt.NDArray[np.float32]:
    """Return probabilities of all classes, shape (n, k): a model's of ``observed`` ones, mixed with the marginal."""
    least, likely = (FLOOR * marginal).astype(np.float32), np.float32(1 - FLOOR) * probabilities
    if len(observed) == len(marginal):
        likely += least
        return likely
    full = np.tile(least, (len(probabilities), 1))
    full[:, observed] += likely
    return full


def _varies(inputs: Matrix) -> bool:
    """Return whether any input tells rows apart (CatBoost refuses to fit where none does)."""
    first = inputs[:1]
    return bool(np.any((inputs != first) & ~(np.isnan(inputs) & np.isnan(first))))
