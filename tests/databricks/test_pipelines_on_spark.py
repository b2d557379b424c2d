"""The same claims through the same pipelines on pandas and on Spark with Delta: the same tables, to 1e-6."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from claims_fraud.claims.across_claims import PATIENT_COLUMNS, PROVIDER_COLUMNS
from spark_support import new_claims, odd_claims
from support import Project, make_project, working_in

CATALOG = "dev_fraud_detection"
LABELS = "training.evaluate_labels=true"
# Table on Spark, file on pandas.
TABLES = {
    "features": "04_feature/features",
    "features_train": "04_feature/features_train",
    "features_validation": "04_feature/features_validation",
    "features_test": "04_feature/features_test",
    "rejected_claims": "02_intermediate/rejected_claims",
    "fraud_scores": "07_model_output/fraud_scores",
    "provider_scores": "07_model_output/provider_scores",
    "drift_report": "07_model_output/drift_report",
    "drift_history": "07_model_output/drift_history",
    "bias_summary": "07_model_output/bias_summary",
}


# Plotly gives each figure on a page an id of its own.
WITHOUT_IDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class OnSpark(Project):
    """A project whose runs are in the databricks environment, in a schema of its own."""

    def run(self, *options: str, params: str = "") -> tuple[int, str]:
        where = (
            f"schema={self.path.name},artifact_root={self.path / 'artifacts'},tracking_uri=sqlite:///{self.path}/m.db,"
            f"claim_labels={self.path / 'data/01_raw/claim_labels.parquet'}"
        )
        return super().run("--env=databricks", *options, params=f"{where},{params}")


@pytest.fixture(scope="module")
def both(spark, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, OnSpark]]:
    """A project that ran on pandas and one that ran on Spark, with the same odd claims, new ones after them."""
    path = tmp_path_factory.mktemp("pandas_and_spark")
    project = make_project(path)
    odd_claims().to_parquet(path / "odd.parquet", index=False)
    new_claims().to_parquet(path / "new.parquet", index=False)
    on_spark = OnSpark(path)
    params = f"raw_claims={path / 'odd.parquet'},new_claims={path / 'new.parquet'},{LABELS}"
    with working_in(path):
        for run in (project, on_spark):
            assert run.run(params=params) == (0, "")
            shutil.copytree(path / "data", path / "data_before", dirs_exist_ok=True)
        yield project, on_spark


def spark_table(spark, project: OnSpark, name: str) -> pd.DataFrame:
    return spark.table(f"{CATALOG}.`{project.path.name}`.{name}").toPandas()


def assert_same(on_pandas: pd.DataFrame, on_spark: pd.DataFrame) -> None:
    assert set(on_pandas) == set(on_spark)
    key = next(name for name in ("claim_id", "provider_id", "batch_id", "group") if name in on_pandas)
    one, other = (
        frame.assign(order=["|".join(row) for row in frame.astype(str).to_numpy()]).sort_values(
            [key, "order"], ignore_index=True
        )
        for frame in (on_pandas.round(9), on_spark[list(on_pandas)].round(9))
    )
    assert len(one) == len(other)
    for name in on_pandas:
        left, right = comparable(one[name]), comparable(other[name])
        if left.dtype == float:
            np.testing.assert_allclose(left, right.astype(float), rtol=1e-6, atol=1e-6, err_msg=name)
        else:
            assert left.tolist() == right.tolist(), name


def comparable(values: pd.Series) -> pd.Series:
    """Return numbers as floats, moments as what the clock showed, nothing as None, all else as it is."""
    if values.dtype.kind == "M" or isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.tz_localize(None).astype("datetime64[us]").astype(str)
    if values.dtype.kind in "if":
        return values.astype(float)
    plain = [list(v) if isinstance(v, np.ndarray | list) else None if pd.isna(v) else v for v in values]
    return pd.Series(plain, dtype=object)


class TestSameTables:
    @pytest.mark.parametrize("name", TABLES)
    def test_of_the_default_pipeline(self, both, spark, name):
        project, on_spark = both
        on_pandas = project.table(f"{TABLES[name]}.parquet")
        assert len(on_pandas)
        assert_same(on_pandas, spark_table(spark, on_spark, name))

    def test_scores_of_the_claims_that_were_learned_from(self, both, spark):
        project, on_spark = both
        assert_same(project.training_scores("catboost"), spark_table(spark, on_spark, "training_scores"))

    def test_columns_across_claims_are_among_them_and_vary(self, both):
        project, _ = both
        features = project.table("04_feature/features.parquet")
        across = [name for name in (*PATIENT_COLUMNS, *PROVIDER_COLUMNS) if name in features]
        assert len(across) == 6
        assert [name for name in (*across, "possible_duplicate_of") if len(set(features[name].dropna())) < 2] == []

    def test_no_row_is_lost(self, both, spark):
        _, on_spark = both
        counts = [len(spark_table(spark, on_spark, name)) for name in ("features", "rejected_claims")]
        assert sum(counts) == len(odd_claims()) == 1_003
        assert counts[1] == 9

    def test_metrics(self, both):
        project, on_spark = both
        one, other = (
            json.loads((path / "training_metrics_catboost.json").read_text())
            for path in (project.data / "08_reporting", on_spark.path / "artifacts" / "reporting")
        )
        assert one.keys() == other.keys() >= {"swapped", "labelled", "mean_fraud_score"}
        assert one["mean_fraud_score"] == pytest.approx(other["mean_fraud_score"], rel=1e-9)
        assert one["swapped"] == pytest.approx(other["swapped"], rel=1e-9)
        assert one["labelled"]["auroc"] == pytest.approx(other["labelled"]["auroc"], rel=1e-9)

    def test_figures_of_the_providers(self, both):
        project, on_spark = both
        folders = project.data / "08_reporting", on_spark.path / "artifacts" / "reporting"
        one, other = (json.loads((folder / "provider_metrics.json").read_text()) for folder in folders)
        assert one["aggregates"] == other["aggregates"]
        assert one["aggregates"]["scored"] >= 50
        assert one["mean_score_deviation"] == pytest.approx(other["mean_score_deviation"], rel=1e-9)

    def test_the_profile_and_the_verdict_on_drift_are_the_same(self, both):
        project, on_spark = both
        profiles = project.data / "06_models/reference_profiles", on_spark.path / "artifacts/models/reference_profiles"
        one, other = (json.loads(next(folder.iterdir()).read_text()) for folder in profiles)
        assert one["features"] == other["features"]
        assert one["scores"].keys() == other["scores"].keys()
        folders = project.data / "08_reporting", on_spark.path / "artifacts" / "reporting"
        one, other = (json.loads((folder / "monitoring_verdict.json").read_text()) for folder in folders)
        assert one.pop("psi") == pytest.approx(other.pop("psi"), rel=1e-9)
        assert one == other
        assert one["batches"] >= 3

    @pytest.mark.parametrize("name", ["fairness_verdict.json", "fairness_figure.json", "fairness_report.html"])
    def test_fairness_comes_to_the_same(self, both, name):
        project, on_spark = both
        files = project.data / "08_reporting" / name, on_spark.path / "artifacts/reporting" / name
        one, other = (WITHOUT_IDS.sub("", file.read_text(encoding="utf-8")) for file in files)
        assert one == other

    def test_the_list_for_people_is_the_same_file(self, both):
        project, on_spark = both
        files = project.data / "08_reporting/top_claims.csv", on_spark.path / "artifacts/reporting/top_claims.csv"
        assert files[0].read_text() == files[1].read_text()

    def test_the_model_is_the_same(self, both):
        project, on_spark = both
        versions = [
            json.loads((path / "model.json").read_text())["model_version"]
            for path in (
                project.data / "06_models/autoencoder_catboost",
                on_spark.path / "artifacts/models/autoencoder_catboost",
            )
        ]
        assert versions[0] == versions[1]


class TestTablesOnDelta:
    def test_columns_have_their_descriptions(self, both, spark):
        _, on_spark = both
        schema = spark.table(f"{CATALOG}.`{on_spark.path.name}`.fraud_scores").schema
        assert schema["claim_id"].metadata["comment"] == "Identifies a claim; unique and never empty."
        assert schema["patient_age"].metadata["comment"] == (
            "Age of the patient in whole years on the day of the claim. Protected (context)."
        )
        assert schema["possible_duplicates"].metadata["comment"].startswith("Claims of the patient with this procedure")
        assert schema["possible_duplicate_of"].metadata["comment"].startswith("Earlier claim that this one may repeat")
        features = spark.table(f"{CATALOG}.`{on_spark.path.name}`.features").schema
        new_patients = "Patients whom the provider bills that day, up to this claim, and did not in the history.window"
        assert features["history_complete"].metadata["comment"].startswith("Whether the data reaches back")
        assert features["provider_new_patients_that_day"].metadata["comment"].startswith(new_patients)
        assert schema["rank"].metadata["comment"] == "Place, 1 the most suspicious"
        assert schema["surprise_claim_amount"].metadata["comment"] == "What claim_amount adds to the score"
        providers = spark.table(f"{CATALOG}.`{on_spark.path.name}`.provider_scores").schema
        assert providers["top_share"].metadata["comment"] == "Share of the claims that are flagged"
        assert all(field.metadata["comment"] for field in providers)

    def test_are_laid_out_by_date_and_hold_to_the_contract(self, both, spark):
        _, on_spark = both
        detail = spark.sql(f"DESCRIBE DETAIL {CATALOG}.`{on_spark.path.name}`.fraud_scores").first()
        assert detail["clusteringColumns"] == ["claim_date"]
        assert detail["properties"]["delta.constraints.score_not_negative"] == "fraud_score >= 0"

    def test_as_of_a_version(self, both):
        _, on_spark = both
        assert on_spark.run("--nodes=list_top_claims", "--load-versions=fraud_scores:99")[0] == 1
        version = on_spark.run("--nodes=list_top_claims", "--load-versions=fraud_scores:0")
        # As it was created, before a row was written: nothing to list, and no error.
        assert version == (0, "")
        assert on_spark.run("--nodes=list_top_claims") == (0, "")


@pytest.fixture(scope="module")
def scored_new(both) -> tuple[Project, OnSpark]:
    for run in both:
        params = f"new_claims={run.path / 'new.parquet'},data_ingestion.max_rejected_fraction=0.1"
        assert run.run("--pipelines=score_new", params=params) == (0, "")
    return both


class TestScoreNew:
    @pytest.mark.parametrize("name", ["fraud_scores", "new_features", "rejected_new_claims"])
    def test_same_tables(self, scored_new, spark, name):
        project, on_spark = scored_new
        folder = {"fraud_scores": "07_model_output", "new_features": "04_feature"}.get(name, "02_intermediate")
        on_pandas = project.table(f"{folder}/{name}.parquet")
        assert len(on_pandas) == {"fraud_scores": 994 + 39, "new_features": 39, "rejected_new_claims": 1}[name]
        assert_same(on_pandas, spark_table(spark, on_spark, name))

    def test_new_claims_may_repeat_those_learned_from(self, scored_new):
        project, _ = scored_new
        new = project.table("04_feature/new_features.parquet")
        known = set(project.table("04_feature/features.parquet")["claim_id"])
        assert len(known & set(new["possible_duplicate_of"].dropna())) >= 30

    def test_twice_changes_nothing(self, scored_new, spark):
        _, on_spark = scored_new
        before = spark_table(spark, on_spark, "fraud_scores")
        params = f"new_claims={on_spark.path / 'new.parquet'},data_ingestion.max_rejected_fraction=0.1"
        assert on_spark.run("--pipelines=score_new", params=f"{params},scoring.scored_at=2026-07-05") == (0, "")
        assert_same(before, spark_table(spark, on_spark, "fraud_scores"))


class TestMonitoring:
    params = "monitoring.period=none,monitoring.minimum_rows=100,monitoring.agreeing=1"

    def test_the_same_batch_again_changes_nothing(self, both, spark):
        project, on_spark = both
        for run in (*both, on_spark):
            assert run.run("--pipelines=monitoring", params=self.params) == (0, "")
        history = project.table("07_model_output/drift_history.parquet")
        assert "none" in set(history["period_length"])
        assert_same(history, spark_table(spark, on_spark, "drift_history"))
        assert_same(project.table("07_model_output/drift_report.parquet"), spark_table(spark, on_spark, "drift_report"))

    def test_new_claims_beside_the_batch_before(self, both, spark):
        project, on_spark = both
        for run in both:
            given = f"new_claims={run.path / 'new.parquet'},data_ingestion.max_rejected_fraction=0.1"
            assert run.run("--pipelines=score_new,monitor_new", params=f"{given},{self.params}") == (0, "")
        report = project.table("07_model_output/drift_report.parquet")
        assert report["psi_previous"].notna().any()
        assert_same(report, spark_table(spark, on_spark, "drift_report"))


class TestPromotion:
    def test_the_same_champion_for_the_same_reason(self, both, spark):
        project, on_spark = both
        folders = project.data / "08_reporting", on_spark.path / "artifacts" / "reporting"
        for run in both:
            params = f"model_selection.required_lift=1,{LABELS}"
            assert run.run("--pipelines=model_selection,promotion", params=params) == (0, "")
        one, other = (json.loads((folder / "selected_model.json").read_text()) for folder in folders)
        assert one["model_type"] == other["model_type"] == "catboost"
        assert one["lift"] == pytest.approx(other["lift"], rel=1e-9)
        one, other = (json.loads((folder / "promotion_report.json").read_text()) for folder in folders)
        assert one["challenger"]["labelled"]["auroc"] == pytest.approx(other["challenger"]["labelled"]["auroc"])
        for name in ("model_version", "fairness", "drift"):
            assert one["challenger"][name] == other["challenger"][name]
        assert spark_table(spark, on_spark, "promotion_changes").empty

    def test_another_trained_model_has_its_training_scores_beside_those_of_the_first(self, both, spark):
        project, on_spark = both
        before = len(spark_table(spark, on_spark, "training_scores"))
        for run in both:
            assert run.run("--pipelines=training", params="training.seed=1") == (0, "")
            assert run.run("--pipelines=scoring", params="scoring.model=champion") == (0, "")
            assert run.run("--pipelines=scoring", params="scoring.model=2") == (0, "")
        assert len(spark_table(spark, on_spark, "training_scores")) == 2 * before
        assert_same(project.table("07_model_output/fraud_scores.parquet"), spark_table(spark, on_spark, "fraud_scores"))

    def test_challenger_against_champion(self, both, spark):
        project, on_spark = both
        for run in both:
            params = "model_selection.required_lift=1,promotion.min_swapped_ratio=0,promotion.min_top_overlap=0"
            assert run.run("--pipelines=model_selection,promotion", params=params) == (0, "")
        moved = project.table("07_model_output/promotion_changes.parquet")
        assert_same(moved, spark_table(spark, on_spark, "promotion_changes"))


class TestMistakes:
    def test_a_table_that_is_not_there_says_what_makes_it(self, both):
        _, on_spark = both
        status, told = on_spark.run("--pipelines=training", params="catalog=dev_fraud_detection,schema=nowhere")
        assert status == 1
        assert "nowhere.features_train does not exist yet. Make it with `kedro run --pipelines=data_ing" in told
