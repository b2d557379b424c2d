"""Wiring of the comparison of challenger and champion."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from claims_fraud.pipelines.promotion.nodes import compare_models, promote

SETTINGS = ("columns", "training", "scoring", "fairness", "monitoring", "promotion")


def create_pipeline() -> Pipeline:
    """``challenger, current_champion, features_validation -> promotion_report, promotion_changes -> champion``."""
    return Pipeline(
        [
            Node(
                compare_models,
                inputs={
                    "challenger": "challenger",
                    "champion": "current_champion",
                    "features_validation": "features_validation",
                    "load_labels": "claim_labels",
                    "profiles": "reference_profile",
                    **{name: f"params:{name}" for name in SETTINGS},
                },
                outputs=["promotion_report", "promotion_changes"],
                name="compare_models",
            ),
            Node(promote, inputs={"promotion_report": "promotion_report"}, outputs="champion", name="promote"),
        ],
        tags="promotion",
    )
