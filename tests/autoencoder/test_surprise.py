"""Behaviour of surprise: parts are never negative and add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from claims_fraud.autoencoder.encoding import Encoded
from claims_fraud.autoencoder.surprise import ColumnScale, RawSurprise, ScoreScale, floored

quick = settings(max_examples=60, deadline=None)
parts = arrays(float, (12, 3), elements=st.floats(0, 1e3))
nats = arrays(float, 20, elements=st.floats(0, 50))


def encoded(classes, log_within=None):
    classes = np.asarray(classes)
    nothing = np.zeros(len(classes))
    return Encoded(nothing.astype(np.float32), classes, nothing if log_within is None else log_within, nothing)


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


def test_raw_surprise_by_hand():
    raw = RawSurprise.of(encoded([0, 1], np.array([0.0, -2.0])), np.array([[0.5, 0.5], [0.9, 0.1]]))
    assert raw.observed == pytest.approx([np.log(2), np.log(10) + 2])
    assert raw.expected == pytest.approx([np.log(2), -0.9 * np.log(0.9) - 0.1 * np.log(0.1)])


def test_column_scale_by_hand():
    raw = RawSurprise(np.array([1.0, 3.0]), np.array([2.0, 1.0]), np.array([1.0, 5.0]))
    scale = ColumnScale.fit(raw, encoded([0, 0]), np.array([np.exp(-4.0), 1 - np.exp(-4.0)]))
    assert scale.weight == pytest.approx(0.5)
    assert scale.mean_rarity == 3.0
    assert scale.conditional(raw) == pytest.approx([0, 0.5 * 2])
    assert scale.rare(raw).tolist() == [0.0, 2.0]


@quick
@given(nats, nats, nats)
def test_parts_are_never_negative_and_the_weight_is_a_share(observed, expected, rarity):
    raw = RawSurprise(observed, expected, rarity)
    scale = ColumnScale.fit(raw, encoded(np.arange(20) % 2), np.array([0.7, 0.3]))
    assert 0 <= scale.weight <= 1
    for part in (scale.conditional(raw), scale.rare(raw)):
        assert (part >= 0).all()
        assert np.isfinite(part).all()


def test_a_row_gets_the_parts_of_its_larger_sum():
    combined, by_rarity = ScoreScale(conditional=2.0, rarity=1.0).combine(
        np.array([[4.0, 2.0], [1.0, 1.0], [1.0, 1.0]]), np.array([[1.0, 0.0], [0.5, 2.0], [0.5, 0.5]])
    )
    assert combined.tolist() == [[2.0, 1.0], [0.5, 2.0], [0.5, 0.5]]
    assert by_rarity.tolist() == [False, True, False]


@quick
@given(parts, parts)
def test_combined_parts_are_never_negative_and_sum_to_the_larger_side(conditional, rarity):
    scale = ScoreScale.fit(conditional, rarity)
    combined, _ = scale.combine(conditional, rarity)
    assert (combined >= 0).all()
    sides = (conditional / scale.conditional).sum(axis=1), (rarity / scale.rarity).sum(axis=1)
    assert combined.sum(axis=1) == pytest.approx(np.maximum(*sides))


def test_parts_that_are_all_zero_scale_to_zero():
    nothing = np.zeros((4, 2))
    assert ScoreScale.fit(nothing, nothing) == ScoreScale(1.0, 1.5)
