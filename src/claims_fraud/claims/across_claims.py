"""What one claim hides and earlier claims show: a service billed again, a patient's round of providers, new patients.

Earlier is the claim with the smaller date (and time, where there is one), of equal ones that with the smaller id; lines
of one claim are one, none earlier than another. Days are whole days. Not for anything later than the claim, nor for
what needs a single row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.claims.columns import POSSIBLE_DUPLICATE_OF, Columns
from claims_fraud.claims.windows import whole_days

Ints = npt.NDArray[np.integer[Any]]

PATIENT_COLUMNS = (
    "patient_claims_that_day",
    "patient_providers_90_days",
    "same_procedure_same_day",
    "days_since_same_procedure",
    "possible_duplicates",
)
PROVIDER_COLUMNS = ("provider_new_patients_that_day", "provider_claims_that_day")

PROVIDER_DAYS = 90
DUPLICATE_DAYS = 30
# Of the larger of two amounts: a bill that comes again is often changed a little.
DUPLICATE_TOLERANCE = 0.05


def patient_history(claims: pd.DataFrame, columns: Columns, window_days: int) -> pd.DataFrame:
    """Return what the patient's earlier claims say of each claim.

    Parameters
    ----------
    claims : DataFrame of shape (n, ...)
        All claims of their patients so far, under a unique index.
    columns : Columns
        Their roles, a party among them; without `provider`, `procedure` or `claim_amount`, the columns that need it
        are left out.
    window_days : int
        Earlier claims count that are at most so many days old; where a column has fewer days of its own, these do.

    Returns
    -------
    DataFrame of shape (n, ...)
        On the index of ``claims``, numbers as float64:

        - ``patient_claims_that_day``: the patient's earlier claims of that day;
        - ``patient_providers_90_days``: the patient's different providers of the 90 days up to the claim, its own
          among them;
        - ``same_procedure_same_day``: the patient's earlier claims of that procedure and day;
        - ``days_since_same_procedure``: days since the patient's last claim of that procedure, null if there is none;
        - ``possible_duplicates``: the patient's earlier claims of that procedure within 30 days whose amount differs
          by at most 5 % of the larger one;
        - ``possible_duplicate_of``: id of the closest of these in amount, then in days, then the earliest; else None.

        Null without patient, and where procedure or amount are needed and missing.
    """
    rows = _in_order(claims, columns)
    patient = rows["patient"]
    by_day = ["patient", "day"]
    history = pd.DataFrame({"patient_claims_that_day": _once_a_claim(rows, by_day, _earlier(by_day))})
    if columns.provider:
        history["patient_providers_90_days"] = _recent_providers(rows, min(PROVIDER_DAYS, window_days))
    if columns.procedure:
        service = rows["procedure"] >= 0
        by_service = ["patient", "procedure"]
        that_day = [*by_service, "day"]
        history["same_procedure_same_day"] = _once_a_claim(rows, that_day, _earlier(that_day)).where(service)
        since = _once_a_claim(rows, by_service, lambda some: some.groupby(by_service)["day"].diff())
        history["days_since_same_procedure"] = since.where(service & (since <= window_days))
    history = history.astype(float)
    if columns.links:
        history = history.join(_possible_duplicates(rows, claims[columns.claim_id], min(DUPLICATE_DAYS, window_days)))
    return history.where(patient >= 0).reindex(claims.index)


def provider_history(claims: pd.DataFrame, columns: Columns, window_days: int) -> pd.DataFrame:
    """Return what the provider's earlier claims say of each claim.

    Parameters
    ----------
    claims : DataFrame of shape (n, ...)
        All claims of their providers so far, under a unique index.
    columns : Columns
        Their roles, a provider among them; without `party`, the first column is left out.
    window_days : int
        Earlier claims count that are at most so many days old.

    Returns
    -------
    DataFrame of shape (n, 2)
        On the index of ``claims``, as float64 and null without provider:

        - ``provider_new_patients_that_day``: patients whom the provider bills that day and has not billed before
          within the window, up to the claim and its own patient among them;
        - ``provider_claims_that_day``: the provider's earlier claims of that day.
    """
    rows = _in_order(claims, columns)
    by_day = ["provider", "day"]
    history = pd.DataFrame({"provider_claims_that_day": _once_a_claim(rows, by_day, _earlier(by_day))})
    if columns.party:
        since = rows["day"].groupby([rows["provider"], rows["patient"]]).diff()
        is_new = ~(since <= window_days) & (rows["patient"] >= 0)
        new = is_new.groupby([rows["provider"], rows["day"]]).cumsum()
        history["provider_new_patients_that_day"] = new
    return history.astype(float).where(rows["provider"] >= 0).reindex(claims.index)


def put_together(lines: pd.DataFrame, columns: Columns) -> tuple[pd.DataFrame, Ints]:
    """Return claims in place of their lines, and for each line the label of its claim, shape (n,).

    A claim is its first line by date and id, with the amounts of all lines.
    """
    ordered = lines.sort_values([columns.claim_date, columns.claim_id], kind="stable")
    of = ordered.groupby(list(columns.whole_claim), dropna=False, sort=False).ngroup()
    whole = ordered[~of.duplicated().to_numpy()].reset_index(drop=True)
    if columns.claim_amount:
        whole[columns.claim_amount] = ordered[columns.claim_amount].groupby(of).sum(min_count=1).to_numpy()
    return whole, of.reindex(lines.index).to_numpy()


def _in_order(claims: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return the claims from the earliest on: who and what as codes, -1 where missing, the day as a number."""
    ordered = claims.sort_values([columns.claim_date, columns.claim_id], kind="stable")
    names = {"patient": columns.party, "provider": columns.provider, "procedure": columns.procedure}
    codes = {role: pd.factorize(ordered[name])[0] for role, name in names.items() if name}
    day = whole_days(ordered[columns.claim_date])
    amount = {"amount": ordered[columns.claim_amount]} if columns.claim_amount else {}
    # Lines of one claim have its number; where rows are claims each has its own.
    whole = ordered.groupby(list(columns.whole_claim), dropna=False).ngroup() if columns.whole_claim else None
    claim = np.arange(len(ordered)) if whole is None else whole.to_numpy()
    return pd.DataFrame({**codes, "day": day, "claim": claim, **amount}, index=ordered.index)


def _once_a_claim(rows: pd.DataFrame, by: list[str], count: Callable[[pd.DataFrame], pd.Series]) -> pd.Series:
    """Return what is counted of each group's rows; lines of one claim are one, and have what its first line has."""
    if rows["claim"].is_unique:
        return count(rows)
    counted = count(rows[~rows.duplicated([*by, "claim"])]).reindex(rows.index)
    of_claim: pd.Series = counted.groupby([rows[name] for name in (*by, "claim")]).transform("first")
    return of_claim


def _earlier(by: list[str]) -> Callable[[pd.DataFrame], pd.Series]:
    """Return what counts the rows of the same group before each one."""
    return lambda rows: rows.groupby(by).cumcount()


def _recent_providers(rows: pd.DataFrame, days: int) -> pd.Series:
    """Return the number of providers whose last claim of the patient, up to each claim, is at most so many days old."""
    spell = rows["day"].groupby([rows["patient"], rows["provider"]])
    known = rows["provider"] >= 0
    # A spell goes on as long as the provider's next claim of the patient comes within the days. What is later than
    # a claim has no say in it: a spell ends those days after its last claim, and that is looked at from later still.
    begins, ends = known & ~(spell.diff() <= days), known & ~(spell.diff(-1) >= -days)
    begun = begins.groupby(rows["patient"]).cumsum()
    over = rows.loc[ends, ["patient", "day"]]
    over = over.assign(day=over["day"] + days + 1, over=over.groupby("patient").cumcount() + 1)
    ended = pd.merge_asof(rows[["patient", "day"]], over, on="day", by="patient")["over"].fillna(0)
    return begun - ended.to_numpy()


def _possible_duplicates(rows: pd.DataFrame, claim_id: pd.Series, days: int) -> pd.DataFrame:
    """Return how many earlier claims each one may repeat, and the id of the closest."""
    comparable = rows[(rows["patient"] >= 0) & (rows["procedure"] >= 0) & rows["amount"].notna()]
    comparable = comparable.sort_values(["patient", "procedure"], kind="stable")
    patient, procedure, day, amount, claim = (
        comparable[name].to_numpy() for name in ("patient", "procedure", "day", "amount", "claim")
    )
    size = len(comparable)
    count, closest = np.zeros(size), np.full(size, -1)
    difference, gap = np.full(size, np.inf), np.full(size, 0)
    # Each claim is compared with the one before it of the same patient and procedure, then with the one before that,
    # as long as there is one within the days: all claims at once, and one pair of each in memory.
    later, steps = np.arange(size), 0
    while len(later):
        steps += 1
        later = later[later >= steps]
        earlier = later - steps
        apart = day[later] - day[earlier]
        within = (patient[later] == patient[earlier]) & (procedure[later] == procedure[earlier])
        within &= apart <= days
        later, earlier, apart = later[within], earlier[within], apart[within]
        off = np.abs(amount[later] - amount[earlier])
        alike = off <= DUPLICATE_TOLERANCE * np.maximum(np.abs(amount[later]), np.abs(amount[earlier]))
        alike &= claim[later] != claim[earlier]
        count[later[alike]] += 1
        closer = alike & ((off < difference[later]) | ((off == difference[later]) & (apart == gap[later])))
        at = later[closer]
        closest[at], difference[at], gap[at] = earlier[closer], off[closer], apart[closer]
    ids = claim_id.loc[comparable.index].to_numpy()
    of = np.where(closest >= 0, ids[closest], None) if size else ids
    return pd.DataFrame({"possible_duplicates": count, POSSIBLE_DUPLICATE_OF: of}, comparable.index)
