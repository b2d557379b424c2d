"""Batches beside the profile of the live model: what is written, what is confirmed, and when a run ends with 3."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from claims_fraud.claims import Columns
from claims_fraud.claims.hashing import row_hashes
from claims_fraud.drift import ReferenceProfile
from claims_fraud.errors import GateNotPassed, InputError
from claims_fraud.monitoring import check_gate, history_schema, report_schema
from claims_fraud.parameters import MonitoringParameters
from claims_fraud.pipelines.monitoring.nodes import count_monitored_claims
from claims_fraud.schemas import FraudScores

MONITOR = "--pipelines=monitoring"
NEW = "--pipelines=score_new,monitor_new"
REPORT, HISTORY = "07_model_output/drift_report.parquet", "07_model_output/drift_history.parquet"
# The test split of the small project is 150 claims.
SMALL = "monitoring.minimum_rows=100"
ONE = f"{SMALL},monitoring.period=none,monitoring.agreeing=1,monitoring.of_last=1"


def verdict(project) -> dict:
    return json.loads((project.data / "08_reporting/monitoring_verdict.json").read_text())


def new_claims(project, number: int, factor: float = 1.0, codes: str | None = None) -> str:
    """Write claims like those that were learned from, later ones and with other amounts; return the parameter."""
    raw = project.table("01_raw/claims_train.parquet").sample(400, random_state=number)
    days = pd.Timedelta(days=100 + number)
    raw = raw.assign(
        claim_id=[f"N{number}-{place}" for place in range(len(raw))],
        patient_id=[f"P{number}-{place}" for place in range(len(raw))],
        claim_date=pd.to_datetime(raw["claim_date"]).max() + days,
        claim_amount=raw["claim_amount"] * factor,
    )
    if codes:
        raw["geographic_region"] = codes
    path = project.path / f"new{number}.parquet"
    raw.to_parquet(path, index=False)
    return f"new_claims={path},data_ingestion.max_rejected_fraction=1"


class TestProfile:
    def test_is_that_of_the_train_split_and_of_its_scores(self, finished):
        (file,) = (finished.data / "06_models/reference_profiles").iterdir()
        told = json.loads(file.read_text())
        train, scores = finished.table("04_feature/features_train.parquet"), finished.training_scores("catboost")
        assert file.stem == told["model_version"] == scores["model_version"].iloc[0]
        assert {one["rows"] for one in told["features"].values()} == {len(train)}
        assert told["features"]["patient_gender"]["categories"] == train["patient_gender"].value_counts().to_dict()
        assert set(told["scores"]) == {name for name in scores if name.startswith(("surprise_", "fraud_score"))}

    def test_holds_no_id_and_no_date(self, finished):
        (file,) = (finished.data / "06_models/reference_profiles").iterdir()
        told = file.read_text()
        train = finished.table("04_feature/features_train.parquet")
        assert not [value for name in ("claim_id", "patient_id") for value in train[name] if f'"{value}"' in told]


class TestDefaultRun:
    def test_a_row_a_month_and_feature(self, finished):
        report = finished.table(REPORT)
        test = finished.table("04_feature/features_test.parquet")
        months = test["claim_date"].dt.strftime("%Y-%m").value_counts().to_dict()
        assert list(report) == report_schema().names
        assert report.groupby("period")["claims"].first().to_dict() == months
        assert not report.duplicated(["period", "feature"]).any()
        features = report[report["kind"] == "feature"]
        assert set(features["feature"]) <= set(test)
        assert "claim_date" not in set(features["feature"])

    def test_flag_rate_is_that_of_the_scores(self, finished):
        scores = finished.table("07_model_output/fraud_scores.parquet")
        test = finished.table("04_feature/features_test.parquet")[["claim_id", "claim_date"]]
        both = test.merge(scores[["claim_id", "flagged"]], on="claim_id")
        rates = both.groupby(both["claim_date"].dt.strftime("%Y-%m"))["flagged"].mean()
        found = finished.table(REPORT).groupby("period")["flag_rate"].first()
        assert found.to_dict() == pytest.approx(rates.to_dict())

    def test_months_of_few_claims_are_insufficient(self, finished):
        assert set(finished.table(REPORT)["verdict"]) == {"insufficient"}
        assert (verdict(finished)["verdict"], verdict(finished)["retrain"]) == ("insufficient", False)

    def test_the_first_month_has_none_before_it(self, finished):
        report = finished.table(REPORT)
        first = report["period"] == report["period"].min()
        assert report.loc[first, "psi_previous"].isna().all()
        assert report.loc[~first, "psi_previous"].notna().all()

    def test_history_has_what_the_report_has_and_the_counts(self, finished):
        report, history = finished.table(REPORT), finished.table(HISTORY)
        assert list(history) == history_schema().names
        assert history["entry_id"].is_unique
        by = ["batch_id", "feature"]
        one, other = (table.sort_values(by, ignore_index=True)[list(report)] for table in (report, history))
        pd.testing.assert_frame_equal(one, other)
        counted = history.loc[history["feature"] == "claim_amount"].set_index("batch_id")
        assert all(sum(json.loads(row["counts"])) == row["claims"] for _, row in counted.iterrows())

    def test_people_have_a_page_that_says_first_what_was_measured(self, finished):
        page = (finished.data / "08_reporting/drift_page.html").read_text()
        assert "150 claims in 5 batches" in page or "150 claims in 4 batches" in page
        assert "Verdict, confirmed by 2 of the last 3 batches: insufficient." in page
        assert (
            json.loads((finished.data / "08_reporting/drift_figure.json").read_text())["data"][0]["type"] == "heatmap"
        )


class TestRun:
    def test_the_same_batch_again_changes_nothing(self, copied):
        before = copied.table(HISTORY)
        # The champion there is none of, so that the model is the one trained last.
        assert copied.run(MONITOR, params="as_of=2026-07-30") == (0, "")
        pd.testing.assert_frame_equal(copied.table(HISTORY), before)

    def test_another_period_adds_its_batches(self, copied):
        before = copied.table(HISTORY)
        assert copied.run(MONITOR, params=ONE) == (0, "")
        after = copied.table(HISTORY)
        assert after["batch_id"].nunique() == before["batch_id"].nunique() + 1
        whole = after[after["period_length"] == "none"]
        assert set(whole["period"]) == {"all"}
        assert set(whole["claims"]) == {150}
        assert whole["psi_previous"].isna().all()

    def test_figures_are_in_mlflow_and_no_values(self, copied):
        assert copied.run(MONITOR, params=ONE) == (0, "")
        client = MlflowClient(f"sqlite:///{copied.path}/mlflow.db")
        (run, *_) = client.search_runs(["1"], max_results=1)
        assert run.data.metrics["monitoring.latest.score_psi"] == verdict(copied)["latest"]["score_psi"]
        assert run.data.metrics["monitoring.psi.claim_amount"] == verdict(copied)["psi"]["claim_amount"]
        assert run.data.metrics["monitoring.retrain"] == float(verdict(copied)["retrain"])
        raw = copied.table("01_raw/claims_train.parquet")
        told = json.dumps([run.data.metrics, verdict(copied)])
        assert not [code for code in raw["diagnosis_code"].dropna().unique() if code in told]

    def test_plugins_and_the_log_are_told(self, copied):
        assert copied.run(MONITOR) == (0, "")
        log = max((copied.data / "08_reporting/events").iterdir(), key=lambda file: file.stat().st_mtime_ns)
        events = [json.loads(line) for line in log.read_text().splitlines()]
        assert [event["event"] for event in events] == ["pre_monitoring", "post_monitoring"]
        assert events[1]["results"]["model_version"] == verdict(copied)["model_version"]

    def test_scores_of_another_model_are_not_compared(self, copied):
        path = copied.data / "07_model_output/fraud_scores.parquet"
        pd.read_parquet(path).assign(model_version="0123456789ab").to_parquet(path, index=False)
        FraudScores.validate(pd.read_parquet(path))
        assert copied.run(MONITOR, params=ONE) == (0, "")
        report = copied.table(REPORT)
        assert report.loc[report["kind"] == "score", "n"].eq(0).all()
        assert report["flag_rate"].isna().all()
        assert verdict(copied)["latest"]["score_psi"] is None

    def test_another_threshold_is_no_other_batch(self, copied):
        assert copied.run("--pipelines=scoring,monitoring", params="scoring.threshold_percentile=90") == (0, "")
        history = copied.table("07_model_output/drift_history.parquet")
        assert history["batch_id"].nunique() == history["period"].nunique()

    def test_claims_ingested_after_they_were_scored_are_refused(self, copied):
        raw = copied.data / "01_raw/claims_train.parquet"
        claims = pd.read_parquet(raw)
        claims["claim_amount"] = claims["claim_amount"].mask(claims.index % 100 == 0, 999_999.0)
        claims.to_parquet(raw, index=False)
        assert copied.run("--pipelines=data_ingestion") == (0, "")
        # Where nobody recorded which claims were scored, each claim's own record tells.
        (copied.data / "08_reporting/lineage.json").unlink()
        status, told = copied.run(MONITOR)
        assert status == 1
        assert re.search(
            r"\d+ of the claims to monitor have other values than those that fraud_scores were made from", told
        )
        assert copied.run("--pipelines=scoring,monitoring") == (0, "")

    def test_a_model_without_a_profile_is_told(self, copied):
        for file in (copied.data / "06_models/reference_profiles").iterdir():
            file.unlink()
        status, told = copied.run(MONITOR)
        assert status == 1
        assert "has no profile of model" in told
        assert "Train it again (`kedro run --pipelines=training`, same --env)" in told


class TestNewClaims:
    def test_drift_is_confirmed_by_the_second_batch_that_has_it_and_then_ends_a_run(self, copied):
        for number, factor in enumerate((1.0, 8.0)):
            given = new_claims(copied, number, factor)
            assert copied.run(NEW, params=f"{given},monitoring.period=none") == (0, "")
        assert verdict(copied)["latest"]["verdict"] == "drifted"
        assert "claim_amount" not in verdict(copied)["drifted"]
        assert verdict(copied)["alarms"]["claim_amount"] == 1
        gate = "monitoring.period=none,monitoring.fail_on=drifted"
        status, told = copied.run(NEW, params=f"{new_claims(copied, 2, 8.0)},{gate}")
        assert status == 3
        assert "by 2 of the last 3 batches: " in told
        assert "claim_amount" in verdict(copied)["drifted"]
        assert verdict(copied)["retrain"] is True
        assert copied.table(HISTORY).query("period_length == 'none'")["batch_id"].nunique() == 3
        assert (
            "Verdict, confirmed by 2 of the last 3 batches: drifted."
            in (copied.data / "08_reporting/drift_page.html").read_text()
        )

    def test_each_is_also_beside_the_batch_before(self, copied):
        for number, factor in enumerate((8.0, 8.0, 1.0)):
            assert copied.run(NEW, params=f"{new_claims(copied, number, factor)},monitoring.period=none") == (0, "")
            row = copied.table(REPORT).set_index("feature").loc["claim_amount"]
            told = (row["verdict"], row["verdict_previous"])
            # As long as there is none before it there is nothing to say.
            assert told == [("drifted", None), ("drifted", "stable"), ("stable", "drifted")][number]
            assert (row["psi_previous"] < 0.25) == (number == 1) or np.isnan(row["psi_previous"])

    def test_unseen_codes_are_named_as_such(self, copied):
        given = new_claims(copied, 0, codes="Atlantis")
        assert copied.run(NEW, params=f"{given},monitoring.period=none") == (0, "")
        row = copied.table(REPORT).set_index("feature").loc["geographic_region"]
        assert (row["unseen_reference"], row["unseen"], row["verdict"]) == (0, 1, "drifted")
        assert "unseen: 0.0% to 100.0%" in row["moved"]


class TestIncompleteHistory:
    """Claims, two of which have a complete history, beside the profile of a model."""

    columns = Columns(procedure=None, categorical=("code",), numeric=("claim_amount",), protected=[])
    model = SimpleNamespace(model_version_="0123456789ab")

    def counted(self, complete, *, of_complete_only):
        claims = pd.DataFrame(
            {
                "claim_id": ["a", "b", "c"],
                "claim_date": pd.to_datetime(["2025-01-01", "2025-02-01", "2025-02-02"]),
                "patient_id": "p",
                "provider_id": "d",
                "code": "x",
                "claim_amount": [1.0, 2.0, 3.0],
                "history_complete": complete,
            }
        )
        scores = claims[["claim_id"]].assign(
            fraud_score=1.0, surprise_code=0.5, surprise_claim_amount=0.5, flagged=False, model_version="0123456789ab"
        )
        scores["row_hash"] = row_hashes(claims, self.columns)
        joined = claims.merge(scores)
        names = ["fraud_score", "surprise_code", "surprise_claim_amount"]
        profile = ReferenceProfile.fit(joined, ["code"], ["claim_amount"], names)
        profile = replace(profile, model_version="0123456789ab", history_complete=of_complete_only)
        counts = count_monitored_claims(
            claims, scores, self.model, lambda version: profile, self.columns, MonitoringParameters()
        )
        return {period: rows["features"]["rows"] for period, rows in counts["periods"].items()}

    def test_is_not_compared_with_claims_that_have_a_complete_one(self):
        assert self.counted([False, True, True], of_complete_only=True) == {"2025-02": 2}

    def test_is_compared_where_the_model_learned_from_it_too(self):
        assert self.counted([False, True, True], of_complete_only=False) == {"2025-01": 1, "2025-02": 2}

    def test_is_told_where_no_claim_has_another(self):
        with pytest.raises(InputError) as raised:
            self.counted([False, False, False], of_complete_only=True)
        assert str(raised.value) == (
            "there are no claims to monitor with a complete history, as the model learned from. Ingest or score some "
            "first, or monitor others."
        )


class TestGate:
    told = MappingProxyType(
        {"verdict": "drifting", "model_version": "0123456789ab", "drifted": [], "drifting": ["claim_amount"]}
    )

    def test_names_what_drifts(self):
        with pytest.raises(GateNotPassed) as raised:
            check_gate(self.told, MonitoringParameters(fail_on="drifting"))
        assert str(raised.value) == (
            "the claims are drifting from those that model 0123456789ab learned from, by 2 of the last 3 batches: "
            "claim_amount. Everything is saved: look at drift_page and drift_report. Train again on later claims, or "
            "set monitoring.fail_on: never."
        )

    @pytest.mark.parametrize("fail_on", ["never", "drifted"])
    def test_lets_pass_what_is_less_grave(self, fail_on):
        check_gate(self.told, MonitoringParameters(fail_on=fail_on))

    @pytest.mark.parametrize("verdict", ["stable", "insufficient"])
    def test_lets_pass_what_is_no_drift(self, verdict):
        check_gate({**self.told, "verdict": verdict}, MonitoringParameters(fail_on="drifting"))
