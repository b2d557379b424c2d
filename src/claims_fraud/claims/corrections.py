"""Rows that others take back: what was corrected later, and what was reversed. All are kept, one counts.

The others are rows of the same file, or claims that are known from before.

Not for what comes again unchanged, nor for rows that differ and of which nothing says which is right: see ``rows``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from claims_fraud.claims.columns import Columns
from claims_fraud.claims.parameters import ReadParameters
from claims_fraud.claims.rows import AS_IT_IS, Mask, typed_claims
from claims_fraud.claims.tables import REASONS

# What the reasons begin with of rows that are set aside though nothing is wrong with them.
SUPERSEDED, REVERSES, REVERSED = "superseded by", "reverses ", "reversed by "
SET_ASIDE = (SUPERSEDED, REVERSES, REVERSED)
# The reasons while the rows are checked.
TAKEN_BACK = "__taken_back"
# Join keys between new rows and known claims: the claim id, and what a reversal has in common with its claim.
CLAIM, PAIR = "__claim", "__pair"
# Of known claims: when they were written, and the id.
SINCE, KNOWN = "__since", "__known"
# Between what makes a pair's text: in no id, so that different ones never make the same.
SEPARATOR = "\x1f"


def superseded(typed: pd.DataFrame, columns: Columns) -> Mask:
    """Return which rows share their claim id with one that was updated later."""
    if columns.updated_at is None:
        return np.zeros(len(typed), bool)
    updated = _written(typed[columns.updated_at])
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
    rows = pd.DataFrame({"claim_id": typed[columns.claim_id], PAIR: _pair(typed, columns)})
    reversal = _is_reversal(typed, columns)
    taken, taking = (
        numbered(rows[chosen], "claim_id").rename_axis("row").reset_index() for chosen in (~reversal, reversal)
    )
    pairs = taken.dropna(subset=[PAIR]).merge(taking, on=PAIR, suffixes=("", "_by"))
    said = np.full(len(raw), None, dtype=object)
    said[pairs["row"]] = REVERSED + pairs["claim_id_by"].astype(str)
    said[pairs["row_by"]] = REVERSES + pairs["claim_id"].astype(str)
    return raw.assign(**{TAKEN_BACK: said})


def with_claim(checked: pd.DataFrame, columns: Columns, read: ReadParameters = AS_IT_IS) -> pd.DataFrame:
    """Return checked rows with `CLAIM`, their claim id as known claims have it."""
    return checked.assign(**{CLAIM: typed_claims(checked[[columns.claim_id]], columns, read)[0][columns.claim_id]})


def known_versions(known: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return of known claims `CLAIM` and when they were written, `SINCE`."""
    return known[[columns.claim_id, columns.updated_at]].set_axis([CLAIM, SINCE], axis=1)


def superseded_by_known(rows: pd.DataFrame, columns: Columns, read: ReadParameters = AS_IT_IS) -> pd.DataFrame:
    """Return checked rows beside `known_versions`, with those set aside that are older than the known one."""
    written = typed_claims(rows[[columns.updated_at]], columns, read)[0][columns.updated_at]
    older = _written(written) < _written(rows[SINCE])
    reasons = rows[REASONS].mask(
        older & ~_is_set_aside(rows), f"{SUPERSEDED} a later row of this {columns.claim_id} that came before"
    )
    return rows.assign(**{REASONS: reasons}).drop(columns=[CLAIM, SINCE])


def with_pair(checked: pd.DataFrame, columns: Columns, read: ReadParameters = AS_IT_IS) -> pd.DataFrame:
    """Return checked rows with `PAIR` where they are reversals whose claim is not among them; null for all others."""
    typed = _typed(checked, columns, read)
    return checked.assign(**{PAIR: _pair(typed, columns).where(_is_reversal(typed, columns) & ~_is_set_aside(checked))})


def known_pairs(known: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return of known claims `PAIR` and `KNOWN`, their id, where all that counts is known."""
    pairs = pd.DataFrame({PAIR: _pair(known, columns), KNOWN: known[columns.claim_id]})
    return pairs[pairs[PAIR].notna()].reset_index(drop=True)


def numbered(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return all rows of some pairs, the first of each by id told from the second, and so on; null stays null."""
    place = rows.sort_values(by, kind="stable").groupby(PAIR, dropna=False).cumcount()
    told = rows[PAIR].astype(str) + "#" + place.reindex(rows.index).astype(str)
    return rows.assign(**{PAIR: told.astype(object).where(rows[PAIR].notna())})


def reversing_known(rows: pd.DataFrame) -> pd.DataFrame:
    """Return checked rows beside `known_pairs`, with those set aside that reverse a known claim."""
    reasons = rows[REASONS].mask(rows[KNOWN].notna(), REVERSES + rows[KNOWN].astype(str))
    return rows.assign(**{REASONS: reasons}).drop(columns=[PAIR, KNOWN])


def reversed_claims(rejected: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return the ids of the claims that rejected rows reverse, in a column named as the claim id is."""
    reasons = rejected[REASONS].astype(str)
    ids = reasons[reasons.str.startswith(REVERSES)].str.removeprefix(REVERSES)
    return pd.DataFrame({columns.claim_id: ids.to_numpy(dtype=object)})


def _is_set_aside(checked: pd.DataFrame) -> pd.Series:
    return checked[REASONS].astype(str).str.startswith(SET_ASIDE)


def _written(stamps: pd.Series) -> pd.Series:
    """Return when rows were written: what has no stamp, before all others."""
    return stamps.fillna(pd.Timestamp.min)


def _pair(typed: pd.DataFrame, columns: Columns) -> pd.Series:
    """Return what a claim and its reversal share, as one text; missing where something that counts is missing."""
    who = [name for name in (columns.party, columns.provider) if name]
    known = typed[[*who, columns.claim_date, columns.claim_amount]].notna().all(axis=1)
    shared = [*(typed[name] for name in who), *([typed[columns.procedure].fillna("")] if columns.procedure else [])]
    shared += [typed[columns.claim_date].dt.strftime("%Y-%m-%d"), typed[columns.claim_amount].abs()]
    text = [SEPARATOR.join(map(str, values)) for values in zip(*shared, strict=True)]
    return pd.Series(text, typed.index, dtype=object).where(known)


def _typed(raw: pd.DataFrame, columns: Columns, read: ReadParameters) -> pd.DataFrame:
    optional = (columns.party, columns.provider, columns.procedure, columns.claim_amount, columns.status)
    names = [columns.claim_id, columns.claim_date, *(name for name in optional if name)]
    return typed_claims(raw[names], columns, read)[0]


def _is_reversal(typed: pd.DataFrame, columns: Columns) -> Any:
    below = typed[columns.claim_amount] < 0
    return below | typed[columns.status].isin(columns.reversal) if columns.status else below
