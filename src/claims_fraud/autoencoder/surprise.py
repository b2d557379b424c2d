"""From predicted probabilities to surprise, and from surprise to a score whose parts add up to it.

Two kinds of surprise, because two kinds of fraud exist:

- *contradiction*: the value does not fit the rest of its row. How many times more likely the value is in the column at
  large than given the other columns: the likelihood ratio of "this value came from another row" to "it belongs here".
- *rarity*: the value is rare or extreme, whatever the rest says.

Under a model that is right the ratio is 1 on average, so each column's is divided by its mean among the cross-fitted
training rows: a column whose model is too sure of itself does not outweigh the others. The sum of a row's ratios is, up
to a constant, the likelihood ratio of "one value of this row came from another row", and a column's share of the sum is
the probability that it is this one (each column being as likely beforehand).

Rarity is measured in units of the spread it would have if columns were independent, so that rows which are extreme in
many columns at once stand out, and the more columns there are the less a single rare value counts. A row's score grows
with the larger of the two measures. Not for words: see ``explanation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from claims_fraud.autoencoder.encoding import Floats, Ints

# Share of the marginal mixed into each prediction: a model is never so sure that one row costs more than it can know.
FLOOR = 0.02
# Spreads by which contradiction has to exceed its median to count like a median rarity, since most rows contradict a
# little, and what each spread beyond that weighs, since contradiction has the shorter tail. The more it weighs, the
# better contradictions are found and the worse rare values.
ORDINARY_CONTRADICTION = 3.0
CONTRADICTION_WEIGHT = 1.5
SMALLEST = float(np.finfo(float).tiny)


def floored(probabilities: Floats, observed: Ints, marginal: Floats) -> Floats:
    """Return probabilities of all classes, shape (n, k): a model's of ``observed`` ones, mixed with the marginal."""
    full = np.tile(FLOOR * marginal, (len(probabilities), 1))
    full[:, observed] += (1 - FLOOR) * probabilities
    return full


def likelihood_ratio(probabilities: Floats, classes: Ints, marginal: Floats) -> Floats:
    """Return how many times likelier each row's class is at large than was predicted, shape (n,), in (0, 1 / FLOOR].

    Parameters
    ----------
    probabilities : array of shape (n, k)
        Floored ones.
    classes : int array of shape (n,)
        What the rows have.
    marginal : array of shape (k,)
        Share of each class among the training rows.
    """
    ratio: Floats = marginal[classes] / probabilities[np.arange(len(classes)), classes]
    return ratio


@dataclass(frozen=True)
class ScoreScale:
    """What turns ratios and rarities of rows into parts of a score; learned from the cross-fitted training rows.

    Attributes
    ----------
    ratio_weights : tuple of float
        One over the mean likelihood ratio of each column; 0 for a column whose ratio never varies, which tells nothing.
    contradiction : pair of float
        Median of the log of a row's summed ratios, and the median distance from it.
    rarity : pair of float
        Median of a row's summed rarity, and the root of the columns' summed squared interquartile ranges.
    """

    ratio_weights: tuple[float, ...]
    contradiction: tuple[float, float]
    rarity: tuple[float, float]

    @classmethod
    def fit(cls, ratios: Floats, rarities: Floats) -> Self:
        """Learn it from the training rows, both of shape (n, columns)."""
        weights = np.where(np.ptp(ratios, axis=0) > 0, 1 / ratios.mean(axis=0), 0.0)
        contradiction = _log_total(ratios * weights)
        distance = np.abs(contradiction - np.median(contradiction))
        lower, upper = np.quantile(rarities, (0.25, 0.75), axis=0)
        rarity = rarities.sum(axis=1)
        return cls(
            tuple(weights.tolist()),
            # Where more than half of the rows are alike, the others say what spread there is.
            (float(np.median(contradiction)), float(np.median(distance)) or float(distance.mean()) or 1.0),
            (float(np.median(rarity)), float(np.sqrt(np.sum((upper - lower) ** 2))) or float(rarity.std()) or 1.0),
        )

    def combine(self, ratios: Floats, rarities: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return each row's parts, >= 0, shape (n, columns), and the rows judged by rarity, shape (n,).

        Parts of a row judged by rarity are in proportion to its rarities, of any other to its ratios.
        """
        ratios = ratios * np.asarray(self.ratio_weights)
        spreads = _standardised(_log_total(ratios), self.contradiction)
        contradiction = CONTRADICTION_WEIGHT * (spreads - ORDINARY_CONTRADICTION)
        rarity = _standardised(rarities.sum(axis=1), self.rarity)
        by_rarity = (rarity >= contradiction) | ~ratios.any(axis=1)
        # A smooth maximum of the two and of 0: it grows with both, and a part is a share of what is never negative.
        score = np.logaddexp(0, np.logaddexp(contradiction, rarity))
        weights = np.where(by_rarity[:, None], rarities, ratios)
        # Where nothing of a row is rare in the least, nothing adds to its score.
        shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), SMALLEST)
        return score[:, None] * shares, by_rarity


def _log_total(ratios: Floats) -> Floats:
    total: Floats = np.log(np.maximum(ratios.sum(axis=1), SMALLEST))
    return total


def _standardised(values: Floats, scale: tuple[float, float]) -> Floats:
    center, spread = scale
    standardised: Floats = (values - center) / spread
    return standardised
