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
from claims_fraud.autoencoder.judgement import Judgement
from claims_fraud.claims import Columns
from claims_fraud.claims.tables import claims_schema, described
from claims_fraud.disparities import attribute_verdicts, overall_verdict
from claims_fraud.drift import Limits, PSIMonitor, ReferenceProfile, worst
from claims_fraud.drift.verdicts import DRIFTED, DRIFTING
from claims_fraud.errors import listed
from claims_fraud.fairness import FairnessAnalyzer
from claims_fraud.fairness.verdicts import BIASED
from claims_fraud.monitoring import SCORE
from claims_fraud.parameters import Allowed, FairnessParameters, PromotionParameters

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
    ids = claims_schema(columns, _ids(columns))
    return pa.schema([*ids, *(described(*field) for field in CHANGES)])


def _ids(columns: Columns) -> list[str]:
    return [columns.claim_id, *([columns.provider] if columns.provider else [])]


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
    table = claims[_ids(columns)].reset_index(drop=True)
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


def fairness_of(
    claims: pd.DataFrame, scores: Floats, columns: Columns, fairness: FairnessParameters, threshold_percentile: float
) -> dict[str, Any]:
    """Return whether a model's flags would fall unevenly on protected groups of these claims.

    Parameters
    ----------
    claims : DataFrame of shape (n, ...)
        With the protected columns.
    scores : array of shape (n,)
        What the model gives them.
    columns : Columns
        Roles.
    fairness : FairnessParameters
        What is analysed, and what matters.
    threshold_percentile : float
        Of these scores, in [0, 100): claims above it count as flagged, so that two models flag as many.

    Returns
    -------
    dict
        ``threshold_percentile``; ``verdict``, as in `fairness_verdict` but for intersections and periods, of which a
        sample has too few claims; and by name the ``attributes``, each with its ``verdict`` and the groups that flags
        are ``biased`` on, or ``error``. Other groups, which may be of a single claim, are not named.
    """
    analyzer = FairnessAnalyzer(
        claims,
        scores,
        fairness.analysed(columns),
        threshold_percentile,
        bands=fairness.bands,
        references=fairness.references,
        rules=fairness.rules,
    )
    found = attribute_verdicts(analyzer.analyze_all_attributes())
    told = ("verdict", BIASED, "error")
    return {
        "threshold_percentile": threshold_percentile,
        "verdict": overall_verdict(found),
        "attributes": {name: {key: one[key] for key in told if key in one} for name, one in found.items()},
    }


def drift_of(claims: pd.DataFrame, scores: Floats, profile: ReferenceProfile, limits: Limits) -> dict[str, Any]:
    """Return how far claims, and the score that a model gives them, have moved from those that it learned from.

    Parameters
    ----------
    claims : DataFrame of shape (n, ...)
        With the features of the profile.
    scores : array of shape (n,)
        What the model gives them.
    profile : ReferenceProfile
        The model's.
    limits : Limits
        Where verdicts begin.

    Returns
    -------
    dict
        ``verdict``, the worst; the features, the score among them, that have ``drifted`` and that are ``drifting``;
        and ``score_psi``.
    """
    table = PSIMonitor(profile, limits).compare(claims.assign(**{SCORE: scores}))
    features, verdicts = table["feature"], table["verdict"]
    return {
        "verdict": worst(verdicts),
        **{one: sorted(features[verdicts == one]) for one in (DRIFTED, DRIFTING)},
        "score_psi": float(table.loc[features == SCORE, "psi"].iloc[0]),
    }


def problems(report: Mapping[str, Any], rules: PromotionParameters) -> list[str]:
    """Return why the challenger may not take the champion's place, a clause a rule that it breaks.

    Parameters
    ----------
    report : mapping
        ``challenger`` and ``champion`` with their measures, and ``agreement``. Without a champion that the claims can
        be compared by, the rules are left that need none.
    rules : PromotionParameters
        The rules.
    """
    challenger, champion = report["challenger"], report["champion"]
    found = [] if champion is None else _worse(challenger, champion, report["agreement"], rules)
    for rule, named, what, beside in (
        ("allow_biased", _biased, "its flags are biased", "as the champion's are not"),
        (
            "allow_drifted",
            _drifted,
            "the claims have drifted from those that it learned from",
            "as they have not from the champion's",
        ),
    ):
        allowed: Allowed = getattr(rules, rule)
        against = _not_allowed(named(challenger), champion and named(champion), allowed)
        if against:
            compared_with = f", {beside}" if allowed == "as_champion" else ""
            found.append(f"{what} ({listed(against)}){compared_with}, and promotion.{rule} is {allowed}")
    return found


def _worse(
    challenger: Mapping[str, Any], champion: Mapping[str, Any], agreed: Mapping[str, Any], rules: PromotionParameters
) -> list[str]:
    """Return the clauses of the rules that compare figures."""
    found = []
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


def _biased(model: Mapping[str, Any]) -> list[str] | None:
    """Return the groups that a model's flags are biased on; None where that was not measured."""
    if "fairness" not in model:
        return None
    attributes = model["fairness"]["attributes"].items()
    return [f"{attribute} {group}" for attribute, found in attributes for group in found.get(BIASED, ())]


def _drifted(model: Mapping[str, Any]) -> list[str] | None:
    """Return the features that have drifted from what a model learned; None where that was not measured."""
    drifted: list[str] | None = model.get("drift", {}).get(DRIFTED)
    return drifted


def _not_allowed(challenger: list[str] | None, champion: list[str] | None, allowed: Allowed) -> list[str]:
    """Return what of the challenger's is not allowed; as the champion has it only where that was measured of both."""
    if challenger is None or allowed == "always":
        return []
    if allowed == "never":
        return challenger
    return [] if champion is None else [name for name in challenger if name not in champion]
