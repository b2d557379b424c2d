"""How well an attribute can be guessed, and what its roles change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder.boosters import BoosterSettings
from claims_fraud.claims import Columns
from claims_fraud.fairness.proxies import proxy_strength
from claims_fraud.fairness.roles import compare_roles

SETTINGS = BoosterSettings(10, 3, 0.4, 0, 1)
ESTIMATOR = {
    "model_type": "xgboost", "n_folds": 3, "n_estimators": 3, "max_depth": 3, "learning_rate": 0.4, "max_classes": 8,
    "max_samples": 5_000, "max_inputs": 64, "seed": 0, "n_jobs": 1, "device": "cpu",
}  # fmt: skip
COLUMNS = Columns(
    procedure=None,
    claim_amount=None,
    categorical=("sex", "job", "code"),
    numeric=("days",),
    protected=["sex"],
)


def claims(rows: int = 1_200, tied: float = 0.9) -> pd.DataFrame:
    """Return claims whose job goes with the sex in a share of the rows."""
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], rows)
    follows = rng.random(rows) < tied
    return pd.DataFrame(
        {
            "patient_id": [f"P{number}" for number in rng.integers(0, rows // 3, rows)],
            "provider_id": [f"D{number}" for number in rng.integers(0, 50, rows)],
            "sex": sex,
            "job": np.where(follows, np.where(sex == "f", "nurse", "fitter"), rng.choice(["nurse", "fitter"], rows)),
            "code": rng.choice(list("abc"), rows),
            "days": rng.integers(0, 30, rows).astype(float),
        }
    )


def strength(data: pd.DataFrame, **changes):
    given = {"categorical": ["job", "code"], "numeric": ["days"], "people": "patient_id", "settings": SETTINGS}
    return proxy_strength(data, "sex", None, **{**given, **changes})


class TestProxies:
    def test_what_goes_with_an_attribute_gives_it_away(self):
        found = strength(claims())
        # 95 of 100 have the job of their sex.
        assert found["auroc"] == pytest.approx(0.95, abs=0.02)
        assert found["explained"] == pytest.approx(1 - 0.1985 / np.log(2), abs=0.05)
        assert found["columns"][0]["column"] == "job"
        assert found["columns"][0]["weight"] > 0.9

    def test_what_goes_with_nothing_is_chance(self):
        found = strength(claims(tied=0.0))
        assert found["auroc"] == pytest.approx(0.5, abs=0.05)
        assert found["explained"] < 0.02

    def test_a_person_is_not_known_again(self):
        data = claims(tied=0.0)
        data["sex"] = np.where(data["patient_id"].str[-1].isin(list("02468")), "f", "m")
        # A number a person has on every claim says who it is, and nothing of others.
        data["days"] = data["patient_id"].str[1:].astype(float) * 7919 % 1009
        assert strength(data)["auroc"] < 0.6

    def test_there_may_be_nothing_to_tell(self):
        assert strength(claims().head(99)) is None
        assert strength(claims().assign(sex="f")) is None
        assert strength(claims(), categorical=[], numeric=[]) is None


class TestRoles:
    rows = compare_roles(claims(), COLUMNS, ["sex"], {}, ESTIMATOR)

    def test_there_is_a_row_a_role(self):
        assert [(row["attribute"], row["role"], row["configured"]) for row in self.rows] == [
            ("sex", "context", True),
            ("sex", "scored", False),
            ("sex", "none", False),
        ]

    def test_all_have_the_same_to_find(self):
        assert len({row["base_rate"] for row in self.rows}) == 1
        assert all(0 < row["average_precision"] <= 1 for row in self.rows)

    def test_groups_are_those_of_the_half_that_is_scored(self):
        for row in self.rows:
            assert sum(group["n"] for group in row["groups"].values()) == 600
            assert 0 < sum(group["flagged"] for group in row["groups"].values()) <= 30

    def test_a_swapped_job_is_found_by_those_who_know_the_sex(self):
        found = {row["role"]: row["average_precision"] for row in self.rows}
        assert found["context"] > found["none"]

    def test_few_claims_tell_nothing(self):
        assert compare_roles(claims(150), COLUMNS, ["sex"], {}, ESTIMATOR) == []
