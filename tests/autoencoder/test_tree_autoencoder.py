"""Behaviour of the estimator as its users see it, with both libraries."""

from __future__ import annotations

import json
import pickle
import re
import sys
import types

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.utils import estimator_checks

from claims_fraud.autoencoder import ClaimsTreeAutoencoder, checks
from claims_fraud.autoencoder.boosters import gpu_count, xgboost_has_cuda
from claims_fraud.autoencoder.column_model import ColumnModel
from claims_fraud.errors import InputError


@pytest.fixture
def swapped(claims):
    """Return the claims with 2 % of the amounts swapped against another code's, and which rows these are."""
    rng = np.random.default_rng(1)
    surgery = np.flatnonzero(claims["code"] == "surgery")
    other = np.flatnonzero(claims["code"] != "surgery")
    pairs = rng.choice(surgery, 9, replace=False), rng.choice(other, 9, replace=False)
    rows = np.concatenate(pairs)
    changed = claims.copy()
    changed.loc[rows, "amount"] = claims.loc[np.concatenate(pairs[::-1]), "amount"].to_numpy()
    return changed, np.isin(np.arange(len(claims)), rows)


def pickled(model):
    """Return the model as another process gets it."""
    return pickle.loads(pickle.dumps(model))  # noqa: S301 - our own


def odd_clinic(rows=900, clinics=8):
    """Return claims of clinics, each with a town of its own; the last one swaps the others' prices."""
    rng = np.random.default_rng(3)
    code = rng.choice(["visit", "xray"], rows)
    clinic = rng.integers(0, clinics, rows)
    own = clinic == clinics - 1
    price = np.where((code == "visit") ^ own, 100.0, 1000.0) * rng.lognormal(0, 0.1, rows)
    claims = pd.DataFrame({"code": code, "town": clinic.astype(str), "amount": price})
    return claims, pd.Series(clinic), own


class TestScores:
    def test_parts_are_not_negative_and_sum_to_the_score(self, fitted, claims):
        for scores, parts in (
            (fitted.training_judgement_.scores, fitted.training_judgement_.parts),
            fitted.compute_fraud_scores(claims),
        ):
            assert list(parts) == ["code", "specialty", "region", "amount", "days"]
            assert scores.shape == (900,)
            assert (parts.to_numpy() >= 0).all()
            assert np.array_equal(parts.to_numpy().sum(axis=1), scores)

    def test_scores_alone_are_those_that_come_with_expectations(self, fitted, claims):
        scores, parts = fitted.compute_fraud_scores(claims)
        judgement = fitted.judge(claims)
        assert np.array_equal(scores, judgement.scores)
        assert parts.equals(judgement.parts)

    def test_context_features_add_nothing_and_are_no_reason(self, fitted, claims):
        judgement = fitted.judge(claims)
        assert (judgement.parts["region"] == 0).all()
        reasons = [reason for reason in fitted.reasons(claims, judgement, top=5).to_numpy().ravel() if reason]
        assert len(reasons) > 100
        assert not any(reason.startswith("region ") for reason in reasons)

    def test_swapped_values_are_found(self, make_model, model_type, swapped, features):
        data, is_swapped = swapped
        scores, _ = make_model(model_type).fit(data, *features)
        assert roc_auc_score(is_swapped, scores) > 0.8

    def test_shuffled_labels_are_not_found(self, fitted):
        labels = np.random.default_rng(0).random((20, 900)) < 0.1
        found = [roc_auc_score(label, fitted.training_judgement_.scores) for label in labels]
        assert np.mean(found) == pytest.approx(0.5, abs=0.03)

    def test_input_is_never_changed(self, make_model, model_type, claims, features):
        before = claims.copy(deep=True)
        model = make_model(model_type, n_estimators=2)
        model.fit(claims, *features)
        model.explain(claims)
        pd.testing.assert_frame_equal(claims, before)

    def test_two_fits_are_equal(self, make_model, model_type, claims, tmp_path):
        found = []
        for name in ("one", "two"):
            model = make_model(model_type, n_estimators=5)
            scores, _ = model.fit(claims, ["code"], ["amount"])
            model.save(tmp_path / name)
            found.append((model.model_version_, scores.tolist()))
        assert found[0] == found[1]

    def test_another_seed_makes_other_models(self, make_model, claims, features):
        one, two = (
            make_model("xgboost", seed=seed, n_estimators=3).fit(claims, ["code"], ["amount"])[0] for seed in (0, 1)
        )
        assert not np.array_equal(one, two)

    def test_other_columns_are_ignored_and_the_index_does_not_matter(self, fitted, claims):
        other = claims.assign(label=1).set_index(pd.Index(np.arange(900) % 7))[["label", *claims.columns[::-1]]]
        assert np.array_equal(fitted.judge(other).scores, fitted.judge(claims).scores)
        assert fitted.reasons(other, fitted.judge(other)).index.equals(other.index)

    def test_rows_are_scored_one_at_a_time_as_all_at_once(self, fitted, claims, monkeypatch):
        whole = fitted.judge(claims)
        monkeypatch.setattr("claims_fraud.autoencoder.tree_autoencoder.BATCH_ROWS", 7)
        monkeypatch.setattr("claims_fraud.autoencoder.judgement.BATCH_ROWS", 3)
        batches = fitted.judge(claims.head(50))
        assert batches.scores == pytest.approx(whole.scores[:50], rel=1e-6)
        assert fitted.judge(claims.iloc[[3]]).scores[0] == pytest.approx(whole.scores[3], rel=1e-6)

    def test_no_rows_have_no_scores(self, fitted, claims):
        scores, parts = fitted.compute_fraud_scores(claims.head(0))
        assert scores.shape == (0,)
        assert parts.shape == (0, 5)
        assert fitted.reasons(claims.head(0), fitted.judge(claims.head(0))).shape == (0, 3)

    def test_odd_values_are_scored_too(self, fitted, claims):
        odd = pd.DataFrame(
            {
                "code": ["visit", "", None, "診断", 7],
                "specialty": [pd.NA, np.nan, None, "GP", "GP"],
                "region": ["north", "", None, "moon", True],
                "amount": [1e308, -1e308, np.nan, 0.0, 5e-324],
                "days": [None, -5, 10**12, 0.5, 1],
            }
        )
        scores, _ = fitted.compute_fraud_scores(odd)
        assert np.isfinite(scores).all()
        assert (fitted.percentile(scores[:2]) > 99).all()
        assert fitted.explain(odd, top=1)["sentence"].iloc[0].startswith("amount 1e+308; ")

    def test_new_claims_of_the_same_kind_are_flagged_about_one_time_in_a_hundred(self, fitted, make_claims):
        flagged = fitted.percentile(fitted.judge(make_claims(5000, 9)).scores) > 99
        assert 0.003 < flagged.mean() < 0.02


class TestDtypes:
    @pytest.mark.parametrize(
        "convert",
        [
            lambda claims: claims.convert_dtypes(),
            lambda claims: claims.convert_dtypes(dtype_backend="pyarrow"),
            lambda claims: claims.astype(dict.fromkeys(["code", "specialty", "region"], "string[pyarrow]")),
            lambda claims: claims.astype(dict.fromkeys(["code", "specialty", "region"], "category")),
            lambda claims: claims.astype({"amount": "Float64", "days": "Int64"}),
            lambda claims: claims.astype(object).where(claims.notna(), None),
        ],
        ids=["nullable", "arrow", "arrow strings", "category", "nullable numbers", "object"],
    )
    def test_scores_and_reasons_are_the_same_in_any_dtype(self, make_model, claims, features, convert):
        plain, converted = make_model("xgboost", n_estimators=3), make_model("xgboost", n_estimators=3)
        expected, _ = plain.fit(claims, *features)
        found, _ = converted.fit(convert(claims), *features)
        assert np.array_equal(found, expected)
        pd.testing.assert_frame_equal(
            converted.explain(convert(claims.head(50))), plain.explain(claims.head(50)), check_dtype=False
        )

    def test_text_columns_of_the_pandas_to_come(self, make_model, claims, features):
        expected, _ = make_model("xgboost", n_estimators=3).fit(claims, *features)
        with pd.option_context("future.infer_string", True):
            data = pd.DataFrame({name: claims[name].tolist() for name in claims})
            assert str(data["code"].dtype) == "str"
            model = make_model("xgboost", n_estimators=3)
            found, _ = model.fit(data, *features)
            sentences = model.explain(data)["sentence"]
        assert np.array_equal(found, expected)
        assert all(isinstance(sentence, str) for sentence in sentences.dropna())
        assert sentences.notna().any()

    def test_whole_codes_are_the_same_codes_when_a_null_makes_them_floats(self, make_model, model_type):
        codes = pd.Series(np.arange(300) % 3 + 99213)
        data = pd.DataFrame({"code": codes, "amount": codes * 2.0})
        model = make_model(model_type, n_estimators=3)
        model.fit(data, ["code"], ["amount"])
        with_null = data.astype({"code": float})
        with_null.loc[299, "code"] = np.nan
        assert np.array_equal(model.judge(with_null).scores[:299], model.judge(data).scores[:299])


class TestCrossFitting:
    def test_a_group_does_not_excuse_its_own_habits(self, make_model, model_type):
        claims, clinics, own = odd_clinic()
        random, _ = make_model(model_type).fit(claims, ["code", "town"], ["amount"])
        grouped, _ = make_model(model_type).fit(claims, ["code", "town"], ["amount"], groups=clinics)
        assert roc_auc_score(own, grouped) > 0.95
        assert roc_auc_score(own, random) < 0.7

    def test_the_order_of_rows_has_no_say_where_there_are_groups(self, make_model, model_type):
        claims, clinics, _ = odd_clinic(300)
        order = np.random.default_rng(0).permutation(300)
        scores, _ = make_model(model_type).fit(claims, ["code", "town"], ["amount"], groups=clinics)
        shuffled, _ = make_model(model_type).fit(
            claims.iloc[order], ["code", "town"], ["amount"], groups=clinics.iloc[order]
        )
        assert shuffled == pytest.approx(scores[order], rel=1e-3, abs=1e-4)

    @pytest.mark.parametrize("dtype", ["object", "string[pyarrow]", "category", "Int64"])
    def test_groups_come_in_any_dtype(self, make_model, dtype):
        claims, clinics, _ = odd_clinic(300)
        expected, _ = make_model("xgboost", n_estimators=2).fit(claims, ["code"], ["amount"], groups=clinics)
        found, _ = make_model("xgboost", n_estimators=2).fit(
            claims, ["code"], ["amount"], groups=clinics.astype("Int64").astype(dtype)
        )
        assert np.array_equal(found, expected)

    def test_rows_without_a_group_are_groups_of_their_own(self, make_model):
        claims, clinics, _ = odd_clinic(300)
        model = make_model("xgboost", n_estimators=2, n_folds=4)
        scores, _ = model.fit(claims, ["code"], ["amount"], groups=clinics.where(clinics < 2).astype(object))
        assert np.isfinite(scores).all()

    def test_groups_must_be_one_a_row(self, make_model, claims, features):
        with pytest.raises(InputError, match="groups has 5 values for 900 rows; give one a row"):
            make_model("xgboost").fit(claims, *features, groups=pd.Series(range(5)))


class TestExplanations:
    def test_a_row_a_claim_and_column_with_all_there_is_to_say(self, fitted, claims):
        found = fitted.explain(claims)
        assert list(found) == [
            "row", "place", "column", "value", "expected", "surprise", "expected_low", "expected_high", "direction",
            "judged_from", "comparable", "such", "low_support", "sentence",
        ]  # fmt: skip
        assert len(found) == 3 * len(claims)

    def test_parts_add_up_to_the_score(self, fitted, claims):
        totals = fitted.explain(claims, top=None).groupby("row")["surprise"].sum()
        assert totals.index.tolist() == claims.index.tolist()
        assert totals.to_numpy() == pytest.approx(fitted.judge(claims).scores, rel=1e-12)

    def test_rows_are_in_order_and_the_largest_part_of_each_is_first(self, fitted, claims):
        shuffled = claims.sample(frac=1, random_state=0)
        found = fitted.explain(shuffled, top=None)
        assert found["row"].tolist() == [label for label in shuffled.index for _ in range(4)]
        assert found["place"].tolist() == [1, 2, 3, 4] * 900
        assert (np.diff(found["surprise"].to_numpy().reshape(900, 4)) <= 0).all()

    def test_each_part_is_that_of_its_column(self, fitted, claims):
        found = fitted.explain(claims, top=None)
        parts = fitted.judge(claims).parts
        assert sorted(found["column"].unique()) == ["amount", "code", "days", "specialty"]
        for name, said in found.groupby("column"):
            assert said["surprise"].tolist() == parts[name].tolist()

    @pytest.mark.parametrize(("top", "rows"), [(0, 0), (1, 5), (3, 15), (9, 20), (None, 20)])
    def test_there_are_as_many_columns_as_asked_for(self, fitted, claims, top, rows):
        assert len(fitted.explain(claims.head(5), top=top)) == rows

    @pytest.mark.parametrize("top", [3, None])
    def test_no_rows(self, fitted, claims, top):
        found = fitted.explain(claims.head(0), top=top)
        pd.testing.assert_frame_equal(found, fitted.explain(claims.head(1), top=top).head(0))

    def test_rows_have_their_labels_whatever_these_are(self, fitted, claims):
        labels = pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])
        assert fitted.explain(claims.head(2).set_index(labels), top=1)["row"].tolist() == [("a", 1), ("a", 2)]
        assert fitted.explain(claims.head(2).set_axis([7, 7]), top=1)["row"].tolist() == [7, 7]

    def test_a_contradiction_is_named_with_the_claims_that_it_is_compared_with(self, fitted, claims):
        visits = claims[(claims["code"] == "visit") & (claims["specialty"] == "GP")]
        found = fitted.explain(visits.head(1).assign(amount=417.0)).query("column == 'amount'")
        learned_from = claims[fitted.training_judgement_.counted]
        comparable = int((learned_from["code"] == "visit").sum())
        assert found["direction"].tolist() == ["above"]
        assert re.fullmatch(
            rf"amount 417; such claims have \d\d(\.\d+)?–1\d\d \((code visit, {comparable}|specialty GP, \d+) claims\)",
            found["sentence"].item(),
        )


# What is said where none of the parts has a sentence of its own.
LAST_RESORT = re.compile(r"\w+ \S+; unusual for \w+ \S+, which only \d+ other claims? ha(ve|s)")


class TestReasons:
    def test_they_are_the_sentences_of_the_parts_that_stand_out(self, fitted, claims):
        judgement = fitted.judge(claims)
        reasons = fitted.reasons(claims, judgement, top=4)
        explanations = fitted.explain(claims, top=None)
        sentences = explanations["sentence"].to_numpy().reshape(900, 4)
        # No less than an equal share of the score.
        stands_out = explanations["surprise"].to_numpy().reshape(900, 4) >= judgement.scores[:, None] / 4 - 1e-12
        assert list(reasons) == ["reason_1", "reason_2", "reason_3", "reason_4"]
        for said, out, found in zip(sentences, stands_out, reasons.to_numpy(), strict=True):
            expected = [one for one, chosen in zip(said, out, strict=True) if chosen and one is not None]
            if not expected and found[0] is not None:
                assert LAST_RESORT.fullmatch(found[0])
                expected = [found[0]]
            assert found.tolist() == expected + [None] * (4 - len(expected))

    def test_a_phrase_that_says_more_takes_the_place_of_a_sentence(self, fitted, claims):
        judgement = fitted.judge(claims)
        plain = fitted.reasons(claims, judgement, top=4)
        phrases = {"amount": pd.Series(["billed before"] * 900).where(np.arange(900) % 2 == 0)}
        found = fitted.reasons(claims, judgement, top=4, phrases=phrases)
        by_amount = plain.apply(lambda reasons: reasons.str.startswith("amount ", na=False)).to_numpy()
        by_amount &= (np.arange(900) % 2 == 0)[:, None]
        assert (found.to_numpy()[by_amount] == "billed before").all()
        assert found.where(~by_amount, "").equals(plain.where(~by_amount, ""))
        assert by_amount.sum() > 50

    @pytest.mark.parametrize("top", [0, 1, 9])
    def test_there_are_as_many_columns_as_asked_for(self, fitted, claims, top):
        reasons = fitted.reasons(claims.head(5), fitted.judge(claims.head(5)), top=top)
        assert list(reasons) == [f"reason_{number}" for number in range(1, top + 1)]
        if top == 9:
            assert reasons["reason_5"].isna().all()

    def test_training_rows_are_explained_by_the_models_that_did_not_see_them(self, fitted, claims):
        reasons = fitted.reasons(claims, fitted.training_judgement_)
        assert reasons.shape == (900, 3)
        assert reasons.notna().any(axis=None)

    def test_training_rows_are_not_comparable_to_themselves(self, make_model):
        data = pd.DataFrame({"code": ["a", "b"] * 90, "amount": [1.0, 2.0] * 90})
        data.loc[0, "amount"] = 2.0
        model = make_model("xgboost")
        model.fit(data, ["code"], ["amount"])
        # One of the amounts of 2 that were learned from is this row's own, if it is among them.
        learned_from = model.training_judgement_.counted
        own = int(learned_from[0])
        twos = int((data["amount"] == 2)[learned_from].sum()) - own
        explained = model.explain(data.head(1)).set_index("column")
        assert (explained["comparable"]["code"], explained["such"]["code"]) == (twos + own, own)
        ones = int((data["code"] == "a")[learned_from].sum()) - own
        reason = model.reasons(data, model.training_judgement_, top=1)["reason_1"].iloc[0]
        assert re.match(
            rf"code a; none of {twos} claims with amount 2 have it, most often it is b \("
            rf"|amount 2; such claims have 1 \(code a, {ones} claims\)",
            reason,
        )


class TestExplanationsHold:
    """What explanations say is measured on claims that the model did not see."""

    def test_four_of_five_ordinary_numbers_lie_in_the_usual_range(self, fitted_on_many, make_claims):
        new = make_claims(20_000, 11)
        low, high = fitted_on_many.usual_range(new, "amount")
        assert 0.78 < new["amount"].between(low, high).mean() < 0.82

    def test_with_what_is_usual_in_place_of_a_wrong_value_the_score_is_lower(self, fitted_on_many, make_claims):
        claims = make_claims(4000, 12)
        wrong = claims[claims["code"] == "visit"].assign(amount=lambda rows: rows["amount"] * 6).reset_index(drop=True)
        low, high = fitted_on_many.usual_range(wrong, "amount")
        usual = wrong.assign(amount=(low + high) / 2)
        before, after = (fitted_on_many.judge(rows).scores for rows in (wrong, usual))
        assert (fitted_on_many.percentile(before) > 99).mean() > 0.9
        assert (after < before).mean() > 0.99


class TestMaxSamples:
    @pytest.mark.parametrize("model_type", ["catboost", "xgboost"])
    def test_more_than_there_are_rows_changes_nothing(self, make_model, model_type, claims, features):
        scores = [
            make_model(model_type, n_estimators=2, max_samples=most).fit(claims, *features)[0]
            for most in (300, 900, 10_000)
        ]
        assert np.array_equal(scores[1], scores[2])
        assert len(scores[0]) == len(claims)
        assert not np.array_equal(scores[0], scores[1])

    def test_a_model_learns_from_as_many_rows_as_it_may(self, make_model, claims, features, monkeypatch):
        learned_from = []
        learn = ColumnModel.fit

        def spied(model_type, inputs, classes, settings):
            learned_from.append(len(inputs))
            return learn(model_type, inputs, classes, settings)

        # `fit` is a class method: the class is bound already.
        monkeypatch.setattr(ColumnModel, "fit", spied)
        make_model("xgboost", n_estimators=1, n_folds=3, max_samples=300).fit(claims, *features)
        assert learned_from == [300] * 15
        learned_from.clear()
        # Folds hold a third of the 900 rows.
        make_model("xgboost", n_estimators=1, n_folds=3, max_samples=700).fit(claims, *features)
        assert learned_from == [600] * 15

    def test_twice_as_many_rows_are_counted(self, make_model, claims, features):
        model = make_model("xgboost", n_estimators=1, n_folds=3, max_samples=200)
        model.fit(claims, *features)
        assert model.training_judgement_.counted.sum() == model.cooccurrence_.n_rows == 400


class TestMaxInputs:
    def test_a_model_looks_at_the_columns_that_tell_most(self, make_model, model_type, claims, features, tmp_path):
        model = make_model(model_type, n_estimators=3, max_inputs=2)
        model.fit(claims, *features)
        assert [model.features_[place] for place in model.models_["specialty"].inputs] == ["code", "amount"]
        assert {len(column.inputs) for column in model.models_.values()} == {2}
        assert {len(column.partners) for column in model.models_.values()} == {2}
        model.save(tmp_path / "model")
        loaded = ClaimsTreeAutoencoder.load(tmp_path / "model")
        assert np.array_equal(loaded.judge(claims).scores, model.judge(claims).scores)


class TestHardInput:
    @pytest.mark.parametrize("constant", ["code", "amount"])
    def test_a_column_of_one_value(self, make_model, model_type, constant, tmp_path):
        data = pd.DataFrame({"code": ["a", "b"] * 30, "amount": np.arange(60.0) % 7})
        data[constant] = data[constant].iloc[0]
        model = make_model(model_type, n_estimators=2)
        scores, parts = model.fit(data, ["code"], ["amount"])
        assert np.isfinite(scores).all()
        assert (parts[constant] == 0).all()
        model.save(tmp_path / "model")
        trees = [path for path in (tmp_path / "model" / "columns").iterdir() if path.suffix != ".npy"]
        assert len(trees) <= 1
        loaded = ClaimsTreeAutoencoder.load(tmp_path / "model")
        assert np.array_equal(loaded.judge(data).scores, model.judge(data).scores)

    def test_a_table_in_which_nothing_varies(self, make_model, model_type):
        data = pd.DataFrame({"code": [None] * 9, "amount": [1.0] * 9})
        model = make_model(model_type)
        scores, _ = model.fit(data, ["code"], ["amount"])
        assert scores.tolist() == [0.0] * 9
        assert model.percentile(scores).tolist() == [0.0] * 9
        assert model.reasons(data, model.judge(data)).isna().all(axis=None)
        assert (model.explain(data)["surprise"] == 0).all()

    def test_as_few_rows_as_folds(self, make_model, model_type):
        data = pd.DataFrame({"code": ["a", "b", "c"], "amount": [1.0, 2.0, None]})
        scores, _ = make_model(model_type).fit(data, ["code"], ["amount"])
        assert np.isfinite(scores).all()

    def test_columns_without_any_value(self, make_model, model_type, claims):
        empty = claims.assign(amount=np.nan, region=None)
        model = make_model(model_type, n_estimators=2)
        scores, parts = model.fit(empty, ["code", "region"], ["amount"])
        assert np.isfinite(scores).all()
        assert (parts[["amount", "region"]] == 0).all(axis=None)
        assert np.isfinite(model.judge(claims).scores).all()

    def test_numbers_beyond_what_the_libraries_hold(self, make_model, model_type):
        amounts = np.resize([1.0, 1e308, -1e308, 1e-310], 200)
        data = pd.DataFrame({"code": np.resize(["a", "b", "c", "d"], 200), "amount": amounts})
        scores, _ = make_model(model_type, n_estimators=2).fit(data, ["code"], ["amount"])
        assert np.isfinite(scores).all()


class TestErrors:
    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            (
                {"model_type": "xgbost"},
                r"model_type is 'xgbost'; allowed are catboost, xgboost. Did you mean 'xgboost'",
            ),
            ({"model_type": None}, "model_type is None; allowed are catboost, xgboost"),
            ({"n_folds": 1}, "n_folds is 1; it must be a whole number, at least 2"),
            ({"n_folds": 2.5}, r"n_folds is 2.5; it must be a whole number"),
            ({"n_estimators": 0}, "n_estimators is 0; it must be a whole number, at least 1"),
            ({"n_estimators": "40"}, "n_estimators is '40'; it must be a whole number"),
            ({"n_estimators": True}, "n_estimators is True; it must be a whole number"),
            ({"max_depth": 0}, "max_depth is 0; it must be a whole number, at least 1 and at most 16"),
            ({"max_depth": 17}, "max_depth is 17; it must be a whole number, at least 1 and at most 16"),
            ({"max_classes": 1}, "max_classes is 1; it must be a whole number, at least 2"),
            ({"max_samples": 0}, "max_samples is 0; it must be a whole number, at least 1"),
            ({"seed": -1}, "seed is -1; it must be a whole number, at least 0"),
            ({"n_jobs": 0}, "n_jobs is 0; it must be a number of threads, or -1 for all cores"),
            ({"device": "tpu"}, "device is 'tpu'; allowed are cpu, gpu"),
            ({"n_jobs": -2}, "n_jobs is -2; it must be a whole number, at least -1"),
            ({"learning_rate": 0}, "learning_rate is 0; it must be a number above 0 and at most 1"),
            ({"learning_rate": 1.01}, r"learning_rate is 1.01; it must be a number above 0"),
            ({"learning_rate": np.nan}, "learning_rate is nan; it must be a number above 0"),
            ({"learning_rate": "fast"}, "learning_rate is 'fast'; it must be a number above 0"),
            ({"context_features": ["regoin"]}, r"has 'regoin', which is no feature; .* Did you mean 'region'\?"),
            ({"context_features": "region"}, r"context_features \(a list of names\) has 'r', 'e'"),
            (
                {"context_features": ["code", "specialty", "region", "amount", "days"]},
                "every feature is a context feature; leave at least one to be scored",
            ),
        ],
    )
    def test_a_bad_parameter_is_named(self, claims, features, parameters, message):
        with pytest.raises(InputError, match=message):
            ClaimsTreeAutoencoder(**parameters).fit(claims, *features)

    def test_a_missing_column_is_named_with_the_nearest(self, make_model, claims):
        with pytest.raises(InputError, match=r"no column 'amont'.* it has code, .* Did you mean 'amount'\?"):
            make_model("xgboost").fit(claims, ["code"], ["amont"])

    def test_new_data_needs_the_same_columns(self, fitted, claims):
        with pytest.raises(InputError, match="no column 'days', which the model uses"):
            fitted.compute_fraud_scores(claims.drop(columns="days"))

    @pytest.mark.parametrize(
        ("cat_features", "num_features", "named"),
        [([], [], "none"), (["code"], [], "code"), (["code", "code"], [], "code, code"), (["days"], ["days"], "days")],
    )
    def test_features_are_two_or_more_each_once(self, make_model, claims, cat_features, num_features, named):
        with pytest.raises(InputError, match=f"features are {named}.*; name at least two, each once"):
            make_model("xgboost").fit(claims, cat_features, num_features)

    def test_columns_of_one_name_and_names_that_are_no_text(self, make_model, claims):
        twice = pd.concat([claims, claims[["amount"]]], axis=1)
        with pytest.raises(InputError, match=r"features 'amount': .* no other column may have it. Rename"):
            make_model("xgboost").fit(twice, ["code"], ["amount"])
        with pytest.raises(InputError, match="features 5: a feature's name must be text"):
            make_model("xgboost").fit(claims.rename(columns={"amount": 5}), ["code"], [5])

    @pytest.mark.parametrize("rows", [0, 2])
    def test_too_few_rows(self, make_model, claims, features, rows):
        with pytest.raises(InputError, match=f"3 folds need at least 3 .* found {rows} rows in {rows} groups"):
            make_model("xgboost").fit(claims.head(rows), *features)

    def test_too_few_groups(self, make_model, claims, features):
        groups = pd.Series(["one", "two"] * 450)
        with pytest.raises(InputError, match=r"found 900 rows in 2 groups. Give more claims, lower n_folds"):
            make_model("xgboost").fit(claims, *features, groups=groups)

    def test_infinite_numbers_and_text(self, make_model, claims, features):
        with pytest.raises(InputError, match="column 'amount' holds infinite values"):
            make_model("xgboost").fit(claims.assign(amount=np.inf), *features)
        with pytest.raises(InputError, match="column 'code' holds what is no number"):
            make_model("xgboost").fit(claims, ["region"], ["code"])

    def test_unfitted(self, claims, tmp_path):
        model = ClaimsTreeAutoencoder()
        for use in (lambda: model.judge(claims), lambda: model.percentile(np.zeros(1)), lambda: model.save(tmp_path)):
            with pytest.raises(NotFittedError):
                use()


class TestDevice:
    @pytest.mark.skipif(gpu_count() > 0, reason="for machines without a GPU")
    def test_a_gpu_that_is_not_there_is_missed(self, make_model, model_type, claims, features):
        with pytest.raises(InputError, match="device is 'gpu', and there is no GPU that CUDA can use"):
            make_model(model_type, device="gpu").fit(claims, *features)

    def test_an_xgboost_without_cuda_says_what_to_install(self, monkeypatch, make_model, claims, features):
        monkeypatch.setattr(checks, "gpu_count", lambda: 1)
        monkeypatch.setattr(checks, "xgboost_has_cuda", lambda: False)
        with pytest.raises(InputError, match=r"pip install --force-reinstall --no-deps xgboost==3\."):
            make_model("xgboost", device="gpu").fit(claims, *features)

    @pytest.mark.skipif(gpu_count() == 0, reason="no GPU")
    def test_a_model_trained_on_a_gpu_is_any_other_elsewhere(self, make_model, model_type, swapped, features, tmp_path):
        if model_type == "xgboost" and not xgboost_has_cuda():
            pytest.skip("xgboost-cpu is installed")
        data, is_swapped = swapped
        model = make_model(model_type, device="gpu")
        scores, _ = model.fit(data, *features)
        assert roc_auc_score(is_swapped, scores) > 0.8
        model.save(tmp_path / "model")
        loaded = ClaimsTreeAutoencoder.load(tmp_path / "model")
        assert loaded.device == "cpu"
        assert np.array_equal(loaded.compute_fraud_scores(data)[0], model.compute_fraud_scores(data)[0])


class TestCodeSets:
    @pytest.fixture(scope="class")
    @classmethod
    def rows(cls):
        rng = np.random.default_rng(0)
        codes = [sorted(rng.choice([f"D{n:02d}" for n in range(12)], size, replace=False)) for size in [1, 2, 3] * 200]
        rows = pd.DataFrame([[*one, *[None] * (3 - len(one))] for one in codes], columns=["dx1", "dx2", "dx3"])
        return rows.assign(amount=rng.lognormal(5, 1, 600))

    def test_a_reason_counts_a_code_in_whichever_column_it_stands(self, rows, make_model):
        # Once in each of the columns: three claims have it, in each column one.
        for row, name in zip((0, 1, 2), ("dx1", "dx2", "dx3"), strict=True):
            rows.loc[row, name] = "E99"
        model = make_model("xgboost", code_sets=[["dx1", "dx2", "dx3"]])
        model.fit(rows, ["dx1", "dx2", "dx3"], ["amount"])
        assert [model.encoders_[name].count("E99") for name in ("dx1", "dx2", "dx3")] == [3, 3, 3]
        said = model.reasons(rows, model.training_judgement_).head(3).to_numpy().ravel()
        of_it = [one for one in said if one and " E99; " in one]
        assert of_it
        assert all("seen in 3 of 600 claims" in one for one in of_it)

    @pytest.mark.parametrize(
        ("sets", "said"),
        [
            ([["dx1", "dx9"]], "code_sets has .*dx9.*each set is a list of names of cat_features"),
            (["dx1"], "code_sets has 'dx1'"),
            ([["dx1", "dx2"], ["dx2", "dx3"]], "code_sets names 'dx2' twice"),
        ],
    )
    def test_a_set_that_is_none_is_refused(self, rows, make_model, sets, said):
        with pytest.raises(InputError, match=said):
            make_model("xgboost", code_sets=sets).fit(rows, ["dx1", "dx2", "dx3"], ["amount"])


class TestScikitLearn:
    def test_clone_and_parameters(self, fitted):
        copy = clone(fitted)
        assert copy.get_params() == fitted.get_params()
        assert not hasattr(copy, "models_")
        assert copy.set_params(n_folds=4).n_folds == 4
        assert sorted(copy.get_params()) == [
            "code_sets",
            "context_features",
            "derived_from",
            "device",
            "learning_rate",
            "max_classes",
            "max_depth",
            "max_inputs",
            "max_samples",
            "model_type",
            "n_estimators",
            "n_folds",
            "n_jobs",
            "seed",
            "suspicious_direction",
        ]

    # All others call `fit(X, y)`, and are for `ClaimsOutlierDetector`.
    @pytest.mark.parametrize(
        "check",
        [
            estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
            estimator_checks.check_estimator_cloneable,
            estimator_checks.check_estimator_repr,
            estimator_checks.check_estimator_tags_renamed,
            estimator_checks.check_get_params_invariance,
            estimator_checks.check_no_attributes_set_in_init,
            estimator_checks.check_parameters_default_constructible,
            estimator_checks.check_set_params,
            estimator_checks.check_valid_tag_types,
        ],
        ids=lambda check: check.__name__,
    )
    def test_scikit_learns_checks_that_need_no_fit(self, check):
        check("ClaimsTreeAutoencoder", ClaimsTreeAutoencoder())

    def test_what_fit_learns_ends_in_an_underscore(self, fitted):
        learned = set(vars(fitted)) - set(fitted.get_params())
        assert {"models_", "encoders_", "calibration_"} < learned
        assert [name for name in learned if not name.endswith("_") or name.startswith("_")] == []

    def test_fit_changes_no_parameter(self, make_model, claims):
        model = make_model("xgboost", n_estimators=1, suspicious_direction={"amount": "high"})
        before = model.get_params()
        model.fit(claims, ["code"], ["amount"])
        assert model.get_params() == before


class TestSuspiciousDirection:
    def test_a_low_amount_adds_nothing_where_high_ones_are_suspicious(self, make_model, model_type, claims, features):
        model = make_model(model_type, suspicious_direction={"amount": "high"})
        model.fit(claims, *features)
        visits = claims[claims["code"] == "visit"].head(2).assign(amount=[0.5, 9800.0])
        _, parts = model.compute_fraud_scores(visits)
        assert parts["amount"].iloc[0] == 0
        assert parts["amount"].iloc[1] > 1

    @pytest.mark.parametrize(
        ("directions", "message"),
        [
            ({"code": "high"}, "suspicious_direction names 'code', which is none of num_features (amount, days)"),
            ({"amount": "up"}, "suspicious_direction of 'amount' is 'up'; allowed are high, low. Leave the column out"),
        ],
    )
    def test_other_columns_and_sides_are_refused(self, make_model, claims, features, directions, message):
        with pytest.raises(InputError, match=re.escape(message)):
            make_model("xgboost", suspicious_direction=directions).fit(claims, *features)


class TestArtefact:
    def test_a_loaded_model_scores_and_explains_to_the_bit(self, fitted, claims, tmp_path):
        fitted.save(tmp_path / "model")
        loaded = ClaimsTreeAutoencoder.load(tmp_path / "model", n_jobs=1)
        one, two = fitted.judge(claims), loaded.judge(claims)
        assert np.array_equal(one.scores, two.scores)
        pd.testing.assert_frame_equal(one.parts, two.parts)
        pd.testing.assert_frame_equal(fitted.explain(claims), loaded.explain(claims))
        assert np.array_equal(fitted.percentile(one.scores), loaded.percentile(one.scores))
        assert loaded.model_version_ == fitted.model_version_
        loaded.save(tmp_path / "again")
        assert (tmp_path / "again" / "model.json").read_bytes() == (tmp_path / "model" / "model.json").read_bytes()

    def test_it_holds_json_and_the_libraries_own_files_only(self, fitted, model_type, tmp_path):
        fitted.save(tmp_path / "model")
        suffix = {"catboost": ".cbm", "xgboost": ".ubj"}[model_type]
        found = sorted(
            path.relative_to(tmp_path / "model").as_posix() for path in tmp_path.rglob("*") if path.is_file()
        )
        seconds = ("contrast", "contrast", "location", "contrast")
        columns = f"columns/{fitted.model_version_}"
        trees = [f"{columns}/{n:03d}-{kind}{suffix}" for n, other in enumerate(seconds) for kind in ("classes", other)]
        counts = [f"{columns}/{name}.npy" for name in ("counts", "groups", "pairs")]
        assert found == [*trees, *counts, "model.json"]
        content = json.loads((tmp_path / "model" / "model.json").read_text(encoding="utf-8"))
        assert content["format_version"] == 6
        assert content["model_version"] == fitted.model_version_

    def test_parameters_may_be_numpy_scalars(self, make_model, claims, tmp_path):
        model = make_model("xgboost", n_estimators=np.int64(2), learning_rate=np.float64(0.5))
        model.fit(claims, ["code"], ["amount"])
        model.save(str(tmp_path / "model"))
        assert ClaimsTreeAutoencoder.load(str(tmp_path / "model")).n_estimators == 2

    def test_a_folder_of_other_things_is_refused(self, make_model, claims, tmp_path):
        (tmp_path / "notes.txt").write_text("mine")
        model = make_model("xgboost", n_estimators=2)
        model.fit(claims, ["code"], ["amount"])
        with pytest.raises(InputError, match="not replaced"):
            model.save(tmp_path)

    def test_the_version_is_that_of_what_was_learned(self, make_model, claims, tmp_path):
        model = make_model("xgboost", n_estimators=2)
        model.fit(claims, ["code"], ["amount"])
        first = model.model_version_
        model.save(tmp_path / "model")
        assert ClaimsTreeAutoencoder.load(tmp_path / "model").model_version_ == first
        model.fit(claims.tail(500), ["code"], ["amount"])
        assert model.model_version_ != first

    def test_names_and_categories_in_any_script(self, make_model, model_type, tmp_path):
        data = pd.DataFrame({"код/1": ["é", "診断", ""] * 20, "..": np.arange(60.0) % 3})
        model = make_model(model_type, n_estimators=2)
        model.fit(data, ["код/1"], [".."])
        model.save(tmp_path / "model")
        assert np.array_equal(
            ClaimsTreeAutoencoder.load(tmp_path / "model").judge(data).scores, model.judge(data).scores
        )


class TestPickle:
    def test_a_fitted_model_scores_and_explains_to_the_bit(self, fitted, claims):
        copied = pickled(fitted)
        one, two = fitted.judge(claims), copied.judge(claims)
        assert np.array_equal(one.scores, two.scores)
        pd.testing.assert_frame_equal(one.parts, two.parts)
        pd.testing.assert_frame_equal(fitted.explain(claims), copied.explain(claims))
        assert np.array_equal(fitted.percentile(one.scores), copied.percentile(one.scores))
        assert copied.model_version_ == fitted.model_version_

    def test_of_a_copy_and_of_a_loaded_model_too(self, fitted, claims, tmp_path):
        fitted.save(tmp_path / "model")
        loaded = ClaimsTreeAutoencoder.load(tmp_path / "model")
        copies = [pickled(model) for model in (loaded, pickled(fitted))]
        for model in copies:
            assert model.model_version_ == fitted.model_version_
            assert np.array_equal(model.judge(claims).scores, fitted.judge(claims).scores)

    def test_a_fitted_model_comes_back_with_one_thread(self, make_model, model_type, claims):
        model = make_model(model_type, n_estimators=2, n_jobs=-1)
        model.fit(claims, ["code"], ["amount"])
        copied = pickled(model)
        assert copied.n_jobs == 1
        assert [column.classes.booster.threads for column in copied.models_.values()] == [1, 1]
        assert model.n_jobs == -1

    def test_it_holds_the_artefact_and_no_claims(self, fitted):
        assert list(fitted.__getstate__()) == ["artefact"]
        assert not hasattr(pickled(fitted), "training_judgement_")

    def test_an_unfitted_model_keeps_its_parameters(self, make_model, claims):
        model = make_model("xgboost", n_estimators=2, context_features=("code",), n_jobs=2)
        copied = pickled(model)
        assert copied.get_params() == model.get_params()
        with pytest.raises(NotFittedError):
            copied.judge(claims)
        one, two = (each.fit(claims, ["code"], ["amount", "days"])[0] for each in (model, copied))
        assert np.array_equal(one, two)


def test_mlflow_is_asked_only_where_told_to(make_model, claims, monkeypatch):
    logged = []
    stub = types.ModuleType("claims_fraud.tracking.run_log")
    stub.log_fit = lambda model, scores, run_name: logged.append((model, len(scores), run_name))
    monkeypatch.setitem(sys.modules, "claims_fraud.tracking", types.ModuleType("claims_fraud.tracking"))
    monkeypatch.setitem(sys.modules, "claims_fraud.tracking.run_log", stub)
    model = make_model("xgboost", n_estimators=2)
    model.fit(claims, ["code"], ["amount"])
    assert logged == []
    model.fit(claims, ["code"], ["amount"], log_mlflow=True, run_name="first")
    assert logged == [(model, 900, "first")]
