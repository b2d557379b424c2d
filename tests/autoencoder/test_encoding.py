"""Behaviour of the encoders: total on any values, and in order."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claims_fraud.autoencoder.encoding import (
    CategoryEncoder,
    NumberEncoder,
    category_values,
    number_values,
)
from claims_fraud.errors import InputError

MISSING = st.sampled_from([None, np.nan, pd.NA, pd.NaT])
CATEGORIES = st.one_of(
    st.text(max_size=8), st.sampled_from(["", " ", "nan", "é", "診断", "a\0"]), st.integers(), st.booleans(), MISSING
)
NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, 1.0, 1.0, 1.0, np.nan]),
)
category_columns = st.lists(CATEGORIES, max_size=40).map(lambda values: pd.Series(values, dtype=object, name="code"))
number_columns = st.lists(NUMBERS, max_size=60).map(lambda values: pd.Series(values, dtype=float, name="amount"))
plain_numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80).map(pd.Series)

quick = settings(max_examples=60, deadline=None)


def assert_total(encoder, encoded, rows):
    assert encoder.marginal.sum() == pytest.approx(1)
    assert len(encoder.marginal) == encoder.n_classes
    for array in (encoded.classes, encoded.inputs, encoded.codes, encoded.alike, encoded.rarity):
        assert array.shape == (rows,)
    for array, size in (
        (encoded.classes, encoder.n_classes),
        (encoded.codes, encoder.n_codes),
        (encoded.alike, encoder.n_alike),
    ):
        assert ((array >= 0) & (array < size)).all()
    assert np.isfinite(encoded.rarity).all()
    assert (encoded.rarity >= 0).all()
    assert not np.isinf(encoded.inputs).any()
    assert encoded.inputs.dtype == np.float32


@quick
@given(category_columns, category_columns, st.integers(2, 50))
def test_categories_are_total(train, new, max_classes):
    encoder = CategoryEncoder.fit(train, max_classes)
    for values in (train, new):
        assert_total(encoder, encoder.encode(values), len(values))


@quick
@given(number_columns, number_columns)
def test_numbers_are_total(train, new):
    encoder = NumberEncoder.fit(train)
    for values in (train, new):
        assert_total(encoder, encoder.encode(values), len(values))


@quick
@given(category_columns, st.integers(2, 6))
def test_an_unseen_category_is_at_least_as_surprising_as_any_known_one(train, max_classes):
    encoder = CategoryEncoder.fit(train, max_classes)
    unseen = encoder.encode(pd.Series(["never seen at all"])).rarity[0]
    known = encoder.encode(train[train.notna()]).rarity
    assert unseen >= known.max(initial=-np.inf)


def test_categories_by_hand():
    encoder = CategoryEncoder.fit(pd.Series(["b", "a", "a", "c", None, "a", "b"]), max_classes=2)
    assert encoder == CategoryEncoder(categories=("a", "b", "c"), counts=(3, 2, 1), kept=(0, 1), missing=1)
    assert encoder.marginal.tolist() == pytest.approx([3.5 / 9, 2.5 / 9, 1.5 / 9, 1.5 / 9])
    encoded = encoder.encode(pd.Series(["a", "b", "c", "d", None]))
    assert encoded.classes.tolist() == [0, 1, 2, 2, 3]
    assert np.array_equal(encoded.inputs, [0, 1, 2, np.nan, np.nan], equal_nan=True)
    assert encoded.codes.tolist() == encoded.alike.tolist() == [0, 1, 2, 3, 4]
    assert encoder.n_codes == encoder.n_alike == 5
    shares = [3.5 / 9, 2.5 / 9, 1.5 / 9 * 1.5 / 2, 1.5 / 9 * 0.5 / 2, 1.5 / 9]
    assert encoded.rarity.tolist() == pytest.approx([np.log(shares[0] / share) for share in shares])


@pytest.mark.parametrize(
    ("max_classes", "names"),
    [
        (1, ["a", "one of 2 rarer values", "no value"]),
        (2, ["a", "b", "c", "no value"]),
        (3, ["a", "b", "c", "a new value", "no value"]),
    ],
)
def test_the_class_of_rarer_categories_is_called_by_how_many_they_are(max_classes, names):
    assert CategoryEncoder.fit(pd.Series(["b", "a", "a", "c", None, "a", "b"]), max_classes).class_names() == names


def test_ties_between_categories_are_broken_by_name_and_not_by_the_order_of_rows():
    values = pd.Series(["d", "c", "b", "a"])
    assert CategoryEncoder.fit(values, 2) == CategoryEncoder.fit(values[::-1], 2)
    assert CategoryEncoder.fit(values, 2).kept == (0, 1)


def test_known_categories_are_cut_by_frequency_then_name(monkeypatch):
    monkeypatch.setattr("claims_fraud.autoencoder.encoding.MAX_KNOWN_CATEGORIES", 2)
    assert CategoryEncoder.fit(pd.Series(["d", "c", "b", "b"]), 2).categories == ("b", "c")


@quick
@given(category_columns)
def test_counts_are_those_of_the_training_rows(train):
    encoder = CategoryEncoder.fit(train, 3)
    texts = category_values(train)
    for value, count in texts.value_counts().items():
        assert encoder.count(value) == count
    assert encoder.count("never seen at all") == 0
    assert encoder.missing == texts.isna().sum()


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


@quick
@given(plain_numbers, st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=30).map(sorted))
def test_encoding_keeps_the_order_of_numbers(train, ordered):
    encoded = NumberEncoder.fit(train).encode(pd.Series(ordered))
    assert (np.diff(encoded.classes) >= 0).all()
    assert (np.diff(encoded.inputs) >= 0).all()
    assert (np.diff(encoded.codes) >= 0).all()


@quick
@given(plain_numbers, st.lists(st.floats(0, 1e12), min_size=2, max_size=30).map(sorted), st.sampled_from([-1, 1]))
@example(pd.Series([0.0, 1e-105, -1.0, -1.0]), [0.0, 1.0], 1)
def test_further_out_is_never_less_surprising(train, distances, side):
    encoder = NumberEncoder.fit(train)
    end = encoder.high if side > 0 else encoder.low
    encoded = encoder.encode(pd.Series(end + side * np.array([0.0, *distances])))
    assert (np.diff(encoded.rarity) >= 0).all()


@quick
@given(plain_numbers, st.lists(st.floats(0, 1), min_size=2, max_size=10).map(sorted), st.integers(0, 2**32 - 1))
@example(pd.Series([-1.0, -1e-300]), [0.0, 1.0], 0)
def test_quantiles_rise_with_the_level_and_stay_inside(train, levels, seed):
    encoder = NumberEncoder.fit(train)
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(encoder.n_classes), size=3)
    found = np.array([encoder.quantiles(probabilities, level) for level in levels])
    assert (found >= encoder.low).all()
    assert (found <= encoder.high).all()
    assert (np.diff(found, axis=0) >= -1e-6 * max(1, encoder.high - encoder.low)).all()


def test_quantiles_of_the_marginal_are_those_of_the_data():
    values = pd.Series(np.arange(10_001.0))
    encoder = NumberEncoder.fit(values)
    for level in (0.1, 0.5, 0.9):
        assert encoder.quantiles(encoder.marginal[None, :], level)[0] == pytest.approx(10_000 * level, abs=15)


def test_an_atom_is_a_bin_of_its_own():
    encoder = NumberEncoder.fit(pd.Series([0.0] * 60 + list(range(1, 41))))
    zero, one = encoder.encode(pd.Series([0.0, 1.0])).classes
    assert encoder.counts[zero] == 60
    assert one == zero + 1


def test_numbers_are_told_apart_by_the_grid_and_are_alike_by_the_bin():
    # A bin holds some 70 of these and a step of the grid some 16.
    encoder = NumberEncoder.fit(pd.Series(np.arange(1001.0)))
    encoded = encoder.encode(pd.Series([510.0, 520.0, 550.0, 1000.0, 5000.0, np.nan]))
    assert encoded.alike.tolist() == encoded.classes.tolist()
    assert encoded.alike[0] == encoded.alike[2]
    assert encoded.codes[0] < encoded.codes[2]
    largest = encoder.encode(pd.Series([1000.0])).codes[0]
    assert encoded.codes[3:].tolist() == [largest, largest + 1, largest + 2]
    assert (encoder.n_codes, encoder.n_alike) == (largest + 3, encoder.n_classes)


def test_what_lies_below_numbers_by_hand():
    # Zero is a bin of its own, the others are a bin from 10 to 30 and the largest number.
    encoder = NumberEncoder(
        grid=(), at_most=(), edges=(0.0, 30.0), counts=(5, 3, 1), missing=1, center=0.0, scale=1.0,
        starts=(0.0, 10.0, 40.0), ends=(0.0, 30.0, 40.0), suspicious=None,
    )  # fmt: skip
    predicted = np.tile([0.4, 0.2, 0.2, 0.2], (8, 1))
    numbers = np.array([-5.0, 0.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0])
    without, including = encoder.cumulated(predicted, numbers)
    assert without.tolist() == pytest.approx([0, 0, 0.5, 0.5, 0.625, 0.75, 0.75, 0.75])
    assert including.tolist() == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.625, 0.75, 1, 1])


@quick
@given(plain_numbers, st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=30).map(sorted), st.integers(0, 2**32 - 1))
def test_what_lies_below_numbers_rises_with_them_from_0_to_1(train, ordered, seed):
    encoder = NumberEncoder.fit(train)
    predicted = np.tile(np.random.default_rng(seed).dirichlet(np.ones(encoder.n_classes)), (len(ordered), 1))
    without, including = encoder.cumulated(predicted, np.array(ordered))
    for shares in (without, including):
        assert (np.diff(shares) >= -1e-12).all()
        assert (shares >= 0).all()
        assert (shares <= 1 + 1e-12).all()
    assert (without <= including).all()


def test_below_the_quantile_lies_its_level():
    encoder = NumberEncoder.fit(pd.Series(np.random.default_rng(0).normal(size=2000)))
    predicted = encoder.marginal[None, :]
    for level in (0.03, 0.1, 0.5, 0.9):
        assert encoder.cumulated(predicted, encoder.quantiles(predicted, level))[0] == pytest.approx([level])


@pytest.mark.parametrize("values", [[7.0] * 5, [7.0], [7.0, None]])
def test_one_distinct_number(values):
    encoder = NumberEncoder.fit(pd.Series(values, dtype=float))
    assert (encoder.edges, encoder.low, encoder.high) == ((), 7.0, 7.0)
    assert encoder.quantiles(encoder.marginal[None, :], 0.5).tolist() == [7.0]
    assert encoder.encode(pd.Series([7.0, -3.0, np.nan])).classes.tolist() == [0, 0, 1]


def test_below_an_atom_at_the_lowest_value_is_rarer_than_the_atom():
    zeros = pd.Series([0.0] * 50 + list(range(1, 51)))
    atom, *below = NumberEncoder.fit(zeros).encode(pd.Series([0.0, -0.01, -1.0, -1e6])).rarity
    assert atom == pytest.approx(0, abs=1e-3)
    assert below[0] == below[1] == pytest.approx(-np.log(0.5 / 100.5))
    assert below[2] > below[1]


def test_rarity_of_numbers_by_hand():
    # The median is 50, and three quarters lie within 38 of it.
    encoder = NumberEncoder.fit(pd.Series(np.arange(101.0)))
    assert encoder.center == 50.0
    assert encoder.scale == pytest.approx(38, abs=1)
    middle, low, high, far = encoder.encode(pd.Series([50.0, 1.0, 100.0, 5000.0])).rarity
    assert middle == 0
    # Two of 101 training values are 1 or less, one is 100 or more.
    assert low == pytest.approx(-np.log(2 * 2 / 101))
    assert high == pytest.approx(-np.log(2 * 1 / 101))
    assert far == pytest.approx(np.arcsinh(4950 / encoder.scale) ** 2)


def test_no_number_at_all():
    encoder = NumberEncoder.fit(pd.Series([None, None], dtype=float))
    assert (encoder.counts, encoder.missing, encoder.n_classes) == ((0,), 2, 2)
    known, missing = encoder.encode(pd.Series([5.0, None])).rarity
    assert np.isfinite([known, missing]).all()


def test_a_value_missing_where_it_never_is_surprises():
    encoder = NumberEncoder.fit(pd.Series(np.arange(1000.0)))
    missing, median = encoder.encode(pd.Series([np.nan, 500.0])).rarity
    assert missing > 7
    assert median < 1


class TestSuspiciousDirection:
    values = pd.Series(np.arange(1000.0))

    @pytest.mark.parametrize(
        ("suspicious", "rare"),
        [(None, [True, False, True]), ("high", [False, False, True]), ("low", [True, False, False])],
    )
    def test_only_that_side_is_rare(self, suspicious, rare):
        encoder = NumberEncoder.fit(self.values, suspicious)
        assert (encoder.encode(pd.Series([-5000.0, 499.0, 6000.0])).rarity > 1).tolist() == rare

    def test_a_missing_value_is_as_rare_as_ever(self):
        values = pd.Series([*np.arange(99.0), None])
        both, high = (NumberEncoder.fit(values, side).encode(values.tail(1)).rarity[0] for side in (None, "high"))
        assert both == high > 1

    def test_the_innocent_side_is_that_below_the_middle_of_what_was_expected(self):
        encoder = NumberEncoder.fit(self.values, "high")
        last = encoder.n_classes - 1
        expected = np.zeros((4, encoder.n_classes))
        expected[:, 10] = 1.0
        assert encoder.innocent(expected, np.array([3, 9, 11, last])).tolist() == [True, True, False, False]
        low = NumberEncoder.fit(self.values, "low")
        assert low.innocent(expected, np.array([3, 9, 11, last])).tolist() == [False, False, True, False]

    def test_without_a_direction_no_side_is_innocent(self):
        encoder = NumberEncoder.fit(self.values)
        assert not encoder.innocent(np.tile(encoder.marginal, (2, 1)), np.array([0, 5])).any()
