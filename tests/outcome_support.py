"""Ranked claims, half of which were looked at, for tests of the second stage on both engines."""

from __future__ import annotations

import numpy as np
import pandas as pd

from claims_fraud.claims import Columns

COLUMNS = Columns(
    procedure=None, categorical=("code",), numeric=("claim_amount", "age"), protected=["age"], label="found"
)
ROWS = 300


def scores_with_outcomes() -> pd.DataFrame:
    """Return claims of 150 days by their score: surgeries with a surprising amount are fraud, half are known."""
    rng = np.random.default_rng(0)
    code, surprise = rng.choice(["visit", "surgery"], ROWS), rng.exponential(1.0, ROWS)
    fraud = (code == "surgery") & (surprise > 0.7)
    scores = pd.DataFrame(
        {
            "claim_id": [f"c{number:03d}" for number in range(ROWS)],
            "claim_date": pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(ROWS) // 2, unit="D"),
            "found": np.where(np.arange(ROWS) % 4 < 2, fraud, np.nan),
            "code": code,
            "claim_amount": rng.lognormal(5, 1, ROWS),
            "age": rng.integers(18, 90, ROWS).astype(float),
            "surprise_code": rng.exponential(1.0, ROWS),
            "surprise_claim_amount": surprise,
        }
    )
    scores["fraud_score"] = scores["surprise_code"] + scores["surprise_claim_amount"]
    return scores.sort_values("fraud_score", ascending=False, ignore_index=True)
