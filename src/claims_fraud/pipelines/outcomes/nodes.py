"""Nodes of the second stage; what it does stands in `claims_fraud.autoencoder.outcomes`."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from claims_fraud import frames
from claims_fraud.autoencoder.boosters import BoosterSettings
from claims_fraud.autoencoder.evaluation import evaluate
from claims_fraud.autoencoder.outcomes import LEAST_OF_EACH, OutcomeModel, check_enough, fraud_found
from claims_fraud.claims import Columns, IngestionParameters
from claims_fraud.claims.splits import split_claims
from claims_fraud.frames import Frame
from claims_fraud.parameters import OutcomeParameters
from claims_fraud.scores import (
    check_has_outcomes,
    investigated,
    judged_schema,
    open_claims,
    outcome_scores_schema,
    surprises_of,
)


def collect_outcomes(
    fraud_scores: Frame, columns: Columns, outcomes: OutcomeParameters
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the claims whose outcome is known: earlier ones to learn from, and the latest to judge by.

    Whole days are kept together, so that the share is met to within a day.

    Raises
    ------
    InputError
        If there is no label column, or there are too few outcomes of fraud or of honest claims in either part.
    """
    label = check_has_outcomes(fraud_scores.columns, columns)
    known = frames.map_batches(fraud_scores, partial(investigated, label=label), judged_schema(columns))
    chosen = frames.sample(known, outcomes.max_outcomes, columns.claim_id, outcomes.seed)
    by_time = IngestionParameters(split_by="time", validation_fraction=0, test_fraction=outcomes.evaluation_fraction)
    past, _, later = split_claims(chosen, columns, by_time)
    check_enough(fraud_found(past[label]), LEAST_OF_EACH, "to learn from")
    check_enough(fraud_found(later[label]), 1, f"to judge by (the latest {outcomes.evaluation_fraction:.0%})")
    return past, later


def fit_outcome_model(past_outcomes: pd.DataFrame, columns: Columns, outcomes: OutcomeParameters) -> OutcomeModel:
    """Return the second stage, fitted on the earlier outcomes."""
    settings = BoosterSettings(
        outcomes.n_estimators, outcomes.max_depth, outcomes.learning_rate, outcomes.seed, outcomes.n_jobs
    )
    surprises = surprises_of(past_outcomes, columns)
    # Protected columns are not among those it sees unless they are `scored`: what investigators found may have
    # followed them.
    seen = columns.scored_categorical, columns.scored_numeric
    return OutcomeModel.fit(past_outcomes, surprises, past_outcomes[columns.label], *seen, settings)


def measure_outcome_model(
    past_outcomes: pd.DataFrame, later_outcomes: pd.DataFrame, outcome_model: OutcomeModel, columns: Columns
) -> dict[str, Any]:
    """Return how well the second stage and the score alone rank the later claims, which neither learned from."""
    found = fraud_found(later_outcomes[columns.label])
    rankings = {
        "second_stage": outcome_model.probability(later_outcomes, surprises_of(later_outcomes, columns)),
        "fraud_score": later_outcomes["fraud_score"].to_numpy(),
    }
    return {
        "n_learned": len(past_outcomes),
        "n_learned_fraud": int(past_outcomes[columns.label].sum()),
        "judged_from": later_outcomes[columns.claim_date].min().date().isoformat(),
        **{
            name: {measure: value for measure, value in evaluate(scores, found).items() if measure != "by_kind"}
            for name, scores in rankings.items()
        },
    }


def score_open_claims(fraud_scores: Frame, outcome_model: OutcomeModel, columns: Columns) -> Frame:
    """Return `outcome_scores`: the claims without an outcome, ranked by the probability that they turn out as fraud."""
    scored = frames.map_batches(
        fraud_scores, partial(open_claims, model=outcome_model, columns=columns), outcome_scores_schema(columns)
    )
    return frames.ranked(scored, by="outcome_probability", ties=columns.claim_id)
