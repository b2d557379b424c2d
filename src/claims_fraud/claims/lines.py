"""Claims that several columns identify, and those that come in lines: one id for each row, and lines to whole claims.

Not for scoring: lines are scored as what they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from claims_fraud.claims.columns import Columns
from claims_fraud.claims.parameters import ReadParameters
from claims_fraud.claims.rows import AS_IT_IS, texts, without_missing

LINES, CLAIM_SCORE = "lines", "claim_score"


def with_claim_id(raw: pd.DataFrame, columns: Columns, read: ReadParameters = AS_IT_IS) -> pd.DataFrame:
    """Return the rows with their claim id, where several columns make it: their texts joined by a slash.

    A slash within one of them is doubled, so that different ones never make the same id. Where one is missing, so is
    the id.
    """
    if not columns.claim_id_columns:
        return raw
    parts = [texts(without_missing(raw[name], read.missing_values_of(name))) for name in columns.claim_id_columns]
    claim_ids = [_joined(values) for values in zip(*parts, strict=True)]
    return raw.assign(**{columns.claim_id: pd.Series(claim_ids, raw.index, dtype=object)})


def _joined(values: Sequence[str | None]) -> str | None:
    known = [value for value in values if value is not None]
    return "/".join(value.replace("/", "//") for value in known) if len(known) == len(values) else None


def whole_claims(lines: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return the worst line of each claim, with how many lines it has and what they score together.

    Parameters
    ----------
    lines : DataFrame of shape (n, ...)
        `fraud_scores` of lines, all those of each claim.
    columns : Columns
        Their roles, `line` among them.

    Returns
    -------
    DataFrame
        A row a claim, in the order of the ranks of their worst lines: ``lines``, their number, and ``claim_score``,
        the sum of their scores.
    """
    claims = lines.groupby(list(columns.whole_claim), dropna=False)["fraud_score"]
    counted = lines.assign(**{LINES: claims.transform("size"), CLAIM_SCORE: claims.transform("sum")})
    return counted.sort_values("rank").drop_duplicates(list(columns.whole_claim)).reset_index(drop=True)
