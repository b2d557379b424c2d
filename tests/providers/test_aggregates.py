"""Providers judged by their aggregates, or not, with the reason."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from claims_fraud.providers import score_aggregates, summarise_providers
from claims_fraud.providers.aggregates import AGGREGATE_FIELDS

PEER_COLUMNS = ("specialty", "region")
SETTINGS = {"model_type": "xgboost", "n_estimators": 4, "n_jobs": 1}
# A provider with enough claims to be judged.
ODD = 6
REASONS = ["aggregate_reason_1", "aggregate_reason_2", "aggregate_reason_3"]


def judged(summaries: pd.DataFrame, columns, min_claims: int = 5, min_providers: int = 50):
    return score_aggregates(
        summaries, columns, PEER_COLUMNS, SETTINGS, min_claims=min_claims, min_providers=min_providers
    )


def said_of(found: pd.DataFrame) -> list[str]:
    return [text for name in REASONS for text in found[name].dropna()]


@pytest.fixture
def summaries(many_claims, columns) -> pd.DataFrame:
    return summarise_providers(many_claims, columns, PEER_COLUMNS)


class TestScoreAggregates:
    def test_an_odd_provider_stands_out_with_its_reason(self, summaries, columns):
        odd = summaries.assign(claims_per_patient=summaries["claims_per_patient"].mask(summaries.index == ODD, 40.0))
        found, how = judged(odd, columns)
        assert found.loc[ODD, "aggregate_reason_1"].startswith("claims_per_patient 40; ")
        assert how == {"scored": found["aggregate_score"].notna().sum()}

    @pytest.mark.xfail(
        reason="52 providers teach the models too little for evidence to be trusted: one whose amounts seem to "
        "contradict each other comes before one with 40 claims per patient"
    )
    def test_an_odd_provider_has_the_highest_score(self, summaries, columns):
        odd = summaries.assign(claims_per_patient=summaries["claims_per_patient"].mask(summaries.index == ODD, 40.0))
        found, _ = judged(odd, columns)
        assert found["aggregate_score"].idxmax() == ODD

    def test_sentences_count_providers(self, summaries, columns):
        found, _ = judged(summaries, columns)
        said = " ".join(said_of(found))
        assert "providers" in said
        assert not re.search(r"\bclaims?\b", said)

    def test_a_provider_of_few_claims_is_not_judged(self, summaries, columns):
        found, _ = judged(summaries, columns)
        few = summaries["claims"] < 5
        assert few.any()
        assert found[few].isna().all(axis=None)
        assert found.loc[~few, "aggregate_score"].ge(0).all()
        assert found.loc[~few, "aggregate_percentile"].between(0, 100, inclusive="left").all()

    def test_too_few_providers_are_not_judged_and_it_is_said_why(self, summaries, columns):
        found, how = judged(summaries.head(30), columns, min_claims=1)
        assert how == {"scored": 0, "skipped": "30 providers have 1 claims or more, and 50 are needed"}
        assert found.isna().all(axis=None)
        assert list(found) == [name for name, *_ in AGGREGATE_FIELDS]
        assert found.index.equals(summaries.head(30).index)

    def test_neither_the_kind_nor_means_of_context_columns_are_reasons(self, summaries, columns):
        old = summaries.assign(age_mean=summaries["age_mean"].mask(summaries.index == ODD, 900.0))
        old = old.assign(specialty=old["specialty"].mask(old.index == ODD, "unheard of"))
        found, _ = judged(old, columns)
        assert not [text for text in said_of(found) if text.startswith(("age_mean", "specialty", "region"))]

    def test_few_and_cheap_claims_are_not_suspicious(self, summaries, columns):
        small = dict.fromkeys(("patients", "claims_on_busiest_day"), 1.0)
        cheap = {f"claim_amount_{what}": 0.01 for what in ("total", "median", "p90", "mean")}
        one = summaries.copy()
        one.loc[ODD, [*small, *cheap]] = [*small.values(), *cheap.values()]
        found, _ = judged(one, columns)
        assert not [text for text in found.loc[ODD, REASONS].dropna() if text.startswith((*small, *cheap))]

    def test_the_order_of_the_providers_has_no_say(self, summaries, columns):
        whole, _ = judged(summaries, columns)
        again, _ = judged(summaries.sample(frac=1, random_state=0), columns)
        pd.testing.assert_frame_equal(again.loc[whole.index], whole, check_exact=True)

    def test_an_aggregate_that_nobody_has_or_all_alike_does_no_harm(self, summaries, columns):
        found, _ = judged(summaries.assign(weekend_share=0.0, claim_amount_median=np.nan), columns)
        assert found["aggregate_score"].notna().any()
