"""What the tests of Spark share: the settings of its session, and claims as systems give them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from claims_fraud.claims.sample import generate_claims
from support import REPOSITORY

HISTORY = ["days_since_last_claim", "num_previous_claims", "average_claim_amount"]


def session_settings(artifact_root: Path) -> dict[str, Any]:
    """Return those of conf/databricks/spark.yml, for a session that keeps all it writes in a folder."""
    text = (REPOSITORY / "conf" / "databricks" / "spark.yml").read_text(encoding="utf-8")
    where = "${runtime_params:artifact_root,${globals:artifact_root}}"
    return dict(yaml.safe_load(text.replace(where, str(artifact_root))))


def odd_claims() -> pd.DataFrame:
    """Claims as systems give them: decimals, dates, times in a zone, nulls, bad rows, columns without a role."""
    claims, _ = generate_claims(1_000, seed=5)
    claims = claims.drop(columns=HISTORY)
    claims["claim_amount"] = [Decimal(f"{amount:.2f}") for amount in claims["claim_amount"]]
    claims["claim_date"] = claims["claim_date"].astype("datetime64[us]").dt.tz_localize("America/New_York")
    claims["entered"] = claims["claim_date"].dt.date
    claims["serial"] = pd.array(range(9_007_199_254_740_993, 9_007_199_254_741_993), dtype="Int64")
    claims["notes"] = [["a", "b"]] * len(claims)
    claims.loc[3:7, "claim_amount"] = None
    claims.loc[8, "claim_amount"] = Decimal("-5.00")
    claims.loc[9, "claim_date"] = pd.NaT
    claims.loc[[10, 11], "claim_id"] = [None, " "]
    claims.loc[12:20, "patient_id"] = None
    claims.loc[21, "claim_date"] = pd.Timestamp("2031-01-01", tz="America/New_York")
    claims.loc[22:40:3, "diagnosis_code"] = None
    claims.loc[30, "serial"] = pd.NA
    different = claims.loc[[50]].assign(claim_amount=Decimal("1.00"))
    return pd.concat([claims, claims.loc[[60]], claims.loc[[60]], different], ignore_index=True)


def new_claims() -> pd.DataFrame:
    """A later batch: unseen categories, a missing and a corrected value, patients with and without history."""
    claims, _ = generate_claims(1_000, seed=5)
    later = claims.tail(40).drop(columns=HISTORY).reset_index(drop=True)
    later["claim_id"] = [f"N{number:03d}" for number in range(40)]
    later["claim_date"] += pd.Timedelta(days=3)
    later.loc[0, "procedure_code"] = "never seen"
    later.loc[1, "claim_amount"] = None
    later.loc[2, "claim_amount"] = np.inf
    later.loc[3, "patient_id"] = None
    later.loc[4, "patient_id"] = "a patient without history"
    return later
