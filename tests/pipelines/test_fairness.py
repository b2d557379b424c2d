"""The fairness pipeline: from ranked claims to verdict, report and gate."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from support import SHARED_DATA, copy_of

FAIRNESS = "--pipelines=fairness"
SCORES = "07_model_output/fraud_scores.parquet"
MEDICARE = SHARED_DATA / "medicare_inpatient_provider_fraud.parquet"


def reported(project, name: str):
    return json.loads((project.data / f"08_reporting/{name}.json").read_text())


def with_bias(project, share: float = 0.5) -> None:
    """Flag a share of the claims of women, whatever their score."""
    scores = project.table(SCORES)
    women = (scores["patient_gender"] == "F") & (np.random.default_rng(0).random(len(scores)) < share)
    scores.assign(flagged=scores["flagged"] | women).to_parquet(project.data / SCORES, index=False)


@pytest.fixture(scope="module")
def second_run(first_run, tmp_path_factory):
    with copy_of(first_run, tmp_path_factory.mktemp("second")) as project:
        assert project.run("--pipelines=scoring,fairness") == (0, "")
    return project.path


@pytest.fixture
def analysed(second_run, tmp_path):
    with copy_of(second_run, tmp_path) as project:
        yield project


class TestResults:
    def test_groups_add_up_to_all_claims(self, analysed):
        scores, results = analysed.table(SCORES), reported(analysed, "fairness_results")
        assert results["n"] == len(scores)
        for name in ("patient_gender", "patient_age", "geographic_region"):
            groups = results["attributes"][name]["group_metrics"].values()
            assert sum(group["n"] for group in groups) == len(scores)
            assert sum(group["flagged"] for group in groups) == scores["flagged"].sum()
            assert sum(group["top"] for group in groups) == 100

    def test_figures_of_a_group_are_those_of_its_claims(self, analysed):
        scores = analysed.table(SCORES)
        women = scores[scores["patient_gender"] == "F"]
        found = reported(analysed, "fairness_results")["attributes"]["patient_gender"]["group_metrics"]["F"]
        assert found["flag_rate"] == pytest.approx(women["flagged"].mean())
        assert found["mean_score"] == pytest.approx(women["fraud_score"].mean())
        assert found["top"] == (women["rank"] <= 100).sum()
        for driver in found["drivers"]:
            assert driver["adds"] == pytest.approx(women[f"surprise_{driver['column']}"].mean())

    def test_labels_are_used_where_asked_for(self, analysed):
        # So low a threshold that women are flagged.
        params = "training.evaluate_labels=true,fairness.threshold_percentile=80"
        assert analysed.run(FAIRNESS, params=params) == (0, "")
        scores = analysed.table(SCORES).merge(analysed.table("01_raw/claim_labels.parquet"), on="claim_id", how="left")
        women = scores[scores["patient_gender"] == "F"]
        found = reported(analysed, "fairness_results")["attributes"]["patient_gender"]["group_metrics"]["F"]
        assert found["fraud"] == women["is_fraud"].sum()
        assert found["precision"] == pytest.approx(women.loc[women["fraud_percentile"] > 80, "is_fraud"].mean())

    def test_metrics_name_no_group(self, analysed):
        metrics = reported(analysed, "fairness_metrics")
        assert metrics["n"] == len(analysed.table(SCORES))
        assert set(metrics["patient_gender"]) == {
            "biased", "inconclusive", "fair", "insufficient", "largest_ks", "proxy_auroc",
        }  # fmt: skip

    def test_a_figure_is_a_dataset_of_its_own(self, analysed):
        assert reported(analysed, "fairness_figure")["layout"]["xaxis"]["title"]["text"].startswith("flagged, %")

    def test_twice_gives_the_same(self, analysed):
        before = (analysed.data / "08_reporting/fairness_results.json").read_bytes()
        assert analysed.run(FAIRNESS) == (0, "")
        assert (analysed.data / "08_reporting/fairness_results.json").read_bytes() == before

    def test_roles_are_tried_unless_turned_off(self, analysed):
        assert reported(analysed, "fairness_results")["roles"] == []
        assert analysed.run(FAIRNESS, params="fairness.attributes=patient_gender,fairness.role_rows=300") == (0, "")
        roles = reported(analysed, "fairness_results")["roles"]
        assert [row["role"] for row in roles] == ["context", "scored", "none"]
        page = (analysed.data / "08_reporting/fairness_report.html").read_text()
        assert "context (as configured)" in page

    def test_no_protected_column_is_no_mistake(self, analysed):
        assert analysed.run(FAIRNESS, params="fairness.attributes=;") == (0, "")
        assert reported(analysed, "fairness_verdict")["attributes"] == {}
        assert len(analysed.table("07_model_output/bias_summary.parquet")) == 0


class TestGate:
    def test_stops_with_status_3_after_all_is_saved(self, analysed):
        with_bias(analysed)
        report = analysed.data / "08_reporting/fairness_report.html"
        report.unlink()
        status, told = analysed.run(FAIRNESS, params="fairness.fail_on=biased")
        assert status == 3
        assert "unevenly on protected groups: patient_gender F, M" in told
        assert "patient_gender: biased (F, M)" in report.read_text()
        assert reported(analysed, "fairness_verdict")["attributes"]["patient_gender"]["verdict"] == "biased"
        table = analysed.table("07_model_output/bias_summary.parquet")
        assert (table["attribute"].iloc[0], table["verdict"].iloc[0]) == ("patient_gender", "biased")

    def test_is_off_by_default(self, analysed):
        with_bias(analysed)
        assert analysed.run(FAIRNESS) == (0, "")
        assert reported(analysed, "fairness_verdict")["verdict"] == "biased"


class TestMistakes:
    def test_a_claim_of_two_labels(self, analysed):
        path = analysed.data / "01_raw/claim_labels.parquet"
        labels = pd.read_parquet(path)
        pd.concat([labels, labels.head(1)]).to_parquet(path)
        status, told = analysed.run(FAIRNESS, params="training.evaluate_labels=true")
        assert status == 1
        assert "claim_labels name a claim_id more than once, for example" in told

    def test_scores_of_other_columns(self, analysed):
        scores = analysed.table(SCORES).drop(columns="surprise_claim_type")
        scores.to_parquet(analysed.data / SCORES, index=False)
        status, told = analysed.run(FAIRNESS)
        assert status == 1
        assert "fraud_scores have no surprise_claim_type: they are of another `columns:` block" in told

    def test_an_attribute_that_is_not_protected(self, analysed):
        status, told = analysed.run(FAIRNESS, params="fairness.attributes=patient_gender;claim_type")
        assert status == 1
        assert "fairness.attributes names 'claim_type'; allowed are the protected columns: patient_gender" in told
