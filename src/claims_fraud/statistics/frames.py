"""What every library here asks of the data that it is given, before it looks at a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import InvalidOperation
from typing import Any

import pandas as pd

from claims_fraud.errors import InputError, listed


def check_frame(data: Any, names: Iterable[object] = (), what: str = "the data") -> None:
    """Raise InputError unless the data is a pandas frame, in which each of these names is that of one column at most.

    No value is told: it may be somebody's.
    """
    if not isinstance(data, pd.DataFrame):
        raise InputError(
            f"{what} is of type {type(data).__name__}; give a pandas DataFrame with a column for each name."
        )
    times: Counter[object] = Counter(data.columns)
    repeated = [name for name in dict.fromkeys(names) if times[name] > 1]
    if repeated:
        raise InputError(f"{what} has more than one column {listed(map(repr, repeated))}. Rename the others.")
    signalling = [name for name, values in data.items() if values.dtype == object and _has_signalling_nan(values)]
    if signalling:
        raise InputError(
            f"{what}: column {listed(map(repr, signalling))} holds a signalling NaN (Decimal('sNaN')), which cannot be "
            "compared with anything. Replace it by None."
        )


def _has_signalling_nan(values: pd.Series) -> bool:
    try:
        values.isna()
    except InvalidOperation:
        return True
    return False
