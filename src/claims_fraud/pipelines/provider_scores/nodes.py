"""Nodes that roll claims up by provider; what they say of a provider is defined in `claims_fraud.providers`."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from claims_fraud import frames
from claims_fraud.claims import Columns
from claims_fraud.frames import Frame
from claims_fraud.parameters import ProviderParameters, TrainingParameters
from claims_fraud.providers import (
    Prices,
    added,
    billing_codes,
    price_sums,
    provider_scores_schema,
    provider_table,
    score_aggregates,
    summarise_providers,
    summary_inputs,
    summary_schema,
)

logger = logging.getLogger(__name__)


def sum_up_providers(fraud_scores: Frame, columns: Columns, provider_scores: ProviderParameters) -> Frame:
    """Return a row a provider: what its claims' scores are on average, and aggregates of the claims."""
    shared = provider_scores.shared(columns)
    if columns.provider is None:
        logger.info("columns.provider is null: no providers are ranked")
        schema = summary_schema(columns, shared)
        return frames.like(fraud_scores, schema.empty_table().to_pandas(), schema)
    claims = fraud_scores[summary_inputs(columns)]
    sums = partial(price_sums, columns=columns, codes=billing_codes(columns, shared))
    prices = Prices.of(frames.reduce_batches(claims, sums, added))
    summarise = partial(summarise_providers, columns=columns, peer_columns=shared, prices=prices)
    return frames.map_groups(claims, columns.provider, summarise, summary_schema(columns, shared))


def rank_providers(
    provider_summaries: Frame, columns: Columns, training: TrainingParameters, provider_scores: ProviderParameters
) -> tuple[Frame, dict[str, Any]]:
    """Return `provider_scores`, the most suspicious provider first, and figures of all of them."""
    shared = provider_scores.shared(columns)
    if columns.provider is None:
        schema = provider_scores_schema(columns, shared)
        return frames.like(provider_summaries, schema.empty_table().to_pandas(), schema), {"n": 0, "n_claims": 0}
    summaries = frames.collected(provider_summaries)
    limits = provider_scores.model_dump(include={"min_claims", "min_providers"})
    aggregate_scores, aggregates = score_aggregates(summaries, columns, shared, training.estimator, **limits)
    table, figures = provider_table(summaries, aggregate_scores, columns, shared, provider_scores.min_peers)
    ranked = frames.like(provider_summaries, table, provider_scores_schema(columns, shared))
    return ranked, {**figures, "aggregates": aggregates}
