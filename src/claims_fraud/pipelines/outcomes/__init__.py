"""Ranked claims with investigators' outcomes to a second stage, how well it does, and what it says of all others."""

from claims_fraud.pipelines.outcomes.pipeline import create_pipeline

__all__ = ["create_pipeline"]
