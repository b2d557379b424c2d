"""The pipelines on Spark Connect, which is what serverless compute offers: no RDD, no Spark context, no broadcast."""

from __future__ import annotations

import os
import subprocess
import sys

import pandas as pd
import pytest

from spark_support import new_claims, odd_claims
from support import REPOSITORY, make_project

TESTS = REPOSITORY / "tests"


@pytest.mark.usefixtures("spark")
def test_all_that_jobs_run(tmp_path):
    project = make_project(tmp_path)
    odd_claims().to_parquet(tmp_path / "odd.parquet", index=False)
    # Without the infinite one, more than the share of so few that may be rejected.
    new_claims().drop(index=2).to_parquet(tmp_path / "new.parquet", index=False)
    # A process of its own: a Java process serves either classic sessions or Connect.
    ran = subprocess.run(
        [sys.executable, str(TESTS / "databricks" / "connect_run.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3_000:] + ran.stderr[-3_000:]
    top = pd.read_csv(project.path / "artifacts" / "reporting" / "top_claims.csv")
    assert len(top) == 100
    tables = {path.name for path in (project.path / "warehouse" / "claims.db").iterdir()}
    assert {
        "features",
        "fraud_scores",
        "new_features",
        "rejected_claims",
        "bias_summary",
        "drift_history",
    } <= tables
