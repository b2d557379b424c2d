"""Metrics of the trained models to the one that is the challenger."""

from claims_fraud.pipelines.model_selection.pipeline import create_pipeline

__all__ = ["create_pipeline"]
