"""Nodes that score claims; the table they make is defined in `claims_fraud.scores`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from claims_fraud import frames
from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.claims import Columns
from claims_fraud.claims.columns import ROW_HASH
from claims_fraud.claims.corrections import reversed_claims
from claims_fraud.claims.lines import CLAIM_SCORE, LINES, whole_claims
from claims_fraud.claims.tables import claims_schema
from claims_fraud.errors import InputError, listed
from claims_fraud.frames import Frame
from claims_fraud.parameters import ScoringParameters
from claims_fraud.reporting.spreadsheets import without_formulas
from claims_fraud.scores import (
    REASONS,
    check_model_fits,
    check_scores_have,
    fraud_scores_schema,
    ranking_schema,
    score_claims,
    scored_schema,
    whole_claims_schema,
    with_flags,
    with_ranking_by_excess,
)

logger = logging.getLogger(__name__)


def score_features(
    features: Frame,
    autoencoder: ClaimsTreeAutoencoder,
    training_scores: Callable[[str], Frame],
    columns: Columns,
    scoring: ScoringParameters,
) -> Frame:
    """Return all features with what the model says of them.

    Claims that it learned from keep their cross-fitted scores; one that was corrected since is scored anew.
    """
    check_model_fits(autoencoder, columns)
    known = training_scores(autoencoder.model_version_)
    check_scores_have(known.columns, [ROW_HASH], "kedro run --pipelines=training,scoring", of="the training scores")
    # The stamps of the scores are those of this run.
    known = known[[name for name in known.columns if name != "model_version"]]
    return _scored(frames.left_join(features, known, columns.claim_id), autoencoder, columns, scoring)


def score_new_features(
    features: Frame, autoencoder: ClaimsTreeAutoencoder, columns: Columns, scoring: ScoringParameters
) -> Frame:
    """Return the new claims' features with what the model says of them."""
    check_model_fits(autoencoder, columns)
    return _scored(features, autoencoder, columns, scoring)


def merge_scores(earlier: Frame | None, scored: Frame, columns: Columns, rejected: Frame | None = None) -> Frame:
    """Return earlier scores with those of the newly scored claims put in by claim id.

    Claims that rejected rows reverse are there no more.
    A claim that comes again as it was, to the same model, keeps its earlier row: a repeated run changes nothing, not
    even `scored_at`, and a claim that the model learned from keeps its cross-fitted score.
    """
    if earlier is None:
        return scored
    names = scored_schema(columns).names
    lacking = [name for name in names if name not in earlier.columns]
    if lacking:
        raise InputError(
            f"the scores so far have no {listed(lacking)}: they are of another `columns:` block. Restore that one, or "
            "score all claims anew first (`kedro run --pipelines=data_ingestion,scoring`)."
        )
    versions, scored_by = (set(frames.distinct(frame, "model_version")) for frame in (earlier, scored))
    if scored_by and versions - scored_by:
        logger.warning(
            "the ranking has claims that other models scored (%s): `kedro run --pipelines=scoring` ranks all by one",
            listed(sorted(versions - scored_by)),
        )
    if rejected is not None:
        only_id = claims_schema(columns, [columns.claim_id])
        gone = frames.map_batches(rejected, partial(reversed_claims, columns=columns), only_id)
        earlier = frames.without(earlier, gone, on=[columns.claim_id])
    fresh = frames.without(scored, earlier, on=[*columns.roles, *columns.links, "model_version"])
    return frames.upserted(fresh[names], earlier[names], columns.claim_id)


def rank_scores(scored: Frame, columns: Columns, scoring: ScoringParameters) -> Frame:
    """Return `fraud_scores`: sorted by descending score or excess amount, ties by claim id, with rank and flag."""
    by = "fraud_score"
    if scoring.rank_by == "excess":
        scored, by = frames.map_batches(scored, with_ranking_by_excess, ranking_schema(columns)), "ranking"
    ranked = frames.ranked(scored, by=by, ties=columns.claim_id)
    return frames.map_batches(
        ranked, partial(with_flags, columns=columns, scoring=scoring), fraud_scores_schema(columns)
    )


def list_top_claims(fraud_scores: Frame, columns: Columns, scoring: ScoringParameters) -> pd.DataFrame:
    """Return the list for people: the claims that rank first, with reasons; of claims in lines the worst line."""
    lines = []
    if columns.whole_claim:
        schema, lines = whole_claims_schema(columns), [LINES, CLAIM_SCORE]
        fraud_scores = frames.map_groups(
            fraud_scores, columns.whole_claim[0], partial(whole_claims, columns=columns), schema
        )
    top = frames.smallest(fraud_scores, scoring.top_claims, by="rank")
    if columns.whole_claim:
        top = top.assign(rank=range(1, len(top) + 1))
    who = [name for name in (columns.provider, columns.party if scoring.show_patient_id else None) if name]
    scores = ["rank", "fraud_score", "fraud_percentile", "excess_amount", *lines, "flagged"]
    incumbent = [columns.incumbent] if columns.incumbent else []
    ids = [columns.claim_id, columns.claim_date, *who]
    parts = [name for name in columns.claim_id_columns if name not in ids]
    shown = [*ids, *REASONS, *parts, *columns.links, *incumbent, *columns.features]
    top = top[list(dict.fromkeys([*scores, *shown]))]
    # Rounded down: no claim is more suspicious than all.
    percentiles = np.floor(top["fraud_percentile"] * 1e4) / 1e4
    return without_formulas(
        top.round({"fraud_score": 3, "excess_amount": 2, CLAIM_SCORE: 3}).assign(fraud_percentile=percentiles)
    )


def _scored(features: Frame, autoencoder: ClaimsTreeAutoencoder, columns: Columns, scoring: ScoringParameters) -> Frame:
    score = partial(score_claims, model=autoencoder, columns=columns, scored_at=scoring.scored_at)
    return frames.map_batches(features, score, scored_schema(columns))
