"""Columns of quantities: bins in order, a scale on which they are spread evenly, and how rare a number is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claims_fraud.autoencoder.kinds import NumberEncoder
from claims_fraud.autoencoder.words import number_text, range_text

NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, 1.0, 1.0, 1.0, np.nan]),
)
number_columns = st.lists(NUMBERS, max_size=60).map(lambda values: pd.Series(values, dtype=float, name="amount"))
# Below a millionth a number is as good as 0, which no claim minds.
sizes = st.floats(-1e6, 1e6).map(lambda number: round(number, 6))
plain_numbers = st.lists(sizes, min_size=1, max_size=80).map(pd.Series)
quick = settings(max_examples=60, deadline=None)

UNIFORM = pd.Series(np.arange(1000.0))
SKEWED = pd.Series(np.random.default_rng(0).lognormal(6, 1.5, 2000).round(2))


@quick
@given(number_columns, number_columns)
def test_any_numbers_are_encoded(train, new):
    encoder = NumberEncoder.fit(train)
    assert encoder.marginal.sum() == pytest.approx(1)
    assert len(encoder.marginal) == encoder.n_classes == encoder.n_codes == len(encoder.code_texts())
    for values in (train, new):
        encoded = encoder.encode(values)
        assert encoded.classes is encoded.codes
        assert encoded.classes.shape == (len(values),)
        assert ((encoded.classes >= 0) & (encoded.classes < encoder.n_classes)).all()
        assert np.isfinite(encoded.rarity).all()
        assert (encoded.rarity >= 0).all()
        for array in (encoded.inputs, encoded.numbers):
            assert np.isnan(array).tolist() == values.isna().tolist()
            assert array.dtype == np.float32
        assert (encoded.classes == encoder.n_classes - 1).tolist() == values.isna().tolist()
        assert encoded.seen is None
        assert len(encoder.texts(values)) == len(values)


@quick
@given(plain_numbers, st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=30).map(sorted))
def test_encoding_keeps_the_order_of_numbers(train, ordered):
    encoded = NumberEncoder.fit(train).encode(pd.Series(ordered))
    assert (np.diff(encoded.classes) >= 0).all()
    assert (np.diff(encoded.inputs) >= 0).all()
    assert (np.diff(encoded.numbers) >= 0).all()


@quick
@given(plain_numbers, st.lists(st.floats(0, 1e12), min_size=2, max_size=30).map(sorted), st.sampled_from([-1, 1]))
@example(pd.Series([0.0, 1e-105, -1.0, -1.0]), [0.0, 1.0], 1)
def test_further_out_is_never_less_rare(train, distances, side):
    encoder = NumberEncoder.fit(train)
    end = encoder.ends[-1] if side > 0 else encoder.starts[0]
    encoded = encoder.encode(pd.Series(end + side * np.array([0.0, *distances])))
    assert (np.diff(encoded.rarity) >= 0).all()


class TestBins:
    def test_few_different_numbers_have_a_bin_each(self):
        encoder = NumberEncoder.fit(pd.Series([1.0, 1.0, 2.0, 5.0, np.nan]))
        assert encoder.edges == (1.0, 2.0)
        assert (encoder.counts, encoder.starts, encoder.ends) == ((2, 1, 1), (1, 2, 5), (1, 2, 5))
        assert (encoder.missing, encoder.n_rows, encoder.n_classes) == (1, 5, 4)
        assert encoder.encode(pd.Series([0.0, 1.0, 1.5, 2.0, 9.0, np.nan])).codes.tolist() == [0, 0, 1, 1, 2, 3]
        assert encoder.code_texts() == ["1", "2", "5", "missing"]

    def test_many_different_numbers_share_sixteen_bins_of_about_equal_size(self):
        encoder = NumberEncoder.fit(UNIFORM)
        assert len(encoder.counts) == 16
        assert sum(encoder.counts) == 1000
        assert set(encoder.counts) <= {62, 63, 64}
        assert encoder.code_texts()[0] == "0–63"

    def test_a_value_that_is_frequent_is_a_bin_of_its_own(self):
        encoder = NumberEncoder.fit(pd.Series([0.0] * 60 + list(range(1, 41))))
        zero, one = encoder.encode(pd.Series([0.0, 1.0])).classes
        assert encoder.counts[zero] == 60
        assert one == zero + 1

    @pytest.mark.parametrize("values", [[7.0] * 5, [7.0], [7.0, None]])
    def test_one_distinct_number(self, values):
        encoder = NumberEncoder.fit(pd.Series(values, dtype=float))
        assert (encoder.edges, encoder.starts, encoder.ends) == ((), (7.0,), (7.0,))
        assert encoder.encode(pd.Series([7.0, -3.0, np.nan])).classes.tolist() == [0, 0, 1]

    def test_no_number_at_all(self):
        encoder = NumberEncoder.fit(pd.Series([None, None], dtype=float))
        assert (encoder.counts, encoder.missing, encoder.n_classes) == ((0,), 2, 2)
        encoded = encoder.encode(pd.Series([5.0, None]))
        assert np.isfinite(encoded.rarity).all()
        assert encoded.absent.tolist() == [False, True]


class TestScale:
    @pytest.mark.parametrize("train", [UNIFORM, SKEWED, -SKEWED, pd.Series([0.0] * 90 + [5.0, 9000.0] * 5)])
    def test_restoring_is_the_inverse_of_standardizing(self, train):
        encoder = NumberEncoder.fit(train)
        assert encoder.restore(encoder.standardize(train.to_numpy())) == pytest.approx(train.to_numpy(), abs=1e-6)

    @quick
    @given(plain_numbers)
    def test_what_is_restored_is_off_by_no_more_than_rounding(self, train):
        encoder, numbers = NumberEncoder.fit(train), train.to_numpy()
        restored = encoder.restore(encoder.standardize(numbers))
        assert np.abs(restored - numbers) == pytest.approx(0, abs=encoder.step / 2 + 1e-6 * max(1, abs(numbers).max()))

    def test_a_symmetric_column_is_left_as_it_is_and_a_skewed_one_is_logarithmic(self):
        assert NumberEncoder.fit(UNIFORM).unit == 0
        encoder = NumberEncoder.fit(SKEWED)
        assert encoder.unit > 0
        # Equal ratios far from 0 are equal distances.
        one, ten, hundred = encoder.standardize(np.array([1e3, 1e4, 1e5]))
        assert hundred - ten == pytest.approx(ten - one, rel=1e-3)

    def test_median_and_robust_deviation_are_0_and_1(self):
        standardized = np.sort(NumberEncoder.fit(SKEWED).encode(SKEWED).numbers)
        assert np.median(standardized) == pytest.approx(0, abs=1e-6)
        assert np.subtract(*np.quantile(standardized, (0.75, 0.25))) == pytest.approx(1.349, abs=1e-4)

    @pytest.mark.parametrize(
        ("values", "step"),
        [
            ([10.0, 20.0, 30.0, 70.0], 10.0),
            ([1.0, 2.0, 3.0], 1.0),
            ([0.5, 1.0, 2.5], 0.5),
            ([1.25, 3.99, 7.01], 0.01),
            ([0.123, 4.567, 8.9012], 0.0),
            ([0.0, 0.0], 0.0),
            ([5000.0, 0.0, 15000.0], 1000.0),
        ],
    )
    def test_rounding_is_the_largest_step_of_which_all_are_multiples(self, values, step):
        assert NumberEncoder.fit(pd.Series(values)).step == step

    def test_two_in_a_hundred_may_be_rounded_otherwise(self):
        assert NumberEncoder.fit(pd.Series([10.0, 20.0] * 99 + [3.33] * 2)).step == 10
        assert NumberEncoder.fit(pd.Series([10.0, 20.0] * 90 + [3.33] * 20)).step == 0.01

    def test_resolution_is_the_rounding_on_the_scale(self):
        encoder = NumberEncoder.fit(UNIFORM)
        assert encoder.encode(pd.Series([5.0, 900.0])).rounding == pytest.approx(1 / encoder.spread)
        encoder, number = NumberEncoder.fit(SKEWED), np.array([2000.0])
        exact = np.diff(encoder.standardize(np.array([2000.0, 2000.0 + encoder.step])))
        assert encoder.resolution(number) == pytest.approx(exact, rel=1e-3)


class TestSorts:
    def test_continuous_where_values_seldom_recur(self):
        assert NumberEncoder.fit(SKEWED).continuous
        assert not NumberEncoder.fit(pd.Series([1.0, 2.0, 3.0] * 50)).continuous

    def test_a_size_has_no_value_below_zero(self):
        assert NumberEncoder.fit(pd.Series([0.0, 3.0])).is_size
        assert not NumberEncoder.fit(pd.Series([-1.0, 3.0])).is_size

    def test_zero_is_absence_where_most_rows_with_a_value_have_it(self):
        encoder = NumberEncoder.fit(pd.Series([0.0] * 6 + [1.0] * 4 + [None] * 5))
        assert encoder.usually_zero
        assert encoder.encode(pd.Series([0.0, 1.0, None])).absent.tolist() == [True, False, False]
        encoder = NumberEncoder.fit(pd.Series([0.0] * 5 + [1.0] * 5))
        assert encoder.encode(pd.Series([0.0, 1.0])).absent.tolist() == [False, False]

    def test_missing_is_absence_where_most_rows_have_no_value(self):
        encoder = NumberEncoder.fit(pd.Series([3.0] * 4 + [None] * 5))
        assert encoder.encode(pd.Series([0.0, 3.0, None])).absent.tolist() == [False, False, True]


class TestRarity:
    def test_below_a_frequent_lowest_value_is_rarer_than_that(self):
        zeros = pd.Series([0.0] * 50 + list(range(1, 51)))
        atom, *below = NumberEncoder.fit(zeros).encode(pd.Series([0.0, -0.01, -1.0, -1e6])).rarity
        assert atom == pytest.approx(0, abs=1e-3)
        assert below[0] == below[1] == pytest.approx(-np.log(0.5 / 100.5))
        assert below[2] > below[1]

    def test_by_hand(self):
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

    def test_a_value_missing_where_it_never_is_is_rare(self):
        missing, median = NumberEncoder.fit(UNIFORM).encode(pd.Series([np.nan, 500.0])).rarity
        assert missing > 7
        assert median < 1

    @pytest.mark.parametrize(
        ("suspicious", "rare"),
        [(None, [True, False, True]), ("high", [False, False, True]), ("low", [True, False, False])],
    )
    def test_only_the_suspicious_side_is_rare(self, suspicious, rare):
        encoder = NumberEncoder.fit(UNIFORM, suspicious)
        assert (encoder.encode(pd.Series([-5000.0, 499.0, 6000.0])).rarity > 1).tolist() == rare

    def test_a_missing_value_is_as_rare_whatever_side_is_suspicious(self):
        values = pd.Series([*np.arange(99.0), None])
        both, high = (NumberEncoder.fit(values, side).encode(values.tail(1)).rarity[0] for side in (None, "high"))
        assert both == high > 1

    @pytest.mark.parametrize(
        ("number", "text"),
        [
            (5000.0, "1–1,000 in all of 1,000 claims"),
            (np.nan, "missing in 2 of 1,002 claims"),
            (999.5, "6–991 in 98% of claims"),
            (950.0, "as high or higher in at most 6% of claims"),
            (30.0, "as low or lower in at most 6% of claims"),
        ],
    )
    def test_in_words(self, number, text):
        encoder = NumberEncoder.fit(pd.Series([*np.arange(1.0, 1001.0), None, None]))
        assert encoder.rank_text(number) == text

    def test_in_words_where_there_are_few_values_or_none(self):
        few = NumberEncoder.fit(pd.Series([5.0, 6.0] + [None] * 98))
        assert [few.rank_text(number) for number in (5.0, 99.0)] == ["a value in 2 of 100 claims"] * 2
        assert NumberEncoder.fit(pd.Series([None] * 4, dtype=float)).rank_text(7.0) == "missing in 4 of 4 claims"


def test_texts_of_numbers_beyond_what_trees_take_are_those_that_came():
    encoder = NumberEncoder.fit(pd.Series(np.arange(1.0, 1001.0)))
    assert encoder.texts(pd.Series([1e308, -1e40, None])) == ["1e+308", "-1e+40", "missing"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((0.0, "0"), (3.0, "3"), (12.3456, "12.35"), (99.5, "99.5"), (640.4, "640"), (-9800.0, "-9,800")),
        *((1e-5, "1e-05"), (2e14, "200,000,000,000,000"), (123456789012345680.0, "1.235e+17"), (1e308, "1e+308")),
    ],
)
def test_numbers_as_people_write_them(number, text):
    assert number_text(number) == text


def test_ranges_as_people_write_them():
    assert (range_text(1.0, 1250.0), range_text(100.2, 100.4)) == ("1–1,250", "100")
