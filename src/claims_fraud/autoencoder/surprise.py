"""From predicted probabilities to surprise, and from surprise to a score whose parts add up to it.

Two kinds of surprise, because two kinds of fraud exist:

- *conditional*: the value contradicts the rest of its row. Negative log-likelihood of the value given the other
  columns, less the surprise the model expects there (the entropy of its prediction), in units of its root mean square
  among the training rows, positive part only, weighted by how predictable the column is (FRaC, Noto et al. 2012; ALSO,
  Paulheim and Meusel 2015).
- *rarity*: the value is rare or extreme, whatever the rest says. Standardised over the training rows, positive part.

A row's score is the larger of its two sums, each divided by its 99th percentile among the training rows, so that they
compare where claims are flagged. Not for words: see ``explanation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from claims_fraud.autoencoder.encoding import Encoded, Floats, Ints

# Share of the marginal mixed into each prediction: a model is never so sure that one row costs more than it can know.
FLOOR = 0.02
SCALE_QUANTILE = 0.99
# Nats; a scale below is rounding.
SMALLEST_SCALE = 1e-9


def floored(probabilities: Floats, observed: Ints, marginal: Floats) -> Floats:
    """Return probabilities of all classes, shape (n, k): a model's of ``observed`` ones, mixed with the marginal."""
    full = np.tile(FLOOR * marginal, (len(probabilities), 1))
    full[:, observed] += (1 - FLOOR) * probabilities
    return full


@dataclass(frozen=True)
class RawSurprise:
    """A column's surprise before standardising, arrays of shape (n,): nats observed, nats expected, nats of rarity."""

    observed: Floats
    expected: Floats
    rarity: Floats

    @classmethod
    def of(cls, encoded: Encoded, probabilities: Floats) -> Self:
        """Compute it from floored probabilities of shape (n, k)."""
        rows = np.arange(len(encoded.classes))
        observed = -np.log(probabilities[rows, encoded.classes]) - encoded.log_within
        expected = -np.sum(probabilities * np.log(probabilities), axis=1)
        return cls(observed, expected, encoded.rarity)


@dataclass(frozen=True)
class ColumnScale:
    """How a column's surprise is standardised; learned from cross-fitted surprise.

    Attributes
    ----------
    excess_scale : float
        Root mean square of observed less expected surprise, nats.
    weight : float
        Predictability in [0, 1]: 1 less the mean surprise over that of the marginal.
    rarity_mean, rarity_scale : float
        Mean and standard deviation of rarity, nats.
    """

    excess_scale: float
    weight: float
    rarity_mean: float
    rarity_scale: float

    @classmethod
    def fit(cls, raw: RawSurprise, encoded: Encoded, marginal: Floats) -> Self:
        """Learn it from the training rows."""
        blind = -np.log(marginal)[encoded.classes] - encoded.log_within
        weight = 1 - raw.observed.mean() / blind.mean() if blind.mean() > 0 else 0.0
        return cls(
            excess_scale=float(np.sqrt(np.mean((raw.observed - raw.expected) ** 2))),
            weight=float(np.clip(weight, 0, 1)),
            rarity_mean=float(raw.rarity.mean()),
            rarity_scale=float(raw.rarity.std()),
        )

    def conditional(self, raw: RawSurprise) -> Floats:
        """Return the column's conditional part, >= 0."""
        return self.weight * _positive(raw.observed - raw.expected, self.excess_scale)

    def rare(self, raw: RawSurprise) -> Floats:
        """Return the column's rarity part, >= 0."""
        return _positive(raw.rarity - self.rarity_mean, self.rarity_scale)


@dataclass(frozen=True)
class ScoreScale:
    """The 99th percentiles that make the two sums comparable."""

    conditional: float
    rarity: float

    @classmethod
    def fit(cls, conditional: Floats, rarity: Floats) -> Self:
        """Learn them from the parts of the training rows, each of shape (n, columns)."""
        return cls(*(float(np.quantile(parts.sum(axis=1), SCALE_QUANTILE)) or 1.0 for parts in (conditional, rarity)))

    def combine(self, conditional: Floats, rarity: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return the parts of each row's larger sum, shape (n, columns), and the rows judged by rarity, shape (n,)."""
        conditional, rarity = conditional / self.conditional, rarity / self.rarity
        by_rarity = rarity.sum(axis=1) > conditional.sum(axis=1)
        return np.where(by_rarity[:, None], rarity, conditional), by_rarity


def _positive(excess: Floats, scale: float) -> Floats:
    # A column that never varies has no scale, and what it cannot tell counts nothing.
    return np.maximum(excess, 0) / scale if scale > SMALLEST_SCALE else np.zeros(len(excess))
