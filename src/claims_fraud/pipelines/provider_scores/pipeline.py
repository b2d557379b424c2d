"""Wiring of the scores of providers."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from claims_fraud.pipelines.provider_scores.nodes import rank_providers, sum_up_providers

SETTINGS = {"columns": "params:columns", "provider_scores": "params:provider_scores"}


def create_pipeline() -> Pipeline:
    """``fraud_scores -> provider_summaries -> provider_scores, provider_metrics``."""
    return Pipeline(
        [
            Node(
                sum_up_providers,
                inputs={"fraud_scores": "fraud_scores", **SETTINGS},
                outputs="provider_summaries",
                name="sum_up_providers",
            ),
            Node(
                rank_providers,
                inputs={"provider_summaries": "provider_summaries", "training": "params:training", **SETTINGS},
                outputs=["provider_scores", "provider_metrics"],
                name="rank_providers",
            ),
        ],
        tags="provider_scores",
    )
