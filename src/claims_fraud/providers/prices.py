"""How much providers bill for the same codes: what an analyst compares first, and no single claim shows.

Thirty per cent on every bill is within what such bills are, claim by claim. Not for single amounts: those are scored by
`claims_fraud.autoencoder`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import pandas as pd

from claims_fraud.claims import Columns

# By code column and code: claims, sum of their log amounts, and sum of the squares. Whole millionths of a log, which
# add up to the same in any order.
PriceSums: TypeAlias = dict[str, dict[str, list[int]]]
MILLIONTHS = 1_000_000
# Claims of other providers that tell what a code costs.
ENOUGH = 30


def billing_codes(columns: Columns, peer_columns: Sequence[str]) -> list[str]:
    """Return the codes that say something of how a provider bills, rather than what kind of provider it is."""
    return [name for name in columns.model_categorical if name in columns.scored_features and name not in peer_columns]


def price_sums(claims: pd.DataFrame, columns: Columns, codes: Sequence[str]) -> PriceSums:
    """Return how many claims each code has and what they cost; empty without a numeric amount."""
    if columns.claim_amount not in columns.model_numeric:
        return {}
    logs = _log_amounts(claims[columns.claim_amount])
    sums = pd.DataFrame({"claims": logs.notna().astype(int), "logs": logs, "squares": (logs / 1000) ** 2})
    sums = sums.fillna(0).round().astype("int64")
    by_code = {name: sums.groupby(_texts(claims[name])).sum() for name in codes}
    return {name: dict(zip(table.index, table.to_numpy().tolist(), strict=True)) for name, table in by_code.items()}


def added(one: PriceSums, other: PriceSums) -> PriceSums:
    """Return the sums of both."""
    return {
        name: {
            code: [a + b for a, b in zip(codes.get(code, (0, 0, 0)), other[name].get(code, (0, 0, 0)), strict=True)]
            for code in codes.keys() | other[name].keys()
        }
        for name, codes in one.items()
    }


@dataclass(frozen=True)
class Prices:
    """What claims of each code of one column cost.

    Attributes
    ----------
    code : str
        The column that tells most of the amount.
    claims, logs : Series
        By code: number of claims, and sum of the logarithms of their amounts.
    """

    code: str
    claims: pd.Series
    logs: pd.Series

    @classmethod
    def of(cls, sums: PriceSums) -> Self | None:
        """Return the prices by the code column within whose codes amounts vary least; None where there is none."""
        found: list[tuple[float, str]] = []
        for name, codes in sums.items():
            if not codes:
                # An empty column says nothing of prices.
                continue
            claims, logs, squares = (np.array(part, dtype=float) for part in zip(*codes.values(), strict=True))
            freedom = (claims - 1).clip(min=0).sum()
            within = squares - np.divide((logs / 1000) ** 2, claims, out=np.zeros_like(claims), where=claims > 0)
            if freedom > 0:
                found.append((float(within.sum() / freedom), name))
        if not found:
            return None
        _, name = min(found)
        table = pd.DataFrame(sums[name], index=["claims", "logs", "squares"]).T
        return cls(name, table["claims"], table["logs"] / MILLIONTHS)

    def above(self, claims: pd.DataFrame, columns: Columns) -> pd.Series:
        """Return the log of each amount less the mean log of what other providers bill for its code.

        Parameters
        ----------
        claims : DataFrame of shape (n, ...)
            All claims of some providers, with their provider, amount and code.
        columns : Columns
            Roles.

        Returns
        -------
        Series of shape (n,)
            NaN where there is no positive amount, or fewer than 30 such claims of others.
        """
        logs, code = _log_amounts(claims[columns.claim_amount]) / MILLIONTHS, _texts(claims[self.code])
        own = logs.groupby([claims[columns.provider], code])
        others = code.map(self.claims) - own.transform("count")
        mean = (code.map(self.logs) - own.transform("sum")) / others.where(others >= ENOUGH)
        above: pd.Series = logs - mean
        return above


def _texts(codes: pd.Series) -> pd.Series:
    """Return the keys of JSON that codes become; a missing one stays missing."""
    texts: pd.Series = codes.astype(object).map(str, na_action="ignore")
    return texts


def _log_amounts(amounts: pd.Series) -> pd.Series:
    """Return the logarithms in whole millionths, NaN where an amount is missing or not above 0."""
    known = amounts.astype(float)
    logs: Any = np.log(known.where(known > 0)) * MILLIONTHS
    rounded: pd.Series = logs.round()
    return rounded
