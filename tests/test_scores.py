"""The tables of scores: ranked, flagged, merged, and only of a model that fits the columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.claims import Columns
from claims_fraud.errors import InputError
from claims_fraud.parameters import ScoringParameters
from claims_fraud.scores import check_model_fits, merge_scores, rank_claims, score_claims, training_score_table

COLUMNS = Columns(
    claim_amount="amount",
    categorical=("code", "region", "race"),
    numeric=("amount",),
    protected=["region", {"race": "none"}],
)
ROLES = ["claim_id", "claim_date", "patient_id", "provider_id", "code", "region", "race", "amount"]


def settings(**changes: object) -> ScoringParameters:
    return ScoringParameters.model_validate({"scored_at": "2026-06-30T08:00:00", **changes})


def scored(**columns: list) -> pd.DataFrame:
    """Return what `score_claims` returns, in little."""
    rows = len(next(iter(columns.values())))
    base = {
        "claim_id": [f"c{number}" for number in range(rows)],
        "fraud_score": [1.0] * rows,
        "fraud_percentile": [50.0] * rows,
        "reason_1": ["because"] * rows,
        "reason_2": [None] * rows,
        "reason_3": [None] * rows,
        "surprise_code": [0.5] * rows,
        "surprise_amount": [0.5] * rows,
        "model_type": ["catboost"] * rows,
        "model_version": ["0123456789ab"] * rows,
        "scored_at": pd.to_datetime(["2026-01-01"] * rows),
    }
    return pd.DataFrame({**base, **columns})


@pytest.fixture(scope="module")
def claims():
    rng = np.random.default_rng(0)
    code = rng.choice(["visit", "surgery"], 300)
    amount = np.where(code == "visit", 100.0, 9000.0) * rng.lognormal(0, 0.1, 300)
    return pd.DataFrame(
        {
            "claim_id": [f"c{number:03d}" for number in range(300)],
            "claim_date": pd.date_range("2025-01-01", periods=300, freq="D"),
            "patient_id": "p",
            "provider_id": "d",
            "code": code,
            "region": rng.choice(["north", "south"], 300),
            "race": rng.choice(["a", "b"], 300),
            "amount": amount,
        }
    )


@pytest.fixture(scope="module")
def model(claims, tmp_path_factory):
    model = ClaimsTreeAutoencoder(n_estimators=4, n_jobs=1, context_features=COLUMNS.context_features)
    model.fit(claims.head(200), COLUMNS.model_categorical, COLUMNS.model_numeric)
    model.save(tmp_path_factory.mktemp("model") / "model")
    return model


@pytest.fixture(scope="module")
def training_scores(claims, model):
    return training_score_table(claims.head(200), model, COLUMNS)


class TestRankClaims:
    def test_highest_score_first_and_ties_by_claim_id(self):
        table = scored(claim_id=["d", "c", "b", "a"], fraud_score=[2.0, 1.0, 2.0, 3.0])
        ranked = rank_claims(table, COLUMNS, settings())
        assert ranked["claim_id"].tolist() == ["a", "b", "d", "c"]
        assert ranked["rank"].tolist() == [1, 2, 3, 4]
        assert ranked.index.tolist() == [0, 1, 2, 3]

    def test_the_order_of_the_input_does_not_matter(self):
        table = scored(claim_id=["d", "c", "b", "a"], fraud_score=[2.0, 1.0, 2.0, 3.0])
        pd.testing.assert_frame_equal(
            rank_claims(table.iloc[::-1], COLUMNS, settings()), rank_claims(table, COLUMNS, settings())
        )

    def test_flags_strictly_above_the_threshold(self):
        table = scored(fraud_score=[3.0, 2.0, 1.0], fraud_percentile=[99.5, 99.0, 98.0])
        assert rank_claims(table, COLUMNS, settings())["flagged"].tolist() == [True, False, False]
        flagged = rank_claims(table, COLUMNS, settings(threshold_percentile=98.5))["flagged"]
        assert flagged.tolist() == [True, True, False]

    def test_top_k_flags_so_many_whatever_their_percentile(self):
        table = scored(fraud_score=[3.0, 2.0, 1.0], fraud_percentile=[30.0, 20.0, 10.0])
        assert rank_claims(table, COLUMNS, settings(top_k=2))["flagged"].tolist() == [True, True, False]

    def test_top_k_beyond_all_rows_flags_all(self):
        assert rank_claims(scored(fraud_score=[2.0, 1.0]), COLUMNS, settings(top_k=10))["flagged"].tolist() == [
            True,
            True,
        ]

    def test_the_columns_come_in_the_order_of_the_contract(self):
        ranked = rank_claims(scored(fraud_score=[1.0]), COLUMNS, settings())
        assert list(ranked) == [
            "claim_id",
            "rank",
            "fraud_score",
            "fraud_percentile",
            "flagged",
            "reason_1",
            "reason_2",
            "reason_3",
            "surprise_code",
            "surprise_amount",
            "model_type",
            "model_version",
            "scored_at",
        ]

    def test_leaves_its_input_alone(self):
        table = scored(fraud_score=[1.0, 2.0])
        before = table.copy()
        rank_claims(table, COLUMNS, settings())
        pd.testing.assert_frame_equal(table, before)


class TestMergeScores:
    def scored(self, **columns: list) -> pd.DataFrame:
        table = scored(**columns)
        return table.assign(**{name: "same" for name in ROLES if name not in table})

    def ranked(self, **columns: list) -> pd.DataFrame:
        return rank_claims(self.scored(**columns), COLUMNS, settings())

    def test_without_earlier_scores_there_are_the_new_ones(self):
        pd.testing.assert_frame_equal(merge_scores(None, scored(fraud_score=[1.0]), COLUMNS), scored(fraud_score=[1.0]))

    def test_a_claim_that_comes_again_as_it_was_keeps_its_row(self):
        earlier = self.ranked(claim_id=["a", "b"], fraud_score=[1.0, 2.0])
        again = self.scored(claim_id=["a"], fraud_score=[0.5], scored_at=[pd.Timestamp("2026-06-30")])
        merged = merge_scores(earlier, again, COLUMNS)
        assert merged.set_index("claim_id")["fraud_score"].to_dict() == {"a": 1.0, "b": 2.0}
        assert merged["scored_at"].eq(pd.Timestamp("2026-01-01")).all()
        assert sorted(merged["claim_id"]) == ["a", "b"]

    @pytest.mark.parametrize("change", [{"provider_id": ["corrected"]}, {"model_version": ["ffffffffffff"]}])
    def test_a_corrected_claim_and_one_of_another_model_are_replaced(self, change):
        earlier = self.ranked(claim_id=["a", "b"], fraud_score=[1.0, 2.0])
        again = {
            "claim_id": ["a"],
            "fraud_score": [0.5],
            "scored_at": pd.to_datetime(["2026-06-30"]).tolist(),
            **change,
        }
        merged = merge_scores(earlier, self.scored(**again), COLUMNS).set_index("claim_id")
        assert merged["scored_at"].to_dict() == {"a": pd.Timestamp("2026-06-30"), "b": pd.Timestamp("2026-01-01")}
        assert merged.loc["a", "fraud_score"] == 0.5

    def test_claims_that_are_new_are_added(self):
        earlier = self.ranked(claim_id=["a"], fraud_score=[1.0])
        merged = merge_scores(earlier, self.scored(claim_id=["b"], fraud_score=[2.0]), COLUMNS)
        assert rank_claims(merged, COLUMNS, settings())["claim_id"].tolist() == ["b", "a"]

    def test_leaves_its_inputs_alone(self):
        earlier, again = self.ranked(fraud_score=[1.0, 2.0]), self.scored(fraud_score=[1.0])
        before = earlier.copy(), again.copy()
        merge_scores(earlier, again, COLUMNS)
        pd.testing.assert_frame_equal(earlier, before[0])
        pd.testing.assert_frame_equal(again, before[1])


class TestScoreClaims:
    def test_learned_claims_keep_the_score_of_cross_fitting_and_others_get_the_models(
        self, claims, model, training_scores
    ):
        table = score_claims(claims, model, training_scores, COLUMNS, settings()).set_index("claim_id")
        learned = training_scores.set_index("claim_id")["fraud_score"]
        pd.testing.assert_series_equal(table["fraud_score"].head(200), learned)
        np.testing.assert_array_equal(table["fraud_score"].tail(100), model.compute_fraud_scores(claims.tail(100))[0])

    def test_without_training_scores_the_model_scores_all(self, claims, model):
        table = score_claims(claims, model, None, COLUMNS, settings())
        np.testing.assert_array_equal(table["fraud_score"], model.compute_fraud_scores(claims)[0])

    def test_a_batch_of_learned_claims_only_needs_no_model(self, claims, model, training_scores):
        table = score_claims(claims.head(5), model, training_scores, COLUMNS, settings())
        assert table["fraud_score"].tolist() == training_scores["fraud_score"].head(5).tolist()

    def test_the_row_says_whose_it_is_and_what_scored_it_when(self, claims, model, training_scores):
        table = score_claims(claims, model, training_scores, COLUMNS, settings())
        assert list(table)[: len(ROLES)] == ROLES
        assert table["claim_id"].tolist() == claims["claim_id"].tolist()
        assert set(table["model_type"]) == {"catboost"}
        assert set(table["model_version"]) == {model.model_version_}
        assert set(table["scored_at"]) == {pd.Timestamp("2026-06-30T08:00:00")}

    def test_surprises_are_of_scored_columns_only_and_sum_to_the_score(self, claims, model, training_scores):
        table = score_claims(claims, model, training_scores, COLUMNS, settings())
        surprises = [name for name in table if name.startswith("surprise_")]
        assert surprises == ["surprise_code", "surprise_amount"]
        np.testing.assert_allclose(table[surprises].sum(axis=1), table["fraud_score"])

    def test_leaves_its_inputs_alone(self, claims, model, training_scores):
        before = claims.copy(), training_scores.copy()
        score_claims(claims, model, training_scores, COLUMNS, settings())
        pd.testing.assert_frame_equal(claims, before[0])
        pd.testing.assert_frame_equal(training_scores, before[1])


class TestCheckModelFits:
    @pytest.mark.parametrize(
        "same",
        [
            {},
            {"categorical": ("region", "race", "code")},
            {"categorical": ("code", "region"), "protected": {"region": "context"}},
        ],
        ids=["as trained", "in another order", "without what the model never saw"],
    )
    def test_accepts_the_columns_that_the_model_knows(self, model, same):
        check_model_fits(model, COLUMNS.model_copy(update=same))

    @pytest.mark.parametrize(
        ("changes", "differing"),
        [
            ({"categorical": ("code", "region", "race", "specialty")}, "specialty"),
            ({"numeric": ("amount", "days")}, "days"),
            ({"protected": {"race": "none"}}, "region"),
            ({"protected": {"region": "context"}}, "race"),
        ],
    )
    def test_refuses_others_and_names_them(self, model, changes, differing):
        with pytest.raises(InputError) as raised:
            check_model_fits(model, COLUMNS.model_copy(update=changes))
        assert f"it differs in {differing}. Restore the configuration, or train again" in str(raised.value)
