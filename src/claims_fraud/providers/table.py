"""`provider_scores`, field by field: providers ranked by how far their claims' scores or prices exceed their peers'.

Not for claims: see `claims_fraud.scores`. Not for reading or writing: the catalog does that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from claims_fraud.claims import Columns
from claims_fraud.claims.columns import OUTPUT_PREFIX
from claims_fraud.claims.tables import described
from claims_fraud.providers.aggregates import AGGREGATE_FIELDS
from claims_fraud.providers.estimates import Floats, Spread, shrunken, wilson_interval
from claims_fraud.providers.peers import Peers, find_peers
from claims_fraud.providers.summary import CLAIMS, EXCESS, SCORES, identity_fields, provider_column

Bools = npt.NDArray[np.bool_]

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
    (
        "price_level",
        pa.float64(),
        "How many times what its peers bill it bills for the same codes; null where unknown",
    ),
    (
        "price_versus_peers",
        pa.float64(),
        "How far the log of price_level is above 0, less what few claims show by chance, in standard deviations "
        "among providers, or in units of 0.05 where these are less",
    ),
    EXCESS,
    *(
        (
            name,
            pa.string(),
            "What is higher than among the peers: prices, or what a column to the scores than among the peers",
        )
        for name in DRIVERS
    ),
    *AGGREGATE_FIELDS,
)
# Where all bill by the same list, a few per cent more are no matter: the least unit of log prices.
LEAST_PRICE_DEVIATION = 0.05
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
    summaries = summaries.sort_values(provider_column(columns))
    surprises = list(columns.surprises)
    peers = find_peers(summaries, ["mean_score", "top_share", *surprises], peer_columns, min_peers)
    counts = summaries["claims"].to_numpy(dtype=float)
    score, share = summaries["mean_score"].to_numpy(), summaries["top_share"].to_numpy()
    peer_mean = peers.means["mean_score"].to_numpy()
    shrunken_mean, deviation = _shrunken(score, counts, summaries["score_squares"].to_numpy(), peers, peer_mean)
    squares = counts * share * (1 - share)
    shrunken_share, _ = _shrunken(share, counts, squares, peers, peers.means["top_share"].to_numpy())
    low, high = wilson_interval(share, counts)
    versus_peers = (shrunken_mean - peer_mean) / deviation if deviation else np.zeros(len(counts))
    level, price_versus_peers = _price_levels(summaries, peer_columns, min_peers)
    suspicion = np.fmax(versus_peers, price_versus_peers)
    table = summaries.assign(
        top_share_low=low,
        top_share_high=high,
        shrunken_top_share=shrunken_share,
        shrunken_mean=shrunken_mean,
        peers=peers.words,
        peer_mean=peer_mean,
        versus_peers=versus_peers,
        price_level=level,
        price_versus_peers=price_versus_peers,
        **_drivers(summaries, surprises, peers, price_versus_peers > versus_peers, level),
        **aggregate_scores,
    )
    table = table.assign(suspicion=suspicion)
    table = table.sort_values(["suspicion", provider_column(columns)], ascending=[False, True], ignore_index=True)
    figures = {"n": len(table), "n_claims": int(counts.sum()), "mean_score_deviation": deviation}
    table = table.assign(rank=range(1, len(table) + 1))
    return table[provider_scores_schema(columns, peer_columns).names], figures


def _shrunken(own: Floats, counts: Floats, squares: Floats, peers: Peers, peer_means: Floats) -> tuple[Floats, float]:
    """Return means drawn towards those of the peers, and the standard deviation among providers."""
    spread = Spread.fit(own, counts, squares, peers, peer_means)
    return shrunken(own, peer_means, spread.credibility(counts)), math.sqrt(spread.between)


def _price_levels(summaries: pd.DataFrame, peer_columns: Sequence[str], least: int) -> tuple[Floats, Floats]:
    """Return how many times as much as its peers each provider bills, and that in deviations; NaN where unknown.

    The codes that are compared say what kind of provider bills them, so of the peer columns the last matters most here:
    that prices differ between regions is what the codes do not tell.
    """
    level, versus_peers = np.full(len(summaries), np.nan), np.full(len(summaries), np.nan)
    priced = summaries["priced_claims"].to_numpy() > 0
    if not priced.any():
        return level, versus_peers
    known = summaries[priced].assign(claims=summaries["priced_claims"])
    peers = find_peers(known, ["price_above"], peer_columns[::-1], least)
    own, usual = known["price_above"].to_numpy(), peers.means["price_above"].to_numpy()
    counts, squares = known["claims"].to_numpy(dtype=float), known["price_squares"].to_numpy()
    drawn, deviation = _shrunken(own, counts, squares, peers, usual)
    level[priced] = np.exp(own - usual)
    versus_peers[priced] = (drawn - usual) / max(deviation, LEAST_PRICE_DEVIATION)
    return level, versus_peers


def _drivers(
    summaries: pd.DataFrame, surprises: Sequence[str], peers: Peers, dearer: Bools, level: Floats
) -> dict[str, pd.Series]:
    """Return sentences on what exceeds the peers most, None where there is nothing more to say.

    First the prices of those that are ``dearer`` than they are odd, then the columns by how much their mean surprise
    exceeds that of the peers.
    """
    names = [name.removeprefix(OUTPUT_PREFIX) for name in surprises]
    own, others = summaries[list(surprises)].to_numpy(), peers.means[list(surprises)].to_numpy()
    more = own - others
    codes, priced = summaries["price_code"].to_numpy(), summaries["priced_claims"].to_numpy()
    sentences = np.full((len(own), len(DRIVERS)), None, dtype=object)
    for row, order in enumerate(np.argsort(-more, axis=1, kind="stable")):
        told = [
            f"{names[column]} adds {own[row, column]:.2f} to a claim's score on average; "
            f"{others[row, column]:.2f} among peers"
            for column in order[: len(DRIVERS)]
            if more[row, column] >= VISIBLE
        ]
        if dearer[row] and level[row] >= 1 + VISIBLE:
            claims = f"{priced[row]:,} claim{'' if priced[row] == 1 else 's'}"
            told.insert(0, f"bills {level[row]:.2f} times what its peers bill for the same {codes[row]} ({claims})")
        sentences[row, : min(len(told), len(DRIVERS))] = told[: len(DRIVERS)]
    return {name: pd.Series(sentences[:, place], summaries.index) for place, name in enumerate(DRIVERS)}
