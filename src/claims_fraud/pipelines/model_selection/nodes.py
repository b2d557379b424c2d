"""Nodes that choose between model types that were trained on the same claims."""

from __future__ import annotations

import logging
from typing import Any

from claims_fraud.errors import GateNotPassed, InputError
from claims_fraud.parameters import SelectionParameters

logger = logging.getLogger(__name__)


def select_model_type(
    catboost: dict[str, Any] | None, xgboost: dict[str, Any] | None, parameters: SelectionParameters
) -> dict[str, Any]:
    """Return the model type that scores and what it was chosen by.

    The rule: the highest average precision at telling validation claims with swapped values from others, which needs no
    labels. Of equal ones the first, in the order of the arguments.

    Raises
    ------
    InputError
        If no type was trained, or one could not be measured.
    GateNotPassed
        If the best does not reach `required_lift` times the average precision of a random order.
    """
    candidates = {name: found for name, found in {"catboost": catboost, "xgboost": xgboost}.items() if found}
    unmeasured = [name for name, metrics in candidates.items() if "swapped" not in metrics]
    if not candidates or unmeasured:
        what = f"the training_metrics of {unmeasured[0]} have no `swapped`" if unmeasured else "no model was trained"
        raise InputError(
            f"no model type can be selected: {what}. Train with `kedro run --pipelines=training` on at least 50 "
            "validation claims (data_ingestion.validation_fraction)."
        )
    precision = {name: metrics["swapped"]["average_precision"] for name, metrics in candidates.items()}
    best = max(precision, key=lambda name: precision[name])
    lift = precision[best] / candidates[best]["swapped"]["base_rate"]
    logger.info("Selected %s: average precision on swapped values %s", best, _told(precision))
    if lift < parameters.required_lift:
        raise GateNotPassed(
            f"the best model type, {best}, spots swapped values {lift:.2f} times as well as a random order, and "
            f"model_selection.required_lift is {parameters.required_lift:g} ({_told(precision)}). What was selected "
            "before stays. Look at the claims and the `columns:` block, or lower the gate."
        )
    return {"model_type": best, "average_precision": precision, "lift": lift}


def _told(precision: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in precision.items())
