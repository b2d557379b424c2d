"""What reaches an MLflow run, on a real SQLite store."""

from __future__ import annotations

import mlflow
import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.tracking import flavor, run_log


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db")
    mlflow.create_experiment("claims_fraud", artifact_location=tmp_path_factory.mktemp("artifacts").as_uri())
    mlflow.set_experiment("claims_fraud")
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture
def run(store):
    with mlflow.start_run() as active:
        yield active


def recorded(run):
    return mlflow.get_run(run.info.run_id).data


class TestParameters:
    def test_are_logged_flat(self, run):
        run_log.log_parameters({"as_of": "2026-06-30", "training": {"n_folds": 3, "deep": {"seed": 0}}})
        assert recorded(run).params == {"as_of": "2026-06-30", "training.n_folds": "3", "training.deep.seed": "0"}

    def test_columns_may_be_named_as_users_like(self, run):
        run_log.log_parameters({"protected": {"age (years)": "context", "Straße/Ort": "none"}})
        assert recorded(run).params == {"protected.age _years_": "context", "protected.Straße_Ort": "none"}

    def test_a_list_of_thousands_of_columns_is_cut(self, run):
        run_log.log_parameters({"categorical": [f"column_{number}" for number in range(5_000)]})
        assert recorded(run).params["categorical"].startswith("['column_0', 'column_1', ")


class TestMetrics:
    def test_numbers_are_logged_flat_and_text_is_not(self, run):
        metrics = {"model_type": "catboost", "n": 700, "labelled": {"auroc": 0.75, "by_kind": {}}}
        run_log.log_metrics(metrics, "training_metrics")
        assert recorded(run).metrics == {"n": 700.0, "labelled.auroc": 0.75}
        assert mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/training_metrics.json") == metrics

    def test_names_may_begin_with_what_is_asked_for(self, run):
        run_log.log_metrics({"n": 700}, "scoring_metrics", "scoring.")
        assert recorded(run).metrics == {"scoring.n": 700.0}

    def test_kinds_of_fraud_may_be_named_as_users_like(self, run):
        run_log.log_metrics({"by_kind": {"double billing (A+B)": {"auroc": 0.5}}}, "training_metrics")
        assert recorded(run).metrics == {"by_kind.double billing _A_B_.auroc": 0.5}


@pytest.mark.usefixtures("store")
class TestWithoutARun:
    def test_nothing_is_logged_and_no_run_begins(self):
        before = len(mlflow.search_runs())
        run_log.log_parameters({"n": 1})
        run_log.log_metrics({"n": 1}, "training_metrics")
        assert run_log.active_run_id() is None
        assert len(mlflow.search_runs()) == before


@pytest.mark.usefixtures("store")
def test_a_fit_outside_a_pipeline_is_a_run_of_its_own():
    rng = np.random.default_rng(0)
    code = rng.choice(["visit", "surgery"], 100)
    claims = pd.DataFrame({"code": code, "amount": np.where(code == "visit", 100.0, 9000.0) + rng.normal(size=100)})
    model = ClaimsTreeAutoencoder(n_estimators=2, n_folds=2, n_jobs=1)
    fraud_scores, _ = model.fit(claims, ["code"], ["amount"], log_mlflow=True, run_name="a first try")
    run = mlflow.last_active_run()
    assert (run.info.run_name, run.info.status) == ("a first try", "FINISHED")
    assert (run.data.params["n_estimators"], run.data.params["model_type"]) == ("2", "catboost")
    assert (run.data.params["n_samples"], run.data.params["n_features"]) == ("100", "2")
    assert run.data.metrics["mean_fraud_score"] == pytest.approx(fraud_scores.mean())
    assert set(run.data.metrics) == {"mean_fraud_score", "p95_fraud_score", "p99_fraud_score"}
    (logged,) = mlflow.search_logged_models(filter_string=f"source_run_id='{run.info.run_id}'", output_format="list")
    assert flavor.load_model(logged.model_uri).model_version_ == model.model_version_ == run.data.tags["model_version"]
