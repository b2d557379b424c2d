"""From counts by group to figures of each group, and of each group against the others and against the highest.

Not for counting: see ``counts``; nor for what is shown of it: reports leave out small cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from claims_fraud.claims.columns import OUTPUT_PREFIX
from claims_fraud.errors import listed, nearest
from claims_fraud.fairness.counts import SCORE, GroupCounts
from claims_fraud.fairness.grid import distances, quantile_steps
from claims_fraud.fairness.groups import CROSS
from claims_fraud.fairness.intervals import difference_interval, p_values, ratio_interval, share_interval
from claims_fraud.fairness.verdicts import WORST_FIRST, Rules
from claims_fraud.multiple_tests import holm

OTHERS = "all others"
NO_GROUPS = pd.DataFrame({"n": [], "flagged": []}, dtype="int64")
QUANTILES = {"score_p50": 0.5, "score_p90": 0.9, "score_p99": 0.99}
# Columns that are named as what drives a group's scores, and what a difference has to be to be worth a word.
MOST_DRIVERS, VISIBLE = 3, 0.01


def group_metrics(counts: GroupCounts, score_means: np.ndarray) -> pd.DataFrame:
    """Return the figures of an attribute's groups, a row a group, in the order of ``counts``.

    Parameters
    ----------
    counts : GroupCounts
        With steps.
    score_means : array of shape (STEPS,)
        Mean score of all rows in each step.

    Returns
    -------
    DataFrame of shape (groups, ...)
        ``n``, ``flagged``, ``flag_rate`` with its interval; ``mean_score``, ``score_p50``, ``score_p90``, ``score_p99``
        (each the mean score of the step of the grid in which the quantile lies); ``top``, and ``top_share``, its part
        of all of them; ``ks`` and ``ks_error``, see `claims_fraud.fairness.grid.distances`; and where outcomes are
        known ``known``, ``fraud``, ``true_positive_rate``, ``false_positive_rate`` and ``precision`` among these rows.
    """
    table = counts.table
    found = table[["n", "flagged"]].copy()
    some, of = (table[name].to_numpy() for name in ("flagged", "n"))
    found["flag_rate"], found["flag_rate_low"], found["flag_rate_high"] = share_interval(some, of)
    found["mean_score"] = table[SCORE] / table["n"]
    for name, level in QUANTILES.items():
        found[name] = score_means[quantile_steps(counts.steps, level)]
    found["top"] = table["top"]
    found["top_share"] = table["top"] / max(table["top"].sum(), 1)
    found["ks"], found["ks_error"] = distances(counts.steps)
    return found if not table["known"].any() else found.assign(**_outcome_metrics(table))


def drivers(counts: GroupCounts, surprises: Sequence[str]) -> dict[str, list[dict[str, float | str]]]:
    """Return by group the columns that add more to its scores than to those of all others, the most first.

    Scores are sums of the columns' surprises, so the differences of the means add up to that of the scores.
    """
    table = counts.table
    sums, rows = table[list(surprises)].to_numpy(dtype=float), table[["n"]].to_numpy(dtype=float)
    own = sums / rows
    others = (sums.sum(axis=0) - sums) / np.maximum(rows.sum() - rows, 1)
    more = own - others
    order = np.argsort(-more, axis=1, kind="stable")[:, :MOST_DRIVERS]
    return {
        group: [
            {
                "column": surprises[place].removeprefix(OUTPUT_PREFIX),
                "adds": float(own[row, place]),
                "adds_to_others": float(others[row, place]),
            }
            for place in order[row]
            if more[row, place] >= VISIBLE
        ]
        for row, group in enumerate(table.index)
    }


def compared(
    attributes: Mapping[str, GroupCounts],
    pairs: Mapping[str, GroupCounts],
    periods: Mapping[str, GroupCounts],
    rules: Rules,
    references: Mapping[str, str],
) -> pd.DataFrame:
    """Return every comparison with its verdict, the worst first.

    Groups of an attribute are compared with all others, and with the group that has the highest flag rate, of those
    that are large enough, or the one named in ``references``. Intersections are compared with all others, and groups
    within a period with all others of that period.

    P-values are adjusted by Holm's procedure for all comparisons of a kind, and for there being several kinds. The
    highest group is picked by what is tested, so that as many hypotheses are counted as there are pairs of groups.
    """
    families = [
        _family([_against_others(name, counts) for name, counts in attributes.items()], rules),
        _family([_against_one(name, counts, rules, references) for name, counts in attributes.items()], rules),
        _family([_against_others(name, counts) for name, counts in pairs.items()], rules),
        _family([_against_others_then(name, counts) for name, counts in periods.items()], rules),
    ]
    tested = [family for family in families if family["p_adjusted"].notna().any()]
    # Without the empty ones, whose types are not known.
    table = pd.concat([family for family in families if len(family)] or families[:1], ignore_index=True)
    table["p_adjusted"] = np.minimum(table["p_adjusted"] * len(tested), 1.0)
    table["verdict"] = rules.verdicts(table)
    order = table["verdict"].map({verdict: place for place, verdict in enumerate(WORST_FIRST)})
    keys = table.assign(order=order).sort_values(["order", "p", "attribute", "group", "reference"])
    return table.loc[keys.index].reset_index(drop=True)


def check_reference(name: str, groups: Sequence[str], reference: str | None) -> str | None:
    """Return why an attribute cannot be compared with this group, or None if it can."""
    if reference is None or reference in groups:
        return None
    return (
        f"there is no group {reference!r} of {name} to compare with; the groups are {listed(groups, 40)}."
        f"{nearest(reference, groups)}"
    )


def _outcome_metrics(table: pd.DataFrame) -> dict[str, pd.Series]:
    honest, honest_flagged = table["known"] - table["fraud"], table["known_flagged"] - table["fraud_flagged"]
    return {
        "known": table["known"],
        "fraud": table["fraud"],
        "true_positive_rate": _share(table["fraud_flagged"], table["fraud"]),
        "false_positive_rate": _share(honest_flagged, honest),
        "precision": _share(table["fraud_flagged"], table["known_flagged"]),
    }


def _share(some: pd.Series, of: pd.Series) -> pd.Series:
    return some / of.where(of > 0)


def _against_others(name: str, counts: GroupCounts) -> pd.DataFrame:
    table = counts.table[["n", "flagged"]]
    others = table.sum() - table
    pairs = _pairs(name, table, OTHERS, others["n"].to_numpy(), others["flagged"].to_numpy())
    return pairs.assign(hypotheses=len(pairs))


def _against_others_then(name: str, counts: GroupCounts) -> pd.DataFrame:
    table = counts.table[["n", "flagged"]]
    period = table.index.str.split(CROSS, n=1).str[0]
    others = table.groupby(period).transform("sum") - table
    pairs = _pairs(name, table, f"{OTHERS} of " + period, others["n"].to_numpy(), others["flagged"].to_numpy())
    pairs = pairs[pairs["reference_n"] > 0]  # a period with a single group has no others
    return pairs.assign(hypotheses=len(pairs))


def _against_one(name: str, counts: GroupCounts, rules: Rules, references: Mapping[str, str]) -> pd.DataFrame:
    table = counts.table[["n", "flagged"]]
    # Those that can be judged, as far as their own size goes.
    expected = table["n"] * table["flagged"].sum() / table["n"].sum()
    large = table[(table["n"] >= rules.minimum_group_size) & (expected >= rules.minimum_expected_flags)]
    named = references.get(name)
    one = named or str((large["flagged"] / large["n"]).idxmax() if len(large) else table.index[0])
    rest = table.drop(index=one)
    pairs = _pairs(name, rest, one, *table.loc[one])
    return pairs.assign(hypotheses=len(rest) if named else len(large) * (len(large) - 1) // 2)


def _pairs(name: str, table: pd.DataFrame, reference: Any, reference_n: Any, reference_flagged: Any) -> pd.DataFrame:
    return table.reset_index(names="group").assign(
        attribute=name, reference=reference, reference_n=reference_n, reference_flagged=reference_flagged
    )


def _family(pieces: list[pd.DataFrame], rules: Rules) -> pd.DataFrame:
    """Return comparisons of a kind with their figures; ``p_adjusted`` is corrected for all of them."""
    table = pd.concat(pieces or [_pairs("", NO_GROUPS, OTHERS, 0, 0)], ignore_index=True)
    hypotheses = int(sum(piece["hypotheses"].iloc[0] for piece in pieces if len(piece)))
    counts = [table[name].to_numpy() for name in ("flagged", "n", "reference_flagged", "reference_n")]
    table["flag_rate"], table["flag_rate_low"], table["flag_rate_high"] = share_interval(*counts[:2])
    table["difference"], table["difference_low"], table["difference_high"] = difference_interval(*counts)
    table["ratio"], table["ratio_low"], table["ratio_high"] = ratio_interval(*counts)
    enough, p = rules.enough(table), np.full(len(table), np.nan)
    p[enough] = p_values(*(count[enough] for count in counts))
    table["p"], table["p_adjusted"] = p, holm(p, max(hypotheses, int(enough.sum())))
    return table
