"""From what several models say of a value to one log Bayes factor, and from the columns' to a score and its parts.

The evidence of a value is the log of how many times likelier it is if it was put there than if it belongs to its row.
Each column's models are weighed without labels: a logistic regression learns which of two values is a row's own and
which was put there, on rows that the models did not see. A row's evidence is that of its worst values, summed with a
power above 1, since one strong contradiction is less often chance than several weak ones.

Beside contradiction there is rarity: values that are rare or extreme, whatever the rest of the row says. The more rows
contradict themselves far beyond what the middle of the rows leads to expect, the less rarity counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import minimize

from claims_fraud.autoencoder.encoding import Bools, Floats, Singles

# No single model's word counts for more, in nats, while models are weighed; nor a column's in the score.
MOST_WEIGHED = 6.0
MOST_EVIDENCE = 12.0
# What a model may say at all: what lies beyond is rounding of what it has never seen.
LEAST_SAID, MOST_SAID = -8.0, 30.0
# Share of the real values that are left out while models are weighed, those that contradict most: they may be wrong.
TRIMMED = 0.03
# Largest weight of a model, largest offset, and how strongly weights are held to the ones they start from.
MOST_WEIGHT, MOST_OFFSET, HELD = 1.5, 1.0, 3e-3
# Weights before any row is seen.
CLASSES, CONTRAST, PAIR = 0.4, 0.4, 0.2
LOCATION, CLASSES_OF_NUMBER = 0.5, 0.3
# What is known of columns before any row is seen, in nats. Money is what is gained by: a size that seldom recurs, or of
# which it is said on which side it is suspicious, counts more. A column that is derived from other claims says what
# else happened, not what was billed: it counts less. Neither more than doubles evidence: none stays none.
OF_AMOUNT, OF_DERIVED = 1.5, -1.0
# What a rare value of such a column counts of any other.
RARITY_OF_DERIVED = 0.5
# Power with which a row's evidence is summed: 1 is the Bayes factor of "one value was put there", a large one the
# largest alone.
EMPHASIS = 1.5
# What there is to say against a value of which nothing can be said: it adds nothing to a row.
NOTHING = float("-inf")
# How much a value's contradictions with others add to its share of a row's score.
BLAMED = 1.0
# Rarity counts this much where contradictions are as few as the middle of the rows leads to expect, and at least.
MOST_RARITY, LEAST_RARITY = 0.5, 0.35
# What it would count with no contradiction beyond those, were it not for the bound.
RARITY_ALONE = 2.0
# What rarity can amount to at most, in nats: a contradiction beyond doubt comes before any rare value.
RAREST = 8.0
# Between these shares of the rows the tail of contradiction is read off, and where it is compared.
MIDDLE, UPPER, FAR = 0.5, 0.75, 0.99
SMALLEST = float(np.finfo(float).tiny)
# Evidence of a row of which nothing can be said, as a number.
LEAST = -30.0
NEXT_TO_NOTHING = 1e-6


@dataclass(frozen=True)
class Stack:
    """How much each of a column's models counts.

    Attributes
    ----------
    weights : tuple of float
        Of each model, in [0, 1.5].
    offset : float
        In [-1, 1].
    prior : float
        Nats by which the column's evidence counts more, or less, as far as there is so much of it.
    """

    weights: tuple[float, ...]
    offset: float = 0.0
    prior: float = 0.0

    @classmethod
    def fit(cls, real: Floats, put_there: Floats, start: Stack) -> Self:
        """Learn it from what models say of rows' own values, shape (n, models), and of values put there, (m, models).

        A logistic regression whose weights are held to those of ``start``; both sorts of values count the same.
        What models say is cut at 6, and the 3 % of the real values that contradict most are left out, so that rows
        that are wrong do not teach that wrong is ordinary.
        """
        weights = np.asarray(start.weights)
        real, put_there = (np.clip(said, -MOST_WEIGHED, MOST_WEIGHED) for said in (real, put_there))
        likely = np.argsort(real @ weights, kind="stable")[: int(len(real) * (1 - TRIMMED))]
        real = real[likely]
        if not len(real) or not len(put_there):
            return cls(start.weights, start.offset, start.prior)
        said = np.vstack([real, put_there])
        target = np.repeat([0.0, 1.0], [len(real), len(put_there)])
        share = np.repeat([1 / len(real), 1 / len(put_there)], [len(real), len(put_there)])

        def loss(values: Floats) -> tuple[float, Floats]:
            odds = said @ values[1:] + values[0]
            slope = share * (1 / (1 + np.exp(-odds)) - target)
            away = values[1:] - weights
            total = share @ (np.logaddexp(0, odds) - target * odds) + HELD * away @ away
            return float(total), np.append(slope.sum(), said.T @ slope + 2 * HELD * away)

        bounds = [(-MOST_OFFSET, MOST_OFFSET), *[(0.0, MOST_WEIGHT)] * len(weights)]
        # Rounded, so that the order of additions has no say.
        found = minimize(loss, np.append(0.0, weights), jac=True, method="L-BFGS-B", bounds=bounds).x.round(4)
        return cls(tuple(found[1:].tolist()), float(found[0]), start.prior)

    def evidence(self, said: Floats) -> Singles:
        """Return the log Bayes factor of each row, shape (n,), from what the models say of it, (n, models)."""
        total = np.clip(said, LEAST_SAID, MOST_SAID) @ np.asarray(self.weights) + self.offset
        total += np.sign(self.prior) * np.minimum(abs(self.prior), np.maximum(total, 0.0))
        evidence: Singles = np.minimum(total, MOST_EVIDENCE).astype(np.float32)
        return evidence


@dataclass(frozen=True)
class ScoreScale:
    """What turns evidence and rarities of rows into parts of a score; learned from the cross-fitted training rows.

    Attributes
    ----------
    rarity : pair of float
        Median of a row's summed rarity, and the root of the columns' summed squared interquartile ranges: the spread
        that it would have if columns were independent.
    rarity_weight : float
        How much a spread of rarity counts, in [0.35, 0.5] nats.
    """

    rarity: tuple[float, float]
    rarity_weight: float

    @classmethod
    def fit(cls, evidence: Floats, rarities: Floats) -> Self:
        """Learn it from the training rows, both of shape (n, columns)."""
        lower, upper = np.transpose([np.quantile(column, (0.25, 0.75)) for column in rarities.T])
        rarity = rarities.sum(axis=1, dtype=float)
        spread = float(np.sqrt(np.sum((upper - lower) ** 2))) or float(rarity.std()) or 1.0
        excess = tail_excess(contradiction(evidence))
        weight = float(np.clip(RARITY_ALONE / (1 + excess**2) ** 2, LEAST_RARITY, MOST_RARITY))
        return cls((float(np.median(rarity)), spread), weight)

    def combine(self, evidence: Floats, rarities: Floats, blame: Floats) -> tuple[Floats, Bools]:
        """Return each row's parts, >= 0, shape (n, columns), and the rows judged by rarity, shape (n,).

        Parameters
        ----------
        evidence, rarities : array of shape (n, columns)
            Of each value.
        blame : array of shape (n, columns)
            Sum of a value's contradictions with each other value of its row, in nats. Parts of a row are in proportion
            to evidence times one plus blame: of two columns that notice one wrong value, the wrong one contradicts the
            others too.
        """
        contradicts = contradiction(evidence)
        center, spread = self.rarity
        rarity = RAREST * np.tanh(self.rarity_weight * (rarities.sum(axis=1, dtype=float) - center) / spread / RAREST)
        by_rarity = rarity > contradicts
        # A smooth maximum of the two and of 0: it grows with both, and a part is a share of what is never negative.
        score = np.logaddexp(0, np.logaddexp(contradicts, rarity))
        # Where nothing contradicts, what contradicts least little has most of the score.
        weights = np.maximum(evidence, 0) * (1 + BLAMED * blame) + NEXT_TO_NOTHING * np.exp(evidence)
        weights = np.where(by_rarity[:, None], rarities, weights).astype(float)
        # Where nothing of a row is rare in the least, nothing adds to its score.
        shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), SMALLEST)
        return score[:, None] * shares, by_rarity


def contradiction(evidence: Floats) -> Floats:
    """Return a row's evidence, shape (n,), from its columns' of shape (n, columns)."""
    largest = np.maximum(evidence.max(axis=1, keepdims=True), LEAST)
    total = np.exp(EMPHASIS * (evidence - largest)).sum(axis=1, dtype=float)
    summed: Floats = largest[:, 0] + np.log(np.maximum(total, SMALLEST)) / EMPHASIS
    return summed


def tail_excess(values: Floats) -> float:
    """Return how far the 99th percentile is beyond where an exponential tail has it, in units of that tail, >= 0.

    The tail is the one that goes through the median and the upper quartile, which a few per cent of wrong rows do not
    move.
    """
    middle, upper, far = np.quantile(values, (MIDDLE, UPPER, FAR))
    step = (upper - middle) / np.log((1 - MIDDLE) / (1 - UPPER))
    if step <= 0:
        return 0.0
    return max(float((far - middle) / step - np.log((1 - MIDDLE) / (1 - FAR))), 0.0)
