"""The detector keeps scikit-learn's contract: its own checks, and what these do not look at."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_dataframe_column_names_consistency, parametrize_with_checks

from claims_fraud.autoencoder import ClaimsOutlierDetector, ClaimsTreeAutoencoder
from claims_fraud.errors import InputError

TINY = ClaimsTreeAutoencoder("xgboost", n_folds=2, n_estimators=2, max_depth=2, n_jobs=1)
# What else it looks at stands in TestVerdicts.
SEEN_ROWS = (
    "predict takes training rows for new ones, and the model that learned from them finds them less suspicious than "
    "models that did not; the share of outliers is that of fit_predict"
)
EXPECTED_FAILURES = {"check_outliers_train": SEEN_ROWS}


@parametrize_with_checks([ClaimsOutlierDetector(TINY)], expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_the_names_of_columns_are_scikit_learns():
    check_dataframe_column_names_consistency("ClaimsOutlierDetector", ClaimsOutlierDetector(TINY))


@pytest.fixture(scope="module")
def detector(claims):
    """Return a detector of the claims; never refit it."""
    return ClaimsOutlierDetector(TINY, contamination=0.05).fit(claims)


@pytest.fixture
def numbers():
    return np.random.default_rng(0).normal(size=(300, 3)) @ np.array([[1, 1, 0], [0, 0.2, 0], [0, 0, 1.0]])


class TestScores:
    def test_they_are_minus_those_of_the_autoencoder(self, detector, claims, make_claims, features):
        new, autoencoder = make_claims(200, 1), clone(TINY)
        trained, _ = autoencoder.fit(claims, *features)
        fraud_scores, _ = autoencoder.compute_fraud_scores(new)
        assert np.array_equal(detector.score_samples(new), -fraud_scores)
        assert np.array_equal(detector.autoencoder_.training_judgement_.scores, trained)
        assert detector.autoencoder_.model_version_ == autoencoder.model_version_

    def test_an_array_is_scored_as_a_frame_of_numbers(self, numbers):
        frame = pd.DataFrame(numbers, columns=["a", "b", "c"])
        of_array, of_frame = ClaimsOutlierDetector(TINY).fit(numbers), ClaimsOutlierDetector(TINY).fit(frame)
        assert np.array_equal(of_array.score_samples(numbers), of_frame.score_samples(frame))
        assert of_array.autoencoder_.features_ == ("x0", "x1", "x2")
        assert of_frame.feature_names_in_.tolist() == ["a", "b", "c"]
        assert not hasattr(of_array, "feature_names_in_")

    def test_an_array_of_text_is_refused_without_the_text(self, numbers):
        with pytest.raises(InputError, match=r"X is an array that holds text. Give a pandas DataFrame") as told:
            ClaimsOutlierDetector(TINY).fit([["visit", 1.0], ["x-ray", 2.0]])
        assert "visit" not in str(told.value)

    def test_groups_are_those_of_the_autoencoder(self, claims, features):
        groups = pd.Series(np.arange(900) % 40)
        expected, _ = clone(TINY).fit(claims, *features, groups=groups)
        verdict = (detector := ClaimsOutlierDetector(TINY)).fit_predict(claims, groups=groups)
        assert np.array_equal(detector.autoencoder_.training_judgement_.scores, expected)
        assert np.array_equal(verdict == -1, -expected < detector.offset_)

    def test_missing_values_are_scored(self, numbers):
        numbers[::7, 1] = np.nan
        assert np.isfinite(ClaimsOutlierDetector(TINY).fit(numbers).score_samples(numbers)).all()

    def test_the_given_autoencoder_is_left_as_it_is(self, detector):
        assert detector.autoencoder is TINY
        assert not hasattr(TINY, "models_")


class TestVerdicts:
    @pytest.mark.parametrize("contamination", [0.01, 0.1, 0.5])
    def test_the_share_of_outliers_among_training_rows_is_the_contamination(self, numbers, contamination):
        verdict = ClaimsOutlierDetector(TINY, contamination=contamination).fit_predict(numbers)
        assert verdict.dtype.kind == "i"
        assert set(verdict) == {-1, 1}
        assert (verdict == -1).sum() == 300 * contamination

    def test_fit_predict_judges_rows_by_models_that_did_not_see_them(self, numbers):
        detector = ClaimsOutlierDetector(TINY, contamination=0.1)
        verdict = detector.fit_predict(numbers)
        assert np.array_equal(verdict == -1, -detector.autoencoder_.training_judgement_.scores < detector.offset_)

    def test_predict_is_the_sign_of_the_decision_function(self, detector, make_claims):
        new = make_claims(2000, 2)
        verdict, decision = detector.predict(new), detector.decision_function(new)
        assert verdict.dtype.kind == "i"
        assert decision.dtype == float
        assert np.array_equal(verdict, np.where(decision < 0, -1, 1))
        assert np.array_equal(decision, detector.score_samples(new) - detector.offset_)
        assert 0.02 < (verdict == -1).mean() < 0.08

    def test_an_odd_claim_is_an_outlier(self, claims):
        detector = ClaimsOutlierDetector(clone(TINY).set_params(n_estimators=20)).fit(claims)
        odd = claims.head(1).assign(code="visit", specialty="GP", amount=[9000.0])
        assert detector.predict(odd).tolist() == [-1]
        assert detector.autoencoder_.explain(odd, top=1)["column"].item() == "amount"


class TestColumns:
    def test_types_say_which_are_categorical(self, claims):
        data = claims.assign(
            flag=claims["amount"] > 300,
            maybe=pd.array([True, None] * 450, dtype="boolean"),
            text=claims["code"].astype("string"),
            arrow=claims["code"].astype("string[pyarrow]"),
            kind=claims["days"].astype("category"),
            whole=pd.array([1, None, 3] * 300, dtype="Int64"),
            single=claims["amount"].astype("float32"),
        )
        autoencoder = ClaimsOutlierDetector(TINY).fit(data).autoencoder_
        assert autoencoder.cat_features_ == (
            "code", "specialty", "region", "flag", "maybe", "text", "arrow", "kind",
        )  # fmt: skip
        assert autoencoder.num_features_ == ("amount", "days", "whole", "single")

    def test_names_that_are_no_text_are_numbered(self, claims):
        data = claims.set_axis(range(5), axis=1)
        detector = ClaimsOutlierDetector(TINY).fit(data)
        assert detector.autoencoder_.features_ == ("x0", "x1", "x2", "x3", "x4")
        assert detector.predict(data).shape == (900,)

    def test_no_rows_have_no_verdict(self, detector, claims):
        assert detector.predict(claims.head(0)).shape == (0,)

    def test_the_frame_is_never_changed(self, detector, claims):
        before = claims.copy(deep=True)
        ClaimsOutlierDetector(TINY).fit_predict(claims)
        detector.predict(claims)
        pd.testing.assert_frame_equal(claims, before)


class TestErrors:
    @pytest.mark.parametrize("contamination", [0, 0.51, -0.1, np.nan, "auto", None, True])
    def test_contamination(self, numbers, contamination):
        with pytest.raises(InputError, match=r"contamination is .*; it must be a number above 0 and at most 0\.5"):
            ClaimsOutlierDetector(TINY, contamination=contamination).fit(numbers)

    @pytest.mark.parametrize("autoencoder", ["xgboost", ClaimsTreeAutoencoder, StandardScaler()])
    def test_autoencoder(self, numbers, autoencoder):
        with pytest.raises(InputError, match=r"autoencoder is .*; it must be a ClaimsTreeAutoencoder, or None"):
            ClaimsOutlierDetector(autoencoder).fit(numbers)

    def test_parameters_of_the_autoencoder(self, numbers):
        with pytest.raises(InputError, match="n_folds is 1; it must be a whole number"):
            ClaimsOutlierDetector(ClaimsTreeAutoencoder("xgboost", n_folds=1)).fit(numbers)

    def test_columns_that_will_not_do(self, claims):
        for data, message in [
            (claims.assign(amount=np.inf), "column 'amount' holds infinite values. Replace them"),
            (claims.assign(day=pd.Timestamp(2024, 1, 1)), "column 'day' is of type datetime64.* which is no number"),
            (claims[["amount"]], "features are amount; name at least two"),
            (claims[["code", "amount", "amount"]], "more than one column 'amount'. Rename the others"),
            (claims.head(1), "2 folds need at least 2 rows"),
        ]:
            with pytest.raises(InputError, match=message):
                ClaimsOutlierDetector(TINY).fit(data)

    def test_new_rows_need_the_same_columns(self, detector, claims):
        with pytest.raises(ValueError, match="Feature names seen at fit time, yet now missing:\n- days"):
            detector.predict(claims.drop(columns="days"))
        with pytest.raises(ValueError, match="Feature names must be in the same order"):
            detector.predict(claims[claims.columns[::-1]])

    def test_infinite_numbers_of_an_array(self, numbers):
        detector = ClaimsOutlierDetector(TINY).fit(numbers)
        numbers[3, 1] = np.inf
        for use in (detector.fit, detector.predict):
            with pytest.raises(ValueError, match="Input X contains infinity"):
                use(numbers)

    def test_unfitted(self, claims):
        for use in ("predict", "score_samples", "decision_function"):
            with pytest.raises(NotFittedError):
                getattr(ClaimsOutlierDetector(TINY), use)(claims)


class TestInScikitLearn:
    def test_parameters_reach_the_autoencoder_of_a_clone(self):
        detector = ClaimsOutlierDetector(TINY)
        copy = clone(detector).set_params(autoencoder__n_estimators=5, contamination=0.2)
        assert (copy.autoencoder.n_estimators, copy.contamination) == (5, 0.2)
        assert (TINY.n_estimators, detector.contamination) == (2, 0.01)

    def test_the_default_is_an_autoencoder_with_its_defaults(self, numbers):
        detector = ClaimsOutlierDetector().fit(numbers[:60])
        assert detector.autoencoder is None
        assert detector.autoencoder_.get_params() == ClaimsTreeAutoencoder().get_params()

    def test_a_pipeline_of_mixed_types(self, claims, make_claims):
        scaled = make_column_transformer(
            (StandardScaler(), ["amount", "days"]), remainder="passthrough", verbose_feature_names_out=False
        ).set_output(transform="pandas")
        pipeline = make_pipeline(scaled, ClaimsOutlierDetector(TINY, contamination=0.05))
        assert (pipeline.fit_predict(claims) == -1).sum() == 45
        assert pipeline[-1].autoencoder_.cat_features_ == ("code", "specialty", "region")
        new = make_claims(100, 1)
        assert np.array_equal(pipeline.predict(new) == -1, pipeline.decision_function(new) < 0)

    def test_a_search_for_parameters(self, claims):
        labels = np.arange(900) % 10 == 0
        data = claims.assign(amount=np.where(labels, claims["amount"] * 20, claims["amount"]))
        search = GridSearchCV(
            ClaimsOutlierDetector(TINY),
            {"autoencoder__n_estimators": [1, 8]},
            scoring=lambda detector, X, y: roc_auc_score(y, -detector.score_samples(X)),
            cv=2,
        ).fit(data, labels)
        assert len(search.cv_results_["mean_test_score"]) == 2
        assert search.best_estimator_.autoencoder_.n_estimators == search.best_params_["autoencoder__n_estimators"]
        assert search.best_score_ > 0.6

    def test_a_pickled_one_scores_the_same(self, detector, claims):
        copy = pickle.loads(pickle.dumps(detector))  # noqa: S301 - our own
        assert np.array_equal(copy.predict(claims), detector.predict(claims))
