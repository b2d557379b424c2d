"""Scores and the claims that they are of: a step that would mix them with others says which, and what to run."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

LINEAGE = "08_reporting/lineage.json"
FEATURES = "04_feature/features.parquet"
NEW_FEATURES = "04_feature/new_features.parquet"
SCORE_FIRST = r"are not of the claims that are in features now: .* Score first: `kedro run --pipelines=scoring`"


def change(project, path: str) -> None:
    """Write a table as a later run would that found other claims."""
    table = project.table(path)
    table.assign(claim_amount=table["claim_amount"] + 1).to_parquet(project.data / path, index=False)


def test_a_run_records_what_the_scores_were_made_from(finished):
    record = json.loads((finished.data / LINEAGE).read_text())
    model = json.loads((finished.data / "06_models/autoencoder_catboost/model.json").read_text())
    assert record["model_version"] == model["model_version"]
    assert record["made_from"]["new_features"] is None
    assert re.fullmatch("sha256:[0-9a-f]{16}", record["made_from"]["features"])
    assert re.fullmatch("sha256:[0-9a-f]{16}", record["fraud_scores"])


@pytest.mark.parametrize("pipeline", ["provider_scores", "fairness", "monitoring", "score_new"])
def test_a_step_on_scores_of_other_claims_is_refused(copied, pipeline):
    change(copied, FEATURES)
    status, told = copied.run(f"--pipelines={pipeline}")
    assert status == 1
    assert re.search(SCORE_FIRST, " ".join(told.split()))


def test_ingestion_with_a_step_on_the_scores_before_it_is_refused(copied):
    status, told = copied.run("--pipelines=data_ingestion,fairness")
    assert status == 1
    assert re.search(SCORE_FIRST, " ".join(told.split()))


def test_scoring_again_makes_them_fit(copied):
    change(copied, FEATURES)
    assert copied.run("--pipelines=scoring,provider_scores") == (0, "")
    assert copied.run("--pipelines=provider_scores") == (0, "")


def test_claims_without_a_record_are_taken_as_they_are(copied):
    (copied.data / LINEAGE).unlink()
    change(copied, FEATURES)
    assert copied.run("--pipelines=provider_scores") == (0, "")


def test_new_claims_that_were_not_scored_are_named(copied, caplog):
    # As a run leaves it that is killed between the two tables.
    copied.table(FEATURES).tail(5).assign(claim_id=list("abcde")).to_parquet(copied.data / NEW_FEATURES, index=False)
    status, told = copied.run("--pipelines=provider_scores")
    assert status == 1
    assert "in new_features now" in " ".join(told.split())
    assert "`kedro run --pipelines=score_new`" in told
    raw = pd.read_parquet(copied.data / "01_raw/claims_train.parquet")
    raw.tail(5).assign(claim_id=list("abcde")).to_parquet(copied.data / "01_raw/new_claims.parquet", index=False)
    assert copied.run("--pipelines=score_new") == (0, "")
    assert "new_features have claims without a score: a run of score_new was cut short" in caplog.text
    assert copied.run("--pipelines=provider_scores") == (0, "")
