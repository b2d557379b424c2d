"""From predicted probabilities to surprise, and from surprise to a score whose parts add up to it.

Two kinds of surprise, because two kinds of fraud exist:

- *conditional*: the value contradicts the rest of its row. Negative log-likelihood of the value given the others,
  less the surprise the model expects there (the entropy of its prediction), positive part only, weighted by how
  predictable the column is (FRaC, Noto et al. 2012; ALSO, Paulheim and Meusel 2015).
- *rarity*: the value is rare or extreme, whatever the rest says. Its negative log frequency less the mean of that among
  the training rows, positive part only.

Both are in nats and not divided by a column's own spread: a column that is nearly always as predicted would else
outweigh all others by a single deviation.

A row's score is the larger of its two sums, each divided by its 99th percentile among the training rows, so that they
compare where claims are flagged, and rarity by a further 1.5: extreme claims are more often honest than claims that
contradict themselves. Not for words: see ``explanation``.
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
# Average precision on swapped values falls by a fifth at 1 and on rare values by a fifth at 1.5.
RARITY_DISCOUNT = 1.5


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
    """What turns a column's raw surprise into its parts of a score; learned from cross-fitted surprise.

    Attributes
    ----------
    weight : float
        Predictability in [0, 1]: 1 less the mean surprise over that of the marginal.
    mean_rarity : float
        Mean rarity, nats.
    """

    weight: float
    mean_rarity: float

    @classmethod
    def fit(cls, raw: RawSurprise, encoded: Encoded, marginal: Floats) -> Self:
        """Learn it from the training rows."""
        blind = -np.log(marginal)[encoded.classes] - encoded.log_within
        weight = 1 - raw.observed.mean() / blind.mean() if blind.mean() > 0 else 0.0
        return cls(weight=float(np.clip(weight, 0, 1)), mean_rarity=float(raw.rarity.mean()))

    def conditional(self, raw: RawSurprise) -> Floats:
        """Return the column's conditional part, >= 0."""
        part: Floats = self.weight * np.maximum(raw.observed - raw.expected, 0)
        return part

    def rare(self, raw: RawSurprise) -> Floats:
        """Return the column's rarity part, >= 0."""
        part: Floats = np.maximum(raw.rarity - self.mean_rarity, 0)
        return part


@dataclass(frozen=True)
class ScoreScale:
    """What makes the two sums comparable: the 99th percentile of each, rarity's times its discount."""

    conditional: float
    rarity: float

    @classmethod
    def fit(cls, conditional: Floats, rarity: Floats) -> Self:
        """Learn them from the parts of the training rows, each of shape (n, columns)."""
        tops = (float(np.quantile(parts.sum(axis=1), SCALE_QUANTILE)) or 1.0 for parts in (conditional, rarity))
        return cls(next(tops), RARITY_DISCOUNT * next(tops))

    def combine(self, conditional: Floats, rarity: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return the parts of each row's larger sum, shape (n, columns), and the rows judged by rarity, shape (n,)."""
        conditional, rarity = conditional / self.conditional, rarity / self.rarity
        by_rarity = rarity.sum(axis=1) > conditional.sum(axis=1)
        return np.where(by_rarity[:, None], rarity, conditional), by_rarity
