"""How the flags compare with those of the system in place: the role `incumbent`, a rule's flag or a vendor's score.

Not for judging which of the two is right: that takes outcomes. The incumbent is never a feature.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from claims_fraud import frames
from claims_fraud.claims import Columns
from claims_fraud.claims.rows import numbers
from claims_fraud.frames import Frame

Counts = dict[str, float]

TRUTH = {"true": 1.0, "false": 0.0}


def scoring_metrics(fraud_scores: Frame, columns: Columns) -> dict[str, Any]:
    """Return figures of ranked claims.

    Parameters
    ----------
    fraud_scores : Frame
        With rank, flag and excess amount.
    columns : Columns
        Roles.

    Returns
    -------
    dict
        ``n`` claims, ``flagged`` of them, ``excess_amount`` of all and ``excess_amount_flagged``. With an incumbent
        also ``incumbent``: its ``kind`` (``flag`` where it says nothing but 0 and 1, or true and false, else
        ``score``), ``known`` claims of which it says something, how many it ``flagged`` (of a score the highest, as
        many as this project flags), ``both``, ``only_model``, ``only_incumbent``, and ``agreement``: of the claims that
        one of them flags, the share that both do, null where there is none.
    """
    counts = frames.reduce_batches(fraud_scores, partial(_counts, incumbent=columns.incumbent), _added)
    metrics: dict[str, Any] = {
        "n": int(counts["n"]),
        "flagged": int(counts["flagged"]),
        "excess_amount": counts["excess"],
        "excess_amount_flagged": counts["excess_flagged"],
    }
    if columns.incumbent:
        kind = "score" if counts["other"] else "flag"
        metrics["incumbent"] = {"kind": kind, "known": int(counts["known"]), **_overlap(fraud_scores, columns, counts)}
    return metrics


def incumbent_numbers(said: pd.Series) -> pd.Series:
    """Return what the system in place says as numbers, true as 1 and false as 0; NaN where it says nothing readable."""
    truth = said.astype(object).map(lambda text: TRUTH.get(str(text).strip().lower()))
    return numbers(said).fillna(truth.astype(float))


def _counts(batch: pd.DataFrame, incumbent: str | None) -> Counts:
    excess, flagged = batch["excess_amount"].fillna(0.0), batch["flagged"].astype(bool)
    counts = {
        "n": float(len(batch)),
        "flagged": float(flagged.sum()),
        "excess": float(excess.sum()),
        "excess_flagged": float(excess[flagged].sum()),
    }
    if incumbent:
        said = incumbent_numbers(batch[incumbent])
        counts["known"] = float(said.notna().sum())
        counts["other"] = float((said.notna() & ~said.isin([0.0, 1.0])).sum())
    return counts


def _overlap(fraud_scores: Frame, columns: Columns, counts: Counts) -> dict[str, Any]:
    """Return how many claims both, only the model and only the incumbent flag."""
    schema = pa.schema(
        [(columns.claim_id, pa.string()), ("flagged", pa.bool_()), ("known", pa.bool_()), ("said", pa.float64())]
    )
    said = frames.map_batches(fraud_scores, partial(_said, columns=columns), schema)
    # A flag says itself what it flags; of a score it is the highest, as many as this project flags.
    most = None
    if counts["other"]:
        said, most = frames.ranked(said, by="said", ties=columns.claim_id), counts["flagged"]
    found = frames.reduce_batches(said, partial(_agreements, most=most), _added)
    either = found["both"] + found["only_model"] + found["only_incumbent"]
    return {
        "flagged": int(found["both"] + found["only_incumbent"]),
        **{name: int(count) for name, count in found.items()},
        "agreement": found["both"] / either if either else None,
    }


def _said(batch: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    said = incumbent_numbers(batch[str(columns.incumbent)])
    marks = batch[[columns.claim_id, "flagged"]].assign(known=said.notna())
    # Where it says nothing, it flags last.
    return marks.assign(said=said.fillna(-np.inf))


def _agreements(batch: pd.DataFrame, most: float | None) -> Counts:
    theirs = batch["said"] == 1 if most is None else batch["known"] & (batch["rank"] <= most)
    ours = batch["flagged"].astype(bool)
    return {
        "both": float((ours & theirs).sum()),
        "only_model": float((ours & ~theirs).sum()),
        "only_incumbent": float((theirs & ~ours).sum()),
    }


def _added(one: Counts, other: Counts) -> Counts:
    return {name: one[name] + other[name] for name in one}
