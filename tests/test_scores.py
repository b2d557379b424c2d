"""The tables of scores: what is said of a claim, field by field, and only by a model that fits the columns."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.claims import Columns
from claims_fraud.errors import InputError
from claims_fraud.parameters import ScoringParameters
from claims_fraud.scores import (
    check_model_fits,
    duplicate_phrases,
    fraud_scores_schema,
    score_claims,
    scored_schema,
    training_score_table,
    with_flags,
)

COLUMNS = Columns(
    claim_amount="amount",
    procedure="code",
    categorical=("code", "region", "race"),
    numeric=("amount",),
    protected=["region", {"race": "none"}],
)
SCORED_AT = datetime(2026, 6, 30, 8, 0)
ROLES = ["claim_id", "claim_date", "patient_id", "provider_id", "code", "region", "race", "amount"]
OWN = [*ROLES, "possible_duplicate_of"]


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
            "possible_duplicate_of": [None, *(f"c{number:03d}" for number in range(299))],
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


@pytest.fixture(scope="module")
def known(claims, training_scores):
    """Return all claims, those that the model learned from with their training scores beside them."""
    return claims.merge(training_scores.drop(columns="model_version"), on="claim_id", how="left")


class TestScoreClaims:
    def test_learned_claims_keep_the_score_of_cross_fitting_and_others_get_the_models(
        self, claims, known, model, training_scores
    ):
        table = score_claims(known, model, COLUMNS, SCORED_AT).set_index("claim_id")
        learned = training_scores.set_index("claim_id")["fraud_score"]
        pd.testing.assert_series_equal(table["fraud_score"].head(200), learned)
        np.testing.assert_array_equal(table["fraud_score"].tail(100), model.compute_fraud_scores(claims.tail(100))[0])

    def test_without_training_scores_the_model_scores_all(self, claims, model):
        table = score_claims(claims, model, COLUMNS, SCORED_AT)
        np.testing.assert_array_equal(table["fraud_score"], model.compute_fraud_scores(claims)[0])

    def test_a_batch_of_learned_claims_only_needs_no_model(self, known, model, training_scores, monkeypatch):
        monkeypatch.setattr(ClaimsTreeAutoencoder, "judge", None)
        table = score_claims(known.head(5), model, COLUMNS, SCORED_AT)
        assert table["fraud_score"].tolist() == training_scores["fraud_score"].head(5).tolist()

    def test_learned_claims_keep_their_reasons_and_surprises(self, known, model, training_scores):
        table = score_claims(known.head(200), model, COLUMNS, SCORED_AT)
        said = ["fraud_percentile", "reason_1", "reason_2", "reason_3", "surprise_code", "surprise_amount"]
        pd.testing.assert_frame_equal(table[said], training_scores[said])

    def test_the_order_of_the_claims_is_kept_whatever_the_model_knows_of_them(self, known, model):
        mixed = known.sample(frac=1, random_state=0)
        assert score_claims(mixed, model, COLUMNS, SCORED_AT)["claim_id"].tolist() == mixed["claim_id"].tolist()

    def test_no_claims_have_the_columns_too(self, known, model):
        for nothing in (known.head(0), known[OWN].head(0)):
            assert list(score_claims(nothing, model, COLUMNS, SCORED_AT)) == scored_schema(COLUMNS).names

    def test_the_row_says_whose_it_is_and_what_scored_it_when(self, claims, known, model):
        table = score_claims(known, model, COLUMNS, SCORED_AT)
        assert list(table)[: len(OWN)] == OWN
        assert table["claim_id"].tolist() == claims["claim_id"].tolist()
        assert table["possible_duplicate_of"].tolist() == claims["possible_duplicate_of"].tolist()
        assert set(table["model_type"]) == {"catboost"}
        assert set(table["model_version"]) == {model.model_version_}
        assert set(table["scored_at"]) == {pd.Timestamp("2026-06-30T08:00:00")}

    def test_surprises_are_of_scored_columns_only_and_sum_to_the_score(self, known, model):
        table = score_claims(known, model, COLUMNS, SCORED_AT)
        surprises = [name for name in table if name.startswith("surprise_")]
        assert surprises == ["surprise_code", "surprise_amount"]
        np.testing.assert_allclose(table[surprises].sum(axis=1), table["fraud_score"])

    def test_leaves_its_input_alone(self, known, model):
        before = known.copy()
        score_claims(known, model, COLUMNS, SCORED_AT)
        pd.testing.assert_frame_equal(known, before)


class TestExcess:
    def test_it_is_what_the_amount_exceeds_four_of_five_comparable_claims_by(self, claims, model):
        dear = claims.tail(20).assign(amount=20_000.0)
        table = score_claims(dear, model, COLUMNS, SCORED_AT)
        _, high = model.usual_range(dear, "amount")
        np.testing.assert_allclose(table["excess_amount"], 20_000 - high)
        assert high.max() < 12_000

    def test_an_ordinary_and_a_missing_amount_exceed_nothing(self, claims, model):
        visits = claims[claims["code"] == "visit"].tail(2).assign(amount=[50.0, np.nan])
        excess = score_claims(visits, model, COLUMNS, SCORED_AT)["excess_amount"]
        assert excess.iloc[0] == 0
        assert np.isnan(excess.iloc[1])


class TestDuplicatePhrases:
    claims = pd.DataFrame(
        {
            "possible_duplicate_of": ["C00016433", "C00016433", None, "C00016433"],
            "same_procedure_same_day": [1.0, 0.0, 1.0, np.nan],
            "possible_duplicates": [1.0, 1.0, 0.0, 0.0],
        }
    )

    def test_the_other_claim_is_named(self):
        said = duplicate_phrases(self.claims, Columns())
        assert said["same_procedure_same_day"].tolist()[0] == (
            "the same procedure was billed for this patient on the same day (claim C00016433)"
        )
        assert said["possible_duplicates"].tolist()[1] == (
            "the same procedure was billed for this patient at nearly the same amount before (claim C00016433)"
        )

    def test_claims_that_repeat_none_have_no_phrase(self):
        said = duplicate_phrases(self.claims, Columns())
        assert said["same_procedure_same_day"].isna().tolist() == [False, True, True, True]
        assert said["possible_duplicates"].isna().tolist() == [False, False, True, True]

    def test_without_links_there_are_none(self):
        assert duplicate_phrases(self.claims.drop(columns="possible_duplicate_of"), Columns()) == {}
        assert duplicate_phrases(self.claims[["possible_duplicate_of"]], Columns()) == {}


class TestWithFlags:
    ranked = pd.DataFrame(
        {
            **{name: ["same"] * 3 for name in scored_schema(COLUMNS).names},
            "rank": [1, 2, 3],
            "fraud_percentile": [99.5, 99.0, 98.0],
        }
    )

    def flags(self, **changes: object) -> list[bool]:
        scoring = ScoringParameters.model_validate({"scored_at": SCORED_AT, **changes})
        return with_flags(self.ranked, COLUMNS, scoring)["flagged"].tolist()

    def test_flags_are_strictly_above_the_threshold(self):
        assert self.flags() == [True, False, False]
        assert self.flags(threshold_percentile=98.5) == [True, True, False]

    def test_top_k_goes_before_the_threshold(self):
        assert self.flags(top_k=2, threshold_percentile=0) == [True, True, False]

    def test_a_batch_has_the_flags_of_the_whole(self):
        scoring = ScoringParameters.model_validate({"scored_at": SCORED_AT, "top_k": 2})
        assert with_flags(self.ranked.tail(2), COLUMNS, scoring)["flagged"].tolist() == [True, False]


class TestSchemas:
    def test_scored_claims_have_their_roles_and_what_the_model_says(self, claims, model):
        schema = scored_schema(COLUMNS)
        assert schema.names == list(score_claims(claims, model, COLUMNS, SCORED_AT))
        assert schema.names == [
            *OWN,
            "fraud_score",
            "fraud_percentile",
            "excess_amount",
            "reason_1",
            "reason_2",
            "reason_3",
            "surprise_code",
            "surprise_amount",
            "model_type",
            "model_version",
            "scored_at",
            "row_hash",
        ]

    def test_rank_and_flag_stand_beside_the_score(self):
        assert fraud_scores_schema(COLUMNS).names == [
            *OWN,
            "rank",
            "fraud_score",
            "fraud_percentile",
            "excess_amount",
            "flagged",
            "reason_1",
            "reason_2",
            "reason_3",
            "surprise_code",
            "surprise_amount",
            "model_type",
            "model_version",
            "scored_at",
            "row_hash",
        ]

    def test_each_column_has_a_type_and_a_description(self):
        schema = fraud_scores_schema(COLUMNS)
        types = {name: str(schema.field(name).type) for name in ("claim_date", "rank", "fraud_score", "flagged")}
        assert types == {
            "claim_date": "timestamp[us, tz=UTC]",
            "rank": "int64",
            "fraud_score": "double",
            "flagged": "bool",
        }
        assert all(field.metadata[b"comment"] for field in schema)
        assert schema.field("surprise_code").metadata == {b"comment": b"What code adds to the score"}
        assert schema.field("rank").metadata == {b"comment": b"Place, 1 the most suspicious"}


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
        assert f"it differs in {differing}. Restore the configuration, or train another" in str(raised.value)
