"""Behaviour of percentiles: in order, in range, and about right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.autoencoder.calibration import Calibration

quick = settings(max_examples=60, deadline=None)
scores = st.lists(st.floats(0, 1e3), min_size=1, max_size=80).map(np.array)


@quick
@given(scores, st.lists(st.floats(-10, 1e9), min_size=2, max_size=40).map(sorted))
def test_percentiles_rise_with_the_score_and_stay_below_100(train, new):
    percentiles = Calibration.fit(train).percentile(np.array(new))
    assert (np.diff(percentiles) >= 0).all()
    assert ((percentiles >= 0) & (percentiles < 100)).all()


@quick
@given(st.integers(0, 10_000), st.sampled_from(["exponential", "normal", "pareto", "uniform"]))
def test_no_ties_above_the_95th_percentile(seed, shape):
    rng = np.random.default_rng(seed)
    draw = {"pareto": lambda n: rng.pareto(3, n)}.get(shape, lambda n: getattr(rng, shape)(size=n))
    calibration = Calibration.fit(draw(400))
    beyond = np.arange(calibration.grid[-25], calibration.grid[-1] + 50 * calibration.scale, calibration.scale / 4)
    percentiles = calibration.percentile(beyond)
    assert (np.diff(percentiles[percentiles >= 95]) > 0).all()


@pytest.mark.parametrize("level", [50, 90, 95, 99])
def test_new_draws_exceed_a_percentile_as_often_as_it_says(level):
    rng = np.random.default_rng(0)
    train, new = 20_000, 20_000
    calibration = Calibration.fit(rng.lognormal(0, 1, train))
    found = np.mean(calibration.percentile(rng.lognormal(0, 1, new)) > level)
    expected = 1 - level / 100
    assert found == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) * (1 / train + 1 / new)))


@pytest.mark.parametrize("contaminated", [0.002, 0.02])
def test_the_99th_percentile_of_training_holds_whatever_the_tail_looks_like(contaminated):
    rng = np.random.default_rng(1)
    train = rng.exponential(size=5000) + 40 * (rng.random(5000) < contaminated)
    assert np.mean(Calibration.fit(train).percentile(train) > 99) == pytest.approx(0.01, abs=0.0005)


@pytest.mark.parametrize("train", [[0.0], [3.0] * 50, [1.0, 2.0], [0.0] * 99 + [5.0]])
def test_short_and_constant_inputs(train):
    calibration = Calibration.fit(np.array(train))
    low, within, beyond = calibration.percentile(np.array([min(train) - 1, max(train), max(train) + 10]))
    assert low == 0
    assert 0 <= within < beyond < 100


def test_percentiles_by_hand():
    calibration = Calibration.fit(np.arange(1001.0))
    assert calibration.percentile(np.array([0.0, 250.0, 900.0])) == pytest.approx([0, 25, 90], abs=1e-6)


def test_the_largest_of_training_is_not_the_largest_possible():
    train = np.random.default_rng(2).exponential(size=1000)
    one, two = Calibration.fit(train).percentile(train.max() + np.array([0.0, 1.0]))
    assert 99.8 < one < two < 100
