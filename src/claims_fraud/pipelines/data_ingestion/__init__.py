"""Raw claims to features, rejected claims and splits."""

from claims_fraud.pipelines.data_ingestion.pipeline import create_new_claims_pipeline, create_pipeline

__all__ = ["create_new_claims_pipeline", "create_pipeline"]
