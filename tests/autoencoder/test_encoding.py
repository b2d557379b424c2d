"""A column's values have one form in every dtype, and what is no number is refused."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder.encoding import LARGEST_NUMBER, category_values, number_values, smoothed
from claims_fraud.errors import InputError


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([99213, 7, None]),
        pd.Series([99213, 7, None], dtype="Int64"),
        pd.Series([99213, 7, None], dtype="category"),
        pd.Series(["99213", "7", None], dtype="string[pyarrow]"),
        pd.Series(["99213", "7", np.nan], dtype=object),
        pd.Series(["99213", "7", pd.NA], dtype="category"),
    ],
)
def test_a_code_is_the_same_text_in_any_dtype(values):
    assert list(category_values(values)) == ["99213", "7", None]


@pytest.mark.parametrize("value", [["a"], ("a",), {"a": 1}, {"a"}, b"a", np.array(["a"])])
def test_what_is_no_single_value_is_no_category(value):
    kind = type(value).__name__
    with pytest.raises(InputError, match=f"column 'code' holds values of type {kind}; a category is one value") as told:
        category_values(pd.Series(["x", value], name="code", dtype=object))
    assert "['a']" not in str(told.value)


def test_text_columns_of_the_pandas_to_come():
    with pd.option_context("future.infer_string", True):
        values = pd.Series(["a", None])
        assert str(values.dtype) == "str"
        assert list(category_values(values)) == ["a", None]


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1.5, None], dtype="Float64"),
        pd.Series([1.5, None], dtype="double[pyarrow]"),
        pd.Series([1.5, pd.NA], dtype=object),
        pd.Series([Decimal("1.5"), None]),
        pd.Series([1.5, None], dtype="category"),
    ],
)
def test_a_number_is_the_same_in_any_dtype(values):
    assert np.array_equal(number_values(values), [1.5, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["GP"], "column 'amount' holds what is no number .*Name it under cat_features"),
        ([np.inf], "column 'amount' holds infinite values. Replace them by null"),
        ([-np.inf, None], "column 'amount' holds infinite values"),
        (pd.to_datetime(["2024-01-01"]), r"column 'amount' is of type datetime64\[ns\].*days since a fixed date"),
        (pd.to_timedelta(["1D"]), "column 'amount' is of type timedelta64"),
        ([1 + 2j], "column 'amount' is of type complex128"),
    ],
)
def test_what_is_no_number_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        number_values(pd.Series(values, name="amount"))


def test_numbers_beyond_what_trees_hold_are_cut():
    assert number_values(pd.Series([1e308, -1e308, 5e-324])).tolist() == [LARGEST_NUMBER, -LARGEST_NUMBER, 5e-324]


def test_smoothed_shares_sum_to_one_and_are_never_zero():
    assert smoothed(np.array([3.0, 0.0, 1.0])).tolist() == pytest.approx([3.5 / 5.5, 0.5 / 5.5, 1.5 / 5.5])
