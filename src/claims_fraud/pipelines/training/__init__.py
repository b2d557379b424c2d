"""Features to a fitted autoencoder, the scores of what it learned from, and metrics."""

from claims_fraud.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
