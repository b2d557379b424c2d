"""Prints the first claims of the list for people, in words: ``python -m claims_fraud.reporting.top_claims FILE 3``.

For the generated sample claims of ``make run``. Not for logs: claims of real people stay in files.
"""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from claims_fraud.scores import REASONS

WIDTH = 110


def claims_in_words(top_claims: pd.DataFrame, first: int) -> Iterator[str]:
    """Yield a paragraph for each of the first claims of `top_claims`: who, when, how suspicious, and why."""
    for claim in top_claims.head(first).to_dict("records"):
        yield "\n".join([_headline(claim), *_reasons(claim)])


def _headline(claim: dict[Any, Any]) -> str:
    # The ids stand between flag and reasons; their names are the user's own, and a provider need not be among them.
    names = list(claim)
    claim_id, claim_date, *who = (claim[name] for name in names[names.index("flagged") + 1 : names.index(REASONS[0])])
    billed_by = f", billed by {who[0]}" if who else ""
    # Rounded down: no claim is more suspicious than all, itself included.
    percentile = math.floor(claim["fraud_percentile"] * 100) / 100
    return (
        f"{claim['rank']}. claim {claim_id} of {str(claim_date)[:10]}{billed_by}: more suspicious than "
        f"{percentile:.2f} % of claims, because"
    )


def _reasons(claim: dict[Any, Any]) -> list[str]:
    sentences = [claim[name] for name in REASONS if pd.notna(claim[name])]
    return [textwrap.fill(s, WIDTH, initial_indent="   - ", subsequent_indent="     ") for s in sentences]


def main(arguments: list[str]) -> None:
    """Print the first claims of a file; arguments are the path of `top_claims` and how many."""
    path, first = Path(arguments[0]), int(arguments[1])
    top_claims = pd.read_csv(path, dtype={"claim_id": str})
    sys.stdout.write(f"\nThe {first} most suspicious of the sample claims (all {len(top_claims)} listed: {path}):\n\n")
    sys.stdout.write("\n\n".join(claims_in_words(top_claims, first)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
