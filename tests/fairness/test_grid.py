"""Distances and quantiles read from a grid are right to within what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from claims_fraud.fairness.grid import EDGES, STEPS, distances, percentiles_of, quantile_steps, steps


def counted(groups: np.ndarray, percentiles: np.ndarray) -> np.ndarray:
    number = groups.max() + 1
    return (
        np.bincount(groups * STEPS + steps(percentiles), minlength=number * STEPS).reshape(number, STEPS).astype(float)
    )


class TestSteps:
    def test_are_finer_towards_the_top(self):
        assert STEPS == 90 + 90 + 100
        assert EDGES[[0, 88, 89, 178, 179, 278]].tolist() == [1, 89, 90, 98.9, 99, 99.99]

    def test_begin_at_their_edge(self):
        assert steps(np.array([0.0, 0.99, 1.0, 99.0, 99.991])).tolist() == [0, 0, 1, 180, 279]

    def test_percentiles_are_the_share_of_lower_scores(self):
        assert percentiles_of(np.array([3.0, 1.0, 1.0, 2.0])).tolist() == [75.0, 0.0, 0.0, 50.0]


class TestDistances:
    def test_literal(self):
        counts = np.zeros((2, STEPS))
        counts[0, [0, 10]], counts[1, [0, 10]] = (8, 2), (2, 8)
        distance, error = distances(counts)
        assert distance.tolist() == pytest.approx([0.6, 0.6])
        assert error.tolist() == pytest.approx([0.4, 0.4])

    def test_of_everything_against_nothing_is_none(self):
        assert np.isnan(distances(np.ones((1, STEPS)))[0]).all()

    @given(st.integers(0, 2**32 - 1), st.integers(5, 400), st.floats(-2, 2))
    def test_the_exact_distance_lies_within_the_error(self, seed, rows, shift):
        rng = np.random.default_rng(seed)
        groups = rng.permutation(np.arange(rows) % 3)
        scores = rng.normal(size=rows) + shift * (groups == 0)
        distance, error = distances(counted(groups, percentiles_of(scores)))
        for group in range(3):
            exact = ks_2samp(scores[groups == group], scores[groups != group]).statistic
            assert 0 <= distance[group] <= 1
            assert distance[group] - 1e-9 <= exact <= distance[group] + error[group] + 1e-9


def test_quantiles_lie_in_the_step_of_the_exact_one():
    scores = np.random.default_rng(1).normal(size=20_000)
    groups = (scores + np.random.default_rng(2).normal(size=20_000) > 0).astype(int)
    percentiles = percentiles_of(scores)
    for level in (0.5, 0.9, 0.99):
        found = quantile_steps(counted(groups, percentiles), level)
        exact = [np.quantile(percentiles[groups == group], level, method="inverted_cdf") for group in (0, 1)]
        assert found.tolist() == steps(np.array(exact)).tolist()
