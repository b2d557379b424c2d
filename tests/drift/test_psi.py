"""The index is what a hand reckons, and its p-value is small only where chance does not do it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from claims_fraud.drift.bins import CategoryBins, NumberBins
from claims_fraud.drift.psi import Compared

BINS = NumberBins((), (1.0,))
counts = st.lists(st.integers(0, 5_000), min_size=4, max_size=4).filter(sum).map(np.array)


def compared(reference, current, bins=BINS) -> Compared:
    return Compared.of(bins, np.array(reference), np.array(current))


class TestIndex:
    def test_by_hand(self):
        found = compared([60, 40, 0, 0], [30, 70, 0, 0])
        before, now = (60.5 / 101, 40.5 / 101), (30.5 / 101, 70.5 / 101)
        by_hand = [(q - p) * math.log(q / p) for p, q in zip(before, now, strict=True)]
        assert found.labels == ("up to 1", "above 1")
        assert found.contributions == pytest.approx(by_hand)
        assert found.psi == pytest.approx(0.36809, abs=5e-6)

    def test_an_empty_bin_is_not_infinite(self):
        assert compared([100, 0, 0, 0], [80, 0, 0, 20]).psi == pytest.approx(
            (80.5 / 101 - 100.5 / 101) * math.log(80.5 / 100.5) + (20.5 / 101 - 0.5 / 101) * math.log(20.5 / 0.5)
        )

    @given(counts, counts)
    def test_is_never_below_zero(self, reference, current):
        found = compared(reference, current)
        assert found.psi >= 0
        assert (found.contributions >= 0).all()
        assert 0 <= found.p_value <= 1

    @given(counts)
    def test_is_zero_on_itself(self, reference):
        assert compared(reference, reference).psi == 0

    @given(counts, counts)
    def test_no_row_is_lost(self, reference, current):
        found = compared(reference, current)
        assert (found.reference.sum(), found.current.sum()) == (reference.sum(), current.sum())


class TestPooling:
    def test_of_what_few_rows_have(self):
        bins = CategoryBins(tuple("abcd"), 0)
        found = compared([5_000, 4_990, 9, 1, 0, 0], [50, 49, 0, 1, 0, 0], bins)
        assert found.labels == ("a", "b", "other")
        assert found.reference.tolist() == [5_000, 4_990, 10]

    def test_leaves_twenty_categories(self):
        bins = CategoryBins(tuple(f"c{number:02d}" for number in range(30)), 0)
        found = compared([*range(130, 100, -1), 0, 0], [*range(130, 100, -1), 0, 0], bins)
        assert found.labels == (*bins.categories[:20], "other")


class TestChance:
    def test_on_average_and_at_most(self):
        found = compared([500, 500, 0, 0], [100, 100, 0, 0])
        assert found.by_chance == pytest.approx(1 / 1_000 + 1 / 200)
        assert found.bound(0.05) == pytest.approx(3.841459 * 0.006)

    def test_p_value_is_that_of_the_likelihood_ratio(self):
        found = compared([600, 400, 0, 0], [140, 60, 0, 0])
        shares = np.array([740, 460]) / 1_200
        expected = np.concatenate([1_000 * shares, 200 * shares])
        observed = np.array([600, 400, 140, 60])
        assert found.p_value == pytest.approx(chi2.sf(2 * (observed * np.log(observed / expected)).sum(), 1))

    def test_one_bin_says_nothing(self):
        found = compared([100, 0, 0, 0], [50, 0, 0, 0])
        assert (found.psi, found.by_chance, found.bound(0.01), found.p_value) == (0, 0, 0, 1)

    def test_new_values_are_expected_where_values_are_rare(self):
        rare = CategoryBins(tuple(f"c{number}" for number in range(1_000)), 500)
        common = CategoryBins(rare.categories, 0)
        reference, current = [*[1] * 500, *[19] * 500, 0, 0], [*[0] * 500, *[2] * 450, *[1] * 50, 50, 0]
        assert compared(reference, current, rare).p_value > 0.01
        assert compared(reference, current, common).p_value < 1e-20

    def test_a_gap_that_was_not_there_is_found_in_a_thousand_rows(self):
        assert compared([7_000, 7_000, 0, 0], [475, 475, 0, 50]).p_value < 1e-20
