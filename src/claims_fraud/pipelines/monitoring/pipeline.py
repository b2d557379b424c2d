"""Wiring of monitoring, of the test split and of new claims."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from claims_fraud.pipelines.monitoring.nodes import (
    compare_with_reference,
    count_monitored_claims,
    pass_drift_gate,
    report_drift,
)


def create_pipeline() -> Pipeline:
    """``features_test, fraud_scores, reference_profile -> drift_report, drift_history, … -> drift_page``."""
    return _monitoring("features_test")


def create_new_claims_pipeline() -> Pipeline:
    """Return the same of the new claims that were scored last."""
    return _monitoring("new_claim_features")


def _monitoring(claims: str) -> Pipeline:
    settings = {"monitoring": "params:monitoring"}
    return Pipeline(
        [
            Node(
                count_monitored_claims,
                inputs={
                    "claims": claims,
                    "fraud_scores": "fraud_scores",
                    "autoencoder": "live_autoencoder",
                    "profiles": "reference_profile",
                    "columns": "params:columns",
                    **settings,
                },
                outputs="monitored_counts",
                name="count_monitored_claims",
            ),
            Node(
                compare_with_reference,
                inputs={
                    "counts": "monitored_counts",
                    "profiles": "reference_profile",
                    "earlier": "earlier_drift_history",
                    "claims": claims,
                    "reporting": "params:reporting",
                    **settings,
                },
                outputs=["drift_report", "drift_history", "monitoring_verdict"],
                name="compare_with_reference",
            ),
            Node(
                report_drift,
                inputs={
                    "drift_report": "drift_report",
                    "monitoring_verdict": "monitoring_verdict",
                    "reporting": "params:reporting",
                },
                outputs=["drift_page", "drift_figure"],
                name="report_drift",
            ),
            Node(
                pass_drift_gate,
                inputs={"monitoring_verdict": "monitoring_verdict", "drift_page": "drift_page", **settings},
                outputs=None,
                name="pass_drift_gate",
            ),
        ],
        tags="monitoring",
    )
