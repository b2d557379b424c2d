"""Intervals and shrunken means: textbook values, and what has to hold of them whatever the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from claims_fraud.providers.estimates import Spread, shrunken, wilson_interval
from claims_fraud.providers.peers import Peers, find_peers


def compared(own: np.ndarray, counts: np.ndarray) -> Peers:
    return find_peers(pd.DataFrame({"claims": counts, "mean": own}), ["mean"], (), 1)


def fitted(own: np.ndarray, counts: np.ndarray, squares: np.ndarray) -> Spread:
    peers = compared(own, counts)
    return Spread.fit(own, counts, squares, peers, peers.means["mean"].to_numpy())


class TestWilsonInterval:
    @pytest.mark.parametrize(
        ("many", "of", "low", "high"),
        [(1, 10, 0.0179, 0.4042), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)],
    )
    def test_textbook_values(self, many, of, low, high):
        found = wilson_interval(np.array([many / of]), np.array([float(of)]))
        assert np.ravel(found).tolist() == pytest.approx([low, high], abs=1e-4)

    @given(st.integers(1, 10_000), st.floats(0, 1))
    def test_holds_the_share_and_stays_within_0_and_1(self, of, fraction):
        share = round(of * fraction) / of
        low, high = wilson_interval(np.array([share]), np.array([float(of)]))
        assert 0 <= low[0] <= share <= high[0] <= 1


class TestSpread:
    def test_with_equal_counts_is_the_analysis_of_variance(self):
        rng = np.random.default_rng(0)
        values = rng.normal(rng.normal(0, 2, (30, 1)), 3, (30, 8))
        own = values.mean(axis=1)
        spread = fitted(own, np.full(30, 8.0), values.var(axis=1) * 8)
        within = values.var(axis=1, ddof=1).mean()
        assert spread.within == pytest.approx(within)
        assert spread.between == pytest.approx(own.var(ddof=1) - within / 8)

    def test_finds_the_variances_that_claims_were_drawn_with(self):
        rng = np.random.default_rng(0)
        counts = rng.integers(2, 80, 2_000)
        means = rng.normal(5, 0.5, 2_000)
        claims = [rng.normal(mean, 2, count) for mean, count in zip(means, counts, strict=True)]
        own, squares = (np.array([f(one) for one in claims]) for f in (np.mean, lambda one: one.var() * len(one)))
        spread = fitted(own, counts.astype(float), squares)
        assert spread.within == pytest.approx(4, rel=0.05)
        assert spread.between == pytest.approx(0.25, rel=0.1)

    def test_providers_that_differ_by_chance_are_not_told_apart(self):
        spread = fitted(np.array([1.0, 1.1, 0.9]), np.full(3, 4.0), np.full(3, 8.0))
        assert spread.between == 0
        assert spread.credibility(np.array([1.0, 1e6])).tolist() == [0, 0]

    def test_where_no_provider_has_two_claims_nothing_is_trusted(self):
        spread = fitted(np.array([1.0, 5.0, 9.0]), np.ones(3), np.zeros(3))
        assert spread.credibility(np.ones(3)).tolist() == [0, 0, 0]

    def test_one_provider_has_nothing_to_be_compared_with(self):
        spread = fitted(np.array([3.0]), np.array([9.0]), np.array([2.0]))
        assert spread.between == 0

    def test_where_claims_of_a_provider_are_alike_its_mean_is_trusted(self):
        spread = fitted(np.array([1.0, 2.0]), np.array([3.0, 3.0]), np.zeros(2))
        assert spread.credibility(np.array([1.0, 9.0])).tolist() == [1, 1]

    def test_credibility_is_that_of_the_textbook(self):
        # n / (n + K) with K = within / between.
        assert Spread(within=4.0, between=0.25).credibility(np.array([4.0, 16.0, 48.0])).tolist() == [0.2, 0.5, 0.75]

    def test_is_the_mean_of_a_beta_distribution_after_its_claims(self):
        # Prior beta(1, 9), whose mean is 0.1, and 3 of 10 claims.
        mean, prior = 0.1, 10
        between = mean * (1 - mean) / (prior + 1)
        spread = Spread(within=mean * (1 - mean) - between, between=between)
        (found,) = shrunken(np.array([0.3]), np.array([mean]), spread.credibility(np.array([10.0])))
        assert found == pytest.approx((1 + 3) / (10 + 10))


sizes = st.integers(1, 30)


class TestShrunken:
    @given(st.data())
    def test_lies_between_own_and_the_peers(self, data):
        n = data.draw(sizes)
        numbers = arrays.arrays(float, n, elements=st.floats(0, 100))
        own, squares = data.draw(numbers), data.draw(numbers)
        counts = data.draw(arrays.arrays(float, n, elements=st.integers(1, 500).map(float)))
        peers = compared(own, counts)
        means = peers.means["mean"].to_numpy()
        found = shrunken(own, means, Spread.fit(own, counts, squares, peers, means).credibility(counts))
        assert (found >= np.minimum(own, means)).all()
        assert (found <= np.maximum(own, means)).all()

    @given(st.floats(0.01, 10), st.floats(0.01, 10), st.integers(1, 1000))
    def test_the_more_claims_the_less_it_is_drawn(self, within, between, count):
        fewer, more = Spread(within, between).credibility(np.array([count, count + 1.0]))
        assert 0 < fewer < more < 1
