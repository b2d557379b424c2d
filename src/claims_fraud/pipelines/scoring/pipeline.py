"""Wiring of scoring, for all ingested claims and for new ones."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from claims_fraud.pipelines.scoring.nodes import list_top_claims, score_features, score_new_features

SETTINGS = {"columns": "params:columns", "scoring": "params:scoring"}
SCORES = ["fraud_scores", "fraud_scores_by_model_type"]


def create_pipeline() -> Pipeline:
    """``features, autoencoder, training_scores -> fraud_scores -> top_claims``."""
    score = Node(
        score_features,
        inputs={
            "features": "features",
            "autoencoder": "autoencoder",
            "training_scores": "training_scores",
            **SETTINGS,
        },
        outputs=SCORES,
        name="score_features",
    )
    return Pipeline([score, _list_top_claims()], tags="scoring")


def create_new_claims_pipeline() -> Pipeline:
    """``new_claim_features, autoencoder, earlier_fraud_scores -> fraud_scores -> top_claims``."""
    score = Node(
        score_new_features,
        inputs={
            "features": "new_claim_features",
            "autoencoder": "autoencoder",
            "earlier": "earlier_fraud_scores",
            **SETTINGS,
        },
        outputs=SCORES,
        name="score_new_features",
    )
    return Pipeline([score, _list_top_claims()], tags="score_new")


def _list_top_claims() -> Node:
    return Node(
        list_top_claims,
        inputs={"fraud_scores": "fraud_scores", **SETTINGS},
        outputs="top_claims",
        name="list_top_claims",
    )
