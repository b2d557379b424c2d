"""Columns derived from dates and from earlier claims of patient and provider, where the data lacks them.

Not for columns the data has: those are taken as they are. Not for anything later than the claim: a claim is judged by
what was known when it came in.
"""

from __future__ import annotations

import pandas as pd

from claims_fraud.claims.across_claims import PATIENT_COLUMNS, PROVIDER_COLUMNS, patient_history, provider_history
from claims_fraud.claims.columns import Columns

LAST_CLAIMS = ("days_since_last_claim", "num_previous_claims", "average_claim_amount")
HISTORY = (*LAST_CLAIMS, *PATIENT_COLUMNS, *PROVIDER_COLUMNS)
DERIVED = (*HISTORY, "claim_duration_days", "patient_age")


def derivable(columns: Columns) -> tuple[str, ...]:
    """Return the numeric columns that can be derived with these roles, should the data lack them."""
    needs = {
        "average_claim_amount": columns.claim_amount,
        "same_procedure_same_day": columns.procedure,
        "days_since_same_procedure": columns.procedure,
        "possible_duplicates": columns.procedure and columns.claim_amount,
        "claim_duration_days": columns.claim_end_date,
        "patient_age": columns.birth_date,
    }
    return tuple(name for name in columns.numeric if name in DERIVED and needs.get(name, name) is not None)


def history_inputs(columns: Columns) -> list[str]:
    """Return the columns that history is computed from."""
    optional = [name for name in (columns.claim_amount, columns.procedure) if name]
    return [columns.claim_id, columns.claim_date, columns.patient_id, columns.provider_id, *optional]


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
        A new frame in the order of ``claims``. Of two claims with one date (and time, where there is one) that with
        the smaller id counts as the earlier. A claim without patient or provider has no history of it: null.
    """
    derived = derive_patient_features(claims, columns, earlier)
    wanted = [name for name in PROVIDER_COLUMNS if name in derivable(columns) and name not in claims]
    if wanted:
        derived[wanted] = derive_provider_features(claims, columns, earlier)[wanted].to_numpy()
    return derived


def derive_patient_features(
    claims: pd.DataFrame, columns: Columns, earlier: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return `derive_features` but for the provider's history; it takes all claims of a patient, or all patients."""
    missing = [name for name in derivable(columns) if name not in claims]
    derived = claims.copy()
    if "claim_duration_days" in missing:
        derived["claim_duration_days"] = _days(claims[columns.claim_end_date], claims[columns.claim_date])
    if "patient_age" in missing:
        derived["patient_age"] = _birthdays(claims[columns.claim_date], claims[columns.birth_date])
    known = _with_earlier(claims, columns, earlier)
    links = list(columns.links)
    for names, more, history in ((LAST_CLAIMS, [], _last_claims), (PATIENT_COLUMNS, links, patient_history)):
        wanted = [name for name in names if name in missing] + more
        if wanted:
            derived[wanted] = history(known, columns).iloc[: len(claims)][wanted].set_axis(claims.index)
    return derived


def derive_provider_features(
    claims: pd.DataFrame, columns: Columns, earlier: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return claim ids and the provider's history; it takes all claims of a provider, or all providers."""
    history = provider_history(_with_earlier(claims, columns, earlier), columns).iloc[: len(claims)]
    return history.set_axis(claims.index).assign(**{columns.claim_id: claims[columns.claim_id]})


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


def _last_claims(claims: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return the columns of `LAST_CLAIMS` for every claim, aligned with its index."""
    ordered = claims.sort_values([columns.claim_date, columns.claim_id], kind="stable")
    patients = ordered.groupby(columns.patient_id, sort=False)
    day = ordered[columns.claim_date].dt.normalize()
    days = day.groupby(ordered[columns.patient_id], sort=False).diff().dt.days.astype(float)
    history = pd.DataFrame({"days_since_last_claim": days, "num_previous_claims": patients.cumcount().astype(float)})
    if columns.claim_amount:
        amount = ordered[columns.claim_amount]
        known = pd.DataFrame({"sum": amount.fillna(0.0), "count": amount.notna().astype(float)})
        # Shifted, not `cumsum - known`: a claim's own amount must not even enter by rounding.
        running = known.groupby(ordered[columns.patient_id], sort=False).cumsum()
        before = running.groupby(ordered[columns.patient_id], sort=False).shift(fill_value=0.0)
        history["average_claim_amount"] = before["sum"] / before["count"].where(before["count"] > 0)
    return history.where(ordered[columns.patient_id].notna()).reindex(claims.index)
