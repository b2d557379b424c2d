"""Nodes of the fairness analysis; what is counted and judged is defined in `claims_fraud.fairness`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from claims_fraud import frames
from claims_fraud.autoencoder.boosters import BoosterSettings
from claims_fraud.claims import Columns
from claims_fraud.disparities import (
    check_gate,
    check_has_scores,
    counted,
    counted_columns,
    counting_of,
    metrics_of,
    results_of,
    verdict_of,
    with_outcomes,
)
from claims_fraud.fairness.counts import Summary, combine
from claims_fraud.fairness.findings import bias_summary_schema, find
from claims_fraud.fairness.groups import bands_for
from claims_fraud.fairness.proxies import proxy_strength
from claims_fraud.fairness.roles import compare_roles
from claims_fraud.frames import Frame
from claims_fraud.parameters import FairnessParameters, ReportingParameters, TrainingParameters
from claims_fraud.reporting.fairness_page import fairness_page, flag_rate_figure


def sample_for_fairness(
    fraud_scores: Frame, columns: Columns, training: TrainingParameters, fairness: FairnessParameters
) -> pd.DataFrame:
    """Return the claims by which bands are chosen, and of which proxies and roles are told."""
    check_has_scores(fraud_scores, columns)
    who = (name for name in (columns.party, columns.provider) if name)
    names = [columns.claim_id, *who, *columns.features]
    return frames.sample(fraud_scores[names], fairness.max_sample_rows, columns.claim_id, training.seed)


def count_groups(  # noqa: PLR0913, PLR0917
    fraud_scores: Frame,
    fairness_sample: pd.DataFrame,
    load_labels: Callable[[], Frame],
    columns: Columns,
    training: TrainingParameters,
    fairness: FairnessParameters,
) -> Summary:
    """Return the counts of all groups, in one pass; labels are read only if `evaluate_labels` is set."""
    claims, outcome = with_outcomes(fraud_scores, load_labels, columns, training.evaluate_labels)
    counting = counting_of(fairness_sample, columns, fairness, outcome)
    summary: Summary = frames.reduce_batches(
        claims[counted_columns(counting, columns)],
        partial(counted, counting=counting, columns=columns, period=fairness.period),
        combine,
    )
    return summary


def measure_proxies(
    fairness_sample: pd.DataFrame, columns: Columns, training: TrainingParameters, fairness: FairnessParameters
) -> dict[str, Any]:
    """Return by attribute how well it can be told from the columns that add to the score."""
    attributes = fairness.analysed(columns)
    bands = bands_for(fairness_sample, attributes, fairness.bands)
    settings = BoosterSettings(
        training.n_estimators, training.max_depth, training.learning_rate, training.seed, training.n_jobs
    )
    return {
        name: proxy_strength(
            fairness_sample,
            name,
            bands.get(name),
            categorical=[other for other in columns.scored_categorical if other != name],
            numeric=[other for other in columns.scored_numeric if other != name],
            people=columns.id_of("patient"),
            settings=settings,
        )
        for name in attributes
    }


def try_roles(
    fairness_sample: pd.DataFrame, columns: Columns, training: TrainingParameters, fairness: FairnessParameters
) -> list[dict[str, Any]]:
    """Return what each role of each attribute changes."""
    if not fairness.role_rows:
        return []
    attributes = fairness.analysed(columns)
    bands = bands_for(fairness_sample, attributes, fairness.bands)
    claims = frames.sample(fairness_sample, fairness.role_rows, columns.claim_id, training.seed)
    return compare_roles(claims, columns, attributes, bands, training.estimator)


def judge_groups(  # noqa: PLR0913, PLR0917
    fraud_scores: Frame,
    fairness_counts: Summary,
    fairness_sample: pd.DataFrame,
    fairness_proxies: dict[str, Any],
    fairness_roles: list[dict[str, Any]],
    columns: Columns,
    fairness: FairnessParameters,
) -> tuple[Frame, dict[str, Any]]:
    """Return `bias_summary` and `fairness_results`."""
    counting = counting_of(fairness_sample, columns, fairness, None)
    findings = find(fairness_counts, counting, fairness.rules, fairness.references, {})
    results = results_of(findings, fairness_counts, counting, fairness)
    table = frames.like(fraud_scores, findings.table, bias_summary_schema())
    return table, {**results, "proxies": fairness_proxies, "roles": fairness_roles}


def report_fairness(
    fairness_results: dict[str, Any], reporting: ReportingParameters
) -> tuple[go.Figure, str, dict[str, Any], dict[str, Any]]:
    """Return the figure and the page for people, and what machines read: figures, and the verdict."""
    figure = flag_rate_figure(fairness_results, reporting.small_cell)
    return (
        figure,
        fairness_page(fairness_results, figure, reporting.small_cell),
        metrics_of(fairness_results),
        verdict_of(fairness_results),
    )


def check_fairness(fairness_verdict: dict[str, Any], fairness: FairnessParameters) -> None:
    """Raise GateNotPassed if the verdict is one that `fail_on` names; all is saved by then."""
    check_gate(fairness_verdict, fairness.fail_on)
