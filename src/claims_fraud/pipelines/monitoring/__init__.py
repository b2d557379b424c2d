"""Scored claims beside the profile of what the live model learned from: whether they have drifted away from it."""

from claims_fraud.pipelines.monitoring.pipeline import create_new_claims_pipeline, create_pipeline

__all__ = ["create_new_claims_pipeline", "create_pipeline"]
