"""Behaviour of surprise: parts are never negative and add up to a smooth maximum of the two measures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from claims_fraud.autoencoder.surprise import FLOOR, ScoreScale, floored, likelihood_ratio

quick = settings(max_examples=60, deadline=None)
ratios = arrays(float, (12, 3), elements=st.floats(1e-6, 50))
rarities = arrays(float, (12, 3), elements=st.floats(0, 1e3).map(lambda nats: round(nats, 6)))


def test_floored_probabilities_by_hand():
    found = floored(np.array([[0.25, 0.75]]), np.array([0, 2]), np.array([0.5, 0.3, 0.2]))
    assert found.tolist() == [pytest.approx([0.98 * 0.25 + 0.01, 0.006, 0.98 * 0.75 + 0.004])]


@quick
@given(st.integers(1, 6), st.integers(0, 1000))
def test_floored_probabilities_sum_to_one_and_are_never_zero(classes, seed):
    rng = np.random.default_rng(seed)
    marginal = rng.dirichlet(np.ones(classes)) * 0.9 + 0.1 / classes
    observed = np.sort(rng.choice(classes, rng.integers(1, classes + 1), replace=False))
    found = floored(rng.dirichlet(np.ones(len(observed)), size=5), observed, marginal)
    assert found.sum(axis=1) == pytest.approx(1)
    assert (found > 0).all()
    ratio = likelihood_ratio(found, rng.integers(classes, size=5), marginal)
    assert (ratio > 0).all()
    assert (ratio <= 1 / FLOOR * (1 + 1e-6)).all()


def test_likelihood_ratio_by_hand():
    found = likelihood_ratio(np.array([[0.5, 0.5], [0.9, 0.1]]), np.array([0, 1]), np.array([0.75, 0.25]))
    assert found == pytest.approx([1.5, 2.5])


def test_scale_by_hand():
    # Mean ratios 2 and 1; divided by them each row has twice 0.5, 1, 1 and 1.5, which count to the power of 1.5.
    scale = ScoreScale.fit(
        np.array([[1.0, 0.5], [2.0, 1.0], [2.0, 1.0], [3.0, 1.5]]), np.array([[0.0, 1], [1, 1], [2, 2], [4, 4]])
    )
    assert scale.ratio_weights == (0.5, 1.0)
    # The distances from the median are 1.5 times log(2), 0, 0 and log(1.5); the tail is no heavier than most.
    assert scale.contradiction == pytest.approx((np.log(2), 1.5 * np.log(1.5) / 2))
    # Quartiles 0.75 and 2.5 of the first column, 1 and 2.5 of the second.
    assert scale.rarity == pytest.approx((3.0, np.hypot(1.75, 1.5)))


def test_a_heavy_tail_of_contradictions_makes_them_weigh_more():
    # By the log of the ratio: 51 rows at 0, 40 at 1 and 10 farther off.
    ordinary, heavy, heaviest = (
        ScoreScale.fit(np.exp([[0.0]] * 51 + [[1.0]] * 40 + [[far]] * 10), np.zeros((101, 1))).contradiction[1]
        for far in (2.0, 5.0, 50.0)
    )
    # More than half of the rows are at the median; the mean distance of all is 1.5 (40 + 10 far) / 101. The 99th
    # percentile is as many times as far above the median as the 90th.
    assert ordinary == pytest.approx(1.5 * 60 / 101)
    assert heavy == pytest.approx(1.5 * 90 / 101 / 2)
    assert heaviest == pytest.approx(1.5 * 540 / 101 / 4)


def test_a_row_gets_the_parts_of_its_larger_measure():
    scale = ScoreScale(ratio_weights=(1.0, 1.0), contradiction=(0.0, 1.0), rarity=(2.5, 0.5))
    combined, by_rarity = scale.combine(
        np.array([[9.0, 4.0], [0.25, 0.25], [1.0, 1.0]]), np.array([[1.0, 0.0], [0.5, 2.5], [0.0, 0.0]])
    )
    # To the power of 1.5 they are 27 and 8, twice 1 / 8, and twice 1. Of the rows, e to contradiction and to rarity:
    contradictions, rarities = (np.array([35, 0.25, 2]) / np.exp(3.5)) ** 1.25, np.exp([-3.0, 1.0, -5.0])
    contradicting, rare, ordinary = np.log(1 + contradictions + rarities)
    assert combined.tolist() == [
        pytest.approx([contradicting * 27 / 35, contradicting * 8 / 35]),
        pytest.approx([rare / 6, rare * 5 / 6]),
        pytest.approx([ordinary / 2, ordinary / 2]),
    ]
    assert by_rarity.tolist() == [False, True, False]


def test_a_column_whose_ratio_never_varies_is_no_contradiction():
    ratios = np.array([[1.0, 0.5], [1.0, 1.5], [1.0, 1.0]])
    scale = ScoreScale.fit(ratios, np.zeros((3, 2)))
    assert scale.ratio_weights == (0.0, 1.0)
    combined, by_rarity = scale.combine(np.array([[1.0, 40.0]]), np.zeros((1, 2)))
    assert combined[0, 0] == 0 < combined[0, 1]
    assert not by_rarity[0]


@quick
@given(ratios, rarities)
def test_parts_are_never_negative_and_sum_to_the_score(ratios, rarities):
    scale = ScoreScale.fit(ratios, rarities)
    combined, by_rarity = scale.combine(ratios, rarities)
    assert np.isfinite(combined).all()
    assert (combined >= 0).all()
    rarity = (rarities.sum(axis=1) - scale.rarity[0]) / scale.rarity[1]
    some, total = rarities.sum(axis=1) > 0, combined.sum(axis=1)
    assert (total >= np.logaddexp(0, rarity) - 1e-9 * np.maximum(rarity, 1))[some].all()
    # Of two equal measures and 0 it is log 3 more than the largest, which is the most it can be.
    assert (total <= np.maximum(rarity, 0) + np.log(3) + 1e-9 * np.maximum(rarity, 1))[by_rarity].all()


@quick
@given(ratios, rarities, st.integers(0, 11), st.floats(1, 10))
def test_a_less_expected_value_never_lowers_the_score(ratios, rarities, row, factor):
    scale = ScoreScale.fit(ratios, rarities)
    worse = ratios.copy()
    worse[row, 0] *= factor
    before, after = (scale.combine(given, rarities)[0].sum(axis=1)[row] for given in (ratios, worse))
    assert after >= before - 1e-9


def test_rows_that_are_all_alike_score_nothing():
    ratios, rarities = np.ones((4, 2)), np.zeros((4, 2))
    combined, _ = ScoreScale.fit(ratios, rarities).combine(ratios, rarities)
    assert combined.tolist() == [[0.0, 0.0]] * 4
