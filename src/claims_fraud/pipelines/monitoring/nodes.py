"""Nodes that watch for drift; what they say of a batch stands in `claims_fraud.monitoring` and `claims_fraud.drift`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from claims_fraud import frames
from claims_fraud import monitoring as tables
from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.claims import Columns
from claims_fraud.claims.columns import HISTORY_COMPLETE
from claims_fraud.drift import ReferenceProfile
from claims_fraud.errors import InputError
from claims_fraud.frames import Frame
from claims_fraud.parameters import MonitoringParameters, ReportingParameters
from claims_fraud.reporting.drift import drift_figure, drift_report_page
from claims_fraud.scores import check_scores_have


def count_monitored_claims(  # noqa: PLR0913, PLR0917
    claims: Frame,
    fraud_scores: Frame,
    autoencoder: ClaimsTreeAutoencoder,
    profiles: Callable[[str], ReferenceProfile],
    columns: Columns,
    monitoring: MonitoringParameters,
) -> dict[str, Any]:
    """Return `monitored_counts`: the live model, and the claims with their scores as counted by period.

    Where the model learned from claims with a complete history only, others are not counted.
    """
    profile = profiles(autoencoder.model_version_)
    if profile.history_complete:
        claims = frames.keep_where(claims, HISTORY_COMPLETE)
    said = tables.scores_needed(columns)
    check_scores_have(fraud_scores.columns, said, "kedro run --pipelines=scoring")
    scored = frames.left_join(claims, fraud_scores[[columns.claim_id, *said]], columns.claim_id)
    count = partial(tables.count_claims, profile=profile, columns=columns, period=monitoring.period)
    counted = frames.reduce_batches(scored, count, tables.combined_claims)
    if not counted:
        which = " with a complete history, as the model learned from" if profile.history_complete else ""
        raise InputError(f"there are no claims to monitor{which}. Ingest or score some first, or monitor others.")
    stale = sum(rows.pop("stale") for rows in counted.values())
    if stale:
        raise InputError(
            f"{stale:,} of the claims to monitor have other values than those that fraud_scores were made from: they "
            "were ingested after they were scored. Score them first (`kedro run --pipelines=scoring`, or `score_new` "
            "where they are new claims)."
        )
    return {"model_version": profile.model_version, "periods": counted}


def compare_with_reference(  # noqa: PLR0913, PLR0917
    counts: dict[str, Any],
    profiles: Callable[[str], ReferenceProfile],
    earlier: Frame | None,
    claims: Frame,
    monitoring: MonitoringParameters,
    reporting: ReportingParameters,
) -> tuple[Frame, Frame, dict[str, Any]]:
    """Return `drift_report`, `drift_history` and `monitoring_verdict` of the batches that were counted.

    ``claims`` say which engine the tables are of.
    """
    profile = profiles(counts["model_version"])
    before = None if earlier is None else frames.collected(earlier)
    history = tables.drift_history(counts["periods"], profile, before, monitoring, reporting.small_cell)
    report, entries = tables.report_schema(), tables.history_schema()
    verdict = tables.monitoring_verdict(history, before, monitoring)
    return frames.like(claims, history, report), frames.like(claims, history, entries), verdict


def report_drift(
    drift_report: Frame, monitoring_verdict: dict[str, Any], reporting: ReportingParameters
) -> tuple[str, go.Figure]:
    """Return `drift_page` and `drift_figure`, for people."""
    report: pd.DataFrame = frames.collected(drift_report)
    figure = drift_figure(report)
    return drift_report_page(report, monitoring_verdict, figure, reporting.small_cell), figure


def pass_drift_gate(monitoring_verdict: dict[str, Any], drift_page: str, monitoring: MonitoringParameters) -> None:
    """Raise GateNotPassed where drift is told that `monitoring.fail_on` names; the page is saved before it is."""
    del drift_page
    tables.check_gate(monitoring_verdict, monitoring)
