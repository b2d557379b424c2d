"""Ablations: this project's detector with one thing about it changed, by name.

A variant is the estimator with other parameters, or with other things in its modules while it runs. Runs are processes
of their own, so what is replaced for one is as it was for the next.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from cases import Problem
from detectors import ALL, OURS, Detector, Floats, Found, ours

from claims_fraud.autoencoder import surprise
from claims_fraud.autoencoder.boosters import Matrix
from claims_fraud.autoencoder.column_model import ColumnModel, Prediction
from claims_fraud.autoencoder.encoding import Ints
from claims_fraud.autoencoder.surprise import ScoreScale

AS_IT_IS = "as it is"
ESTIMATOR = "claims_fraud.autoencoder.tree_autoencoder"
SURPRISE = "claims_fraud.autoencoder.surprise"
# Far more spreads than any row has: one of the two measures always is the larger one.
FAR = 10_000.0


class Unweighted(ScoreScale):
    """The scale of scores with each column's ratios as they are."""

    @classmethod
    def fit(cls, ratios: Floats, rarities: Floats) -> Self:
        """Learn it from the training rows."""
        learned, weights = super().fit(ratios, rarities), np.ones(ratios.shape[1])
        totals = surprise._log(surprise._evidence(ratios, weights).sum(axis=1))
        center = float(np.median(totals))
        spread = float(np.median(np.abs(totals - center))) / surprise._tail_weight(totals)
        return replace(learned, ratio_weights=(1.0,) * ratios.shape[1], contradiction=(center, spread))


def in_sample(
    fit: Callable[[Any], ColumnModel], inputs: Matrix, marginal: Floats, folds: Ints
) -> tuple[ColumnModel, list[Prediction]]:
    """Predict rows by a model that has seen them."""
    every = np.ones(len(folds), dtype=bool)
    model = fit(every)
    return model, [(np.arange(len(folds)), model.predict(inputs, marginal))]


def any_tail(contradiction: Floats) -> float:
    """Let contradiction count as much whatever its tail."""
    return 1.0


# By name, what is in whose place; and parameters of the estimator.
REPLACED: dict[str, dict[str, Any]] = {
    AS_IT_IS: {},
    "contradiction only": {f"{SURPRISE}.ORDINARY_CONTRADICTION": -FAR},
    "rarity only": {f"{SURPRISE}.ORDINARY_CONTRADICTION": FAR},
    "in-sample": {f"{ESTIMATOR}.cross_fitted": in_sample},
    "plain sum of ratios": {f"{SURPRISE}.EMPHASIS": 1.0},
    "tail not looked at": {f"{SURPRISE}._tail_weight": any_tail},
    "largest ratio only": {f"{SURPRISE}.EMPHASIS": 30.0},
    "unweighted ratios": {f"{ESTIMATOR}.ScoreScale": Unweighted},
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "80 trees": {"n_estimators": 80},
    "5 folds": {"n_folds": 5},
    # Where rows have a provider: see PROVIDERS, and the sample.
    "folds by claim": {"by_provider": False},
}


def changed(
    problem: Problem, seed: int, *, replaced: Mapping[str, Any], by_provider: bool = True, **parameters: Any
) -> Found:
    """Find by this project's estimator with something else in its modules, by full name; never undone."""
    for name, value in replaced.items():
        module, _, attribute = name.rpartition(".")
        setattr(importlib.import_module(module), attribute, value)
    return ours(problem if by_provider else replace(problem, groups=None), seed, **parameters)


def ablations() -> list[Detector]:
    """Return the variants of ours as detectors, with CatBoost; the first is as it is."""
    base = next(one for one in ALL if one.family == OURS)
    return [
        replace(
            base,
            name=name,
            find=changed,
            parameters={**base.parameters, **PARAMETERS.get(name, {}), "replaced": REPLACED.get(name, {})},
        )
        for name in (*REPLACED, *PARAMETERS)
    ]
