"""How long drift and fairness of many claims take and in how much memory, beside other libraries.

`make benchmark-monitoring`; README.md beside this says what is measured. Each measurement is a process of its own, by
the interpreter of the virtual environment that has the library, and goes to a file of JSON lines at once: what is there
is not measured again. Not for how often drift is told wrongly, see `drift_alarms`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from detection_speed import features_of
from environment import REPOSITORY, RESULTS, WORK, circumstances, markdown, write_table
from monitoring_work import CURRENT, REFERENCE, ROW_GROUP

NAME = "monitoring_speed"
LONGEST_RUN = 600
OURS = ("ours drift", "ours fairness")
PEERS = ("evidently", "nannyml", "fairlearn")
# What each is beside, for how many times as fast it is.
BESIDE = {"evidently": "ours drift", "nannyml": "ours drift", "fairlearn": "ours fairness"}
# Of 10 million rows, a quarter million in each.
BATCHES = 40


@dataclass(frozen=True)
class Sizes:
    """How much is measured: rows, and in how many batches the largest number of them is read once more."""

    drawn_from: int = 1_000_000
    reference: int = 100_000
    rows: tuple[int, ...] = (1_000_000, 10_000_000)
    batches: tuple[int, ...] = (1, 1_000)


QUICK = Sizes(20_000, 10_000, (20_000, 50_000), (1, 50))


@dataclass(frozen=True)
class Task:
    """One measurement: what is done, of how many rows, in how many batches."""

    work: str
    rows: int
    batches: int


def tasks(sizes: Sizes) -> Iterator[Task]:
    """Yield what is measured, the fewest rows first."""
    for rows in sizes.rows:
        yield from (Task(work, rows, BATCHES * rows // sizes.rows[-1]) for work in OURS)
        yield from (Task(work, rows, 1) for work in PEERS)
    yield from (Task(work, sizes.rows[-1], batches) for work in OURS for batches in sizes.batches)


def write_claims(path: Path, source: Path, rows: int, seed: int) -> None:
    """Write claims drawn from others, with scores, flags and outcomes drawn too, in row groups of one size."""
    rng, claims = np.random.default_rng(seed), pq.read_table(source)
    unfinished, writer = path.with_suffix(".unfinished"), None
    for start in range(0, rows, ROW_GROUP):
        number = min(ROW_GROUP, rows - start)
        level = rng.random(number)
        drawn = {
            "fraud_score": -np.log1p(-level),
            "fraud_percentile": 100 * level,
            "flagged": level > 0.99,
            "rank": (1 + (1 - level) * rows).astype("int64"),
            "outcome": (rng.random(number) < 0.03).astype("int8"),
        }
        table = claims.take(rng.integers(0, len(claims), number))
        for name, values in drawn.items():
            table = table.append_column(name, pa.array(values))
        writer = writer or pq.ParquetWriter(unfinished, table.schema)
        writer.write_table(table, row_group_size=ROW_GROUP)
    if writer is not None:
        writer.close()
        unfinished.rename(path)


def measure(task: Task, folder: Path) -> dict[str, Any]:
    """Return what the work took, or why it failed."""
    python = REPOSITORY / "build" / "peers" / task.work / "bin" / "python" if task.work in PEERS else sys.executable
    command = [python, Path(__file__).with_name("monitoring_work.py"), task.work, folder, task.rows, task.batches]
    try:
        said = subprocess.run(  # noqa: S603 - our own script
            [str(word) for word in command], capture_output=True, text=True, timeout=LONGEST_RUN, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"took longer than {LONGEST_RUN} s"}
    if said.returncode:
        lines = said.stderr.strip().splitlines() or [f"exit status {said.returncode}"]
        return {"failed": lines[-1][:200]}
    return json.loads(said.stdout.splitlines()[-1])


def version_of(work: str) -> str:
    """Return the version of the library, as its lock has it."""
    if work not in PEERS:
        return version("claims-fraud")
    lock = (REPOSITORY / "requirements" / "peers" / f"{work}.lock").read_text(encoding="utf-8")
    return next(line.split("==")[1].split()[0] for line in lock.splitlines() if line.startswith(f"{work}=="))


def known(path: Path) -> dict[Task, dict[str, Any]]:
    """Return what was measured, the last of each task."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    return {Task(row["work"], row["rows"], row["batches"]): row for row in rows}


def run_all(sizes: Sizes, folder: Path, results: Path, again: bool) -> None:
    """Measure what has not been measured."""
    there = {} if again else known(results)
    source = features_of(WORK / "speed", sizes.drawn_from)
    for name, rows, seed in ((REFERENCE, sizes.reference, 1), (CURRENT, sizes.rows[-1], 2)):
        if not (folder / name).exists():
            write_claims(folder / name, source, rows, seed)
    for task in tasks(sizes):
        if task not in there:
            print(f"{task} …", flush=True)
            row = {**asdict(task), "version": version_of(task.work), **circumstances(), **measure(task, folder)}
            if "figures" in row:
                row["figures_apart"] = _apart(row.pop("figures"), folder / f"{task.work}_{task.rows}.json")
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def table_of(found: dict[Task, dict[str, Any]], sizes: Sizes) -> str:
    """Return the tables in Markdown: beside others, and how the number of batches matters."""
    usual = {(task.work, task.rows): found[task] for task in tasks(sizes) if task in found and task.batches != BATCHES}
    usual |= {(task.work, task.rows): row for task, row in found.items() if task.batches == BATCHES}
    return "\n".join([_beside(usual, sizes), _divided(found, sizes)])


def _beside(usual: dict[tuple[str, int], dict[str, Any]], sizes: Sizes) -> str:
    head = ["Work", "Version", "Rows", "Seconds", "Memory, MiB", "Times as long as ours", "Load", "Date"]
    rows = []
    for work in (OURS[0], *PEERS[:2], OURS[1], *PEERS[2:]):
        for number in sizes.rows:
            row = usual.get((work, number))
            if row:
                ours = usual.get((BESIDE.get(work, work), number), {})
                ratio = row["seconds"] / ours["seconds"] if "seconds" in row and "seconds" in ours else None
                rows.append(
                    [
                        work,
                        row["version"],
                        f"{number:,}",
                        row.get("failed") or f"{row['seconds']:,.1f}",
                        f"{row['peak_mib']:,.0f}" if "peak_mib" in row else "–",
                        f"{ratio:,.1f}" if ratio and work in PEERS else "–",
                        row["load_before"],
                        row["date"],
                    ]
                )
    return markdown(head, rows)


def _divided(found: dict[Task, dict[str, Any]], sizes: Sizes) -> str:
    rows = [
        [
            work,
            f"{row['batches']:,}",
            f"{row['seconds']:,.1f}",
            f"{row['peak_mib']:,.0f}",
            row["counts"],
            f"{row['figures_apart']:.0e}",
        ]
        for work in OURS
        for row in sorted(found.values(), key=lambda row: row["batches"])
        if (row["work"], row["rows"]) == (work, sizes.rows[-1]) and "counts" in row
    ]
    return markdown(["Work", "Batches", "Seconds", "Memory, MiB", "Hash of counts", "Figures differ by at most"], rows)


def _apart(figures: list[float], path: Path) -> float:
    """Return by which part of themselves figures differ at most from those that were found first, kept in a file."""
    if not path.exists():
        path.write_text(json.dumps(figures), encoding="utf-8")
    first, own = np.array(json.loads(path.read_text(encoding="utf-8"))), np.array(figures)
    if len(first) != len(own):
        return np.inf
    return float(np.max(np.abs(own - first) / np.maximum(np.abs(first), np.finfo(float).tiny)))


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="measure anew what has been measured")
    parser.add_argument("--quick", action="store_true", help="few rows; nothing is kept in benchmarks/")
    return parser.parse_args()


def main() -> None:
    """Measure what has not been measured, print all of it, and put it into the README."""
    given = parsed()
    sizes, folder = (QUICK, WORK / "monitoring_quick") if given.quick else (Sizes(), WORK / "monitoring")
    folder.mkdir(parents=True, exist_ok=True)
    results = (folder if given.quick else RESULTS) / f"{NAME}.jsonl"
    run_all(sizes, folder, results, given.again)
    text = table_of(known(results), sizes)
    print(text)
    if not given.quick:
        write_table(NAME, text)


if __name__ == "__main__":
    main()
