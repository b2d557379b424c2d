"""What is found of protected attributes: from one summary of counts to results, a table, and a verdict.

Not for reports: those leave out small cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from claims_fraud.claims.tables import described
from claims_fraud.fairness.comparisons import check_reference, compared, drivers, group_metrics
from claims_fraud.fairness.counts import Counting, GroupCounts, Summary, tables
from claims_fraud.fairness.groups import one_group_only
from claims_fraud.fairness.verdicts import BIASED, WORST_FIRST, Rules, worst

# Name, type and description, in order.
FIELDS = (
    ("attribute", pa.string(), "Protected column, or two of them, or one with the period of the claims"),
    ("group", pa.string(), "Its value or band; unknown where it is missing"),
    ("n", pa.int64(), "Claims of the group"),
    ("flagged", pa.int64(), "Those of them that are flagged"),
    ("flag_rate", pa.float64(), "Their share"),
    ("reference", pa.string(), "What the group is compared with"),
    ("difference", pa.float64(), "Flag rate of the group less that of the reference"),
    ("ratio", pa.float64(), "Flag rate of the group over that of the reference"),
    ("ratio_low", pa.float64(), "Lower end of the 95 % interval of ratio"),
    ("ratio_high", pa.float64(), "Upper end of the 95 % interval of ratio"),
    ("p_adjusted", pa.float64(), "How often chance makes any of all comparisons as uneven; null where too few"),
    ("verdict", pa.string(), "fair or biased or inconclusive or insufficient"),
    ("difference_low", pa.float64(), "Lower end of the 95 % interval of difference"),
    ("difference_high", pa.float64(), "Upper end of the 95 % interval of difference"),
    ("flag_rate_low", pa.float64(), "Lower end of the 95 % interval of flag_rate"),
    ("flag_rate_high", pa.float64(), "Upper end of the 95 % interval of flag_rate"),
    ("mean_score", pa.float64(), "Mean fraud_score of the group; null for one of two attributes or of a period"),
    ("top_share", pa.float64(), "Share of the claims that rank first; null for the same"),
    ("ks", pa.float64(), "Distance of the scores from those of all others; null for the same"),
)
OF_AN_ATTRIBUTE = ["mean_score", "top_share", "ks"]
COMPARED = ["reference", "difference", "difference_low", "difference_high", "ratio", "ratio_low", "ratio_high",
            "p_adjusted", "verdict"]  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """What was found.

    Attributes
    ----------
    attributes : dict
        By attribute ``overall_metrics``, ``group_metrics`` and ``comparisons``, or ``error``.
    table : DataFrame
        `bias_summary`.
    """

    attributes: dict[str, dict[str, Any]]
    table: pd.DataFrame


def bias_summary_schema() -> pa.Schema:
    """Return the schema of `bias_summary`, in the order of its columns."""
    return pa.schema([described(*field) for field in FIELDS])


def find(
    summary: Summary, counting: Counting, rules: Rules, references: Mapping[str, str], errors: Mapping[str, str]
) -> Findings:
    """Return what is found in counts.

    Parameters
    ----------
    summary : dict
        What `claims_fraud.fairness.counts.summarise` made of all rows.
    counting : Counting
        What was counted.
    rules : Rules
        What matters.
    references : mapping of str to str
        By attribute the group that others are compared with, where it is not the one with the highest flag rate.
    errors : mapping of str to str
        Why other attributes were not counted.
    """
    counted = tables(summary, "attributes", counting.surprises)
    errors = {**errors, **_errors(counted, references)}
    attributes = {name: counts for name, counts in counted.items() if name not in errors}
    comparisons = compared(attributes, tables(summary, "pairs"), tables(summary, "periods"), rules, references)
    means = _score_means(summary, counted)
    metrics = {name: group_metrics(counts, means) for name, counts in attributes.items()}
    results = {
        name: _result(metrics[name], comparisons[comparisons["attribute"] == name], counts, counting, rules)
        for name, counts in attributes.items()
    }
    return Findings({**results, **{name: {"error": why} for name, why in errors.items()}}, _table(comparisons, metrics))


def _errors(counted: Mapping[str, GroupCounts], references: Mapping[str, str]) -> dict[str, str]:
    """Return why attributes that were counted cannot be compared."""
    found = {}
    for name, counts in counted.items():
        groups = list(counts.table.index)
        why = one_group_only(name, groups[0]) if len(groups) == 1 else None
        why = why or check_reference(name, groups, references.get(name))
        if why:
            found[name] = why
    return found


def _score_means(summary: Summary, counted: Mapping[str, GroupCounts]) -> np.ndarray:
    """Return the mean score of the rows in each step of the grid, NaN where there are none."""
    sums = np.asarray(summary["score_sums"], dtype=float)
    # Every attribute has all rows.
    rows = next((counts.steps.sum(axis=0) for counts in counted.values()), sums * 0)
    return sums / np.where(rows > 0, rows, np.nan)


def _result(
    metrics: pd.DataFrame, comparisons: pd.DataFrame, counts: GroupCounts, counting: Counting, rules: Rules
) -> dict[str, Any]:
    """Return what is found of an attribute, the worst groups first."""
    by_group: dict[str, str] = {}
    # The comparisons come the worst first, and a group's worst is what it is.
    for group, verdict in zip(comparisons["group"], comparisons["verdict"], strict=True):
        by_group.setdefault(str(group), str(verdict))
    metrics = metrics.loc[list(by_group)]
    driven = drivers(counts, counting.surprises)
    return {
        "overall_metrics": _overall(metrics, list(by_group.values()), rules),
        "group_metrics": {
            group: {"verdict": by_group[group], **figures, "drivers": driven[group]}
            for group, figures in plain_rows(metrics).items()
        },
        "comparisons": list(plain_rows(comparisons[["group", *COMPARED]].reset_index(drop=True)).values()),
    }


def _overall(metrics: pd.DataFrame, verdicts: list[str], rules: Rules) -> dict[str, Any]:
    verdict = worst(verdicts)
    # Of a handful of rows any distance is large.
    largest = metrics.loc[metrics["n"] >= rules.minimum_group_size, "ks"].max()
    n, flagged = int(metrics["n"].sum()), int(metrics["flagged"].sum())
    return {
        "is_fair": verdict != BIASED,
        "verdict": verdict,
        "n": n,
        "flagged": flagged,
        "flag_rate": flagged / n,
        "groups": len(metrics),
        "verdicts": {name: verdicts.count(name) for name in WORST_FIRST},
        "largest_ks": None if pd.isna(largest) else float(largest),
    }


def plain_rows(table: pd.DataFrame) -> dict[Any, dict[str, Any]]:
    """Return rows as dictionaries of what JSON has: numbers that are none, or infinite, as None."""
    rows: Mapping[Any, Mapping[Any, Any]] = table.replace([np.inf, -np.inf], np.nan).to_dict(orient="index")
    return {key: {name: None if pd.isna(cell) else cell for name, cell in row.items()} for key, row in rows.items()}


def _table(comparisons: pd.DataFrame, metrics: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    pieces = [found[OF_AN_ATTRIBUTE].assign(attribute=name, group=found.index) for name, found in metrics.items()]
    figures = (
        pd.concat(pieces) if pieces else pd.DataFrame(columns=["attribute", "group", *OF_AN_ATTRIBUTE], dtype=object)
    )
    table = comparisons.merge(figures, on=["attribute", "group"], how="left")
    return table.reindex(columns=[name for name, *_ in FIELDS]).astype(dict.fromkeys(OF_AN_ATTRIBUTE, float))
