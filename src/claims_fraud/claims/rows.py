"""The rules for a valid row, built from the roles of the columns, and the kinds that values are brought to.

A bad value rejects its row with a reason; what makes the whole table useless (a column missing, a column of the wrong
kind) raises. Not for what is unusual but possible: judging that is the autoencoder's work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.claims.columns import Columns
from claims_fraud.claims.history import derivable
from claims_fraud.errors import InputError, listed, nearest

Mask = npt.NDArray[np.bool_]

# A column most of whose values cannot be read is mapped to the wrong role; a few bad values are bad rows.
WRONG_KIND_FRACTION = 0.5


def required_columns(columns: Columns) -> tuple[str, ...]:
    """Return the columns that the raw claims must have: all roles but those that can be derived."""
    every = (*columns.identifiers, *columns.features)
    return tuple(name for name in every if name not in derivable(columns))


def check_columns(found: Iterable[object], columns: Columns) -> None:
    """Raise InputError if a column with a role is missing and cannot be derived."""
    names = [str(name) for name in found]
    missing = [name for name in required_columns(columns) if name not in names]
    if missing:
        hints = "".join(nearest(name, names) for name in missing[:1])
        raise InputError(
            f"column {listed(repr(name) for name in missing)} is not in the claims, which have {listed(names, 40)}.{hints} "
            "Correct the `columns:` block of parameters.yml (`claims-fraud-jobs init-columns FILE` proposes one)."
        )


def typed_claims(raw: pd.DataFrame, columns: Columns) -> tuple[pd.DataFrame, dict[str, Mask]]:
    """Bring every column with a role to its kind, without losing a row.

    Parameters
    ----------
    raw : DataFrame of shape (n, ...)
        Claims as they came.
    columns : Columns
        Their roles.

    Returns
    -------
    claims : DataFrame of shape (n, number of roles)
        Ids and categories as str or None (blank is missing), numbers as float64, dates as naive datetime64[ns] in UTC.
    unreadable : dict of reason to boolean array of shape (n,)
        Rows whose value is there but cannot be read as its kind.

    Raises
    ------
    InputError
        If a column is missing, appears twice, or is of the wrong kind.
    """
    check_columns(raw.columns, columns)
    twice = raw.columns[raw.columns.duplicated()]
    if len(twice):
        raise InputError(f"column {twice[0]!r} appears more than once in the claims. Rename or drop the others.")
    typed: dict[str, pd.Series] = {}
    unreadable: dict[str, Mask] = {}
    for name in dict.fromkeys((*columns.identifiers, *columns.features)):
        if name not in raw:
            continue
        read, kind = _reader(name, columns)
        typed[name] = read(raw[name])
        bad = np.asarray(_present(raw[name]) & typed[name].isna())
        _check_kind(raw[name], bad, kind)
        unreadable[f"{name} is not {kind}"] = bad
    return pd.DataFrame(typed, index=raw.index), unreadable


def broken_rules(claims: pd.DataFrame, columns: Columns, signed: Iterable[str], as_of: date) -> dict[str, Mask]:
    """Return the rules that typed claims can break: reason to boolean array of shape (n,), true where broken."""
    start = claims[columns.claim_date]
    rules = {
        f"{columns.claim_id} is missing": claims[columns.claim_id].isna(),
        f"{columns.claim_date} is missing": start.isna(),
        f"{columns.claim_date} is after {as_of.isoformat()}": start.dt.normalize() > pd.Timestamp(as_of),
    }
    if columns.claim_end_date:
        rules[f"{columns.claim_end_date} is before {columns.claim_date}"] = claims[columns.claim_end_date] < start
    if columns.birth_date:
        rules[f"{columns.birth_date} is after {columns.claim_date}"] = claims[columns.birth_date] > start
    for name in (name for name in columns.numeric if name in claims):
        rules[f"{name} is infinite"] = np.isinf(claims[name])
        if name not in signed:
            rules[f"{name} is negative"] = claims[name] < 0
    return {reason: np.asarray(mask, dtype=bool) for reason, mask in rules.items()}


def duplicate_rules(raw: pd.DataFrame, claim_id: str) -> dict[str, Mask]:
    """Return rules on rows that share a claim id.

    Of identical rows the first stays and the others are `duplicate row`; rows that differ under one id are all bad,
    since nothing says which of them is right.
    """
    shared = np.asarray(raw[claim_id].notna() & raw[claim_id].duplicated(keep=False))
    # As text, so that values that cannot be hashed (lists in parquet) compare too.
    rows = raw[shared].astype(str)
    repeated, different = np.zeros(len(raw), bool), np.zeros(len(raw), bool)
    repeated[shared] = rows.duplicated()
    versions = (~rows.duplicated()).groupby(raw.loc[shared, claim_id]).transform("sum")
    different[shared] = np.asarray(versions > 1)
    return {"duplicate row": repeated & ~different, f"different rows share this {claim_id}": different}


def reasons_by_row(rules: dict[str, Mask], rows: int) -> pd.Series:
    """Join the reasons of the broken rules by "; ", a string a row; None where no rule is broken."""
    reasons = np.full(rows, "", dtype=object)
    for reason, mask in rules.items():
        reasons[mask] = [f"{earlier}; {reason}" if earlier else reason for earlier in reasons[mask]]
    return pd.Series(reasons).where(reasons != "", None)


def _reader(name: str, columns: Columns) -> tuple[Callable[[pd.Series], pd.Series], str]:
    if name in columns.numeric or name == columns.label:
        return numbers, "a number"
    if name in columns.dates:
        return dates, "a date"
    return texts, "text"


def numbers(values: pd.Series) -> pd.Series:
    """Return the values as float64; what is no number becomes NaN."""
    if values.dtype == object:
        values = values.map(lambda value: float(value) if isinstance(value, Decimal) else value)
    return pd.to_numeric(values, errors="coerce").astype("float64")


def dates(values: pd.Series) -> pd.Series:
    """Return the values as naive datetime64[ns], in UTC where they had a zone; what is no date becomes NaT.

    Text is read in ISO 8601 (2025-03-31). A number is no date: its unit would be a guess.
    """
    if pd.api.types.is_numeric_dtype(values):
        return pd.Series(pd.NaT, index=values.index, dtype="datetime64[ns]")
    text = values.dtype == object or pd.api.types.is_string_dtype(values)
    parsed = pd.to_datetime(values, errors="coerce", utc=True, **({"format": "ISO8601"} if text else {}))
    return parsed.dt.tz_localize(None).astype("datetime64[ns]")


def texts(values: pd.Series) -> pd.Series:
    """Return the values as str, blank ones as None; whole numbers lose their ``.0`` (codes read as floats)."""
    if pd.api.types.is_float_dtype(values) and not pd.api.types.is_extension_array_dtype(values):
        whole = values.dropna() % 1 == 0
        values = values.astype("Int64") if whole.all() else values
    strings = values.astype(object).map(str, na_action="ignore")
    return strings.where(_present(values), None)


def _present(values: pd.Series) -> pd.Series:
    """Tell which values are there: neither null nor blank text."""
    if values.dtype != object and not pd.api.types.is_string_dtype(values):
        return values.notna()
    return values.notna() & values.map(lambda value: not (isinstance(value, str) and not value.strip())).astype(bool)


def _check_kind(values: pd.Series, bad: Mask, kind: str) -> None:
    present = int(_present(values).sum())
    if bad.sum() > WRONG_KIND_FRACTION * present:
        example: Any = values[bad].iloc[0]
        wanted = {"a number": "12.5", "a date": "2025-03-31"}.get(kind, "text")
        raise InputError(
            f"column {values.name!r} is not {kind} in {int(bad.sum()):,} of {present:,} rows, for example {example!r}; "
            f"wanted is {kind} such as {wanted}. Correct the values, or the column's role in `columns:` of parameters.yml."
        )
