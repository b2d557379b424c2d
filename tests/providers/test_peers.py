"""Who a provider's peers are, and what they are like without it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from claims_fraud.providers.peers import find_peers

PROVIDERS = pd.DataFrame(
    {
        "claims": [10, 30, 20, 5, 1],
        "specialty": ["eye", "eye", "eye", "ear", None],
        "region": ["north", "north", "south", "south", "south"],
        "mean_score": [1.0, 2.0, 4.0, 8.0, 16.0],
    },
    index=list("abcde"),
)
BY_BOTH = ("specialty", "region")


def peers(least: int, peer_columns: tuple[str, ...] = BY_BOTH, providers: pd.DataFrame = PROVIDERS):
    return find_peers(providers, ["mean_score"], peer_columns, least)


class TestFindPeers:
    def test_those_that_agree_in_all_or_else_in_fewer_columns(self):
        assert peers(1).words.tolist() == [
            "1 other provider of specialty eye and region north",
            "1 other provider of specialty eye and region north",
            "2 other providers of specialty eye",
            "4 other providers",
            "4 other providers",
        ]

    def test_too_few_give_way_to_more(self):
        assert peers(2).words.tolist() == [*["2 other providers of specialty eye"] * 3, *["4 other providers"] * 2]
        assert set(peers(3).words) == {"4 other providers"}

    def test_without_columns_all_are_peers(self):
        assert set(peers(10, ()).words) == {"4 other providers"}

    def test_means_are_over_their_claims_and_leave_out_the_providers_own(self):
        assert peers(1).means["mean_score"].tolist() == pytest.approx(
            [2.0, 1.0, (10 * 1 + 30 * 2) / 40, (10 + 60 + 80 + 16) / 61, (10 + 60 + 80 + 40) / 65]
        )
        assert peers(1).claims.tolist() == [30, 10, 40, 61, 65]

    def test_how_evenly_their_claims_are_spread(self):
        assert peers(1).squares.tolist() == pytest.approx(
            [1, 1, (10**2 + 30**2) / 40**2, (100 + 900 + 400 + 1) / 61**2, (100 + 900 + 400 + 25) / 65**2]
        )

    def test_a_provider_without_others_is_compared_with_itself(self):
        alone = peers(1, providers=PROVIDERS.head(1))
        assert alone.words.tolist() == ["no other provider"]
        assert alone.claims.tolist() == [0]
        assert alone.squares.tolist() == [0]
        assert alone.means["mean_score"].tolist() == [1.0]

    def test_the_order_has_no_say(self):
        backwards = peers(1, providers=PROVIDERS.iloc[::-1])
        assert backwards.words[::-1].tolist() == peers(1).words.tolist()
        np.testing.assert_allclose(backwards.means["mean_score"][::-1], peers(1).means["mean_score"])
