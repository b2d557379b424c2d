"""From raw claims to features and rejected claims: rules, derived columns and splits in one go.

Not for a frame that does not fit in memory: the pipeline applies the same functions batch by batch.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from claims_fraud.claims.columns import Columns
from claims_fraud.claims.corrections import (
    REVERSED,
    REVERSES,
    SET_ASIDE,
    SUPERSEDED,
    TAKEN_BACK,
    may_be_reversed,
    superseded,
    with_reversals,
)
from claims_fraud.claims.history import derive_features
from claims_fraud.claims.lines import with_claim_id
from claims_fraud.claims.parameters import HistoryParameters, IngestionParameters, ReadParameters
from claims_fraud.claims.reading import read_claims
from claims_fraud.claims.rows import (
    AS_IT_IS,
    DATE,
    NUMBER,
    TEXT,
    all_end_in_point_zero,
    broken_rules,
    check_columns,
    duplicate_rules,
    is_present,
    kinds,
    not_of_kind,
    reasons_by_row,
    tidied,
    typed_claims,
    with_zone,
)
from claims_fraud.claims.splits import split_claims
from claims_fraud.claims.tables import REASONS
from claims_fraud.errors import InputError
from claims_fraud.statistics.frames import check_frame

logger = logging.getLogger(__name__)


# A column most of whose values cannot be read is mapped to the wrong role; a few bad values are bad rows.
WRONG_KIND_FRACTION = 0.5


def separate_rejected(
    raw: pd.DataFrame,
    columns: Columns,
    parameters: IngestionParameters,
    as_of: date,
    read: ReadParameters = AS_IT_IS,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Separate the rows that break a rule from those that do not; no row is lost.

    Parameters
    ----------
    raw : DataFrame of shape (n, ...)
        Claims as they came.
    columns : Columns
        Their roles.
    parameters : IngestionParameters
        Which numbers may be negative and how many rows may be rejected.
    as_of : date
        Today; a claim dated later is rejected.
    read : ReadParameters, optional
        How numbers, dates and missing values are written where they are text.

    Returns
    -------
    valid : DataFrame
        Columns with a role, brought to their kinds.
    rejected : DataFrame
        All columns as they came and `rejection_reasons`.

    Raises
    ------
    InputError
        If there are no rows, columns are missing or of the wrong kind, or too many rows are rejected.
    """
    check_columns(raw.columns, columns)
    raw = with_claim_id(raw.reset_index(drop=True), columns, read)
    if may_be_reversed(columns, parameters.signed_columns):
        raw = with_reversals(raw, columns, read)
    checked = checked_claims(raw, columns, parameters, as_of, read)
    check_findings(findings(checked, columns), columns, parameters)
    return valid_claims(checked, columns, read), rejected_claims(checked)


def checked_claims(
    raw: pd.DataFrame,
    columns: Columns,
    parameters: IngestionParameters,
    as_of: date,
    read: ReadParameters = AS_IT_IS,
) -> pd.DataFrame:
    """Return rows as they came with `rejection_reasons`, null where they break no rule and none takes them back.

    All rows, or all those of each of some claim ids.
    """
    aside = raw[TAKEN_BACK].copy() if TAKEN_BACK in raw else pd.Series(None, raw.index, dtype=object)
    raw = raw.drop(columns=TAKEN_BACK, errors="ignore")
    typed, unreadable = typed_claims(raw, columns, read)
    aside[aside.isna() & superseded(typed, columns)] = f"{SUPERSEDED} a later row of this {columns.claim_id}"
    # What is set aside neither repeats another row nor contradicts it.
    counting = raw.assign(**{columns.claim_id: typed[columns.claim_id].mask(aside.notna(), None)})
    rules = {
        **unreadable,
        **broken_rules(typed, columns, parameters.signed_columns, as_of),
        **duplicate_rules(counting, columns.claim_id),
    }
    return raw.assign(**{REASONS: aside.where(aside.notna(), reasons_by_row(rules, raw.index))})


def valid_claims(checked: pd.DataFrame, columns: Columns, read: ReadParameters = AS_IT_IS) -> pd.DataFrame:
    """Return the checked rows that break no rule: columns with a role, brought to their kinds."""
    return typed_claims(checked[checked[REASONS].isna()], columns, read)[0].reset_index(drop=True)


def rejected_claims(checked: pd.DataFrame) -> pd.DataFrame:
    """Return the checked rows that break a rule, as they came, with `rejection_reasons`."""
    return checked[checked[REASONS].notna()].reset_index(drop=True)


def findings(checked: pd.DataFrame, columns: Columns) -> dict[str, Any]:
    """Return what `check_findings` has to know of checked rows: counts that add up, and the first example of each."""
    said = checked[REASONS].dropna()
    aside = said.str.startswith(SET_ASIDE).astype(bool)
    reasons = said[~aside]
    each = reasons.str.split("; ").explode()
    expected = kinds(columns, checked.columns)
    wrong = {name: each.index[each == not_of_kind(name, kind)] for name, kind in expected.items()}
    return {
        "rows": len(checked),
        "rejected": len(reasons),
        "superseded": int(said.str.startswith(SUPERSEDED).sum()),
        "reversed": int(said.str.startswith((REVERSED, REVERSES)).sum()),
        "reasons": each.value_counts().to_dict(),
        "tidied": {name: tidied(checked[name]) for name, kind in expected.items() if kind == TEXT},
        "point_zero": {name: all_end_in_point_zero(checked[name]) for name, kind in expected.items() if kind == TEXT},
        "with_zone": {name: with_zone(checked[name]) for name, kind in expected.items() if kind == DATE},
        "present": {name: int(is_present(checked[name]).sum()) for name in expected},
        "wrong": {name: repr(checked[name].astype(object)[rows[0]]) for name, rows in wrong.items() if len(rows)},
        "example": [str(checked.loc[reasons.index[0], columns.claim_id]), reasons.iloc[0]] if len(reasons) else None,
    }


def added_findings(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return the findings of two batches together."""
    return {
        **{name: one[name] + other[name] for name in ("rows", "rejected", "superseded", "reversed")},
        "reasons": dict(Counter(one["reasons"]) + Counter(other["reasons"])),
        **{
            count: {name: number + other[count][name] for name, number in one[count].items()}
            for count in ("tidied", "with_zone", "present")
        },
        "point_zero": {name: whole and other["point_zero"][name] for name, whole in one["point_zero"].items()},
        "wrong": {**other["wrong"], **one["wrong"]},
        "example": one["example"] or other["example"],
    }


def check_findings(
    found: dict[str, Any], columns: Columns, parameters: IngestionParameters, *, all_may_be_aside: bool = False
) -> None:
    """Raise InputError if the claims have no rows, a column is of the wrong kind, or too many rows are rejected.

    Also if all rows are set aside as superseded or reversed, unless ``all_may_be_aside``.
    """
    rows, rejected, aside = found["rows"], found["rejected"], found["superseded"] + found["reversed"]
    if not rows:
        raise InputError("the claims have no rows, only columns. Check where they come from, and any filter before.")
    for name, kind in kinds(columns, found["present"]).items():
        _check_kind(name, kind, found)
    valid = rows - rejected - aside
    logger.info("%s claims read: %s valid, %s rejected", f"{rows:,}", f"{valid:,}", f"{rejected:,}")
    for name, number in found["tidied"].items():
        if number:
            logger.info("%s: %s values normalized (blanks around them removed, Unicode NFC)", name, f"{number:,}")
    for name, whole in found["point_zero"].items():
        if whole and found["present"][name]:
            logger.warning(
                "all values of %s end in .0, like whole numbers exported as decimals. They stay text: 5901.0 does not "
                "match 5901. If earlier claims were written without .0, export these again in the same way.",
                name,
            )
    for name, number in found["with_zone"].items():
        if number:
            logger.info("%s: %s times have a zone; their day is the local one (read.time_zone)", name, f"{number:,}")
    for number, what in (
        (found["superseded"], "superseded by later rows"),
        (found["reversed"], "reversals or reversed by one"),
    ):
        if number:
            logger.info("%s %s: kept with the rejected, scored no more", f"{number:,}", what)
    if rejected <= parameters.max_rejected_fraction * rows and (valid or (aside and all_may_be_aside)):
        return
    if not rejected:
        raise InputError(f"all {rows:,} claims are superseded or reversed: there is nothing to score.")
    most = ", ".join(f"{reason} ({count:,})" for reason, count in Counter(found["reasons"]).most_common(5))
    claim_id, why = found["example"]
    more = ", or allow more" if rejected < rows else "; with none left there is nothing to go on with"
    raise InputError(
        f"{rejected:,} of {rows:,} claims are rejected, and {100 * parameters.max_rejected_fraction:g} % may be "
        f"(data_ingestion.max_rejected_fraction): {most}. For example {columns.claim_id} {claim_id!r}: {why}. Correct "
        f"the claims or the `columns:` block{more}."
    )


def _check_kind(name: str, kind: str, found: dict[str, Any]) -> None:
    bad, present = found["reasons"].get(not_of_kind(name, kind), 0), found["present"][name]
    if bad > WRONG_KIND_FRACTION * present:
        wanted = {NUMBER: " such as 12.5", DATE: " such as 2025-03-31"}.get(kind, "")
        raise InputError(
            f"column {name!r} is not {kind} in {bad:,} of {present:,} rows, for example {found['wrong'][name]}; wanted "
            f"is {kind}{wanted}. Say under `read:` of parameters.yml how it is written, or correct the values "
            "or the column's role in `columns:`."
        )


class DataIngestion:
    """Ingest raw claims with the roles in ``columns``.

    Parameters
    ----------
    columns : Columns
        The roles of the columns.
    parameters : IngestionParameters, optional
        Rules and splits; the defaults are those of the pipeline.
    as_of : date, optional
        Today, for rejecting claims of the future; by default the day it is in UTC.
    history : HistoryParameters, optional
        How far history looks back; the defaults are those of the pipeline.
    read : ReadParameters, optional
        How files and values are written; the defaults are those of the pipeline.

    Examples
    --------
    >>> from claims_fraud.claims import Columns, DataIngestion
    >>> columns = Columns(procedure="code", categorical=["code"], numeric=["claim_amount"], protected=[])
    >>> raw = pd.DataFrame({
    ...     "claim_id": ["a", "b"], "claim_date": ["2025-01-01", "2025-01-02"], "patient_id": ["p", "p"],
    ...     "provider_id": ["d", "d"], "code": ["x", "y"], "claim_amount": [10, -1]})
    >>> features, rejected = DataIngestion(columns, IngestionParameters(max_rejected_fraction=0.5)).run(raw)
    >>> features["claim_id"].tolist(), rejected["rejection_reasons"].tolist()
    (['a'], ['claim_amount is negative'])
    """

    def __init__(
        self,
        columns: Columns,
        parameters: IngestionParameters | None = None,
        as_of: date | None = None,
        history: HistoryParameters | None = None,
        read: ReadParameters = AS_IT_IS,
    ) -> None:
        self.columns = columns
        self.parameters = parameters or IngestionParameters()
        self.as_of = as_of or datetime.now(UTC).date()
        self.history = history or HistoryParameters()
        self.read = read

    def run(self, raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return ``(features, rejected)``; together they have as many rows as ``raw``."""
        check_frame(raw, what="the claims")
        valid, rejected = separate_rejected(raw, self.columns, self.parameters, self.as_of, self.read)
        return derive_features(valid, self.columns, history=self.history), rejected

    def load_train_val_test(self, path: Path | str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Read claims from a parquet or CSV file or folder; return their train, validation and test features."""
        features, _ = self.run(read_claims(path, read=self.read))
        return split_claims(features, self.columns, self.parameters)


def load_train_val_test(
    path: Path | str, columns: Columns | None = None, parameters: IngestionParameters | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Read, ingest and split claims; by default in the reference schema. See `DataIngestion`."""
    return DataIngestion(columns or Columns(), parameters).load_train_val_test(path)
