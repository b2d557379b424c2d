"""How far two models agree, and by which rules one may take the other's place."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.evaluation import ranks, top_size
from claims_fraud.claims import Columns
from claims_fraud.comparison import agreement, compared, drift_of, fairness_of, problems
from claims_fraud.drift import Limits, ReferenceProfile
from claims_fraud.parameters import FairnessParameters, PromotionParameters

RULES = PromotionParameters()
COLUMNS = Columns(procedure=None, categorical=("code",), numeric=("claim_amount",), protected=[])


class TestRanks:
    def test_the_highest_is_first_and_equal_ones_keep_their_order(self):
        assert ranks(np.array([1.0, 3.0, 3.0, 2.0])).tolist() == [4, 1, 2, 3]

    @pytest.mark.parametrize(("n", "size"), [(1, 1), (100, 1), (101, 2), (700, 7), (20_000, 200)])
    def test_the_top_is_one_in_a_hundred_rounded_up(self, n, size):
        assert top_size(n, 1) == size


class TestAgreement:
    def test_of_a_model_with_itself(self):
        scores = np.arange(300.0)
        expected = {"n": 300, "rank_correlation": 1.0, "top": 3, "top_overlap": 1.0, "enter": 0}
        assert agreement(scores, scores) == pytest.approx(expected)

    def test_of_the_reverse(self):
        scores = np.arange(300.0)
        expected = {"n": 300, "rank_correlation": -1.0, "top": 3, "top_overlap": 0.0, "enter": 3}
        assert agreement(scores, -scores) == pytest.approx(expected)

    def test_one_of_three_comes_new(self):
        scores = np.arange(300.0)
        other = scores.copy()
        other[0] = 1_000
        found = agreement(other, scores)
        assert (found["top_overlap"], found["enter"]) == (pytest.approx(2 / 3), 1)

    def test_of_a_model_that_tells_nothing_apart(self):
        assert agreement(np.zeros(10), np.arange(10.0))["rank_correlation"] == 0.0

    @given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=300), st.randoms())
    def test_is_the_same_from_both_sides_and_within_bounds(self, values, random):
        one = np.array(values)
        other = np.array(random.sample(values, len(values)))
        found, back = agreement(one, other), agreement(other, one)
        assert found == pytest.approx(back)
        assert -1.000001 <= found["rank_correlation"] <= 1.000001
        assert 0 <= found["top_overlap"] <= 1
        assert 0 <= found["enter"] <= found["top"]


@pytest.fixture(scope="module")
def claims():
    rng = np.random.default_rng(0)
    code = rng.choice(["visit", "surgery"], 400)
    amount = np.where(code == "visit", 100, 9_000) * rng.lognormal(0, 0.2, 400)
    amount[:3] = 100_000.0
    ids = {"claim_id": [f"c{n:03d}" for n in range(400)], "provider_id": [f"p{n % 9}" for n in range(400)]}
    return pd.DataFrame({**ids, "code": code, "claim_amount": amount})


def judged(model, claims):
    return model, model.judge(claims)


class TestCompared:
    @staticmethod
    def fitted(claims, **settings):
        model = ClaimsTreeAutoencoder(n_jobs=1, **settings)
        model.fit(claims, ["code"], ["claim_amount"])
        return model

    def test_claims_that_enter_or_leave_with_the_reason_of_who_ranks_them_higher(self, claims):
        champion = self.fitted(claims)
        challenger = self.fitted(claims, suspicious_direction={"claim_amount": "low"})
        agreed, moved = compared(claims, judged(challenger, claims), judged(champion, claims), COLUMNS)
        assert agreed["top"] == 4
        assert moved["change"].tolist() == ["enters"] * agreed["enter"] + ["leaves"] * agreed["enter"]
        assert agreed["enter"] > 0
        entering, leaving = (moved[moved["change"] == change] for change in ("enters", "leaves"))
        assert (entering["challenger_rank"] <= 4).all()
        assert (entering["champion_rank"] > 4).all()
        assert (leaving["champion_rank"] <= 4).all()
        assert (leaving["challenger_rank"] > 4).all()
        # Amounts that are high for their code, which the challenger does not suspect.
        assert leaving["reason"].str.startswith("claim_amount ").all()
        assert (leaving["challenger_score"] < leaving["champion_score"]).all()

    def test_a_model_moves_no_claim_against_itself(self, claims):
        model = self.fitted(claims)
        agreed, moved = compared(claims, judged(model, claims), judged(model, claims), COLUMNS)
        assert (agreed["enter"], len(moved)) == (0, 0)
        assert list(moved) == [
            "claim_id",
            "provider_id",
            "change",
            "challenger_rank",
            "champion_rank",
            "challenger_score",
            "champion_score",
            "reason",
        ]


class TestFairnessOf:
    columns = Columns(procedure=None, categorical=("sex", "region"), numeric=("claim_amount",), protected=("sex",))

    def test_names_the_groups_that_its_flags_are_biased_on_and_no_other(self):
        claims = pd.DataFrame({"sex": ["f"] * 2_000 + ["m"] * 2_000 + [None]})
        scores = np.arange(len(claims)) % 100 + np.where(claims["sex"] == "f", 40.0, 0.0)
        found = fairness_of(claims, scores, self.columns, FairnessParameters(), 90.0)
        assert found == {
            "threshold_percentile": 90.0,
            "verdict": "biased",
            "attributes": {"sex": {"verdict": "biased", "biased": ["f", "m"]}},
        }

    def test_what_cannot_be_analysed_is_told(self):
        claims = pd.DataFrame({"sex": ["f"] * 500})
        found = fairness_of(claims, np.arange(500.0), self.columns, FairnessParameters(), 90.0)
        assert (found["verdict"], list(found["attributes"]["sex"])) == ("insufficient", ["error"])


class TestDriftOf:
    def test_of_features_and_of_the_score(self):
        rng = np.random.default_rng(0)
        learned = pd.DataFrame(
            {
                "code": rng.choice(["a", "b"], 3_000),
                "fraud_score": rng.normal(size=3_000),
                "surprise_code": rng.normal(size=3_000),
            }
        )
        profile = ReferenceProfile.fit(learned, ["code"], [], ["fraud_score", "surprise_code"])
        later = pd.DataFrame({"code": rng.choice(["a", "b"], 1_000, p=[0.9, 0.1])})
        found = drift_of(later, rng.normal(size=1_000), profile, Limits())
        assert (found["verdict"], found["drifted"], found["drifting"]) == ("drifted", ["code"], [])
        assert 0 < found["score_psi"] < 0.05
        found = drift_of(learned[["code"]], rng.normal(0.4, 1, 3_000), profile, Limits())
        assert (found["verdict"], found["drifted"], found["drifting"]) == ("drifting", [], ["fraud_score"])


def report(challenger: dict, champion: dict, **agreed: float) -> dict:
    measures = [
        {name: {"average_precision": value} for name, value in model.items()} for model in (challenger, champion)
    ]
    agreed = {"rank_correlation": 0.9, "top_overlap": 0.5, **agreed}
    return {"challenger": measures[0], "champion": measures[1], "agreement": agreed}


class TestProblems:
    def test_none_where_the_challenger_is_as_good(self):
        assert problems(report({"swapped": 0.2}, {"swapped": 0.2}), RULES) == []

    def test_none_a_little_below(self):
        assert problems(report({"swapped": 0.19}, {"swapped": 0.2}), RULES) == []

    def test_each_rule_that_is_broken_is_told(self):
        found = report({"swapped": 0.18, "labelled": 0.3}, {"swapped": 0.2, "labelled": 0.4}, rank_correlation=0.4)
        found["agreement"]["top_overlap"] = 0.1
        assert problems(found, RULES) == [
            "its average precision on swapped values is 0.180, the champion's is 0.200, and "
            "promotion.min_swapped_ratio is 0.95",
            "its average precision on labelled fraud is 0.300, the champion's is 0.400, and "
            "promotion.min_labelled_ratio is 0.9",
            "the rank correlation with the champion is 0.40, and promotion.min_rank_correlation is 0.5",
            "the share of the top 1 % that both name is 0.10, and promotion.min_top_overlap is 0.2",
        ]

    def test_labels_count_where_both_were_measured_by_them(self):
        assert problems(report({"swapped": 0.2, "labelled": 0.1}, {"swapped": 0.2}), RULES) == []

    def test_without_a_champion_nothing_is_compared(self):
        assert problems(alone(judged_as(["f"], ["amount"])), RULES) == []

    def test_what_is_never_allowed_holds_without_a_champion_too(self):
        rules = PromotionParameters(allow_biased="never", allow_drifted="never")
        assert problems(alone(judged_as(["f", "m"], ["amount", "fraud_score"])), rules) == [
            "its flags are biased (sex f, sex m), and promotion.allow_biased is never",
            "the claims have drifted from those that it learned from (amount, fraud_score), and "
            "promotion.allow_drifted is never",
        ]
        assert problems(alone(judged_as([], [])), rules) == []

    def test_bias_and_drift_that_the_champion_has_not(self):
        found = report({"swapped": 0.2}, {"swapped": 0.2})
        found["challenger"] |= judged_as(["f", "m"], ["amount", "fraud_score"])
        found["champion"] |= judged_as(["m"], ["amount"])
        assert problems(found, RULES) == [
            "its flags are biased (sex f), as the champion's are not, and promotion.allow_biased is as_champion",
            "the claims have drifted from those that it learned from (fraud_score), as they have not from the "
            "champion's, and promotion.allow_drifted is as_champion",
        ]
        assert problems(found, PromotionParameters(allow_biased="always", allow_drifted="always")) == []
        found["challenger"] |= judged_as(["m"], [])
        assert problems(found, RULES) == []

    @pytest.mark.parametrize("lacking", ["challenger", "champion"])
    def test_bias_and_drift_count_where_they_were_measured_of_both(self, lacking):
        found = report({"swapped": 0.2}, {"swapped": 0.2})
        for name in {"challenger", "champion"} - {lacking}:
            found[name] |= judged_as(["f"], ["amount"])
        assert problems(found, RULES) == []


def judged_as(biased: list[str], drifted: list[str]) -> dict:
    return {
        "fairness": {"attributes": {"sex": {"biased": biased}, "race": {"error": "-"}}},
        "drift": {"drifted": drifted},
    }


def alone(challenger: dict) -> dict:
    return {"challenger": challenger, "champion": None, "agreement": None}
