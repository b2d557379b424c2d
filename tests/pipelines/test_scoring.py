"""Scores ranked with reasons, for all ingested claims and for those that come later."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.claims import Columns
from claims_fraud.claims.sample import generate_claims
from claims_fraud.errors import InputError
from claims_fraud.parameters import ScoringParameters
from claims_fraud.pipelines.scoring.nodes import (
    list_top_claims,
    merge_scores,
    rank_scores,
    score_features,
    score_new_features,
)
from claims_fraud.scores import training_score_table
from support import named_by_a_run

COLUMNS = Columns(procedure=None, categorical=("code",), numeric=("claim_amount",), protected=[])
SCORING = ScoringParameters.model_validate({"scored_at": "2026-06-30", "top_claims": 3})
HISTORY = ["days_since_last_claim", "num_previous_claims", "average_claim_amount"]
SCORES = "07_model_output/fraud_scores.parquet"
REPORTED = {"08_reporting/top_claims.csv", "08_reporting/scoring_metrics.json", "08_reporting/lineage.json"}
SCORE_NEW = "--pipelines=score_new"


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(0)
    code = rng.choice(["visit", "surgery"], 60)
    return pd.DataFrame(
        {
            "claim_id": [f"c{number:02d}" for number in range(60)],
            "claim_date": pd.date_range("2025-01-01", periods=60),
            "patient_id": "p",
            "provider_id": "d",
            "code": code,
            "claim_amount": np.where(code == "visit", 100.0, 9000.0) * rng.lognormal(0, 0.1, 60),
        }
    )


@pytest.fixture(scope="module")
def model(features, tmp_path_factory):
    model = ClaimsTreeAutoencoder(n_folds=2, n_estimators=2, n_jobs=1)
    model.fit(features.head(40), ["code"], ["claim_amount"])
    model.save(tmp_path_factory.mktemp("model") / "model")
    return model


@pytest.fixture(scope="module")
def learned(features, model):
    return training_score_table(features.head(40), model, COLUMNS)


@pytest.fixture(scope="module")
def training_scores(learned, model):
    return {model.model_version_: learned}.__getitem__


def settings(**changes: object) -> ScoringParameters:
    return ScoringParameters.model_validate({"scored_at": "2026-06-30", **changes})


def scored(**columns: list) -> pd.DataFrame:
    """Return what `score_features` returns, in little."""
    rows = len(next(iter(columns.values())))
    base = {
        "claim_id": [f"c{number}" for number in range(rows)],
        **{name: ["same"] * rows for name in COLUMNS.roles if name != "claim_id"},
        "fraud_score": [1.0] * rows,
        "fraud_percentile": [50.0] * rows,
        "excess_amount": [0.0] * rows,
        "reason_1": ["because"] * rows,
        "reason_2": [None] * rows,
        "reason_3": [None] * rows,
        "surprise_code": [0.5] * rows,
        "surprise_claim_amount": [0.5] * rows,
        "model_type": ["catboost"] * rows,
        "model_version": ["0123456789ab"] * rows,
        "scored_at": pd.to_datetime(["2026-01-01"] * rows),
        "row_hash": ["0123456789abcdef"] * rows,
    }
    return pd.DataFrame({**base, **columns})


def ranked(**columns: list) -> pd.DataFrame:
    return rank_scores(scored(**columns), COLUMNS, SCORING)


class TestScoreFeatures:
    def test_a_row_a_claim_in_their_order(self, features, model, training_scores, learned):
        before = features.copy(), learned.copy()
        table = score_features(features, model, training_scores, COLUMNS, SCORING)
        assert table["claim_id"].tolist() == features["claim_id"].tolist()
        pd.testing.assert_frame_equal(features, before[0])
        pd.testing.assert_frame_equal(learned, before[1])

    def test_claims_learned_from_keep_the_score_of_cross_fitting(self, features, model, training_scores, learned):
        table = score_features(features, model, training_scores, COLUMNS, SCORING)
        assert table["fraud_score"].head(40).tolist() == learned["fraud_score"].tolist()
        np.testing.assert_array_equal(table["fraud_score"].tail(20), model.compute_fraud_scores(features.tail(20))[0])

    def test_a_claim_corrected_since_is_scored_by_its_values_and_not_by_its_id(
        self, features, model, training_scores, learned
    ):
        corrected = features.assign(claim_amount=features["claim_amount"].mask(features.index < 3, 999_999.0))
        table = score_features(corrected, model, training_scores, COLUMNS, SCORING)
        assert table["fraud_score"].iloc[3:40].tolist() == learned["fraud_score"].iloc[3:].tolist()
        # What the same values have under another id.
        others = corrected.head(3).assign(claim_id=["x", "y", "z"])
        np.testing.assert_array_equal(table["fraud_score"].head(3), model.compute_fraud_scores(others)[0])
        assert (
            rank_scores(table, COLUMNS, SCORING)
            .sort_values("rank")["claim_id"]
            .head(3)
            .isin(["c00", "c01", "c02"])
            .all()
        )

    def test_an_outcome_that_is_found_later_leaves_the_score_as_it_was(self, features, model):
        columns = COLUMNS.model_copy(update={"label": "is_fraud"})
        open_ones = features.assign(is_fraud=np.nan)
        learned = training_score_table(open_ones.head(40), model, columns)
        found = open_ones.assign(is_fraud=1.0)
        table = score_features(found, model, {model.model_version_: learned}.__getitem__, columns, SCORING)
        assert table["fraud_score"].head(40).tolist() == learned["fraud_score"].tolist()

    def test_training_scores_without_the_hash_of_their_rows_are_refused(self, features, model, learned):
        earlier = {model.model_version_: learned.drop(columns="row_hash")}.__getitem__
        with pytest.raises(InputError, match=r"the training scores have no row_hash: .* an earlier version"):
            score_features(features, model, earlier, COLUMNS, SCORING)

    def test_batches_give_what_the_whole_does(self, features, model, training_scores, monkeypatch):
        whole = rank_scores(score_features(features, model, training_scores, COLUMNS, SCORING), COLUMNS, SCORING)
        monkeypatch.setattr("claims_fraud.frames.on_pandas.BATCH_ROWS", 17)
        batched = score_features(features, model, training_scores, COLUMNS, SCORING)
        pd.testing.assert_frame_equal(rank_scores(batched, COLUMNS, SCORING), whole)

    def test_a_model_of_other_columns_is_refused(self, features, model, training_scores):
        columns = COLUMNS.model_copy(update={"numeric": ("claim_amount", "days")})
        with pytest.raises(InputError, match="trained on other columns"):
            score_features(features, model, training_scores, columns, SCORING)


class TestScoreNewFeatures:
    def score(self, features, model, earlier, scoring=SCORING) -> pd.DataFrame:
        scored = score_new_features(features, model, COLUMNS, scoring)
        return rank_scores(merge_scores(earlier, scored, COLUMNS), COLUMNS, scoring)

    def test_the_model_scores_all(self, features, model):
        before = features.copy()
        table = score_new_features(features, model, COLUMNS, SCORING)
        np.testing.assert_array_equal(table["fraud_score"], model.compute_fraud_scores(features)[0])
        pd.testing.assert_frame_equal(features, before)

    def test_a_model_of_other_columns_is_refused(self, features, model):
        columns = COLUMNS.model_copy(update={"numeric": ("claim_amount", "days")})
        with pytest.raises(InputError, match="trained on other columns"):
            score_new_features(features, model, columns, SCORING)

    def test_new_claims_join_the_earlier_and_all_are_ranked(self, features, model):
        earlier = self.score(features.head(30), model, None)
        before = earlier.copy()
        merged = self.score(features.tail(30), model, earlier)
        assert sorted(merged["claim_id"]) == features["claim_id"].tolist()
        assert merged["rank"].tolist() == list(range(1, 61))
        assert merged["fraud_score"].is_monotonic_decreasing
        pd.testing.assert_frame_equal(earlier, before)

    def test_the_same_claims_on_a_later_day_change_nothing(self, features, model):
        earlier = self.score(features, model, None)
        merged = self.score(features.tail(30), model, earlier, settings(scored_at="2026-07-01"))
        pd.testing.assert_frame_equal(merged, earlier)


class TestMergeScores:
    def test_without_earlier_scores_there_are_the_new_ones(self):
        pd.testing.assert_frame_equal(merge_scores(None, scored(fraud_score=[1.0]), COLUMNS), scored(fraud_score=[1.0]))

    def test_a_claim_that_comes_again_as_it_was_keeps_its_row(self):
        earlier = ranked(claim_id=["a", "b"], fraud_score=[1.0, 2.0])
        again = scored(claim_id=["a"], fraud_score=[0.5], scored_at=[pd.Timestamp("2026-06-30")])
        merged = merge_scores(earlier, again, COLUMNS)
        assert merged.set_index("claim_id")["fraud_score"].to_dict() == {"a": 1.0, "b": 2.0}
        assert merged["scored_at"].eq(pd.Timestamp("2026-01-01")).all()
        assert sorted(merged["claim_id"]) == ["a", "b"]

    @pytest.mark.parametrize("missing", [{"code": [None]}, {"claim_amount": [np.nan]}])
    def test_a_claim_with_a_missing_value_that_comes_again_keeps_its_row(self, missing):
        earlier = ranked(claim_id=["a"], fraud_score=[1.0], **missing)
        again = scored(claim_id=["a"], fraud_score=[0.5], **missing)
        assert merge_scores(earlier, again, COLUMNS)["fraud_score"].tolist() == [1.0]

    @pytest.mark.parametrize("change", [{"provider_id": ["corrected"]}, {"model_version": ["ffffffffffff"]}])
    def test_a_corrected_claim_and_one_of_another_model_are_replaced(self, change):
        earlier = ranked(claim_id=["a", "b"], fraud_score=[1.0, 2.0])
        again = {
            "claim_id": ["a"],
            "fraud_score": [0.5],
            "scored_at": pd.to_datetime(["2026-06-30"]).tolist(),
            **change,
        }
        merged = merge_scores(earlier, scored(**again), COLUMNS).set_index("claim_id")
        assert merged["scored_at"].to_dict() == {"a": pd.Timestamp("2026-06-30"), "b": pd.Timestamp("2026-01-01")}
        assert merged.loc["a", "fraud_score"] == 0.5

    def test_claims_that_are_new_are_added(self):
        earlier = ranked(claim_id=["a"], fraud_score=[1.0])
        merged = merge_scores(earlier, scored(claim_id=["b"], fraud_score=[2.0]), COLUMNS)
        assert rank_scores(merged, COLUMNS, SCORING)["claim_id"].tolist() == ["b", "a"]

    def test_claims_that_rejected_rows_reverse_are_there_no_more(self):
        earlier = ranked(claim_id=["a", "b", "c"], fraud_score=[1.0, 2.0, 3.0])
        reasons = ["reverses b", "claim_amount is negative", "superseded by a later row of this claim_id"]
        rejected = pd.DataFrame({"claim_id": ["r", "a", "c"], "rejection_reasons": reasons})
        merged = merge_scores(earlier, scored(claim_id=["d"], fraud_score=[4.0]), COLUMNS, rejected)
        assert sorted(merged["claim_id"]) == ["a", "c", "d"]

    def test_leaves_its_inputs_alone(self):
        earlier, again = ranked(fraud_score=[1.0, 2.0]), scored(fraud_score=[1.0])
        before = earlier.copy(), again.copy()
        merge_scores(earlier, again, COLUMNS)
        pd.testing.assert_frame_equal(earlier, before[0])
        pd.testing.assert_frame_equal(again, before[1])


class TestRankScores:
    def test_highest_score_first_and_ties_by_claim_id(self):
        table = scored(claim_id=["d", "c", "b", "a"], fraud_score=[2.0, 1.0, 2.0, 3.0])
        ranked = rank_scores(table, COLUMNS, settings())
        assert ranked["claim_id"].tolist() == ["a", "b", "d", "c"]
        assert ranked["rank"].tolist() == [1, 2, 3, 4]
        assert ranked.index.tolist() == [0, 1, 2, 3]

    def test_the_order_of_the_input_does_not_matter(self):
        table = scored(claim_id=["d", "c", "b", "a"], fraud_score=[2.0, 1.0, 2.0, 3.0])
        pd.testing.assert_frame_equal(
            rank_scores(table.iloc[::-1], COLUMNS, settings()), rank_scores(table, COLUMNS, settings())
        )

    def test_flags_strictly_above_the_threshold(self):
        table = scored(fraud_score=[3.0, 2.0, 1.0], fraud_percentile=[99.5, 99.0, 98.0])
        assert rank_scores(table, COLUMNS, settings())["flagged"].tolist() == [True, False, False]
        flagged = rank_scores(table, COLUMNS, settings(threshold_percentile=98.5))["flagged"]
        assert flagged.tolist() == [True, True, False]

    def test_top_k_flags_so_many_whatever_their_percentile(self):
        table = scored(fraud_score=[3.0, 2.0, 1.0], fraud_percentile=[30.0, 20.0, 10.0])
        assert rank_scores(table, COLUMNS, settings(top_k=2))["flagged"].tolist() == [True, True, False]

    def test_by_excess_the_most_money_comes_first_and_claims_without_it_by_score(self):
        table = scored(
            claim_id=["a", "b", "c", "d", "e", "f"],
            fraud_score=[9.0, 1.0, 2.0, 3.0, 5.0, 4.0],
            excess_amount=[0.0, 10.0, 700.0, 0.0, None, 10.0],
        )
        ranked = rank_scores(table, COLUMNS, settings(rank_by="excess", top_k=2))
        assert ranked["claim_id"].tolist() == ["c", "b", "f", "a", "e", "d"]
        assert ranked["flagged"].tolist() == [True, True, False, False, False, False]
        assert "ranking" not in ranked

    def test_top_k_beyond_all_rows_flags_all(self):
        assert rank_scores(scored(fraud_score=[2.0, 1.0]), COLUMNS, settings(top_k=10))["flagged"].tolist() == [
            True,
            True,
        ]

    def test_the_columns_come_in_the_order_of_the_contract(self):
        assert list(ranked(fraud_score=[1.0])) == [
            "claim_id",
            "claim_date",
            "patient_id",
            "provider_id",
            "code",
            "claim_amount",
            "rank",
            "fraud_score",
            "fraud_percentile",
            "excess_amount",
            "flagged",
            "reason_1",
            "reason_2",
            "reason_3",
            "surprise_code",
            "surprise_claim_amount",
            "model_type",
            "model_version",
            "scored_at",
            "row_hash",
        ]

    def test_leaves_its_input_alone(self):
        table = scored(fraud_score=[1.0, 2.0])
        before = table.copy()
        rank_scores(table, COLUMNS, settings())
        pd.testing.assert_frame_equal(table, before)


class TestPossibleDuplicateOf:
    """The id of the claim that a claim may repeat goes with it all the way."""

    columns = Columns(procedure="code", categorical=("code",), numeric=("claim_amount",), protected=[])

    def of(self, *other: str | None, **changes: list) -> pd.DataFrame:
        return scored(claim_id=["a", "b"], fraud_score=[1.0, 2.0], **changes).assign(possible_duplicate_of=list(other))

    def test_it_stands_in_fraud_scores_and_in_the_list_for_people(self):
        table = rank_scores(self.of(None, "a", claim_amount=[1.0, 1.0]), self.columns, SCORING)
        assert list(table)[6:8] == ["possible_duplicate_of", "rank"]
        assert table["possible_duplicate_of"].tolist() == ["a", None]
        top = list_top_claims(table, self.columns, SCORING)
        assert list(top)[10:13] == ["reason_3", "possible_duplicate_of", "code"]
        assert top["possible_duplicate_of"].tolist() == ["a", None]

    def test_scores_from_before_it_was_there_are_made_anew_first(self):
        again = self.of(None, "a")
        with pytest.raises(
            InputError, match="the scores so far have no possible_duplicate_of: they are of another `col"
        ):
            merge_scores(ranked(claim_id=["a", "b"]), again, self.columns)

    @pytest.mark.parametrize(("other", "score"), [("a", 2.0), ("c", 0.5), (None, 0.5)])
    def test_a_claim_that_comes_again_with_another_one_is_replaced(self, other, score):
        earlier = rank_scores(self.of(None, "a"), self.columns, SCORING)
        again = scored(claim_id=["b"], fraud_score=[0.5]).assign(possible_duplicate_of=[other])
        merged = merge_scores(earlier, again, self.columns).set_index("claim_id")
        assert merged["fraud_score"].to_dict() == {"a": 1.0, "b": score}


class TestListTopClaims:
    def ranked(self, features, model, training_scores) -> pd.DataFrame:
        return rank_scores(score_features(features, model, training_scores, COLUMNS, SCORING), COLUMNS, SCORING)

    def test_claims_of_one_score_come_by_claim_id(self):
        tied = ranked(claim_id=["b", "c", "a", "d"], fraud_score=[1.0, 1.0, 1.0, 2.0]).iloc[::-1]
        assert list_top_claims(tied.assign(claim_amount=1.0), COLUMNS, SCORING)["claim_id"].tolist() == ["d", "a", "b"]

    def test_the_first_claims_with_reasons_and_without_the_patient(self, features, model, training_scores):
        ranked = self.ranked(features, model, training_scores)
        top = list_top_claims(ranked, COLUMNS, SCORING)
        assert top["claim_id"].tolist() == ranked["claim_id"].head(3).tolist()
        assert list(top) == [
            "rank",
            "fraud_score",
            "fraud_percentile",
            "excess_amount",
            "flagged",
            "claim_id",
            "claim_date",
            "provider_id",
            "reason_1",
            "reason_2",
            "reason_3",
            "code",
            "claim_amount",
        ]

    def test_names_the_patient_where_asked(self, features, model, training_scores):
        asked = SCORING.model_copy(update={"show_patient_id": True})
        assert "patient_id" in list_top_claims(self.ranked(features, model, training_scores), COLUMNS, asked)

    def test_no_percentile_is_rounded_to_a_hundred(self, features, model, training_scores):
        ranked = self.ranked(features, model, training_scores).assign(fraud_percentile=99.999996)
        assert list_top_claims(ranked, COLUMNS, SCORING)["fraud_percentile"].tolist() == [99.9999] * 3


class TestPipeline:
    def test_every_output_is_there(self, finished):
        assert {without_version(name) for name in contents(finished.data) if "columns" not in name} == {
            "01_raw/claims_train.parquet",
            "01_raw/claim_labels.parquet",
            "02_intermediate/rejected_claims.parquet",
            "04_feature/features.parquet",
            "04_feature/features_train.parquet",
            "04_feature/features_validation.parquet",
            "04_feature/features_test.parquet",
            "06_models/autoencoder_catboost/model.json",
            "06_models/reference_profiles/VERSION.json",
            "07_model_output/bias_summary.parquet",
            "07_model_output/drift_history.parquet",
            "07_model_output/drift_report.parquet",
            "07_model_output/fraud_scores.parquet",
            "07_model_output/provider_scores.parquet",
            "07_model_output/training_scores/VERSION.parquet",
            "08_reporting/drift_figure.json",
            "08_reporting/drift_page.html",
            "08_reporting/fairness_figure.json",
            "08_reporting/fairness_metrics.json",
            "08_reporting/fairness_report.html",
            "08_reporting/fairness_results.json",
            "08_reporting/fairness_verdict.json",
            "08_reporting/lineage.json",
            "08_reporting/monitoring_verdict.json",
            "08_reporting/provider_metrics.json",
            "08_reporting/scoring_metrics.json",
            "08_reporting/top_claims.csv",
            "08_reporting/training_metrics_catboost.json",
        }

    def test_fraud_scores_field_by_field(self, finished):
        assert list(finished.table(SCORES)) == [
            "claim_id",
            "claim_date",
            "patient_id",
            "provider_id",
            "claim_type",
            "provider_specialty",
            "diagnosis_code",
            "procedure_code",
            "patient_gender",
            "geographic_region",
            "claim_amount",
            "patient_age",
            "provider_experience_years",
            "days_since_last_claim",
            "num_previous_claims",
            "average_claim_amount",
            "claim_duration_days",
            "patient_claims_that_day",
            "patient_providers_90_days",
            "same_procedure_same_day",
            "days_since_same_procedure",
            "possible_duplicates",
            "provider_new_patients_that_day",
            "possible_duplicate_of",
            "rank",
            "fraud_score",
            "fraud_percentile",
            "excess_amount",
            "flagged",
            "reason_1",
            "reason_2",
            "reason_3",
            "surprise_claim_type",
            "surprise_provider_specialty",
            "surprise_diagnosis_code",
            "surprise_procedure_code",
            "surprise_claim_amount",
            "surprise_provider_experience_years",
            "surprise_days_since_last_claim",
            "surprise_num_previous_claims",
            "surprise_average_claim_amount",
            "surprise_claim_duration_days",
            "surprise_patient_claims_that_day",
            "surprise_patient_providers_90_days",
            "surprise_same_procedure_same_day",
            "surprise_days_since_same_procedure",
            "surprise_possible_duplicates",
            "surprise_provider_new_patients_that_day",
            "model_type",
            "model_version",
            "scored_at",
            "row_hash",
        ]

    def test_a_row_a_feature_row_in_descending_score_ties_by_claim_id(self, finished):
        scores = finished.table(SCORES)
        assert sorted(scores["claim_id"]) == sorted(finished.table("04_feature/features.parquet")["claim_id"])
        expected = scores.sort_values(["fraud_score", "claim_id"], ascending=[False, True], ignore_index=True)
        pd.testing.assert_frame_equal(scores, expected)
        assert scores["rank"].tolist() == list(range(1, 1_001))

    def test_surprises_sum_to_the_score_and_context_has_none(self, finished):
        scores = finished.table(SCORES)
        surprises = scores.filter(like="surprise_")
        np.testing.assert_allclose(surprises.sum(axis=1), scores["fraud_score"])
        assert not {"surprise_patient_gender", "surprise_patient_age", "surprise_geographic_region"} & set(scores)
        assert (surprises >= 0).all(axis=None)

    def test_claims_learned_from_keep_the_score_of_cross_fitting(self, finished):
        scores = finished.table(SCORES).set_index("claim_id")["fraud_score"]
        learned = finished.training_scores("catboost").set_index("claim_id")["fraud_score"]
        pd.testing.assert_series_equal(scores.loc[learned.index], learned)

    def test_percentiles_rise_with_the_score_and_flags_are_strictly_above_the_threshold(self, finished):
        scores = finished.table(SCORES)
        assert scores["fraud_percentile"].is_monotonic_decreasing
        assert scores["fraud_percentile"].between(0, 100, inclusive="left").all()
        assert scores["flagged"].tolist() == (scores["fraud_percentile"] > 99).tolist()
        assert 1 <= scores["flagged"].sum() <= 40

    def test_reasons_name_the_columns_that_surprise_most(self, finished):
        scores = finished.table(SCORES).query("fraud_score > 0")
        surprises = scores.filter(like="surprise_")
        worst = surprises.idxmax(axis=1).str.removeprefix("surprise_")
        # Of claims that repeat another one it may be the other one that is named.
        repeats = scores["reason_1"].str.startswith("the same procedure was billed", na=False)
        told = scores["reason_1"].notna() & ~repeats
        names = scores["reason_1"][told].str.split(" ").str[0]
        assert (names == worst[told]).mean() > 0.7
        # A column of which there is nothing to say gives way to another one that stands out.
        parts = surprises[told].to_numpy()[np.arange(told.sum()), surprises.columns.get_indexer("surprise_" + names)]
        assert (parts >= scores["fraud_score"][told] / surprises.shape[1] - 1e-9).all()

    def test_the_stamps(self, finished):
        scores = finished.table(SCORES)
        finished_model = ClaimsTreeAutoencoder.load(finished.data / "06_models/autoencoder_catboost")
        assert set(scores["model_type"]) == {"catboost"}
        assert set(scores["scored_at"]) == {pd.Timestamp("2026-06-30")}
        assert set(scores["model_version"]) == {finished_model.model_version_}

    def test_top_claims_are_the_first_hundred_for_a_spreadsheet(self, finished):
        path = finished.data / "08_reporting/top_claims.csv"
        assert path.read_bytes().startswith(b"\xef\xbb\xbfrank,")
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
        assert [row["claim_id"] for row in rows] == finished.table(SCORES)["claim_id"].head(100).tolist()
        assert "patient_id" not in rows[0]

    def test_running_again_writes_the_same(self, copied):
        before = contents(copied.data)
        assert copied.run(params="training.evaluate_labels=true") == (0, "")
        assert contents(copied.data) == before

    def test_two_model_types_leave_each_others_files_alone(self, copied):
        before = contents(copied.data)
        params = "training.model_type=xgboost,training.n_jobs=1"
        assert copied.run("--pipelines=training,scoring", params=params) == (0, "")
        after = contents(copied.data)
        shared = {"07_model_output/fraud_scores.parquet", *REPORTED}
        assert {name for name in before if before[name] != after[name]} == shared
        assert {without_version(name) for name in set(after) - set(before) if "columns" not in name} == {
            "06_models/autoencoder_xgboost/model.json",
            "06_models/reference_profiles/VERSION.json",
            "07_model_output/training_scores/VERSION.parquet",
            "08_reporting/training_metrics_xgboost.json",
        }
        assert set(copied.table(SCORES)["model_type"]) == {"xgboost"}

    def test_top_k_and_the_patient_are_a_parameter(self, copied):
        params = "scoring.top_k=7,scoring.top_claims=5,scoring.show_patient_id=true"
        assert copied.run("--pipelines=scoring", params=params) == (0, "")
        scores, top = copied.table(SCORES), pd.read_csv(copied.data / "08_reporting/top_claims.csv")
        assert scores["flagged"].tolist() == [True] * 7 + [False] * 993
        assert top["patient_id"].tolist() == scores["patient_id"].head(5).tolist()


def without_version(name: str) -> str:
    """Return the name of a file without the hash of a model's content."""
    return re.sub(r"\b[0-9a-f]{12}\b", "VERSION", name)


def contents(folder: Path) -> dict[str, bytes]:
    """Return names and contents of all files but those in `NAMED_BY_RUNS`."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if not named_by_a_run(name)}


def later_claims(count: int, earlier: pd.DataFrame) -> pd.DataFrame:
    """Return claims of 2026 by patients of the earlier ones, without history."""
    drawn = generate_claims(1_000, seed=9)[0].head(count).drop(columns=HISTORY)
    return drawn.assign(
        claim_id=[f"N{number:03d}" for number in range(count)],
        claim_date=pd.date_range("2026-03-01", periods=count, freq="D"),
        patient_id=earlier["patient_id"].dropna().unique()[:count],
    )


class TestScoreNew:
    @pytest.fixture
    def new(self, copied):
        return later_claims(10, copied.table("04_feature/features.parquet"))

    def score(self, project, frame: pd.DataFrame, name: str = "new.csv", params: str = "") -> None:
        frame.to_csv(project.path / name, index=False)
        every = ",".join(filter(None, (f"new_claims={name}", params)))
        assert project.run(SCORE_NEW, params=every) == (0, "")

    def test_claims_join_the_ranking_and_nothing_is_learned_anew(self, copied, new):
        # One that is sure to be among the top claims.
        new.loc[0, "claim_amount"] = 900_000.0
        before, scores = contents(copied.data), copied.table(SCORES)
        self.score(copied, new)
        after, merged = contents(copied.data), copied.table(SCORES)
        assert {name for name in before if before[name] != after[name]} == {
            "07_model_output/fraud_scores.parquet",
            *REPORTED,
        }
        assert set(after) - set(before) == {
            "02_intermediate/rejected_new_claims.parquet",
            "04_feature/new_features.parquet",
        }
        assert sorted(merged["claim_id"]) == sorted([*scores["claim_id"], *new["claim_id"]])
        assert merged["rank"].tolist() == list(range(1, 1_011))
        assert list(merged) == list(scores)

    def test_history_is_of_the_claims_ingested_before(self, copied, new):
        self.score(copied, new)
        features = copied.table("04_feature/features.parquet")
        found = copied.table("04_feature/new_features.parquet").set_index("claim_id")
        first = new.iloc[0]
        theirs = features[features["patient_id"] == first["patient_id"]]
        before = theirs[(first["claim_date"] - theirs["claim_date"]).dt.days <= 365]
        assert 0 < len(before) < len(theirs)
        assert found.loc[first["claim_id"], "num_previous_claims"] == len(before)
        assert found.loc[first["claim_id"], "average_claim_amount"] == pytest.approx(before["claim_amount"].mean())
        assert (
            found.loc[first["claim_id"], "days_since_last_claim"]
            == (first["claim_date"] - before["claim_date"].max().normalize()).days
        )

    def test_an_unseen_code_and_a_missing_value_are_scored_and_an_infinite_amount_is_rejected(self, copied, new):
        new["claim_amount"] = new["claim_amount"].astype(object)
        new.loc[new.index[0], "procedure_code"] = "never seen before"
        new.loc[new.index[1], "diagnosis_code"] = None
        new.loc[new.index[2], "claim_amount"] = "inf"
        self.score(copied, new, params="data_ingestion.max_rejected_fraction=0.5")
        scores = copied.table(SCORES).set_index("claim_id")
        assert scores.loc[["N000", "N001"], "fraud_score"].notna().all()
        assert "N002" not in scores.index
        rejected = copied.table("02_intermediate/rejected_new_claims.parquet")
        assert rejected["claim_id"].tolist() == ["N002"]
        assert rejected["rejection_reasons"].tolist() == ["claim_amount is infinite"]
        assert len(copied.table("04_feature/new_features.parquet")) == 9

    def test_doing_it_again_on_a_later_day_changes_nothing(self, copied, new):
        self.score(copied, new)
        before = contents(copied.data)
        self.score(copied, new, params="as_of=2026-07-15")
        assert contents(copied.data) == before

    def test_a_later_batch_has_the_earlier_as_history_and_does_not_lose_its_scores(self, copied, new):
        self.score(copied, new)
        follow_up = new.head(1).assign(claim_id="N900", claim_date=pd.Timestamp("2026-03-05"))
        self.score(copied, follow_up, "later.csv")
        features = copied.table("04_feature/new_features.parquet").set_index("claim_id")
        assert features.loc["N900", "days_since_last_claim"] == 4.0
        assert features.loc["N900", "num_previous_claims"] == features.loc["N000", "num_previous_claims"] + 1
        assert features.index.tolist() == [*new["claim_id"], "N900"]
        scores = copied.table(SCORES)
        assert {*new["claim_id"], "N900"} <= set(scores["claim_id"])
        assert len(scores) == 1_011

    def test_a_corrected_claim_replaces_itself(self, copied, new):
        self.score(copied, new)
        self.score(copied, new.head(1).assign(claim_amount=123_456.0), "corrected.csv", "as_of=2026-07-15")
        scores = copied.table(SCORES).set_index("claim_id")
        assert scores.loc["N000", "claim_amount"] == 123_456.0
        assert scores.loc["N000", "scored_at"] == pd.Timestamp("2026-07-15")
        assert scores.loc["N001", "scored_at"] == pd.Timestamp("2026-06-30")
        assert len(scores) == 1_010

    def test_a_correction_that_leaves_the_score_as_it_was_is_kept_too(self, copied, new):
        self.score(copied, new)
        self.score(copied, new.head(1).assign(provider_id="D-corrected"), "corrected.csv")
        assert copied.table(SCORES).set_index("claim_id").loc["N000", "provider_id"] == "D-corrected"

    def test_the_stored_model_has_to_be_there(self, copied, new):
        new.to_csv(copied.path / "new.csv", index=False)
        status, told = copied.run(SCORE_NEW, params="new_claims=new.csv,training.model_type=xgboost")
        assert status == 1
        assert "autoencoder_xgboost" in told
