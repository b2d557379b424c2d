"""Wiring of scoring, for all ingested claims and for new ones."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from claims_fraud.incumbent import scoring_metrics
from claims_fraud.pipelines.scoring.nodes import (
    list_top_claims,
    merge_scores,
    rank_scores,
    score_features,
    score_new_features,
)

SETTINGS = {"columns": "params:columns", "scoring": "params:scoring"}


def create_pipeline() -> Pipeline:
    """``features, live_autoencoder, training_scores -> scored_claims -> fraud_scores -> top_claims, …``."""
    score = Node(
        score_features,
        inputs={
            "features": "features",
            "autoencoder": "live_autoencoder",
            "training_scores": "training_scores",
            **SETTINGS,
        },
        outputs="scored_claims",
        name="score_features",
    )
    return Pipeline([score, *_rank("scored_claims")], tags="scoring")


def create_new_claims_pipeline() -> Pipeline:
    """``new_claim_features, live_autoencoder, earlier_fraud_scores -> merged_scores -> fraud_scores -> …``."""
    score = Node(
        score_new_features,
        inputs={"features": "new_claim_features", "autoencoder": "live_autoencoder", **SETTINGS},
        outputs="scored_new_claims",
        name="score_new_features",
    )
    merge = Node(
        merge_scores,
        inputs={
            "earlier": "earlier_fraud_scores",
            "scored": "scored_new_claims",
            "rejected": "rejected_new_claims",
            "columns": "params:columns",
        },
        outputs="merged_scores",
        name="merge_scores",
    )
    return Pipeline([score, merge, *_rank("merged_scores")], tags="score_new")


def _rank(scored: str) -> list[Node]:
    """Return the nodes from scored claims to what people read."""
    return [
        Node(rank_scores, inputs={"scored": scored, **SETTINGS}, outputs="fraud_scores", name="rank_scores"),
        Node(
            list_top_claims,
            inputs={"fraud_scores": "fraud_scores", **SETTINGS},
            outputs="top_claims",
            name="list_top_claims",
        ),
        Node(
            scoring_metrics,
            inputs={"fraud_scores": "fraud_scores", "columns": "params:columns"},
            outputs="scoring_metrics",
            name="measure_scores",
        ),
    ]
