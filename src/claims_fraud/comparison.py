"""Two models that score the same claims: how far they agree, and whether the new one may take the place of the other.

Not for choosing between models that were trained at once: that is the pipeline ``model_selection``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.encoding import Floats
from claims_fraud.autoencoder.evaluation import ranks, top_size
from claims_fraud.autoencoder.tree_autoencoder import Judgement
from claims_fraud.claims import Columns
from claims_fraud.claims.tables import claims_schema, described
from claims_fraud.parameters import PromotionParameters

Judged = tuple[ClaimsTreeAutoencoder, Judgement]
# Of the claims, in per cent, whose coming and going is told.
TOP_PERCENT = 1
CHANGES = (
    ("change", pa.string(), "enters or leaves the highest-scored 1 %"),
    ("challenger_rank", pa.int64(), "Place by the challenger, 1 the most suspicious"),
    ("champion_rank", pa.int64(), "Place by the champion"),
    ("challenger_score", pa.float64(), "Score by the challenger"),
    ("champion_score", pa.float64(), "Score by the champion"),
    ("reason", pa.string(), "First reason of the model that ranks the claim higher"),
)


def agreement(challenger: Floats, champion: Floats) -> dict[str, float | int]:
    """Return how far two models rank the same claims alike.

    Parameters
    ----------
    challenger, champion : array of shape (n,)
        Scores of the claims in the same order, n at least 2; equal scores rank in that order.

    Returns
    -------
    dict
        ``n``; ``rank_correlation``, Spearman's, -1 to 1, and 0 where a model scores all claims the same; ``top``, how
        many claims are the highest-scored 1 %; ``top_overlap``, the share of them that both models name, 0 to 1; and
        how many ``enter`` it by the challenger, which as many leave.
    """
    one, other = (ranks(scores) for scores in (challenger, champion))
    top = top_size(len(one), TOP_PERCENT)
    shared = int(((one <= top) & (other <= top)).sum())
    # Spearman's is Pearson's of the ranks, of which equal scores share one.
    shared_ranks = [pd.Series(scores).rank() for scores in (challenger, champion)]
    constant = any(np.ptp(scores) == 0 for scores in (challenger, champion))
    return {
        "n": len(one),
        "rank_correlation": 0.0 if constant else float(shared_ranks[0].corr(shared_ranks[1])),
        "top": top,
        "top_overlap": shared / top,
        "enter": top - shared,
    }


def labelled_schema(columns: Columns) -> pa.Schema:
    """Return the schema of scores that are compared with labels."""
    return pa.schema([*claims_schema(columns, (columns.claim_id,)), ("fraud_score", pa.float64())])


def changes_schema(columns: Columns) -> pa.Schema:
    """Return the schema of `promotion_changes`."""
    ids = claims_schema(columns, (columns.claim_id, columns.provider_id))
    return pa.schema([*ids, *(described(*field) for field in CHANGES)])


def no_changes(columns: Columns) -> pd.DataFrame:
    """Return `promotion_changes` without rows."""
    return pd.DataFrame(columns=changes_schema(columns).names)


def compared(
    claims: pd.DataFrame, challenger: Judged, champion: Judged, columns: Columns
) -> tuple[dict[str, float | int], pd.DataFrame]:
    """Return how far two models agree, and the claims that only one of them has among the highest-scored 1 %.

    Parameters
    ----------
    claims : DataFrame of shape (n, ...)
        With the columns of both models, sorted by claim id.
    challenger, champion : tuple of ClaimsTreeAutoencoder and Judgement
        Fitted ones, and what each says of the claims.
    columns : Columns
        Roles.

    Returns
    -------
    agreement : dict
        See `agreement`.
    changes : DataFrame
        A row for each such claim, those that enter first, with the first reason of the model that ranks it higher.
    """
    table = claims[[columns.claim_id, columns.provider_id]].reset_index(drop=True)
    first: dict[str, npt.NDArray[np.object_]] = {}
    for name, (model, judgement) in {"challenger": challenger, "champion": champion}.items():
        table[f"{name}_rank"], table[f"{name}_score"] = ranks(judgement.scores), judgement.scores
        first[name] = model.reasons(claims, judgement, top=1)["reason_1"].to_numpy()
    enters, was_in = (table[f"{name}_rank"] <= top_size(len(table), TOP_PERCENT) for name in first)
    table["change"] = np.where(enters, "enters", "leaves")
    table["reason"] = np.where(enters, first["challenger"], first["champion"])
    moved = table[enters != was_in].sort_values(["change", "challenger_rank"], ignore_index=True)
    agreed = agreement(table["challenger_score"].to_numpy(), table["champion_score"].to_numpy())
    return agreed, moved[changes_schema(columns).names]


def problems(report: Mapping[str, Any], rules: PromotionParameters) -> list[str]:
    """Return why the challenger may not take the champion's place, a clause a rule that it breaks.

    Parameters
    ----------
    report : mapping
        ``challenger`` and ``champion`` with their measures, and ``agreement``; without a champion that the claims can
        be compared by, there is no rule to break.
    rules : PromotionParameters
        The rules.
    """
    if report["agreement"] is None:
        return []
    found = []
    challenger, champion, agreed = report["challenger"], report["champion"], report["agreement"]
    for what, name, least in (
        ("swapped values", "swapped", rules.min_swapped_ratio),
        ("labelled fraud", "labelled", rules.min_labelled_ratio),
    ):
        if name in challenger and name in champion:
            one, other = (model[name]["average_precision"] for model in (challenger, champion))
            if one < least * other:
                found.append(
                    f"its average precision on {what} is {one:.3f}, the champion's is {other:.3f}, and "
                    f"promotion.min_{name}_ratio is {least:g}"
                )
    for what, name, limit in (
        ("the rank correlation with the champion", "rank_correlation", rules.min_rank_correlation),
        ("the share of the top 1 % that both name", "top_overlap", rules.min_top_overlap),
    ):
        if agreed[name] < limit:
            found.append(f"{what} is {agreed[name]:.2f}, and promotion.min_{name} is {limit:g}")
    return found
