"""What the results of `detection_quality` say: means of suites, differences with their uncertainty, tables, a plot.

Not for measuring. A detector's mean over a suite is given only where all sets of the suite were measured.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from cases import ANY_KIND, CLASSIC, ORDINARY, RULES, SAMPLE, SUITES
from detectors import BASELINE, OURS, PEER
from environment import REPOSITORY, markdown, write_table

Floats = npt.NDArray[np.float64]

PAGE = REPOSITORY / "docs" / "explanation" / "detection-quality.md"
PLOT = PAGE.with_suffix(".svg")
MEASURES = {"average_precision": "AP", "auroc": "AUROC"}
DRAWS = 2_000
# The suites that have means, and of the corrupted rows the rate that counts.
HEADLINE: dict[str, tuple[str, float]] = {
    "Corrupted rows": (RULES, 0.04),
    "Labelled sets": (CLASSIC, 0.0),
    "Sample claims": (SAMPLE, 0.0),
}
RULES_BY_RATE = {f"{rate:.0%}": (RULES, rate) for rate in (0.01, 0.04, 0.1)}
COLOURS = {OURS: "#b3361b", PEER: "#33618c", BASELINE: "#8a8a8a"}
LABELS = {OURS: "this project", PEER: "other libraries", BASELINE: "baselines"}


def frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the results as a table; `unit` is what a suite's mean is over: sets or, of the sample, kinds of fraud."""
    frame = pd.DataFrame(rows)
    in_sample = frame["suite"] == SAMPLE
    return frame.assign(unit=frame["data_set"].where(~in_sample, frame["kind"]))


def units(frame: pd.DataFrame, of: tuple[str, float], measure: str) -> pd.DataFrame:
    """Return a measure by detector (rows) and by unit and seed (columns), of all units that the suite should have."""
    suite, rate = of
    rows = frame[(frame["suite"] == suite) & (frame["rate"] == rate) & frame["failed"].isna()]
    wanted = SUITES[suite] if suite != SAMPLE else sorted(set(rows["kind"]) - {ANY_KIND})
    rows = rows[rows["unit"].isin(wanted)]
    table = rows.pivot_table(index="detector", columns=["unit", "seed"], values=measure)
    return table.reindex(columns=pd.MultiIndex.from_product([wanted, sorted(set(rows["seed"]))]))


def means(frame: pd.DataFrame, of: tuple[str, float], measure: str) -> pd.Series:
    """Return each detector's mean over seeds, then over units; NaN where it lacks a unit that another one has."""
    return units(frame, of, measure).T.groupby(level=0).mean().dropna(how="all").mean(skipna=False)


def best_of(found: pd.Series, frame: pd.DataFrame, family: str) -> str | None:
    """Return the detector of a family with the highest mean, None where none has one."""
    names = frame.loc[frame["family"] == family, "detector"].unique()
    among = found.reindex(names).dropna()
    return str(among.idxmax()) if len(among) else None


def bootstrapped(table: Floats) -> tuple[float, float, float]:
    """Return the mean of differences, shape (units, seeds), and the 95 % interval of a bootstrap.

    Units are drawn, and of each drawn one a seed for each seed: seeds of a unit are more alike than units are.
    """
    rng = np.random.default_rng(0)
    n_units, n_seeds = table.shape
    drawn = rng.integers(n_units, size=(DRAWS, n_units, 1))
    seeds = rng.integers(n_seeds, size=(DRAWS, n_units, n_seeds))
    low, high = np.quantile(table[drawn, seeds].mean(axis=(1, 2)), (0.025, 0.975))
    return float(table.mean()), float(low), float(high)


def _by_unit(differences: pd.Series) -> Floats:
    """Return differences by unit (rows) and seed (columns), of the seeds that all units have."""
    by_seed = {seed: values for seed, values in differences.groupby(level=1) if values.notna().all()}
    return np.column_stack(list(by_seed.values()))


def overlap(frame: pd.DataFrame) -> pd.Series:
    """Return by suite and detector what share of the highest-scored 1 % two seeds have in common, in the mean."""
    rows = frame[frame["top_rows"].notna()]
    shared = rows.groupby(["suite", "detector", "data_set"])["top_rows"].agg(_shared)
    return shared.groupby(level=["suite", "detector"]).mean()


def _shared(tops: pd.Series) -> float:
    pairs = itertools.combinations(map(set, tops), 2)
    shares = [len(one & other) / len(one) for one, other in pairs]
    return float(np.mean(shares)) if shares else np.nan


def means_table(frame: pd.DataFrame, suites: Mapping[str, tuple[str, float]]) -> str:
    """Return AP and AUROC of all detectors on suites."""
    head = ["Detector", *(f"{title}: {short}" for title in suites for short in MEASURES.values())]
    columns = [means(frame, of, measure) for of in suites.values() for measure in MEASURES]
    table = pd.concat(columns, axis=1).reindex(_in_order(frame)).dropna(how="all")
    return markdown(head, [[name, *map(_figure, row)] for name, row in zip(table.index, table.to_numpy(), strict=True)])


def differences_table(frame: pd.DataFrame) -> str:
    """Return ours minus the best peer, by suite and measure."""
    found = []
    for (title, of), (measure, short) in itertools.product(HEADLINE.items(), MEASURES.items()):
        table, over_all = units(frame, of, measure), means(frame, of, measure)
        best = best_of(over_all, frame, PEER)
        for name in _in_order(frame, OURS):
            if best is None or pd.isna(over_all.get(name)):
                continue
            mean, low, high = bootstrapped(_by_unit(table.loc[name] - table.loc[best]))
            found.append([title, short, name, best, f"{mean:+.3f}", f"{low:+.3f} to {high:+.3f}"])
    return markdown(["Suite", "Measure", "Ours", "Best peer", "Ours minus peer", "95 % interval"], found)


def units_table(frame: pd.DataFrame, of: tuple[str, float], first: str) -> str:
    """Return by unit the base rate and AP of ours and of the best peer, and what the best single peer there has."""
    table = units(frame, of, "average_precision").T.groupby(level=0).mean().T
    rates = units(frame, of, "base_rate").T.groupby(level=0).mean().T.max()
    best = best_of(means(frame, of, "average_precision"), frame, PEER)
    shown = [name for name in (*_in_order(frame, OURS), best) if name in table.index]
    peers = table.reindex(_in_order(frame, PEER)).dropna(how="all")
    rows = [
        [unit, f"{rates[unit]:.1%}", *map(_figure, table.loc[shown, unit]), _named(peers[unit])]
        for unit in table.columns
    ]
    return markdown([first, "Share wanted", *shown, "Best peer there"], rows)


def reasons_table(frame: pd.DataFrame) -> str:
    """Return how often reasons name a corrupted column, at the main rate."""
    hits = {name: means(frame, HEADLINE["Corrupted rows"], f"{name}_hit") for name in ("first_reason", "three_reasons")}
    table = pd.DataFrame(hits).reindex(_in_order(frame)).dropna()
    rows = [[name, *(f"{value:.0%}" for value in row)] for name, row in zip(table.index, table.to_numpy(), strict=True)]
    return markdown(["Detector", "Largest part", "Any of the three largest"], rows)


def costs_table(frame: pd.DataFrame) -> str:
    """Return medians of what a run took, by detector, and what seeds have in common."""
    main = frame[(frame["kind"] == ANY_KIND) & (frame["suite"] != SAMPLE) & frame["failed"].isna()]
    costs = main.groupby("detector")[["fit_seconds", "rows_per_second", "peak_mib", "permuted_auroc"]].median()
    shared = overlap(frame)
    rows = [
        [
            *(name, f"{cost.fit_seconds:.1f}", f"{cost.rows_per_second:,.0f}", f"{cost.peak_mib:,.0f}"),
            *(_percent(shared.get((suite, name))) for suite in (CLASSIC, SAMPLE)),
            f"{cost.permuted_auroc:.3f}",
        ]
        for name, cost in costs.reindex(_in_order(frame)).dropna(how="all").iterrows()
    ]
    same = [f"Same top 1 %, {title.lower()}" for title in ("Labelled sets", "Sample claims")]
    head = ["Detector", "Fit and score, s", "Rows/s scored", "Memory, MiB", *same, "AUROC, labels permuted"]
    return markdown(head, rows).replace("nan", "–")


def notes(frame: pd.DataFrame) -> str:
    """Return in sentences what else the results hold: chance, size alone, failures, versions, the machine."""
    ordinary = means(frame, (ORDINARY, 0.0), "auroc").dropna()
    size = frame[(frame["detector"] == "size") & frame["failed"].isna()]
    failed = frame[frame["failed"].notna()].drop_duplicates(["detector", "suite", "data_set", "failed"])
    versions = frame.loc[frame["family"] != OURS, "version"].unique()
    machine = frame[["cores", "memory_gib"]].iloc[-1]
    seeds = frame.groupby("family")["seed"].nunique()
    lines = [
        f"- Seeds: {', '.join(f'{LABELS[family]} {number}' for family, number in seeds.items())}.",
        f"- Labels of `vehicle_fraud_oracle` as they came: AUROC {ordinary.min():.3f} to {ordinary.max():.3f}, "
        "whoever looks for them."
        if len(ordinary)
        else "",
        f"- `medicare_provider_aggregates` by `Total_Reimbursement` alone: AUROC {size['auroc'].mean():.3f}, AP "
        f"{size['average_precision'].mean():.3f}."
        if len(size)
        else "",
        *(f"- {row.detector} on {row.data_set} ({row.suite}): {row.failed}" for row in failed.itertuples()),
        f"- Versions: {', '.join(sorted(versions))}.",
        f"- Measured from {frame['date'].min()} to {frame['date'].max()} on a machine of {machine.cores:.0f} cores and "
        f"{machine.memory_gib:.0f} GiB, each run on one thread.",
    ]
    return "\n".join(filter(None, lines)) + "\n"


def plot(frame: pd.DataFrame, path: Path) -> None:
    """Draw the average precision of all detectors on each suite as dots, with a line where chance is."""
    import matplotlib as mpl  # noqa: PLC0415 - takes a second to import

    mpl.use("svg")
    # The same results are the same file.
    mpl.rcParams.update({"svg.hashsalt": "claims_fraud", "svg.fonttype": "none", "font.size": 10})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    families = frame.drop_duplicates("detector").set_index("detector")["family"]
    figure, panels = plt.subplots(1, len(HEADLINE), figsize=(12, 5), layout="constrained")
    for panel, (title, of) in zip(panels, HEADLINE.items(), strict=True):
        found = means(frame, of, "average_precision").dropna().sort_values()
        found = found[found.index.isin(_in_order(frame))]
        panel.scatter(found, found.index, c=[COLOURS[families[name]] for name in found.index], s=48, zorder=2)
        chance = means(frame, of, "base_rate").max()
        panel.axvline(chance, color="#555555", linestyle=":", zorder=1)
        panel.text(chance, -0.75, " chance", va="center", color="#555555", fontsize=9)
        panel.set(
            title=title, xlabel="Average precision (mean)", xlim=(0, 1.08 * found.max()), ylim=(-1.2, len(found) - 0.5)
        )
        panel.grid(axis="both", color="#e4e4e4", zorder=0)
        panel.spines[["top", "right"]].set_visible(False)
    handles = [
        plt.Line2D([], [], marker="o", linestyle="", color=COLOURS[family], label=label)
        for family, label in LABELS.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def tables(frame: pd.DataFrame, ablation: bool) -> dict[str, str]:
    """Return what stands between the marks of the page, from the results of an ablation or of all detectors."""
    if ablation:
        return {"ablation": means_table(frame, HEADLINE)}
    return {
        "suite_means": means_table(frame, HEADLINE),
        "differences": differences_table(frame),
        "by_rate": means_table(frame, RULES_BY_RATE),
        "by_corrupted_set": units_table(frame, HEADLINE["Corrupted rows"], "Corrupted set"),
        "by_labelled_set": units_table(frame, HEADLINE["Labelled sets"], "Labelled set"),
        "by_kind": units_table(frame, HEADLINE["Sample claims"], "Kind of fraud"),
        "reasons_hit": reasons_table(frame),
        "costs": costs_table(frame),
        "notes": notes(frame),
    }


def write_page(frame: pd.DataFrame, ablation: bool) -> None:
    """Put the tables into the page; of all detectors, draw the plot beside it too."""
    for mark, text in tables(frame, ablation).items():
        write_table(mark, text, PAGE)
    if not ablation:
        plot(frame, PLOT)


def _in_order(frame: pd.DataFrame, *families: str) -> list[str]:
    """Return the detectors of the families (by default all): ours, peers, baselines; those of one set only left out."""
    names = frame.drop_duplicates("detector")
    names = names[names["detector"] != "size"]
    order = families or (OURS, PEER, BASELINE)
    return [name for family in order for name in sorted(names.loc[names["family"] == family, "detector"])]


def _figure(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else f"{value:.0%}"


def _named(values: pd.Series) -> str:
    return f"{values.max():.3f} ({values.idxmax()})" if values.notna().any() else "–"
