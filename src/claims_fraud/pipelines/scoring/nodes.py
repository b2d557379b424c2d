"""Nodes that score claims; the table they make is defined in `claims_fraud.scores`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from claims_fraud import frames
from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.claims import Columns
from claims_fraud.parameters import ScoringParameters
from claims_fraud.scores import REASONS, check_model_fits, merge_scores, rank_claims, score_claims


def score_features(
    features: pd.DataFrame,
    autoencoder: ClaimsTreeAutoencoder,
    training_scores: pd.DataFrame,
    columns: Columns,
    scoring: ScoringParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `fraud_scores` of all features, twice: for the table of today and for that of the model type."""
    check_model_fits(autoencoder, columns, training_scores)
    scored = frames.map_batches(
        features, lambda batch: score_claims(batch, autoencoder, training_scores, columns, scoring)
    )
    ranked = rank_claims(scored, columns, scoring)
    return ranked, ranked


def score_new_features(
    features: pd.DataFrame,
    autoencoder: ClaimsTreeAutoencoder,
    earlier: pd.DataFrame | None,
    columns: Columns,
    scoring: ScoringParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the earlier `fraud_scores` with those of the new claims merged in by claim id, twice."""
    check_model_fits(autoencoder, columns)
    scored = frames.map_batches(features, lambda batch: score_claims(batch, autoencoder, None, columns, scoring))
    ranked = rank_claims(merge_scores(earlier, scored, columns), columns, scoring)
    return ranked, ranked


def list_top_claims(fraud_scores: pd.DataFrame, columns: Columns, scoring: ScoringParameters) -> pd.DataFrame:
    """Return the list for people: the most suspicious claims, worst first, with reasons."""
    top = frames.largest(fraud_scores, scoring.top_claims, "fraud_score")
    who = [columns.provider_id, *([columns.patient_id] if scoring.show_patient_id else [])]
    scores = ["rank", "fraud_score", "fraud_percentile", "flagged"]
    top = top[[*scores, columns.claim_id, columns.claim_date, *who, *REASONS, *columns.features]]
    # Rounded down: no claim is more suspicious than all.
    percentiles = np.floor(top["fraud_percentile"] * 1e4) / 1e4
    return top.round({"fraud_score": 3}).assign(fraud_percentile=percentiles)
