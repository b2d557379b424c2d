"""How long detection takes and in how much memory: by rows, columns, trees and threads, beside other ways to do it.

`make benchmark-speed`; README.md beside this says what is measured. Each measurement is a process of its own, and goes
to a file of JSON lines at once: what is there is not measured again, unless what is measured has another version.
Not for Spark, see `spark_scoring`, and not for how well fraud is found, but for what trees add to it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cases import Problem, corrupt
from detectors import BASELINE, OURS, PEER, Detector, by_pyod, default_parameters, loop, ours
from environment import RESULTS, WORK, circumstances, markdown, write_table
from generated import write_features
from measuring import Memory, forked
from sklearn.metrics import average_precision_score

from claims_fraud.claims import Columns
from claims_fraud.claims.sample import CHUNK_SIZE

NAME = "detection_speed"
LONGEST_RUN = 3 * 3_600
MODEL_TYPES = ("catboost", "xgboost")
ALL_CORES = {"n_jobs": -1}
CORRUPTED = 0.04
NOISE = 0.1
GENERATED_COLUMNS = 13


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rows: int = 100_000
    rows_for_trees: int = 20_000
    trees: tuple[int, ...] = (5, 10, 20, 40, 80)
    many_rows: tuple[int, ...] = (10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000)
    many_columns: tuple[int, ...] = (10, 20, 40, 80)
    threads: tuple[int, ...] = (1, 2)


QUICK = Sizes(2_000, 2_000, (5, 20), (2_000, 5_000), (10, 20))


@dataclass(frozen=True)
class Task:
    """One measurement.

    Attributes
    ----------
    step : str
        The table that it is for.
    detector : str
        See `DETECTORS`.
    rows, columns : int
        Of the data.
    parameters : dict
        That differ from the detector's own.
    """

    step: str
    detector: str
    rows: int
    columns: int = GENERATED_COLUMNS
    parameters: Mapping[str, Any] = field(default_factory=dict)


DETECTORS = {
    **{
        kind: Detector(kind, OURS, ours, "claims-fraud", {**default_parameters(kind), **ALL_CORES})
        for kind in MODEL_TYPES
    },
    **{
        f"{kind} loop": Detector(f"{kind} loop", BASELINE, loop, kind, {"library": kind, **ALL_CORES})
        for kind in MODEL_TYPES
    },
    "pyod IForest": Detector(
        "pyod IForest",
        PEER,
        by_pyod,
        "pyod",
        {"model": "iforest.IForest", "one_hot": False, "seeded": True, "n_estimators": 200, **ALL_CORES},
        modules=("pyod.models.iforest",),
    ),
}


def tasks(sizes: Sizes) -> Iterator[Task]:
    """Yield what is measured, what takes longest last."""
    for kind in MODEL_TYPES:
        yield Task("fit", kind, sizes.rows)
        yield Task("fit", kind, sizes.rows, parameters={"max_samples": sizes.rows})
        yield from (Task("threads", kind, sizes.rows, parameters={"n_jobs": number}) for number in sizes.threads)
        for trees in sizes.trees:
            yield Task("trees", kind, sizes.rows_for_trees, parameters={"n_estimators": trees})
    yield Task("fit", "pyod IForest", sizes.rows)
    yield from (Task("fit", f"{kind} loop", sizes.rows) for kind in MODEL_TYPES)
    for kind in MODEL_TYPES:
        yield from (Task("size", kind, sizes.rows, columns) for columns in sizes.many_columns)
        yield from (Task("size", kind, rows) for rows in sizes.many_rows)


def features_of(folder: Path, rows: int) -> Path:
    """Return the file of so many generated claims, made if it is not there."""
    path = folder / f"features_{rows}.parquet"
    if not path.exists():
        print(f"generating {rows:,} claims …", flush=True)
        write_features(path, rows, CHUNK_SIZE)
    return path


def problem_of(task: Task, path: Path) -> Problem:
    """Return generated claims with as many columns as the task says; corrupted ones where trees are compared."""
    roles = Columns()
    names = [*roles.model_categorical, *roles.model_numeric]
    claims = pd.read_parquet(path, columns=[*names, roles.provider])
    data = with_columns(claims[names], task.columns)
    wanted = np.zeros(len(data), dtype=bool)
    if task.step == "trees":
        data, changed = corrupt(data, CORRUPTED, seed=0)
        wanted = changed.any(axis=1)
    return Problem(data, wanted, groups=claims[roles.provider])


def with_columns(data: pd.DataFrame, columns: int) -> pd.DataFrame:
    """Return the first columns, or all of them repeated, a tenth of each repeated one in random order."""
    rng = np.random.default_rng(0)
    names = [list(data)[number % data.shape[1]] for number in range(columns)]
    repeated = {}
    for number, name in enumerate(names):
        places = np.arange(len(data))
        if number >= data.shape[1]:
            some = rng.choice(len(data), round(NOISE * len(data)), replace=False)
            places[np.sort(some)] = some
        repeated[f"{name}_{number}"] = data[name].array[places]
    return pd.DataFrame(repeated)


def measure(task: Task, path: Path) -> dict[str, Any]:
    """Return what the task took, the rows being there already."""
    problem, detector = problem_of(task, path), DETECTORS[task.detector]
    memory, started, cpu = Memory(), time.perf_counter(), time.process_time()
    found = detector.find(problem, 0, **{**detector.parameters, **task.parameters})
    seconds = time.perf_counter() - started
    measured = {"seconds": seconds, "cpu_per_wall": (time.process_time() - cpu) / seconds}
    measured["peak_mib"] = memory.peak_mib
    memory, started = Memory(), time.perf_counter()
    found.score()
    measured["rows_per_second"] = task.rows / (time.perf_counter() - started)
    measured["score_peak_mib"] = memory.peak_mib
    if problem.wanted.any():
        measured["average_precision"] = float(average_precision_score(problem.wanted, found.scores))
    return {**measured, "data_mib": float(problem.data.memory_usage(deep=True).sum() / 2**20)}


def key_of(row: Mapping[str, Any]) -> str:
    """Return by what a measurement is known, its version included."""
    return json.dumps([row[name] for name in ("step", "detector", "rows", "columns", "parameters", "version")])


def known(path: Path) -> list[dict[str, Any]]:
    """Return what was measured, the last of each task."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    return list({key_of({**row, "version": None}): row for row in rows}.values())


def run_all(to_do: Iterable[Task], folder: Path, results: Path, again: bool) -> None:
    """Measure what has not been measured."""
    there = set() if again else {key_of(row) for row in known(results)}
    for task in to_do:
        row = {**asdict(task), "version": DETECTORS[task.detector].version}
        if key_of(row) in there:
            continue
        path = features_of(folder, task.rows)
        print(f"{task} …", flush=True)
        row |= circumstances()
        row |= forked(partial(measure, task, path), LONGEST_RUN)
        with results.open("a", encoding="utf-8") as file:
            rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in row.items()}
            file.write(json.dumps(rounded) + "\n")


Cell = Callable[[dict[str, Any]], Any]
CELLS: dict[str, Cell] = {
    "Detector": lambda row: row["detector"],
    "Rows": lambda row: f"{row['rows']:,}",
    "Columns": lambda row: row["columns"],
    "Parameters": lambda row: ", ".join(f"{name} {value:,}" for name, value in row["parameters"].items()) or "–",
    "Fit and score, s": lambda row: row.get("failed") or f"{row['seconds']:,.1f}",
    "Rows/s scored": lambda row: "–" if "failed" in row else f"{row['rows_per_second']:,.0f}",
    "CPU time per time": lambda row: "–" if "failed" in row else f"{row['cpu_per_wall']:.2f}",
    "Memory, MiB": lambda row: "–" if "failed" in row else f"{row['peak_mib']:,.0f}",
    "Of the data": lambda row: "–" if "failed" in row else f"{row['peak_mib'] / row['data_mib']:.2f}",
    "Of the data, scoring": lambda row: "–" if "failed" in row else f"{row['score_peak_mib'] / row['data_mib']:.2f}",
    "AP": lambda row: "–" if "failed" in row else f"{row['average_precision']:.3f}",
    "Load": lambda row: row["load_before"],
    "Date": lambda row: row["date"],
}
TABLES = {
    "fit": ("Detector", "Parameters", "Fit and score, s", "Rows/s scored", "Memory, MiB", "Load", "Date"),
    "size": (
        "Detector",
        "Rows",
        "Columns",
        "Fit and score, s",
        "Rows/s scored",
        "Memory, MiB",
        "Of the data",
        "Of the data, scoring",
        "Load",
    ),
    "trees": ("Detector", "Parameters", "AP", "Fit and score, s", "Rows/s scored", "Load"),
    "threads": ("Detector", "Parameters", "Fit and score, s", "CPU time per time", "Load"),
}


def table_of(rows: list[dict[str, Any]]) -> str:
    """Return the tables in Markdown, one a step, of each detector the smallest first."""
    rows = sorted(rows, key=lambda row: (row["detector"], row["columns"], row["rows"]))
    return "\n".join(
        markdown(list(head), [[CELLS[name](row) for name in head] for row in rows if row["step"] == step])
        for step, head in TABLES.items()
    )


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--again", action="store_true", help="measure anew what has been measured")
    parser.add_argument("--quick", action="store_true", help="few rows; nothing is kept in benchmarks/")
    return parser.parse_args()


def main() -> None:
    """Measure what has not been measured, print all of it, and put it into the README."""
    given = parsed()
    logging.getLogger("claims_fraud").setLevel(logging.WARNING)
    folder = WORK / ("speed_quick" if given.quick else "speed")
    folder.mkdir(parents=True, exist_ok=True)
    results = (folder if given.quick else RESULTS) / f"{NAME}.jsonl"
    for module in {module for one in DETECTORS.values() for module in one.modules}:
        importlib.import_module(module)
    to_do = [task for task in tasks(QUICK if given.quick else Sizes()) if task.step in given.steps]
    run_all(to_do, folder, results, given.again)
    text = table_of(known(results))
    print(text)
    if not given.quick:
        write_table(NAME, text)


if __name__ == "__main__":
    main()
