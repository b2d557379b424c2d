"""Providers scored by their aggregates: the autoencoder of claims, with a row a provider.

It sees what no single claim shows: too many patients for so many claims, one code only, all on one day. Not for how
suspicious the claims themselves are: see ``table``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.claims import Columns
from claims_fraud.claims.columns import Direction
from claims_fraud.providers.summary import AMOUNTS, aggregate_columns, provider_column

REASONS = ("aggregate_reason_1", "aggregate_reason_2", "aggregate_reason_3")
AGGREGATE_FIELDS = (
    (
        "aggregate_score",
        pa.float64(),
        "How badly the provider's aggregates contradict each other, or how rare they are",
    ),
    ("aggregate_percentile", pa.float64(), "Share of the providers so judged that score lower, in per cent"),
    *((name, pa.string(), "What the provider's aggregate is and what was expected") for name in REASONS),
)
# In a sentence the bare word is what is counted.
CLAIM_COUNT = "number_of_claims"


def score_aggregates(  # noqa: PLR0913
    summaries: pd.DataFrame,
    columns: Columns,
    peer_columns: Sequence[str],
    settings: Mapping[str, Any],
    *,
    min_claims: int,
    min_providers: int,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return score, percentile and reasons of each provider, by models that did not see it, and how that went.

    Parameters
    ----------
    summaries : DataFrame of shape (n, ...)
        What `summarise_providers` made.
    columns : Columns
        Roles; means of context features, and the peer columns, are context.
    peer_columns : sequence of str
        Codes that say what kind of provider it is.
    settings : mapping
        Of `ClaimsTreeAutoencoder`.
    min_claims : int
        A provider with fewer claims is not judged: all its fields are null.
    min_providers : int
        With fewer providers to judge none is, and the second result says so.

    Returns
    -------
    DataFrame of shape (n, 5)
        On the index of ``summaries``.
    dict
        ``scored``: number of providers; ``skipped``: why there is none, only then.
    """
    judged = summaries[summaries["claims"] >= min_claims].sort_values(provider_column(columns))
    judged = judged.rename(columns={"claims": CLAIM_COUNT})
    nothing = pd.DataFrame(index=summaries.index, columns=[name for name, *_ in AGGREGATE_FIELDS], dtype=object)
    numbers = {name: "float64" for name, kind, _ in AGGREGATE_FIELDS if kind == pa.float64()}
    if len(judged) < min_providers:
        why = f"{len(judged):,} providers have {min_claims:,} claims or more, and {min_providers:,} are needed"
        return nothing.astype(numbers), {"scored": 0, "skipped": why}
    aggregates = [CLAIM_COUNT, *aggregate_columns(columns, peer_columns)]
    context = [*peer_columns, *(f"{name}_mean" for name in columns.context_features if f"{name}_mean" in aggregates)]
    model = ClaimsTreeAutoencoder(**settings, context_features=context, suspicious_direction=_directions(columns))
    scores, _ = model.fit(judged, list(peer_columns), aggregates)
    reasons = model.reasons(judged, model.training_judgement_, top=len(REASONS)).set_axis(list(REASONS), axis=1)
    # The model's sentences count claims, which here are providers.
    reasons = reasons.replace(r"\bclaim(s?)\b", r"provider\1", regex=True)
    found = reasons.assign(aggregate_score=scores, aggregate_percentile=model.percentile(scores))
    return found.reindex(summaries.index)[list(nothing)].astype(numbers), {"scored": len(judged)}


def _directions(columns: Columns) -> dict[str, Direction]:
    """Return the side on which aggregates are suspicious, where it is one only: sizes, and what is so in claims."""
    sizes: dict[str, Direction] = dict.fromkeys((CLAIM_COUNT, "patients", "claims_on_busiest_day"), "high")
    money = {
        f"{name}_{what}": side
        for name, side in columns.directions.items()
        for what in AMOUNTS
        if name == columns.claim_amount
    }
    return sizes | money | {f"{name}_mean": side for name, side in columns.directions.items()}
