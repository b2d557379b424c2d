"""Whom a provider is compared with: the others of its specialty and region, or more of them where these are few.

Not for what is compared: that is given, and peers' means of it come back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Peers:
    """The peers of n providers, none of whom is its own peer.

    Attributes
    ----------
    words : array of str, shape (n,)
        Who they are.
    claims : array of shape (n,)
        How many claims they have in all; 0 where there is no other provider.
    squares : array of shape (n,)
        Sum of the squared shares that each of them has in these claims.
    means : DataFrame of shape (n, k)
        Mean over their claims of each compared value; the provider's own where there is no other.
    """

    words: npt.NDArray[np.object_]
    claims: Floats
    squares: Floats
    means: pd.DataFrame


def find_peers(providers: pd.DataFrame, values: Sequence[str], peer_columns: Sequence[str], least: int) -> Peers:
    """Return each provider's peers: those that agree in all peer columns, or else in all but the last, and so on.

    Parameters
    ----------
    providers : DataFrame of shape (n, ...)
        A row a provider: ``claims``, the peer columns, and the values to compare, means over its claims.
    values : sequence of str
        Columns to compare.
    peer_columns : sequence of str
        From what matters most to what matters least.
    least : int
        Other providers that have to agree; with fewer, one column less has to. A missing value agrees with none.
    """
    claims = providers["claims"].astype(float)
    totals = providers[list(values)].mul(claims, axis=0)
    totals = totals.assign(claims=claims, squares=claims**2, providers=1.0)
    found = pd.DataFrame(np.nan, providers.index, totals.columns)
    words = np.full(len(providers), "", dtype=object)
    for number in range(len(peer_columns), -1, -1):
        agreeing = list(peer_columns[:number])
        keys = [providers[name] for name in agreeing] or [pd.Series(0, providers.index)]
        others = totals.groupby(keys).transform("sum") - totals
        chosen = found["providers"].isna() & (others["providers"] >= (least if agreeing else 0))
        found[chosen] = others[chosen]
        words[chosen] = _words(providers.loc[chosen, agreeing], others.loc[chosen, "providers"])
    alone = found["claims"] == 0
    means = found[list(values)].div(found["claims"].mask(alone), axis=0)
    return Peers(
        words,
        found["claims"].to_numpy(),
        (found["squares"] / found["claims"].mask(alone) ** 2).fillna(0.0).to_numpy(),
        means.where(~alone, providers[list(values)]),
    )


def _words(kinds: pd.DataFrame, counts: pd.Series) -> list[str]:
    told = [
        f"{count:,.0f} other provider{'' if count == 1 else 's'}" if count else "no other provider" for count in counts
    ]
    if kinds.empty:
        return told
    names = kinds.columns
    return [
        f"{many} of {' and '.join(f'{name} {value}' for name, value in zip(names, row, strict=True))}"
        for many, row in zip(told, kinds.itertuples(index=False), strict=True)
    ]
