"""From predicted probabilities to surprise, and from surprise to a score whose parts add up to it.

Two kinds of surprise, because two kinds of fraud exist:

- *contradiction*: the value does not fit the rest of its row. How many times more likely the value is in the column at
  large than given the other columns: the likelihood ratio of "this value came from another row" to "it belongs here".
- *rarity*: the value is rare or extreme, whatever the rest says.

Under a model that is right the ratio is 1 on average, so each column's is divided by its mean among the cross-fitted
training rows: a column whose model is too sure of itself does not outweigh the others. The sum of a row's ratios is, up
to a constant, the likelihood ratio of "one value of this row came from another row". They are summed with a power above
1, since one large ratio is less often chance than several small ones.

Where some rows contradict themselves far more than the others, that sum has a heavy tail; the heavier it is, the more
contradiction counts. Rarity is measured in units of the spread it would have if columns were independent, so that rows
which are extreme in many columns at once stand out, and the more columns there are the less a single rare value counts.
A row's score grows with the larger of the two measures. Not for words: see ``explanation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Self

import numpy as np
import numpy.typing as npt

from claims_fraud.autoencoder.encoding import Floats, Ints

# Share of the marginal mixed into each prediction: a model is never so sure that one row costs more than it can know.
FLOOR = 0.02
# Power with which a row's ratios are summed: 1 is the likelihood ratio, a large one the largest ratio alone.
EMPHASIS = 1.5
# Spreads by which contradiction has to exceed its median to count like a median rarity, since most rows contradict a
# little, and what each spread beyond that weighs, since contradiction has the shorter tail. The more it weighs, the
# better contradictions are found and the worse rare values.
ORDINARY_CONTRADICTION = 3.5
CONTRADICTION_WEIGHT = 1.25
# How many times farther from the median the 99th percentile is than the 90th: so far in data in which little or nothing
# contradicts itself, and how many times that is believed at the most.
ORDINARY_TAIL = 2.5
HEAVIEST_TAIL = 4.0
SMALLEST = float(np.finfo(float).tiny)


def floored(probabilities: Floats, observed: Ints, marginal: Floats) -> npt.NDArray[np.float32]:
    """Return probabilities of all classes, shape (n, k): a model's of ``observed`` ones, mixed with the marginal."""
    least, likely = (FLOOR * marginal).astype(np.float32), np.float32(1 - FLOOR) * probabilities
    if len(observed) == len(marginal):
        likely += least
        return likely
    full = np.tile(least, (len(probabilities), 1))
    full[:, observed] += likely
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
        Median of the log of a row's summed evidence, and the median distance from it, over how many times heavier the
        upper tail is than an ordinary one.
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
        # A column at a time, since rows may be millions.
        contradiction = _log(reduce(np.add, (_evidence(*each) for each in zip(ratios.T, weights, strict=True))))
        distance = np.abs(contradiction - np.median(contradiction))
        lower, upper = np.transpose([np.quantile(column, (0.25, 0.75)) for column in rarities.T])
        rarity = rarities.sum(axis=1)
        # Where more than half of the rows are alike, the others say what spread there is.
        spread = float(np.median(distance)) or float(distance.mean()) or 1.0
        return cls(
            tuple(weights.tolist()),
            (float(np.median(contradiction)), spread / _tail_weight(contradiction)),
            (float(np.median(rarity)), float(np.sqrt(np.sum((upper - lower) ** 2))) or float(rarity.std()) or 1.0),
        )

    def combine(self, ratios: Floats, rarities: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return each row's parts, >= 0, shape (n, columns), and the rows judged by rarity, shape (n,).

        Parts of a row judged by rarity are in proportion to its rarities, of any other to its columns' evidence.
        """
        evidence = _evidence(ratios, np.asarray(self.ratio_weights))
        spreads = _standardised(_log(evidence.sum(axis=1)), self.contradiction)
        contradiction = CONTRADICTION_WEIGHT * (spreads - ORDINARY_CONTRADICTION)
        rarity = _standardised(rarities.sum(axis=1), self.rarity)
        by_rarity = (rarity >= contradiction) | ~evidence.any(axis=1)
        # A smooth maximum of the two and of 0: it grows with both, and a part is a share of what is never negative.
        score = np.logaddexp(0, np.logaddexp(contradiction, rarity))
        weights = np.where(by_rarity[:, None], rarities, evidence)
        # Where nothing of a row is rare in the least, nothing adds to its score.
        shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), SMALLEST)
        return score[:, None] * shares, by_rarity


def _evidence(ratios: Floats, weights: Floats) -> Floats:
    """Return what each ratio adds to a row's contradiction, in the shape of the ratios."""
    evidence: Floats = (ratios * weights) ** EMPHASIS
    return evidence


def _tail_weight(contradiction: Floats) -> float:
    """Return how many times heavier the upper tail is than an ordinary one, in [1, HEAVIEST_TAIL]."""
    middle, high, highest = np.quantile(contradiction, (0.5, 0.9, 0.99))
    # Where nine of ten rows are alike, the others are no tail.
    tail = (highest - middle) / (high - middle) if high > middle else ORDINARY_TAIL
    return float(np.clip(tail / ORDINARY_TAIL, 1, HEAVIEST_TAIL))


def _log(totals: Floats) -> Floats:
    logs: Floats = np.log(np.maximum(totals, SMALLEST))
    return logs


def _standardised(values: Floats, scale: tuple[float, float]) -> Floats:
    center, spread = scale
    standardised: Floats = (values - center) / spread
    return standardised
