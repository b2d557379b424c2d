"""Wiring of ingestion, for the claims that are learned from and for those that come later."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from claims_fraud.pipelines.data_ingestion.nodes import (
    check_claims,
    check_new_claims,
    derive_claim_features,
    derive_new_claim_features,
    keep_new_claim_features,
    separate_rejected_claims,
    separate_rejected_new_claims,
    split_features,
)

RULES = {"columns": "params:columns", "parameters": "params:data_ingestion"}
READ = {**RULES, "read": "params:read"}
KNOWN = {"features": "features", "earlier_new": "earlier_new_features"}
HISTORY = {"columns": "params:columns", "history": "params:history"}


def create_pipeline() -> Pipeline:
    """``raw_claims -> features, features_train, features_validation, features_test, rejected_claims``."""
    return Pipeline(
        [
            Node(
                check_claims,
                inputs={"claims": "raw_claims", "as_of": "params:as_of", **READ},
                outputs="checked_claims",
                name="check_claims",
            ),
            Node(
                separate_rejected_claims,
                inputs={"checked": "checked_claims", **READ},
                outputs=["valid_claims", "rejected_claims"],
                name="separate_rejected_claims",
            ),
            Node(
                derive_claim_features,
                inputs={"claims": "valid_claims", **HISTORY},
                outputs="features",
                name="derive_claim_features",
            ),
            Node(
                split_features,
                inputs={"features": "features", **RULES},
                outputs=["features_train", "features_validation", "features_test"],
                name="split_features",
            ),
        ],
        tags="data_ingestion",
    )


def create_new_claims_pipeline() -> Pipeline:
    """``new_claims -> new_claim_features (this batch), new_features (all since training), rejected_new_claims``."""
    return Pipeline(
        [
            Node(
                check_new_claims,
                inputs={"claims": "new_claims", **KNOWN, "as_of": "params:as_of", **READ},
                outputs="checked_new_claims",
                name="check_new_claims",
            ),
            Node(
                separate_rejected_new_claims,
                inputs={"checked": "checked_new_claims", **READ},
                outputs=["valid_new_claims", "rejected_new_claims"],
                name="separate_rejected_new_claims",
            ),
            Node(
                derive_new_claim_features,
                inputs={
                    "claims": "valid_new_claims",
                    "rejected": "rejected_new_claims",
                    **KNOWN,
                    **HISTORY,
                },
                outputs="new_claim_features",
                name="derive_new_claim_features",
            ),
            Node(
                keep_new_claim_features,
                inputs={"features": "new_claim_features"},
                outputs="new_features",
                name="keep_new_claim_features",
            ),
        ],
        tags="score_new",
    )
