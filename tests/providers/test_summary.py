"""A row a provider, made of its own claims alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from claims_fraud.claims import Columns
from claims_fraud.providers import summarise_providers, summary_inputs, summary_schema
from claims_fraud.providers.summary import aggregate_columns

PEER_COLUMNS = ("specialty", "region")


@pytest.fixture
def summary(claims, columns) -> pd.DataFrame:
    return summarise_providers(claims, columns, PEER_COLUMNS).set_index("provider_id")


class TestSummariseProviders:
    def test_claims_without_a_provider_are_left_out(self, summary):
        assert summary.index.tolist() == ["d", "e"]
        assert summary["claims"].tolist() == [3, 1]

    def test_means_over_the_claims(self, summary):
        means = ["mean_score", "mean_percentile", "top_share", "surprise_code", "surprise_claim_amount"]
        assert summary.loc["d", means].tolist() == pytest.approx([2.0, 76.5, 1 / 3, 0.5, 1.5])
        assert summary.loc["e", means].tolist() == pytest.approx([4.0, 99.9, 1.0, 4.0, 0.0])

    def test_how_much_the_scores_differ(self, summary):
        assert summary["score_squares"].tolist() == pytest.approx([2.0, 0.0])

    def test_the_excess_is_a_sum_and_null_where_no_amount_is_known(self, summary):
        assert summary.loc["d", "excess_amount"] == 150.0
        assert np.isnan(summary.loc["e", "excess_amount"])

    def test_the_kind_is_the_most_common_value_and_of_equally_common_ones_the_smallest(self, summary):
        assert summary.loc["d", ["specialty", "region"]].tolist() == ["eye", "north"]
        assert pd.isna(summary.loc["e", "specialty"])
        assert summary.loc["e", "region"] == "north"

    def test_aggregates(self, summary, columns):
        assert summary.loc["d", list(aggregate_columns(columns, PEER_COLUMNS))].to_dict() == pytest.approx(
            {
                "patients": 2,
                "claims_per_patient": 1.5,
                "claims_on_busiest_day": 2,
                "weekend_share": 1 / 3,
                "claim_amount_total": 400,
                "claim_amount_median": 200,
                "claim_amount_p90": 280,
                "claim_amount_mean": 200,
                "age_mean": 40,
                "code_different": 2,
                "code_most_common": 2 / 3,
            }
        )

    def test_an_aggregate_of_nothing_is_null(self, summary):
        nothing = ["claims_per_patient", "claim_amount_median", "claim_amount_mean", "code_most_common"]
        assert summary.loc["e", nothing].isna().all()
        assert summary.loc["e", ["patients", "code_different"]].tolist() == [0, 0]

    def test_columns_are_those_of_the_schema(self, claims, columns):
        schema = summary_schema(columns, PEER_COLUMNS)
        found = summarise_providers(claims[summary_inputs(columns)], columns, PEER_COLUMNS)
        assert list(found) == schema.names
        pa.Table.from_pandas(found, schema=schema, preserve_index=False)

    def test_of_no_claims_there_are_the_columns(self, claims, columns):
        found = summarise_providers(claims.head(0), columns, PEER_COLUMNS)
        assert (len(found), list(found)) == (0, summary_schema(columns, PEER_COLUMNS).names)

    def test_without_amount_there_is_none_of_it(self, claims, columns):
        without = Columns(claim_amount=None, procedure=None, categorical=("code",), numeric=("age",), protected=[])
        found = summarise_providers(claims.assign(surprise_age=0.0), without, ())
        assert not [name for name in found if "claim_amount" in name]

    def test_leaves_its_input_alone(self, claims, columns):
        before = claims.copy()
        summarise_providers(claims, columns, PEER_COLUMNS)
        pd.testing.assert_frame_equal(claims, before)

    @pytest.mark.parametrize("seed", range(3))
    def test_neither_order_nor_batches_have_a_say(self, many_claims, columns, seed):
        whole = summarise_providers(many_claims, columns, PEER_COLUMNS)
        shuffled = many_claims.sample(frac=1, random_state=seed)
        pd.testing.assert_frame_equal(summarise_providers(shuffled, columns, PEER_COLUMNS), whole, check_exact=True)
        batch = shuffled["provider_id"].map(hash) % 4
        parts = [summarise_providers(part, columns, PEER_COLUMNS) for _, part in shuffled.groupby(batch)]
        together = pd.concat(parts).sort_values("provider_id", ignore_index=True)
        pd.testing.assert_frame_equal(together, whole, check_exact=True)

    def test_counts_and_amounts_add_up(self, many_claims, columns):
        whole = summarise_providers(many_claims, columns, PEER_COLUMNS)
        assert whole["claims"].sum() == len(many_claims)
        assert whole["excess_amount"].sum() == pytest.approx(many_claims["excess_amount"].sum())
        assert (whole["claims"] * whole["mean_score"]).sum() == pytest.approx(many_claims["fraud_score"].sum())
        assert (whole["claims"] * whole["top_share"]).sum() == pytest.approx(many_claims["flagged"].sum())

    def test_every_column_has_a_description(self, columns):
        assert all(field.metadata[b"comment"] for field in summary_schema(columns, PEER_COLUMNS))
