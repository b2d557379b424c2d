"""Nodes that ingest claims; the rules stand in `claims_fraud.claims`."""

from __future__ import annotations

from datetime import date

import pandas as pd

from claims_fraud.claims import Columns, IngestionParameters
from claims_fraud.claims.history import derive_features, upserted
from claims_fraud.claims.ingestion import separate_rejected
from claims_fraud.claims.splits import split_claims


def separate_rejected_claims(
    claims: pd.DataFrame, columns: Columns, parameters: IngestionParameters, as_of: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return valid and rejected claims; together as many as came."""
    return separate_rejected(claims, columns, parameters, date.fromisoformat(as_of))


def derive_claim_features(claims: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return the features of valid claims: a row each."""
    return derive_features(claims, columns)


def split_features(
    features: pd.DataFrame, columns: Columns, parameters: IngestionParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return train, validation and test features."""
    return split_claims(features, columns, parameters)


def derive_new_claim_features(
    claims: pd.DataFrame, features: pd.DataFrame, earlier_new: pd.DataFrame | None, columns: Columns
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return features of the new claims, and of all claims that came after training, these included.

    History counts the claims ingested for training and the new claims ingested before, each once; a claim that comes
    again replaces itself.
    """
    batch = derive_features(claims, columns, earlier=upserted(features, earlier_new, columns.claim_id))
    merged = upserted(batch, earlier_new, columns.claim_id)
    return batch, merged.sort_values(columns.claim_id, ignore_index=True)
