"""The autoencoder as one of scikit-learn's outlier detectors: for its pipelines, searches and comparisons.

Not for reasons, and not for storing: the fitted autoencoder inside does both.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from claims_fraud.autoencoder.checks import LEAST_FEATURES, check_contamination
from claims_fraud.autoencoder.encoding import Floats, Ints
from claims_fraud.autoencoder.tree_autoencoder import ClaimsTreeAutoencoder
from claims_fraud.errors import InputError
from claims_fraud.statistics.frames import check_frame
from claims_fraud.statistics.values import holds_numbers


class ClaimsOutlierDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Tells outliers by the scores of a `ClaimsTreeAutoencoder`, with the methods of scikit-learn's outlier detectors.

    Takes frames, whose columns of text, categories and truth values are categorical and all others numeric, and
    two-dimensional arrays, all of whose columns are numeric. Missing values are welcome, infinite ones are refused.

    `predict` judges rows that `fit` did not see. For the rows given to `fit` use `fit_predict`: it judges each by
    models that did not see it, so the two differ there, and it is `fit_predict` that calls a share of
    ``contamination`` outliers.

    Parameters
    ----------
    autoencoder : ClaimsTreeAutoencoder, optional
        Whose unfitted copy is fitted; by default one with its default parameters. Of one that is given,
        ``set_params(autoencoder__n_estimators=5)`` sets the parameters.
    contamination : float, default 0.01
        Share of the rows given to `fit` that are outliers, above 0 and at most 0.5.

    Attributes
    ----------
    autoencoder_ : ClaimsTreeAutoencoder
        The fitted one; ``autoencoder_.explain`` gives reasons. Columns without a name are x0, x1, …
    offset_ : float
        What `score_samples` gives outliers less than: `decision_function` is negative for them.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : array of shape (n_features_in_,)
        Their names, where `fit` was given a frame whose columns have text as names.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> code = rng.choice(["visit", "surgery"], 600)
    >>> amount = np.where(code == "visit", 100, 9000) * rng.lognormal(0, 0.1, 600)
    >>> claims = pd.DataFrame({"code": code, "amount": amount})
    >>> detector = ClaimsOutlierDetector(ClaimsTreeAutoencoder(model_type="xgboost"))
    >>> int((detector.fit_predict(claims) == -1).sum())  # 1 % of them
    6
    >>> new = pd.DataFrame({"code": ["visit", "visit", "surgery"], "amount": [9500.0, 105.0, 9500.0]})
    >>> detector.predict(new).tolist()
    [-1, 1, 1]
    """

    def __init__(self, autoencoder: ClaimsTreeAutoencoder | None = None, *, contamination: float = 0.01) -> None:
        self.autoencoder = autoencoder
        self.contamination = contamination

    def fit(self, X: pd.DataFrame | npt.ArrayLike, y: object = None, groups: pd.Series | None = None) -> Self:
        """Fit the autoencoder, and set the offset by the rows' cross-fitted scores.

        Parameters
        ----------
        X : DataFrame or array of shape (n, columns)
            Rows to learn from, mostly honest; two columns at least.
        y : object, optional
            Ignored, as no label is used.
        groups : Series of shape (n,), optional
            Rows of one group are judged by models that saw none of the group; by default each row is its own.

        Returns
        -------
        ClaimsOutlierDetector
            Itself.

        Raises
        ------
        InputError
            If a parameter, a column or the number of rows or groups will not do; what scikit-learn checks of any input,
            such as the names of columns, raises its errors.
        """
        autoencoder = ClaimsTreeAutoencoder() if self.autoencoder is None else self.autoencoder
        if not isinstance(autoencoder, ClaimsTreeAutoencoder):
            raise InputError(
                f"autoencoder is {autoencoder!r}; it must be a ClaimsTreeAutoencoder, or None for one with its default "
                "parameters."
            )
        check_contamination(self.contamination)
        frame = self._frame(X, reset=True)
        categorical = [_is_categorical(values) for _, values in frame.items()]
        fitted = clone(autoencoder)
        fitted.fit(frame, list(frame.columns[categorical]), list(frame.columns[np.invert(categorical)]), groups)
        self.autoencoder_: ClaimsTreeAutoencoder = fitted
        self.offset_: float = float(np.quantile(-fitted.training_judgement_.scores, self.contamination))
        return self

    def score_samples(self, X: pd.DataFrame | npt.ArrayLike) -> Floats:
        """Return minus the fraud scores, shape (n,): the lower, the more suspicious."""
        check_is_fitted(self)
        fraud_scores, _ = self.autoencoder_.compute_fraud_scores(self._frame(X, reset=False))
        scores: Floats = -fraud_scores
        return scores

    def decision_function(self, X: pd.DataFrame | npt.ArrayLike) -> Floats:
        """Return by how much `score_samples` exceeds ``offset_``, shape (n,): negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: pd.DataFrame | npt.ArrayLike) -> Ints:
        """Return -1 for outliers and 1 for all others, shape (n,), of rows that `fit` did not see."""
        return self._verdict(self.score_samples(X))

    def fit_predict(self, X: pd.DataFrame | npt.ArrayLike, y: object = None, groups: pd.Series | None = None) -> Ints:
        """Fit, and return -1 for outliers and 1 for all others, shape (n,), each by models that did not see the row."""
        return self._verdict(-self.fit(X, groups=groups).autoencoder_.training_judgement_.scores)

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn is to know of the input that is taken."""
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = tags.input_tags.string = tags.input_tags.allow_nan = True
        return tags

    def _verdict(self, scores: Floats) -> Ints:
        return np.where(scores < self.offset_, -1, 1)

    def _frame(self, X: pd.DataFrame | npt.ArrayLike, reset: bool) -> pd.DataFrame:
        """Return the rows under the names that `fit` saw; with ``reset`` it is `fit` that sees them."""
        if isinstance(X, pd.DataFrame):
            check_frame(X, X.columns)
            validate_data(self, X, reset=reset, skip_check_array=True)
            frame = X
        else:
            # Two columns, and two rows too, as there are two folds at least.
            least = LEAST_FEATURES if reset else 1
            limits = {"ensure_min_samples": least, "ensure_min_features": least, "ensure_all_finite": "allow-nan"}
            try:
                frame = pd.DataFrame(validate_data(self, X, reset=reset, dtype=np.float64, **limits))
            except ValueError as error:
                if "could not convert string" not in str(error):
                    raise
                # Without the text, which may be somebody's.
                raise InputError(
                    "X is an array that holds text. Give a pandas DataFrame, whose columns of text are categories; a "
                    'transformer makes one after `set_output(transform="pandas")`.'
                ) from None
        names = getattr(self, "feature_names_in_", [f"x{number}" for number in range(self.n_features_in_)])
        return frame.set_axis(names, axis=1)


def _is_categorical(values: pd.Series) -> bool:
    # Dates are neither, and refused as numbers.
    return not holds_numbers(values) and not pd.api.types.is_datetime64_any_dtype(values)
