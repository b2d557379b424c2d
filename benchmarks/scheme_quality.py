"""Measure how well detectors find schemes that an investigator knows, beside the analyst's kit.

`make benchmark-schemes DATA=FOLDER` measures what is not in `results/schemes.parquet` yet and writes the tables; the
README beside this module says what is measured. To develop a detector, call it from Python:

    import scheme_quality
    scheme_quality.run(detect, sets=["sample_claims"], schemes=["amount*", "upcoding"])

where ``detect(data, groups)`` returns scores, or scores and parts: see `schemes.measure_detector`.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import inspect
import json
import logging
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

# One thread, however a library starts its own: set before any is imported.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"))

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from cases import Problem
from environment import REPOSITORY, RESULTS, WORK, circumstances
from kit import Floats, score_by_group, score_by_kit, score_by_pairs
from measuring import forked
from scheme_report import KIT, SINGLE_TOOLS, find_broken_rules, write_page
from scheme_sets import ADULT, AMOUNTS, SAMPLE_CLAIMS, SETS, load_honest
from schemes import Detect, NotApplicable, Planted, list_schemes, measure_scores, plant, split_scores

Scored = tuple[Floats, Floats | None]
Row = dict[str, Any]

DATA = REPOSITORY / ".." / "shared" / "data"
MAIN_RATE = 0.02
RATES = (0.005, 0.02, 0.05)
MAIN_SEEDS = (0, 1)
SEEDS = tuple(range(5))
# What is measured at every rate with every seed; everything else at the main rate with the main seeds.
THOROUGH = {
    SAMPLE_CLAIMS: ("amount × 2", "upcoding", "near-duplicate", "another row's procedure_code"),
    ADULT: ("another row's education",),
}
QUICK_ROWS = 2_000
QUICK_SETS = (SAMPLE_CLAIMS, ADULT)
LONGEST_RUN = 1_800
OURS, PEER, TOOL = "ours", "peer", "tool"
RESULTS_NAME = "schemes.parquet"
# Whose result it is, and on what: later results replace earlier ones.
IDENTITY = ("detector", "data_set", "scheme", "rate", "seed")
# With another one of these, results are others.
KEY = (*IDENTITY, "version", "data")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("detector", "family", "data_set", "scheme", "version", "data")),
        *((name, pa.string()) for name in ("date", "failed")),
        *((name, pa.int32()) for name in ("seed", "n", "n_changed", "cores", "memory_gib")),
        *((name, pa.float64()) for name in ("rate", "average_precision", "auroc", "first_reason", "provider_rank")),
        *((name, pa.float64()) for name in ("fit_seconds", "load_before")),
    ]
)
# The detector before it was scored by evidence.
BEFORE_COMMIT = "db3f01a"
BEFORE_SCRIPT = """
import logging, pickle, sys
from pathlib import Path
source, given, found = map(Path, sys.argv[1:])
import claims_fraud
assert Path(claims_fraud.__file__).is_relative_to(source), claims_fraud.__file__
from claims_fraud.autoencoder import ClaimsTreeAutoencoder
logging.getLogger("claims_fraud").setLevel(logging.WARNING)
data, categorical, numeric, groups, model = pickle.loads(given.read_bytes())
estimator = ClaimsTreeAutoencoder(model, n_jobs=1)
scores, parts = estimator.fit(data, categorical, numeric, groups=groups)
found.write_bytes(pickle.dumps((scores, parts[list(data)].to_numpy())))
"""


@dataclass(frozen=True)
class Cell:
    """One set of rows with one scheme planted in it."""

    data_set: str
    scheme: str
    rate: float
    seed: int


@dataclass(frozen=True)
class SchemeDetector:
    """A detector by name, and the version that its results belong to.

    ``find`` takes the planted rows and the name of their set. Only single tools may look at which columns were changed.
    A forked one runs in a process of its own.
    """

    name: str
    family: str
    find: Callable[[Planted, str], Scored | None]
    version: str
    forked: bool = False


def wrap(
    detect: Detect, name: str = "detector", family: str = PEER, version: str = "", *, forked: bool = False
) -> SchemeDetector:
    """Return a function ``detect(data, groups)`` as a detector; its version is by default its module's hash."""

    def find(planted: Planted, _: str) -> Scored:
        return split_scores(detect(planted.rows, planted.providers), planted.rows)

    return SchemeDetector(name, family, find, version or hash_source(detect), forked)


def split_columns(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the names of the columns of codes and of the columns of numbers."""
    numeric = [name for name in rows if pd.api.types.is_numeric_dtype(rows[name])]
    return [name for name in rows if name not in numeric], numeric


def hash_source(function: Callable[..., Any]) -> str:
    """Return a hash of the module that a function is defined in, empty if it has no source file."""
    try:
        source = Path(inspect.getsourcefile(inspect.unwrap(function)) or "").read_bytes()
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(source).hexdigest()[:12]


def find_by_kit(planted: Planted, data_set: str) -> Scored:
    """Score by the analyst's kit."""
    return score_by_kit(planted.rows, split_columns(planted.rows)[0], AMOUNTS[data_set]), None


def find_by_pairs(planted: Planted, _: str) -> Scored:
    """Score by the table of all pairs."""
    return score_by_pairs(planted.rows), None


def find_by_changed_group(planted: Planted, _: str) -> Scored | None:
    """Score by the robust z of the changed number, the largest of several; None if no number was changed."""
    categorical, numeric = split_columns(planted.rows)
    names = [name for name in planted.columns if name in numeric]
    if not names:
        return None
    return np.max([score_by_group(planted.rows, name, categorical) for name in names], axis=0), None


def find_by_changed_pairs(planted: Planted, _: str) -> Scored:
    """Score by the pairs that include a changed column."""
    return score_by_pairs(planted.rows, planted.columns), None


def detect_by_estimator(data: pd.DataFrame, groups: pd.Series | None, *, model: str) -> Scored:
    """Score by this project's estimator at its defaults; models score rows that they did not see.

    It is told what ingestion knows of the columns that it derives: from which others, and that repeats are suspicious.
    """
    from claims_fraud.autoencoder import ClaimsTreeAutoencoder  # noqa: PLC0415 - the version at the time of the call
    from claims_fraud.claims import Columns  # noqa: PLC0415
    from claims_fraud.claims.columns import REPEATS  # noqa: PLC0415
    from claims_fraud.claims.history import history_sources  # noqa: PLC0415

    estimator = ClaimsTreeAutoencoder(
        model,
        n_jobs=1,
        derived_from={name: sources for name, sources in history_sources(Columns()).items() if name in data},
        suspicious_direction={name: "high" for name in REPEATS if name in data},
    )
    scores, parts = estimator.fit(data, *split_columns(data), groups=groups)
    return scores, parts[list(data)].to_numpy()


def detect_as_before(data: pd.DataFrame, groups: pd.Series | None, *, model: str) -> Scored:
    """Score by the estimator of an earlier commit, in a process that imports that commit's source."""
    source = extract_before()
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "given.pickle", Path(folder) / "found.pickle"
        given.write_bytes(pickle.dumps((data, *split_columns(data), groups, model)))
        done = subprocess.run(  # noqa: S603 - this module's own script
            [sys.executable, "-c", BEFORE_SCRIPT, str(source), str(given), str(found)],
            env={**os.environ, "PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_RUN,
        )
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
        return pickle.loads(found.read_bytes())  # noqa: S301 - written by the process above


@cache
def extract_before() -> Path:
    """Return the folder of an earlier commit's source, extracted from the repository's history at first."""
    folder = WORK / f"before-{BEFORE_COMMIT}"
    if not (folder / "src").exists():
        folder.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(  # noqa: S603 - a constant
            ["git", "-C", str(REPOSITORY), "archive", BEFORE_COMMIT, "src"],  # noqa: S607
            capture_output=True,
            check=False,
        )
        if archive.returncode:
            raise RuntimeError(f"Commit {BEFORE_COMMIT} is not in this repository. Fetch the whole history.")
        subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)  # noqa: S603, S607
    return folder / "src"


def detect_by_peer(data: pd.DataFrame, groups: pd.Series | None, *, name: str) -> Scored:
    """Score by another library's detector, as `detectors` configures it."""
    from detectors import ALL  # noqa: PLC0415 - imports the estimator, which takes seconds

    detector = next(one for one in ALL if one.name == name)
    problem = Problem(data, np.zeros(len(data), dtype=bool), groups=groups)
    return detector.find(problem, 0, **detector.parameters).scores, None


@cache
def hash_package() -> str:
    """Return a hash of all modules of the estimator: other source, other results."""
    files = sorted((REPOSITORY / "src" / "claims_fraud" / "autoencoder").rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def list_tools() -> list[SchemeDetector]:
    """Return the analyst's kit and the single tools; the last two know which columns were changed."""
    source = hash_source(score_by_kit)
    finders = (find_by_kit, find_by_pairs, find_by_changed_group, find_by_changed_pairs)
    return [SchemeDetector(name, TOOL, find, source) for name, find in zip((KIT, *SINGLE_TOOLS), finders, strict=True)]


def list_detectors() -> dict[str, SchemeDetector]:
    """Return the built-in detectors by name."""
    kinds = ("catboost", "xgboost")
    ours = [wrap(partial(detect_by_estimator, model=kind), kind, OURS, hash_package(), forked=True) for kind in kinds]
    before = [wrap(partial(detect_as_before, model=kind), f"before_{kind}", PEER, BEFORE_COMMIT) for kind in kinds]
    pyod = f"pyod {version('pyod')}" if importlib.util.find_spec("pyod") else "pyod"
    names = ("ecod", "iforest_onehot", "lof_onehot")
    peers = [wrap(partial(detect_by_peer, name=name), name, PEER, pyod) for name in names]
    return {one.name: one for one in (*list_tools(), *ours, *before, *peers)}


def measure_cell(detector: SchemeDetector, planted: Planted, data_set: str) -> dict[str, Any]:
    """Return the measures of a detector on planted rows, empty if it does not apply to them."""
    started = time.perf_counter()
    scored = detector.find(planted, data_set)
    if scored is None:
        return {}
    return {**measure_scores(planted, *scored), "fit_seconds": time.perf_counter() - started}


def measure_safely(detector: SchemeDetector, planted: Planted, data_set: str) -> dict[str, Any]:
    """Return the measures, or why the detector ``failed``: whatever a library raises is a result."""
    work = partial(measure_cell, detector, planted, data_set)
    if detector.forked:
        return forked(work, LONGEST_RUN)
    try:
        return work()
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"}


def list_cells(
    folder: Path,
    grid: Iterable[tuple[float, int]],
    sets: Iterable[str],
    patterns: Iterable[str] | None,
    rows: int | None,
) -> list[Cell]:
    """Return the cells of a grid of rates and seeds: all schemes of the sets, or those that match a pattern."""
    wanted = list(patterns or ["*"])
    return [
        Cell(data_set, scheme, rate, seed)
        for rate, seed in grid
        for data_set in sets
        for scheme in list_schemes(load_honest(data_set, folder, rows))
        if any(fnmatchcase(scheme, pattern) for pattern in wanted)
    ]


def is_in_default_grid(cell: Cell) -> bool:
    """Return whether a cell is measured by default: about 80 minutes of one core for the detector of db3f01a."""
    if cell.rate == MAIN_RATE and cell.seed in MAIN_SEEDS:
        return True
    return cell.rate in RATES and cell.seed in SEEDS and cell.scheme in THOROUGH.get(cell.data_set, ())


# Detectors run cell by cell.
@lru_cache(maxsize=2)
def plant_cell(cell: Cell, folder: Path, most_rows: int | None = None) -> Planted:
    """Return the rows of a cell with its scheme planted."""
    return plant(load_honest(cell.data_set, folder, most_rows), cell.scheme, cell.rate, cell.seed)


def fingerprint(planted: Planted) -> str:
    """Return a hash of the rows and of the changed values."""
    hashes = pd.util.hash_pandas_object(planted.rows, index=False).to_numpy()
    whole = hashes.tobytes() + planted.changed.tobytes() + repr(list(planted.rows)).encode()
    return hashlib.sha256(whole).hexdigest()[:12]


def run(  # noqa: PLR0913 - each has a default
    detect: Detect | SchemeDetector | None,
    *,
    sets: Iterable[str] = (SAMPLE_CLAIMS,),
    schemes: Iterable[str] | None = None,
    rates: Iterable[float] = (MAIN_RATE,),
    seeds: Iterable[int] = (0,),
    folder: Path = DATA,
    most_rows: int | None = None,
) -> pd.DataFrame:
    """Measure a detector in this process beside the kit and the best single tool, and keep nothing: to develop it.

    Parameters
    ----------
    detect : callable, SchemeDetector or None
        ``detect(data, groups)``; None measures the kit and the tools alone.
    sets, schemes, rates, seeds : iterables
        The cells. Schemes are names or patterns (``"amount*"``), by default all.
    folder : Path
        The folder of the public sets.
    most_rows : int, optional
        Fewer rows, for speed.

    Returns
    -------
    DataFrame
        One row per set and scheme, means over rates and seeds: ``per_kit`` (AP divided by the kit's),
        ``average_precision``, ``auroc``, ``first_reason``, AP of the ``kit`` and of the ``best_tool``, and the rules
        that the detector ``fails``.
    """
    detector = detect if isinstance(detect, SchemeDetector) or detect is None else wrap(detect)
    rows = []
    grid = [(rate, seed) for seed in seeds for rate in rates]
    for cell in list_cells(folder, grid, sets, schemes, most_rows):
        try:
            planted = plant_cell(cell, folder, most_rows)
        except NotApplicable:
            continue
        own = measure_cell(detector, planted, cell.data_set) if detector else {}
        rows.append({"data_set": cell.data_set, "scheme": cell.scheme, **own, **measure_tools(cell, planted)})
    table = pd.DataFrame(rows).groupby(["data_set", "scheme"], sort=False).mean()
    if detector:
        table.insert(0, "per_kit", table["average_precision"] / table["kit"])
        table["fails"] = find_broken_rules(table["average_precision"], table["kit"], table["best_tool"])
    return table


def measure_tools(cell: Cell, planted: Planted) -> dict[str, float]:
    """Return the AP of the kit and of the best single tool; the build folder keeps what was measured."""
    kept = WORK / "scheme_tools" / f"{fingerprint(planted)}-{hash_source(score_by_kit)}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    found = {one.name: measure_cell(one, planted, cell.data_set) for one in list_tools()}
    precision = {name: measures["average_precision"] for name, measures in found.items() if measures}
    best = max(precision[name] for name in SINGLE_TOOLS if name in precision)
    measured = {"kit": precision[KIT], "kit_auroc": found[KIT]["auroc"], "best_tool": best}
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(measured))
    return measured


def read_results(path: Path) -> list[Row]:
    """Return the results so far."""
    return pq.read_table(path).to_pylist() if path.exists() else []


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a lock beside a file, so that two runs of this benchmark can add to it."""
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / f"{path.name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def add_result(row: Row, path: Path) -> None:
    """Add a result to the file, in place of an earlier one of the same detector and cell."""
    with lock(path):
        identity = [row[name] for name in IDENTITY]
        kept = [one for one in read_results(path) if [one[name] for name in IDENTITY] != identity]
        table = pa.Table.from_pylist(
            sorted([*kept, row], key=lambda one: tuple(one[name] for name in IDENTITY)), schema=SCHEMA
        )
        unfinished = path.with_suffix(".unfinished")
        pq.write_table(table, unfinished, compression="zstd")
        unfinished.replace(path)


def measure_all(detectors: list[SchemeDetector], cells: list[Cell], given: argparse.Namespace, path: Path) -> None:
    """Measure what has not been measured, cell by cell, and add each result to the file at once."""
    done = set() if given.again else {tuple(row[name] for name in KEY) for row in read_results(path)}
    for number, cell in enumerate(cells, start=1):
        known = {"data_set": cell.data_set, "scheme": cell.scheme, "rate": cell.rate, "seed": cell.seed}
        try:
            planted = plant_cell(cell, given.data, given.rows)
        except NotApplicable as error:
            reason = {**known, "detector": KIT, "family": TOOL, "version": "", "data": "", "failed": str(error)}
            if tuple(reason[name] for name in KEY) not in done:
                add_result(reason | circumstances(), path)
            continue
        data = fingerprint(planted)
        for detector in detectors:
            row = {**known, "detector": detector.name, "family": detector.family}
            row |= {"version": detector.version, "data": data}
            if tuple(row[name] for name in KEY) in done:
                continue
            row |= {"n": len(planted.rows), "n_changed": int(planted.wanted.sum()), **circumstances()}
            measured = measure_safely(detector, planted, cell.data_set)
            if not set(measured) - {"peak_mib"}:
                continue
            row |= {name: value for name, value in measured.items() if name != "peak_mib"}
            add_result(row, path)
            print(f"{number} of {len(cells)}: {detector.name}, {cell}: {summarize(row)}", flush=True)


def summarize(row: Row) -> str:
    """Return a result in a few words."""
    return row.get("failed") or f"AP {row['average_precision']:.3f}, {row['fit_seconds']:.1f} s"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    names = list(list_detectors())
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the public sets")
    parser.add_argument("--detector", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--set", action="append", dest="sets", choices=SETS, help="repeatable; by default all")
    parser.add_argument(
        "--scheme", action="append", help="name or pattern such as 'amount*'; repeatable; by default all"
    )
    parser.add_argument("--rate", type=float, action="append", help="repeatable; by default the stated grid")
    parser.add_argument("--seed", type=int, action="append", help="repeatable; by default the stated grid")
    parser.add_argument("--report", action="store_true", help="measure nothing; write the page from the results")
    parser.add_argument("--again", action="store_true", help="measure anew what has been measured")
    parser.add_argument(
        "--quick", action="store_true", help="two sets, few rows, one seed; keep nothing in benchmarks/"
    )
    given = parser.parse_args(arguments)
    given.rows = QUICK_ROWS if given.quick else None
    given.sets = given.sets or (QUICK_SETS if given.quick else SETS)
    return given


def choose_cells(given: argparse.Namespace) -> list[Cell]:
    """Return the cells that the options ask for; without rates and seeds, those of the default grid."""
    if given.quick:
        return list_cells(given.data, [(MAIN_RATE, 0)], given.sets, given.scheme, given.rows)
    main_first = sorted(given.rate or RATES, key=lambda rate: rate != MAIN_RATE)
    grid = [(rate, seed) for rate in main_first for seed in given.seed or SEEDS]
    cells = list_cells(given.data, grid, given.sets, given.scheme, given.rows)
    return cells if given.rate or given.seed else [cell for cell in cells if is_in_default_grid(cell)]


def main() -> None:
    """Measure what has not been measured, and write the tables."""
    given = parse_arguments()
    logging.getLogger("claims_fraud").setLevel(logging.WARNING)
    folder = WORK if given.quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RESULTS_NAME
    detectors = list_detectors()
    if not given.report:
        chosen = [detectors[name] for name in given.detector or detectors]
        measure_all(chosen, choose_cells(given), given, path)
    if given.quick:
        print(pd.DataFrame(read_results(path)).pivot_table("average_precision", ["data_set", "scheme"], "detector"))
    else:
        write_page(pd.DataFrame(read_results(path)))


if __name__ == "__main__":
    main()
