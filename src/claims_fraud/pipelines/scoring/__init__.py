"""Features and a fitted autoencoder to ranked claims with reasons."""

from claims_fraud.pipelines.scoring.pipeline import create_new_claims_pipeline, create_pipeline

__all__ = ["create_new_claims_pipeline", "create_pipeline"]
