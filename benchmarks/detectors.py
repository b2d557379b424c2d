"""The detectors that are compared: this project's, other libraries', and two simple ways to do what this one does.

All are given the same rows without labels, on one thread unless told otherwise, and are at their defaults but for what
`parameters` says. Peers are imported where they are used, so that one that is not installed is missed by nobody else.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import catboost
import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost
from cases import Problem
from scipy.stats import gaussian_kde
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from claims_fraud import autoencoder
from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.artefact import OF_THE_MACHINE

Floats = npt.NDArray[np.float64]

OURS, PEER, BASELINE = "ours", "peer", "baseline"
# Codes of a column that get an input, or a class, of their own; the others share one.
MOST_CATEGORIES = 50
# Modules of ours that a score depends on; the others explain it, keep it or learn from outcomes.


@dataclass(frozen=True)
class Found:
    """What a detector says of the rows it was fitted on.

    Attributes
    ----------
    scores : array of shape (n,)
        Higher is more suspicious.
    parts : array of shape (n, d), optional
        What each column adds to the score, in the order of the data.
    score : callable, optional
        Scores the rows again, as new ones: to be timed.
    """

    scores: Floats
    parts: Floats | None = None
    score: Callable[[], Any] | None = None


@dataclass(frozen=True)
class Detector:
    """A way to find rows, and what makes its results those of another one.

    Attributes
    ----------
    name, family : str
        What it is called, and whether it is ours, a peer or a baseline.
    find : callable
        From a problem, a seed and ``parameters`` to what was found.
    package : str
        What it is made of, whose version is recorded.
    parameters : dict
        Those that are not the library's defaults; of ours, all.
    modules : tuple of str
        What to import before the clock starts.
    seeded : bool, default True
        Whether it draws anything: another seed, other results.
    only : str, optional
        The one data set that it is for.
    """

    name: str
    family: str
    find: Callable[..., Found]
    package: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    seeded: bool = True
    only: str | None = None

    @property
    def version(self) -> str:
        """Return the version of the package; of ours, a hash of the source that scores."""
        return source_hash() if self.package == "claims-fraud" else f"{self.package} {version(self.package)}"


@cache
def source_hash() -> str:
    """Return a hash of the source that makes scores: other source, other results."""
    files = sorted(Path(autoencoder.__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def ours(problem: Problem, seed: int, *, n_jobs: int = 1, **parameters: Any) -> Found:
    """Find by this project's estimator; rows are scored by models that did not see them."""
    model = ClaimsTreeAutoencoder(**parameters, context_features=problem.context, seed=seed, n_jobs=n_jobs)
    scores, parts = model.fit(problem.data, problem.categorical, problem.numeric, groups=problem.groups)
    columns = list(problem.data)
    return Found(scores, parts[columns].to_numpy(), lambda: model.compute_fraud_scores(problem.data))


def by_pyod(
    problem: Problem, seed: int, *, model: str, one_hot: bool, seeded: bool = False, **parameters: Any
) -> Found:
    """Find by a detector of PyOD, named by module and class, on codes or on one column a category."""
    module, name = model.split(".")
    kind = getattr(importlib.import_module(f"pyod.models.{module}"), name)
    detector = kind(**parameters, **({"random_state": seed} if seeded else {}))
    encoder = one_hot_encoder(problem) if one_hot else code_encoder(problem)
    detector.fit(encoder.fit_transform(problem.data))
    again = encoder.transform
    return Found(detector.decision_scores_, score=lambda: detector.decision_function(again(problem.data)))


def by_isotree(problem: Problem, seed: int, **parameters: Any) -> Found:
    """Find by an isolation forest that splits categories as such."""
    from isotree import IsolationForest  # noqa: PLC0415

    data = with_categories(problem)
    forest = IsolationForest(**parameters, random_seed=seed, nthreads=1).fit(data)
    return Found(forest.predict(data), score=lambda: forest.predict(data))


def by_outliertree(problem: Problem, seed: int, **parameters: Any) -> Found:
    """Find by OutlierTree, which names outliers and scores nothing else: all other rows are alike."""
    from outliertree import OutlierTree  # noqa: PLC0415

    data = with_categories(problem)
    tree = OutlierTree(**parameters, nthreads=1)
    # The lower its score, the more outlying; rows that are none have no score.
    outliers = tree.fit(data, outliers_print=0, return_outliers=True)
    scores = 1 - pd.to_numeric(outliers["outlier_score"]).to_numpy(dtype=float, na_value=np.nan)
    return Found(np.nan_to_num(scores, nan=-1.0), score=lambda: tree.predict(data, outliers_print=0))


def frac(problem: Problem, seed: int, *, trees: int, least: int, folds: int) -> Found:
    """Find by feature regression and classification (Noto, Brodley, Slonim 2012): a random forest a column.

    Of each value, minus the log of its probability by an error model (Gaussian for numbers, the confusion matrix for
    categories) of cross-fitted predictions, minus the entropy of the column. A missing value adds nothing.
    """
    inputs, size = _codes(problem), {"n_estimators": trees, "min_samples_leaf": least, "random_state": seed}
    split, parts = KFold(folds, shuffle=True, random_state=seed), np.zeros(problem.data.shape)
    for place, name in enumerate(problem.data):
        known = problem.data[name].notna().to_numpy()
        target, others = inputs[known, place], np.delete(inputs[known], place, axis=1)
        if len(np.unique(target)) < 2:
            continue
        if name in problem.numeric:
            predicted = cross_val_predict(RandomForestRegressor(**size), others, target, cv=split)
            parts[known, place] = _gaussian_surprise(target, predicted)
        else:
            classes = _most_frequent(target)
            predicted = cross_val_predict(RandomForestClassifier(**size), others, classes, cv=split)
            parts[known, place] = _confusion_surprise(classes, predicted)
    return Found(parts.sum(axis=1), parts)


def loop(problem: Problem, seed: int, *, library: str = "catboost", n_jobs: int = 1, **parameters: Any) -> Found:
    """Find by one regressor a column on codes, fitted and scored on the same rows, squared errors summed."""
    inputs = _codes(problem)
    scaled, models = StandardScaler().fit_transform(inputs), {}
    for place in np.flatnonzero(np.ptp(inputs, axis=0)):
        model = _regressor(library, seed, n_jobs, parameters)
        models[place] = model.fit(np.delete(inputs, place, axis=1), scaled[:, place])

    def errors() -> Floats:
        parts = np.zeros_like(scaled)
        for place, model in models.items():
            parts[:, place] = (model.predict(np.delete(inputs, place, axis=1)) - scaled[:, place]) ** 2
        return parts

    parts = errors()
    return Found(parts.sum(axis=1), parts, errors)


def one_column(problem: Problem, seed: int, *, column: str) -> Found:
    """Find by the size of one column."""
    return Found(problem.data[column].to_numpy(dtype=float))


def code_encoder(problem: Problem) -> Pipeline:
    """Return what makes one number a column: a category's place in the alphabet, -1 for none; the median for none."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    return _encoder(problem, codes, SimpleImputer(strategy="median", keep_empty_features=True))


def one_hot_encoder(problem: Problem) -> Pipeline:
    """Return what makes one column a category, a rare or a missing one included, and scales numbers."""
    flags = OneHotEncoder(max_categories=MOST_CATEGORIES, handle_unknown="infrequent_if_exist", sparse_output=False)
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    return _encoder(problem, flags, numbers)


def with_categories(problem: Problem) -> pd.DataFrame:
    """Return the rows with text as pandas' categories."""
    return problem.data.astype(dict.fromkeys(problem.categorical, "category"))


def _encoder(problem: Problem, categories: BaseEstimator, numbers: BaseEstimator) -> Pipeline:
    columns = make_column_transformer((categories, problem.categorical), (numbers, problem.numeric))
    # A column that never varies breaks the skewness that ECOD and COPOD go by.
    return make_pipeline(columns, VarianceThreshold())


def _codes(problem: Problem) -> Floats:
    """Return codes in the order of the data, columns that never vary included."""
    codes = code_encoder(problem)[0].fit_transform(problem.data)
    order = [*problem.categorical, *problem.numeric]
    return codes[:, [order.index(name) for name in problem.data]]


def _regressor(library: str, seed: int, n_jobs: int, parameters: Mapping[str, Any]) -> Any:
    if library == "xgboost":
        return xgboost.XGBRegressor(**parameters, random_state=seed, n_jobs=n_jobs)
    fixed = {"random_seed": seed, "thread_count": n_jobs, "allow_writing_files": False, "verbose": False}
    return catboost.CatBoostRegressor(**parameters, **fixed)


def _gaussian_surprise(target: Floats, predicted: Floats) -> Floats:
    errors = target - predicted
    spread = max(float(errors.std()), 1e-9)
    surprise = ((errors - errors.mean()) / spread) ** 2 / 2 + np.log(spread * np.sqrt(2 * np.pi))
    return surprise + np.mean(gaussian_kde(target).logpdf(target))


def _confusion_surprise(classes: npt.NDArray[np.int_], predicted: npt.NDArray[np.int_]) -> Floats:
    counts = np.ones((classes.max() + 1, classes.max() + 1))
    np.add.at(counts, (predicted, classes), 1)
    surprise = -np.log(counts / counts.sum(axis=1, keepdims=True))[predicted, classes]
    shares = np.bincount(classes) / len(classes)
    return surprise + np.sum(shares * np.log(np.maximum(shares, 1e-12)))


def _most_frequent(codes: Floats) -> npt.NDArray[np.int_]:
    """Return classes from 0: of the most frequent codes one each, of all others together the last."""
    by_frequency = pd.Series(codes).value_counts().index[:MOST_CATEGORIES]
    places = by_frequency.get_indexer(codes)
    return np.where(places < 0, len(by_frequency), places)


def default_parameters(model_type: str) -> dict[str, Any]:
    """Return what the estimator has by default, but for what a case or a benchmark says."""
    given = ClaimsTreeAutoencoder(model_type).get_params()
    return {name: value for name, value in given.items() if name not in {"context_features", "seed", *OF_THE_MACHINE}}


def _of_pyod(name: str, model: str, *, one_hot: bool, **parameters: Any) -> Detector:
    module, _, _ = model.partition(".")
    return Detector(
        name,
        PEER,
        by_pyod,
        "pyod",
        {"model": model, "one_hot": one_hot, **parameters},
        modules=(f"pyod.models.{module}",),
        seeded=parameters.get("seeded", False),
    )


ALL = (
    *(Detector(kind, OURS, ours, "claims-fraud", default_parameters(kind)) for kind in ("catboost", "xgboost")),
    _of_pyod("iforest", "iforest.IForest", one_hot=False, seeded=True),
    _of_pyod("iforest_onehot", "iforest.IForest", one_hot=True, seeded=True, n_estimators=200),
    _of_pyod("ecod", "ecod.ECOD", one_hot=False),
    _of_pyod("ecod_onehot", "ecod.ECOD", one_hot=True),
    _of_pyod("copod", "copod.COPOD", one_hot=False),
    _of_pyod("copod_onehot", "copod.COPOD", one_hot=True),
    _of_pyod("lof_onehot", "lof.LOF", one_hot=True),
    _of_pyod("knn_onehot", "knn.KNN", one_hot=True),
    Detector("isotree", PEER, by_isotree, "isotree", {"ndim": 1}, ("isotree",)),
    Detector("isotree_density", PEER, by_isotree, "isotree", {"ndim": 1, "scoring_metric": "density"}, ("isotree",)),
    Detector("outliertree", PEER, by_outliertree, "outliertree", modules=("outliertree",), seeded=False),
    Detector("frac", BASELINE, frac, "scikit-learn", {"trees": 50, "least": 5, "folds": 3}),
    Detector("old_loop", BASELINE, loop, "catboost", {"iterations": 200}),
    Detector(
        "size",
        BASELINE,
        one_column,
        "pandas",
        {"column": "Total_Reimbursement"},
        seeded=False,
        only="medicare_provider_aggregates",
    ),
)
