"""Nodes that choose between models that were trained on the same claims."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

from claims_fraud.claims import Columns
from claims_fraud.claims.hashing import fingerprint
from claims_fraud.errors import GateNotPassed, InputError
from claims_fraud.parameters import SelectionParameters

logger = logging.getLogger(__name__)


def select_model(
    catboost: dict[str, Any] | None,
    xgboost: dict[str, Any] | None,
    training_claims: pd.DataFrame,
    columns: Columns,
    parameters: SelectionParameters,
) -> tuple[str, dict[str, Any]]:
    """Return the version of the model that is selected, and what it was chosen by.

    Candidates are the models that learned from the claims that were learned from last. The rule: the highest average
    precision at telling validation claims with swapped values from others, which needs no labels. Of equal ones the
    first, in the order of the arguments.

    Raises
    ------
    InputError
        If no type was trained on these claims, or one could not be measured.
    GateNotPassed
        If the best does not reach `required_lift` times the average precision of a random order.
    """
    trained = {name: found for name, found in {"catboost": catboost, "xgboost": xgboost}.items() if found}
    claims = fingerprint(training_claims[columns.claim_id])
    candidates = {name: metrics for name, metrics in trained.items() if metrics.get("learned_from") == claims}
    for name in trained.keys() - candidates.keys():
        logger.info("%s learned from other claims than were learned from last, and is passed over", name)
    unmeasured = [name for name, metrics in candidates.items() if "swapped" not in metrics]
    if not candidates or unmeasured:
        what = f"the training_metrics of {unmeasured[0]} have no `swapped`" if unmeasured else "no model was trained"
        raise InputError(
            f"no model can be selected: {what}. Train with `kedro run --pipelines=training` on at least 50 validation "
            "claims (data_ingestion.validation_fraction)."
        )
    precision = {name: metrics["swapped"]["average_precision"] for name, metrics in candidates.items()}
    best = max(precision, key=lambda name: precision[name])
    lift = precision[best] / candidates[best]["swapped"]["base_rate"]
    logger.info("Selected %s: average precision on swapped values %s", best, _told(precision))
    if lift < parameters.required_lift:
        raise GateNotPassed(
            f"the best model, {best}, spots swapped values {lift:.2f} times as well as a random order, and "
            f"model_selection.required_lift is {parameters.required_lift:g} ({_told(precision)}). What was selected "
            "before stays. Look at the claims and the `columns:` block, or lower the gate."
        )
    version = candidates[best]["model_version"]
    selected = {"model_type": best, "model_version": version, "average_precision": precision, "lift": lift}
    return version, selected


def _told(precision: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in precision.items())
