"""Values put into rows, and the model that tells them from the rows' own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from claims_fraud.autoencoder.batch import Batch
from claims_fraud.autoencoder.boosters import BoosterSettings
from claims_fraud.autoencoder.contrast import SCALED_SHARE, contrast_inputs, draw_candidates, fit_contrast
from claims_fraud.autoencoder.cooccurrence import Cooccurrence
from claims_fraud.autoencoder.kinds import CategoryEncoder, NumberEncoder

SETTINGS = BoosterSettings(n_estimators=10, max_depth=3, learning_rate=0.5, seed=0, threads=1)
NAMES = ["code", "specialty", "days"]


@pytest.fixture(scope="module")
def encoded(make_claims):
    claims = make_claims(1500, 0)
    encoders = [CategoryEncoder.fit(claims[name], 9) for name in NAMES[:2]] + [NumberEncoder.fit(claims["days"])]
    return encoders, [encoder.encode(claims[name]) for name, encoder in zip(NAMES, encoders, strict=True)]


def counted(encoded, rows):
    encoders, columns = encoded
    return Cooccurrence.fit(columns, [one.n_codes for one in encoders], [(1, 2), (0, 2), (0, 1)], rows)


@pytest.mark.parametrize("column", [0, 2], ids=["category", "count"])
def test_values_of_other_rows_are_told_from_a_rows_own(encoded, model_type, column):
    encoders, columns = encoded
    learn, judge = np.arange(1000), np.arange(1000, 1500)
    partners = tuple(place for place in range(3) if place != column)
    random = np.random.default_rng(0)
    held_out = []
    for part in range(2):
        inside, outside = learn[learn % 2 == part], learn[learn % 2 != part]
        batch = Batch.of_rows(columns, inside, counted(encoded, outside))
        held_out.append((batch, draw_candidates(encoders[column], columns[column], inside, learn, random)))
    model = fit_contrast(column, held_out, partners, model_type, SETTINGS)
    batch = Batch.of_rows(columns, judge, counted(encoded, learn))
    candidates = draw_candidates(encoders[column], columns[column], judge, learn, random)
    own, put_there = model.log_odds(column, batch), model.log_odds(column, batch, candidates)
    differs = candidates.codes != columns[column].codes[judge]
    labels = np.repeat([0, 1], [500, differs.sum()])
    assert roc_auc_score(labels, np.append(own, put_there[differs])) > 0.62
    # What is judged instead of its own values leaves the rows as they were.
    assert np.array_equal(model.log_odds(column, batch), own)


def test_inputs_are_the_same_for_a_rows_own_values_in_either_way(encoded):
    columns = encoded[1]
    rows = np.arange(50)
    batch = Batch.of_rows(columns, rows, counted(encoded, np.arange(50, 1500)))
    for column in range(3):
        others = [place for place in range(3) if place != column]
        own = contrast_inputs(column, batch, others)
        assert own.dtype == np.float32
        again = contrast_inputs(column, batch, others, columns[column].take(rows))
        assert np.array_equal(own, again, equal_nan=True)


def test_a_category_is_drawn_from_the_pool(encoded):
    encoders, columns = encoded
    rows, pool = np.arange(400), np.flatnonzero(columns[0].codes == 2)
    drawn = draw_candidates(encoders[0], columns[0], rows, pool, np.random.default_rng(0))
    assert set(drawn.codes) == {2}


def numbers_drawn(values, pool):
    """Return what is put into rows with these values, where the pool has but one other value."""
    data = pd.Series(np.append(values, pool))
    encoder = NumberEncoder.fit(data)
    rows = np.arange(len(values))
    drawn = draw_candidates(encoder, encoder.encode(data), rows, np.array([len(values)]), np.random.default_rng(0))
    return encoder, encoder.restore(drawn.numbers.astype(float))


def test_numbers_are_another_rows_or_a_multiple_of_the_rows_own():
    encoder, drawn = numbers_drawn(np.random.default_rng(1).lognormal(5, 1, 4000).round(2), 77.0)
    scaled = drawn[np.abs(drawn - 77) > 0.01]
    assert len(scaled) / 4000 == pytest.approx(SCALED_SHARE, abs=0.03)
    assert (scaled >= 0).all()
    assert encoder.is_size


def test_multiples_are_more_often_larger_and_rounded_as_the_column_is():
    encoder, drawn = numbers_drawn(np.full(4000, 100.0) + np.arange(4000) % 2 * 10, 70.0)
    scaled = drawn[drawn != 70]
    assert encoder.step == 10
    assert (scaled % 10 == 0).all()
    assert (scaled > 105).mean() > 0.6


def test_numbers_that_may_be_negative_are_moved_to_either_side():
    values = np.random.default_rng(1).normal(0, 1, 4000)
    _, drawn = numbers_drawn(values, 50.0)
    moved = (drawn - values)[np.abs(drawn - 50) > 1e-3]
    assert (moved > 0).mean() == pytest.approx(0.5, abs=0.05)


def test_missing_values_stay_missing_or_become_another_rows():
    values = np.full(500, np.nan)
    data = pd.Series(np.append(values, [5.0, 6.0]))
    encoder = NumberEncoder.fit(data)
    rows = np.arange(500)
    drawn = draw_candidates(encoder, encoder.encode(data), rows, np.array([500]), np.random.default_rng(0))
    assert set(encoder.restore(drawn.numbers.astype(float))) == {5.0}


def test_draws_follow_the_seed(encoded):
    encoders, columns = encoded
    rows = np.arange(100)
    drawn = [
        draw_candidates(encoders[2], columns[2], rows, rows, np.random.default_rng(seed)).codes.tolist()
        for seed in (0, 0, 1)
    ]
    same, other = (one == two for one, two in pairwise(drawn))
    assert (same, other) == (True, False)
