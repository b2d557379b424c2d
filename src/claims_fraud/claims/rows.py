"""The rules for a valid row, built from the roles of the columns, and the kinds that values are brought to.

A bad value rejects its row with a reason. Not for what a whole table must have: that is `ingestion`'s. Not for what is
unusual but possible: judging that is the autoencoder's work.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.claims.columns import Columns
from claims_fraud.claims.history import DERIVED, derivable, lacking
from claims_fraud.claims.parameters import ReadParameters
from claims_fraud.errors import InputError, listed, nearest
from claims_fraud.statistics.values import NOT_SINGLE, as_floats, has_real_dtype, number_or_text, value_text

Mask = npt.NDArray[np.bool_]

NUMBER, DATE, TEXT, TRUTH = "a number", "a date", "text", "1 or 0, yes or no, true or false"
WORDS = {"1": 1, "yes": 1, "y": 1, "true": 1, "t": 1, "0": 0, "no": 0, "n": 0, "false": 0, "f": 0}
POINT_ZERO = re.compile(r"\s*-?\d+\.0\s*")
# Numbers as Python writes them, dates in ISO 8601.
AS_IT_IS = ReadParameters()
# The zone of a moment in ISO 8601.
OFFSET = re.compile(r"[T ]\d\d(?::?\d\d){0,2}(?:[.,]\d+)?\s*(Z|[+-]\d\d(?::?\d\d)?)\s*$")
# What groups digits where a blank does: also the ones that do not break a line.
BLANKS = "[ \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}]"

# What datetime64[ns] can hold, in whole years.
DATE_RANGE = (pd.Timestamp("1678-01-01"), pd.Timestamp("2261-12-31"))


def required_columns(columns: Columns) -> tuple[str, ...]:
    """Return the columns that the raw claims must have: all roles but those that can be derived."""
    made = (*derivable(columns), *((columns.claim_id,) if columns.claim_id_columns else ()))
    return tuple(name for name in columns.roles if name not in made)


def check_columns(found: Iterable[object], columns: Columns) -> None:
    """Raise InputError if a column with a role is missing and cannot be derived, or a column appears twice."""
    names = list(found)
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InputError(f"column {twice[0]!r} appears more than once in the claims. Rename or drop the others.")
    missing = [name for name in required_columns(columns) if name not in names]
    if missing:
        hints = nearest(missing[0], map(str, names)) + _how_without(missing, columns)
        raise InputError(
            f"column {listed(repr(name) for name in missing)} is not in the claims, which have {listed(names, 40)}."
            f"{hints} Correct the `columns:` block of parameters.yml (`claims-fraud-jobs init-columns FILE` proposes "
            "one)."
        )


def _how_without(missing: Iterable[str], columns: Columns) -> str:
    """Return what to do where the claims have nothing for an optional role, or for what is derived by one."""
    optional = {columns.party: "party", columns.provider: "provider", columns.claim_amount: "claim_amount"}
    absent = [optional[name] for name in missing if name in optional]
    told = (
        f" Where claims have no such column: set {' and '.join(f'{role}: null' for role in absent)}." if absent else ""
    )
    underivable = {name: lacking(name, columns) for name in missing if name in DERIVED}
    for name, roles in list(underivable.items())[:1]:
        told += f" To derive {name} takes the role {listed(roles)}; name it, or leave {name} out of numeric."
    return told


def typed_claims(
    raw: pd.DataFrame, columns: Columns, read: ReadParameters = AS_IT_IS
) -> tuple[pd.DataFrame, dict[str, Mask]]:
    """Bring every column with a role to its kind, without losing a row.

    Parameters
    ----------
    raw : DataFrame of shape (n, ...)
        Claims as they came.
    columns : Columns
        Their roles.
    read : ReadParameters, optional
        How numbers, dates and missing values are written where they are text.

    Returns
    -------
    claims : DataFrame of shape (n, number of roles)
        Ids and categories as str or None (blank is missing), numbers as float64, dates as naive datetime64[ns].
    unreadable : dict of reason to boolean array of shape (n,)
        Rows whose value is there but cannot be read as its kind, and rows without claim id or date.
    """
    typed: dict[str, pd.Series] = {}
    unreadable: dict[str, Mask] = {}
    for name in columns.roles:
        if name not in raw:
            continue
        if raw[name].dtype == object:
            refuse_nested([name] if any(isinstance(value, NOT_SINGLE) for value in raw[name]) else [])
        kind = _kind(name, columns)
        values = without_missing(raw[name], read.missing_values_of(name))
        if kind == TRUTH:
            typed[name] = truths(values, columns.label_value)
        elif kind == NUMBER:
            typed[name] = numbers(values, read)
        elif kind == DATE:
            typed[name] = dates(values, read.date_format_of(name), read.time_zone)
        else:
            typed[name] = texts(values)
        bad = np.asarray(typed[name].isna())
        bad[bad] = is_present(values[bad])
        missing = np.asarray(typed[name].isna()) & ~bad
        unreadable[not_of_kind(name, kind)] = bad
        if name in (columns.claim_id, columns.claim_date):
            unreadable[f"{name} is missing"] = missing
    for names in columns.code_sets:
        if all(name in typed for name in names):
            typed |= _as_set({name: typed[name] for name in names})
    return pd.DataFrame(typed, index=raw.index), unreadable


def _as_set(codes: dict[str, pd.Series]) -> dict[str, pd.Series]:
    """Return columns that hold one set of codes with each code once, sorted, from the first column on."""
    rows = [sorted({code for code in row if code is not None}) for row in zip(*codes.values(), strict=True)]
    padded = [[*row, *[None] * (len(codes) - len(row))] for row in rows]
    index = next(iter(codes.values())).index
    return {name: pd.Series([row[at] for row in padded], index, dtype=object) for at, name in enumerate(codes)}


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
    return {name: _kind(name, columns) for name in columns.roles if name in found}


def not_of_kind(name: str, kind: str) -> str:
    """Return the reason why a row is rejected whose value cannot be read as its kind."""
    return f"{name} is not {kind}"


def _kind(name: str, columns: Columns) -> str:
    if name == columns.label:
        return TRUTH
    if columns.is_number(name):
        return NUMBER
    return DATE if name in columns.dates else TEXT


def without_missing(values: pd.Series, texts_for_missing: Collection[str]) -> pd.Series:
    """Return the values without those texts that stand for a missing one."""
    if not texts_for_missing or pd.api.types.is_numeric_dtype(values):
        return values
    objects = values.astype(object)
    stands = objects.map(lambda value: isinstance(value, str) and value.strip() in texts_for_missing)
    return objects.mask(stands.astype(bool), None)


def numbers(values: pd.Series, read: ReadParameters = AS_IT_IS) -> pd.Series:
    """Return the values as float64; what is no number, dates among it, becomes NaN.

    Text may be written as ``read`` says; in parentheses it is negative, as in accounts.
    """
    if not has_real_dtype(values):
        values = values.astype(object).map(number_or_text)
        text = values.map(lambda value: isinstance(value, str)).astype(bool)
        if text.any() and (not read.plain_numbers or values[text].str.contains("(", regex=False).any()):
            values = values.copy()
            values[text] = _plain(values[text], read)
        values = pd.to_numeric(values, errors="coerce")
    return pd.Series(as_floats(values), values.index, name=values.name)


def _plain(texts_of_numbers: pd.Series, read: ReadParameters) -> pd.Series:
    """Return texts of numbers as Python writes them; what is not written as ``read`` says is none."""
    text = texts_of_numbers.str.strip()
    if read.currency:
        text = text.str.replace(read.currency, "", n=1, regex=False).str.strip()
    accounts = text.str.startswith("(") & text.str.endswith(")")
    text = text.mask(accounts, "-" + text.str.slice(1, -1).str.strip())
    # The sign may stand before the currency or after it.
    text = text.str.replace(r"^([+-])\s+", r"\1", regex=True)
    group = BLANKS if read.thousands == " " else re.escape(read.thousands)
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})+|\d+" if read.thousands else r"\d+"
    form = rf"[+-]?(?:{whole})?(?:{re.escape(read.decimal)}\d*)?(?:[eE][+-]?\d+)?"
    fits = text.str.fullmatch(form) & text.str.contains(r"\d", regex=True)
    if read.thousands:
        text = text.str.replace(group, "", regex=True)
    plain: pd.Series = text.str.replace(read.decimal, ".", regex=False).astype(object).mask(~fits, None)
    return plain


def truths(values: pd.Series, yes: str | None = None) -> pd.Series:
    """Return outcomes as float64: 1 and 0, also where they are words (yes and no, true and false), and NaN for others.

    Another number stays what it is, to be named where outcomes are judged. Where the word for ``yes`` is given, any
    other value is a no.
    """
    if yes is not None:
        known = texts(values)
        return (known == yes).astype(float).where(known.notna())
    if pd.api.types.is_numeric_dtype(values):
        return numbers(values)
    words = values.astype(object).map(
        lambda value: WORDS.get(value.strip().casefold(), value) if isinstance(value, str) else value
    )
    return numbers(words)


def dates(values: pd.Series, written: str | None = None, zone: str | None = None) -> pd.Series:
    """Return the values as naive datetime64[ns], the time that the clock showed; what is no date becomes NaT.

    Text is read in the format that is given (as of `datetime.strptime`), or else in ISO 8601 (2025-03-31). A number is
    no date: its unit would be a guess. Nor is a year outside 1678 to 2261.

    Parameters
    ----------
    values : Series of shape (n,)
        Dates, or text.
    written : str, optional
        Format of text.
    zone : str, optional
        Whose clock it is where a value has a zone; by default that of the value's own zone. One without a zone is
        taken as it is.
    """
    if not pd.api.types.is_datetime64_any_dtype(values):
        values = values.astype(object).map(lambda value: value if _may_be_date(value, written) else None)
        if written:
            text = values.map(lambda value: isinstance(value, str)).astype(bool)
            values[text] = pd.to_datetime(values[text].str.strip(), errors="coerce", format=written)
        values = values.map(partial(_by_the_clock, zone=zone), na_action="ignore")
    elif values.dt.tz is not None:
        values = (values.dt.tz_convert(zone) if zone else values).dt.tz_localize(None)
    parsed = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601").dt.tz_localize(None)
    return parsed.where(parsed.between(*DATE_RANGE)).astype("datetime64[ns]")


def with_zone(values: pd.Series) -> int:
    """Count the dates that have a time zone."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return int(values.notna().sum())
    if values.dtype.kind in "biufmM":
        return 0
    return sum(
        OFFSET.search(value) is not None if isinstance(value, str) else getattr(value, "tzinfo", None) is not None
        for value in values.astype(object)
    )


def _by_the_clock(value: Any, zone: str | None) -> Any:
    """Return a moment that has a zone as what the clock showed; anything else as it is."""
    if isinstance(value, str):
        offset = OFFSET.search(value)
        if not offset:
            return value
        if zone is None:
            return value[: offset.start(1)]
        value = pd.to_datetime(value, errors="coerce", format="ISO8601")
    if not isinstance(value, datetime) or value.tzinfo is None:
        return value
    return (value.astimezone(ZoneInfo(zone)) if zone else value).replace(tzinfo=None)


def _may_be_date(value: Any, written: str | None) -> bool:
    # pandas reads "now" and "today" as the moment of the run; a format has no word for them.
    if isinstance(value, str):
        return written is not None or value.strip()[:1].isdigit()
    return isinstance(value, date | np.datetime64)


def texts(values: pd.Series) -> pd.Series:
    """Return the values as str, blank ones as None; whole numbers lose their ``.0`` (codes read as floats).

    Blanks around a text are no part of it, and its characters are composed (Unicode's NFC).
    """
    known = zip(values.astype(object), values.notna(), strict=True)
    return pd.Series([_text(value) if there else None for value, there in known], values.index, dtype=object)


def _text(value: Any) -> str | None:
    # Value by value, so that a code does not depend on which others stand in its batch.
    text = value_text(value).strip()
    return unicodedata.normalize("NFC", text) or None


def tidied(values: pd.Series) -> int:
    """Return how many texts `texts` brings to another form: without blanks around them, composed."""
    if values.dtype.kind in "biufmM":
        return 0
    given = [value for value in values.astype(object) if isinstance(value, str) and value.strip()]
    return sum(value != value.strip() or not unicodedata.is_normalized("NFC", value) for value in given)


def all_end_in_point_zero(values: pd.Series) -> bool:
    """Return whether all values that are present are text such as 5901.0: whole numbers written as decimals."""
    if values.dtype.kind in "biufmM":
        return False
    present = (value for value in values.dropna() if not _is_blank(value))
    return all(isinstance(value, str) and POINT_ZERO.fullmatch(value) for value in present)


def refuse_nested(names: Iterable[str]) -> None:
    """Raise InputError if there are any: columns with a role that hold lists, structures or bytes."""
    found = list(names)
    if found:
        raise InputError(
            f"column {listed(map(repr, found))} holds lists, structures or bytes, and a role takes single values. "
            "Remove it from `columns:`, or give each element its own column (columns.code_sets puts them together)."
        )


def is_present(values: pd.Series) -> pd.Series:
    """Tell which values are there: neither null nor blank text."""
    if values.dtype.kind in "biufmM":
        return values.notna()
    present: pd.Series = values.notna() & ~values.astype(object).map(_is_blank).astype(bool)
    return present


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()
