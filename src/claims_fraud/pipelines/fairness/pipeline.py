"""Wiring of the fairness analysis."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from claims_fraud.pipelines.fairness.nodes import (
    check_fairness,
    count_groups,
    judge_groups,
    measure_proxies,
    report_fairness,
    sample_for_fairness,
    try_roles,
)

COLUMNS, FAIRNESS, TRAINING = ({name: f"params:{name}"} for name in ("columns", "fairness", "training"))
SAMPLE = {"fairness_sample": "fairness_sample"}


def create_pipeline() -> Pipeline:
    """``fraud_scores, claim_labels -> bias_summary, fairness_results -> fairness_report, fairness_verdict, …``."""
    settings = {**COLUMNS, **TRAINING, **FAIRNESS}
    return Pipeline(
        [
            Node(
                sample_for_fairness,
                inputs={"fraud_scores": "fraud_scores", **settings},
                outputs="fairness_sample",
                name="sample_for_fairness",
            ),
            Node(
                count_groups,
                inputs={"fraud_scores": "fraud_scores", "load_labels": "claim_labels", **SAMPLE, **settings},
                outputs="fairness_counts",
                name="count_groups",
            ),
            Node(measure_proxies, inputs={**SAMPLE, **settings}, outputs="fairness_proxies", name="measure_proxies"),
            Node(try_roles, inputs={**SAMPLE, **settings}, outputs="fairness_roles", name="try_roles"),
            Node(
                judge_groups,
                inputs={
                    "fraud_scores": "fraud_scores",
                    "fairness_counts": "fairness_counts",
                    "fairness_proxies": "fairness_proxies",
                    "fairness_roles": "fairness_roles",
                    **SAMPLE,
                    **COLUMNS,
                    **FAIRNESS,
                },
                outputs=["bias_summary", "fairness_results"],
                name="judge_groups",
            ),
            Node(
                report_fairness,
                inputs={"fairness_results": "fairness_results", "reporting": "params:reporting"},
                outputs=["fairness_figure", "fairness_report", "fairness_metrics", "fairness_verdict"],
                name="report_fairness",
            ),
            # Last, so that a run that it ends has saved everything.
            Node(
                check_fairness,
                inputs={"fairness_verdict": "fairness_verdict", **FAIRNESS},
                outputs=None,
                name="check_fairness",
            ),
        ],
        tags="fairness",
    )
