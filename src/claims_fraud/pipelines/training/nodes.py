"""Nodes that train the autoencoder; what it does stands in `claims_fraud.autoencoder`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from claims_fraud import frames
from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.evaluation import evaluate, score_summary
from claims_fraud.claims import Columns
from claims_fraud.claims.rows import is_present, numbers, texts
from claims_fraud.errors import InputError
from claims_fraud.parameters import TrainingParameters
from claims_fraud.scores import training_score_table


def sample_training_claims(
    features_train: pd.DataFrame, columns: Columns, training: TrainingParameters
) -> pd.DataFrame:
    """Return the claims to learn from, at most `max_training_rows`, sorted by claim id."""
    return frames.sample(features_train, training.max_training_rows, columns.claim_id, training.seed)


def fit_autoencoder(
    claims: pd.DataFrame, columns: Columns, training: TrainingParameters
) -> tuple[ClaimsTreeAutoencoder, pd.DataFrame]:
    """Return the fitted model and the cross-fitted scores of the claims it learned from."""
    _check_learnable(claims, columns, training)
    model = ClaimsTreeAutoencoder(
        training.model_type,
        context_features=columns.context_features,
        **training.model_dump(
            include={"n_folds", "n_estimators", "max_depth", "learning_rate", "max_classes", "seed", "n_jobs"}
        ),
    )
    groups = claims[columns.id_of(training.folds_by)]
    model.fit(claims, columns.model_categorical, columns.model_numeric, groups=groups)
    return model, training_score_table(claims, model, columns)


def measure_training(
    training_scores: pd.DataFrame,
    features_train: pd.DataFrame,
    load_labels: Callable[[], pd.DataFrame],
    columns: Columns,
    training: TrainingParameters,
) -> dict[str, Any]:
    """Return metrics of the cross-fitted scores; labels are read only if `evaluate_labels` is set."""
    summary = score_summary(training_scores["fraud_score"].to_numpy())
    metrics: dict[str, Any] = {"model_type": training.model_type, "n": len(training_scores), **summary}
    if not training.evaluate_labels:
        return metrics
    labels = _labels(features_train, load_labels, columns)
    labelled = training_scores.merge(labels, on=columns.claim_id, how="inner", validate="one_to_one")
    if labelled.empty:
        raise InputError(
            f"claim_labels share no {columns.claim_id} with the training claims. Give the labels of these claims, or "
            "set training.evaluate_labels: false."
        )
    found = evaluate(labelled["fraud_score"].to_numpy(), labelled["is_fraud"].to_numpy(), labelled.get("fraud_kind"))
    return {**metrics, "labelled": found}


def _check_learnable(claims: pd.DataFrame, columns: Columns, training: TrainingParameters) -> None:
    """Raise InputError if there are too few claims or groups, or a column has no or a single value."""
    group = columns.id_of(training.folds_by)
    groups = claims[group].nunique() + int(claims[group].isna().sum())
    if groups < training.n_folds:
        raise InputError(
            f"the train split has {len(claims):,} claims of {groups:,} different {group}, and {training.n_folds} folds "
            f"(training.n_folds) need as many of them. Ingest more claims, or set training.folds_by to what there is "
            "more of (provider, patient, claim)."
        )
    for name in (*columns.model_categorical, *columns.model_numeric):
        values = claims[name].unique()
        if len(values) > 1:
            continue
        what = "is empty" if pd.isna(values[0]) else f"has the single value {values[0]!r}"
        raise InputError(
            f"column {name!r} {what} in all {len(claims):,} claims to learn from, so it can tell nothing. Remove it "
            "from `columns:` of parameters.yml (and from protected), or correct the claims."
        )


def _labels(features: pd.DataFrame, load_labels: Callable[[], pd.DataFrame], columns: Columns) -> pd.DataFrame:
    """Return claim id, is_fraud and, where known, fraud_kind: from the label column if there is one."""
    if columns.label:
        known = features.loc[features[columns.label].notna(), [columns.claim_id, columns.label]]
        return known.rename(columns={columns.label: "is_fraud"})
    labels = load_labels()
    missing = {columns.claim_id, "is_fraud"} - set(labels.columns)
    if missing:
        raise InputError(
            f"claim_labels lack {sorted(missing)}; they need {columns.claim_id} and is_fraud (0 or 1), and may have "
            "fraud_kind. Give others with `--params=claim_labels=PATH`."
        )
    names = [name for name in (columns.claim_id, "is_fraud", "fraud_kind") if name in labels]
    labels = labels.loc[is_present(labels["is_fraud"]), names]
    ids, is_fraud = texts(labels[columns.claim_id]), numbers(labels["is_fraud"])
    twice = ids[ids.duplicated()]
    if len(twice):
        raise InputError(
            f"claim_labels name a {columns.claim_id} more than once, for example {twice.iloc[0]!r}. Keep one label a "
            "claim."
        )
    # What is no number stays as it came, to be named when labels are judged.
    return labels.assign(**{columns.claim_id: ids, "is_fraud": is_fraud.where(is_fraud.notna(), labels["is_fraud"])})
