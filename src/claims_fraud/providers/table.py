"""`provider_scores`, field by field: providers ranked by how much more their claims surprise than those of their peers.

Not for claims: see `claims_fraud.scores`. Not for reading or writing: the catalog does that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from claims_fraud.claims import Columns
from claims_fraud.claims.columns import OUTPUT_PREFIX
from claims_fraud.claims.tables import described
from claims_fraud.providers.aggregates import AGGREGATE_FIELDS
from claims_fraud.providers.estimates import Floats, Spread, shrunken, wilson_interval
from claims_fraud.providers.peers import Peers, find_peers
from claims_fraud.providers.summary import CLAIMS, EXCESS, SCORES, identity_fields

DRIVERS = ("driver_1", "driver_2", "driver_3")
# Name, type and description, in order, beside who the provider is.
FIELDS = (
    ("rank", pa.int64(), "Place, 1 the most suspicious"),
    CLAIMS,
    *SCORES,
    ("top_share_low", pa.float64(), "Lower end of the 95 % interval of top_share"),
    ("top_share_high", pa.float64(), "Upper end of the 95 % interval of top_share"),
    ("shrunken_top_share", pa.float64(), "top_share drawn towards that of the peers the fewer claims there are"),
    ("shrunken_mean", pa.float64(), "mean_score drawn towards that of the peers the fewer claims there are"),
    ("peers", pa.string(), "The providers that it is compared with"),
    ("peer_mean", pa.float64(), "Mean fraud_score of the peers' claims"),
    ("versus_peers", pa.float64(), "How far shrunken_mean is above peer_mean, in standard deviations among providers"),
    EXCESS,
    *((name, pa.string(), "A column that adds more to the scores than among the peers") for name in DRIVERS),
    *AGGREGATE_FIELDS,
)
# What a difference has to be to be seen in two decimals.
VISIBLE = 0.005


def provider_scores_schema(columns: Columns, peer_columns: Sequence[str]) -> pa.Schema:
    """Return the schema of `provider_scores`, in the order of its columns."""
    who, *kinds = identity_fields(columns, peer_columns)
    return pa.schema([who, *kinds, *(described(*field) for field in FIELDS)])


def provider_table(
    summaries: pd.DataFrame,
    aggregate_scores: pd.DataFrame,
    columns: Columns,
    peer_columns: Sequence[str],
    min_peers: int,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return `provider_scores`, the most suspicious provider first, ties by provider id, and figures of all of them.

    Parameters
    ----------
    summaries : DataFrame of shape (n, ...)
        What `summarise_providers` made, in any order.
    aggregate_scores : DataFrame of shape (n, ...)
        What `score_aggregates` made of them, on their index.
    columns : Columns
        Roles.
    peer_columns : sequence of str
        What peers have in common, from what matters most to what matters least.
    min_peers : int
        Other providers that a group of peers has at least.
    """
    # In one order, so that sums are the same whatever order the providers came in.
    summaries = summaries.sort_values(columns.provider_id)
    surprises = list(columns.surprises)
    peers = find_peers(summaries, ["mean_score", "top_share", *surprises], peer_columns, min_peers)
    counts = summaries["claims"].to_numpy(dtype=float)
    score, share = summaries["mean_score"].to_numpy(), summaries["top_share"].to_numpy()
    peer_mean = peers.means["mean_score"].to_numpy()
    shrunken_mean, deviation = _shrunken(score, counts, summaries["score_squares"].to_numpy(), peers, peer_mean)
    squares = counts * share * (1 - share)
    shrunken_share, _ = _shrunken(share, counts, squares, peers, peers.means["top_share"].to_numpy())
    low, high = wilson_interval(share, counts)
    table = summaries.assign(
        top_share_low=low,
        top_share_high=high,
        shrunken_top_share=shrunken_share,
        shrunken_mean=shrunken_mean,
        peers=peers.words,
        peer_mean=peer_mean,
        versus_peers=(shrunken_mean - peer_mean) / deviation if deviation else 0.0,
        **_drivers(summaries[surprises], peers),
        **aggregate_scores,
    )
    table = table.sort_values(["versus_peers", columns.provider_id], ascending=[False, True], ignore_index=True)
    figures = {"n": len(table), "n_claims": int(counts.sum()), "mean_score_deviation": deviation}
    table = table.assign(rank=range(1, len(table) + 1))
    return table[provider_scores_schema(columns, peer_columns).names], figures


def _shrunken(own: Floats, counts: Floats, squares: Floats, peers: Peers, peer_means: Floats) -> tuple[Floats, float]:
    """Return means drawn towards those of the peers, and the standard deviation among providers."""
    spread = Spread.fit(own, counts, squares, peers, peer_means)
    return shrunken(own, peer_means, spread.credibility(counts)), math.sqrt(spread.between)


def _drivers(surprises: pd.DataFrame, peers: Peers) -> dict[str, pd.Series]:
    """Return sentences on the columns whose mean surprise exceeds that of the peers most, None where there is none."""
    names = [str(name).removeprefix(OUTPUT_PREFIX) for name in surprises]
    own, others = surprises.to_numpy(), peers.means[list(surprises)].to_numpy()
    more = own - others
    places = np.argsort(-more, axis=1, kind="stable")[:, : len(DRIVERS)]
    sentences = np.full((len(own), len(DRIVERS)), None, dtype=object)
    for row, order in enumerate(places):
        for place, column in enumerate(order):
            if more[row, column] >= VISIBLE:
                sentences[row, place] = (
                    f"{names[column]} adds {own[row, column]:.2f} to a claim's score on average; "
                    f"{others[row, column]:.2f} among peers"
                )
    return {name: pd.Series(sentences[:, place], surprises.index) for place, name in enumerate(DRIVERS)}
