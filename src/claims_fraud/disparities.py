"""The fairness analysis of scored claims: what is counted of them, and what the findings come to.

Not for counting or judging: that is `claims_fraud.fairness`, a library on any frame. Not for reports, which leave out
small cells: see `claims_fraud.reporting.fairness_page`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from claims_fraud import frames
from claims_fraud.choices import Period
from claims_fraud.claims import Columns
from claims_fraud.claims.columns import OUTCOME, PERIOD
from claims_fraud.claims.rows import numbers
from claims_fraud.errors import GateNotPassed, listed
from claims_fraud.fairness.counts import Counting, Summary, summarise
from claims_fraud.fairness.findings import OF_AN_ATTRIBUTE, Findings, plain_rows
from claims_fraud.fairness.groups import CROSS, bands_for
from claims_fraud.fairness.verdicts import BIASED, INCONCLUSIVE, WORST_FIRST, worst
from claims_fraud.frames import Frame
from claims_fraud.labels import labels_of
from claims_fraud.parameters import FairnessParameters
from claims_fraud.periods import in_periods
from claims_fraud.scores import check_scores_have

SCORED = ("flagged", "rank", "fraud_score", "fraud_percentile")
# Intersections, and groups over time, that are told one by one: the worst.
MOST_CROSSED = 20
OF_A_PERIOD = ["attribute", "group", "period", "n", "flagged", "others_n", "others_flagged",
               "ratio", "ratio_low", "ratio_high", "verdict"]  # fmt: skip


def check_has_scores(fraud_scores: Frame, columns: Columns) -> None:
    """Raise InputError if `fraud_scores` lack a column that the analysis reads."""
    needed = (*columns.features, *SCORED, *columns.surprises)
    check_scores_have(fraud_scores.columns, needed, "kedro run --pipelines=scoring")


def counting_of(sample: pd.DataFrame, columns: Columns, fairness: FairnessParameters, outcome: str | None) -> Counting:
    """Return what is counted; bands that are not given are chosen by the sample."""
    attributes = fairness.analysed(columns)
    return Counting(
        attributes,
        bands_for(sample, attributes, fairness.bands),
        top_k=fairness.top_k,
        threshold=fairness.threshold_percentile,
        outcome=outcome,
        surprises=columns.surprises,
        pairs=fairness.intersections,
        periods=fairness.period != "none",
    )


def with_outcomes(
    fraud_scores: Frame, load_labels: Callable[[], Frame], columns: Columns, evaluate_labels: bool
) -> tuple[Frame, str | None]:
    """Return the claims and their column of outcomes: that of the label, `claim_labels` if asked for, or none."""
    if columns.label:
        return fraud_scores, columns.label
    if not evaluate_labels:
        return fraud_scores, None
    labels = labels_of(fraud_scores, load_labels, columns)
    return frames.left_join(fraud_scores, labels[[columns.claim_id, OUTCOME]], columns.claim_id), OUTCOME


def counted(batch: pd.DataFrame, counting: Counting, columns: Columns, period: Period) -> Summary:
    """Return the counts of a batch, whose outcomes may be text; one that is neither 0 nor 1 is not known."""
    if counting.periods:
        batch = batch.assign(**{PERIOD: in_periods(batch[columns.claim_date], period)})
    if counting.outcome:
        outcome = numbers(batch[counting.outcome])
        batch = batch.assign(**{counting.outcome: outcome.where(outcome.isin([0.0, 1.0]))})
    return summarise(batch, counting)


def counted_columns(counting: Counting, columns: Columns) -> list[str]:
    """Return the columns that counting reads."""
    outcome = [counting.outcome] if counting.outcome else []
    return [columns.claim_date, *counting.attributes, *SCORED, *counting.surprises, *outcome]


def results_of(
    findings: Findings, summary: Summary, counting: Counting, fairness: FairnessParameters
) -> dict[str, Any]:
    """Return `fairness_results`, but for proxies and roles."""
    crossed = findings.table[~findings.table["attribute"].isin(counting.attributes)].drop(columns=OF_AN_ATTRIBUTE)
    by_period = crossed["attribute"].str.startswith(PERIOD + CROSS)
    flagged = [found["overall_metrics"]["flagged"] for found in findings.attributes.values() if "error" not in found]
    return {
        "n": summary["n"],
        "flagged": flagged[0] if flagged else None,
        "threshold_percentile": fairness.threshold_percentile,
        "top_k": fairness.top_k,
        "bands": {name: list(edges) for name, edges in counting.bands.items()},
        "rules": fairness.model_dump(include={*vars(fairness.rules)}),
        "attributes": {name: _published(found) for name, found in findings.attributes.items()},
        "intersections": _worst(crossed[~by_period]),
        "periods": _over_time(crossed[by_period]),
    }


def verdict_of(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return `fairness_verdict`: of each attribute, and of all, with the groups named."""
    attributes = attribute_verdicts(results["attributes"])
    crossed = [row["group"] for row in results["intersections"]["worst"] if row["verdict"] == BIASED]
    in_a_period = [
        f"{row['attribute']} {row['group']} ({row['period']})"
        for row in results["periods"]["rows"]
        if row["verdict"] == BIASED
    ]
    verdict = worst([overall_verdict(attributes), *([BIASED] if crossed or in_a_period else [])])
    return {
        "verdict": verdict,
        "n": results["n"],
        "attributes": attributes,
        "intersections": {BIASED: crossed},
        "periods": {BIASED: in_a_period},
    }


def attribute_verdicts(attributes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return of each attribute that was analysed its verdict and its groups by theirs, or why there is none."""
    return {name: _attribute_verdict(found) for name, found in attributes.items()}


def overall_verdict(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the worst of what `attribute_verdicts` has; insufficient if it has none."""
    return worst(found["verdict"] for found in attributes.values() if "verdict" in found)


def metrics_of(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return `fairness_metrics`: figures without the name or the size of a group."""
    analysed = {name: found for name, found in results["attributes"].items() if "error" not in found}
    return {
        "verdict": verdict_of(results)["verdict"],
        "n": results["n"],
        "flagged": results["flagged"],
        "intersections": results["intersections"]["verdicts"],
        "periods": results["periods"]["verdicts"],
        **{
            name: {
                **found["overall_metrics"]["verdicts"],
                "largest_ks": found["overall_metrics"]["largest_ks"],
                "proxy_auroc": (results["proxies"].get(name) or {}).get("auroc"),
            }
            for name, found in analysed.items()
        },
    }


def check_gate(verdict: Mapping[str, Any], fail_on: str) -> None:
    """Raise GateNotPassed, with the groups named, if the verdict is one that ends the run.

    An attribute that could not be analysed ends it as well, unless ``fail_on`` is ``never``. An intersection, or a
    group within a period, counts where it is biased. That one is inconclusive is the rule, for it has few claims.
    """
    if fail_on == "never":
        return
    attributes = verdict["attributes"]
    told = {
        "flags fall unevenly on protected groups": _named(verdict, BIASED),
        "too little is known of protected groups": _named(verdict, INCONCLUSIVE) if fail_on == INCONCLUSIVE else [],
        "not analysed": [f"{name} ({found['error']})" for name, found in attributes.items() if "error" in found],
    }
    found = [f"{what}: {'; '.join(groups)}" for what, groups in told.items() if groups]
    if found:
        raise GateNotPassed(
            f"fairness.fail_on is {fail_on}, and {'. '.join(found)}. All is saved: look at fairness_report and "
            "bias_summary. Then change the roles of protected columns, their bands, or the threshold, or, where the "
            "difference is accounted for, the rules."
        )


def _named(verdict: Mapping[str, Any], kind: str) -> list[str]:
    """Return the groups with a verdict, each with its attribute."""
    apart = {"both of": verdict["intersections"], "within a period": verdict["periods"]}
    return [
        f"{attribute} {listed(found[kind])}"
        for attribute, found in {**verdict["attributes"], **apart}.items()
        if found.get(kind)
    ]


def _worst(crossed: pd.DataFrame) -> dict[str, Any]:
    """Return how many intersections have which verdict, and the worst, all biased ones among them; these come first."""
    verdicts = _numbers(crossed)
    most = max(MOST_CROSSED, verdicts[BIASED])
    return {"verdicts": verdicts, "worst": list(plain_rows(crossed.head(most).reset_index(drop=True)).values())}


def _over_time(crossed: pd.DataFrame) -> dict[str, Any]:
    """Return how many groups within a period have which verdict, and the worst groups, each in all periods."""
    if crossed.empty:
        return {"verdicts": _numbers(crossed), "rows": []}
    rows = crossed.assign(attribute=crossed["attribute"].str.removeprefix(PERIOD + CROSS))
    rows[["period", "group"]] = crossed["group"].str.split(CROSS, n=1, expand=True)
    for name in ("n", "flagged"):
        rows[f"others_{name}"] = rows.groupby(["attribute", "period"])[name].transform("sum") - rows[name]
    groups = rows.groupby(["attribute", "group"], sort=False).ngroup()  # numbered as they come, the biased ones first
    biased = groups[rows["verdict"] == BIASED].nunique()
    told = rows.loc[groups < max(MOST_CROSSED, biased), OF_A_PERIOD].reset_index(drop=True)
    return {"verdicts": _numbers(crossed), "rows": list(plain_rows(told).values())}


def _numbers(comparisons: pd.DataFrame) -> dict[str, int]:
    found = comparisons["verdict"].value_counts()
    return {verdict: int(found.get(verdict, 0)) for verdict in WORST_FIRST}


def _published(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was found of an attribute without `is_fair`, which is true also where nothing is known."""
    if "error" in found:
        return dict(found)
    overall = {name: value for name, value in found["overall_metrics"].items() if name != "is_fair"}
    return {**found, "overall_metrics": overall}


def _attribute_verdict(found: Mapping[str, Any]) -> dict[str, Any]:
    if "error" in found:
        return {"error": found["error"]}
    overall, groups = found["overall_metrics"], found["group_metrics"]
    named = {verdict: [name for name, one in groups.items() if one["verdict"] == verdict] for verdict in WORST_FIRST}
    return {"verdict": overall["verdict"], **named}
