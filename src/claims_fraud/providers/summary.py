"""Scored claims to a row a provider: how many there are, their mean scores and surprises, and aggregates of the rest.

Each provider's row is made of its own claims alone, so that claims may come in any batches that hold all claims of a
provider. Not for comparing providers: that is ``table``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from claims_fraud.claims import Columns
from claims_fraud.claims.tables import described
from claims_fraud.providers.prices import Prices, billing_codes

EXCESS_AMOUNT = "excess_amount"
# Name, type and description of what is said of the scores of a provider's claims.
CLAIMS = ("claims", pa.int64(), "Scored claims of the provider")
SCORES = (
    ("mean_score", pa.float64(), "Mean fraud_score of the claims"),
    ("mean_percentile", pa.float64(), "Mean fraud_percentile of the claims"),
    ("top_share", pa.float64(), "Share of the claims that are flagged"),
)
SPREAD = ("score_squares", pa.float64(), "Sum of squared differences of the claims' scores from their mean")
EXCESS = (
    EXCESS_AMOUNT,
    pa.float64(),
    "Sum of what the claims' amounts exceed the expected by; null where none is known",
)
# What `prices` says of the claims, beside the provider itself.
PRICES = (
    ("priced_claims", pa.int64(), "Claims whose amount can be compared with what other providers bill for their code"),
    ("price_above", pa.float64(), "Mean log of these amounts above what others bill; null without such claims"),
    ("price_squares", pa.float64(), "Sum of squared differences of these from their mean"),
    ("price_code", pa.string(), "The column of the codes that are compared"),
)
# What is said of the claim amounts of a provider beside their mean.
AMOUNTS = {"total": "Sum", "median": "Median", "p90": "90th percentile"}
WEEKEND = 5


def provider_column(columns: Columns) -> str:
    """Return the column that names the provider; where claims have none, its name in tables without a row."""
    return columns.provider or "provider_id"


def summary_inputs(columns: Columns) -> list[str]:
    """Return the columns of `fraud_scores` that a summary is made of."""
    party = [columns.party] if columns.party else []
    own = [columns.claim_id, columns.claim_date, *party, provider_column(columns)]
    features = [*columns.model_categorical, *columns.model_numeric]
    return [*own, *features, "fraud_score", "fraud_percentile", EXCESS_AMOUNT, "flagged", *columns.surprises]


def summary_schema(columns: Columns, peer_columns: Sequence[str]) -> pa.Schema:
    """Return the schema of what `summarise_providers` makes."""
    surprises = [
        described(surprise, pa.float64(), f"What {name} adds to the score of a claim on average")
        for name, surprise in zip(columns.scored_features, columns.surprises, strict=True)
    ]
    aggregates = [
        described(name, pa.float64(), comment) for name, comment in aggregate_columns(columns, peer_columns).items()
    ]
    scores = [described(*field) for field in (CLAIMS, *SCORES, SPREAD, EXCESS, *PRICES)]
    return pa.schema([*identity_fields(columns, peer_columns), *scores, *surprises, *aggregates])


def identity_fields(columns: Columns, peer_columns: Sequence[str]) -> list[pa.Field]:
    """Return the fields that say who a provider is: its id, and its most common value of each peer column."""
    who = described(provider_column(columns), pa.string(), "Identifies a provider")
    kinds = [described(name, pa.string(), f"Most common {name} of the provider's claims") for name in peer_columns]
    return [who, *kinds]


def aggregate_columns(columns: Columns, peer_columns: Sequence[str]) -> dict[str, str]:
    """Return the names of a provider's aggregates and what each is."""
    amount = columns.claim_amount if columns.claim_amount in columns.model_numeric else None
    money = {f"{amount}_{what}": f"{text} of {amount}" for what, text in AMOUNTS.items()}
    codes = [
        (f"{name}_{what}", f"{text} {name}")
        for name in billing_codes(columns, peer_columns)
        for what, text in (("different", "Number of different"), ("most_common", "Share of the most common"))
    ]
    patients = {"patients": "Different patients", "claims_per_patient": "Claims with a patient, for each of these"}
    return {
        **(patients if columns.party else {}),
        "claims_on_busiest_day": "Claims of the day that has most",
        "weekend_share": "Share of claims of a Saturday or Sunday",
        **(money if amount else {}),
        **{f"{name}_mean": f"Mean of {name}" for name in columns.model_numeric},
        **dict(codes),
    }


def summarise_providers(
    claims: pd.DataFrame, columns: Columns, peer_columns: Sequence[str], prices: Prices | None = None
) -> pd.DataFrame:
    """Return a row a provider, by provider id.

    Parameters
    ----------
    claims : DataFrame of shape (n, ...)
        `fraud_scores` of all claims of some providers; claims without a provider are left out.
    columns : Columns
        Their roles.
    peer_columns : sequence of str
        Codes that say what kind of provider it is, such as its specialty.
    prices : Prices, optional
        What claims cost, of these providers and all others; without it nothing is said of prices.

    Returns
    -------
    DataFrame
        The columns of `summary_schema`. The order of the claims has no say in it.
    """
    known = claims[claims[provider_column(columns)].notna()].sort_values(columns.claim_id, ignore_index=True)
    provider = known[provider_column(columns)]
    by = known.groupby(provider)
    table = pd.DataFrame(
        {
            **{name: _most_common(known, provider, name)[0] for name in peer_columns},
            "claims": by.size(),
            "mean_score": by["fraud_score"].mean(),
            "mean_percentile": by["fraud_percentile"].mean(),
            "top_share": known["flagged"].astype(float).groupby(provider).mean(),
            "score_squares": by["fraud_score"].var(ddof=0) * by.size(),
            EXCESS_AMOUNT: known[EXCESS_AMOUNT].astype(float).groupby(provider).sum(min_count=1),
            **_price_level(known, columns, prices),
        }
    )
    aggregates = _aggregates(known, columns, peer_columns)
    whole = pd.concat([table, by[list(columns.surprises)].mean(), aggregates], axis=1)
    in_order: pd.DataFrame = whole.reset_index(names=provider_column(columns))[
        summary_schema(columns, peer_columns).names
    ]
    return in_order


def _price_level(claims: pd.DataFrame, columns: Columns, prices: Prices | None) -> dict[str, Any]:
    """Return by provider what `PRICES` names."""
    provider = claims[provider_column(columns)]
    if prices is None:
        return dict(zip((name for name, *_ in PRICES), (0, np.nan, 0.0, None), strict=True))
    by = prices.above(claims, columns).groupby(provider)
    squares = by.var(ddof=0) * by.count()
    parts = (by.count(), by.mean(), squares.fillna(0.0), prices.code)
    return dict(zip((name for name, *_ in PRICES), parts, strict=True))


def _aggregates(claims: pd.DataFrame, columns: Columns, peer_columns: Sequence[str]) -> pd.DataFrame:
    provider, day = claims[provider_column(columns)], claims[columns.claim_date].dt.normalize()
    by = claims.groupby(provider)
    table = {
        "claims_on_busiest_day": claims.groupby([provider, day]).size().groupby(level=0).max(),
        "weekend_share": (day.dt.dayofweek >= WEEKEND).groupby(provider).mean(),
        **{f"{name}_mean": by[name].mean() for name in columns.model_numeric},
    }
    if columns.party:
        table["patients"] = patients = by[columns.party].nunique()
        table["claims_per_patient"] = by[columns.party].count() / patients.where(patients > 0)
    amount = columns.claim_amount
    if amount in columns.model_numeric:
        table[f"{amount}_total"] = by[amount].sum()
        table[f"{amount}_median"] = by[amount].median()
        table[f"{amount}_p90"] = by[amount].quantile(0.9)
    for name in billing_codes(columns, peer_columns):
        table[f"{name}_different"] = by[name].nunique()
        table[f"{name}_most_common"] = _most_common(claims, provider, name)[1] / by[name].count()
    return pd.DataFrame(table).astype(float)


def _most_common(claims: pd.DataFrame, provider: pd.Series, name: str) -> tuple[pd.Series, pd.Series]:
    """Return each provider's most common value, of equally common ones the smallest, and how often it occurs."""
    counts = claims[name].groupby([provider, claims[name].rename("value")]).size().reset_index(name="count")
    counts = counts.sort_values([str(provider.name), "count", "value"], ascending=[True, False, True])
    first = counts.drop_duplicates(str(provider.name)).set_index(str(provider.name))
    return first["value"], first["count"]
