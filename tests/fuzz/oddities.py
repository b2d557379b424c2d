"""Hypothesis strategies for odd values, columns and tables, as found in real extracts."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from hypothesis import strategies as st

Strategy: TypeAlias = st.SearchStrategy[Any]

# Texts with a meaning for spreadsheets, HTML, YAML, encodings, or parsers of numbers and dates.
TELLING = (
    *("", " ", "?", "-", ".", "NA", "N/A", "None", "nan", "null", "NULL", "NaT", "inf", "-inf", "1e308", "1e999"),
    *("0", "-0", "007", "1.0", "1,5", "1.234,56", "1,234.56", "$1,234.50", "(100.00)", "12 €", "1_000", "0x10"),
    *("true", "FALSE", "yes", "no", "Y", "1900-01-01", "9999-12-31", "0000-00-00", "2024-02-30", "31.12.2024"),
    *("10/22/2023", "01/02/2024", "20240131", "2024-01-01 00:00+01:00", "2024-01-01T00:00:00Z"),
    *("=1+1", "+1", "-1+1", "@x", '=HYPERLINK("x")', "<script>", "</td>", "a\nb", "a\r\nb", "\t", '"', "'", ";", "|"),
    *("é", "e\u0301", "\u00a0", "\ufeff", "\x00", "\u2028", "𝟙", "٣", "A1 ", " A1", "*", "&a", "{}", "[]", "#"),
)
NUMBERS = (0, 1, -1, 0.5, 1e-320, 1e308, -1e308, 2**53 + 1, 2**63, 10**30, math.inf, -math.inf, math.nan)
NAMES = (
    *("claim_id", "claim_date", "claim_end_date", "patient_id", "provider_id", "claim_amount", "birth_date"),
    *("procedure_code", "gender", "fraud_score", "rejection_reasons", "error_x", "rank", "status", "line", "a.b"),
    *("dx1", "dx2", "dx3", "x y", "", " ", "=1", "<b>", "é", "`", "a" * 70),
)

moments = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31))
values: Strategy = st.one_of(
    st.none(),
    st.sampled_from(TELLING),
    st.sampled_from(NUMBERS),
    st.booleans(),
    st.floats(),
    st.integers(),
    st.text(max_size=6),
    # pandas cannot show a signalling NaN; a test of its own checks that it is refused.
    st.decimals(allow_nan=True, allow_infinity=True).filter(lambda value: not value.is_snan()),
    st.sampled_from([Decimal("1E+400"), Decimal("1.0000000000"), pd.NA, pd.NaT, np.float32(0.1)]),
    st.dates(),
    moments,
    moments.map(lambda moment: moment.replace(tzinfo=dt.UTC)),
    st.timedeltas(),
    st.binary(max_size=3),
    st.sampled_from([(), (1, 2), [1], ["a"], {"a": 1}, 1j, object, pd.Timestamp(0), pd.Interval(0, 1)]),
)


def _floats(rng: np.random.Generator, n: int) -> pd.Series:
    return pd.Series(rng.lognormal(3, 1, n).round(2))


def _prices(rng: np.random.Generator, n: int) -> pd.Series:
    return pd.Series(rng.choice([0.1, 19.99, 250.0], n))


def _mostly_zero(rng: np.random.Generator, n: int) -> pd.Series:
    return pd.Series(rng.poisson(0.1, n))


def _codes(rng: np.random.Generator, n: int) -> pd.Series:
    return pd.Series(rng.choice(["a", "b", "c"], n), dtype=object)


def _ids(rng: np.random.Generator, n: int) -> pd.Series:
    return pd.Series([f"id{number}" for number in rng.permutation(n)], dtype=object)


def _days(rng: np.random.Generator, n: int) -> pd.Series:
    return pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 500, n), unit="D"))


# Columns of every storage type, filled at random.
STORED: dict[str, Callable[[np.random.Generator, int], pd.Series]] = {
    "floats": _floats,
    "float32": lambda rng, n: _prices(rng, n).astype("float32"),
    "float16": lambda rng, n: _prices(rng, n).astype("float16"),
    "prices": _prices,
    "negative": lambda rng, n: -_floats(rng, n),
    "mostly zero": _mostly_zero,
    "whole": lambda rng, n: pd.Series(rng.integers(-5, 2**62, n)),
    "unsigned": lambda rng, n: pd.Series(rng.integers(0, 2**63, n).astype("uint64") * 2),
    "nullable whole": lambda rng, n: _mostly_zero(rng, n).astype("Int64"),
    "decimals": lambda rng, n: pd.Series([Decimal(f"{value:.10f}") for value in _prices(rng, n)], dtype=object),
    "numbers as text": lambda rng, n: _floats(rng, n).astype(str),
    "constant": lambda rng, n: pd.Series(["x"] * n, dtype=object),
    "empty": lambda _, n: pd.Series([None] * n, dtype=object),
    "empty floats": lambda _, n: pd.Series([np.nan] * n),
    "infinite": lambda rng, n: pd.Series(rng.choice([1.0, np.inf], n)),
    "codes": _codes,
    "code numbers": lambda rng, n: pd.Series(rng.choice([99213, 99214], n)),
    "category": lambda rng, n: _codes(rng, n).astype("category"),
    "strings": lambda rng, n: _codes(rng, n).astype("string"),
    "arrow strings": lambda rng, n: _codes(rng, n).astype("string[pyarrow]"),
    "truths": lambda rng, n: pd.Series(rng.random(n) > 0.5),
    "nullable truths": lambda rng, n: pd.Series(rng.random(n) > 0.5).astype("boolean"),
    "ids": _ids,
    "days": _days,
    "zoned": lambda rng, n: _days(rng, n).dt.tz_localize("Europe/Berlin"),
    "days as text": lambda rng, n: _days(rng, n).dt.strftime("%Y-%m-%d"),
    "durations": lambda rng, n: pd.Series(pd.to_timedelta(rng.integers(0, 500, n), unit="D")),
    "periods": lambda rng, n: _days(rng, n).dt.to_period("M"),
    "bytes": lambda _, n: pd.Series([b"x"] * n, dtype=object),
    "lists": lambda _, n: pd.Series([["a"]] * n, dtype=object),
    "complex": lambda rng, n: pd.Series(rng.random(n) * 1j),
}


@st.composite
def columns(draw: st.DrawFn, rows: int) -> pd.Series:
    """Draw a column of some storage type, in which values may be missing or odd."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    column = STORED[draw(st.sampled_from(sorted(STORED)))](rng, rows)
    lost = draw(st.sampled_from([0, 0, 0.1, 0.9]))
    if lost:
        column = column.astype(column.dtype if column.dtype.kind in "fMmO" else object).mask(rng.random(rows) < lost)
    odd = draw(st.lists(values, max_size=3))
    if odd and rows:
        column = column.astype(object)
        for value in odd:
            column.iloc[int(rng.integers(rows))] = value
    return column


@st.composite
def tables(draw: st.DrawFn, sane: Callable[[int], pd.DataFrame] | None = None, most: int = 60) -> pd.DataFrame:
    """Draw a table of odd columns, or a sane table with a few odd columns."""
    rows = draw(st.integers(0 if sane is None else 1, most))
    table = {} if sane is None else dict(sane(rows).items())
    names = st.sampled_from([*table, *NAMES] if table else NAMES) | st.text(max_size=5)
    for name in draw(st.lists(names, min_size=0 if table else 1, max_size=3 if table else 6)):
        table[name] = draw(columns(rows))
    frame = pd.DataFrame(table, index=range(rows))
    shape = draw(st.sampled_from(["plain"] * 8 + ["repeated labels", "two of a name", "numbered", "fewer", "shuffled"]))
    if shape == "repeated labels":
        frame.index = pd.Index([0] * rows)
    elif shape == "two of a name" and table:
        frame = pd.concat([frame, frame.iloc[:, :1]], axis=1)
    elif shape == "numbered":
        frame.columns = pd.Index(range(frame.shape[1]))
    elif shape == "fewer":
        frame = frame.iloc[:, 1:]
    elif shape == "shuffled":
        frame = frame.sample(frac=1, random_state=1)
    return frame


def sane_claims(rows: int) -> pd.DataFrame:
    """Return claims with the required columns of the reference schema."""
    rng = np.random.default_rng(rows)
    code = rng.choice(["99213", "93000"], rows)
    return pd.DataFrame(
        {
            "claim_id": [f"C{number:04}" for number in range(rows)],
            "claim_date": _days(rng, rows),
            "patient_id": rng.choice(["p1", "p2", "p3"], rows),
            "provider_id": rng.choice(["d1", "d2"], rows),
            "procedure_code": code,
            "gender": rng.choice(["F", "M"], rows),
            "claim_amount": np.where(code == "99213", 100, 40) * rng.lognormal(0, 0.1, rows).round(2),
            "units": rng.poisson(1, rows) + 1,
        }
    )
