"""From raw claims to features and rejected claims: rules, derived columns and splits in one go.

Not for a frame that does not fit in memory: the pipeline applies the same functions batch by batch.
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd

from claims_fraud.claims.columns import Columns
from claims_fraud.claims.history import derive_features
from claims_fraud.claims.parameters import IngestionParameters
from claims_fraud.claims.reading import read_claims
from claims_fraud.claims.rows import broken_rules, duplicate_rules, reasons_by_row, typed_claims
from claims_fraud.claims.splits import split_claims
from claims_fraud.errors import InputError

logger = logging.getLogger(__name__)


def separate_rejected(
    raw: pd.DataFrame, columns: Columns, parameters: IngestionParameters, as_of: date
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
    if not len(raw):
        raise InputError("the claims have no rows, only columns. Check where they come from, and any filter before.")
    raw = raw.reset_index(drop=True)
    typed, unreadable = typed_claims(raw, columns)
    rules = {
        **unreadable,
        **broken_rules(typed, columns, parameters.signed_columns, as_of),
        **duplicate_rules(raw.assign(**{columns.claim_id: typed[columns.claim_id]}), columns.claim_id),
    }
    reasons = reasons_by_row(rules, len(raw))
    bad = reasons.notna()
    rejected = raw[bad].assign(rejection_reasons=reasons[bad]).reset_index(drop=True)
    logger.info("%s claims read: %s valid, %s rejected", f"{len(raw):,}", f"{(~bad).sum():,}", f"{bad.sum():,}")
    _check_rejected(rejected, len(raw), parameters.max_rejected_fraction, columns.claim_id)
    return typed[~bad].reset_index(drop=True), rejected


def _check_rejected(rejected: pd.DataFrame, rows: int, allowed: float, claim_id: str) -> None:
    if len(rejected) <= allowed * rows and len(rejected) < rows:
        return
    counts = rejected["rejection_reasons"].str.split("; ").explode().value_counts()
    most = ", ".join(f"{reason} ({count:,})" for reason, count in counts.head(5).items())
    first = rejected.iloc[0]
    more = ", or allow more" if len(rejected) < rows else "; with none left there is nothing to go on with"
    raise InputError(
        f"{len(rejected):,} of {rows:,} claims are rejected, and {100 * allowed:g} % may be "
        f"(data_ingestion.max_rejected_fraction): {most}. For example {claim_id} {str(first[claim_id])!r}: "
        f"{first['rejection_reasons']}. Correct the claims or the `columns:` block{more}."
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

    Examples
    --------
    >>> from claims_fraud.claims import Columns, DataIngestion
    >>> columns = Columns(categorical=["code"], numeric=["claim_amount"], protected=[])
    >>> raw = pd.DataFrame({
    ...     "claim_id": ["a", "b"], "claim_date": ["2025-01-01", "2025-01-02"], "patient_id": ["p", "p"],
    ...     "provider_id": ["d", "d"], "code": ["x", "y"], "claim_amount": [10, -1]})
    >>> features, rejected = DataIngestion(columns, IngestionParameters(max_rejected_fraction=0.5)).run(raw)
    >>> features["claim_id"].tolist(), rejected["rejection_reasons"].tolist()
    (['a'], ['claim_amount is negative'])
    """

    def __init__(
        self, columns: Columns, parameters: IngestionParameters | None = None, as_of: date | None = None
    ) -> None:
        self.columns = columns
        self.parameters = parameters or IngestionParameters()
        self.as_of = as_of or datetime.now(UTC).date()

    def run(self, raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return ``(features, rejected)``; together they have as many rows as ``raw``."""
        valid, rejected = separate_rejected(raw, self.columns, self.parameters, self.as_of)
        return derive_features(valid, self.columns), rejected

    def load_train_val_test(self, path: Path | str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Read claims from a parquet or CSV file or folder; return their train, validation and test features."""
        features, _ = self.run(read_claims(path))
        return split_claims(features, self.columns, self.parameters)


def load_train_val_test(
    path: Path | str, columns: Columns | None = None, parameters: IngestionParameters | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Read, ingest and split claims; by default in the reference schema. See `DataIngestion`."""
    return DataIngestion(columns or Columns(), parameters).load_train_val_test(path)
