"""What is known of claims after the fact, and how well scores find it. Only to judge a model, never to train it.

Not for outcomes that a model learns from: those are a column of the claims (see the pipeline ``outcomes``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa

from claims_fraud import frames
from claims_fraud.autoencoder.evaluation import evaluate
from claims_fraud.claims import Columns
from claims_fraud.claims.rows import is_present, numbers, texts, truths
from claims_fraud.errors import InputError
from claims_fraud.frames import Frame


def labels_of(features: Frame, load_labels: Callable[[], Frame], columns: Columns) -> Frame:
    """Return claim id, is_fraud and, where known, fraud_kind, as text: from the label column if there is one.

    Parameters
    ----------
    features : frame
        Claims, with the column of labels where ``columns.label`` names one.
    load_labels : callable
        Reads `claim_labels`; called only where no column is named.
    columns : Columns
        Roles.

    Raises
    ------
    InputError
        If `claim_labels` lack the claim's id or ``is_fraud``, or a claim has two labels.
    """
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
    known = _as_text(labels, names, columns, label="is_fraud")
    _check_one_a_claim(known, columns)
    return known


def measured_by_labels(scores: Frame, labels: Frame, columns: Columns) -> dict[str, Any]:
    """Return how well scores find the claims labelled as fraud; see `claims_fraud.autoencoder.evaluation.evaluate`.

    Parameters
    ----------
    scores : frame
        Claim id and ``fraud_score``; claims without a label are left out.
    labels : frame
        What `labels_of` returns.
    columns : Columns
        Roles.

    Raises
    ------
    InputError
        If none of the claims has a label.
    """
    of_these = frames.matching(labels, scores, [columns.claim_id])
    labelled = frames.collected(frames.left_join(of_these, scores, columns.claim_id))
    labelled = labelled.sort_values(columns.claim_id, ignore_index=True)
    if labelled.empty:
        raise InputError(
            f"claim_labels share no {columns.claim_id} with the claims that are scored. Give the labels of these "
            "claims, or set training.evaluate_labels: false."
        )
    number = numbers(labelled["is_fraud"])
    is_fraud = number.astype(object).where(number.notna(), labelled["is_fraud"])
    return evaluate(labelled["fraud_score"].to_numpy(), is_fraud.to_numpy(), labelled.get("fraud_kind"))


def _as_text(labels: Frame, names: list[str], columns: Columns, label: str) -> Frame:
    schema = pa.schema([(name, pa.string()) for name in (columns.claim_id, *names)])
    return frames.map_batches(labels, partial(_known_labels, names=schema.names, label=label), schema)


def _check_one_a_claim(labels: Frame, columns: Columns) -> None:
    key = columns.claim_id
    twice = frames.map_groups(labels, key, partial(_named_twice, key=key), pa.schema([(key, pa.string())]))
    first = frames.smallest(twice, 1, key)
    if len(first):
        raise InputError(
            f"claim_labels name a {key} more than once, for example {first[key].iloc[0]!r}. Keep one label a claim."
        )


def _named_twice(labels: pd.DataFrame, key: str) -> pd.DataFrame:
    return labels.loc[labels[key].duplicated(), [key]].drop_duplicates()


def _known_labels(labels: pd.DataFrame, names: list[str], label: str) -> pd.DataFrame:
    known = labels[is_present(labels[label])]
    number = truths(known[label])
    # What is no number stays as it came, to be named when labels are judged.
    known = known.assign(is_fraud=number.astype(object).where(number.notna(), known[label].astype(object)))
    return pd.DataFrame({name: texts(known[name]) for name in names}, known.index)
