"""Nodes that train the autoencoder; what it does stands in `claims_fraud.autoencoder`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from claims_fraud import frames
from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.evaluation import evaluate, score_summary
from claims_fraud.autoencoder.swaps import swap_measures
from claims_fraud.claims import Columns
from claims_fraud.claims.history import derivable
from claims_fraud.claims.rows import is_present, numbers, texts
from claims_fraud.errors import InputError
from claims_fraud.frames import Frame
from claims_fraud.parameters import TrainingParameters
from claims_fraud.scores import training_score_table

# Enough for a stable figure, few enough to be quick.
MOST_SWAPPED_ROWS = 5_000


def sample_training_claims(features_train: Frame, columns: Columns, training: TrainingParameters) -> pd.DataFrame:
    """Return the claims to learn from, at most `max_training_rows`, sorted by claim id."""
    return frames.sample(features_train, training.max_training_rows, columns.claim_id, training.seed)


def fit_autoencoder(
    claims: pd.DataFrame, columns: Columns, training: TrainingParameters
) -> tuple[ClaimsTreeAutoencoder, pd.DataFrame]:
    """Return the fitted model and the cross-fitted scores of the claims it learned from."""
    _check_learnable(claims, columns, training)
    model = ClaimsTreeAutoencoder(
        **training.estimator, context_features=columns.context_features, suspicious_direction=columns.directions
    )
    groups = claims[columns.id_of(training.folds_by)]
    model.fit(claims, columns.model_categorical, columns.model_numeric, groups=groups)
    return model, training_score_table(claims, model, columns)


def measure_training(  # noqa: PLR0913, PLR0917
    training_scores: Frame,
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
    scores = training_scores[[columns.claim_id, "fraud_score"]]
    found = np.sort(frames.collected(scores)["fraud_score"].to_numpy())
    metrics: dict[str, Any] = {
        "model_type": training.model_type,
        "n": len(found),
        "n_features": len(columns.model_categorical) + len(columns.model_numeric),
        **score_summary(found),
    }
    held_out = frames.sample(features_validation, MOST_SWAPPED_ROWS, columns.claim_id, training.seed)
    swapped = swap_measures(autoencoder, held_out, training.seed)
    if swapped is not None:
        metrics["swapped"] = swapped
    if training.evaluate_labels:
        metrics["labelled"] = _labelled(scores, _labels(features_train, load_labels, columns), columns)
    return metrics


def _labelled(scores: Frame, labels: Frame, columns: Columns) -> dict[str, Any]:
    of_these = frames.matching(labels, scores, [columns.claim_id])
    labelled = frames.collected(frames.left_join(of_these, scores, columns.claim_id))
    labelled = labelled.sort_values(columns.claim_id, ignore_index=True)
    twice = labelled.loc[labelled[columns.claim_id].duplicated(), columns.claim_id]
    if len(twice):
        raise InputError(
            f"claim_labels name a {columns.claim_id} more than once, for example {twice.iloc[0]!r}. Keep one label a "
            "claim."
        )
    if labelled.empty:
        raise InputError(
            f"claim_labels share no {columns.claim_id} with the training claims. Give the labels of these claims, or "
            "set training.evaluate_labels: false."
        )
    number = numbers(labelled["is_fraud"])
    is_fraud = number.astype(object).where(number.notna(), labelled["is_fraud"])
    return evaluate(labelled["fraud_score"].to_numpy(), is_fraud.to_numpy(), labelled.get("fraud_kind"))


def _check_learnable(claims: pd.DataFrame, columns: Columns, training: TrainingParameters) -> None:
    """Raise InputError if there are too few claims or groups, or a column has no or a single value.

    A column that ingestion derives may have: no claim need have been billed twice so far.
    """
    group = columns.id_of(training.folds_by)
    groups = claims[group].nunique() + int(claims[group].isna().sum())
    if groups < training.n_folds:
        raise InputError(
            f"the train split has {len(claims):,} claims of {groups:,} different {group}, and {training.n_folds} folds "
            f"(training.n_folds) need as many of them. Ingest more claims, or set training.folds_by to what there is "
            "more of (provider, patient, claim)."
        )
    derived = derivable(columns)
    for name in (name for name in (*columns.model_categorical, *columns.model_numeric) if name not in derived):
        values = claims[name].unique()
        if len(values) > 1:
            continue
        what = "is empty" if pd.isna(values[0]) else f"has the single value {values[0]!r}"
        raise InputError(
            f"column {name!r} {what} in all {len(claims):,} claims to learn from, so it can tell nothing. Remove it "
            "from `columns:` of parameters.yml (and from protected), or correct the claims."
        )


def _labels(features: Frame, load_labels: Callable[[], Frame], columns: Columns) -> Frame:
    """Return claim id, is_fraud and, where known, fraud_kind, as text: from the label column if there is one."""
    if columns.label:
        return _as_text(features, ["is_fraud"], columns, label=columns.label)
    labels = load_labels()
    missing = {columns.claim_id, "is_fraud"} - set(labels.columns)
    if missing:
        raise InputError(
            f"claim_labels lack {sorted(missing)}; they need {columns.claim_id} and is_fraud (0 or 1), and may have "
            "fraud_kind. Give others with `--params=claim_labels=PATH`."
        )
    names = ["is_fraud", *(["fraud_kind"] if "fraud_kind" in labels.columns else [])]
    return _as_text(labels, names, columns, label="is_fraud")


def _as_text(labels: Frame, names: list[str], columns: Columns, label: str) -> Frame:
    schema = pa.schema([(name, pa.string()) for name in (columns.claim_id, *names)])
    return frames.map_batches(labels, partial(_known_labels, names=schema.names, label=label), schema)


def _known_labels(labels: pd.DataFrame, names: list[str], label: str) -> pd.DataFrame:
    known = labels[is_present(labels[label])]
    number = numbers(known[label])
    # What is no number stays as it came, to be named when labels are judged.
    known = known.assign(is_fraud=number.astype(object).where(number.notna(), known[label].astype(object)))
    return pd.DataFrame({name: texts(known[name]) for name in names}, known.index)
