"""Providers: what their claims' scores and their totals say of them, beside their peers.

A library on pandas and numpy: it knows nothing of Kedro, MLflow or Spark. Not for single claims: those are scored by
`claims_fraud.autoencoder`.
"""

from claims_fraud.providers.aggregates import score_aggregates
from claims_fraud.providers.prices import Prices, added, billing_codes, price_sums
from claims_fraud.providers.summary import summarise_providers, summary_inputs, summary_schema
from claims_fraud.providers.table import provider_scores_schema, provider_table

__all__ = [
    "Prices",
    "added",
    "billing_codes",
    "price_sums",
    "provider_scores_schema",
    "provider_table",
    "score_aggregates",
    "summarise_providers",
    "summary_inputs",
    "summary_schema",
]
