"""A fixed grid of percentiles, finer towards 100: distances and quantiles of scores from counts that can be added up.

A count says in which step a value lies and no more, so what is read from counts is right to within a step. Not for
counting by group: see ``counts``.
"""

from __future__ import annotations

import numpy as np

from claims_fraud.autoencoder.encoding import Floats, Ints

# Steps of 1 up to 90, of 0.1 up to 99, of 0.01 up to 100: the top is what people look at.
EDGES = np.concatenate([np.arange(1, 90), np.arange(900, 990) / 10, np.arange(9900, 10000) / 100])
STEPS = len(EDGES) + 1


def steps(percentiles: Floats) -> Ints:
    """Return the step of the grid in which each percentile, 0 to 100, lies, shape (n,); an edge begins its step."""
    places: Ints = np.searchsorted(EDGES, percentiles, side="right")
    return places


def percentiles_of(scores: Floats) -> Floats:
    """Return the share of scores that are lower than each, in per cent, 0 to below 100, shape (n,)."""
    below = np.searchsorted(np.sort(scores), scores, side="left")
    return 100.0 * below / max(len(scores), 1)


def distances(counts: Floats) -> tuple[Floats, Floats]:
    """Return how far each group's scores are distributed from all others', and how far that may be too low.

    The distance is that of Kolmogorov and Smirnov, the largest difference of the two cumulative distributions, here at
    the edges of the steps.

    Parameters
    ----------
    counts : array of shape (groups, STEPS)
        Rows of each group in each step.

    Returns
    -------
    distance, error : array of shape (groups,)
        In [0, 1]. The distance of the scores themselves lies between ``distance`` and ``distance + error``: within a
        step the difference grows by no more than what either distribution has in it. NaN for a group of no rows, or
        without others.
    """
    own, others = _shares(counts), _shares(counts.sum(axis=0) - counts)
    gap = np.abs(np.cumsum(own, axis=1) - np.cumsum(others, axis=1)).max(axis=1)
    distance = np.clip(gap, 0, 1)
    error = np.minimum(np.maximum(own, others).max(axis=1), 1 - distance)
    return distance, error


def quantile_steps(counts: Floats, level: float) -> Ints:
    """Return the step in which each group's quantile lies, shape (groups,); counts as for `distances`."""
    cumulated = np.cumsum(counts, axis=1)
    places: Ints = (cumulated < level * cumulated[:, -1:]).sum(axis=1)
    return places


def _shares(counts: Floats) -> Floats:
    totals = counts.sum(axis=1, keepdims=True).astype(float)
    return counts / np.where(totals > 0, totals, np.nan)
