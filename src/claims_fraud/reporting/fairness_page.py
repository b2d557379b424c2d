"""The report of the fairness analysis, for people who may share it: no small cell is shown or follows from what is.

Not for finding anything: `fairness_results` has it all, small cells included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from claims_fraud.errors import listed
from claims_fraud.fairness.comparisons import OTHERS
from claims_fraud.fairness.verdicts import BIASED, INCONCLUSIVE, INSUFFICIENT, WORST_FIRST
from claims_fraud.reporting.page import Section, report_page
from claims_fraud.reporting.small_cells import hidden_rows

# The worst of them; the others are in `bias_summary`.
MOST_GROUPS = 40
MOST_IN_FIGURE = 30
MOST_PERIODS = 12
COLORS = {BIASED: "#b3261e", INCONCLUSIVE: "#c77700", "fair": "#2e7d32", INSUFFICIENT: "#7a828c"}
RATIOS = ["ratio_others", "low_others", "high_others", "ratio_one", "low_one", "high_one"]
OUTCOMES = {
    "true_positive_rate": "fraud that is flagged, %",
    "false_positive_rate": "other claims that are flagged, %",
    "precision": "fraud among the flagged, %",
}

Results = Mapping[str, Any]


def fairness_page(results: Results, figure: go.Figure, small_cell: int) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    results : mapping
        `fairness_results`.
    figure : plotly Figure
        What `flag_rate_figure` makes of them.
    small_cell : int
        Counts below it are neither shown nor given away.
    """
    analysed = {name: found for name, found in results["attributes"].items() if "error" not in found}
    sections = [
        Section("How to read it", _reading(results["rules"])),
        Section(
            "Flag rates",
            f"Share of each group's claims that are flagged, with 95 % intervals; the worst {MOST_IN_FIGURE} groups.",
            figure=figure,
        ),
        *(section for name, found in analysed.items() for section in _of_attribute(name, found, small_cell)),
        *_of_intersections(results["intersections"], small_cell),
        *_over_time(results["periods"], small_cell),
        *_of_proxies(results["proxies"]),
        *_of_roles(results["roles"], small_cell),
    ]
    return report_page("Fairness between protected groups", _lead(results, small_cell), sections)


def flag_rate_figure(results: Results, small_cell: int) -> go.Figure:
    """Return the flag rate of each group with its interval, coloured by verdict, without small cells."""
    rows = [
        table.assign(label=f"{name}: " + table["group"].astype(str))
        for name, found in results["attributes"].items()
        if "error" not in found
        for table in [_shown(found, small_cell)]
    ]
    table = pd.concat(rows).dropna(subset="flag_rate") if rows else pd.DataFrame(columns=["verdict", "label"])
    order = table["verdict"].map({verdict: place for place, verdict in enumerate(WORST_FIRST)})
    table = table.loc[:].assign(order=order).sort_values("order", kind="stable").head(MOST_IN_FIGURE)
    figure = go.Figure()
    for verdict in WORST_FIRST:
        some = table[table["verdict"] == verdict]
        if len(some):
            figure.add_trace(_rates(some, verdict))
    figure.update_layout(
        xaxis={"title": "flagged, % of the group's claims", "rangemode": "tozero"},
        yaxis={"autorange": "reversed", "categoryorder": "array", "categoryarray": list(table["label"])},
        height=160 + 26 * len(table),
        margin={"l": 10, "r": 10, "t": 30, "b": 50},
        template="plotly_white",
        legend_title_text="verdict",
    )
    return figure


def _rates(table: pd.DataFrame, verdict: str) -> go.Scatter:
    rate = 100 * table["flag_rate"]
    return go.Scatter(
        x=rate.tolist(),
        y=table["label"].tolist(),
        mode="markers",
        name=verdict,
        marker={"color": COLORS[verdict], "size": 9},
        error_x={
            "type": "data",
            "array": (100 * table["flag_rate_high"] - rate).tolist(),
            "arrayminus": (rate - 100 * table["flag_rate_low"]).tolist(),
        },
    )


def _lead(results: Results, small_cell: int) -> list[str]:
    analysed = results["attributes"]
    flags = f"{results['flagged']:,} of them are flagged" if results["flagged"] is not None else "no group was counted"
    threshold = results["threshold_percentile"]
    how = "as fraud_scores says" if threshold is None else f"those above percentile {threshold:g}"
    lines = [
        f"Whether flags and scores fall more on one group of {listed(analysed) or 'no attribute'} than on another was "
        f"measured on {results['n']:,} claims; {flags} ({how})."
    ]
    lines += [f"{name}: {_verdict_in_words(found)}" for name, found in analysed.items()]
    if small_cell:
        lines.append(
            f"Counts below {small_cell} are not shown (–), nor others from which they would follow. All figures are "
            "in bias_summary and fairness_results, which are not for sharing."
        )
    return lines


def _verdict_in_words(found: Mapping[str, Any]) -> str:
    if "error" in found:
        return f"not analysed: {found['error']}."
    overall = found["overall_metrics"]
    named = [name for name, one in found["group_metrics"].items() if one["verdict"] == BIASED]
    counts = ", ".join(f"{number} {verdict}" for verdict, number in overall["verdicts"].items() if number)
    groups = f" ({listed(named, 6)})" if named else ""
    return f"{overall['verdict']}{groups}; of {overall['groups']} groups {counts}."


def _reading(rules: Mapping[str, Any]) -> str:
    return (
        "Being flagged is what a group may suffer from: somebody looks at its claims. A group is compared with all "
        "others, and with the group that is flagged most. Biased: the difference is significant at "
        f"{rules['alpha']:g} after Holm's correction for all comparisons, the rates differ by more than a factor of "
        f"{1 / rules['least_ratio']:g}, and by more than {100 * rules['min_difference']:g} percentage points. Fair: "
        "the 95 % interval of the ratio or of the difference lies within these margins. Insufficient: fewer than "
        f"{rules['minimum_group_size']} claims, or fewer than {rules['minimum_expected_flags']:g} flags to be "
        "expected. Inconclusive: anything else; more claims would tell. The factor is the four-fifths rule of US "
        "employment law where it is 1.25: a screening line, made for hiring and neither a proof of discrimination nor "
        "of its absence. "
        "What a difference is due to, this report cannot say: groups may differ in what they claim."
    )


def _shown(found: Mapping[str, Any], small_cell: int) -> pd.DataFrame:
    """Return an attribute's groups, the worst first, with what must not be shown left out."""
    table = pd.DataFrame.from_dict(found["group_metrics"], orient="index").rename_axis("group").reset_index()
    for name, against_others in (("others", True), ("one", False)):
        table = table.merge(_against(found, name, against_others), on="group", how="left")
    return _without_small_cells(table, small_cell)


def _against(found: Mapping[str, Any], name: str, against_others: bool) -> pd.DataFrame:
    """Return the ratios to all others, or to the one group, by group."""
    rows = [one for one in found["comparisons"] if (one["reference"] == OTHERS) == against_others]
    names = {"reference": f"reference_{name}", "ratio": f"ratio_{name}", "ratio_low": f"low_{name}"}
    return pd.DataFrame(rows)[["group", *names, "ratio_high"]].rename(columns={**names, "ratio_high": f"high_{name}"})


def _without_small_cells(table: pd.DataFrame, small_cell: int) -> pd.DataFrame:
    n, flagged = table["n"].to_numpy(), table["flagged"].to_numpy()
    few = hidden_rows(n[:, None], small_cell)
    # Who knows how many are flagged and how many there are, knows how many are not.
    flags = hidden_rows(np.column_stack([flagged, n - flagged]), small_cell, few)
    top = hidden_rows(table[["top"]].to_numpy(), small_cell, few)
    table = table.astype({"n": "Int64", "flagged": "Int64"})
    table.loc[flags, ["flagged", "flag_rate", "flag_rate_low", "flag_rate_high", *RATIOS]] = pd.NA
    # A ratio to a rate that is not shown would give it away.
    to_hidden = table["reference_one"].isin(set(table["group"][flags]))
    table.loc[to_hidden, RATIOS[3:]] = np.nan
    table.loc[top, "top_share"] = np.nan
    table.loc[few, ["n", "mean_score", "score_p50", "score_p90", "score_p99", "ks"]] = pd.NA
    return _without_small_outcomes(table, small_cell, few)


def _without_small_outcomes(table: pd.DataFrame, small_cell: int, few: np.ndarray) -> pd.DataFrame:
    if "known" not in table:
        return table
    known, fraud = table["known"], table["fraud"]
    caught = (table["true_positive_rate"] * fraud).fillna(0)
    wrongly = (table["false_positive_rate"] * (known - fraud)).fillna(0)
    cells = np.column_stack([caught, fraud - caught, wrongly, known - fraud - wrongly]).round().astype(np.int64)
    table.loc[hidden_rows(cells, small_cell, few), list(OUTCOMES)] = np.nan
    return table


def _of_attribute(name: str, found: Mapping[str, Any], small_cell: int) -> Iterable[Section]:
    table = _shown(found, small_cell)
    rest = f" The worst {MOST_GROUPS} of {len(table):,} groups." if len(table) > MOST_GROUPS else ""
    table = table.head(MOST_GROUPS)
    yield Section(
        name,
        "Ratios are of the group's flag rate to that of all others, and to that of one group, the one that is flagged "
        f"most unless another was named; with 95 % intervals.{rest}",
        table=_rate_table(table),
    )
    yield Section(
        f"{name}: scores",
        "Mean score, scores below which 50 % and 99 % of the group's claims lie, its share of the claims that rank "
        "first, and KS, the largest difference between the distribution of its scores and that of all others, 0 to 1.",
        table=_score_table(table),
    )
    drivers = _driver_table(found, table)
    if len(drivers):
        yield Section(
            f"{name}: what drives the scores",
            "Columns that add more to the scores of a group than to those of all others, on average. The differences "
            "of all columns add up to that of the mean scores.",
            table=drivers,
        )
    if "known" in table:
        yield Section(
            f"{name}: among claims of known outcome",
            "Only claims that somebody looked at have an outcome. Where they were chosen unevenly, these rates say as "
            "much of the choice as of the flags.",
            table=_outcome_table(table),
        )


def _rate_table(table: pd.DataFrame) -> pd.DataFrame:
    reference = table["reference_one"].dropna().iloc[0]
    return pd.DataFrame(
        {
            "group": table["group"],
            "verdict": table["verdict"],
            "claims": table["n"],
            "flagged": table["flagged"],
            "flagged, %": _interval(*(100 * table[name] for name in ("flag_rate", "flag_rate_low", "flag_rate_high"))),
            "ratio to all others": _interval(*(table[name] for name in RATIOS[:3])),
            f"ratio to {reference}": _interval(*(table[name] for name in RATIOS[3:])),
        }
    )


def _score_table(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "group": table["group"],
            "mean score": table["mean_score"].astype(float).round(2),
            "score, 50 %": table["score_p50"].astype(float).round(2),
            "score, 99 %": table["score_p99"].astype(float).round(2),
            "of the first, %": (100 * table["top_share"].astype(float)).round(0),
            "KS": table["ks"].astype(float).round(3),
        }
    )


def _outcome_table(table: pd.DataFrame) -> pd.DataFrame:
    rates = {text: (100 * table[name].astype(float)).round(1) for name, text in OUTCOMES.items()}
    return pd.DataFrame({"group": table["group"], **rates})


def _driver_table(found: Mapping[str, Any], table: pd.DataFrame) -> pd.DataFrame:
    shown = table["group"][table["n"].notna()]
    rows = [
        {
            "group": group,
            "column": driver["column"],
            "adds": round(driver["adds"], 2),
            "adds to all others": round(driver["adds_to_others"], 2),
        }
        for group in shown
        for driver in found["group_metrics"][group]["drivers"]
    ]
    return pd.DataFrame(rows)


def _of_intersections(found: Mapping[str, Any], small_cell: int) -> Iterable[Section]:
    if not found["worst"]:
        return
    table = pd.DataFrame(found["worst"])
    yield Section(
        "Two attributes at once",
        f"Each group of both compared with all other claims: {_counts(found)}. The worst are shown, without counts and "
        "intervals, from which those of a small group could be computed.",
        table=pd.DataFrame(
            {
                "attributes": table["attribute"],
                "group": table["group"],
                "verdict": table["verdict"],
                "to all others": _ratios(table, small_cell).round(2),
            }
        ),
    )


def _over_time(found: Mapping[str, Any], small_cell: int) -> Iterable[Section]:
    if not found["rows"]:
        return
    table = pd.DataFrame(found["rows"])
    # Of two groups the ratio of one is that of the other upside down.
    too_few = _small(table["others_n"], table["others_flagged"], small_cell) | (table["verdict"] == INSUFFICIENT)
    ratios = _ratios(table, small_cell).mask(too_few)
    biased = np.where(table["verdict"] == BIASED, ", biased", "")
    texts = [f"{ratio:.2f}{mark}" if ratio >= 0 else None for ratio, mark in zip(ratios, biased, strict=True)]
    periods = sorted(table["period"].unique())[-MOST_PERIODS:]
    rows: dict[str, dict[str, str]] = {}
    for group, period, text in zip(table["attribute"] + ": " + table["group"], table["period"], texts, strict=True):
        if text and period in periods:
            rows.setdefault(group, {})[period] = text
    yield Section(
        "Over time",
        f"Each group compared with all others of the same period: {_counts(found)}. Ratios of the flag rates, in the "
        f"last {MOST_PERIODS} periods, of the groups with the worst verdicts in any; none where a count is small, or "
        f"where too few flags were to be expected to tell{'' if rows else ', which is so in all of them'}.",
        table=pd.DataFrame(
            [{"group": group, **{period: told.get(period) for period in periods}} for group, told in rows.items()]
        )
        if rows
        else None,
    )


def _ratios(crossed: pd.DataFrame, small_cell: int) -> pd.Series:
    """Return the ratios to all others, without those of small cells.

    Neither counts nor intervals, which tell them: groups of two attributes, or of all periods, add up to those of one,
    which are shown.
    """
    return crossed["ratio"].astype(float).mask(_small(crossed["n"], crossed["flagged"], small_cell))


def _small(n: pd.Series, flagged: pd.Series, small_cell: int) -> pd.Series:
    """Return of which rows a count is small: of all, of the flagged, or of the others."""
    return (n < small_cell) | (flagged < small_cell) | (n - flagged < small_cell)


def _counts(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{number:,} {verdict}" for verdict, number in found["verdicts"].items() if number)


def _of_proxies(proxies: Mapping[str, Any]) -> Iterable[Section]:
    rows = [
        {
            "attribute": name,
            "AUROC": round(found["auroc"], 3),
            "uncertainty explained, %": round(100 * found["explained"], 1),
            "told most by": ", ".join(f"{one['column']} ({one['weight']:.0%})" for one in found["columns"]),
            "claims": found["n"],
        }
        for name, found in proxies.items()
        if found
    ]
    if rows:
        yield Section(
            "How well the attributes can be guessed",
            "A column that is not scored may be known all the same, by others that go with it. The autoencoder's model "
            "of a column guesses each attribute from the columns that are scored, for people it has not seen. AUROC: "
            "how often a claim of a group is thought likelier to be of it than another; 0.5 is chance, 1 is certain. "
            "Taking an attribute out of the model changes little where it can be guessed.",
            table=pd.DataFrame(rows),
        )


def _of_roles(roles: list[dict[str, Any]], small_cell: int) -> Iterable[Section]:
    if not roles:
        return
    rows = [
        {
            "attribute": one["attribute"],
            "role": one["role"] + (" (as configured)" if one["configured"] else ""),
            "average precision": _rounded(one["average_precision"]),
            "random order": _rounded(one["base_rate"]),
            "largest KS": _rounded(one["largest_ks"]),
            "flagged most, %": _extreme(one["groups"], small_cell, max),
            "flagged least, %": _extreme(one["groups"], small_cell, min),
        }
        for one in roles
    ]
    yield Section(
        "What the roles of the attributes change",
        "Models with the attribute in each role, fitted on half of a sample and tried on the other half: how well they "
        "find claims in which values of other columns were swapped (average precision), and how they flag the groups "
        "when the highest 5 % are flagged. scored: the attribute itself can be a reason; context: others are judged in "
        "its light; none: the model does not see it. The samples are small: a few hundredths of precision, and a point "
        "or two of a flag rate, are chance.",
        table=pd.DataFrame(rows),
    )


def _extreme(groups: Mapping[str, Mapping[str, int]], small_cell: int, which: Any) -> str | None:
    """Return the group that is flagged most or least, of those that are no small cell."""
    least = max(small_cell, 1)
    rates = {
        group: found["flagged"] / found["n"]
        for group, found in groups.items()
        if min(found["flagged"], found["n"] - found["flagged"]) >= least
    }
    if not rates:
        return None
    group = which(rates, key=lambda name: rates[name])
    return f"{group}: {100 * rates[group]:.1f}"


def _rounded(value: float | None) -> float:
    return np.nan if value is None else round(value, 3)


def _interval(values: pd.Series, lows: pd.Series, highs: pd.Series) -> pd.Series:
    """Return values with their intervals as text, missing where they are; JSON has no infinite end."""
    texts = [
        None if pd.isna(value) else f"{value:.2f} ({low:.2f} to {'∞' if pd.isna(high) else format(high, '.2f')})"
        for value, low, high in zip(values, lows, highs, strict=True)
    ]
    return pd.Series(texts, index=values.index, dtype=object)
