"""How flags compare with those of the system in place, counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from claims_fraud.claims import Columns
from claims_fraud.incumbent import incumbent_numbers, scoring_metrics

COLUMNS = Columns(procedure=None, categorical=("code",), numeric=("claim_amount",), protected=[], incumbent="rule")
FLAGGED = [True, True, True, False, False, False]


def ranked(said: list) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "claim_id": [*"abcdef"],
            "rank": range(1, 7),
            "flagged": FLAGGED,
            "excess_amount": [100.0, 0.0, None, 7.0, 0.0, 0.0],
            "rule": said,
        }
    )


def test_what_is_flagged_and_what_it_exceeds():
    metrics = scoring_metrics(ranked([None] * 6), COLUMNS.model_copy(update={"incumbent": None}))
    assert metrics == {"n": 6, "flagged": 3, "excess_amount": 107.0, "excess_amount_flagged": 100.0}


@pytest.mark.parametrize("said", [["1", "0", "1", "1", "0", None], ["True", "false", "TRUE", " true", "False", ""]])
def test_a_flag(said):
    assert scoring_metrics(ranked(said), COLUMNS)["incumbent"] == {
        "kind": "flag",
        "known": 5,
        "flagged": 3,
        "both": 2,
        "only_model": 1,
        "only_incumbent": 1,
        "agreement": 0.5,
    }


def test_a_score_flags_its_highest_as_many_as_we_do():
    # The highest three are f, a and, of the equal ones, b.
    metrics = scoring_metrics(ranked(["0.8", "0.5", None, "0.5", "-3", "0.9"]), COLUMNS)["incumbent"]
    assert metrics == {
        "kind": "score",
        "known": 5,
        "flagged": 3,
        "both": 2,
        "only_model": 1,
        "only_incumbent": 1,
        "agreement": 0.5,
    }


def test_a_score_of_few_claims_flags_no_more_than_these():
    metrics = scoring_metrics(ranked([None, None, None, None, "12", "7"]), COLUMNS)["incumbent"]
    assert (metrics["flagged"], metrics["both"], metrics["only_incumbent"]) == (2, 0, 2)


def test_one_that_says_nothing():
    metrics = scoring_metrics(ranked([None] * 6), COLUMNS)["incumbent"]
    assert (metrics["known"], metrics["flagged"], metrics["only_model"], metrics["agreement"]) == (0, 0, 3, 0.0)


def test_batches_count_like_the_whole(monkeypatch):
    said = ["0.8", "0.5", None, "0.5", "-3", "0.9"]
    whole = scoring_metrics(ranked(said), COLUMNS)
    monkeypatch.setattr("claims_fraud.frames.on_pandas.BATCH_ROWS", 2)
    assert scoring_metrics(ranked(said), COLUMNS) == whole


def test_what_cannot_be_read_says_nothing():
    assert incumbent_numbers(pd.Series(["1", "yes", "True", "0.25", None])).tolist()[:1] == [1.0]
    assert incumbent_numbers(pd.Series(["1", "yes", "True", "0.25", None])).isna().tolist() == [
        False,
        True,
        False,
        False,
        True,
    ]
