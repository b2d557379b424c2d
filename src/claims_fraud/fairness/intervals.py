"""Intervals and tests of two shares, many pairs at once, from counts alone.

All intervals are of 95 %. Not for verdicts: see ``verdicts``.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import hypergeom

from claims_fraud.autoencoder.encoding import Floats, Ints
from claims_fraud.providers.estimates import NORMAL_QUANTILE, wilson_interval


def share_interval(some: Ints, of: Ints) -> tuple[Floats, Floats, Floats]:
    """Return shares and the ends of their intervals (Wilson 1927), each of shape (n,); NaN where ``of`` is 0.

    Parameters
    ----------
    some, of : int array of shape (n,)
        0 <= some <= of.
    """
    known = np.where(of > 0, of, np.nan)
    share = some / known
    return share, *wilson_interval(share, known)


def difference_interval(some: Ints, of: Ints, other: Ints, other_of: Ints) -> tuple[Floats, Floats, Floats]:
    """Return differences of shares and the ends of their intervals, each of shape (n,), in [-1, 1].

    Newcombe's hybrid score interval (1998, method 10): the ends of Wilson's intervals of the two shares, put together.

    Parameters
    ----------
    some, of, other, other_of : int array of shape (n,)
        Counts of the two groups of each pair; NaN where one has no rows.
    """
    one, one_low, one_high = share_interval(some, of)
    two, two_low, two_high = share_interval(other, other_of)
    difference = one - two
    low = difference - np.hypot(one - one_low, two_high - two)
    high = difference + np.hypot(one_high - one, two - two_low)
    return difference, np.maximum(low, -1.0), np.minimum(high, 1.0)


def ratio_interval(some: Ints, of: Ints, other: Ints, other_of: Ints) -> tuple[Floats, Floats, Floats]:
    """Return ratios of shares and the ends of their intervals, each of shape (n,), >= 0.

    The log of the ratio is taken as normal (Katz, Baptista, Azen and Pike 1978). Where a count is 0 a half is added to
    all of them, for the ends alone (Walter 1975): the ratio is then 0 or infinite, which the interval reaches. It is
    NaN where both shares are 0, or a group has no rows.
    """
    zero = ((some == 0) | (other == 0)) & (of > 0) & (other_of > 0)
    half = np.where(zero, 0.5, 0.0)
    one, one_of, two, two_of = some + half, of + half, other + half, other_of + half
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((some == 0) & (other == 0), np.nan, (some / of) / (other / other_of))
        center = np.log((one / one_of) / (two / two_of))
        # Of a group that is flagged as a whole, what is below 0 is rounding.
        spread = np.sqrt(np.maximum(1 / one - 1 / one_of + 1 / two - 1 / two_of, 0))
    low, high = np.exp(center - NORMAL_QUANTILE * spread), np.exp(center + NORMAL_QUANTILE * spread)
    return ratio, np.where(some == 0, 0.0, low), np.where((other == 0) & (some > 0), np.inf, high)


def p_values(some: Ints, of: Ints, other: Ints, other_of: Ints) -> Floats:
    """Return how often chance makes two equal shares differ as far, at the most, shape (n,), in (0, 1].

    Fisher's exact test, twice its smaller side: it keeps its promise for small counts too, where the normal
    approximation raises false alarms.
    """
    total, flagged = of + other_of, some + other
    at_most = hypergeom.cdf(some, total, flagged, of)
    at_least = hypergeom.sf(some - 1, total, flagged, of)
    doubled: Floats = np.clip(2 * np.minimum(at_most, at_least), 0.0, 1.0)
    return doubled
