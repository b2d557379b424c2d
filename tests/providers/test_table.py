"""`provider_scores`: literal values of a few providers, and what holds of many."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from claims_fraud.claims import Columns
from claims_fraud.providers import (
    Prices,
    added,
    price_sums,
    provider_scores_schema,
    provider_table,
    summarise_providers,
)
from claims_fraud.providers.table import FIELDS
from claims_fraud.schemas import ProviderScores

PEER_COLUMNS = ("specialty", "region")
NOT_JUDGED = ["aggregate_score", "aggregate_percentile", *(f"aggregate_reason_{number}" for number in (1, 2, 3))]


def table_of(
    claims: pd.DataFrame, columns: Columns, peer_columns=PEER_COLUMNS, least: int = 10, prices: Prices | None = None
) -> pd.DataFrame:
    summaries = summarise_providers(claims, columns, peer_columns, prices)
    aggregates = pd.DataFrame(None, summaries.index, NOT_JUDGED)
    return provider_table(summaries, aggregates, columns, peer_columns, least)[0]


def billed(columns: Columns, **surprises: list[list[float]]) -> pd.DataFrame:
    """Return claims of providers a, b, …, each with so many surprises of a column."""
    (lengths, *_) = [[len(of_one) for of_one in of_all] for of_all in surprises.values()]
    provider = np.repeat(list("abcdefgh")[: len(lengths)], lengths)
    given = {f"surprise_{name}": np.concatenate(of_all) for name, of_all in surprises.items()}
    every = {f"surprise_{name}": 0.0 for name in columns.scored_features} | given
    claims = pd.DataFrame(
        {
            "claim_id": [f"c{number}" for number in range(len(provider))],
            "claim_date": pd.Timestamp("2025-01-06"),
            "patient_id": "p",
            "provider_id": provider,
            **dict.fromkeys(columns.categorical, "same"),
            **dict.fromkeys(columns.numeric, 1.0),
            "excess_amount": 2.5,
            **every,
        }
    )
    score = claims[list(every)].sum(axis=1)
    return claims.assign(fraud_score=score, fraud_percentile=10 * score, flagged=score > 5)


def surplus(driver: str | None) -> float:
    """Return the difference that a driver states, in two decimals."""
    if driver is None:
        return np.nan
    own, others = map(float, re.findall(r"\d+\.\d\d", driver))
    return own - others


class TestLiteralValues:
    # Means 2, 2 and 8 of four claims each; variance within 8 / 9, between var(2, 2, 8) - 8 / 9 / 4 = 12 - 2 / 9.
    @pytest.fixture
    def table(self, columns) -> pd.DataFrame:
        code = [[1.0, 3.0, 2.0, 2.0], [2.0, 2.0, 2.0, 2.0], [6.0, 8.0, 7.0, 7.0]]
        amount = [[0.0] * 4, [0.0] * 4, [1.0] * 4]
        return table_of(billed(columns, code=code, claim_amount=amount), columns).set_index("provider_id")

    def test_the_highest_above_its_peers_comes_first_and_ties_by_id(self, table):
        assert table.index.tolist() == ["c", "a", "b"]
        assert table["rank"].tolist() == [1, 2, 3]

    def test_means_and_shares(self, table):
        assert table["claims"].tolist() == [4, 4, 4]
        assert table["mean_score"].tolist() == [8, 2, 2]
        assert table["mean_percentile"].tolist() == [80, 20, 20]
        assert table["top_share"].tolist() == [1, 0, 0]
        assert table["excess_amount"].tolist() == [10, 10, 10]
        assert table["top_share_low"].tolist() == pytest.approx([0.5101, 0, 0], abs=1e-4)
        assert table["top_share_high"].tolist() == pytest.approx([1, 0.4899, 0.4899], abs=1e-4)

    def test_against_the_peers(self, table):
        within, between = 4 / 9, 12 - 1 / 9
        trusted = 4 * between / (4 * between + within)
        shrunken = [2 + trusted * 6, 5 - trusted * 3, 5 - trusted * 3]
        assert set(table["peers"]) == {"2 other providers"}
        assert table["peer_mean"].tolist() == [2, 5, 5]
        assert table["shrunken_mean"].tolist() == pytest.approx(shrunken)
        above = (np.array(shrunken) - [2, 5, 5]) / np.sqrt(between)
        assert table["versus_peers"].tolist() == pytest.approx(above.tolist())

    def test_shares_without_spread_within_are_as_they_are(self, table):
        assert table["shrunken_top_share"].tolist() == pytest.approx([1, 0, 0])

    def test_drivers_are_the_columns_that_add_more_than_among_the_peers(self, table):
        assert table.loc["c", ["driver_1", "driver_2", "driver_3"]].tolist() == [
            "code adds 7.00 to a claim's score on average; 2.00 among peers",
            "claim_amount adds 1.00 to a claim's score on average; 0.00 among peers",
            None,
        ]
        assert table.loc["a", "driver_1"] is None


class TestPrices:
    # Three providers of 30 claims of one code, amounts 100, 100 and 150.
    @pytest.fixture
    def claims(self, columns) -> pd.DataFrame:
        claims = billed(columns, code=[[0.0] * 30] * 3)
        return claims.assign(claim_amount=np.repeat([100.0, 100.0, 150.0], 30))

    def priced(self, claims: pd.DataFrame, columns: Columns) -> pd.DataFrame:
        prices = Prices.of(price_sums(claims, columns, ["code"]))
        return table_of(claims, columns, prices=prices).set_index("provider_id")

    def test_the_dearest_is_first_and_says_so(self, claims, columns):
        table = self.priced(claims, columns)
        assert table.index.tolist() == ["c", "a", "b"]
        # Each is compared with the others: c is 1.5 times them, and they are not 1.5 times below but for its share.
        below = 1 / np.sqrt(1.5)
        own = np.array([1.5, below, below])
        assert table["price_level"].tolist() == pytest.approx((own / [below, *[np.sqrt(1.5 * below)] * 2]).tolist())
        assert table.loc["c", "driver_1"] == "bills 1.84 times what its peers bill for the same code (30 claims)"
        assert table.loc["a", "driver_1"] is None

    def test_what_claims_surprise_still_counts(self, claims, columns):
        claims.loc[claims["provider_id"] == "a", "fraud_score"] = np.arange(30.0)
        claims.loc[claims["provider_id"] == "c", "claim_amount"] = 101.0
        assert self.priced(claims, columns).index[0] == "a"

    def test_nothing_is_said_without_a_positive_amount_or_enough_claims_of_others(self, claims, columns):
        empty = self.priced(claims.assign(claim_amount=[0.0, np.nan, -5.0] * 30), columns)
        few = self.priced(claims[claims.groupby("provider_id").cumcount() < 14], columns)
        for table in (empty, few):
            assert table[["price_level", "price_versus_peers"]].isna().all(axis=None)

    def test_the_code_within_which_amounts_vary_least_is_compared(self, many_claims, columns):
        by_code = many_claims["code"].map({"x": 10.0, "y": 100.0, "z": 1000.0})
        claims = many_claims.assign(claim_amount=by_code)
        prices = Prices.of(price_sums(claims, columns, ["specialty", "code"]))
        assert prices.code == "code"
        assert prices.claims.to_dict() == claims["code"].value_counts().to_dict()

    def test_sums_of_parts_are_those_of_the_whole(self, many_claims, columns):
        parts = (many_claims.iloc[:700], many_claims.iloc[700:])
        one, other = (price_sums(part, columns, ["code", "region"]) for part in parts)
        assert added(one, other) == added(other, one) == price_sums(many_claims, columns, ["code", "region"])

    def test_a_missing_code_is_compared_with_nothing(self, claims, columns):
        claims.loc[claims["provider_id"] == "c", "code"] = None
        table = self.priced(claims, columns)
        assert np.isnan(table.loc["c", "price_level"])
        assert table.loc["a", "price_level"] == pytest.approx(1.0)


class TestProviderTable:
    def test_columns_are_those_of_the_schema_and_hold_to_the_contract(self, many_claims, columns):
        table = table_of(many_claims, columns)
        assert list(table) == provider_scores_schema(columns, PEER_COLUMNS).names
        assert list(table)[:3] == ["provider_id", "specialty", "region"]
        ProviderScores.validate(table.astype({"aggregate_score": float, "aggregate_percentile": float}))

    def test_the_contract_names_the_columns_of_the_schema(self):
        assert list(ProviderScores.to_schema().columns) == [name for name, *_ in FIELDS]

    def test_who_surprises_most_is_first_and_why(self, many_claims, columns):
        first = table_of(many_claims, columns).iloc[0]
        assert first["provider_id"] == "d00"
        assert first["driver_1"].startswith("code adds 3.")
        assert first["peers"] == "12 other providers of specialty eye and region north"

    def test_drivers_add_more_than_among_the_peers_the_most_first(self, many_claims, columns):
        drivers = table_of(many_claims, columns)[["driver_1", "driver_2", "driver_3"]]
        more = drivers.map(surplus)
        assert (more.fillna(np.inf) >= 0).all(axis=None)
        assert (more["driver_1"] >= more["driver_2"] - 0.01).where(more["driver_2"].notna(), True).all()

    def test_the_order_of_the_providers_has_no_say(self, many_claims, columns):
        summaries = summarise_providers(many_claims, columns, PEER_COLUMNS)
        aggregates = pd.DataFrame(None, summaries.index, NOT_JUDGED)
        whole, _ = provider_table(summaries, aggregates, columns, PEER_COLUMNS, 10)
        shuffled = summaries.sample(frac=1, random_state=0)
        again, _ = provider_table(shuffled, aggregates, columns, PEER_COLUMNS, 10)
        pd.testing.assert_frame_equal(again, whole, check_exact=True)

    def test_aggregate_scores_are_those_of_the_provider(self, many_claims, columns):
        summaries = summarise_providers(many_claims, columns, ()).sample(frac=1, random_state=0)
        aggregates = pd.DataFrame(None, summaries.index, NOT_JUDGED).assign(aggregate_score=summaries["claims"])
        table, _ = provider_table(summaries, aggregates, columns, (), 10)
        assert table["aggregate_score"].tolist() == table["claims"].tolist()

    def test_figures_of_all(self, many_claims, columns):
        summaries = summarise_providers(many_claims, columns, ())
        _, figures = provider_table(summaries, pd.DataFrame(None, summaries.index, NOT_JUDGED), columns, (), 10)
        assert figures["n"] == 60
        assert figures["n_claims"] == len(many_claims)
        assert 0 < figures["mean_score_deviation"] < 3

    def test_one_provider_is_as_its_peers_there_being_none(self, columns):
        table = table_of(billed(columns, code=[[1.0, 2.0]]), columns)
        assert table["peers"].tolist() == ["no other provider"]
        assert table["versus_peers"].tolist() == [0.0]
        assert table["shrunken_mean"].tolist() == [1.5]

    def test_leaves_its_inputs_alone(self, many_claims, columns):
        summaries = summarise_providers(many_claims, columns, PEER_COLUMNS)
        aggregates = pd.DataFrame(None, summaries.index, NOT_JUDGED)
        before = summaries.copy(), aggregates.copy()
        provider_table(summaries, aggregates, columns, PEER_COLUMNS, 10)
        pd.testing.assert_frame_equal(summaries, before[0])
        pd.testing.assert_frame_equal(aggregates, before[1])
