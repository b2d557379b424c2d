"""Ablations: this project's detector with one thing about it changed, by name.

A variant is the estimator with other parameters, or with other things in its modules while it runs. Runs are processes
of their own, so what is replaced for one is as it was for the next.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cases import Problem
from detectors import ALL, Detector, Floats, Found, ours

from claims_fraud.autoencoder.evidence import Stack

AS_IT_IS = "as it is"
COLUMN = "claims_fraud.autoencoder.column_evidence"
EVIDENCE = "claims_fraud.autoencoder.evidence"


class Unweighed(Stack):
    """Models that count as they start."""

    @classmethod
    def fit(cls, real: Floats, put_there: Floats, start: Stack) -> Stack:
        """Return the start."""
        return start


def alone(**weights: float) -> dict[str, Any]:
    """Return what lets one sort of model count alone, in columns whose second model is the contrast."""
    every = {"CLASSES": 0.0, "CONTRAST": 0.0, "PAIR": 0.0, **weights}
    return {f"{COLUMN}.Stack": Unweighed, **{f"{COLUMN}.{name}": weight for name, weight in every.items()}}


# By name, what is in whose place; and parameters of the estimator.
REPLACED: dict[str, dict[str, Any]] = {
    AS_IT_IS: {},
    "contradiction only": {f"{EVIDENCE}.MOST_RARITY": 0.0, f"{EVIDENCE}.LEAST_RARITY": 0.0},
    # The frontier between contradiction and rarity, at these weights whatever the data.
    **{
        f"rarity counts {weight} everywhere": {f"{EVIDENCE}.MOST_RARITY": weight, f"{EVIDENCE}.LEAST_RARITY": weight}
        for weight in (0.25, 0.5, 1.0, 2.0)
    },
    "plain sum of evidence": {f"{EVIDENCE}.EMPHASIS": 1.0},
    "largest evidence only": {f"{EVIDENCE}.EMPHASIS": 30.0},
    "models not weighed": {f"{COLUMN}.Stack": Unweighed},
    "classes alone": alone(CLASSES=1.0),
    "contrast alone": alone(CONTRAST=1.0),
    "pairs alone": alone(PAIR=1.0),
    "amounts count like all": {f"{COLUMN}.OF_AMOUNT": 0.0},
    "blamed by evidence alone": {f"{EVIDENCE}.BLAMED": 0.0},
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "48 trees": {"n_estimators": 48},
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
    """Return the variants of ours as detectors, with XGBoost, which is quicker; the first is as it is."""
    base = next(one for one in ALL if one.name == "xgboost")
    return [
        replace(
            base,
            name=name,
            find=changed,
            parameters={**base.parameters, **PARAMETERS.get(name, {}), "replaced": REPLACED.get(name, {})},
        )
        for name in (*REPLACED, *PARAMETERS)
    ]
