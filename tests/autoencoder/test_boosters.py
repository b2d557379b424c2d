"""The two libraries behave alike behind the interface."""

from __future__ import annotations

import numpy as np
import pytest

from claims_fraud.autoencoder.boosters import BOOSTERS, BoosterSettings

SETTINGS = BoosterSettings(n_estimators=10, max_depth=3, learning_rate=0.3, seed=0, threads=1)


@pytest.fixture(scope="module")
def inputs():
    matrix = np.random.default_rng(0).normal(size=(600, 4)).astype(np.float32)
    matrix[::17, 3] = np.nan
    return matrix


@pytest.fixture(scope="module")
def target(inputs):
    """Three classes that follow from the second input, mostly, and the third, a little."""
    return (inputs[:, 1] > 0).astype(int) + (inputs[:, 2] > 1.5)


@pytest.fixture
def booster(model_type, inputs, target):
    return BOOSTERS[model_type].fit(inputs, target, SETTINGS)


def test_probabilities_are_of_all_classes_and_sum_to_one(booster, inputs, target):
    probabilities = booster.predict(inputs)
    assert probabilities.shape == (600, 3)
    assert probabilities.dtype == np.float32
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert np.mean(probabilities.argmax(axis=1) == target) > 0.95


def test_two_classes_have_two_probabilities(model_type, inputs, target):
    booster = BOOSTERS[model_type].fit(inputs, np.minimum(target, 1), SETTINGS)
    assert booster.predict(inputs).shape == (600, 2)


def test_importance_is_gain_by_input(booster, model_type):
    importance = booster.importance()
    assert importance.shape == (4,)
    assert importance.sum() == pytest.approx(1)
    # CatBoost's trees see but half of the inputs a level: some of what the third tells goes to others.
    assert importance[[1, 2]].min() > {"xgboost": 0.15, "catboost": 0.08}[model_type]
    assert importance[[0, 3]].max() < 0.05


def test_an_input_that_never_varies_has_no_importance(model_type, inputs, target):
    constant = np.column_stack([np.full(600, np.nan, np.float32), inputs[:, 1], np.ones(600, np.float32)])
    assert BOOSTERS[model_type].fit(constant, target, SETTINGS).importance().tolist() == [0, 1, 0]


def test_a_loaded_booster_is_the_saved_one_to_the_bit(booster, model_type, inputs, tmp_path):
    path = tmp_path / f"model{booster.suffix}"
    booster.save(path)
    loaded = BOOSTERS[model_type].load(path, threads=-1)
    assert np.array_equal(loaded.predict(inputs), booster.predict(inputs))
    assert np.array_equal(loaded.importance(), booster.importance())


def test_equal_fits_are_equal_files(model_type, inputs, target, tmp_path):
    for name in ("one", "two"):
        BOOSTERS[model_type].fit(inputs, target, SETTINGS).save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_fit_writes_nothing_to_the_working_directory(model_type, inputs, target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    BOOSTERS[model_type].fit(inputs, target, SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_catboost_files_carry_no_time_of_training(inputs, target):
    metadata = BOOSTERS["catboost"].fit(inputs, target, SETTINGS).model.get_metadata()
    assert (metadata["train_finish_time"], metadata["model_guid"]) == ("", "")
