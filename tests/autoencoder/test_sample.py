"""The rules of reasons and of new codes on the built-in sample, by one small model of it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.claims import Columns, DataIngestion
from claims_fraud.claims.history import history_sources
from claims_fraud.scores import training_score_table
from reason_rules import COUNTED, RANGED, refuted, whole
from support import REPOSITORY

COLUMNS = Columns()
# Where the claims after the first window begin to be new.
LEARNED = 6_000


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    raw = pd.read_parquet(REPOSITORY / "data" / "01_raw" / "claims_train.parquet")
    features, _ = DataIngestion(COLUMNS, as_of=date(2026, 6, 30)).run(raw)
    complete = features[features["history_complete"]]
    return complete.sample(frac=1, random_state=0).reset_index(drop=True)


@pytest.fixture(scope="module")
def model(sample: pd.DataFrame) -> ClaimsTreeAutoencoder:
    model = ClaimsTreeAutoencoder(
        "xgboost",
        n_folds=2,
        n_estimators=8,
        n_jobs=1,
        max_samples=2_000,
        context_features=COLUMNS.context_features,
        suspicious_direction=COLUMNS.directions,
        derived_from=history_sources(COLUMNS),
    )
    learned = sample.head(LEARNED)
    model.fit(learned, COLUMNS.model_categorical, COLUMNS.model_numeric, groups=learned[COLUMNS.provider])
    return model


@pytest.fixture(scope="module")
def reasons(sample: pd.DataFrame, model: ClaimsTreeAutoencoder) -> pd.DataFrame:
    """Return the reasons of the claims learned from, the most suspicious first."""
    table = training_score_table(sample.head(LEARNED), model, COLUMNS)
    table = table.assign(**{name: sample[name].head(LEARNED) for name in COLUMNS.model_numeric})
    return table.sort_values("fraud_score", ascending=False, ignore_index=True)


def said(reasons: pd.DataFrame) -> list[str]:
    every = reasons[["reason_1", "reason_2", "reason_3"]].to_numpy().ravel()
    return [sentence for sentence in every if not pd.isna(sentence)]


def usually_zero(model: ClaimsTreeAutoencoder) -> list[str]:
    return [name for name, encoder in model.encoders_.items() if getattr(encoder, "usually_zero", False)]


def test_the_first_hundred_claims_have_reasons_that_hold(reasons, model):
    assert {"possible_duplicates", "same_procedure_same_day"} <= set(usually_zero(model))
    first = said(reasons.head(100))
    assert reasons.head(100)["reason_1"].notna().mean() >= 0.95
    assert refuted(first, usually_zero(model)) == []
    quoting = [sentence for sentence in first if COUNTED.search(sentence) or RANGED.search(sentence)]
    assert len(quoting) > 50


def test_no_reason_of_any_claim_comes_from_the_absence_of_something(reasons, model):
    broken = refuted(said(reasons), usually_zero(model))
    assert [sentence for sentence, rules in broken if rules == ["a reason from the absence of something"]] == []


def test_fewer_than_thirty_comparable_claims_are_never_quoted(reasons):
    quoted = [COUNTED.search(sentence) or RANGED.search(sentence) for sentence in said(reasons)]
    counts = [whole(found["comparable"]) for found in quoted if found]
    assert len(counts) > 1000
    assert min(counts) >= 30


def test_history_does_not_lead_the_reasons(reasons):
    first = reasons["reason_1"].head(100).str.split(" ").str[0]
    assert first.isin(history_sources(COLUMNS)).mean() < 0.5


def test_a_bill_that_was_inflated_is_named_by_its_amount(sample, model):
    inflated = sample.tail(200).assign(claim_amount=lambda rows: rows["claim_amount"] * 6)
    judgement = model.judge(inflated)
    assert (model.percentile(judgement.scores) > 95).mean() > 0.8
    first = model.reasons(inflated, judgement, top=1)["reason_1"]
    assert first.str.startswith("claim_amount ").mean() > 0.8


class TestNewCodes:
    @staticmethod
    def flag_rates(model: ClaimsTreeAutoencoder, claims: pd.DataFrame, is_new: np.ndarray) -> tuple[float, float]:
        renamed = claims.assign(procedure_code=claims["procedure_code"].astype(object).where(~is_new, "99999"))
        flagged = model.percentile(model.judge(renamed).scores) > 99
        return float(flagged[is_new].mean()), float(flagged[~is_new].mean())

    def test_a_new_code_in_three_percent_of_the_claims_is_flagged_at_most_twice_as_often(self, sample, model):
        claims = sample.iloc[LEARNED:].reset_index(drop=True)
        new, other = self.flag_rates(model, claims, np.random.default_rng(0).random(len(claims)) < 0.03)
        assert new <= 2 * other

    def test_a_new_code_is_never_seen(self, sample, model):
        new = sample.tail(20).assign(procedure_code="99999")
        found = model.explain(new, top=None).query("column == 'procedure_code'")["sentence"]
        assert set(found) == {f"procedure_code 99999; never seen in {LEARNED:,} claims"}
