"""Scored claims of a few providers, small enough to reckon with by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from claims_fraud.claims import Columns

PEER_COLUMNS = ("specialty", "region")


@pytest.fixture
def columns() -> Columns:
    return Columns(
        procedure=None,
        categorical=("code", "specialty", "region"),
        numeric=("claim_amount", "age"),
        protected=["region", "age"],
    )


@pytest.fixture
def claims() -> pd.DataFrame:
    """Three claims of the provider d, one of e and one of nobody."""
    return pd.DataFrame(
        {
            "claim_id": ["c1", "c2", "c3", "c4", "c5"],
            "claim_date": pd.to_datetime(
                ["2025-01-06 09:00", "2025-01-06 17:00", *(f"2025-01-{day} 00:00" for day in ("11", "07", "08"))]
            ),
            "patient_id": ["p", "p", "q", None, "p"],
            "provider_id": ["d", "d", "d", "e", None],
            "code": ["x", "x", "y", None, "x"],
            "specialty": ["eye", "ear", "eye", None, "eye"],
            "region": ["south", "north", None, "north", "north"],
            "claim_amount": [100.0, 300.0, np.nan, np.nan, 50.0],
            "age": [30.0, 40.0, 50.0, 60.0, 70.0],
            "fraud_score": [1.0, 3.0, 2.0, 4.0, 9.0],
            "fraud_percentile": [50.0, 99.5, 80.0, 99.9, 99.99],
            "excess_amount": [0.0, 150.0, np.nan, np.nan, 7.0],
            "flagged": [False, True, False, True, True],
            "surprise_code": [0.5, 1.0, 0.0, 4.0, 9.0],
            "surprise_specialty": [0.0, 0.0, 0.0, 0.0, 0.0],
            "surprise_claim_amount": [0.5, 2.0, 2.0, 0.0, 0.0],
        }
    )


@pytest.fixture
def many_claims(columns: Columns) -> pd.DataFrame:
    """Some two thousand claims of 60 providers with 1 to 60 claims each, of three specialties; d00's surprise most."""
    rng = np.random.default_rng(0)
    provider = np.repeat(np.arange(60), rng.integers(1, 61, 60))
    n = len(provider)
    surprises = {f"surprise_{name}": rng.gamma(1, 0.5, n) for name in columns.scored_features}
    surprises["surprise_code"] += 3.0 * (provider == 0)
    score = sum(surprises.values())
    amount = rng.lognormal(5, 0.5, n)
    return pd.DataFrame(
        {
            "claim_id": [f"c{number:04d}" for number in rng.permutation(n)],
            "claim_date": pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D"),
            "patient_id": [f"p{number}" for number in rng.integers(0, 200, n)],
            "provider_id": [f"d{number:02d}" for number in provider],
            "code": rng.choice(["x", "y", "z"], n),
            "specialty": np.array(["eye", "ear", "nose"])[provider % 3],
            "region": rng.choice(["north", "south"], n),
            "claim_amount": amount,
            "age": rng.integers(0, 90, n).astype(float),
            "fraud_score": score,
            "fraud_percentile": 99.9 * (score.argsort().argsort() / n),
            "excess_amount": np.maximum(amount - 300, 0),
            "flagged": score > np.quantile(score, 0.95),
            **surprises,
        }
    )
