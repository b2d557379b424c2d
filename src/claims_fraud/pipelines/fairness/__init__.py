"""Ranked claims to what they do to protected groups."""

from claims_fraud.pipelines.fairness.pipeline import create_pipeline

__all__ = ["create_pipeline"]
