"""Numbers and ranges as people write them."""

from __future__ import annotations

# From here on a number is written without decimals.
WITHOUT_DECIMALS = 100
# From here on a number is written in scientific notation, since a double holds no more than 15 digits.
SCIENTIFIC = 1e15
MISSING = "missing"


def number_text(number: float) -> str:
    """Return a number as people write it: thousands separated, below 100 and from 1e15 on four significant digits."""
    if abs(number) >= SCIENTIFIC:
        return f"{number:.4g}"
    return f"{number:,.0f}" if abs(number) >= WITHOUT_DECIMALS or number.is_integer() else f"{number:.4g}"


def range_text(low: float, high: float) -> str:
    """Return a range with an en dash, or the one number that it is."""
    ends = number_text(low), number_text(high)
    return ends[0] if ends[0] == ends[1] else "–".join(ends)
