"""How fast and in how much memory claims are scored: on Spark, on pandas, and collected from Spark and scored at once.

`make benchmark-spark`; README.md beside this says what is measured and what was found. Each figure comes from a
process of its own, and goes to a file of JSON lines at once: a run that was stopped goes on where it was.
Not for how well fraud is found, and not for clusters: Spark is local, on two cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from environment import (
    RESULTS,
    WORK,
    catalog_of,
    circumstances,
    configuration,
    markdown,
    parameters_of,
    put,
    run_node,
    spark_session,
    write_table,
)
from generated import write_features
from kedro.io import DataCatalog, DatasetError
from processes import MemoryWatch, kill_tree, limit_memory

from claims_fraud import frames
from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.persistence import packed
from claims_fraud.claims.sample import CHUNK_SIZE
from claims_fraud.pipelines.scoring import create_pipeline
from claims_fraud.pipelines.training.nodes import fit_autoencoder
from claims_fraud.scores import score_claims, with_flags

MODEL_TYPES = ("catboost", "xgboost")
VARIANTS = ("spark", "pandas", "plain")
NODES = ("score_features", "rank_scores")
BUDGET_MB = 50
LONGEST_FIT = 600


@dataclass(frozen=True)
class Task:
    """One step, run in a process of its own.

    Attributes
    ----------
    step : str
        `generate`, `fit` and `tables` make ready; the others are measured.
    rows : int
        Of the table; of `fit`, those learned from at most.
    model_type : str
        Where it matters, else empty.
    """

    step: str
    rows: int
    model_type: str = ""


def features_path(folder: Path, rows: int) -> Path:
    """Return where the local environment looks for the features."""
    return folder / f"rows_{rows}" / "04_feature" / "features.parquet"


def training_scores_path(folder: Path, model_type: str) -> Path:
    """Return where the scores of the claims that were learned from are."""
    return folder / f"training_scores_{model_type}.parquet"


def model_path(folder: Path, model_type: str) -> Path:
    """Return where the model is."""
    return folder / "models" / f"autoencoder_{model_type}"


def made_by(task: Task, folder: Path) -> Path:
    """Return what is there when a step that makes ready is done."""
    return {
        "generate": features_path(folder, task.rows),
        "fit": training_scores_path(folder, task.model_type),
        "tables": folder / f"rows_{task.rows}" / "tables",
    }[task.step]


def fit(task: Task, folder: Path, smallest: int) -> dict[str, Any]:
    """Fit a model with the default parameters on a sample of the smallest table; return how large its artefact is."""
    parameters = parameters_of(configuration("local"))
    training = parameters.training.model_copy(update={"model_type": task.model_type})
    key = parameters.columns.claim_id
    claims = frames.sample(pd.read_parquet(features_path(folder, smallest)), task.rows, key, training.seed)
    started = time.perf_counter()
    model, scores = fit_autoencoder(claims, parameters.columns, training)
    seconds = time.perf_counter() - started
    place = model_path(folder, task.model_type)
    model.save(place)
    scores.to_parquet(training_scores_path(folder, task.model_type))
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    found = {"rows": len(claims), "features": len(model.features_), "model_version": model.model_version_}
    return {**found, "seconds": seconds, "zip_mb": len(packed(place)) / 1e6, "folder_mb": size / 1e6}


def tables(task: Task, folder: Path) -> dict[str, Any]:
    """Save features and training scores as the Delta tables that scoring reads."""
    for model_type in MODEL_TYPES:
        catalog = _spark_catalog(Task("tables", task.rows, model_type), folder)
        if model_type == MODEL_TYPES[0]:
            catalog.save("features", catalog.load("raw_claims"))
        catalog.save("training_scores", pd.read_parquet(training_scores_path(folder, model_type)))
    made_by(task, folder).touch()
    return {}


def score_on_spark(task: Task, folder: Path) -> dict[str, Any]:
    """Run the nodes of the pipeline in the databricks environment, from Delta table to Delta table."""
    catalog = _spark_catalog(task, folder)
    put(catalog, "live_autoencoder", ClaimsTreeAutoencoder.load(model_path(folder, task.model_type)))
    return _without_tables(catalog, _timed_nodes(catalog, task))


def score_on_pandas(task: Task, folder: Path) -> dict[str, Any]:
    """Run the nodes of the pipeline in the local environment, from parquet file to parquet file."""
    data_root = folder / f"rows_{task.rows}"
    catalog = catalog_of(configuration("local", data_root=str(data_root), model_type=task.model_type))
    put(catalog, "live_autoencoder", ClaimsTreeAutoencoder.load(model_path(folder, task.model_type)))
    known = pd.read_parquet(training_scores_path(folder, task.model_type))
    put(catalog, "training_scores", lambda version: known)
    with _limited_memory():
        found = _timed_nodes(catalog, task)
    Path(catalog["fraud_scores"]._describe()["filepath"]).unlink()
    return found


def score_plainly(task: Task, folder: Path) -> dict[str, Any]:
    """Collect the table with `toPandas`, score and rank it at once, and save the result as a Delta table."""
    # A collected table may be larger than Spark by itself allows.
    catalog = _spark_catalog(task, folder, **{"spark.driver.maxResultSize": "0"})
    with _limited_memory():
        found = _score_at_once(task, catalog)
    return _without_tables(catalog, found)


def _score_at_once(task: Task, catalog: DataCatalog) -> dict[str, Any]:
    columns, scoring = catalog.load("params:columns"), catalog.load("params:scoring")
    model = catalog.load("autoencoder")
    stamps = [time.perf_counter()]
    known = catalog.load("training_scores")(model.model_version_)
    features, known = (frame.toPandas() for frame in (catalog.load("features"), known))
    stamps.append(time.perf_counter())
    claims = features.merge(known.drop(columns="model_version"), on=columns.claim_id, how="left")
    scored = score_claims(claims, model, columns, scoring.scored_at)
    scored = scored.sort_values(["fraud_score", columns.claim_id], ascending=[False, True], ignore_index=True)
    ranked = with_flags(scored.assign(rank=range(1, len(scored) + 1)), columns, scoring)
    stamps.append(time.perf_counter())
    catalog.save("fraud_scores", ranked)
    stamps.append(time.perf_counter())
    return _found(task, ("collect", "score", "save"), stamps)


@contextmanager
def _limited_memory() -> Iterator[None]:
    most = limit_memory()
    try:
        yield
    except (MemoryError, DatasetError) as error:
        if not isinstance(error, MemoryError) and not isinstance(error.__cause__, MemoryError):
            raise
        print(json.dumps({"failed": f"more than {most} GiB"}))
        sys.exit()


def _spark_catalog(task: Task, folder: Path, **settings: str) -> DataCatalog:
    loader = configuration(
        "databricks",
        artifact_root=str(folder),
        schema=f"rows_{task.rows}",
        model_type=task.model_type,
        raw_claims=str(features_path(folder, task.rows)),
    )
    spark_session(loader, **settings)
    return catalog_of(loader)


def _timed_nodes(catalog: DataCatalog, task: Task) -> dict[str, Any]:
    nodes, stamps = {node.name: node for node in create_pipeline().nodes}, [time.perf_counter()]
    for name in NODES:
        run_node(nodes[name], catalog)
        stamps.append(time.perf_counter())
    return _found(task, NODES, stamps)


def _found(task: Task, names: tuple[str, ...], stamps: list[float]) -> dict[str, Any]:
    steps = {name: later - earlier for name, earlier, later in zip(names, stamps, stamps[1:], strict=False)}
    seconds = stamps[-1] - stamps[0]
    return {"seconds": seconds, "steps": steps, "rows_per_second": task.rows / seconds}


def _without_tables(catalog: DataCatalog, found: dict[str, Any]) -> dict[str, Any]:
    """Drop what was written, after a look at whether it is all there: the next one writes it for the first time too."""
    from kedro_datasets._utils.spark_utils import get_spark  # noqa: PLC0415 - Spark is not there on pandas

    written = catalog.load("fraud_scores").count()
    for name in ("scored_claims", "fraud_scores"):
        get_spark().sql(f"DROP TABLE IF EXISTS {catalog[name].name}")
    return {**found, "rows_written": written}


STEPS = {"tables": tables, "spark": score_on_spark, "pandas": score_on_pandas, "plain": score_plainly}


def run_here(task: Task, folder: Path, smallest: int) -> dict[str, Any]:
    """Run a task in this process and return what it found."""
    if task.step == "generate":
        write_features(features_path(folder, task.rows), task.rows, min(CHUNK_SIZE, smallest))
        return {}
    return fit(task, folder, smallest) if task.step == "fit" else STEPS[task.step](task, folder)


def run_apart(task: Task, folder: Path, smallest: int, longest: float | None = None) -> dict[str, Any]:
    """Run a task in a process of its own, watch its memory, and return everything that is known of it.

    A failure is a result too: its last line is under `failed`.
    """
    given = json.dumps([asdict(task), str(folder), smallest])
    around, log = circumstances(), folder / f"{task.step}_{task.model_type}_{task.rows}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(  # noqa: S603 - this file itself
            [sys.executable, __file__, "--task", given],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        watch = MemoryWatch(process.pid)
        watch.start()
        try:
            said, _ = process.communicate(timeout=longest)
        except subprocess.TimeoutExpired:
            said = json.dumps({"failed": f"took longer than {longest:g} s"})
        finally:
            peaks = watch.finish()
            kill_tree(process)
    found = json.loads(said.splitlines()[-1]) if said.strip() else {"failed": _last_line(log, process.returncode)}
    return {**asdict(task), **found, "peak_mib": peaks, **around}


def _last_line(log: Path, status: int) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"exit status {status}: {lines[-1][:200] if lines else 'nothing was said'}"


def make_ready(folder: Path, rows: list[int], training_rows: int, results: Path) -> None:
    """Make what the measured tasks read, where it is not there."""
    for number in rows:
        _ensure(Task("generate", number), folder, rows[0])
    for model_type in MODEL_TYPES:
        if not made_by(Task("fit", 0, model_type), folder).exists():
            _add(_fitted(model_type, folder, rows[0], training_rows), results)
    for number in rows:
        _ensure(Task("tables", number), folder, rows[0])


def _ensure(task: Task, folder: Path, smallest: int) -> None:
    if not made_by(task, folder).exists():
        print(f"{task.step} {task.rows:,} rows …", flush=True)
        found = run_apart(task, folder, smallest)
        if "failed" in found:
            sys.exit(f"{task.step} failed: {found['failed']}")


def _fitted(model_type: str, folder: Path, smallest: int, training_rows: int) -> dict[str, Any]:
    """Fit a model, on half as many rows as long as it takes too long."""
    while True:
        print(f"fit {model_type} on {training_rows:,} rows …", flush=True)
        found = run_apart(Task("fit", training_rows, model_type), folder, smallest, LONGEST_FIT)
        if "failed" not in found:
            return found
        print(found["failed"])
        if not found["failed"].startswith("took longer"):
            sys.exit(1)
        training_rows //= 2


def _add(found: dict[str, Any], results: Path) -> None:
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in found.items()}
    if "steps" in rounded:
        rounded["steps"] = {name: round(seconds, 1) for name, seconds in found["steps"].items()}
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(rounded) + "\n")


def known(results: Path) -> list[dict[str, Any]]:
    """Return what was found so far; the last one of a task counts."""
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    found = [json.loads(line) for line in lines]
    # A fit on fewer rows than asked for is the fit of that model type.
    return list({(one["step"], one["model_type"], one["step"] != "fit" and one["rows"]): one for one in found}.values())


def tables_of(found: list[dict[str, Any]]) -> str:
    """Return what was found as text in Markdown: speed and memory, then the size of the models."""
    scored = sorted((one for one in found if one["step"] in VARIANTS), key=_in_order)
    speed = markdown(
        ["Rows, model", "Way", "Rows/s", "Seconds", "Driver", "Worker", "JVM", "Together", "Date"],
        list(map(_scored_row, scored)),
    )
    fits = [one for one in found if one["step"] == "fit"]
    sizes = markdown(
        ["Model", "Columns", "Learned from", "Fit, s", "Zip, MB", "Folder, MB", f"Of {BUDGET_MB} MB", "Date"],
        list(map(_size_row, fits)),
    )
    return f"{speed}\n{sizes}"


def _in_order(one: dict[str, Any]) -> tuple[str, int, int]:
    return one["model_type"], one["rows"], VARIANTS.index(one["step"])


def _scored_row(one: dict[str, Any]) -> list[Any]:
    peak = one["peak_mib"]
    memory = [f"{peak[kind]:,}" if peak[kind] else "–" for kind in ("driver", "worker", "jvm", "together")]
    figures = [one["failed"], "–"] if "failed" in one else [f"{one['rows_per_second']:,.0f}", f"{one['seconds']:,.0f}"]
    return [f"{one['rows']:,} {one['model_type']}", one["step"], *figures, *memory, one["date"]]


def _size_row(one: dict[str, Any]) -> list[Any]:
    sizes = [f"{one['zip_mb']:.2f}", f"{one['folder_mb']:.2f}", f"{one['zip_mb'] / BUDGET_MB:.1%}"]
    return [one["model_type"], one["features"], f"{one['rows']:,}", f"{one['seconds']:.0f}", *sizes, one["date"]]


def tasks(rows: list[int], model_types: list[str], variants: list[str]) -> Iterator[Task]:
    """Yield what is measured, the smaller tables first."""
    for model_type in model_types:
        for number in rows:
            yield from (Task(variant, number, model_type) for variant in variants)


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--model-types", nargs="+", choices=MODEL_TYPES, default=["catboost"], help="that score")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--training-rows", type=int, default=100_000)
    parser.add_argument("--again", action="store_true", help="measure anew what has been measured")
    parser.add_argument("--quick", action="store_true", help="20,000 and 100,000 rows; nothing is kept in benchmarks/")
    parser.add_argument("--task", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.quick:
        given.rows, given.training_rows = [20_000, 100_000], 10_000
    given.rows = sorted(given.rows)
    if any(rows % min(CHUNK_SIZE, given.rows[0]) for rows in given.rows):
        parser.error("give multiples of the smallest number of rows, so that its claims are among all others'")
    return given


def main() -> None:
    """Measure what has not been measured, print all of it, and put it into the README."""
    given = parsed()
    if given.task:
        task, folder, smallest = given.task
        print(json.dumps(run_here(Task(**task), Path(folder), smallest)))
        return
    folder = WORK / ("scoring_quick" if given.quick else "scoring")
    folder.mkdir(parents=True, exist_ok=True)
    results = (folder if given.quick else RESULTS) / "spark_scoring.jsonl"
    wanted = list(tasks(given.rows, given.model_types, given.variants))
    there = set() if given.again else {(one["step"], one["rows"], one["model_type"]) for one in known(results)}
    pending = [task for task in wanted if (task.step, task.rows, task.model_type) not in there]
    if pending:
        make_ready(folder, given.rows, given.training_rows, results)
    for task in pending:
        print(f"{task.step} {task.rows:,} rows, {task.model_type} …", flush=True)
        _add(run_apart(task, folder, given.rows[0]), results)
    text = tables_of(known(results))
    print(text)
    if not given.quick:
        write_table("spark_scoring", text)


if __name__ == "__main__":
    main()
