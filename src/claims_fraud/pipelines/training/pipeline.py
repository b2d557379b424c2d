"""Wiring of training."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from claims_fraud.pipelines.training.nodes import (
    fit_autoencoder,
    measure_training,
    profile_reference,
    sample_training_claims,
)

SETTINGS = {"columns": "params:columns", "training": "params:training"}


def create_pipeline() -> Pipeline:
    """``features_train, features_validation -> autoencoder, training_scores, training_metrics, …``."""
    return Pipeline(
        [
            Node(
                sample_training_claims,
                inputs={"features_train": "features_train", **SETTINGS},
                outputs="training_claims",
                name="sample_training_claims",
            ),
            Node(
                fit_autoencoder,
                inputs={"claims": "training_claims", **SETTINGS},
                outputs=["autoencoder", "training_scores"],
                name="fit_autoencoder",
            ),
            Node(
                measure_training,
                inputs={
                    "training_scores": "training_scores",
                    "autoencoder": "autoencoder",
                    "features_train": "features_train",
                    "features_validation": "features_validation",
                    "load_labels": "claim_labels",
                    **SETTINGS,
                },
                outputs="training_metrics",
                name="measure_training",
            ),
            Node(
                profile_reference,
                inputs={
                    "claims": "training_claims",
                    "features_train": "features_train",
                    "training_scores": "training_scores",
                    "autoencoder": "autoencoder",
                    "columns": "params:columns",
                },
                outputs="reference_profile",
                name="profile_reference",
            ),
        ],
        tags="training",
    )
