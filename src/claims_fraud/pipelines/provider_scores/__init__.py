"""Ranked claims to ranked providers."""

from claims_fraud.pipelines.provider_scores.pipeline import create_pipeline

__all__ = ["create_pipeline"]
