"""Estimates for providers with few claims: intervals of shares, and means drawn towards those of the peers.

A provider with three claims has an extreme mean by chance. How far each mean is to be trusted follows from how much
claims of one provider differ and how much providers differ: empirical Bayes, which insurers know as credibility
(Bühlmann and Straub 1970). With these variances its estimate is the posterior mean of a normal-normal and of a
beta-binomial model alike (Jewell 1974; Efron and Morris 1973). Not for who the peers are: see ``peers``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from claims_fraud.providers.peers import Peers

Floats = npt.NDArray[np.float64]

# Of the 95 % interval.
NORMAL_QUANTILE = 1.959963984540054


def wilson_interval(shares: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the 95 % intervals of shares of ``counts`` claims (Wilson 1927), both of shape (n,)."""
    z2 = NORMAL_QUANTILE**2
    center = (shares + z2 / (2 * counts)) / (1 + z2 / counts)
    spread = np.sqrt(shares * (1 - shares) / counts + z2 / (4 * counts**2))
    half = NORMAL_QUANTILE * spread / (1 + z2 / counts)
    # Where all or none of the claims count the end is exact.
    return np.where(shares == 0, 0.0, center - half), np.where(shares == 1, 1.0, center + half)


@dataclass(frozen=True)
class Spread:
    """How much a value differs, among the claims of a provider and among providers.

    Attributes
    ----------
    within : float
        Variance among the claims of one provider; infinite where no provider has two.
    between : float
        Variance of the providers' own means around those of their peers, without what few claims add to it.
    """

    within: float
    between: float

    @classmethod
    def fit(cls, own: Floats, counts: Floats, squares: Floats, peers: Peers, peer_means: Floats) -> Self:
        r"""Estimate it by moments: the analysis of variance with unequal counts, each provider against its peers.

        With claims of provider $i$ independent around its mean with variance $w$, and the means independent around
        that of its peers with variance $b$, its mean $y_i$ of $n_i$ claims and that of its peers, $m_i$ of $N_i$
        claims of other providers $j$, differ by

        $$E (y_i - m_i)^2 = b (1 + Q_i) + w (1 / n_i + 1 / N_i), \quad Q_i = \sum_j (n_j / N_i)^2$$

        which, weighted by $n_i$ and summed, is solved for $b$ (Searle, Casella and McCulloch 1992, chapter 3, for one
        group of peers). Negative estimates become 0.

        Parameters
        ----------
        own, counts, squares : array of shape (n,)
            Each provider's mean, its number of claims, and the sum of squared differences of these from the mean.
        peers : Peers
            Whom each is compared with.
        peer_means : array of shape (n,)
            Their mean.
        """
        freedom = counts.sum() - len(counts)
        within = float(squares.sum() / freedom) if freedom > 0 else np.inf
        compared = peers.claims > 0
        n, others = counts[compared], peers.claims[compared]
        differing = float(np.sum(n * (own - peer_means)[compared] ** 2))
        noise = within * float(np.sum(1 + n / others)) if len(n) else 0.0
        between = (differing - noise) / float(np.sum(n * (1 + peers.squares[compared]))) if len(n) else 0.0
        return cls(within, max(between, 0.0))

    def credibility(self, counts: Floats) -> Floats:
        """Return how far the means of so many claims are to be trusted, in [0, 1], shape (n,)."""
        if self.between == 0:
            return np.zeros(len(counts))
        trusted: Floats = counts * self.between / (counts * self.between + self.within)
        return trusted


def shrunken(own: Floats, peer_means: Floats, credibility: Floats) -> Floats:
    """Return means drawn towards those of the peers, between the two, shape (n,)."""
    drawn = peer_means + credibility * (own - peer_means)
    return np.clip(drawn, np.minimum(own, peer_means), np.maximum(own, peer_means))
