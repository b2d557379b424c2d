"""Write what the results of `scheme_quality` say: tables per set, ratios to the analyst's kit, and broken rules.

Tables show only detectors that have results, so the page can be written before all are measured. A detector is compared
with the kit and the single tools on the same cells: the same schemes, rates and seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from environment import REPOSITORY, markdown, write_table
from scheme_sets import SETS
from scipy.stats import t as student_t

Floats = npt.NDArray[np.float64]

PAGE = REPOSITORY / "docs" / "explanation" / "detection-quality.md"
KIT = "kit"
SINGLE_TOOLS = ("pairs", "group_z_of_changed", "pairs_of_changed")
ORDER = ("catboost", "xgboost", "before_catboost", "before_xgboost", "ecod", "iforest_onehot", "lof_onehot")
MAIN_RATE = 0.02
# A detector has to reach these shares of AP wherever the kit, or the best single tool, reaches the least AP.
LEAST_AP, KIT_SHARE, TOOL_SHARE = 0.05, 0.9, 0.75
CELL = ["data_set", "scheme"]
FEWEST_SEEDS = 3
DRAWS = 2_000
SWAP = "another row's "
TITLES = {
    "sample_claims": "Sample claims",
    "medicare_inpatient_provider_fraud": "Medicare inpatient claims",
    "adult_income": "Adult income",
    "motor_claims": "Motor claims",
    "professional_claims": "Professional claims",
}
GROUPS = ("All", "Stated schemes", "Another row's value")
EMPTY = "–"


def find_broken_rules(precision: pd.Series, kit: pd.Series, best_tool: pd.Series) -> list[str]:
    """Return for each cell the rules that a detector's AP breaks: ``kit``, ``tool``, both or an empty text."""
    behind_kit = (kit >= LEAST_AP) & (precision < KIT_SHARE * kit)
    behind_tool = (best_tool >= LEAST_AP) & (precision < TOOL_SHARE * best_tool)
    names = np.array(["kit", "tool"])
    return [" ".join(names[list(behind)]) for behind in zip(behind_kit, behind_tool, strict=True)]


def drop_stale(results: pd.DataFrame) -> pd.DataFrame:
    """Leave out results on other rows than those of the kit's result for the same cell, and cells without one.

    Rows change when the sample or its features do; detectors are then to be measured again.
    """
    cell = [*CELL, "rate", "seed"]
    kit = results[(results["detector"] == KIT) & results["failed"].isna()].set_index(cell)["data"]
    current = pd.MultiIndex.from_frame(results[cell]).map(kit)
    inapplicable = results["failed"].notna() & (results["detector"] == KIT)
    return results[inapplicable | (results["data"] == current)]


def compare_with_tools(results: pd.DataFrame, detector: str) -> pd.DataFrame:
    """Return a detector's means by set and scheme at the main rate, beside the kit and the best single tool.

    Only seeds for which the kit has a result count. The best single tool is the one with the highest mean AP.
    """
    main = results[(results["rate"] == MAIN_RATE) & results["failed"].isna()]
    own = main[main["detector"] == detector].set_index([*CELL, "seed"])
    kit = main[main["detector"] == KIT].set_index([*CELL, "seed"])
    own = own[own.index.isin(kit.index)]
    measures = own[["average_precision", "auroc", "first_reason"]].groupby(level=CELL, sort=False).mean()
    table = measures.assign(kit=_average_over(kit, own), seeds=own.groupby(level=CELL).size())
    by_tool = {
        name: _average_over(main[main["detector"] == name].set_index([*CELL, "seed"]), own) for name in SINGLE_TOOLS
    }
    tools = pd.DataFrame(by_tool).reindex(table.index)
    table["best_tool"] = tools.max(axis=1)
    table["tool"] = tools.fillna(-1).idxmax(axis=1)
    table["fails"] = find_broken_rules(table["average_precision"], table["kit"], table["best_tool"])
    return table


def bootstrap_ratio(precision: Floats, kit: Floats) -> tuple[float, float, float]:
    """Return the ratio of two means over schemes, and the 95 % interval of a bootstrap over schemes."""
    drawn = np.random.default_rng(0).integers(len(kit), size=(DRAWS, len(kit)))
    low, high = np.quantile(precision[drawn].mean(axis=1) / kit[drawn].mean(axis=1), (0.025, 0.975))
    return float(precision.mean() / kit.mean()), float(low), float(high)


def lead(results: pd.DataFrame) -> str:
    """Return in one sentence each how this project's detectors, or else their predecessors, compare with the kit."""
    names, schemes, lines = list_measured(results[results["family"] == "ours"]), _list_cells(results), []
    for name in names or [name for name in list_measured(results) if name.startswith("before_")]:
        table = compare_with_tools(results, name)
        ratio, *_ = bootstrap_ratio(*table[["average_precision", "kit"]].to_numpy().T)
        lines.append(
            f"Over {len(table)} of the {len(schemes)} schemes, `{name}` has a mean average precision (AP) of "
            f"{table['average_precision'].mean():.3f}, {ratio:.2f} times that of the analyst's kit.\n"
        )
    return "".join(lines)


def summary_table(results: pd.DataFrame) -> str:
    """Return mean AP, AUROC and first reasons, the ratio to the kit and the number of broken rules, by detector."""
    rows = []
    for name in (KIT, *list_measured(results)):
        table = compare_with_tools(results, name)
        ratio, low, high = bootstrap_ratio(*table[["average_precision", "kit"]].to_numpy().T)
        broken, cells = (table["fails"] != "").sum(), (table["best_tool"] >= LEAST_AP).sum()
        rows.append(
            [
                name,
                _format_range(table["seeds"]),
                len(table),
                *(_format(table[measure].mean()) for measure in ("average_precision", "auroc")),
                _format_percent(table["first_reason"].mean()),
                f"{ratio:.2f}",
                EMPTY if name == KIT else f"{low:.2f} to {high:.2f}",
                EMPTY if name == KIT else f"{broken} of {cells}",
            ]
        )
    table = compare_with_tools(results, KIT)
    best = table["best_tool"].mean()
    shown = [_format(best), EMPTY, EMPTY, f"{best / table['kit'].mean():.2f}", EMPTY, EMPTY]
    rows.insert(1, ["best single tool", _format_range(table["seeds"]), len(table), *shown])
    head = ["Detector", "Seeds", "Schemes", "AP", "AUROC", "First reason right", "AP per kit's AP", "95 % interval"]
    return markdown([*head, "Rules broken"], rows)


def groups_table(results: pd.DataFrame) -> str:
    """Return the ratio of mean APs by set, and for the stated schemes and the swapped columns apart."""
    compared = {name: compare_with_tools(results, name) for name in list_measured(results)}
    rows = []
    for data_set in ("", *[name for name in SETS if name in set(results["data_set"])]):
        schemes = [scheme for one, scheme in _list_cells(results) if data_set in ("", one)]
        swaps = sum(scheme.startswith(SWAP) for scheme in schemes)
        sizes = dict(zip(GROUPS, (len(schemes), len(schemes) - swaps, swaps), strict=True))
        for group in GROUPS if 0 < swaps < len(schemes) else GROUPS[:1]:
            ratios = [_format_ratio(_pick(table, data_set, group), sizes[group]) for table in compared.values()]
            rows.append([f"{TITLES.get(data_set, 'All sets')}: {group.lower()}", sizes[group], *ratios])
    return markdown(["Rows", "Schemes", *compared], rows)


def set_table(results: pd.DataFrame, data_set: str, measure: str) -> str:
    """Return a measure of a set by scheme and detector; AP also of the best single tool, with a * for a broken rule."""
    names = [KIT, *list_measured(results)]
    tables = {name: _pick(compare_with_tools(results, name), data_set, GROUPS[0]).droplevel(0) for name in names}
    tables = {name: table for name, table in tables.items() if table[measure].notna().any()}
    if not tables:
        return ""
    show = _format_percent if measure == "first_reason" else _format
    with_tools = measure == "average_precision" and KIT in tables
    rows = []
    for scheme in _list_schemes(results, data_set):
        shown = [
            _show_cell(table, scheme, measure, show, starred=with_tools and name != KIT)
            for name, table in tables.items()
        ]
        if with_tools:
            shown.insert(1, _show_best_tool(tables[KIT], scheme))
        rows.append([scheme, *shown])
    head = ["Scheme", *tables]
    if with_tools:
        head.insert(2, "best single tool")
    return markdown(head, rows)


def rates_table(results: pd.DataFrame) -> str:
    """Return AP with 95 % intervals over seeds, of the schemes that were measured at several rates."""
    measured = results[results["failed"].isna()]
    rates = measured.groupby(CELL)["rate"].nunique()
    names = [KIT, *list_measured(results, several_rates=True)]
    rows = []
    for data_set in SETS:
        for scheme in _list_schemes(results, data_set):
            if rates.get((data_set, scheme), 1) < 2:
                continue
            cell = measured[(measured["data_set"] == data_set) & (measured["scheme"] == scheme)]
            for rate in sorted(cell["rate"].unique()):
                at_rate = cell[cell["rate"] == rate].groupby("detector")["average_precision"]
                shown = [
                    _format_interval(at_rate.get_group(name)) if name in at_rate.groups else EMPTY for name in names
                ]
                rows.append([f"{TITLES[data_set]}: {scheme}", f"{rate:.1%}", *shown])
    return markdown(["Scheme", "Changed", *names], rows)


def broken_table(results: pd.DataFrame) -> str:
    """Return the cells in which this project's detector breaks a rule."""
    rows = []
    ours = list_measured(results[results["family"] == "ours"])
    if not ours:
        return "This project's detector has no results yet.\n"
    for name in ours:
        table = compare_with_tools(results, name)
        for (data_set, scheme), row in table[table["fails"] != ""].iterrows():
            figures = [_format(row[one]) for one in ("average_precision", "kit", "best_tool")]
            rows.append([f"{TITLES[data_set]}: {scheme}", name, *figures, row["tool"], row["fails"].replace(" ", ", ")])
    if not rows:
        return f"None, for {' and '.join(ours)}.\n"
    return markdown(["Scheme", "Detector", "AP", "Kit", "Best single tool", "Which", "Behind"], rows)


def providers_table(results: pd.DataFrame) -> str:
    """Return the rank, by mean score, of the providers whose amounts were raised by 30 %."""
    rows = results[results["provider_rank"].notna() & (results["rate"] == MAIN_RATE)]
    table = rows.pivot_table("provider_rank", "detector", "data_set")
    names = [name for name in (KIT, *list_measured(results)) if name in table.index]
    shown = [[name, *(_format_percent(value, 1) for value in table.loc[name])] for name in names]
    return markdown(["Detector", *(TITLES[name] for name in table.columns)], shown)


def notes(results: pd.DataFrame) -> str:
    """Return in sentences which schemes do not apply, what failed, the versions and the machine."""
    failed = results[results["failed"].notna()]
    inapplicable = failed[failed["data"] == ""].drop_duplicates(CELL)
    errors = failed[failed["data"] != ""].drop_duplicates(["detector", *CELL, "failed"])
    measured = results[results["failed"].isna()]
    peers = measured.loc[measured["family"] == "peer", "version"].unique()
    machine = measured[["cores", "memory_gib"]].iloc[-1]
    names = (KIT, *list_measured(results))
    median = measured.groupby("detector")["fit_seconds"].median()
    lines = [
        *(f"- {TITLES[row.data_set]}, {row.scheme}: not applicable. {row.failed}" for row in inapplicable.itertuples()),
        *(
            f"- {row.detector} failed on {TITLES[row.data_set]}, {row.scheme}: {row.failed}"
            for row in errors.itertuples()
        ),
        f"- Median seconds to fit and score, one thread: {', '.join(f'{name} {median[name]:.1f}' for name in names)}.",
        f"- Versions: {', '.join(sorted(peers))}." if len(peers) else "",
        f"- Measured from {measured['date'].min()} to {measured['date'].max()} on a machine with "
        f"{machine.cores:.0f} cores and {machine.memory_gib:.0f} GiB.",
    ]
    return "\n".join(filter(None, lines)) + "\n"


def list_measured(results: pd.DataFrame, *, several_rates: bool = False) -> list[str]:
    """Return the detectors with results, tools aside, in a fixed order; optionally those with several rates."""
    measured = results[results["failed"].isna() & (results["family"] != "tool")]
    if several_rates:
        rates = measured.groupby("detector")["rate"].nunique()
        measured = measured[measured["detector"].isin(rates.index[rates > 1])]
    else:
        measured = measured[measured["rate"] == MAIN_RATE]
    names = set(measured["detector"])
    return [*(name for name in ORDER if name in names), *sorted(names - set(ORDER))]


def make_tables(results: pd.DataFrame) -> dict[str, str]:
    """Return the texts to put between the marks of the page."""
    results = drop_stale(results)
    sets = [name for name in SETS if name in set(results["data_set"])]
    tables = {
        "schemes_lead": lead(results),
        "schemes_summary": summary_table(results),
        "schemes_groups": groups_table(results),
        "schemes_rates": rates_table(results),
        "schemes_broken": broken_table(results),
        "schemes_providers": providers_table(results),
        "schemes_notes": notes(results),
    }
    for mark, measure in (("precision", "average_precision"), ("auroc", "auroc"), ("reasons", "first_reason")):
        texts = [(TITLES[name], set_table(results, name, measure)) for name in sets]
        tables[f"schemes_{mark}"] = "\n".join(f"**{title}**\n\n{text}" for title, text in texts if text)
    return tables


def write_page(results: pd.DataFrame) -> None:
    """Put the tables into the page."""
    for mark, text in make_tables(results).items():
        write_table(mark, text, PAGE)


def _average_over(table: pd.DataFrame, cells: pd.DataFrame) -> pd.Series:
    """Return mean AP by set and scheme over the cells of another table."""
    return table.loc[table.index.isin(cells.index), "average_precision"].groupby(level=CELL, sort=False).mean()


def _pick(table: pd.DataFrame, data_set: str, group: str) -> pd.DataFrame:
    if data_set:
        table = table[table.index.get_level_values(0) == data_set]
    swaps = table.index.get_level_values(1).str.startswith(SWAP)
    return {GROUPS[0]: table, GROUPS[1]: table[~swaps], GROUPS[2]: table[swaps]}[group]


def _list_cells(results: pd.DataFrame) -> list[tuple[str, str]]:
    main = results[(results["detector"] == KIT) & (results["rate"] == MAIN_RATE) & results["failed"].isna()]
    return list(main[CELL].drop_duplicates().itertuples(index=False, name=None))


def _list_schemes(results: pd.DataFrame, data_set: str) -> list[str]:
    """Return the schemes of a set: stated ones in the order of the catalogue, then swapped columns."""
    names = results.loc[(results["data_set"] == data_set) & results["failed"].isna(), "scheme"].unique()
    return sorted(names, key=_place)


def _place(scheme: str) -> tuple[Any, ...]:
    factor = scheme.rpartition("× ")[2]
    number = float(factor) if factor.replace(".", "").isdigit() else 0
    return scheme.startswith(SWAP), not number, scheme.partition(" ×")[0], number, scheme


def _show_best_tool(table: pd.DataFrame, scheme: str) -> str:
    if scheme not in table.index:
        return EMPTY
    return f"{_format(table.loc[scheme, 'best_tool'])} ({table.loc[scheme, 'tool']})"


def _show_cell(table: pd.DataFrame, scheme: str, measure: str, show: Callable[[float], str], *, starred: bool) -> str:
    if scheme not in table.index:
        return EMPTY
    return show(table.loc[scheme, measure]) + ("*" if starred and table.loc[scheme, "fails"] else "")


def _format(value: float) -> str:
    return EMPTY if pd.isna(value) else f"{value:.3f}"


def _format_percent(value: float, digits: int = 0) -> str:
    return EMPTY if pd.isna(value) else f"{value:.{digits}%}"


def _format_ratio(table: pd.DataFrame, size: int) -> str:
    """Return the ratio of mean APs, and in parentheses over how many schemes if that is not all of them."""
    if table.empty:
        return EMPTY
    ratio = f"{table['average_precision'].mean() / table['kit'].mean():.2f}"
    return ratio if len(table) == size else f"{ratio} ({len(table)})"


def _format_range(values: Iterable[int]) -> str:
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"


def _format_interval(values: pd.Series) -> str:
    """Return the mean and half the width of its 95 % interval by the t distribution, if there are enough seeds."""
    mean = _format(values.mean())
    if len(values) < FEWEST_SEEDS:
        return mean
    return f"{mean} ± {student_t.ppf(0.975, len(values) - 1) * values.sem():.3f}"
