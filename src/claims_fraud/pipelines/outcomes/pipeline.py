"""Wiring of the second stage."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from claims_fraud.pipelines.outcomes.nodes import (
    collect_outcomes,
    fit_outcome_model,
    measure_outcome_model,
    score_open_claims,
)

SETTINGS = {"columns": "params:columns", "outcomes": "params:outcomes"}


def create_pipeline() -> Pipeline:
    """``fraud_scores -> past_outcomes, later_outcomes -> outcome_model -> outcome_metrics, outcome_scores``."""
    return Pipeline(
        [
            Node(
                collect_outcomes,
                inputs={"fraud_scores": "fraud_scores", **SETTINGS},
                outputs=["past_outcomes", "later_outcomes"],
                name="collect_outcomes",
            ),
            Node(
                fit_outcome_model,
                inputs={"past_outcomes": "past_outcomes", **SETTINGS},
                outputs="outcome_model",
                name="fit_outcome_model",
            ),
            Node(
                measure_outcome_model,
                inputs={
                    "past_outcomes": "past_outcomes",
                    "later_outcomes": "later_outcomes",
                    "outcome_model": "outcome_model",
                    "columns": "params:columns",
                },
                outputs="outcome_metrics",
                name="measure_outcome_model",
            ),
            Node(
                score_open_claims,
                inputs={
                    "fraud_scores": "fraud_scores",
                    "outcome_model": "outcome_model",
                    "columns": "params:columns",
                },
                outputs="outcome_scores",
                name="score_open_claims",
            ),
        ],
        tags="outcomes",
    )
