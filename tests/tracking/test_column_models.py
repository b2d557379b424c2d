"""Each column's model by itself, on a real store."""

from __future__ import annotations

import mlflow
import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.tracking.column_models import log_column_models


@pytest.fixture(scope="module", params=["catboost", "xgboost"])
def model(request):
    rng = np.random.default_rng(0)
    code = rng.choice(["visit", "surgery"], 200)
    amount = np.where(code == "visit", 100.0, 9_000.0) * rng.lognormal(0, 0.1, 200)
    model = ClaimsTreeAutoencoder(request.param, n_estimators=2, n_jobs=1)
    model.fit(pd.DataFrame({"code": code, "paid amount": amount, "same": "x"}), ["code", "same"], ["paid amount"])
    return model


@pytest.fixture
def store(tmp_path):
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.create_experiment("trial", artifact_location=str(tmp_path / "artifacts"))
    mlflow.set_experiment("trial")
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(before)


def test_are_logged_in_the_flavour_of_the_library(model, store):
    with mlflow.start_run() as run:
        # A column with a single value has no model.
        assert log_column_models(model, None) == ["code", "paid amount"]
    found = mlflow.search_logged_models(filter_string=f"source_run_id='{run.info.run_id}'", output_format="list")
    assert {logged.name for logged in found} == {"model_code", "model_paid_amount"}
    (code,) = (logged for logged in found if logged.name == "model_code")
    info = mlflow.models.get_model_info(code.model_uri)
    assert model.model_type in info.flavors
    rows = np.zeros((3, len(model.models_["code"].inputs)), dtype=np.float32)
    expected = model.models_["code"].classes.booster.predict(rows)
    native = getattr(mlflow, model.model_type).load_model(code.model_uri)
    predict = native.predict_proba if model.model_type == "catboost" else native.inplace_predict
    np.testing.assert_allclose(predict(rows), expected, rtol=1e-6)
    assert store.search_registered_models() == []


def test_are_registered_where_that_is_asked_for(model, store, capfd):
    with mlflow.start_run():
        log_column_models(model, "fraud.claims.")
    names = sorted(found.name for found in store.search_registered_models())
    assert names == ["fraud.claims.fraud_detector_code", "fraud.claims.fraud_detector_paid_amount"]
    assert capfd.readouterr().err == ""
