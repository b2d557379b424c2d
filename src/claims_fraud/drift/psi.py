r"""The population stability index of two sets of counts, and what of it chance explains.

With shares $p_b$ of the reference and $q_b$ of the batch in each of $B$ bins,

$$\mathrm{PSI} = \sum_b (q_b - p_b) \ln (q_b / p_b)$$

(Lewis 1994; it is Jeffreys' divergence). Each share is that of the count plus one half (Jeffreys' prior; Krichevsky and
Trofimov 1981), so that an empty bin is unlikely and not impossible. Without drift, PSI is about $(1/N + 1/M)$ times a
chi-square variable with $B - 1$ degrees of freedom, for $N$ rows of the reference and $M$ of the batch (Yurdakul 2018).
That holds where each bin has enough rows; where some have few, the likelihood-ratio statistic has the same limit and a
tail that stays near it (Wilks 1938; Agresti 2013, section 3.2), so that the p-value is its.

Not for verdicts: see ``verdicts``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import chdtrc, chdtri, xlogy

from claims_fraud.autoencoder.encoding import PSEUDO_COUNT, Floats
from claims_fraud.drift.bins import Bins, Ints

# Beyond these, bins are pooled: more of them only add noise.
MOST_BINS = 20
# Rows that a bin of its own has on average in the smaller of the two, were there no drift.
FEWEST_EXPECTED = 2.0
OTHER = "other"


@dataclass(frozen=True)
class Compared:
    """The counts of a reference and of a batch in the same bins, those that are empty in both left out.

    Attributes
    ----------
    labels : tuple of str
        Names of the bins.
    reference, current : array of shape (bins,)
        Rows.
    expected : array of shape (bins,)
        Rows of the reference as they would be counted if each were new to the others: a value that it has once is
        unseen. What the test compares with.
    """

    labels: tuple[str, ...]
    reference: Floats
    current: Floats
    expected: Floats

    @classmethod
    def of(cls, bins: Bins, reference: Ints, current: Ints) -> Self:
        """Pool the bins with few rows in the two together, which favours neither of them, and leave out empty ones."""
        pooled = (reference + current)[:-2]
        smaller = min(reference.sum(), current.sum()) / max(reference.sum() + current.sum(), 1)
        common = np.argsort(-pooled, kind="stable")[:MOST_BINS]
        own = np.sort(common[pooled[common] * smaller >= FEWEST_EXPECTED])
        labels = [*(bins.labels[place] for place in own), OTHER, *bins.labels[-2:]]
        one, two = (
            np.concatenate([counts[own], [counts[:-2].sum() - counts[own].sum()], counts[-2:]]).astype(float)
            for counts in (reference, current)
        )
        new = np.zeros(len(one))
        new[-2] = min(bins.singles, one[-3])
        new[-3] = -new[-2]
        filled = one + two > 0
        kept = tuple(label for label, there in zip(labels, filled, strict=True) if there)
        return cls(kept, one[filled], two[filled], (one + new)[filled])

    @property
    def noise(self) -> float:
        """How much a PSI of these sizes is of one degree of freedom by chance: 1/N + 1/M."""
        return float(1 / self.reference.sum() + 1 / self.current.sum())

    @property
    def freedom(self) -> int:
        """Degrees of freedom."""
        return len(self.labels) - 1

    @property
    def contributions(self) -> Floats:
        """What each bin adds to the PSI, >= 0."""
        return contributions(self.reference, self.current)

    @property
    def psi(self) -> float:
        """The index, >= 0."""
        return float(self.contributions.sum())

    @property
    def by_chance(self) -> float:
        """The PSI that two samples of these sizes have on average without drift."""
        return self.freedom * self.noise

    @property
    def beyond_chance(self) -> float:
        """The PSI less that; where values are rare, no more than rare values new to the batch explain."""
        expected = float(contributions(self.expected, self.current).sum())
        return min(self.psi, expected) - self.by_chance

    def bound(self, level: float) -> float:
        """Return the PSI that is exceeded without drift with this probability, of two samples of these sizes."""
        return float(chdtri(self.freedom, level)) * self.noise if self.freedom else 0.0

    @property
    def p_value(self) -> float:
        """Probability of a likelihood-ratio statistic at least as large without drift."""
        if not self.freedom:
            return 1.0
        pooled = self.expected + self.current
        shares = pooled / pooled.sum()
        terms = [
            xlogy(rows, rows / np.where(shares > 0, rows.sum() * shares, 1)) for rows in (self.expected, self.current)
        ]
        return float(chdtrc(self.freedom, max(2 * float(np.sum(terms)), 0.0)))


def contributions(reference: Floats, current: Floats) -> Floats:
    """Return what each bin adds to the PSI of counts in the same bins, >= 0, shape (bins,)."""
    before, now = smoothed(reference), smoothed(current)
    added: Floats = (now - before) * np.log(now / before)
    return added


def smoothed(counts: Floats) -> Floats:
    """Return the shares of counts plus one half each; they sum to 1."""
    shares: Floats = (counts + PSEUDO_COUNT) / (counts.sum() + PSEUDO_COUNT * len(counts))
    return shares
