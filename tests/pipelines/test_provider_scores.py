"""Ranked claims rolled up by provider, node by node and in a run."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from claims_fraud.claims import Columns
from claims_fraud.parameters import ProviderParameters, TrainingParameters
from claims_fraud.pipelines.provider_scores.nodes import rank_providers, sum_up_providers
from claims_fraud.providers import provider_scores_schema, summary_schema

COLUMNS = Columns()
PEERS = ("provider_specialty", "geographic_region")
TRAINING = TrainingParameters(n_estimators=2, n_jobs=1)
SCORES = "07_model_output/fraud_scores.parquet"
RUN = "--pipelines=provider_scores"


@pytest.fixture
def fraud_scores(finished) -> pd.DataFrame:
    return finished.table(SCORES)


class TestSumUpProviders:
    def test_a_row_a_provider_with_the_columns_of_the_schema(self, fraud_scores):
        before = fraud_scores.copy()
        summaries = sum_up_providers(fraud_scores, COLUMNS, ProviderParameters())
        assert list(summaries) == summary_schema(COLUMNS, PEERS).names
        assert summaries["provider_id"].tolist() == sorted(fraud_scores["provider_id"].unique())
        pd.testing.assert_frame_equal(fraud_scores, before)

    def test_peers_share_what_is_configured(self, fraud_scores):
        summaries = sum_up_providers(fraud_scores, COLUMNS, ProviderParameters(peer_columns=("claim_type",)))
        assert list(summaries)[:3] == ["provider_id", "claim_type", "claims"]


class TestRankProviders:
    @pytest.fixture
    def summaries(self, fraud_scores) -> pd.DataFrame:
        return sum_up_providers(fraud_scores, COLUMNS, ProviderParameters())

    def test_ranks_and_figures(self, summaries):
        before = summaries.copy()
        table, metrics = rank_providers(summaries, COLUMNS, TRAINING, ProviderParameters())
        assert list(table) == provider_scores_schema(COLUMNS, PEERS).names
        assert table["rank"].tolist() == list(range(1, len(summaries) + 1))
        assert table[["versus_peers", "price_versus_peers"]].max(axis=1).is_monotonic_decreasing
        assert metrics["n"] == len(table)
        assert metrics["n_claims"] == 1_000
        assert metrics["aggregates"] == {"scored": summaries["claims"].ge(5).sum()}
        pd.testing.assert_frame_equal(summaries, before)

    def test_a_provider_whose_bills_are_all_dearer_comes_first(self, fraud_scores):
        # Some of the claims are planted, so that the one that bills a typical price is taken.
        parameters = ProviderParameters(min_providers=10_000)
        table, _ = rank_providers(sum_up_providers(fraud_scores, COLUMNS, parameters), COLUMNS, TRAINING, parameters)
        many = table[table["claims"] >= table["claims"].quantile(0.9)]
        typical = many.loc[(many["price_level"] - 1).abs().idxmin(), "provider_id"]
        own = fraud_scores["provider_id"] == typical
        amount = fraud_scores["claim_amount"].where(~own, 2 * fraud_scores["claim_amount"])
        dearer = sum_up_providers(fraud_scores.assign(claim_amount=amount), COLUMNS, parameters)
        first = rank_providers(dearer, COLUMNS, TRAINING, parameters)[0].set_index("provider_id").loc[typical]
        assert first["rank"] <= 3
        assert 1.8 < first["price_level"] < 2.2
        assert first["driver_1"].startswith(f"bills {first['price_level']:.2f} times what its peers bill for the same ")

    def test_the_limits_are_those_of_the_parameters(self, summaries):
        limits = ProviderParameters(min_claims=30, min_peers=1_000)
        table, metrics = rank_providers(summaries, COLUMNS, TRAINING, limits)
        many = summaries["claims"].ge(30).sum()
        why = f"{many} providers have 30 claims or more, and 50 are needed"
        assert metrics["aggregates"] == {"scored": 0, "skipped": why}
        assert table["aggregate_score"].isna().all()
        assert set(table["peers"]) == {f"{len(table) - 1} other providers"}


class TestPipeline:
    def test_providers_are_those_of_the_claims(self, finished):
        scores = finished.table(SCORES)
        providers = finished.table("07_model_output/provider_scores.parquet")
        assert providers.set_index("provider_id")["claims"].to_dict() == scores["provider_id"].value_counts().to_dict()
        assert providers["excess_amount"].sum() == pytest.approx(scores["excess_amount"].sum())
        assert providers["rank"].tolist() == list(range(1, len(providers) + 1))

    def test_metrics_say_how_many_were_judged(self, finished):
        metrics = json.loads((finished.data / "08_reporting/provider_metrics.json").read_text())
        assert metrics.keys() == {"n", "n_claims", "mean_score_deviation", "aggregates"}
        providers = finished.table("07_model_output/provider_scores.parquet")
        assert metrics["aggregates"]["scored"] == providers["aggregate_score"].notna().sum() > 0

    def test_a_second_run_gives_the_same_and_scores_have_to_be_there(self, copied):
        path = copied.data / "07_model_output/provider_scores.parquet"
        before = pd.read_parquet(path)
        assert copied.run(RUN) == (0, "")
        pd.testing.assert_frame_equal(pd.read_parquet(path), before, check_exact=True)
        (copied.data / SCORES).unlink()
        status, told = copied.run(RUN)
        assert status == 1
        assert "fraud_scores.parquet does not exist yet. Make it with `kedro run --pipelines=scoring`" in told

    def test_claims_without_provider_are_left_out(self, copied):
        scores = copied.table(SCORES)
        scores.assign(provider_id=scores["provider_id"].mask(scores["rank"] <= 100, None)).to_parquet(
            copied.data / SCORES, index=False
        )
        assert copied.run(RUN) == (0, "")
        assert copied.table("07_model_output/provider_scores.parquet")["claims"].sum() == 900
