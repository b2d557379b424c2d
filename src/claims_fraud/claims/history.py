"""Columns derived from dates and from earlier claims of patient and provider, where the data lacks them.

Not for columns the data has: those are taken as they are. Not for anything later than the claim: a claim is judged by
what was known when it came in.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from claims_fraud.claims.across_claims import (
    PATIENT_COLUMNS,
    PROVIDER_COLUMNS,
    patient_history,
    provider_history,
    put_together,
)
from claims_fraud.claims.columns import DAYS_SINCE, HISTORY_COMPLETE, Columns
from claims_fraud.claims.parameters import HistoryParameters
from claims_fraud.claims.windows import Window, means_before, whole_days, window_starts

LAST_CLAIMS = ("days_since_last_claim", "num_previous_claims", "average_claim_amount")
HISTORY = (*LAST_CLAIMS, *PATIENT_COLUMNS, *PROVIDER_COLUMNS)
DERIVED = (*HISTORY, "claim_duration_days", "patient_age")

# By derived column the roles, and derived columns, of the same claim without which it is always empty. The amount of
# the claim is none of `average_claim_amount`'s, which averages over earlier ones.
DERIVED_FROM: dict[str, tuple[str, ...]] = {
    "days_since_last_claim": ("party",),
    "num_previous_claims": ("party",),
    "average_claim_amount": ("party", "days_since_last_claim"),
    "patient_claims_that_day": ("party",),
    "patient_providers_90_days": ("party",),
    "same_procedure_same_day": ("party", "procedure"),
    "days_since_same_procedure": ("party", "procedure", "days_since_last_claim"),
    "possible_duplicates": ("party", "procedure", "claim_amount"),
    "provider_new_patients_that_day": ("provider",),
    "provider_claims_that_day": ("provider",),
    "claim_duration_days": ("claim_date", "claim_end_date"),
    "patient_age": ("claim_date", "birth_date"),
}
# By derived column the roles without which it cannot be derived at all.
NEEDS: dict[str, tuple[str, ...]] = {
    **{name: tuple(role for role in roles if role in Columns.model_fields) for name, roles in DERIVED_FROM.items()},
    "average_claim_amount": ("party", "claim_amount"),
    "patient_providers_90_days": ("party", "provider"),
    "provider_new_patients_that_day": ("party", "provider"),
}
# So many claims with a complete history are enough to learn from, however few of all they are.
ENOUGH_COMPLETE = 2_000


def derivable(columns: Columns) -> tuple[str, ...]:
    """Return the numeric columns that can be derived with these roles, should the data lack them."""
    days = days_since(columns)
    return tuple(name for name in columns.numeric if name in days or (name in DERIVED and not lacking(name, columns)))


def lacking(derived: str, columns: Columns) -> tuple[str, ...]:
    """Return the roles that a derived column needs and that no column has."""
    return tuple(role for role in NEEDS[derived] if getattr(columns, role) is None)


def days_since(columns: Columns) -> dict[str, str]:
    """Return by derived column the date that it counts from."""
    return {f"{DAYS_SINCE}{name}": name for name in columns.other_dates}


def derived_sources(columns: Columns) -> dict[str, tuple[str, ...]]:
    """Return the columns of the same claim without which a derived column is empty: `DERIVED_FROM` by their names.

    A derived column that is empty where one of these is says nothing that the other does not say. Left out are columns
    that the model does not see.
    """
    roles = {role: getattr(columns, role) for role in Columns.model_fields}
    return {
        name: tuple(source for role in DERIVED_FROM[name] if (source := roles.get(role, role)) is not None)
        for name in derivable(columns)
        if name in columns.model_numeric and name in DERIVED_FROM
    }


def history_sources(columns: Columns) -> dict[str, tuple[str, ...]]:
    """Return `derived_sources` of the columns that other claims make."""
    return {name: sources for name, sources in derived_sources(columns).items() if name in HISTORY}


def history_inputs(columns: Columns) -> list[str]:
    """Return the columns that history is computed from."""
    optional = (columns.party, columns.provider, columns.claim_amount, columns.procedure)
    named = [columns.claim_id, columns.claim_date, *(name for name in optional if name)]
    return [*named, *(name for name in columns.whole_claim if name not in named)]


def upserted(claims: pd.DataFrame, earlier: pd.DataFrame | None, claim_id: str) -> pd.DataFrame:
    """Return the claims and, below them, the earlier ones that are not among them by id: what comes again replaces."""
    if earlier is None:
        return claims.reset_index(drop=True)
    return pd.concat([claims, earlier[~earlier[claim_id].isin(claims[claim_id])]], ignore_index=True)


def is_enough_to_learn_from(complete: int, claims: int) -> bool:
    """Return whether claims with an incomplete history can be left out of training: at least half, or 2,000, remain."""
    return complete >= min(ENOUGH_COMPLETE, claims / 2)


def derive_features(
    claims: pd.DataFrame,
    columns: Columns,
    earlier: pd.DataFrame | None = None,
    history: HistoryParameters | None = None,
) -> pd.DataFrame:
    """Return the claims with the derivable columns added that they lack.

    Parameters
    ----------
    claims : DataFrame of shape (n, ...)
        Valid claims.
    columns : Columns
        Their roles.
    earlier : DataFrame, optional
        Claims ingested before, which count as history too; a claim id that is also in ``claims`` is left out. Where
        there are any, the data begins with the earliest of them.
    history : HistoryParameters, optional
        How far history looks back; the defaults are those of the pipeline.

    Returns
    -------
    DataFrame of shape (n, ...)
        A new frame in the order of ``claims``. Of two claims with one date (and time, where there is one) that with
        the smaller id counts as the earlier. A claim without patient or provider has no history of it: null.
        ``history_complete`` says whether the whole window before the claim lies in the data.
    """
    known = claims if earlier is None or earlier.empty else earlier
    window = Window((history or HistoryParameters()).window_days, known[columns.claim_date].min())
    derived = derive_patient_features(claims, columns, window, earlier)
    wanted = [name for name in PROVIDER_COLUMNS if name in derivable(columns) and name not in claims]
    if wanted:
        derived[wanted] = derive_provider_features(claims, columns, window, earlier)[wanted].to_numpy()
    return derived


def derive_patient_features(
    claims: pd.DataFrame, columns: Columns, window: Window, earlier: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return `derive_features` but for the provider's history; it takes all claims of a patient, or all patients."""
    missing = [name for name in derivable(columns) if name not in claims]
    derived = claims.copy()
    if "claim_duration_days" in missing:
        derived["claim_duration_days"] = _days(claims[columns.claim_end_date], claims[columns.claim_date])
    if "patient_age" in missing:
        derived["patient_age"] = _birthdays(claims[columns.claim_date], claims[columns.birth_date])
    for name, other in days_since(columns).items():
        if name in missing:
            derived[name] = _days(claims[columns.claim_date], claims[other])
    known = _with_earlier(claims, columns, earlier)
    links = list(columns.links)
    for names, more, history in ((LAST_CLAIMS, [], _last_claims), (PATIENT_COLUMNS, links, patient_history)):
        wanted = [name for name in names if name in missing] + more
        if wanted:
            counted = history(known, columns, window.days)
            derived[wanted] = counted.iloc[: len(claims)][wanted].set_axis(claims.index)
    # Where no history is counted, none is incomplete.
    counts_history = any(name in HISTORY for name in missing)
    derived[HISTORY_COMPLETE] = window.is_complete(claims[columns.claim_date]) if counts_history else True
    return derived


def derive_provider_features(
    claims: pd.DataFrame, columns: Columns, window: Window, earlier: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return claim ids and the provider's history; it takes all claims of a provider, or all providers."""
    history = provider_history(_with_earlier(claims, columns, earlier), columns, window.days).iloc[: len(claims)]
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


def _last_claims(claims: pd.DataFrame, columns: Columns, window_days: int) -> pd.DataFrame:
    """Return the columns of `LAST_CLAIMS` for every claim, aligned with its index; lines have those of their claim."""
    if columns.whole_claim:
        whole, of = put_together(claims, columns)
        return _last_of(whole, columns, window_days).loc[of].set_axis(claims.index)
    return _last_of(claims, columns, window_days)


def _last_of(claims: pd.DataFrame, columns: Columns, window_days: int) -> pd.DataFrame:
    ordered = claims.sort_values([columns.claim_date, columns.claim_id], kind="stable")
    patient = pd.factorize(ordered[columns.party])[0]
    by_patient = np.argsort(patient, kind="stable")
    ordered, patient = ordered.iloc[by_patient], patient[by_patient]
    day = whole_days(ordered[columns.claim_date])
    starts = window_starts(patient, day, window_days)
    previous = (np.arange(len(starts)) - starts).astype(float)
    since = np.diff(day, prepend=0).astype(float)
    history = {
        "days_since_last_claim": np.where(previous > 0, since, np.nan),
        "num_previous_claims": previous,
    }
    if columns.claim_amount:
        history["average_claim_amount"] = means_before(ordered[columns.claim_amount].to_numpy(float), starts)
    known = pd.Series(patient >= 0, ordered.index)
    return pd.DataFrame(history, ordered.index).where(known).reindex(claims.index)
