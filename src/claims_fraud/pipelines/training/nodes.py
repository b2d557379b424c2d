"""Nodes that train the autoencoder; what it does stands in `claims_fraud.autoencoder`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from claims_fraud import frames
from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.evaluation import score_summary
from claims_fraud.autoencoder.swaps import swap_measures
from claims_fraud.claims import Columns
from claims_fraud.claims.columns import FEWEST_FEATURES, HISTORY_COMPLETE
from claims_fraud.claims.hashing import fingerprint
from claims_fraud.claims.history import derivable, history_sources, is_enough_to_learn_from
from claims_fraud.drift import ReferenceProfile, combined, count_rows, learn_bins
from claims_fraud.errors import InputError, listed
from claims_fraud.frames import Frame
from claims_fraud.labels import labels_of, measured_by_labels
from claims_fraud.monitoring import scores_compared
from claims_fraud.parameters import TrainingParameters
from claims_fraud.scores import training_score_table

logger = logging.getLogger(__name__)

# Enough for a stable figure, few enough to be quick.
MOST_SWAPPED_ROWS = 5_000


def sample_training_claims(features_train: Frame, columns: Columns, training: TrainingParameters) -> pd.DataFrame:
    """Return the claims to learn from, at most `max_training_rows`, sorted by claim id.

    Claims whose history is incomplete are left out where enough others remain.
    """
    _check_is_marked(features_train)
    known = frames.reduce_batches(features_train[[HISTORY_COMPLETE]], _count_complete, _added)
    complete, claims = known["complete"], known["claims"]
    if complete < claims:
        enough = is_enough_to_learn_from(complete, claims)
        what = "the others are left out of training" if enough else "too few to do without the others: all train"
        logger.info("History is complete for %s of %s claims; %s", f"{complete:,}", f"{claims:,}", what)
        features_train = frames.keep_where(features_train, HISTORY_COMPLETE) if enough else features_train
    return frames.sample(features_train, training.max_training_rows, columns.claim_id, training.seed)


def fit_autoencoder(
    claims: pd.DataFrame, columns: Columns, training: TrainingParameters
) -> tuple[ClaimsTreeAutoencoder, pd.DataFrame]:
    """Return the fitted model and the cross-fitted scores of the claims it learned from."""
    _check_learnable(claims, columns, training)
    model = ClaimsTreeAutoencoder(
        **training.estimator,
        context_features=columns.context_features,
        suspicious_direction=columns.directions,
        derived_from=history_sources(columns),
        code_sets=[[name for name in one if name in columns.model_categorical] for one in columns.code_sets],
    )
    groups = claims[columns.id_of(training.folds_by)]
    model.fit(claims, columns.model_categorical, columns.model_numeric, groups=groups)
    return model, training_score_table(claims, model, columns)


def measure_training(  # noqa: PLR0913, PLR0917
    training_scores: Callable[[str], Frame],
    autoencoder: ClaimsTreeAutoencoder,
    features_train: Frame,
    features_validation: Frame,
    load_labels: Callable[[], Frame],
    columns: Columns,
    training: TrainingParameters,
) -> dict[str, Any]:
    """Return metrics of the cross-fitted scores and of swapped values in the validation claims.

    Labels are read only if `evaluate_labels` is set.
    """
    scores = training_scores(autoencoder.model_version_)[[columns.claim_id, "fraud_score"]]
    learned = frames.collected(scores)
    found = np.sort(learned["fraud_score"].to_numpy())
    metrics: dict[str, Any] = {
        "model_type": training.model_type,
        "model_version": autoencoder.model_version_,
        "learned_from": fingerprint(learned[columns.claim_id]),
        "n": len(found),
        "n_features": len(columns.model_categorical) + len(columns.model_numeric),
        **score_summary(found),
    }
    held_out = frames.sample(features_validation, MOST_SWAPPED_ROWS, columns.claim_id, training.seed)
    swapped = swap_measures(autoencoder, held_out, training.seed)
    if swapped is not None:
        metrics["swapped"] = swapped
    if training.evaluate_labels:
        labels = labels_of(features_train, load_labels, columns)
        metrics["labelled"] = measured_by_labels(scores, labels, columns)
    return metrics


def profile_reference(
    claims: pd.DataFrame,
    features_train: Frame,
    training_scores: Callable[[str], Frame],
    autoencoder: ClaimsTreeAutoencoder,
    columns: Columns,
) -> ReferenceProfile:
    """Return what drift is measured against: the train split, and the cross-fitted scores of the claims learned from.

    Bins are learned from the claims that the model learned from, and all of the train split is counted, but for claims
    with an incomplete history where the model learned from none.
    """
    complete = bool(claims[HISTORY_COMPLETE].all())
    if complete:
        features_train = frames.keep_where(features_train, HISTORY_COMPLETE)
    bins = learn_bins(claims, columns.categorical, columns.numeric)
    counts = frames.reduce_batches(features_train, partial(count_rows, bins=bins), combined)
    scores = frames.collected(training_scores(autoencoder.model_version_)[scores_compared(columns)])
    score_bins = learn_bins(scores, (), scores.columns)
    score_counts = count_rows(scores, score_bins)
    return ReferenceProfile.of(
        bins, counts, score_bins, score_counts, autoencoder.model_version_, history_complete=complete
    )


def _check_is_marked(features_train: Frame) -> None:
    """Raise InputError if ingestion did not yet say which claims have a complete history."""
    if HISTORY_COMPLETE not in features_train.columns:
        raise InputError(
            f"features_train have no column {HISTORY_COMPLETE!r}: an earlier version ingested them. Ingest the claims "
            "again: `kedro run --pipelines=data_ingestion` (same --env)."
        )


def _count_complete(claims: pd.DataFrame) -> dict[str, int]:
    return {"complete": int(claims[HISTORY_COMPLETE].sum()), "claims": len(claims)}


def _added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: number + other[name] for name, number in one.items()}


def _check_learnable(claims: pd.DataFrame, columns: Columns, training: TrainingParameters) -> None:
    """Raise InputError if there are too few claims, groups or columns to learn from; tell of columns that do not vary.

    A column that ingestion derives may be constant without a word: no claim need have been billed twice so far.
    """
    group = columns.id_of(training.folds_by)
    groups = claims[group].nunique() + int(claims[group].isna().sum())
    if groups < training.n_folds:
        raise InputError(
            f"the train split has {len(claims):,} claims of {groups:,} different {group}, and {training.n_folds} folds "
            f"(training.n_folds) need as many of them. Ingest more claims, or set training.folds_by to what there is "
            "more of (provider, patient, claim)."
        )
    features = (*columns.model_categorical, *columns.model_numeric)
    constant = [name for name in features if len(claims[name].unique()) == 1]
    if len(features) - len(constant) < FEWEST_FEATURES:
        raise InputError(
            f"columns {listed(constant)} have a single value, or none, in all {len(claims):,} claims to learn from, so "
            "that there are not two columns to judge by each other. Name others in `columns:` of parameters.yml."
        )
    for name in (name for name in constant if name not in derivable(columns)):
        value = claims[name].iloc[0]
        what = "is empty" if pd.isna(value) else "has a single value"
        logger.warning(
            "%s %s in all %s claims to learn from: no claim is judged by it, but one that has another value",
            name,
            what,
            f"{len(claims):,}",
        )
