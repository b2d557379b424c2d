"""Tables whose columns are a contract, checked by the catalog whenever they are saved."""

from __future__ import annotations

import pandera.pandas as pa
from pandera.dtypes import Timestamp
from pandera.typing import Series


class ProviderScores(pa.DataFrameModel):
    """`provider_scores`: what the claims of each provider say of it; its id and its kind stand beside these."""

    rank: Series[int] = pa.Field(ge=1, unique=True)
    claims: Series[int] = pa.Field(ge=1)
    mean_score: Series[float] = pa.Field(ge=0)
    mean_percentile: Series[float] = pa.Field(ge=0, lt=100)
    top_share: Series[float] = pa.Field(ge=0, le=1)
    top_share_low: Series[float] = pa.Field(ge=0, le=1)
    top_share_high: Series[float] = pa.Field(ge=0, le=1)
    shrunken_top_share: Series[float] = pa.Field(ge=0, le=1)
    shrunken_mean: Series[float] = pa.Field(ge=0)
    peers: Series[str]
    peer_mean: Series[float] = pa.Field(ge=0)
    versus_peers: Series[float]
    price_level: Series[float] = pa.Field(gt=0, nullable=True)
    price_versus_peers: Series[float] = pa.Field(nullable=True)
    excess_amount: Series[float] = pa.Field(ge=0, nullable=True)
    driver_1: Series[str] = pa.Field(nullable=True)
    driver_2: Series[str] = pa.Field(nullable=True)
    driver_3: Series[str] = pa.Field(nullable=True)
    aggregate_score: Series[float] = pa.Field(ge=0, nullable=True)
    aggregate_percentile: Series[float] = pa.Field(ge=0, lt=100, nullable=True)
    aggregate_reason_1: Series[str] = pa.Field(nullable=True)
    aggregate_reason_2: Series[str] = pa.Field(nullable=True)
    aggregate_reason_3: Series[str] = pa.Field(nullable=True)


class FraudScores(pa.DataFrameModel):
    """`fraud_scores`: what the model says of each claim; the claim's own columns stand beside these."""

    rank: Series[int] = pa.Field(ge=1, unique=True)
    fraud_score: Series[float] = pa.Field(ge=0)
    fraud_percentile: Series[float] = pa.Field(ge=0, lt=100)
    excess_amount: Series[float] = pa.Field(ge=0, nullable=True)
    flagged: Series[bool]
    reason_1: Series[str] = pa.Field(nullable=True)
    reason_2: Series[str] = pa.Field(nullable=True)
    reason_3: Series[str] = pa.Field(nullable=True)
    surprise: Series[float] = pa.Field(alias="^surprise_", regex=True, ge=0)
    model_type: Series[str] = pa.Field(isin=["catboost", "xgboost"])
    model_version: Series[str] = pa.Field(str_matches="^[0-9a-f]{12}$")
    scored_at: Series[Timestamp]


class BiasSummary(pa.DataFrameModel):
    """`bias_summary`: groups of protected columns, each beside a reference; a row a comparison."""

    attribute: Series[str]
    group: Series[str]
    n: Series[int] = pa.Field(ge=0)
    flagged: Series[int] = pa.Field(ge=0)
    flag_rate: Series[float] = pa.Field(ge=0, le=1)
    reference: Series[str]
    difference: Series[float] = pa.Field(ge=-1, le=1)
    ratio: Series[float] = pa.Field(ge=0, nullable=True)
    ratio_low: Series[float] = pa.Field(ge=0)
    ratio_high: Series[float] = pa.Field(ge=0)
    p_adjusted: Series[float] = pa.Field(ge=0, le=1, nullable=True)
    verdict: Series[str] = pa.Field(isin=["fair", "biased", "inconclusive", "insufficient"])
    difference_low: Series[float] = pa.Field(ge=-1, le=1)
    difference_high: Series[float] = pa.Field(ge=-1, le=1)
    flag_rate_low: Series[float] = pa.Field(ge=0, le=1)
    flag_rate_high: Series[float] = pa.Field(ge=0, le=1)
    mean_score: Series[float] = pa.Field(ge=0, nullable=True)
    top_share: Series[float] = pa.Field(ge=0, le=1, nullable=True)
    ks: Series[float] = pa.Field(ge=0, le=1, nullable=True)
