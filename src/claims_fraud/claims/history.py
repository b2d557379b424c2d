"""Columns derived from dates and from the patient's earlier claims, where the data lacks them.

Not for columns the data has: those are taken as they are. Not for anything later than the claim: a claim is judged by
what was known when it came in.
"""

from __future__ import annotations

import pandas as pd

from claims_fraud.claims.columns import Columns

HISTORY = ("days_since_last_claim", "num_previous_claims", "average_claim_amount")
DERIVED = (*HISTORY, "claim_duration_days", "patient_age")


def derivable(columns: Columns) -> tuple[str, ...]:
    """Return the numeric columns that can be derived with these roles, should the data lack them."""
    needs = {
        "average_claim_amount": columns.claim_amount,
        "claim_duration_days": columns.claim_end_date,
        "patient_age": columns.birth_date,
    }
    return tuple(name for name in columns.numeric if name in DERIVED and needs.get(name, name) is not None)


def history_inputs(columns: Columns) -> list[str]:
    """Return the columns that a patient's history is computed from."""
    amount = [columns.claim_amount] if columns.claim_amount else []
    return [columns.claim_id, columns.claim_date, columns.patient_id, *amount]


def upserted(claims: pd.DataFrame, earlier: pd.DataFrame | None, claim_id: str) -> pd.DataFrame:
    """Return the claims and, below them, the earlier ones that are not among them by id: what comes again replaces."""
    if earlier is None:
        return claims.reset_index(drop=True)
    return pd.concat([claims, earlier[~earlier[claim_id].isin(claims[claim_id])]], ignore_index=True)


def derive_features(claims: pd.DataFrame, columns: Columns, earlier: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the claims with the derivable columns added that they lack.

    Parameters
    ----------
    claims : DataFrame of shape (n, ...)
        Valid claims.
    columns : Columns
        Their roles.
    earlier : DataFrame, optional
        Claims ingested before, which count as history too; a claim id that is also in ``claims`` is left out.

    Returns
    -------
    DataFrame of shape (n, ...)
        A new frame in the order of ``claims``. Of two claims of a patient with one date (and time, where there is
        one) that with the smaller id counts as the earlier. A claim without patient has no history: null.
    """
    missing = [name for name in derivable(columns) if name not in claims]
    derived = claims.copy()
    if "claim_duration_days" in missing:
        derived["claim_duration_days"] = _days(claims[columns.claim_end_date], claims[columns.claim_date])
    if "patient_age" in missing:
        derived["patient_age"] = _birthdays(claims[columns.claim_date], claims[columns.birth_date])
    wanted = [name for name in HISTORY if name in missing]
    if wanted:
        history = _history(_with_earlier(claims, columns, earlier), columns).loc[: len(claims) - 1, wanted]
        derived[wanted] = history.to_numpy()
    return derived


def _days(later: pd.Series, earlier: pd.Series) -> pd.Series:
    """Return whole days between two dates; times of day do not count."""
    days: pd.Series = (later.dt.normalize() - earlier.dt.normalize()).dt.days.astype(float)
    return days


def _birthdays(later: pd.Series, birth: pd.Series) -> pd.Series:
    """Return the age in years: how many birthdays have come."""
    to_come = later.dt.month * 100 + later.dt.day < birth.dt.month * 100 + birth.dt.day
    years: pd.Series = (later.dt.year - birth.dt.year - to_come).astype(float)
    return years


def _with_earlier(claims: pd.DataFrame, columns: Columns, earlier: pd.DataFrame | None) -> pd.DataFrame:
    """Return what history is computed from: the claims first, then the earlier ones that are not among them."""
    names = history_inputs(columns)
    return upserted(claims[names], None if earlier is None else earlier[names], columns.claim_id)


def _history(claims: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return the three history columns for every claim, aligned with its index."""
    ordered = claims.sort_values([columns.claim_date, columns.claim_id], kind="stable")
    patients = ordered.groupby(columns.patient_id, sort=False)
    day = ordered[columns.claim_date].dt.normalize()
    days = day.groupby(ordered[columns.patient_id], sort=False).diff().dt.days
    history = pd.DataFrame({"days_since_last_claim": days, "num_previous_claims": patients.cumcount().astype(float)})
    if columns.claim_amount:
        amount = ordered[columns.claim_amount]
        known = pd.DataFrame({"sum": amount.fillna(0.0), "count": amount.notna().astype(float)})
        # Shifted, not `cumsum - known`: a claim's own amount must not even enter by rounding.
        running = known.groupby(ordered[columns.patient_id], sort=False).cumsum()
        before = running.groupby(ordered[columns.patient_id], sort=False).shift(fill_value=0.0)
        history["average_claim_amount"] = before["sum"] / before["count"].where(before["count"] > 0)
    return history.where(ordered[columns.patient_id].notna()).reindex(claims.index)
