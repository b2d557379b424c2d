"""Models as catalog entries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.outcomes import OutcomeModel
from claims_fraud.datasets import AutoencoderDataset, OutcomeModelDataset
from claims_fraud.errors import InputError


@pytest.fixture(scope="module")
def claims():
    rng = np.random.default_rng(0)
    code = rng.choice(["visit", "surgery"], 200)
    return pd.DataFrame({"code": code, "amount": np.where(code == "visit", 100, 9000) * rng.lognormal(0, 0.1, 200)})


@pytest.fixture(scope="module")
def model(claims):
    model = ClaimsTreeAutoencoder(n_estimators=3, n_jobs=1)
    model.fit(claims, ["code"], ["amount"])
    return model


def test_what_is_saved_is_loaded(tmp_path, model, claims):
    dataset = AutoencoderDataset(filepath=str(tmp_path / "model"))
    assert not dataset.exists()
    dataset.save(model)
    assert dataset.exists()
    loaded = dataset.load()
    assert loaded.model_version_ == model.model_version_
    np.testing.assert_array_equal(loaded.compute_fraud_scores(claims)[0], model.compute_fraud_scores(claims)[0])


def test_the_second_stage_too(tmp_path):
    dataset = OutcomeModelDataset(filepath=str(tmp_path / "model"))
    model = OutcomeModel(("code",), ("amount",), ("code",), (b"CBM1",))
    dataset.save(model)
    assert dataset.load() == model


def test_a_missing_model_is_told_in_a_paragraph(tmp_path):
    with pytest.raises(DatasetError) as raised:
        AutoencoderDataset(filepath=str(tmp_path / "model")).load()
    assert isinstance(raised.value.__cause__, InputError)
    assert str(tmp_path / "model") in str(raised.value.__cause__)


def test_a_folder_of_something_else_is_not_overwritten(tmp_path, model):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DatasetError):
        AutoencoderDataset(filepath=str(tmp_path)).save(model)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_describes_itself(tmp_path):
    assert str(tmp_path / "model") in str(AutoencoderDataset(filepath=str(tmp_path / "model")))
