"""Numbers that seldom recur: evidence grows with how far they are from where their row has them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from claims_fraud.autoencoder.batch import Batch
from claims_fraud.autoencoder.location import LocationModel
from claims_fraud.autoencoder.location import _width_and_degrees as width_and_degrees


@pytest.fixture(scope="module")
def amounts(fitted_on_many, make_claims):
    """Return the evidence and the distance of ordinary visits billed so many times over, shape (factors, rows)."""
    factors = (1, 1.5, 2, 3, 6, 20, 1000)
    claims = make_claims(2000, 3)
    visits = claims[(claims["code"] == "visit") & claims["amount"].between(90, 110) & claims["days"].notna()].head(40)
    found = [evidence_of(fitted_on_many, visits.assign(amount=visits["amount"] * factor)) for factor in factors]
    return np.array([evidence for evidence, _ in found]), np.array([apart for _, apart in found])


def evidence_of(model, claims, name="amount"):
    encoders = list(model.encoders_.values())
    columns = [encoder.encode(claims[column]) for column, encoder in model.encoders_.items()]
    second = model.models_[name].second
    assert isinstance(second, LocationModel)
    return second.log_bayes_factor(model.models_[name].column, encoders, Batch(columns, model.cooccurrence_))


def test_a_larger_factor_is_never_less_evidence(amounts):
    evidence, _ = amounts
    assert (np.diff(np.median(evidence, axis=1)) > 0)[1:-1].all()
    assert (evidence[0] < 0).all()
    assert (evidence[3:] > 2).all()


def test_what_is_above_its_location_has_a_positive_distance(amounts):
    _, apart = amounts
    assert (np.diff(apart, axis=0) > 0).all()
    assert (apart[2:] > 0).all()


def test_a_missing_number_is_no_evidence(fitted_on_many, make_claims):
    evidence, apart = evidence_of(fitted_on_many, make_claims(5, 4).assign(amount=np.nan))
    assert evidence.tolist() == [0.0] * 5
    assert np.isnan(apart).all()


def test_a_small_amount_is_on_the_other_side(fitted_on_many, make_claims):
    claims = make_claims(50, 5)
    evidence, apart = evidence_of(fitted_on_many, claims.assign(amount=claims["amount"] / 20))
    assert (apart < 0).all()
    assert np.median(evidence) > 2


@pytest.mark.parametrize("degrees", [2.5, 4.0, 10.0])
def test_width_and_tail_are_those_of_the_residuals(degrees):
    residuals = np.abs(stats.t(degrees).rvs(50_000, random_state=0)) * 1.7
    width, found = width_and_degrees(residuals)
    assert width == pytest.approx(1.7, rel=0.05)
    assert found == pytest.approx(degrees, rel=0.35)


def test_two_percent_of_wrong_rows_hardly_move_width_and_tail():
    residuals = np.abs(stats.t(4).rvs(50_000, random_state=0))
    width, degrees = width_and_degrees(residuals)
    wrong = residuals.copy()
    wrong[:1000] = 1e6
    found = width_and_degrees(wrong)
    assert found[0] == pytest.approx(width, rel=0.05)
    assert found[1] == pytest.approx(degrees, rel=0.5)


@pytest.mark.parametrize("residuals", [np.zeros(0), np.zeros(9)])
def test_no_residuals_and_residuals_of_nothing(residuals):
    width, degrees = width_and_degrees(residuals)
    assert width > 0
    assert degrees > 0


def test_a_total_that_is_not_the_sum_of_its_parts_is_evidence_against_it(make_model):
    random = np.random.default_rng(1)
    data = pd.DataFrame({"kind": random.choice(["a", "b"], 900).astype(object)})
    for name, size in (("injury", 6), ("vehicle", 7)):
        data[name] = random.lognormal(size, 0.8, 900).round(2)
    data["total"] = data["injury"] + data["vehicle"]
    model = make_model("xgboost", n_estimators=2)
    model.fit(data, ["kind"], ["injury", "vehicle", "total"])
    assert model.models_["total"].second.booster is None
    broken = data.head(20).assign(total=lambda rows: rows["total"] * 1.3)
    assert (evidence_of(model, broken, "total")[0] > 5).all()
    assert (evidence_of(model, data.head(20), "total")[0] < 0).all()
    reasons = model.reasons(broken, model.judge(broken), top=1)["reason_1"]
    first = broken.iloc[0]
    expected = f"total {first['total']:,.0f}; injury + vehicle is {first['injury'] + first['vehicle']:,.0f}"
    assert (reasons.str.contains(" is ")).all()
    assert expected in set(model.explain(broken.head(1), top=None)["sentence"].dropna())
