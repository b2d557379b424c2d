"""The report on drift for people: what moved, by how much more than chance, and in which of the batches.

Not for the figures: those are `drift_report`'s and `monitoring_verdict`'s. What few claims say is not shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from claims_fraud.drift import worst
from claims_fraud.drift.monitor import FEW
from claims_fraud.errors import listed
from claims_fraud.monitoring import ALARMS, SCORE
from claims_fraud.reporting.page import Section, report_page

# From 0, over the two limits of the rule of thumb, to what is far beyond.
SCALE = [(0.0, "#f4f6f8"), (0.2, "#f6d9a8"), (0.5, "#e08a4f"), (1.0, "#8f2d2d")]
TOP_PSI = 0.5
MOST_SHOWN = 40


def drift_report_page(report: pd.DataFrame, verdict: Mapping[str, Any], figure: go.Figure, small_cell: int) -> str:
    """Return `drift_page`, the HTML of the report.

    Parameters
    ----------
    report : DataFrame
        `drift_report`: a row a batch and feature.
    verdict : mapping
        `monitoring_verdict`.
    figure : plotly Figure
        `drift_figure`.
    small_cell : int
        Figures of fewer claims are shown as few.
    """
    latest = report[report["batch_id"] == verdict["latest"]["batch_id"]]
    sections = [
        _batches(report, small_cell),
        _over_time(figure),
        _latest(latest[latest["kind"] == "feature"], "Features of the latest batch", verdict),
        _latest(latest[latest["kind"] == "score"], "Scores of the latest batch", verdict),
        _gaps(latest, small_cell),
        _how_to_read(verdict),
    ]
    return report_page("Drift of the claims", _lead(report, verdict), sections)


def drift_figure(report: pd.DataFrame) -> go.Figure:
    """Return the PSI by feature and batch, the features that drift most on top."""
    table = report[report["psi"].notna()].assign(batch=_names(report))
    psi = table.pivot_table(index="feature", columns="batch", values="psi", sort=False)
    psi = psi.loc[psi.max(axis=1).sort_values(ascending=False).index[:MOST_SHOWN]]
    heat = go.Heatmap(
        z=psi.to_numpy(), x=list(psi), y=list(psi.index), zmin=0, zmax=TOP_PSI, colorscale=SCALE, xgap=2, ygap=2,
        texttemplate="%{z:.2f}", hovertemplate="%{y}, %{x}: PSI %{z:.3f}<extra></extra>", colorbar={"title": "PSI"},
    )  # fmt: skip
    figure = go.Figure(heat)
    figure.update_layout(
        height=140 + 24 * len(psi), margin={"l": 10, "r": 10, "t": 50, "b": 10}, plot_bgcolor="white", template="none"
    )
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure.update_xaxes(side="top", type="category", automargin=True)


def _lead(report: pd.DataFrame, verdict: Mapping[str, Any]) -> list[str]:
    last, names = verdict["latest"], _names(report).drop_duplicates()
    spread = names.iloc[0] if len(names) == 1 else f"{names.iloc[0]} to {names.iloc[-1]}"
    many = "1 batch" if len(names) == 1 else f"{len(names)} batches"
    agreed = f"by {verdict['agreeing']} of the last {verdict['of_last']} batches"
    found = [f"{kind.capitalize()}: {listed(verdict[kind])}." for kind in ("drifted", "drifting") if verdict[kind]]
    reference = report["n_reference"].max()
    return [
        f"{verdict['claims']:,} claims in {many} ({spread}) beside the {reference:,} claims that model "
        f"{verdict['model_version']} learned from.",
        f"Verdict, confirmed {agreed}: {verdict['verdict']}.",
        *found,
        f"The latest batch by itself ({last['period']}, {last['claims']:,} claims): {last['verdict']}; "
        f"{last['n_drifted']} drifted and {last['n_drifting']} drifting.",
        f"Train again: {'yes' if verdict['retrain'] else 'no'}.",
    ]


def _latest(latest: pd.DataFrame, heading: str, verdict: Mapping[str, Any]) -> Section:
    rows = latest.sort_values("psi", ascending=False, na_position="first", kind="stable").head(MOST_SHOWN)
    table = pd.DataFrame(
        {
            "Feature": rows["feature"],
            "PSI": rows["psi"].map(_three),
            "by chance": rows["by_chance"].map(_three),
            "bound": rows["bound"].map(_three),
            "Rule of thumb": rows["rule_verdict"],
            "Corrected": rows["verdict"],
            "Alarms in the last batches": [verdict["alarms"].get(name, 0) for name in rows["feature"]],
            "Bins that moved most, before and now": rows["moved"].where(rows["note"].isna(), rows["note"]),
        }
    )
    return Section(
        heading,
        "Those with the largest index first. A PSI below its bound is what chance brings at these sizes; "
        "the corrected verdict goes by that, the rule of thumb does not.",
        table,
    )


def _over_time(figure: go.Figure) -> Section:
    return Section(
        "By feature and over time",
        "The population stability index of each batch against the claims learned from. A feature that is dark in one "
        "column only had a bad delivery; one that darkens from left to right is drifting away.",
        figure=figure,
    )


def _batches(report: pd.DataFrame, small_cell: int) -> Section:
    rows = []
    for name, batch in report.groupby(_names(report), sort=False):
        first = batch.iloc[0]
        score = batch.loc[batch["feature"] == SCORE, "psi"]
        alarms, versus = batch["verdict"].isin(ALARMS), batch["verdict_previous"].isin(ALARMS)
        rows.append(
            {
                "Batch": name,
                "Claims": _rows(first["claims"], small_cell),
                "Flagged": _share(first["flag_rate"], first["claims"], small_cell),
                "PSI of the score": _three(score.iloc[0]) if len(score) else None,
                "Features that drift": int(alarms.sum()),
                "by the rule of thumb": int(batch["rule_verdict"].isin(ALARMS).sum()),
                "Moved since the batch before": f"{versus.sum()}" if batch["verdict_previous"].notna().any() else None,
                "Verdict": worst(batch["verdict"]),
            }
        )
    return Section("Batches", "In the order of their last claims.", pd.DataFrame(rows).astype(object))


def _gaps(latest: pd.DataFrame, small_cell: int) -> Section:
    changed = latest[latest[["missing_reference", "missing", "unseen_reference", "unseen"]].gt(0).any(axis=1)]
    rows = {
        "Feature": changed["feature"],
        **{
            title: [_share(share, n, small_cell) for share, n in zip(changed[name], changed[rows], strict=True)]
            for title, name, rows in (
                ("Missing before", "missing_reference", "n_reference"),
                ("Missing now", "missing", "n"),
                ("Unseen before", "unseen_reference", "n_reference"),
                ("Unseen now", "unseen", "n"),
            )
        },
    }
    return Section(
        "Missing and unseen values",
        "Unseen are codes that the claims learned from do not have, and in a number's place what is none.",
        pd.DataFrame(rows),
    )


def _how_to_read(verdict: Mapping[str, Any]) -> Section:
    return Section(
        "How to read this",
        "stable: no more than chance, or too little to matter. drifting: more than chance. drifted: more than chance, "
        "and by as much as the rule of thumb calls a major shift. insufficient: too few claims to tell. Now and then "
        f"a batch alarms by chance, so that {verdict['agreeing']} of the last {verdict['of_last']} have to agree. "
        f"“{FEW}” stands for figures of fewer claims than may be shown.",
    )


def _names(report: pd.DataFrame) -> pd.Series:
    """Return what to call the batch of each row: its period, with the batch's id where others have the same."""
    shared = report.groupby("period")["batch_id"].transform("nunique") > 1
    return report["period"].where(~shared, report["period"] + " " + report["batch_id"])


def _three(value: float) -> str | None:
    return None if pd.isna(value) else f"{value:.3f}"


def _rows(count: int, small_cell: int) -> str:
    return FEW if 0 < count < small_cell else f"{count:,}"


def _share(share: float, of: int, small_cell: int) -> str | None:
    if math.isnan(share):
        return None
    return FEW if 0 < round(share * of) < small_cell else f"{share:.1%}"
