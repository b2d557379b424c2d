"""How well scores find labelled fraud, and what scores look like without labels.

Only to judge a model, never to train it or to choose its settings: detection needs no labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from claims_fraud.autoencoder.encoding import Floats
from claims_fraud.errors import InputError

# Shares of the rows that somebody may have the time to look at.
TOP_PERCENTS = (1, 5)

Bools = npt.NDArray[np.bool_]
Measures = dict[str, float | int]


def evaluate(
    fraud_scores: Floats, is_fraud: npt.ArrayLike, fraud_kind: pd.Series | None = None
) -> dict[str, float | int | dict[str, Measures]]:
    """Return how well scores rank labelled fraud above honest rows.

    Parameters
    ----------
    fraud_scores : array of shape (n,)
        Higher is more suspicious.
    is_fraud : array of shape (n,)
        1 (or True) for fraud, 0 for honest rows.
    fraud_kind : Series of shape (n,), optional
        Kind of fraud in the rows' order; what honest rows say is ignored, and fraud of no kind is in the whole only.

    Returns
    -------
    dict
        ``n``, ``n_fraud``, ``base_rate``, ``auroc``, ``average_precision``, precision and recall among the
        highest-scored 1 % and 5 % of the rows (``precision_at_1pct``, …; rounded up to whole rows, equal scores in
        the order given), and ``by_kind``: the same for each kind, with all honest rows and no other fraud.

    Raises
    ------
    InputError
        If lengths differ, a label is neither 0 nor 1, or there is no fraud or nothing but fraud.
    """
    scores, fraud = np.asarray(fraud_scores, dtype=float), _labels(is_fraud)
    if len(scores) != len(fraud) or (fraud_kind is not None and len(fraud_kind) != len(fraud)):
        kinds = "" if fraud_kind is None else f" and {len(fraud_kind):,} kinds of fraud"
        raise InputError(f"{len(scores):,} scores came with {len(fraud):,} labels{kinds}; give one a row of each.")
    if not fraud.any() or fraud.all():
        raise InputError(
            f"{int(fraud.sum()):,} of {len(fraud):,} rows are labelled as fraud; ranking can be judged only with both "
            "fraud and honest rows. Give labels of both, or leave the evaluation out (training.evaluate_labels)."
        )
    return {**_measures(scores, fraud), "by_kind": _by_kind(scores, fraud, fraud_kind)}


def score_summary(fraud_scores: Floats) -> dict[str, float]:
    """Return mean, 95th and 99th percentile of the scores."""
    p95, p99 = np.quantile(fraud_scores, (0.95, 0.99))
    return {
        "mean_fraud_score": float(np.mean(fraud_scores)),
        "p95_fraud_score": float(p95),
        "p99_fraud_score": float(p99),
    }


def ranks(scores: Floats) -> npt.NDArray[np.int64]:
    """Return places by descending score, 1 the highest, shape (n,); equal scores in the order given."""
    places = np.empty(len(scores), dtype=np.int64)
    places[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return places


def top_size(n: int, percent: int) -> int:
    """Return how many of n rows are the highest-scored so many per cent, rounded up."""
    # Whole numbers, since 0.01 * 700 is a little more than 7.
    return -(-n * percent // 100)


def _labels(is_fraud: Any) -> Bools:
    labels = np.asarray(is_fraud)
    odd = labels[~np.isin(labels, (0, 1))]
    if len(odd):
        raise InputError(f"{len(odd):,} labels (is_fraud) are neither 0 nor 1, such as {odd[0]}. Correct or drop them.")
    return labels.astype(bool)


def _by_kind(scores: Floats, fraud: Bools, fraud_kind: pd.Series | None) -> dict[str, Measures]:
    if fraud_kind is None:
        return {}
    kinds = fraud_kind.astype(object).where(fraud & fraud_kind.notna().to_numpy())
    honest_or = {kind: ~fraud | (kinds == kind).to_numpy() for kind in kinds.dropna().unique()}
    return {str(kind): _measures(scores[rows], fraud[rows]) for kind, rows in sorted(honest_or.items(), key=str)}


def _measures(scores: Floats, fraud: Bools) -> Measures:
    return {
        "n": len(fraud),
        "n_fraud": int(fraud.sum()),
        "base_rate": float(fraud.mean()),
        "auroc": float(roc_auc_score(fraud, scores)),
        "average_precision": float(average_precision_score(fraud, scores)),
        **_at_top(scores, fraud),
    }


def _at_top(scores: Floats, fraud: Bools) -> Measures:
    ranked = fraud[np.argsort(-scores, kind="stable")]
    measures: Measures = {}
    for percent in TOP_PERCENTS:
        found = ranked[: top_size(len(ranked), percent)]
        measures[f"precision_at_{percent}pct"] = float(found.mean())
        measures[f"recall_at_{percent}pct"] = float(found.sum() / fraud.sum())
    return measures
