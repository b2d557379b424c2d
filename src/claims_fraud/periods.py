"""Periods of claims: by month, by week, or all at hand as one."""

from __future__ import annotations

import pandas as pd

from claims_fraud.choices import Period

FORMATS: dict[Period, str] = {"month": "%Y-%m", "week": "%G-W%V", "none": "all"}


def in_periods(dates: pd.Series, length: Period) -> pd.Series:
    """Return the name of each date's period: ``2025-09``, ``2025-W36`` or ``all``."""
    names: pd.Series = dates.dt.strftime(FORMATS[length])
    return names
