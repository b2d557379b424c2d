"""The second stage as a pipeline: past outcomes are learned from, later ones judge, all other claims are ranked."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder.outcomes import OutcomeModel
from claims_fraud.errors import InputError
from claims_fraud.parameters import OutcomeParameters
from claims_fraud.pipelines.outcomes.nodes import (
    collect_outcomes,
    fit_outcome_model,
    measure_outcome_model,
    score_open_claims,
)
from outcome_support import COLUMNS, scores_with_outcomes
from support import Project

QUICK = OutcomeParameters(n_estimators=20, learning_rate=0.3, n_jobs=1)


@pytest.fixture(scope="module")
def fraud_scores():
    return scores_with_outcomes()


@pytest.fixture(scope="module")
def collected(fraud_scores):
    return collect_outcomes(fraud_scores, COLUMNS, QUICK)


@pytest.fixture(scope="module")
def model(collected):
    return fit_outcome_model(collected[0], COLUMNS, QUICK)


class TestCollectOutcomes:
    def test_the_latest_whole_days_judge_and_claims_without_an_outcome_are_in_neither(self, collected, fraud_scores):
        past, later = collected
        known = fraud_scores[fraud_scores["found"].notna()]
        assert sorted([*past["claim_id"], *later["claim_id"]]) == sorted(known["claim_id"])
        assert past["claim_date"].max() < later["claim_date"].min()
        assert len(later) == 44  # of 75 days the 22 that begin after 70 % of the claims

    def test_the_order_of_rows_has_no_say(self, collected, fraud_scores):
        again = collect_outcomes(fraud_scores.iloc[::-1], COLUMNS, QUICK)
        for one, other in zip(collected, again, strict=True):
            pd.testing.assert_frame_equal(one, other)

    def test_no_more_than_asked(self, fraud_scores):
        past, later = collect_outcomes(fraud_scores, COLUMNS, QUICK.model_copy(update={"max_outcomes": 100}))
        assert len(past) + len(later) == 100

    def test_without_a_label_role(self, fraud_scores):
        with pytest.raises(InputError) as raised:
            collect_outcomes(fraud_scores, COLUMNS.model_copy(update={"label": None}), QUICK)
        assert str(raised.value) == (
            "columns.label is null, so there are no outcomes to learn from. Set it to the column of the claims that "
            "says what investigators found (1 fraud, 0 none, empty where nobody has looked), and run `kedro run "
            "--pipelines=data_ingestion,training,scoring,outcomes`."
        )

    def test_scores_from_before_there_was_a_label(self, fraud_scores):
        with pytest.raises(InputError) as raised:
            collect_outcomes(fraud_scores.drop(columns="found"), COLUMNS, QUICK)
        assert str(raised.value) == (
            "fraud_scores have no found: they are of another `columns:` block or an earlier version. Score the "
            "claims anew first (`kedro run`)."
        )

    def test_too_few_to_learn_from(self, fraud_scores):
        few = fraud_scores.assign(found=fraud_scores["found"].replace(1.0, np.nan))
        with pytest.raises(InputError, match="outcomes to learn from, 0 are fraud and"):
            collect_outcomes(few, COLUMNS, QUICK)

    def test_too_few_to_judge_by(self, fraud_scores):
        later = fraud_scores["claim_date"] >= "2025-04-01"
        few = fraud_scores.assign(found=fraud_scores["found"].mask(later & (fraud_scores["found"] == 1)))
        with pytest.raises(InputError, match=r"outcomes to judge by \(the latest 30%\), 0 are fraud and"):
            collect_outcomes(few, COLUMNS, QUICK)


class TestFitOutcomeModel:
    def test_sees_what_is_scored_and_no_protected_column(self, model):
        assert (model.cat_features, model.num_features) == (("code",), ("claim_amount",))
        assert model.surprises == ("code", "claim_amount")

    def test_a_protected_column_that_is_scored_is_seen(self, fraud_scores):
        columns = COLUMNS.model_copy(update={"protected": {"age": "scored"}})
        past, _ = collect_outcomes(fraud_scores.assign(surprise_age=0.0), columns, QUICK)
        assert fit_outcome_model(past, columns, QUICK).num_features == ("claim_amount", "age")


class TestMeasureOutcomeModel:
    def test_both_rankings_on_the_later_claims(self, collected, model):
        past, later = collected
        metrics = measure_outcome_model(past, later, model, COLUMNS)
        assert metrics["n_learned"] == len(past)
        assert metrics["n_learned_fraud"] == past["found"].sum()
        assert metrics["judged_from"] == f"{later['claim_date'].min():%Y-%m-%d}"
        for name in ("second_stage", "fraud_score"):
            assert metrics[name]["n"] == len(later)
            assert metrics[name]["base_rate"] == pytest.approx(later["found"].mean())
            assert {"average_precision", "auroc", "precision_at_1pct", "recall_at_1pct"} < set(metrics[name])
        assert metrics["second_stage"]["average_precision"] > metrics["fraud_score"]["average_precision"] + 0.2


class TestScoreOpenClaims:
    def test_ranks_the_claims_that_nobody_has_looked_at(self, fraud_scores, model):
        scores = score_open_claims(fraud_scores, model, COLUMNS)
        assert list(scores) == ["claim_id", "fraud_score", "outcome_probability", "rank"]
        assert set(scores["claim_id"]) == set(fraud_scores.loc[fraud_scores["found"].isna(), "claim_id"])
        assert scores["rank"].tolist() == list(range(1, len(scores) + 1))
        assert scores["outcome_probability"].is_monotonic_decreasing

    def test_none_are_open(self, fraud_scores, model):
        assert score_open_claims(fraud_scores.assign(found=0.0), model, COLUMNS).empty


class TestRun:
    @pytest.fixture
    def with_outcomes(self, copied: Project) -> Project:
        """A project whose claims have outcomes: high amounts are fraud, and two claims in three were looked at."""
        claims = copied.table("01_raw/claims_train.parquet")
        high = claims["claim_amount"] > claims["claim_amount"].quantile(0.8)
        claims["found"] = np.where(np.arange(len(claims)) % 3 > 0, high, np.nan)
        claims.to_parquet(copied.data / "01_raw/claims_train.parquet", index=False)
        return copied

    def test_from_outcomes_to_ranked_claims(self, with_outcomes):
        pipelines = "--pipelines=data_ingestion,training,scoring,outcomes"
        params = "columns.label=found,outcomes.n_estimators=20,outcomes.n_jobs=1"
        assert with_outcomes.run(pipelines, params=params) == (0, "")
        metrics = json.loads((with_outcomes.data / "08_reporting/outcome_metrics.json").read_text())
        assert metrics["second_stage"]["auroc"] > metrics["fraud_score"]["auroc"]
        scores, features = (
            with_outcomes.table(path)
            for path in ("07_model_output/outcome_scores.parquet", "04_feature/features.parquet")
        )
        assert len(scores) == features["found"].isna().sum()
        seen = OutcomeModel.load(with_outcomes.data / "06_models/outcome_model").cat_features
        assert seen == ("claim_type", "provider_specialty", "diagnosis_code", "procedure_code")
        # Again, from what is stored, with the same result.
        assert with_outcomes.run("--pipelines=outcomes", "--nodes=score_open_claims", params=params) == (0, "")
        pd.testing.assert_frame_equal(with_outcomes.table("07_model_output/outcome_scores.parquet"), scores)

    def test_without_a_label_nothing_is_written(self, copied):
        status, told = copied.run("--pipelines=outcomes")
        assert status == 1
        assert told.startswith("Error: columns.label is null, so there are no outcomes to learn from. Set it to")
        assert not list(copied.data.rglob("outcome_*"))
