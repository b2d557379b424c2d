"""Wiring of the choice between model types."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from claims_fraud.pipelines.model_selection.nodes import select_model_type


def create_pipeline() -> Pipeline:
    """``catboost_metrics, xgboost_metrics -> selected_model``."""
    return Pipeline(
        [
            Node(
                select_model_type,
                inputs={
                    "catboost": "catboost_metrics",
                    "xgboost": "xgboost_metrics",
                    "parameters": "params:model_selection",
                },
                outputs="selected_model",
                name="select_model_type",
            )
        ],
        tags="model_selection",
    )
