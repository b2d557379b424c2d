"""From features to a model, cross-fitted scores and metrics."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.claims import Columns
from claims_fraud.claims.hashing import fingerprint
from claims_fraud.errors import InputError
from claims_fraud.parameters import TrainingParameters
from claims_fraud.pipelines.training.nodes import (
    fit_autoencoder,
    measure_training,
    profile_reference,
    sample_training_claims,
)

COLUMNS = Columns(procedure=None, categorical=("code",), numeric=("claim_amount",), protected=[])
TINY = TrainingParameters(n_folds=2, n_estimators=2, max_depth=2, n_jobs=1)


def tiny(**changes: object) -> TrainingParameters:
    return TINY.model_copy(update=changes)


@pytest.fixture
def claims():
    rng = np.random.default_rng(0)
    code = rng.choice(["visit", "surgery"], 60)
    return pd.DataFrame(
        {
            "claim_id": [f"c{number:02d}" for number in range(60)],
            "claim_date": pd.date_range("2025-01-01", periods=60),
            "patient_id": [f"p{number % 20}" for number in range(60)],
            "provider_id": [f"d{number % 6}" for number in range(60)],
            "code": code,
            "claim_amount": np.where(code == "visit", 100.0, 9000.0) * rng.lognormal(0, 0.1, 60),
            "history_complete": True,
        }
    )


def no_labels() -> pd.DataFrame:
    raise AssertionError("labels were read")


class TestSampleTrainingClaims:
    def test_all_claims_sorted_by_id_where_there_are_few(self, claims):
        sampled = sample_training_claims(claims.iloc[::-1], COLUMNS, TINY)
        pd.testing.assert_frame_equal(sampled, claims)

    def test_no_more_than_asked_and_the_same_whatever_the_order(self, claims):
        before = claims.copy()
        sampled = sample_training_claims(claims, COLUMNS, tiny(max_training_rows=10))
        assert len(sampled) == 10
        again = sample_training_claims(claims.iloc[::-1], COLUMNS, tiny(max_training_rows=10))
        pd.testing.assert_frame_equal(again, sampled)
        pd.testing.assert_frame_equal(claims, before)


class TestIncompleteHistory:
    @pytest.mark.parametrize(
        ("complete", "learned", "told"),
        [
            (60, 60, []),
            (30, 30, ["History is complete for 30 of 60 claims; the others are left out of training"]),
            (29, 60, ["History is complete for 29 of 60 claims; too few to do without the others: all train"]),
            (0, 60, ["History is complete for 0 of 60 claims; too few to do without the others: all train"]),
        ],
    )
    def test_is_not_learned_from_where_enough_others_remain(self, claims, caplog, complete, learned, told):
        claims = claims.assign(history_complete=[True] * complete + [False] * (60 - complete))
        with caplog.at_level("INFO"):
            sampled = sample_training_claims(claims, COLUMNS, TINY)
        assert sampled["claim_id"].tolist() == claims["claim_id"].tolist()[:learned]
        assert caplog.messages == told

    def test_two_thousand_others_are_enough_however_few_of_all_they_are(self, claims):
        many = claims.sample(9_000, replace=True, random_state=0, ignore_index=True)
        many = many.assign(claim_id=[f"c{n:04d}" for n in range(9_000)])
        for complete, learned in ((2_000, 2_000), (1_999, 9_000)):
            marked = many.assign(history_complete=np.arange(9_000) < complete)
            assert len(sample_training_claims(marked, COLUMNS, TINY)) == learned

    def test_features_of_an_earlier_version_are_to_be_ingested_again(self, claims):
        with pytest.raises(InputError) as raised:
            sample_training_claims(claims.drop(columns="history_complete"), COLUMNS, TINY)
        assert str(raised.value) == (
            "features_train have no column 'history_complete': an earlier version ingested them. Ingest the claims "
            "again: `kedro run --pipelines=data_ingestion` (same --env)."
        )

    @pytest.mark.parametrize(("learned", "counted"), [(20, 40), (60, 60)])
    def test_is_in_the_profile_where_it_was_learned_from(self, claims, learned, counted):
        # Of 60 claims 40 have a complete history, and a sample of 20 of these was learned from; or all were.
        train = claims.assign(history_complete=[True] * 40 + [False] * 20)
        sampled = train.head(learned)
        scores = pd.DataFrame({"fraud_score": np.arange(60.0), "surprise_code": 1.0, "surprise_claim_amount": 2.0})
        before = train.copy()
        profile = profile_reference(sampled, train, lambda version: scores, UNUSED, COLUMNS)
        assert (profile.features["code"].rows, profile.history_complete) == (counted, learned == 20)
        pd.testing.assert_frame_equal(train, before)


class TestFitAutoencoder:
    def test_returns_the_model_and_a_score_a_claim(self, claims):
        before = claims.copy()
        model, scores = fit_autoencoder(claims, COLUMNS, TINY)
        assert isinstance(model, ClaimsTreeAutoencoder)
        assert scores["claim_id"].tolist() == claims["claim_id"].tolist()
        np.testing.assert_array_equal(scores["fraud_score"], model.training_judgement_.scores)
        pd.testing.assert_frame_equal(claims, before)

    @pytest.mark.parametrize("folds_by", ["provider", "patient", "claim"])
    def test_folds_are_by_the_id_asked_for(self, claims, folds_by):
        _, scores = fit_autoencoder(claims, COLUMNS, tiny(folds_by=folds_by))
        model = ClaimsTreeAutoencoder(
            n_folds=2, n_estimators=2, max_depth=2, n_jobs=1, suspicious_direction={"claim_amount": "high"}
        )
        expected, _ = model.fit(claims, ["code"], ["claim_amount"], groups=claims[f"{folds_by}_id"])
        np.testing.assert_array_equal(scores["fraud_score"], expected)

    def test_too_few_providers_for_the_folds(self, claims):
        with pytest.raises(InputError, match="60 claims of 1 different provider_id, and 2 folds"):
            fit_autoencoder(claims.assign(provider_id="d"), COLUMNS, TINY)

    @pytest.mark.parametrize(("column", "value"), [("code", None), ("code", "visit"), ("claim_amount", np.nan)])
    def test_fewer_than_two_columns_that_vary(self, claims, column, value):
        with pytest.raises(InputError, match=rf"columns {column} have a single value, or none, in all 60 claims"):
            fit_autoencoder(claims.assign(**{column: value}), COLUMNS, TINY)

    @pytest.mark.parametrize(
        ("value", "what"),
        [(None, "is empty"), ("paid", "has a single value"), (5.0, "has a single value")],
    )
    def test_a_column_that_does_not_vary_is_told_and_judges_nobody(self, claims, caplog, value, what):
        kind = "numeric" if isinstance(value, float) else "categorical"
        columns = COLUMNS.model_copy(update={kind: (*getattr(COLUMNS, kind), "status")})
        _, scores = fit_autoencoder(claims.assign(status=value), columns, TINY)
        assert f"status {what} in all 60 claims to learn from: no claim is judged by it" in caplog.text
        assert (scores["surprise_status"] == 0).all()

    def test_a_column_that_ingestion_derives_may_have_a_single_value(self, claims):
        columns = COLUMNS.model_copy(update={"numeric": ("claim_amount", "patient_claims_that_day")})
        _, scores = fit_autoencoder(claims.assign(patient_claims_that_day=0.0), columns, TINY)
        assert (scores["surprise_patient_claims_that_day"] == 0).all()


# No rows are scored by it.
UNUSED = SimpleNamespace(model_version_="0123456789ab")


def measured(scores, train, validation, labels, columns, training, model=UNUSED):  # noqa: PLR0917
    """Return the metrics of a model with these training scores."""
    known = {model.model_version_: scores}.__getitem__
    return measure_training(known, model, train, validation, labels, columns, training)


class TestMeasureTraining:
    scores = pd.DataFrame({"claim_id": ["a", "b", "c", "d"], "fraud_score": [4.0, 3.0, 2.0, 1.0]})
    features = pd.DataFrame({"claim_id": ["a", "b", "c", "d"], "outcome": [1.0, 0.0, np.nan, 0.0]})

    # Too few to swap values in, so that no model is asked.
    validation = pd.DataFrame({"claim_id": ["e", "f"]})

    def measure(self, labels=no_labels, columns=COLUMNS, evaluate=True):
        training = tiny(evaluate_labels=evaluate)
        return measured(self.scores, self.features, self.validation, labels, columns, training)

    def test_without_labels_there_is_a_summary_and_none_are_read(self):
        assert self.measure(evaluate=False) == {
            "model_type": "catboost",
            "model_version": "0123456789ab",
            "learned_from": fingerprint(pd.Series(["d", "c", "b", "a"])),
            "n": 4,
            "n_features": 2,
            "mean_fraud_score": 2.5,
            "p95_fraud_score": pytest.approx(3.85),
            "p99_fraud_score": pytest.approx(3.97),
        }

    def test_with_labels_there_is_how_well_fraud_ranks_and_by_kind(self):
        labels = pd.DataFrame(
            {
                "claim_id": ["d", "c", "b", "a"],
                "is_fraud": [0, 1, 0, 1],
                "fraud_kind": [None, "phantom", None, "upcoding"],
            }
        )
        found = self.measure(lambda: labels)["labelled"]
        assert (found["n"], found["n_fraud"], found["base_rate"], found["auroc"]) == (4, 2, 0.5, 0.75)
        assert found["by_kind"]["upcoding"]["auroc"] == 1.0
        assert found["by_kind"]["phantom"]["auroc"] == 0.5

    def test_labels_need_not_know_kinds_nor_every_claim(self):
        labels = pd.DataFrame({"claim_id": ["a", "b", "of another year"], "is_fraud": [1, 0, 1]})
        found = self.measure(lambda: labels)["labelled"]
        assert (found["n"], found["auroc"], found["by_kind"]) == (2, 1.0, {})

    def test_a_label_column_is_taken_in_the_place_of_the_file(self):
        found = self.measure(columns=COLUMNS.model_copy(update={"label": "outcome"}))["labelled"]
        assert (found["n"], found["n_fraud"], found["auroc"]) == (3, 1, 1.0)

    def test_labels_without_the_column_that_counts(self):
        labels = pd.DataFrame({"claim_id": ["a"], "fraud": [1]})
        with pytest.raises(InputError, match=r"claim_labels lack \['is_fraud'\]"):
            self.measure(lambda: labels)

    def test_labels_of_other_claims(self):
        labels = pd.DataFrame({"claim_id": ["x"], "is_fraud": [1]})
        with pytest.raises(InputError, match="claim_labels share no claim_id with the claims that are"):
            self.measure(lambda: labels)

    @pytest.mark.parametrize("value", [2, "perhaps"])
    def test_labels_that_are_neither_0_nor_1(self, value):
        labels = pd.DataFrame({"claim_id": ["a", "b"], "is_fraud": [0, value]})
        with pytest.raises(InputError, match=rf"neither 0 nor 1, such as {value}"):
            self.measure(lambda: labels)

    def test_labels_that_name_a_claim_twice(self):
        labels = pd.DataFrame({"claim_id": ["a", "a", "b"], "is_fraud": [1, 1, 0]})
        with pytest.raises(InputError, match="claim_labels name a claim_id more than once"):
            self.measure(lambda: labels)

    def test_claims_whose_label_is_not_known_are_left_out(self):
        labels = pd.DataFrame({"claim_id": ["a", "b", "c", "d"], "is_fraud": ["1", "0", None, " "]})
        assert self.measure(lambda: labels)["labelled"]["n"] == 2

    def test_ids_that_are_numbers_and_labels_that_are_text_are_read_as_claims_are(self):
        labels = pd.DataFrame({"claim_id": [1, 2], "is_fraud": ["1", "0"]})
        scores = pd.DataFrame({"claim_id": ["1", "2"], "fraud_score": [4.0, 3.0]})
        training = tiny(evaluate_labels=True)
        found = measured(scores, self.features, self.validation, lambda: labels, COLUMNS, training)
        assert found["labelled"]["auroc"] == 1.0

    def test_the_label_column_counts_where_another_has_the_name_of_the_files(self):
        columns = COLUMNS.model_copy(update={"label": "outcome", "incumbent": "is_fraud"})
        features = self.features.assign(is_fraud=["0", "1", "1", "1"])
        training = tiny(evaluate_labels=True)
        found = measured(self.scores, features, self.validation, no_labels, columns, training)
        assert (found["labelled"]["n"], found["labelled"]["n_fraud"]) == (3, 1)

    def test_the_order_of_scores_and_labels_does_not_matter(self):
        labels = pd.DataFrame({"claim_id": ["d", "c", "b", "a"], "is_fraud": [0, 1, 0, 1]})
        scores = self.scores.assign(fraud_score=[2.0, 2.0, 2.0, 1.0])
        training = tiny(evaluate_labels=True)
        first, second = (
            measured(table, self.features, self.validation, lambda known=known: known, COLUMNS, training)
            for table, known in ((scores, labels), (scores.iloc[::-1], labels.iloc[::-1]))
        )
        assert first == second


class TestMeasureSwaps:
    @pytest.fixture
    def model(self, claims):
        return fit_autoencoder(claims, COLUMNS, TINY)[0]

    @pytest.fixture
    def held_out(self, claims):
        drawn = claims.sample(600, replace=True, random_state=0, ignore_index=True)
        return drawn.assign(claim_id=[f"v{number:03d}" for number in range(600)])

    def swapped(self, model, held_out, **changes):
        scores = pd.DataFrame({"claim_id": ["a", "b"], "fraud_score": [2.0, 1.0]})
        nothing = held_out.head(0)
        return measured(scores, nothing, held_out, no_labels, COLUMNS, tiny(**changes), model).get("swapped")

    def test_are_of_the_validation_claims(self, model, held_out):
        before = held_out.copy()
        found = self.swapped(model, held_out)
        assert found["n"] == 600
        assert 12 < found["n_swapped"] <= 24
        assert found["auroc"] > 0.6
        assert {"base_rate", "average_precision", "precision_at_1pct", "recall_at_5pct"} <= set(found)
        pd.testing.assert_frame_equal(held_out, before)

    def test_are_the_same_whatever_the_order_of_the_claims_and_others_for_another_seed(self, model, held_out):
        assert self.swapped(model, held_out.iloc[::-1]) == self.swapped(model, held_out)
        assert self.swapped(model, held_out, seed=1) != self.swapped(model, held_out)

    def test_are_of_so_many_claims_at_most(self, model, held_out, monkeypatch):
        monkeypatch.setattr("claims_fraud.pipelines.training.nodes.MOST_SWAPPED_ROWS", 300)
        assert self.swapped(model, held_out)["n"] == 300

    def test_few_validation_claims_have_none(self, model, held_out):
        assert self.swapped(model, held_out.head(49)) is None


class TestPipeline:
    def test_training_scores_are_of_the_train_split(self, finished):
        scores = finished.training_scores("catboost")
        train = finished.table("04_feature/features_train.parquet")
        assert scores["claim_id"].tolist() == sorted(train["claim_id"])

    def test_metrics_tell_how_well_each_kind_of_fraud_is_found(self, finished):
        metrics = json.loads((finished.data / "08_reporting/training_metrics_catboost.json").read_text())
        labels = finished.table("01_raw/claim_labels.parquet")
        learned = set(finished.table("04_feature/features_train.parquet")["claim_id"])
        fraud = labels[labels["claim_id"].isin(learned) & (labels["is_fraud"] == 1)]
        assert (metrics["model_type"], metrics["n"]) == ("catboost", len(learned))
        assert metrics["labelled"]["n_fraud"] == len(fraud)
        assert set(metrics["labelled"]["by_kind"]) == set(fraud["fraud_kind"])
        of_a_kind = metrics["labelled"]["by_kind"][fraud["fraud_kind"].iloc[0]]
        assert {"auroc", "average_precision", "precision_at_1pct", "recall_at_5pct"} <= set(of_a_kind)

    def test_metrics_tell_how_well_swapped_values_are_spotted_in_validation_claims(self, finished):
        metrics = json.loads((finished.data / "08_reporting/training_metrics_catboost.json").read_text())
        validation = finished.table("04_feature/features_validation.parquet")
        assert metrics["swapped"]["n"] == len(validation)
        assert 1 <= metrics["swapped"]["n_swapped"] <= round(0.04 * len(validation))
        assert 0 <= metrics["swapped"]["auroc"] <= 1

    def test_the_artefact_has_no_pickle(self, finished):
        files = [path for path in (finished.data / "06_models").rglob("*") if path.is_file()]
        assert {path.suffix for path in files} == {".json", ".cbm", ".npy"}
        # Arrays of numbers only, which loading cannot be made to run either.
        assert all(np.load(path, allow_pickle=False).dtype.kind in "if" for path in files if path.suffix == ".npy")

    def test_a_label_column_needs_no_file_of_labels(self, copied, write_claims):
        raw = copied.table("01_raw/claims_train.parquet").merge(copied.table("01_raw/claim_labels.parquet"))
        (copied.data / "01_raw/claim_labels.parquet").unlink()
        params = f"raw_claims={write_claims(raw)},columns.label=is_fraud,training.evaluate_labels=true"
        assert copied.run(params=params) == (0, "")
        metrics = json.loads((copied.data / "08_reporting/training_metrics_catboost.json").read_text())
        assert metrics["labelled"]["n_fraud"] > 0
        assert metrics["labelled"]["by_kind"] == {}
        scores = copied.table("07_model_output/fraud_scores.parquet")
        assert scores["is_fraud"].isin([0.0, 1.0]).all()
        assert "surprise_is_fraud" not in scores

    def test_without_evaluation_a_missing_file_of_labels_does_not_matter(self, copied):
        (copied.data / "01_raw/claim_labels.parquet").unlink()
        assert copied.run("--pipelines=training") == (0, "")
        metrics = json.loads((copied.data / "08_reporting/training_metrics_catboost.json").read_text())
        summary = {"mean_fraud_score", "p95_fraud_score", "p99_fraud_score"}
        assert set(metrics) == {"model_type", "model_version", "learned_from", "n", "n_features", "swapped", *summary}

    def test_claims_of_the_first_window_are_left_out_of_training_and_of_the_profile(self, copied):
        stages = "--pipelines=data_ingestion,training,scoring,monitoring"
        params = "history.window_days=180,training.max_training_rows=300,monitoring.minimum_rows=100"
        assert copied.run(stages, params=params) == (0, "")
        train = copied.table("04_feature/features_train.parquet")
        first = copied.table("04_feature/features.parquet")["claim_date"].min()
        late = train["claim_date"] >= first + pd.Timedelta(days=180)
        assert train["history_complete"].tolist() == late.tolist()
        assert 0.5 * len(train) < late.sum() < len(train)
        scores = copied.training_scores("catboost")
        assert len(scores) == 300
        assert set(scores["claim_id"]) <= set(train.loc[late, "claim_id"])
        version = scores["model_version"].iloc[0]
        profile = json.loads((copied.data / f"06_models/reference_profiles/{version}.json").read_text())
        assert profile["history_complete"]
        assert {one["rows"] for one in profile["features"].values()} == {late.sum()}
        # All claims are scored, whatever their history.
        assert len(copied.table("07_model_output/fraud_scores.parquet")) == 1_000

    def test_fits_on_no_more_rows_than_allowed(self, copied):
        assert copied.run("--pipelines=training,scoring", params="training.max_training_rows=300") == (0, "")
        assert len(copied.training_scores("catboost")) == 300
        assert len(copied.table("07_model_output/fraud_scores.parquet")) == 1_000
