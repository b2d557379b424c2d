"""What the estimator is given, checked at the door: parameters, columns, context features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, get_args

import pandas as pd

from claims_fraud.autoencoder.boosters import BOOSTERS, Device, gpu_count, xgboost_has_cuda, xgboost_version
from claims_fraud.autoencoder.encoding import Direction
from claims_fraud.errors import InputError, listed, nearest
from claims_fraud.statistics.frames import check_frame

DIRECTIONS = get_args(Direction)
DEVICES = get_args(Device)
LEAST_FEATURES = 2
# Smallest and largest value of the parameters that are whole numbers; CatBoost grows trees no deeper than 16.
WHOLE_NUMBERS: dict[str, tuple[int, int | None]] = {
    "n_folds": (2, None),
    "n_estimators": (1, None),
    "max_depth": (1, 16),
    "max_classes": (2, None),
    "max_samples": (1, None),
    "max_inputs": (1, None),
    "seed": (0, 2**31 - 1),
    "n_jobs": (-1, None),
}


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Raise InputError if one of the estimator's parameters has a value that is not allowed."""
    model_type, rate = parameters["model_type"], parameters["learning_rate"]
    if model_type not in BOOSTERS:
        raise InputError(
            f"model_type is {model_type!r}; allowed are {listed(BOOSTERS)}.{nearest(str(model_type), BOOSTERS)}"
        )
    for name, (least, most) in WHOLE_NUMBERS.items():
        _check_whole_number(name, parameters[name], least, most)
    if parameters["n_jobs"] == 0:
        raise InputError("n_jobs is 0; it must be a number of threads, or -1 for all cores.")
    if not isinstance(rate, Real) or not 0 < float(rate) <= 1:
        raise InputError(f"learning_rate is {rate!r}; it must be a number above 0 and at most 1.")
    _check_device(parameters["device"], parameters["model_type"])


def check_contamination(contamination: Any) -> None:
    """Raise InputError unless the share of outliers is one that an outlier detector may have."""
    if not isinstance(contamination, Real) or not 0 < float(contamination) <= 0.5:
        raise InputError(f"contamination is {contamination!r}; it must be a number above 0 and at most 0.5.")


def check_present(data: pd.DataFrame, features: Sequence[str]) -> None:
    """Raise InputError unless the data is a frame that has every feature."""
    check_frame(data)
    missing = [name for name in features if name not in data]
    if missing:
        raise InputError(
            f"the data has no column {listed(map(repr, missing))}, which the model uses; it has "
            f"{listed(data.columns, 40)}.{nearest(str(missing[0]), map(str, data.columns))}"
        )


def check_columns(data: pd.DataFrame, features: Sequence[str]) -> None:
    """Raise InputError unless the data has every feature once, under a name that is text, and two of them at least."""
    check_present(data, features)
    if len(features) < LEAST_FEATURES or len(set(features)) < len(features):
        raise InputError(f"features are {listed(features) or 'none'}; name at least two, each once.")
    odd = [name for name in features if not isinstance(name, str) or list(data.columns).count(name) > 1]
    if odd:
        raise InputError(
            f"features {listed(map(repr, odd))}: a feature's name must be text, and no other column may have it. "
            "Rename the columns."
        )


def check_context(context_features: Sequence[str], features: Sequence[str]) -> None:
    """Raise InputError if a context feature is no feature, or nothing is left to be scored."""
    unknown = [name for name in context_features if name not in features]
    if unknown:
        raise InputError(
            f"context_features (a list of names) has {listed(map(repr, unknown))}, which is no feature; features "
            f"are {listed(features, 40)}.{nearest(str(unknown[0]), features)}"
        )
    if not set(features) - set(context_features):
        raise InputError("every feature is a context feature; leave at least one to be scored.")


def check_directions(directions: Mapping[str, str], num_features: Sequence[str]) -> None:
    """Raise InputError unless the columns with a suspicious direction are numeric, and it is high or low."""
    for name, direction in directions.items():
        if name not in num_features:
            raise InputError(
                f"suspicious_direction names {name!r}, which is none of num_features ({listed(num_features, 40)})."
                f"{nearest(name, num_features)}"
            )
        if direction not in DIRECTIONS:
            raise InputError(
                f"suspicious_direction of {name!r} is {direction!r}; allowed are {listed(DIRECTIONS)}. Leave the "
                "column out if it is suspicious on both sides."
            )


def check_derived(derived_from: Mapping[str, Sequence[str]], features: Sequence[str]) -> None:
    """Raise InputError if a derived column is no feature, or is said to be derived from no list of names."""
    for name, sources in derived_from.items():
        if name not in features:
            raise InputError(
                f"derived_from names {name!r}, which is no feature; features are {listed(features, 40)}."
                f"{nearest(name, features)}"
            )
        if isinstance(sources, str) or not all(isinstance(source, str) for source in sources):
            raise InputError(f"derived_from of {name!r} is {sources!r}; it must be a list of column names.")


def check_code_sets(code_sets: Sequence[Sequence[str]], cat_features: Sequence[str]) -> None:
    """Raise InputError if a set of codes is no list of names of categorical columns, or a column is in two sets."""
    for columns in code_sets:
        if isinstance(columns, str) or any(name not in cat_features for name in columns):
            raise InputError(
                f"code_sets has {columns!r}; each set is a list of names of cat_features ({listed(cat_features, 40)})."
            )
    twice = [name for name, times in Counter(name for columns in code_sets for name in columns).items() if times > 1]
    if twice:
        raise InputError(f"code_sets names {twice[0]!r} twice; a column belongs to one set, once.")


def _check_device(device: Any, model_type: str) -> None:
    if device not in DEVICES:
        raise InputError(f"device is {device!r}; allowed are {listed(DEVICES)}.")
    # XGBoost would go on without one and say nothing.
    if device == "gpu" and not gpu_count():
        raise InputError("device is 'gpu', and there is no GPU that CUDA can use. Set it to cpu, or run where one is.")
    if device == "gpu" and model_type == "xgboost" and not xgboost_has_cuda():
        raise InputError(
            "device is 'gpu', and the installed XGBoost is xgboost-cpu, which cannot use one. Install the other build "
            f"of the same version with `pip install --force-reinstall --no-deps xgboost=={xgboost_version()}`, set "
            "model_type to catboost, or set device to cpu."
        )


def _check_whole_number(name: str, value: Any, least: int, most: int | None) -> None:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        limit = "" if most is None else f" and at most {most:,}"
        raise InputError(f"{name} is {value!r}; it must be a whole number, at least {least}{limit}.")
