"""The second stage learns what investigators found, from features and surprises, and says what it lacks."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.boosters import BoosterSettings
from claims_fraud.autoencoder.outcomes import OutcomeModel
from claims_fraud.errors import InputError

SETTINGS = BoosterSettings(n_estimators=40, max_depth=3, learning_rate=0.2, seed=0, threads=1)
ROWS = 600


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(0)
    code = rng.choice(["visit", "surgery", "lab", None], ROWS, p=[0.4, 0.3, 0.2, 0.1])
    amount = np.where(rng.random(ROWS) < 0.05, np.nan, rng.lognormal(5, 1, ROWS))
    return pd.DataFrame({"code": code, "amount": amount, "note": "not looked at"})


@pytest.fixture(scope="module")
def surprises():
    rng = np.random.default_rng(1)
    return pd.DataFrame({"code": rng.random(ROWS), "amount": rng.random(ROWS)})


@pytest.fixture(scope="module")
def fraud(features, surprises):
    """Planted: surgeries, and whatever has a surprising amount."""
    return ((features["code"] == "surgery") & (surprises["code"] > 0.3)) | (surprises["amount"] > 0.8)


@pytest.fixture(scope="module")
def outcomes(fraud):
    """Known of two claims in three."""
    return fraud.astype(float).where(fraud.index % 3 > 0)


def learned(features, surprises, outcomes, settings=SETTINGS, **more) -> OutcomeModel:
    return OutcomeModel.fit(features, surprises, outcomes, ["code"], ["amount"], settings, **more)


@pytest.fixture(scope="module")
def model(features, surprises, outcomes):
    return learned(features, surprises, outcomes)


class TestFit:
    def test_learns_a_planted_pattern_of_features_and_surprises(self, model, features, surprises, fraud, outcomes):
        unknown = outcomes.isna().to_numpy()
        probability = model.probability(features[unknown], surprises[unknown])
        assert roc_auc_score(fraud[unknown], probability) > 0.95
        assert ((probability >= 0) & (probability <= 1)).all()

    def test_claims_without_an_outcome_are_not_learned_from(self, model, features, surprises, outcomes):
        known = outcomes.notna()
        assert learned(features[known], surprises[known], outcomes[known]) == model

    def test_the_same_claims_make_the_same_model_and_threads_say_the_same(self, model, features, surprises, outcomes):
        assert learned(features, surprises, outcomes) == model
        other = learned(features, surprises, outcomes, replace(SETTINGS, threads=2))
        np.testing.assert_array_equal(
            other.probability(features, surprises), model.probability(features, surprises), strict=True
        )

    def test_members_differ_in_their_seed_and_in_what_they_see(self, model):
        assert len(set(model.members)) == len(model.members) == 4

    @pytest.mark.parametrize("kind", [bool, "Int64", "boolean", object])
    def test_outcomes_of_any_type(self, features, surprises, fraud, kind):
        model = learned(features, surprises, fraud.astype(kind), n_members=1)
        assert model == learned(features, surprises, fraud.astype(float), n_members=1)

    def test_the_input_is_not_changed(self, features, surprises, outcomes):
        before = features.copy(), surprises.copy(), outcomes.copy()
        learned(features, surprises, outcomes, n_members=1)
        pd.testing.assert_frame_equal(features, before[0])
        pd.testing.assert_frame_equal(surprises, before[1])
        pd.testing.assert_series_equal(outcomes, before[2])

    def test_on_the_surprises_of_the_autoencoder(self, make_claims):
        claims = make_claims(300, 3)
        autoencoder = ClaimsTreeAutoencoder(n_estimators=3, n_jobs=1)
        _, surprises = autoencoder.fit(claims, ["code", "specialty"], ["amount", "days"])
        found = pd.Series(np.where(claims["code"] == "surgery", 1.0, 0.0))
        model = OutcomeModel.fit(claims, surprises, found, ["code", "specialty"], ["amount", "days"], SETTINGS)
        later = make_claims(50, 4)
        probability = model.probability(later, autoencoder.compute_fraud_scores(later)[1])
        assert ((probability > 0.5) == (later["code"] == "surgery")).all()


class TestProbability:
    def test_of_each_row_alone(self, model, features, surprises):
        together = model.probability(features, surprises)
        alone = [model.probability(features[row : row + 1], surprises[row : row + 1])[0] for row in range(5)]
        np.testing.assert_array_equal(together[:5], alone)

    def test_of_unseen_codes_and_missing_values(self, model):
        odd = pd.DataFrame({"code": ["never seen", None, "visit"], "amount": [1e300, 5.0, np.nan]})
        assert np.isfinite(model.probability(odd, pd.DataFrame({"code": [0.0, np.nan, 9e9], "amount": 0.0}))).all()

    def test_of_no_rows(self, model, features, surprises):
        assert model.probability(features[:0], surprises[:0]).shape == (0,)


class TestSaveAndLoad:
    def test_to_the_bit(self, tmp_path, model, features, surprises):
        model.save(tmp_path / "model")
        loaded = OutcomeModel.load(tmp_path / "model")
        assert loaded == model
        np.testing.assert_array_equal(
            loaded.probability(features, surprises), model.probability(features, surprises), strict=True
        )

    def test_no_pickle(self, tmp_path, model):
        model.save(tmp_path / "model")
        names = sorted(path.name for path in (tmp_path / "model").rglob("*.*"))
        assert names == [*(f"00{number}.cbm" for number in range(4)), "model.json"]
        assert not [member for member in model.members if not member.startswith(b"CBM1")]

    def test_no_value_of_a_claim_is_in_the_json(self, tmp_path, model):
        model.save(tmp_path / "model")
        told = json.loads((tmp_path / "model" / "model.json").read_text())
        names = {"kind", "cat_features", "num_features", "surprises"}
        assert set(told) == names | {"files", "format_version", "model_version"}

    def test_an_autoencoder_is_refused_and_the_other_way_round(self, tmp_path, model, fitted):
        fitted.save(tmp_path / "autoencoder")
        model.save(tmp_path / "outcomes")
        with pytest.raises(InputError) as raised:
            OutcomeModel.load(tmp_path / "autoencoder")
        assert str(raised.value) == (
            f"model {tmp_path}/autoencoder is one of the pipeline training, and not of outcomes. Train again (`kedro "
            "run --pipelines=outcomes`), or give the folder of a whole model."
        )
        with pytest.raises(InputError, match="outcomes is one of the pipeline outcomes, and not of training"):
            ClaimsTreeAutoencoder.load(tmp_path / "outcomes")

    def test_a_missing_model_names_its_pipeline(self, tmp_path):
        with pytest.raises(InputError, match=re.escape("Train again (`kedro run --pipelines=outcomes`)")):
            OutcomeModel.load(tmp_path / "nowhere")


class TestMistakes:
    def message(self, *arguments) -> str:
        with pytest.raises(InputError) as raised:
            learned(*arguments)
        return str(raised.value)

    def test_too_few_outcomes_of_fraud(self, features, surprises, fraud):
        few = fraud.astype(float).where((fraud.cumsum() < 10) | ~fraud)
        assert self.message(features, surprises, few) == (
            f"of {few.notna().sum()} outcomes to learn from, 9 are fraud and {(few == 0).sum()} are not; at least 10 "
            "of each are needed. Wait until more claims have been investigated, or rank by the score alone."
        )

    def test_none_at_all(self, features, surprises, outcomes):
        assert self.message(features, surprises, outcomes * np.nan).startswith(
            "of 0 outcomes to learn from, 0 are fraud and 0 are not; at least 10 of each are needed."
        )

    def test_outcomes_that_are_neither_0_nor_1(self, features, surprises, outcomes):
        assert self.message(features, surprises, outcomes.replace(1.0, 2.0)) == (
            f"{int(outcomes.sum())} outcomes are neither 0 nor 1, such as 2.0. Write 1 for what turned out to be "
            "fraud, 0 for what did not, and leave those empty that nobody has looked at."
        )

    def test_lengths_that_differ(self, features, surprises, outcomes):
        assert self.message(features, surprises[:-1], outcomes) == (
            "600 claims came with surprises of 599 and 600 outcomes; give one a claim of each, in one order."
        )

    def test_a_missing_column(self, features, surprises, outcomes):
        assert self.message(features.rename(columns={"amount": "amuont"}), surprises, outcomes) == (
            "the data has no column 'amount', which the model uses; it has code, amuont, note. Did you mean 'amuont'?"
        )
