"""One form for a value, however it is stored: as text, and as a number.

A code may come as a whole number, a float with nulls beside it, a decimal of Oracle or Spark, or text; an amount as a
float32. Not for reading formats of countries, such as 1.234,56: what text means as a number is for who reads it.
"""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

# Truth values as other programs write them.
TRUTH = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
# Of float32, two steps: numbers that are closer than that share a bin, whichever type they were stored in.
SAME_NUMBER = 2.0**-22
# A double below `LARGEST_WIDENED` that float32 represents exactly counts as a widened float32: amounts hardly ever are
# one by chance. Multiples of 1 / SHORT are exempt, being exact in both types. Above the limit cents would be lost.
SHORT, LARGEST_WIDENED = 16.0, 2.0**17
SINGLES = ("Float32", "float[pyarrow]")
NUMBERS = ("integer", "floating", "decimal", "mixed-integer-float")


# What is no single value, or, as bytes are, one of unknown meaning.
NOT_SINGLE = (list, tuple, dict, set, bytes, np.ndarray)


def value_text(value: Any) -> str:
    """Return a value that is not missing as text.

    A whole number is its digits, whatever stores it; another number its shortest decimal. Truth is ``true`` or
    ``false``, also where text says it in capitals.

    Examples
    --------
    >>> from decimal import Decimal
    >>> [value_text(value) for value in (99213, 99213.0, Decimal("99213.0000000000"), "99213")]
    ['99213', '99213', '99213', '99213']
    >>> [value_text(value) for value in (np.float32(0.1), Decimal("0.10"), True, "TRUE", "042")]
    ['0.1', '0.1', 'true', 'true', '042']
    """
    if isinstance(value, str):
        return TRUTH.get(value, value)
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, Decimal) and value.is_finite():
        whole = value == value.to_integral_value()
        return str(int(value)) if whole else format(value.normalize(), "f")
    if isinstance(value, float | np.floating) and np.isfinite(value):
        return str(int(value)) if float(value).is_integer() else str(value)
    return str(value)


def as_floats(values: pd.Series) -> Floats:
    """Return numbers as float64, NaN where they are missing; raises what `pandas.to_numeric` raises.

    A float32 is the shortest decimal that it stands for: 0.1, and not 0.10000000149; also where it was widened before.
    """
    if values.dtype == np.float32 or str(values.dtype) in SINGLES:
        return _decimals(values.to_numpy(dtype=np.float32, na_value=np.nan))
    if values.dtype.kind == "c":
        raise TypeError("complex numbers have no order")
    if isinstance(values.dtype, pd.ArrowDtype):
        values = values.astype(object)
    if values.dtype == object:
        values = values.map(exact_number, na_action="ignore")
    numbers: Floats = pd.to_numeric(values).to_numpy(dtype="float64", na_value=np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        singles = numbers.astype(np.float32)
        widened = (singles == numbers) & (np.abs(numbers) < LARGEST_WIDENED)
        widened &= numbers * SHORT != np.rint(numbers * SHORT)
    if widened.any():
        numbers = np.where(widened, _decimals(np.where(widened, singles, np.float32(0))), numbers)
    return numbers


def _decimals(singles: npt.NDArray[np.float32]) -> Floats:
    """Return the shortest decimals that float32 values stand for."""
    different, places = np.unique(singles, return_inverse=True)
    decimals: Floats = different.astype("U").astype(np.float64)[places]
    return decimals


def number_or_text(value: Any) -> float | str | None:
    """Return a number as the float64 that it stands for, text as it is, and None for anything else."""
    number = exact_number(value)
    return number if isinstance(number, float | str) else None


def has_real_dtype(values: pd.Series) -> bool:
    """Return whether a column is stored as real numbers or truth values."""
    return pd.api.types.is_numeric_dtype(values) and values.dtype.kind != "c"


def holds_numbers(values: pd.Series) -> bool:
    """Return whether a column has real numbers, in whatever they are stored, and no truth values."""
    if pd.api.types.is_bool_dtype(values):
        return False
    if has_real_dtype(values):
        return True
    return values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) in NUMBERS


def just_below(numbers: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Return the numbers less a few of the steps of float32, to look them up among borders that they may equal."""
    with np.errstate(over="ignore"):
        below: npt.NDArray[np.floating[Any]] = numbers - np.abs(numbers) * SAME_NUMBER
    return below


def exact_number(value: Any) -> Any:
    """Return a number as the float64 that it stands for, a signalling NaN as NaN, and anything else as it is."""
    if isinstance(value, np.float32):
        return float(str(value))
    if isinstance(value, Decimal):
        return float("nan") if value.is_snan() else float(value)
    try:
        return float(value) if isinstance(value, Real) else value
    except OverflowError:  # a whole number of more digits than a float64 has
        return float("inf") if value > 0 else float("-inf")
