"""Intervals and tests of shares are those of the sources, and of statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from claims_fraud.fairness.intervals import (
    difference_interval,
    p_values,
    ratio_interval,
    share_interval,
)
from claims_fraud.multiple_tests import holm

PAIRS = [(56, 70, 48, 80), (9, 10, 3, 10), (5, 56, 1, 29), (1, 2_000, 30, 40_000), (300, 9_000, 224, 11_000)]


def arrays(*numbers: int) -> list[np.ndarray]:
    return [np.array([number]) for number in numbers]


@st.composite
def counts(draw, least: int = 0):
    of, other_of = (draw(st.integers(max(least, 1), 100_000)) for _ in range(2))
    return draw(st.integers(least, of)), of, draw(st.integers(least, other_of)), other_of


class TestAgainstStatsmodels:
    @pytest.mark.parametrize(("some", "of", "other", "other_of"), [*PAIRS, (0, 10, 0, 10)])
    def test_wilson(self, some, of, other, other_of):
        _, low, high = share_interval(np.array([some, other]), np.array([of, other_of]))
        for place, (k, n) in enumerate(((some, of), (other, other_of))):
            assert (low[place], high[place]) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)

    @pytest.mark.parametrize(("some", "of", "other", "other_of"), PAIRS)
    def test_newcombe(self, some, of, other, other_of):
        _, low, high = difference_interval(*arrays(some, of, other, other_of))
        theirs = confint_proportions_2indep(some, of, other, other_of, compare="diff", method="newcomb")
        assert (low[0], high[0]) == pytest.approx(theirs, abs=1e-12)

    @pytest.mark.parametrize(("some", "of", "other", "other_of"), PAIRS)
    def test_log_ratio(self, some, of, other, other_of):
        _, low, high = ratio_interval(*arrays(some, of, other, other_of))
        theirs = confint_proportions_2indep(some, of, other, other_of, compare="ratio", method="log")
        assert (low[0], high[0]) == pytest.approx(theirs, rel=1e-12)

    def test_holm(self):
        p = np.array([0.01, 0.04, 0.03, 0.005])
        assert holm(p, 4).tolist() == pytest.approx(multipletests(p, method="holm")[1].tolist())


class TestLiteralValues:
    def test_of_newcombe_in_his_paper(self):
        # Newcombe 1998, table II, example (a), method 10.
        difference, low, high = difference_interval(*arrays(56, 70, 48, 80))
        assert (difference[0], low[0], high[0]) == (
            pytest.approx(0.2),
            *map(pytest.approx, (0.0524, 0.3339), (1e-3,) * 2),
        )

    def test_of_a_ratio(self):
        ratio, low, high = ratio_interval(*arrays(20, 100, 10, 100))
        # exp(log 2 ± 1.96 sqrt(1/20 - 1/100 + 1/10 - 1/100))
        assert [ratio[0], low[0], high[0]] == pytest.approx([2.0, 0.98656, 4.05448], abs=1e-4)

    def test_of_no_flags_at_all(self):
        ratio, low, high = ratio_interval(np.array([0, 25, 0]), np.full(3, 50), np.array([25, 0, 0]), np.full(3, 50))
        assert (ratio[0], low[0]) == (0, 0)
        assert high[0] < 1
        assert (ratio[1], high[1]) == (np.inf, np.inf)
        assert low[1] > 1
        assert np.isnan(ratio[2])

    def test_of_a_group_without_rows_is_none(self):
        share, low, high = share_interval(np.array([0]), np.array([0]))
        assert np.isnan([share[0], low[0], high[0]]).all()

    def test_p_is_twice_the_smaller_side_of_fishers_test(self):
        table = [[9, 91], [2, 98]]
        side = fisher_exact(table, alternative="greater").pvalue
        assert p_values(*arrays(9, 100, 2, 100))[0] == pytest.approx(2 * side)


class TestHolm:
    def test_counts_hypotheses_that_are_not_given_as_larger(self):
        assert holm(np.array([0.001, 0.01]), 10).tolist() == pytest.approx([0.01, 0.09])

    def test_passes_over_what_was_not_tested(self):
        adjusted = holm(np.array([np.nan, 0.02, np.nan, 0.01]), 2)
        assert np.isnan(adjusted[[0, 2]]).all()
        assert adjusted[[1, 3]].tolist() == [0.02, 0.02]

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
    def test_is_no_smaller_than_p_and_keeps_the_order(self, p):
        adjusted = holm(np.array(p), len(p))
        assert (adjusted >= np.array(p) - 1e-15).all()
        assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


class TestProperties:
    @given(counts())
    def test_intervals_contain_the_estimate(self, given_counts):
        numbers = arrays(*given_counts)
        for estimate, low, high in (
            share_interval(*numbers[:2]),
            difference_interval(*numbers),
            ratio_interval(*numbers),
        ):
            if not np.isnan(estimate[0]):
                assert low[0] <= estimate[0] + 1e-12
                assert estimate[0] <= high[0] + 1e-12

    @given(counts(least=1))
    def test_the_other_way_round_is_the_mirror(self, given_counts):
        some, of, other, other_of = arrays(*given_counts)
        difference, low, high = difference_interval(some, of, other, other_of)
        mirrored, mirrored_low, mirrored_high = difference_interval(other, other_of, some, of)
        assert [difference[0], low[0], high[0]] == pytest.approx([-mirrored[0], -mirrored_high[0], -mirrored_low[0]])
        ratio, ratio_low, ratio_high = ratio_interval(some, of, other, other_of)
        turned, turned_low, turned_high = ratio_interval(other, other_of, some, of)
        assert [ratio[0], ratio_low[0], ratio_high[0]] == pytest.approx(
            [1 / turned[0], 1 / turned_high[0], 1 / turned_low[0]]
        )

    @given(counts())
    def test_p_is_a_probability(self, given_counts):
        p = p_values(*arrays(*given_counts))[0]
        assert 0 <= p <= 1
