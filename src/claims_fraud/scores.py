"""The tables of scores, field by field: what the model says of claims, ranked, flagged and with reasons.

Not for computing surprise: that is the autoencoder's. Not for reading or writing: the catalog does that.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.encoding import Floats, number_values
from claims_fraud.autoencoder.judgement import Judgement
from claims_fraud.autoencoder.outcomes import OutcomeModel
from claims_fraud.claims import Columns
from claims_fraud.claims.columns import POSSIBLE_DUPLICATE_OF, ROW_HASH
from claims_fraud.claims.hashing import row_hashes
from claims_fraud.claims.lines import CLAIM_SCORE, LINES
from claims_fraud.claims.tables import TYPES, claims_schema, described, links_schema
from claims_fraud.errors import InputError, listed
from claims_fraud.parameters import ScoringParameters

REASONS = ("reason_1", "reason_2", "reason_3")
# Name, type and description of the columns beside the claim's own and the surprises.
SCORES = (
    ("fraud_score", pa.float64(), "Sum of the surprises; higher is more suspicious"),
    ("fraud_percentile", pa.float64(), "Share of the training claims that score lower, in per cent"),
    (
        "excess_amount",
        pa.float64(),
        "By how much the claim amount exceeds what four of five comparable claims have at most",
    ),
)
OF_LINES = (
    (LINES, pa.int64(), "Lines of the claim"),
    (CLAIM_SCORE, pa.float64(), "Sum of the fraud_score of its lines"),
)
WORDS = tuple((name, pa.string(), "What the claim has and what was expected") for name in REASONS)
RANK = ("rank", pa.int64(), "Place, 1 the most suspicious")
FLAGGED = ("flagged", pa.bool_(), "Whether the claim is above the threshold or within the capacity")
OUTCOME_PROBABILITY = ("outcome_probability", pa.float64(), "Probability that the claim, if looked at, is fraud")
STAMPS = (
    ("model_type", pa.string(), "catboost or xgboost"),
    ("model_version", pa.string(), "Hash of the model's content"),
    ("scored_at", TYPES["date"], "Stamp of the scoring, in UTC"),
    (ROW_HASH, pa.string(), "Hash of the values that were scored"),
)


def training_score_table(claims: pd.DataFrame, model: ClaimsTreeAutoencoder, columns: Columns) -> pd.DataFrame:
    """Return the claims given to `fit`: id, row hash, cross-fitted score, percentile, reasons, surprises, version."""
    table = _judged(claims, model, model.training_judgement_, columns)
    return table.assign(model_version=model.model_version_, row_hash=row_hashes(claims, columns).to_numpy())


def check_model_fits(model: ClaimsTreeAutoencoder, columns: Columns) -> None:
    """Raise InputError if the model learned from other columns than `columns:` names."""
    differing = differing_columns(model, columns)
    if differing:
        raise InputError(
            f"the model was trained on other columns than `columns:` names: it differs in {listed(differing)}. Restore "
            "the configuration, or train another: `kedro run`, and where a model was promoted before, `kedro run "
            "--pipelines=model_selection,promotion`."
        )


def differing_columns(model: ClaimsTreeAutoencoder, columns: Columns) -> list[str]:
    """Return the columns that the model has and `columns:` has not, or has in another role, or the other way round."""
    trained = (set(model.cat_features_), set(model.num_features_), set(model.context_features))
    configured = (set(columns.model_categorical), set(columns.model_numeric), set(columns.context_features))
    return sorted(set().union(*(had ^ has for had, has in zip(trained, configured, strict=True))))


def scored_schema(columns: Columns) -> pa.Schema:
    """Return the schema of what `score_claims` makes: the claim's roles and what the model says of it."""
    claims = claims_schema(columns, columns.roles)
    stamps = (described(*field) for field in STAMPS)
    return pa.schema([*claims, *links_schema(columns), *_judged_fields(columns), *stamps])


def fraud_scores_schema(columns: Columns) -> pa.Schema:
    """Return the schema of `fraud_scores`, in the order of its columns."""
    scored = scored_schema(columns)
    rank, flagged = described(*RANK), described(*FLAGGED)
    own = [*columns.roles, *columns.links]
    said = [field for field in scored if field.name not in own]
    return pa.schema([*map(scored.field, own), rank, *said[: len(SCORES)], flagged, *said[len(SCORES) :]])


def whole_claims_schema(columns: Columns) -> pa.Schema:
    """Return the schema of `fraud_scores` whose lines are put together to claims."""
    return pa.schema([*fraud_scores_schema(columns), *(described(*field) for field in OF_LINES)])


def score_claims(
    claims: pd.DataFrame, model: ClaimsTreeAutoencoder, columns: Columns, scored_at: datetime
) -> pd.DataFrame:
    """Return the claims with everything `fraud_scores` says of them but rank and flag.

    Parameters
    ----------
    claims : DataFrame of shape (n, ...)
        Features; those of claims that the model learned from have the columns of their training scores beside them.
        These are kept as they are, since a model is never surprised by what it has seen, as far as the claim still has
        the values that they were made from.
    model : ClaimsTreeAutoencoder
        Scores all others.
    columns : Columns
        Roles.
    scored_at : datetime
        Stamp of this scoring.
    """
    judged = [field.name for field in _judged_fields(columns)]
    hashes = row_hashes(claims, columns)
    known = claims[ROW_HASH] == hashes if ROW_HASH in claims else pd.Series(False, claims.index)
    fresh, seen = claims[~known], claims[known]
    tables = [seen[[columns.claim_id, *judged]]] if len(seen) else []
    if len(fresh) or not tables:
        tables.insert(0, _judged(fresh, model, model.judge(fresh), columns))
    said = pd.concat(tables, ignore_index=True)
    return (
        claims[[*columns.roles, *columns.links]]
        .merge(said, on=columns.claim_id, how="left")
        .assign(
            model_type=model.model_type,
            model_version=model.model_version_,
            scored_at=pd.Timestamp(scored_at).tz_localize(None).as_unit("us"),
            row_hash=hashes.to_numpy(),
        )
    )


def with_ranking_by_excess(scored: pd.DataFrame) -> pd.DataFrame:
    """Return the claims with ``ranking``: the excess amount, or without one a number below 0 that grows with the score.

    Claims without an excess come in the order of their scores, after all others.
    """
    excess = scored["excess_amount"].fillna(0.0)
    return scored.assign(ranking=excess.where(excess > 0, -1 / (1 + scored["fraud_score"])))


def ranking_schema(columns: Columns) -> pa.Schema:
    """Return the schema of what `with_ranking_by_excess` makes."""
    return scored_schema(columns).append(pa.field("ranking", pa.float64()))


def with_flags(ranked: pd.DataFrame, columns: Columns, scoring: ScoringParameters) -> pd.DataFrame:
    """Return `fraud_scores` of ranked claims: with the flag, columns in order."""
    above = ranked["fraud_percentile"] > scoring.threshold_percentile
    flagged = above if scoring.top_k is None else ranked["rank"] <= scoring.top_k
    in_order: pd.DataFrame = ranked.assign(flagged=flagged)[fraud_scores_schema(columns).names]
    return in_order


def check_has_outcomes(found: Iterable[str], columns: Columns) -> str:
    """Return the column of outcomes; raise InputError if there is none, or `fraud_scores` lack a column."""
    if columns.label is None:
        raise InputError(
            "columns.label is null, so there are no outcomes to learn from. Set it to the column of the claims that "
            "says what investigators found (1 fraud, 0 none, empty where nobody has looked), and run `kedro run "
            "--pipelines=data_ingestion,training,scoring,outcomes`."
        )
    check_scores_have(found, judged_schema(columns).names, "kedro run")
    return columns.label


def check_scores_have(found: Iterable[str], needed: Iterable[str], command: str, *, of: str = "fraud_scores") -> None:
    """Raise InputError if a table of scores lacks a column that is needed; ``command`` is what scores anew."""
    names = set(found)
    lacking = [name for name in needed if name not in names]
    if lacking:
        raise InputError(
            f"{of} have no {listed(lacking)}: they are of another `columns:` block or an earlier version. Score the "
            f"claims anew first (`{command}`)."
        )


def judged_schema(columns: Columns) -> pa.Schema:
    """Return the schema of what the second stage reads of `fraud_scores`."""
    scored = fraud_scores_schema(columns)
    label = (columns.label,) if columns.label else ()
    features = columns.scored_features
    names = (columns.claim_id, columns.claim_date, *label, *features, "fraud_score", *columns.surprises)
    return pa.schema(map(scored.field, names))


def outcome_scores_schema(columns: Columns) -> pa.Schema:
    """Return the schema of `outcome_scores`, but for the rank."""
    claim_id, score = (fraud_scores_schema(columns).field(name) for name in (columns.claim_id, "fraud_score"))
    return pa.schema([claim_id, score, described(*OUTCOME_PROBABILITY)])


def surprises_of(scores: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return what each column adds to the score, under the columns' names."""
    return scores[list(columns.surprises)].set_axis(list(columns.scored_features), axis="columns")


def investigated(scores: pd.DataFrame, label: str) -> pd.DataFrame:
    """Return the claims whose outcome is known."""
    return scores[scores[label].notna()]


def open_claims(scores: pd.DataFrame, model: OutcomeModel, columns: Columns) -> pd.DataFrame:
    """Return the claims without an outcome with the probability that they would turn out as fraud."""
    open_ones = scores[scores[columns.label].isna()]
    probability = model.probability(open_ones, surprises_of(open_ones, columns))
    return open_ones[[columns.claim_id, "fraud_score"]].assign(outcome_probability=probability)


def _judged_fields(columns: Columns) -> list[pa.Field]:
    surprises = [
        described(surprise, pa.float64(), f"What {name} adds to the score")
        for name, surprise in zip(columns.scored_features, columns.surprises, strict=True)
    ]
    return [*(described(*field) for field in (*SCORES, *WORDS)), *surprises]


def _judged(claims: pd.DataFrame, model: ClaimsTreeAutoencoder, judgement: Judgement, columns: Columns) -> pd.DataFrame:
    claims = claims.reset_index(drop=True)
    surprises = judgement.parts[list(columns.scored_features)].set_axis(list(columns.surprises), axis="columns")
    scores = {
        "fraud_score": judgement.scores,
        "fraud_percentile": model.percentile(judgement.scores),
        "excess_amount": _excess(claims, model, columns),
    }
    phrases = duplicate_phrases(claims, columns)
    reasons = model.reasons(claims, judgement, top=len(REASONS), phrases=phrases)
    return pd.concat([claims[[columns.claim_id]].assign(**scores), reasons, surprises], axis=1)


def duplicate_phrases(claims: pd.DataFrame, columns: Columns) -> dict[str, pd.Series]:
    """Return by column what to say of claims that repeat another one, which they name; missing for all others."""
    if POSSIBLE_DUPLICATE_OF not in columns.links or POSSIBLE_DUPLICATE_OF not in claims:
        return {}
    other = claims[POSSIBLE_DUPLICATE_OF]
    named = other.notna()
    said = {
        "possible_duplicates": "the same procedure was billed for this patient at nearly the same amount before",
        "same_procedure_same_day": "the same procedure was billed for this patient on the same day",
    }
    return {
        name: (text + " (claim " + other.astype(object).fillna("") + ")").where(named & (claims[name] > 0))
        for name, text in said.items()
        if name in claims
    }


def _excess(claims: pd.DataFrame, model: ClaimsTreeAutoencoder, columns: Columns) -> Floats:
    """Return by how much the claim amount exceeds its usual range; NaN where there is none, or it is not scored."""
    if columns.claim_amount not in model.scored_features_:
        return np.full(len(claims), np.nan)
    _, high = model.usual_range(claims, columns.claim_amount)
    excess: Floats = np.maximum(number_values(claims[columns.claim_amount]) - high, 0)
    return excess
