"""How well fraud is found: this project's detector beside others, on corrupted real rows, labelled sets and the sample.

`make benchmark-quality DATA=FOLDER`; README.md beside this says what is measured and where the public sets come from.
Each run is a process of its own, and what it found goes to `results/detection_quality.parquet` at once: what is there
is not measured again, unless rows, detector, its parameters or its version have changed.
Not for speed: rows are few, on one thread; see `detection_speed`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

# One thread, however a library starts its own: set before any is imported.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"))

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from cases import ANY_KIND, CLASSIC, MOST_ROWS, RULES, SAMPLE, SUITES, Bools, Case, Problem, cases, problem_of
from detectors import ALL, BASELINE, OURS, PEER, Detector, Floats, Found
from environment import RESULTS, WORK, circumstances
from measuring import forked
from quality_report import frame_of, write_page
from sklearn.metrics import roc_auc_score
from variants import ablations

from claims_fraud.autoencoder.evaluation import evaluate

RESULTS_OF = {False: "detection_quality.parquet", True: "detection_ablation.parquet"}
LONGEST_RUN = 1_800
PERMUTATIONS = 20
RATES = (0.04, 0.01, 0.1)
MAIN_RATES = (0.0, RATES[0])
QUICK_ROWS = 1_000
QUICK_SETS = ("sick_thyroid_72", "sample_claims")
# Who the results are of, and on what: later results take the place of earlier ones.
IDENTITY = ("detector", "suite", "data_set", "rate", "seed")
# With another one of these, results are others.
KEY = (*IDENTITY, "version", "parameters", "data")
TEXTS = ("detector", "family", "suite", "data_set", "kind", "version", "parameters", "data", "date", "failed")
COUNTS = ("seed", "n", "n_fraud", "cores", "memory_gib")
SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in TEXTS),
        *(pa.field(name, pa.int32()) for name in COUNTS),
        *(
            pa.field(name, pa.float64())
            for name in (
                *("rate", "base_rate", "auroc", "average_precision", "precision_at_1pct", "recall_at_1pct"),
                *("precision_at_5pct", "recall_at_5pct", "permuted_auroc", "first_reason_hit", "three_reasons_hit"),
                *("fit_seconds", "rows_per_second", "peak_mib", "load_before"),
            )
        ),
        # Numbers of the highest-scored 1 % of the rows, where every seed has the same rows.
        pa.field("top_rows", pa.list_(pa.int32())),
    ]
)

Row = dict[str, Any]


def measure(detector: Detector, problem: Problem, case: Case) -> dict[str, Any]:
    """Return what a detector's run on a case gave, in `rows`: one for all wanted rows, and one a kind of fraud."""
    started = time.perf_counter()
    found = detector.find(problem, case.seed, **detector.parameters)
    costs = {"fit_seconds": time.perf_counter() - started}
    if found.score is not None:
        started = time.perf_counter()
        found.score()
        costs["rows_per_second"] = len(problem.data) / (time.perf_counter() - started)
    measures = evaluate(found.scores, problem.wanted, problem.kinds)
    by_kind = measures.pop("by_kind")
    whole = {**measures, **reasons_hit(found, problem), "permuted_auroc": permuted(found.scores, problem.wanted)}
    if case.suite in (CLASSIC, SAMPLE):
        whole["top_rows"] = top_rows(found.scores)
    return {"rows": [{"kind": kind, **costs, **of} for kind, of in {ANY_KIND: whole, **by_kind}.items()]}


def reasons_hit(found: Found, problem: Problem) -> dict[str, float]:
    """Return how often the largest part of a found row is a value that was changed, and any of the three largest is.

    Found rows are the changed ones among as many of the highest scores as there are changed rows.
    """
    if problem.changed is None or found.parts is None:
        return {}
    top = np.argsort(-found.scores, kind="stable")[: problem.wanted.sum()]
    rows = top[problem.wanted[top]]
    if not len(rows):
        return {}
    largest = np.argsort(-found.parts[rows], axis=1, kind="stable")[:, :3]
    hits = np.take_along_axis(problem.changed[rows], largest, axis=1)
    return {"first_reason_hit": float(hits[:, 0].mean()), "three_reasons_hit": float(hits.any(axis=1).mean())}


def permuted(scores: Floats, wanted: Bools) -> float:
    """Return the mean AUROC for labels in random order: 0.5, or something is wrong."""
    rng = np.random.default_rng(0)
    return float(np.mean([roc_auc_score(rng.permutation(wanted), scores) for _ in range(PERMUTATIONS)]))


def top_rows(scores: Floats) -> list[int]:
    """Return the numbers of the highest-scored 1 % of the rows, in order."""
    return np.sort(np.argsort(-scores, kind="stable")[: -(-len(scores) // 100)]).tolist()


def key_of(detector: Detector, case: Case, fingerprint: str) -> Row:
    """Return by what a run is known."""
    return {
        "detector": detector.name,
        "suite": case.suite,
        "data_set": case.data_set,
        "rate": case.rate,
        "seed": case.seed,
        "version": detector.version,
        "parameters": json.dumps(dict(detector.parameters), sort_keys=True, default=lambda value: value.__name__),
        "data": fingerprint,
    }


def rows_of(detector: Detector, case: Case, problem: Problem) -> list[Row]:
    """Run a detector on a case in a process of its own, and return what goes into the results."""
    known = {**key_of(detector, case, problem.fingerprint), "family": detector.family, **circumstances()}
    found = forked(partial(measure, detector, problem, case), LONGEST_RUN)
    if "failed" in found:
        return [{**known, "kind": ANY_KIND, "failed": found["failed"]}]
    return [{**known, "peak_mib": found["peak_mib"], **row} for row in found["rows"]]


def read(path: Path) -> list[Row]:
    """Return the results so far."""
    return pq.read_table(path).to_pylist() if path.exists() else []


def write(rows: list[Row], path: Path) -> None:
    """Write results, whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), unfinished, compression="zstd")
    unfinished.replace(path)


def of_names(row: Row, names: Iterable[str]) -> tuple[Any, ...]:
    """Return these fields of a row."""
    return tuple(row[name] for name in names)


def with_rows(rows: list[Row], new: list[Row]) -> list[Row]:
    """Return the rows with new ones, which take the place of those of the same run."""
    replaced = {of_names(row, IDENTITY) for row in new}
    return [row for row in rows if of_names(row, IDENTITY) not in replaced] + new


def stage(detector: Detector, case: Case) -> tuple[int, int]:
    """Return when a run's turn comes: baselines, which take minutes, last; rates beside the main one after it."""
    if detector.family == BASELINE:
        return 2 + (case.seed > 0), case.seed
    return int(case.rate not in MAIN_RATES), case.seed


def chosen(names: Iterable[str], detectors: Iterable[Detector]) -> list[Detector]:
    """Return the detectors of these names or families."""
    plural = {OURS: "ours", PEER: "peers", BASELINE: "baselines"}
    wanted = set(names)
    return [one for one in detectors if one.name in wanted or plural[one.family] in wanted]


def run_all(detectors: list[Detector], to_do: list[Case], given: argparse.Namespace, path: Path) -> list[Row]:
    """Measure what has not been measured, and return all results."""
    rows = read(path)
    runs = sorted(((one, case) for case in to_do for one in detectors), key=lambda run: stage(*run))
    for module in {module for one in detectors for module in one.modules}:
        importlib.import_module(module)
    there = set() if given.again else {of_names(row, KEY) for row in rows}
    for number, (detector, case) in enumerate(runs, start=1):
        if detector.only not in (None, case.data_set):
            continue
        problem = problem_of(case, given.data, given.rows)
        key = key_of(detector, case, problem.fingerprint)
        if of_names(key, KEY) in there:
            continue
        new = [] if detector.seeded else of_another_seed(rows, key)
        new = new or rows_of(detector, case, problem)
        rows = with_rows(rows, new)
        write(rows, path)
        print(f"{number} of {len(runs)}: {detector.name}, {case}: {summary(new[0])}", flush=True)
    return rows


def of_another_seed(rows: list[Row], key: Row) -> list[Row]:
    """Return what was found with another seed on the same rows: the same, where a detector draws nothing."""
    names = [name for name in KEY if name != "seed"]
    same = [row for row in rows if of_names(row, names) == of_names(key, names)]
    return [{**row, "seed": key["seed"]} for row in same if row["seed"] == same[0]["seed"]]


def summary(row: Row) -> str:
    """Return a run's result in a few words."""
    if row.get("failed"):
        return row["failed"]
    return f"AUROC {row['auroc']:.3f}, AP {row['average_precision']:.3f}, {row['fit_seconds']:.1f} s"


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--detectors", nargs="+", default=["ours", "peers", "baselines"], help="families or names")
    parser.add_argument("--suites", nargs="+", choices=SUITES, default=list(SUITES))
    parser.add_argument("--sets", nargs="+", help="by default all of the suites")
    parser.add_argument("--seeds", type=int, nargs="+", help="by default 0 to 4")
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES), help=f"of the suite {RULES}")
    parser.add_argument("--ablation", action="store_true", help="of ours with one thing changed; by default seed 0")
    parser.add_argument("--report", action="store_true", help="measure nothing; write the page from the results")
    parser.add_argument("--again", action="store_true", help="measure anew what has been measured")
    parser.add_argument("--quick", action="store_true", help="two sets, few rows; nothing is kept in benchmarks/")
    given = parser.parse_args()
    given.rows = MOST_ROWS
    given.seeds = given.seeds or ([0] if given.ablation else list(range(5)))
    if given.quick:
        given.sets, given.seeds, given.rates, given.rows = QUICK_SETS, [0], [RATES[0]], QUICK_ROWS
    return given


def main() -> None:
    """Measure what has not been measured, and put all of it into the page."""
    given = parsed()
    logging.getLogger("claims_fraud").setLevel(logging.WARNING)
    folder = WORK if given.quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RESULTS_OF[given.ablation]
    detectors = ablations() if given.ablation else chosen(given.detectors, ALL)
    to_do = [] if given.report else cases(given.suites, given.sets, given.seeds, given.rates)
    run_all(detectors, to_do, given, path)
    if not given.quick:
        write_page(frame_of(read(path)), given.ablation)


if __name__ == "__main__":
    main()
