"""How often drift is told where there is none, and whether it is told where there is: the two verdicts side by side.

`make benchmark-drift`. Reference and batches are drawn at random from the same generated claims, or from columns of
known distributions, so that nothing drifts but by chance; then the mean of one normal column is moved by a quarter of
its standard deviation. The tables go into docs/explanation/drift.md. Not for real claims, whose rows are not
independent.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from environment import REPOSITORY, RESULTS, circumstances, markdown, write_table
from monitoring_work import CODES

from claims_fraud.claims.sample import generate_claims
from claims_fraud.drift import PSIMonitor, ReferenceProfile

NAME = "drift_alarms"
PAGE = REPOSITORY / "docs" / "explanation" / "drift.md"
SIZES = (200, 500, 1_000, 5_000, 20_000, 100_000)
REFERENCE_ROWS = 14_000
POPULATION = 300_000
NUMBERS = ["claim_amount", "patient_age", "provider_experience_years", "claim_duration_days"]
NORMAL = [f"normal_{number}" for number in range(13)]
MOVED = NORMAL[0]
SHIFT = 0.25
ALARMS = ("drifting", "drifted")
ALARM_FIGURES = ("alarms", "rule_alarms", "rule_features")


@dataclass(frozen=True)
class Claims:
    """Generated claims to draw from."""

    rows: pd.DataFrame
    codes = CODES
    numbers = NUMBERS

    def draw(self, rng: np.random.Generator, sizes: tuple[int, ...]) -> Iterator[pd.DataFrame]:
        """Yield so many frames of other claims."""
        order, start = rng.permutation(len(self.rows)), 0
        for size in sizes:
            yield self.rows.iloc[order[start : start + size]]
            start += size


@dataclass(frozen=True)
class Normal:
    """Independent normal columns."""

    codes = ()
    numbers = NORMAL

    def draw(self, rng: np.random.Generator, sizes: tuple[int, ...]) -> Iterator[pd.DataFrame]:
        """Yield so many frames."""
        for size in sizes:
            yield pd.DataFrame(rng.normal(size=(size, len(NORMAL))), columns=NORMAL)


@dataclass(frozen=True)
class Odd:
    """Columns that bins find hard: even and long-tailed codes, few and many whole numbers, zeros, rare gaps."""

    codes = ("even_codes", "long_tail")
    numbers = ("few_numbers", "many_numbers", "zeros", "gaps", "ties")

    def draw(self, rng: np.random.Generator, sizes: tuple[int, ...]) -> Iterator[pd.DataFrame]:
        """Yield so many frames."""
        for size in sizes:
            amounts, chance = rng.lognormal(5, 1, size), rng.random((2, size))
            yield pd.DataFrame(
                {
                    "even_codes": rng.integers(0, 1_000, size).astype(str),
                    "long_tail": rng.zipf(1.5, size).astype(str),
                    "few_numbers": rng.integers(0, 21, size),
                    "many_numbers": rng.integers(0, 90, size),
                    "zeros": np.where(chance[0] < 0.6, 0, amounts),
                    "gaps": np.where(chance[1] < 0.005, np.nan, amounts),
                    "ties": rng.poisson(12, size),
                }
            )


Data = Claims | Normal | Odd


def measured(data: Data, repeats: int) -> list[dict[str, Any]]:
    """Return by size of the batch how many batches and features either verdict alarms on."""
    counts: Counter[tuple[int, str]] = Counter()
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        reference, *batches = data.draw(rng, (REFERENCE_ROWS, *SIZES))
        monitor = PSIMonitor(ReferenceProfile.fit(reference, data.codes, data.numbers))
        for batch in batches:
            counts.update({(len(batch), name): n for name, n in alarms(monitor.compare(batch)).items()})
            if MOVED in batch:
                moved = monitor.compare(batch.assign(**{MOVED: batch[MOVED] + SHIFT})).set_index("feature").loc[MOVED]
                counts[len(batch), "found"] += moved["verdict"] in ALARMS
                counts[len(batch), "found_by_rule"] += moved["rule_verdict"] in ALARMS
    name, features = type(data).__name__.lower(), len(data.codes) + len(data.numbers)
    return [
        {"data": name, "features": features, "rows": size, "batches": repeats}
        | {what: round(float(n), 4) for (rows, what), n in sorted(counts.items()) if rows == size}
        for size in SIZES
    ]


def alarms(table: pd.DataFrame) -> dict[str, float]:
    """Return whether either verdict alarms in a comparison, and on what share of the features the rule does."""
    corrected, rule = (table[name].isin(ALARMS) for name in ("verdict", "rule_verdict"))
    return {"alarms": int(corrected.any()), "rule_alarms": int(rule.any()), "rule_features": float(rule.mean())}


def report(rows: list[dict[str, Any]]) -> str:
    """Return the tables in Markdown."""
    drift_free = [
        [row["data"], f"{row['rows']:,}", row["batches"], *(share(row[name], row) for name in ALARM_FIGURES)]
        for row in rows
    ]
    moved = [
        [f"{row['rows']:,}", row["batches"], share(row["found"], row), share(row["found_by_rule"], row)]
        for row in rows
        if "found" in row
    ]
    return "\n".join(
        [
            "Without drift:\n",
            markdown(
                ["Columns", "Rows", "Batches", "Corrected alarms", "Rule alarms", "Rule, of features"], drift_free
            ),
            f"A mean moved by {SHIFT} standard deviations:\n",
            markdown(["Rows", "Batches", "Found, corrected", "Found, rule"], moved),
        ]
    )


def share(count: float, row: dict[str, Any]) -> str:
    """Return a share of the batches in per cent."""
    return f"{count / row['batches']:.1%}"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=500, help="batches of each size")
    repeats = parser.parse_args().repeats
    claims, _ = generate_claims(POPULATION, seed=1)
    rows = [row for data in (Claims(claims), Normal(), Odd()) for row in measured(data, repeats)]
    result = {**circumstances(), "reference_rows": REFERENCE_ROWS, "rows": rows}
    (RESULTS / f"{NAME}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_table(NAME, report(rows), PAGE)


if __name__ == "__main__":
    main()
