"""Tables that people open in a spreadsheet: no cell of theirs may be run as a formula.

Not for tables that programs read: they get the values as they are.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

# What makes a spreadsheet take text for a formula (OWASP, CSV injection), and what would begin a new row.
STARTS = ("=", "+", "-", "@")
BREAKS = {ord("\r"): " ", ord("\n"): " ", ord("\t"): " ", ord("\0"): None}


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    r"""Return a table in which text that a spreadsheet would run begins with an apostrophe, and takes one line.

    Numbers are left as they are, also those that are text.

    Examples
    --------
    >>> without_formulas(pd.DataFrame({"code": ["=1+1", "-5", "a\nb", None]}))["code"].tolist()
    ["'=1+1", '-5', 'a b', None]
    """
    return table.apply(_harmless_column)


def _harmless_column(values: pd.Series) -> pd.Series:
    return values if values.dtype.kind in "biufmM" else values.map(_harmless, na_action="ignore")


def _harmless(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.translate(BREAKS)
    return f"'{text}" if text.lstrip().startswith(STARTS) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
