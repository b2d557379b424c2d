"""Counts that are mostly 0 and suspicious when high: an event counts by how seldom claims like it have one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.kinds import NumberEncoder

REPEATED = {"visit": 0.02, "therapy": 0.4}
SETTINGS = {"suspicious_direction": {"repeats": "high"}, "derived_from": {"repeats": [], "days_since": []}}


def draw(rows: int, seed: int) -> pd.DataFrame:
    """Draw claims of which therapy is often billed again and a visit seldom; the days since say that it was."""
    rng = np.random.default_rng(seed)
    code = rng.choice(list(REPEATED), rows)
    repeats = (rng.random(rows) < pd.Series(code).map(REPEATED)).astype(float)
    days = np.where(repeats > 0, rng.integers(1, 9, rows), np.nan)
    amount = np.where(code == "visit", 100, 60) * rng.lognormal(0, 0.1, rows)
    return pd.DataFrame({"code": code, "amount": amount.round(2), "repeats": repeats, "days_since": days})


@pytest.fixture(scope="module")
def claims() -> pd.DataFrame:
    return draw(2_000, 0)


@pytest.fixture(scope="module", params=["catboost", "xgboost"])
def model(request, claims) -> ClaimsTreeAutoencoder:
    model = ClaimsTreeAutoencoder(request.param, n_folds=2, n_estimators=8, n_jobs=1, **SETTINGS)
    model.fit(claims, ["code"], ["amount", "repeats", "days_since"])
    return model


def test_which_columns_count_events():
    mostly_none = pd.Series([0.0] * 9 + [1.0])
    assert NumberEncoder.fit(mostly_none, "high").counts_events
    assert not NumberEncoder.fit(mostly_none).counts_events
    assert not NumberEncoder.fit(mostly_none, "low").counts_events
    assert not NumberEncoder.fit(pd.Series([0.0, 1.0, 2.0]), "high").counts_events
    assert not NumberEncoder.fit(pd.Series([0.0] * 9 + [-1.0]), "high").counts_events


def test_an_event_that_is_seldom_counts_though_the_rest_of_the_claim_bears_it_out(model, claims):
    judgement = model.training_judgement_
    seldom = (claims["code"] == "visit") & (claims["repeats"] > 0)
    assert (model.percentile(judgement.scores)[seldom] > 90).mean() > 0.9
    assert judgement.parts[seldom].mean().idxmax() == "repeats"


def test_an_event_that_is_usual_counts_little(model, claims):
    event, parts = claims["repeats"] > 0, model.training_judgement_.parts["repeats"]
    visit = claims["code"] == "visit"
    assert parts[event & visit].median() > 1.5 * parts[event & ~visit].median()


def test_no_event_adds_nothing(model, claims):
    none = claims["repeats"] == 0
    contradicted = none & ~model.training_judgement_.by_rarity
    assert (model.training_judgement_.parts.loc[contradicted, "repeats"] == 0).all()


def test_more_events_count_little_more_than_one(model, claims):
    one = claims[(claims["code"] == "visit") & (claims["repeats"] == 1)].head(5)
    assert model.judge(one.assign(repeats=3.0)).scores == pytest.approx(model.judge(one).scores, rel=0.5)


def test_it_is_saved_and_loaded(model, claims, tmp_path):
    model.save(tmp_path / "model")
    again = ClaimsTreeAutoencoder.load(tmp_path / "model")
    new = draw(200, 1)
    assert np.array_equal(again.judge(new).scores, model.judge(new).scores)


def test_the_first_event_of_all_is_as_surprising_as_so_many_rows_without_one():
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"code": random.choice(["x", "y"], 200), "amount": random.normal(100, 10, 200), "repeats": 0.0})
    model = ClaimsTreeAutoencoder(n_estimators=2, n_jobs=1, n_folds=2, suspicious_direction={"repeats": "high"})
    _, parts = model.fit(rows, ["code"], ["amount", "repeats"])
    assert (parts["repeats"] == 0).all()
    _, parts = model.compute_fraud_scores(rows.head(2).assign(repeats=[0.0, 1.0]))
    assert parts["repeats"].iloc[0] == 0
