"""The rules for a valid row, built from the roles of the columns, and the kinds that values are brought to.

A bad value rejects its row with a reason. Not for what a whole table must have: that is `ingestion`'s. Not for what is
unusual but possible: judging that is the autoencoder's work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.claims.columns import Columns
from claims_fraud.claims.history import derivable
from claims_fraud.errors import InputError, listed, nearest
from claims_fraud.statistics.values import as_floats, value_text

Mask = npt.NDArray[np.bool_]

# What datetime64[ns] can hold, in whole years.
DATE_RANGE = (pd.Timestamp("1678-01-01"), pd.Timestamp("2261-12-31"))


def required_columns(columns: Columns) -> tuple[str, ...]:
    """Return the columns that the raw claims must have: all roles but those that can be derived."""
    return tuple(name for name in columns.roles if name not in derivable(columns))


def check_columns(found: Iterable[object], columns: Columns) -> None:
    """Raise InputError if a column with a role is missing and cannot be derived, or a column appears twice."""
    names = list(found)
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InputError(f"column {twice[0]!r} appears more than once in the claims. Rename or drop the others.")
    missing = [name for name in required_columns(columns) if name not in names]
    if missing:
        hints = nearest(missing[0], map(str, names))
        raise InputError(
            f"column {listed(repr(name) for name in missing)} is not in the claims, which have {listed(names, 40)}."
            f"{hints} Correct the `columns:` block of parameters.yml (`claims-fraud-jobs init-columns FILE` proposes "
            "one)."
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
        Rows whose value is there but cannot be read as its kind, and rows without claim id or date.
    """
    typed: dict[str, pd.Series] = {}
    unreadable: dict[str, Mask] = {}
    for name in columns.roles:
        if name not in raw:
            continue
        read, kind = _reader(name, columns)
        typed[name] = read(raw[name])
        bad = np.asarray(typed[name].isna())
        bad[bad] = is_present(raw[name][bad])
        missing = np.asarray(typed[name].isna()) & ~bad
        unreadable[not_of_kind(name, kind)] = bad
        if name in (columns.claim_id, columns.claim_date):
            unreadable[f"{name} is missing"] = missing
    return pd.DataFrame(typed, index=raw.index), unreadable


def broken_rules(claims: pd.DataFrame, columns: Columns, signed: Iterable[str], as_of: date) -> dict[str, Mask]:
    """Return the rules that typed claims can break: reason to boolean array of shape (n,), true where broken."""
    # Whole days, because some systems give a time of day with one date and not with the other.
    day = {name: claims[name].dt.normalize() for name in columns.dates}
    start = day[columns.claim_date]
    rules = {f"{columns.claim_date} is after {as_of.isoformat()}": start > pd.Timestamp(as_of)}
    if columns.claim_end_date:
        rules[f"{columns.claim_end_date} is before {columns.claim_date}"] = day[columns.claim_end_date] < start
    if columns.birth_date:
        rules[f"{columns.birth_date} is after {columns.claim_date}"] = day[columns.birth_date] > start
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
    rows = raw[shared].map(_unabridged).astype(str)
    repeated, different = np.zeros(len(raw), bool), np.zeros(len(raw), bool)
    repeated[shared] = rows.duplicated()
    versions = (~rows.duplicated()).groupby(raw.loc[shared, claim_id]).transform("sum")
    different[shared] = np.asarray(versions > 1)
    return {"duplicate row": repeated & ~different, f"different rows share this {claim_id}": different}


def _unabridged(value: Any) -> Any:
    """Return an array as a list: as text, an array is rounded and cut."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def reasons_by_row(rules: dict[str, Mask], rows: pd.Index) -> pd.Series:
    """Join the reasons of the broken rules by "; ", a string a row; None where no rule is broken."""
    reasons = np.full(len(rows), "", dtype=object)
    for reason, mask in rules.items():
        reasons[mask] = [f"{earlier}; {reason}" if earlier else reason for earlier in reasons[mask]]
    return pd.Series([reason or None for reason in reasons], rows, dtype=object)


def kinds(columns: Columns, given: Iterable[str]) -> dict[str, str]:
    """Return what each given column with a role has to be: text, a number or a date."""
    found = set(given)
    return {name: _reader(name, columns)[1] for name in columns.roles if name in found}


def not_of_kind(name: str, kind: str) -> str:
    """Return the reason why a row is rejected whose value cannot be read as its kind."""
    return f"{name} is not {kind}"


def _reader(name: str, columns: Columns) -> tuple[Callable[[pd.Series], pd.Series], str]:
    if columns.is_number(name):
        return numbers, "a number"
    if name in columns.dates:
        return dates, "a date"
    return texts, "text"


def numbers(values: pd.Series) -> pd.Series:
    """Return the values as float64; what is no number, dates among it, becomes NaN."""
    if not pd.api.types.is_numeric_dtype(values):
        values = values.astype(object).map(_number_or_text)
        values = pd.to_numeric(values, errors="coerce")
    return pd.Series(as_floats(values), values.index, name=values.name)


def _number_or_text(value: Any) -> float | str | None:
    if isinstance(value, np.float32):
        return float(str(value))
    if isinstance(value, Decimal) and value.is_snan():
        return None
    return float(value) if isinstance(value, Real | Decimal) else value if isinstance(value, str) else None


def dates(values: pd.Series) -> pd.Series:
    """Return the values as naive datetime64[ns], in UTC where they had a zone; what is no date becomes NaT.

    Text is read in ISO 8601 (2025-03-31). A number is no date: its unit would be a guess. Nor is a year outside 1678
    to 2261.
    """
    if not pd.api.types.is_datetime64_any_dtype(values):
        values = values.astype(object).map(lambda value: value if _may_be_date(value) else None)
    parsed = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601").dt.tz_localize(None)
    return parsed.where(parsed.between(*DATE_RANGE)).astype("datetime64[ns]")


def _may_be_date(value: Any) -> bool:
    # pandas reads "now" and "today" as the moment of the run.
    return value.strip()[:1].isdigit() if isinstance(value, str) else isinstance(value, date | np.datetime64)


def texts(values: pd.Series) -> pd.Series:
    """Return the values as str, blank ones as None; whole numbers lose their ``.0`` (codes read as floats)."""
    known = zip(values.astype(object), values.notna(), strict=True)
    return pd.Series([_text(value) if there else None for value, there in known], values.index, dtype=object)


def _text(value: Any) -> str | None:
    # Value by value, so that a code does not depend on which others stand in its batch.
    text = value_text(value)
    return text if text.strip() else None


def is_present(values: pd.Series) -> pd.Series:
    """Tell which values are there: neither null nor blank text."""
    if values.dtype.kind in "biufmM":
        return values.notna()
    present: pd.Series = values.notna() & ~values.astype(object).map(_is_blank).astype(bool)
    return present


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()
