"""The tables and the verdict of monitoring: batches of claims beside the profile of a model, and beside each other.

Not for what drift is: that is `claims_fraud.drift`'s. Not for the report that people read: `reporting.drift`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from claims_fraud.choices import Period
from claims_fraud.claims import Columns
from claims_fraud.claims.columns import ROW_HASH
from claims_fraud.claims.hashing import row_hashes, stable_hash
from claims_fraud.claims.tables import TYPES, described
from claims_fraud.drift import PSIMonitor, ReferenceProfile, combined, confirmed, count_rows, worst
from claims_fraud.drift.verdicts import DRIFTED, DRIFTING, INSUFFICIENT
from claims_fraud.errors import GateNotPassed, listed
from claims_fraud.parameters import MonitoringParameters
from claims_fraud.periods import in_periods

SCORE, FLAGGED, VERSION = "fraud_score", "flagged", "model_version"
ALARMS = (DRIFTING, DRIFTED)
IDS = 2**64
IN_ORDER = ["last_claim", "batch_number"]

BATCH = (
    ("batch_id", pa.string(), "Hash of the batch's claims as counted, and of the model's version"),
    ("batch_number", pa.int64(), "In which order batches were monitored first; orders those with the same last claim"),
    ("model_version", pa.string(), "Hash of the model's content; its profile is what is compared with"),
    ("period_length", pa.string(), "month, week or none"),
    ("period", pa.string(), "The month or week of the claims, or all"),
    ("first_claim", TYPES["date"], "Date of the batch's first claim"),
    ("last_claim", TYPES["date"], "Date of the batch's last claim"),
    ("claims", pa.int64(), "Claims in the batch"),
    ("flag_rate", pa.float64(), "Share of its claims that are flagged, of those that this model scored"),
)
COMPARISON = (
    ("feature", pa.string(), "Column that is compared"),
    ("kind", pa.string(), "feature, or score: the score or what a column adds to it"),
    ("n_reference", pa.int64(), "Claims of the reference"),
    ("n", pa.int64(), "Claims of the batch"),
    ("psi", pa.float64(), "Population stability index"),
    ("by_chance", pa.float64(), "What it is on average without drift at these sizes"),
    ("bound", pa.float64(), "What it exceeds by chance in few batches, all features together"),
    ("p_adjusted", pa.float64(), "Probability of so much without drift, corrected for all features"),
    ("rule_verdict", pa.string(), "By the rule of thumb"),
    ("verdict", pa.string(), "Corrected for chance"),
    ("missing_reference", pa.float64(), "Share of the reference that is missing"),
    ("missing", pa.float64(), "Share of the batch that is missing"),
    ("unseen_reference", pa.float64(), "Share of the reference outside of its known values"),
    ("unseen", pa.float64(), "Share of the batch with values that the reference does not know, or no numbers"),
    ("moved", pa.string(), "Bins that add most, with their shares before and now"),
    ("note", pa.string(), "What changed in the schema"),
)
PREVIOUS = (
    ("psi_previous", pa.float64(), "Population stability index against the batch before"),
    ("verdict_previous", pa.string(), "Against the batch before, corrected for chance"),
)
ENTRY = ("entry_id", pa.string(), "Batch and feature, joined by a slash")
COUNTS = ("counts", pa.string(), "Claims in each bin of the profile, a list as JSON")

Counted = dict[str, dict[str, Any]]


def report_schema() -> pa.Schema:
    """Return the schema of `drift_report`."""
    return pa.schema(described(*field) for field in (*BATCH, *COMPARISON, *PREVIOUS))


def history_schema() -> pa.Schema:
    """Return the schema of `drift_history`."""
    return pa.schema([described(*ENTRY), *report_schema(), described(*COUNTS)])


def scores_compared(columns: Columns) -> list[str]:
    """Return the columns of `fraud_scores` that are compared with those of the training claims."""
    return [SCORE, *columns.surprises]


def scores_needed(columns: Columns) -> list[str]:
    """Return the columns of `fraud_scores` that are read."""
    return [*scores_compared(columns), FLAGGED, VERSION, ROW_HASH]


def count_claims(claims: pd.DataFrame, profile: ReferenceProfile, columns: Columns, period: Period) -> Counted:
    """Return the counts of a batch of claims with their scores by period; of what JSON has.

    Scores of another model than that of the profile are not counted, nor are claims without one. ``stale`` are the
    claims that have other values now than those they were scored by.
    """
    keys = in_periods(claims[columns.claim_date], period)
    return {str(key): _count_period(rows, profile, columns) for key, rows in claims.groupby(keys)}


def combined_claims(one: Counted, other: Counted) -> Counted:
    """Return the counts of the claims of both."""
    return {
        **one,
        **{period: _combined_period(one[period], rows) if period in one else rows for period, rows in other.items()},
    }


def drift_history(
    counted: Counted,
    profile: ReferenceProfile,
    earlier: pd.DataFrame | None,
    settings: MonitoringParameters,
    small_cell: int,
) -> pd.DataFrame:
    """Return `drift_history` of these batches: a row a batch and feature, batches in the order of their last claims.

    Parameters
    ----------
    counted : dict
        What `count_claims` counted, by period.
    profile : ReferenceProfile
        Of the model that is live.
    earlier : DataFrame, optional
        `drift_history` so far; the batch before the first of these is looked for there.
    settings : MonitoringParameters
        Limits of the verdicts, and the length of the periods.
    small_cell : int
        Shares of fewer claims are not told.
    """
    monitor = PSIMonitor(profile, settings.limits, small_cell)
    tables: list[pd.DataFrame] = []
    numbers = {} if earlier is None else dict(zip(earlier["batch_id"], earlier["batch_number"], strict=True))
    for period, rows in sorted(counted.items(), key=lambda one: (one[1]["last"], one[0])):
        batch = _batch(period, rows, profile, settings.period)
        batch["batch_number"] = numbers.setdefault(batch["batch_id"], max(numbers.values(), default=0) + 1)
        before = _counts_before(batch, [*([] if earlier is None else [earlier]), *tables])
        tables.append(_table(batch, rows, monitor, before))
    history: pd.DataFrame = pd.concat(tables, ignore_index=True)[history_schema().names]
    return history


def monitoring_verdict(
    history: pd.DataFrame, earlier: pd.DataFrame | None, settings: MonitoringParameters
) -> dict[str, Any]:
    """Return `monitoring_verdict`: what is said of the latest batch, and what the last batches agree on.

    Parameters
    ----------
    history : DataFrame
        `drift_history` of the batches at hand.
    earlier : DataFrame, optional
        That of earlier runs.
    settings : MonitoringParameters
        How many of how many batches have to agree.
    """
    ordered = history.sort_values(IN_ORDER, kind="stable")
    latest = ordered[ordered["batch_id"] == ordered["batch_id"].iloc[-1]]
    told = _last_verdicts(history, earlier, latest.iloc[0], settings.of_last)
    agreed = {name: confirmed(verdicts, settings.agreeing) for name, verdicts in told.items()}
    verdict = worst(agreed.values())
    score = latest.loc[latest["feature"] == SCORE, "psi"]
    return {
        "model_version": latest["model_version"].iloc[0],
        "batches": history["batch_id"].nunique(),
        "claims": int(history.drop_duplicates("batch_id")["claims"].sum()),
        "latest": {
            "batch_id": latest["batch_id"].iloc[0],
            "period": latest["period"].iloc[0],
            "claims": int(latest["claims"].iloc[0]),
            "flag_rate": _number(latest["flag_rate"].iloc[0]),
            "score_psi": _number(score.iloc[0]) if len(score) else None,
            "verdict": worst(latest["verdict"]),
            **{f"n_{name}": int((latest["verdict"] == name).sum()) for name in ALARMS},
        },
        "verdict": verdict,
        "agreeing": settings.agreeing,
        "of_last": settings.of_last,
        "drifted": sorted(name for name, found in agreed.items() if found == DRIFTED),
        "drifting": sorted(name for name, found in agreed.items() if found == DRIFTING),
        "alarms": {name: n for name, verdicts in told.items() if (n := sum(one in ALARMS for one in verdicts))},
        "schema_changes": dict(latest.loc[latest["note"].notna(), ["feature", "note"]].to_numpy().tolist()),
        "psi": {name: _number(psi) for name, psi in zip(latest["feature"], latest["psi"], strict=True)},
        "retrain": reaches(verdict, settings.retrain_on),
    }


def reaches(verdict: str, limit: str) -> bool:
    """Return whether a verdict is at least as grave as a limit: drifting, drifted, or never."""
    return verdict in ALARMS and limit in ALARMS and ALARMS.index(verdict) >= ALARMS.index(limit)


def check_gate(verdict: Mapping[str, Any], settings: MonitoringParameters) -> None:
    """Raise GateNotPassed where the verdict is at least as grave as ``monitoring.fail_on``."""
    if not reaches(verdict["verdict"], settings.fail_on):
        return
    names = [*verdict["drifted"], *(verdict["drifting"] if settings.fail_on == DRIFTING else [])]
    raise GateNotPassed(
        f"the claims are {verdict['verdict']} from those that model {verdict['model_version']} learned from, by "
        f"{settings.agreeing} of the last {settings.of_last} batches: {listed(names)}. Everything is saved: look at "
        "drift_page and drift_report. Train again on later claims, or set monitoring.fail_on: never."
    )


def _count_period(claims: pd.DataFrame, profile: ReferenceProfile, columns: Columns) -> dict[str, Any]:
    said = scores_needed(columns)
    stale = claims[ROW_HASH].notna() & (claims[ROW_HASH] != row_hashes(claims, columns))
    scored = claims[claims[VERSION] == profile.model_version]
    bins = {name: column.bins for name, column in profile.features.items()}
    dates = claims[columns.claim_date]
    return {
        "features": count_rows(claims.drop(columns=said), bins),
        "scores": count_rows(scored[said], {name: column.bins for name, column in profile.scores.items()}),
        "flagged": int(scored[FLAGGED].astype(bool).sum()),
        "ids": sum(stable_hash(claims[columns.claim_id], "batch-").tolist()) % IDS,
        "stale": int(stale.sum()),
        "first": dates.min().isoformat(),
        "last": dates.max().isoformat(),
    }


def _combined_period(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {
        "features": combined(one["features"], other["features"]),
        "scores": combined(one["scores"], other["scores"]),
        "flagged": one["flagged"] + other["flagged"],
        # Whatever the order of the claims.
        "ids": (one["ids"] + other["ids"]) % IDS,
        "stale": one["stale"] + other["stale"],
        "first": min(one["first"], other["first"]),
        "last": max(one["last"], other["last"]),
    }


def _batch(period: str, rows: dict[str, Any], profile: ReferenceProfile, length: Period) -> dict[str, Any]:
    # A batch is its claims and what the model says of them, wherever the threshold lies.
    claims = {name: part for name, part in rows.items() if name != FLAGGED}
    content = json.dumps([profile.model_version, length, period, claims], sort_keys=True)
    scored = rows["scores"]["rows"]
    return {
        "batch_id": hashlib.sha256(content.encode()).hexdigest()[:12],
        "model_version": profile.model_version,
        "period_length": length,
        "period": period,
        "first_claim": pd.Timestamp(rows["first"]).as_unit("us"),
        "last_claim": pd.Timestamp(rows["last"]).as_unit("us"),
        "claims": rows["features"]["rows"],
        "flag_rate": rows["flagged"] / scored if scored else np.nan,
    }


def _table(batch: dict[str, Any], rows: dict[str, Any], monitor: PSIMonitor, before: dict[str, Any]) -> pd.DataFrame:
    """Return the rows of a batch, beside those of the batch before it."""
    both = {part: {**rows["features"][part], **rows["scores"][part]} for part in ("counts", "stored_as")}
    table = monitor.compare_counts({**rows["features"], **both})
    now = {name: np.asarray(counts) for name, counts in both["counts"].items()}
    previous = monitor.compare_with(before, now).set_index("feature")[["psi", "verdict"]].add_suffix("_previous")
    counts = {name: json.dumps(counts) for name, counts in both["counts"].items()}
    return (
        table.join(previous, on="feature")
        .assign(**batch, counts=table["feature"].map(counts))
        .assign(entry_id=batch["batch_id"] + "/" + table["feature"])
    )


def _counts_before(batch: dict[str, Any], tables: Iterable[pd.DataFrame]) -> dict[str, Any]:
    """Return the counts of the batch before this one, by feature; none where it is the first."""
    parts = [_comparable(table, batch) for table in tables]
    known = pd.concat(parts) if parts else pd.DataFrame()
    if known.empty:
        return {}
    known = _up_to(known, batch)
    known = known[known["batch_id"] != batch["batch_id"]]
    last = known[known["batch_id"] == known["batch_id"].iloc[-1]] if len(known) else known
    there = last[last["counts"].notna()]
    return {name: np.asarray(json.loads(text)) for name, text in zip(there["feature"], there["counts"], strict=True)}


def _last_verdicts(
    history: pd.DataFrame, earlier: pd.DataFrame | None, latest: pd.Series, of_last: int
) -> dict[str, list[str]]:
    """Return by feature its verdicts in the last batches that could tell, up to the latest."""
    parts = [_comparable(part, latest) for part in (earlier, history) if part is not None]
    known = pd.concat(parts).drop_duplicates("entry_id", keep="last")
    known = _up_to(known[known["verdict"] != INSUFFICIENT], latest)
    return {str(name): list(rows["verdict"].tail(of_last)) for name, rows in known.groupby("feature")}


def _up_to(history: pd.DataFrame, batch: Mapping[str, Any] | pd.Series) -> pd.DataFrame:
    """Return the rows of batches up to this one, in order."""
    same_day = history["last_claim"] == batch["last_claim"]
    before = (history["last_claim"] < batch["last_claim"]) | (
        same_day & (history["batch_number"] <= batch["batch_number"])
    )
    ordered: pd.DataFrame = history[before].sort_values(IN_ORDER, kind="stable")
    return ordered


def _comparable(history: pd.DataFrame, batch: Mapping[str, Any] | pd.Series) -> pd.DataFrame:
    """Return the rows of batches of the same model and kind of period, with dates in UTC without a zone."""
    same: pd.DataFrame = history[
        (history["model_version"] == batch["model_version"]) & (history["period_length"] == batch["period_length"])
    ]
    dates = {name: pd.to_datetime(same[name], utc=True).dt.tz_localize(None) for name in ("first_claim", "last_claim")}
    return same.assign(**dates)


def _number(value: Any) -> float | None:
    """Return a figure as it is told: in four digits, so that none can be taken for a code of the claims."""
    return None if pd.isna(value) else round(float(value), 4)
