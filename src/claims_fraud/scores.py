"""The tables of scores, field by field: what the model says of claims, ranked, flagged and with reasons.

Not for computing surprise: that is the autoencoder's. Not for reading or writing: the catalog does that.
"""

from __future__ import annotations

import pandas as pd

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.tree_autoencoder import Judgement
from claims_fraud.claims import Columns
from claims_fraud.claims.columns import OUTPUT_PREFIX
from claims_fraud.claims.history import upserted
from claims_fraud.errors import InputError, listed
from claims_fraud.parameters import ScoringParameters

REASONS = ("reason_1", "reason_2", "reason_3")


def training_score_table(claims: pd.DataFrame, model: ClaimsTreeAutoencoder, columns: Columns) -> pd.DataFrame:
    """Return the claims given to `fit`: id, cross-fitted score, percentile, reasons, surprises, model version."""
    table = _judged(claims, model, model.training_judgement_, columns)
    return table.assign(model_version=model.model_version_)


def check_model_fits(
    model: ClaimsTreeAutoencoder, columns: Columns, training_scores: pd.DataFrame | None = None
) -> None:
    """Raise InputError if the model learned from other columns, or the training scores are of another model."""
    if training_scores is not None and (training_scores["model_version"] != model.model_version_).any():
        raise InputError(
            f"training_scores are of model version {training_scores['model_version'].iloc[0]}, the model is "
            f"{model.model_version_}: one was replaced alone. Train again "
            "(`kedro run --pipelines=training,scoring`)."
        )
    trained = (set(model.cat_features_), set(model.num_features_), set(model.context_features))
    configured = (set(columns.model_categorical), set(columns.model_numeric), set(columns.context_features))
    if trained != configured:
        differing = sorted(set().union(*(had ^ has for had, has in zip(trained, configured, strict=True))))
        raise InputError(
            f"the model was trained on other columns than `columns:` names: it differs in {listed(differing)}. Restore "
            "the configuration, or train again (`kedro run --pipelines=training,scoring`)."
        )


def score_claims(
    claims: pd.DataFrame,
    model: ClaimsTreeAutoencoder,
    training_scores: pd.DataFrame | None,
    columns: Columns,
    scoring: ScoringParameters,
) -> pd.DataFrame:
    """Return the claims with everything `fraud_scores` says of them but rank and flag.

    Parameters
    ----------
    claims : DataFrame of shape (n, ...)
        Features.
    model : ClaimsTreeAutoencoder
        Scores the claims that are not among the training scores.
    training_scores : DataFrame, optional
        Cross-fitted scores of `training_score_table`, kept for the claims that the model learned from: a model is
        never surprised by what it has seen.
    columns, scoring
        Roles and settings.
    """
    known = training_scores if training_scores is not None else pd.DataFrame({columns.claim_id: []})
    # Of these claims only: each batch would else carry all that the model learned from.
    known = known.loc[known[columns.claim_id].isin(claims[columns.claim_id])]
    fresh = claims.loc[~claims[columns.claim_id].isin(known[columns.claim_id])]
    tables = [_judged(fresh, model, model.judge(fresh), columns)] if len(fresh) else []
    tables += [known.drop(columns="model_version")] if len(known) else []
    scored = claims[list(columns.roles)].merge(pd.concat(tables, ignore_index=True), on=columns.claim_id, how="left")
    return scored.assign(
        model_type=model.model_type,
        model_version=model.model_version_,
        scored_at=pd.Timestamp(scoring.scored_at).tz_localize(None).as_unit("us"),
    )


def rank_claims(scored: pd.DataFrame, columns: Columns, scoring: ScoringParameters) -> pd.DataFrame:
    """Return `fraud_scores`: sorted by descending score, ties by claim id, with rank and flag."""
    ranked = scored.sort_values(["fraud_score", columns.claim_id], ascending=[False, True], ignore_index=True)
    ranked["rank"] = range(1, len(ranked) + 1)
    above = ranked["fraud_percentile"] > scoring.threshold_percentile
    ranked["flagged"] = above if scoring.top_k is None else ranked["rank"] <= scoring.top_k
    surprises = [name for name in ranked if str(name).startswith(OUTPUT_PREFIX)]
    judged = ["rank", "fraud_score", "fraud_percentile", "flagged", *REASONS, *surprises]
    stamps = ["model_type", "model_version", "scored_at"]
    roles = [name for name in ranked if name not in (*judged, *stamps)]
    return ranked[[*roles, *judged, *stamps]]


def merge_scores(earlier: pd.DataFrame | None, scored: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return earlier scores with those of the newly scored claims put in by claim id.

    A claim that comes again as it was, to the same model, keeps its earlier row: a repeated run changes nothing, not
    even `scored_at`, and a claim that the model learned from keeps its cross-fitted score.
    """
    if earlier is None:
        return scored
    earlier = earlier.drop(columns=["rank", "flagged"])
    same = [*columns.roles, "model_version"]
    unchanged = scored[same].merge(earlier[same], on=same)[columns.claim_id]
    fresh = scored[~scored[columns.claim_id].isin(unchanged)]
    return upserted(fresh, earlier, columns.claim_id)


def _judged(claims: pd.DataFrame, model: ClaimsTreeAutoencoder, judgement: Judgement, columns: Columns) -> pd.DataFrame:
    claims = claims.reset_index(drop=True)
    surprises = judgement.parts[list(columns.scored_features)].add_prefix(OUTPUT_PREFIX)
    scores = {"fraud_score": judgement.scores, "fraud_percentile": model.percentile(judgement.scores)}
    reasons = model.reasons(claims, judgement, top=len(REASONS))
    return pd.concat([claims[[columns.claim_id]].assign(**scores), reasons, surprises], axis=1)
