"""The jobs of `claims-fraud-jobs` run pipelines through Kedro, here in the local environment."""

from __future__ import annotations

import contextlib
import io
import json

import pandas as pd
import pytest

from claims_fraud.cli import jobs, run_command
from support import QUICK, Project, make_project, working_in

SMALL = [f"--param={setting}" for setting in QUICK.split(",")]


def job(*arguments: str) -> tuple[int, str]:
    """Run a job in this process; return its exit status and what it wrote to stderr."""
    told = io.StringIO()
    with contextlib.redirect_stderr(told):
        status = run_command(jobs, [*arguments, "--environment=local", *SMALL])
    return status, told.getvalue()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory):
    """A project in which the jobs of the training job have run, one after the other."""
    project = make_project(tmp_path_factory.mktemp("jobs"))
    with working_in(project.path):
        assert job("ingest", "--raw-claims=data/01_raw/claims_train.parquet", "--run-name=first") == (0, "")
        assert job("train", "--model-type=catboost") == (0, "")
        assert job("train", "--model-type=xgboost") == (0, "")
        assert job("select", "--param=model_selection.required_lift=1") == (0, "")
        assert job("promote") == (0, "")
        assert job("score", "--model=champion", "--threshold-percentile=90") == (0, "")
        assert job("providers") == (0, "")
        assert job("monitor", "--period=none", "--param=monitoring.minimum_rows=100") == (0, "")
        names = "--protected-attributes=patient_gender,patient_age"
        assert job("fairness-validate", names, "--threshold-percentile=80") == (0, "")
        yield project


class TestJobs:
    def test_two_types_are_trained_side_by_side_and_the_selected_one_scores(self, project: Project):
        selected = json.loads((project.data / "08_reporting/selected_model.json").read_text())
        scores = project.table("07_model_output/fraud_scores.parquet")
        assert set(selected["average_precision"]) == {"catboost", "xgboost"}
        assert set(scores["model_type"]) == {selected["model_type"]}

    def test_the_threshold_is_that_of_the_option(self, project: Project):
        scores = project.table("07_model_output/fraud_scores.parquet")
        assert (scores["flagged"] == (scores["fraud_percentile"] > 90)).all()

    def test_providers_are_those_of_the_ranked_claims(self, project: Project):
        scores = project.table("07_model_output/fraud_scores.parquet")
        providers = project.table("07_model_output/provider_scores.parquet")
        assert set(providers["provider_id"]) == set(scores["provider_id"])
        assert (providers["claims"] * providers["top_share"]).sum() == pytest.approx(scores["flagged"].sum())

    def test_fairness_is_that_of_the_attributes_and_the_threshold_given(self, project: Project):
        scores = project.table("07_model_output/fraud_scores.parquet")
        table = project.table("07_model_output/bias_summary.parquet").set_index("attribute")
        attributes = {"patient_gender", "patient_age"}
        by_month = {f"claim period × {name}" for name in attributes}
        assert set(table.index) == attributes | by_month | {"patient_gender × patient_age"}
        genders = table.loc["patient_gender"].drop_duplicates("group")
        assert genders["flagged"].sum() == (scores["fraud_percentile"] > 80).sum()

    def test_new_claims_are_scored_with_the_stored_model(self, project: Project, write_claims):
        claims = project.table("01_raw/claims_train.parquet").tail(10).assign(claim_id=[f"N{n}" for n in range(10)])
        path = write_claims(claims)
        assert job("score", "--model=champion", f"--new-claims={path}") == (0, "")
        assert len(project.table("07_model_output/fraud_scores.parquet")) == 1_010
        assert len(pd.read_parquet(project.data / "04_feature/new_features.parquet")) == 10

    def test_monitoring_ends_with_3_from_the_verdict_on_that_is_given(self, project: Project):
        one = ["--param=monitoring.agreeing=1", "--param=monitoring.minimum_rows=100"]
        assert job("monitor", "--period=none", *one)[0] == 0
        status, told = job("monitor", "--period=none", "--fail-on=drifting", *one)
        assert status == 3
        assert told.startswith("Error: the claims are drift")
        verdict = json.loads((project.data / "08_reporting/monitoring_verdict.json").read_text())
        assert (verdict["batches"], verdict["claims"], verdict["latest"]["period"]) == (1, 150, "all")

    def test_the_run_has_the_name_given(self, project: Project):
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{project.path}/mlflow.db")
        (experiment,) = [one for one in client.search_experiments() if one.name == "claims_fraud"]
        names = [run.info.run_name for run in client.search_runs([experiment.experiment_id])]
        assert "first" in names
        assert "training" in names


class TestMistakes:
    @pytest.mark.parametrize(
        ("arguments", "status", "told"),
        [
            (["train", "--model-type=forest"], 2, "'forest' is not one of 'catboost', 'xgboost'"),
            (["train", "--modeltype=catboost"], 2, "No such option"),
            (["ingest", "--raw-claims=gone.parquet"], 1, "gone.parquet does not exist"),
            (["score", "--threshold-percentile=100"], 1, "'scoring.threshold_percentile' is 100"),
            (["select", "--param=model_selection.required_lift=1000"], 3, "spots swapped values"),
            (["score", "--param=scorin.top_k=3"], 1, "Parameter 'scorin' is unknown"),
        ],
    )
    def test_end_in_one_paragraph_and_a_status(self, project: Project, arguments, status, told):
        ended, said = job(*arguments)
        assert ended == status
        assert told in said
        assert "Traceback" not in said

    def test_an_unknown_environment_is_wrong_use(self, project: Project):
        told = io.StringIO()
        with contextlib.redirect_stderr(told):
            assert run_command(jobs, ["score", "--environment=databrick"]) == 2
        assert "Did you mean 'databricks'?" in told.getvalue()


class TestRollback:
    def test_goes_back_to_the_champion_before(self, project: Project, capsys):
        # The other type takes its place, whichever is better.
        metrics = project.data / "08_reporting" / f"training_metrics_{champion_type(project)}.json"
        metrics.rename(metrics.with_suffix(".aside"))
        assert job("select", "--param=model_selection.required_lift=1") == (0, "")
        rules = [f"--param=promotion.min_{name}=0" for name in ("swapped_ratio", "top_overlap")]
        first = champion_type(project)
        assert job("promote", *rules) == (0, "")
        assert champion_type(project) != first
        capsys.readouterr()
        assert job("rollback") == (0, "")
        assert champion_type(project) == first
        assert "was rolled back." in capsys.readouterr().out
        ended, said = job("promote", *rules)
        assert ended == 3
        assert "was rolled back (on 2026-06-30) and does not become champion again by itself" in said
        metrics.with_suffix(".aside").rename(metrics)

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--to=9"], "claims_autoencoder has no version 9 to roll back to. Registered versions: 2, 1"),
            (["--param=tracking.registered_model=another"], "another has no champion to roll back"),
        ],
    )
    def test_mistakes(self, project: Project, arguments, told):
        ended, said = job("rollback", *arguments)
        assert ended == 1
        assert told in said


def champion_type(project: Project) -> str:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.path}/mlflow.db")
    return client.get_model_version_by_alias("claims_autoencoder", "champion").tags["model_type"]
