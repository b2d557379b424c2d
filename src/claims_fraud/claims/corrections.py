"""Rows that others take back: what was corrected later, and what was reversed. All are kept, one counts.

Not for what comes again unchanged, nor for rows that differ and of which nothing says which is right: see ``rows``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from claims_fraud.claims.columns import Columns
from claims_fraud.claims.parameters import ReadParameters
from claims_fraud.claims.rows import AS_IT_IS, Mask, typed_claims

# What the reasons begin with of rows that are set aside though nothing is wrong with them.
SUPERSEDED, REVERSES, REVERSED = "superseded by", "reverses ", "reversed by "
SET_ASIDE = (SUPERSEDED, REVERSES, REVERSED)
# The reasons while the rows are checked.
TAKEN_BACK = "__taken_back"


def superseded(typed: pd.DataFrame, columns: Columns) -> Mask:
    """Return which rows share their claim id with one that was updated later."""
    if columns.updated_at is None:
        return np.zeros(len(typed), bool)
    updated = typed[columns.updated_at].fillna(pd.Timestamp.min)
    newest = updated.groupby(typed[columns.claim_id]).transform("max")
    return np.asarray(typed[columns.claim_id].notna() & (updated < newest))


def may_be_reversed(columns: Columns, signed: tuple[str, ...]) -> bool:
    """Return whether there can be reversals: amounts that ought not to be below 0, of someone."""
    who = columns.party or columns.provider
    return bool(columns.claim_amount and who and columns.claim_amount not in signed)


def count_reversals(raw: pd.DataFrame, columns: Columns, read: ReadParameters = AS_IT_IS) -> dict[str, int]:
    """Return how many rows look like reversals."""
    names = [name for name in (columns.claim_amount, columns.status) if name]
    return {"reversals": int(_is_reversal(typed_claims(raw[names], columns, read)[0], columns).sum())}


def with_reversals(raw: pd.DataFrame, columns: Columns, read: ReadParameters = AS_IT_IS) -> pd.DataFrame:
    """Return the rows with what takes them back, or what they take back, in `TAKEN_BACK`; null for all others.

    A reversal is a row whose amount is below 0, or whose `status` is one of `reversal`. It belongs to a claim of the
    same party, provider, procedure and day whose amount is the same but for the sign; of several such to the first
    that none has taken yet, by id. A reversal without a claim stays what it is.

    Parameters
    ----------
    raw : DataFrame of shape (n, ...)
        Claims as they came, with their claim id: all of some parties (or providers, where there are no parties).
    columns : Columns
        Their roles, the claim amount among them.
    read : ReadParameters, optional
        How they are written.
    """
    typed = _typed(raw, columns, read).reset_index(drop=True)
    reversal = _is_reversal(typed, columns)
    amount = typed[columns.claim_amount].abs()
    who = [name for name in (columns.party, columns.provider) if name]
    whose = [name for name in (*who, columns.procedure) if name]
    key = typed[whose].assign(day=typed[columns.claim_date].dt.normalize(), amount=amount)
    known = key[[*who, "day", "amount"]].notna().all(axis=1)
    key = key.assign(row=np.arange(len(key)), claim_id=typed[columns.claim_id], reversal=reversal)[known]
    key = key.sort_values("claim_id", kind="stable")
    on = [*whose, "day", "amount"]
    key["place"] = key.groupby([*on, "reversal"], dropna=False).cumcount()
    taken, taking = key[~key["reversal"]], key[key["reversal"]]
    pairs = taken.merge(taking, on=[*on, "place"], suffixes=("", "_by"))
    said = np.full(len(raw), None, dtype=object)
    said[pairs["row"]] = REVERSED + pairs["claim_id_by"].astype(str)
    said[pairs["row_by"]] = REVERSES + pairs["claim_id"].astype(str)
    return raw.assign(**{TAKEN_BACK: said})


def _typed(raw: pd.DataFrame, columns: Columns, read: ReadParameters) -> pd.DataFrame:
    optional = (columns.party, columns.provider, columns.procedure, columns.claim_amount, columns.status)
    names = [columns.claim_id, columns.claim_date, *(name for name in optional if name)]
    return typed_claims(raw[names], columns, read)[0]


def _is_reversal(typed: pd.DataFrame, columns: Columns) -> Any:
    below = typed[columns.claim_amount] < 0
    return below | typed[columns.status].isin(columns.reversal) if columns.status else below
