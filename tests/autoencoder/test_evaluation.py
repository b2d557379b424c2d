"""Behaviour of the figures on labelled fraud."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.autoencoder.evaluation import evaluate, score_summary
from claims_fraud.errors import InputError


def test_four_rows_by_hand():
    result = evaluate(np.array([4.0, 3.0, 2.0, 1.0]), np.array([1, 0, 1, 0]), None)
    assert result == {
        "n": 4,
        "n_fraud": 2,
        "base_rate": 0.5,
        "auroc": 0.75,
        "average_precision": pytest.approx((1 + 2 / 3) / 2),
        "precision_at_1pct": 1.0,
        "recall_at_1pct": 0.5,
        "precision_at_5pct": 1.0,
        "recall_at_5pct": 0.5,
        "by_kind": {},
    }


@pytest.mark.parametrize(("rows", "top_1", "top_5"), [(100, 1, 5), (101, 2, 6), (300, 3, 15), (700, 7, 35)])
def test_the_top_is_a_share_of_the_rows_rounded_up(rows, top_1, top_5):
    fraud = np.arange(rows) < 50
    result = evaluate(-np.arange(rows, dtype=float), fraud)
    assert result["recall_at_1pct"] == pytest.approx(top_1 / 50)
    assert result["recall_at_5pct"] == pytest.approx(top_5 / 50)


def test_equal_scores_count_in_the_order_given():
    first, last = np.arange(100) == 0, np.arange(100) == 99
    assert evaluate(np.zeros(100), first)["precision_at_1pct"] == 1.0
    assert evaluate(np.zeros(100), last)["precision_at_1pct"] == 0.0
    assert evaluate(np.zeros(100), last)["auroc"] == 0.5


def test_a_kind_is_judged_without_the_other_kinds():
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    kinds = pd.Series(["found", None, "hidden", "ignored", None], index=[7, 7, 8, 9, 10])
    result = evaluate(scores, np.array([1, 0, 1, 0, 0]), kinds)
    assert list(result["by_kind"]) == ["found", "hidden"]
    assert result["by_kind"]["found"]["auroc"] == 1.0
    assert result["by_kind"]["hidden"]["auroc"] == pytest.approx(2 / 3)
    assert result["by_kind"]["hidden"]["n"] == 4
    assert result["by_kind"]["hidden"]["n_fraud"] == 1
    assert "by_kind" not in result["by_kind"]["found"]


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_kinds_come_in_any_dtype_and_fraud_without_a_kind_is_in_the_whole_only(dtype):
    kinds = pd.Series(["a", None, None], dtype=dtype)
    result = evaluate(np.array([3.0, 2.0, 1.0]), np.array([1, 1, 0]), kinds)
    assert list(result["by_kind"]) == ["a"]
    assert result["n_fraud"] == 2


@pytest.mark.parametrize("labels", [[True, False], pd.Series([1, 0], dtype="Int64"), pd.Series([1.0, 0.0])])
def test_labels_come_as_anything_that_says_0_or_1(labels):
    assert evaluate(np.array([1.0, 0.0]), labels)["auroc"] == 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.booleans(), st.sampled_from(["a", "b"])), min_size=2, max_size=60))
def test_figures_are_plain_shares(rows):
    scores, fraud, kinds = (np.array(column) for column in zip(*rows, strict=True))
    if fraud.all() or not fraud.any():
        return
    result = evaluate(scores, fraud, pd.Series(kinds))
    assert json.loads(json.dumps(result)) == result
    for measures in (result, *result["by_kind"].values()):
        assert all(0 <= value <= 1 for name, value in measures.items() if name not in {"n", "n_fraud", "by_kind"})
    assert sum(measures["n_fraud"] for measures in result["by_kind"].values()) == fraud.sum()


@pytest.mark.parametrize(("label", "count"), [(0, "0 of 3 rows"), (1, "3 of 3 rows")])
def test_labels_of_one_sort_only_are_refused(label, count):
    with pytest.raises(InputError, match=f"{count} are labelled as fraud.*Give labels of both"):
        evaluate(np.arange(3.0), np.full(3, label))


def test_an_odd_label_is_named():
    with pytest.raises(InputError, match=r"1 labels \(is_fraud\) are neither 0 nor 1, such as 2"):
        evaluate(np.arange(3.0), np.array([0, 1, 2]))


def test_lengths_must_agree():
    with pytest.raises(InputError, match="3 scores came with 2 labels; give one a row"):
        evaluate(np.arange(3.0), np.array([0, 1]))
    with pytest.raises(InputError, match="2 scores came with 2 labels and 1 kinds of fraud"):
        evaluate(np.arange(2.0), np.array([0, 1]), pd.Series(["a"]))


def test_summary_of_a_hundred_and_one_scores():
    assert score_summary(np.arange(101.0)) == {
        "mean_fraud_score": 50.0,
        "p95_fraud_score": 95.0,
        "p99_fraud_score": 99.0,
    }
