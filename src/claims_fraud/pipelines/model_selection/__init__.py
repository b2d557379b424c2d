"""Metrics of the trained model types to the one that scores."""

from claims_fraud.pipelines.model_selection.pipeline import create_pipeline

__all__ = ["create_pipeline"]
