"""Wiring of the choice between trained models."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from claims_fraud.pipelines.model_selection.nodes import select_model


def create_pipeline() -> Pipeline:
    """``catboost_metrics, xgboost_metrics, training_claims -> challenger, selected_model``."""
    return Pipeline(
        [
            Node(
                select_model,
                inputs={
                    "catboost": "catboost_metrics",
                    "xgboost": "xgboost_metrics",
                    "training_claims": "training_claims",
                    "columns": "params:columns",
                    "parameters": "params:model_selection",
                },
                # In this order: a model that is registered nowhere leaves no record of having been chosen.
                outputs=["challenger", "selected_model"],
                name="select_model",
            )
        ],
        tags="model_selection",
    )
