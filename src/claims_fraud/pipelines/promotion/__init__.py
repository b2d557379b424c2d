"""The challenger to the champion, if it is no worse."""

from claims_fraud.pipelines.promotion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
