"""From score to percentile: which share of the training rows scores lower.

Not for thresholds: whoever flags chooses a percentile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from claims_fraud.autoencoder.encoding import Floats

# The usual threshold, the 99th, is as the training rows have it; the fitted tail only extrapolates.
TAIL_SHARE = 0.01
GRID_SIZE = 501
# Shapes of the generalised Pareto tail: 0.1 and more tells scores apart up to some 200 scales beyond the 99th
# percentile before a float saturates, 0.5 and less has a finite variance.
MIN_SHAPE, MAX_SHAPE = 0.1, 0.5
BELOW_100 = float(np.nextafter(100, 0))


@dataclass(frozen=True)
class Calibration:
    """Empirical distribution of the training scores with a generalised Pareto tail.

    Below the 99th percentile the empirical distribution, linear between its quantiles; above it the fitted tail
    (Pickands 1975; probability-weighted moments of Hosking and Wallis 1987), so that scores above the largest of
    training still differ.

    Attributes
    ----------
    grid : tuple of float
        Scores at equal steps of probability from 0 to 0.99, increasing.
    scale, shape : float
        Of the tail.
    """

    grid: tuple[float, ...]
    scale: float
    shape: float

    @classmethod
    def fit(cls, scores: Floats) -> Self:
        """Learn it from the cross-fitted training scores, shape (n,)."""
        grid = np.quantile(scores, np.linspace(0, 1 - TAIL_SHARE, GRID_SIZE))
        # Strictly increasing, so that a higher score never has a lower percentile and interpolation is defined.
        grid = np.maximum.accumulate(grid) + np.arange(GRID_SIZE) * 1e-12 * max(abs(grid[-1]), 1.0)
        excess = np.sort(scores[scores > grid[-1]] - grid[-1])
        return cls(tuple(grid.tolist()), *_pareto_tail(excess))

    def percentile(self, scores: Floats) -> Floats:
        """Return percentiles in [0, 100), shape (n,), increasing with the score."""
        body = np.interp(scores, self.grid, np.linspace(0, 1 - TAIL_SHARE, GRID_SIZE))
        beyond = np.maximum(scores - self.grid[-1], 0) / self.scale
        survival = TAIL_SHARE * (1 + self.shape * beyond) ** (-1 / self.shape)
        percentiles: Floats = 100 * np.where(scores > self.grid[-1], 1 - survival, body)
        return np.minimum(percentiles, BELOW_100)


def _pareto_tail(excess: Floats) -> tuple[float, float]:
    """Return scale and shape of a generalised Pareto distribution by probability-weighted moments."""
    n = len(excess)
    if n <= 1:
        return float(excess[0]) if n else 1.0, MIN_SHAPE
    first = float(excess.mean())
    second = float(np.mean(excess * (n - 1 - np.arange(n)) / (n - 1)))
    shape = float(np.clip(2 - first / (first - 2 * second) if first != 2 * second else MAX_SHAPE, MIN_SHAPE, MAX_SHAPE))
    # With the shape held in its range, the mean fixes the scale.
    return first * (1 - shape), shape
