"""Motor claims, which have neither patient nor provider, and claims in lines: each with its own `columns:` block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support import Project, make_project, working_in

MOTOR = """
columns:
  claim_id: claim_no
  claim_date: loss_date
  party: null
  provider: null
  other_dates: [policy_start]
  claim_amount: total
  procedure: null
  categorical: [damage, make]
  numeric: [total, injury, vehicle]
  protected: []
  label: fraud
  label_value: confirmed
"""
LINES = """
columns:
  claim_id: [claim_id, line]
  line: line
  numeric: [claim_amount, patient_age, num_previous_claims]
"""


def motor_claims() -> pd.DataFrame:
    """Return claims whose total is the sum of its parts, but for that of M150."""
    rng = np.random.default_rng(0)
    claims = pd.DataFrame(
        {
            "claim_no": [f"M{number:03d}" for number in range(300)],
            "loss_date": pd.date_range("2024-01-01", periods=300).strftime("%Y-%m-%d"),
            "policy_start": pd.date_range("2022-01-01", periods=300).strftime("%Y-%m-%d"),
            "damage": rng.choice(["front", "rear", "glass"], 300),
            "make": rng.choice(["Kia", "Ford"], 300),
            "injury": rng.integers(0, 500, 300),
            "vehicle": rng.integers(500, 5_000, 300),
            "fraud": rng.choice(["confirmed", "closed"], 300),
        }
    )
    total = claims["injury"] + claims["vehicle"]
    return claims.assign(total=total.where(claims["claim_no"] != "M150", total + 900))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with working_in(make_project(tmp_path).path):
        yield Project(tmp_path)


def run_on(project: Project, claims: pd.DataFrame, block: str, *options: str) -> tuple[int, str]:
    claims.to_csv(project.path / "claims.csv", index=False)
    (project.path / "conf" / "local" / "parameters.yml").write_text(block, encoding="utf-8")
    return project.run(*options, params=f"raw_claims={project.path / 'claims.csv'}")


def test_motor_claims_are_ranked_without_party_and_provider(project: Project) -> None:
    assert run_on(project, motor_claims(), MOTOR) == (0, "")
    listed = pd.read_csv(project.data / "08_reporting/top_claims.csv")
    assert listed["claim_no"][0] == "M150"
    assert "total − injury is 2,475" in listed["reason_1"][0]
    assert set(listed.columns) >= {"days_since_policy_start", "total"}
    assert project.table("07_model_output/fraud_scores.parquet")["fraud"].isin((0, 1)).all()
    providers = project.table("07_model_output/provider_scores.parquet")
    assert (len(providers), providers.columns[0]) == (0, "provider_id")


def test_lines_are_listed_as_claims(project: Project) -> None:
    claims = pd.read_parquet(project.data / "01_raw/claims_train.parquet").head(300)
    claims = claims.assign(claim_id=[f"C{number // 2}" for number in range(300)], line=[1, 2] * 150)
    assert run_on(project, claims, LINES, "--pipelines=data_ingestion,training,scoring") == (0, "")
    scores = project.table("07_model_output/fraud_scores.parquet")
    listed = pd.read_csv(project.data / "08_reporting/top_claims.csv")
    assert len(scores) == 300
    assert listed["rank"].tolist() == list(range(1, 101))
    assert listed["claim_id"].is_unique
    worst = scores.sort_values("rank").iloc[0]
    assert (listed["claim_id_line"][0], listed["lines"][0]) == (worst["claim_id_line"], 2)
    together = scores.loc[scores["claim_id"] == worst["claim_id"], "fraud_score"].sum()
    assert listed["claim_score"][0] == pytest.approx(together, abs=1e-3)
