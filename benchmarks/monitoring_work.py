"""Compares claims of a parquet file with reference claims, or groups of them with each other, by one library.

Run by the interpreter that has the library: `PYTHON monitoring_work.py WORK FOLDER ROWS BATCHES`. Prints as JSON the
seconds, reading included, and by how much memory grew at most. Not for choosing what is measured: `monitoring_speed`
does that. The libraries are imported and the reference is learned before the clock starts.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measuring import Memory
from processes import limit_memory

if TYPE_CHECKING:
    import pandas as pd

CODES = ["claim_type", "provider_specialty", "diagnosis_code", "procedure_code", "patient_gender", "geographic_region"]
NUMBERS = [
    "claim_amount",
    "patient_age",
    "provider_experience_years",
    "days_since_last_claim",
    "num_previous_claims",
    "average_claim_amount",
    "claim_duration_days",
]
GROUPS = ["patient_gender", "geographic_region", "provider_specialty"]
AGE, BANDS = "patient_age", (18.0, 30.0, 45.0, 65.0, 80.0)
ATTRIBUTES = [*GROUPS, AGE]
SCORES = ["fraud_score", "fraud_percentile", "flagged", "rank", "outcome"]
REFERENCE, CURRENT = "reference.parquet", "current.parquet"
ROW_GROUP = 500_000

Found = dict[str, Any]
Work = Callable[[], Found]


def ours_drift(folder: Path, rows: int, batches: int) -> Work:
    """Compare the distribution of thirteen columns, batch by batch."""
    from claims_fraud.drift import PSIMonitor, ReferenceProfile, combined, count_rows  # noqa: PLC0415

    profile = ReferenceProfile.fit(whole(folder / REFERENCE, [*CODES, *NUMBERS]), CODES, NUMBERS)

    def work() -> Found:
        frames = parts(folder / CURRENT, [*CODES, *NUMBERS], rows, batches)
        counts = reduce(combined, (count_rows(frame, profile.bins) for frame in frames))
        table = PSIMonitor(profile).compare_counts(counts).sort_values("feature")
        return {"counts": digest(counts), "figures": figures_of(table)}

    return work


def ours_fairness(folder: Path, rows: int, batches: int) -> Work:
    """Compare flags and scores of the groups of four attributes and of each pair of them, batch by batch."""
    from claims_fraud.fairness import Rules  # noqa: PLC0415
    from claims_fraud.fairness.counts import Counting, combine, summarise, tables  # noqa: PLC0415
    from claims_fraud.fairness.findings import find  # noqa: PLC0415

    counting = Counting(tuple(ATTRIBUTES), {AGE: BANDS}, outcome="outcome")

    def work() -> Found:
        frames = parts(folder / CURRENT, [*ATTRIBUTES, *SCORES], rows, batches)
        summary = reduce(combine, (summarise(frame, counting) for frame in frames))
        table = find(summary, counting, Rules(), {}, {}).table
        whole_numbers = [
            [one.table.drop(columns="score", errors="ignore").to_numpy().tolist(), one.steps.tolist()]
            for kind in ("attributes", "pairs")
            for one in tables(summary, kind).values()
        ]
        by_name = table.sort_values(["attribute", "group", "reference"])
        return {"counts": digest(whole_numbers), "figures": figures_of(by_name)}

    return work


def evidently(folder: Path, rows: int, batches: int) -> Work:
    """Compare the distributions by PSI, all in memory."""
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415
    from evidently.presets import DataDriftPreset  # noqa: PLC0415

    definition = DataDefinition(numerical_columns=NUMBERS, categorical_columns=CODES)
    reference = Dataset.from_pandas(whole(folder / REFERENCE, [*CODES, *NUMBERS]), data_definition=definition)

    def work() -> Found:
        current = Dataset.from_pandas(whole(folder / CURRENT, [*CODES, *NUMBERS], rows), data_definition=definition)
        return {"found": len(Report([DataDriftPreset(method="psi")]).run(current, reference).dict()["metrics"])}

    return work


def nannyml(folder: Path, rows: int, batches: int) -> Work:
    """Compare the distributions by the Jensen-Shannon distance, which it has in place of PSI, all in memory."""
    os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
    from nannyml import UnivariateDriftCalculator  # noqa: PLC0415

    names, distance = [*CODES, *NUMBERS], ["jensen_shannon"]
    calculator = UnivariateDriftCalculator(
        column_names=names,
        treat_as_categorical=CODES,
        continuous_methods=distance,
        categorical_methods=distance,
        chunk_number=1,
    )
    calculator.fit(whole(folder / REFERENCE, names))
    return lambda: {"found": calculator.calculate(whole(folder / CURRENT, names, rows)).to_df().shape[1]}


def fairlearn(folder: Path, rows: int, batches: int) -> Work:
    """Compare rates of the groups of four attributes and of each pair of them, all in memory."""
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    from fairlearn.metrics import (  # noqa: PLC0415
        MetricFrame,
        count,
        false_positive_rate,
        selection_rate,
        true_positive_rate,
    )
    from sklearn.metrics import precision_score  # noqa: PLC0415

    metrics = {
        "n": count,
        "flag_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
        "precision": precision_score,
    }

    def work() -> Found:
        claims = whole(folder / CURRENT, [*ATTRIBUTES, "flagged", "outcome"], rows)
        # It refuses missing values, and has no bands.
        claims[GROUPS] = claims[GROUPS].fillna("unknown")
        claims[AGE] = pd.cut(claims[AGE], [-np.inf, *BANDS, np.inf], right=False).astype(str)
        found = 0
        for names in [*([name] for name in ATTRIBUTES), *map(list, itertools.combinations(ATTRIBUTES, 2))]:
            by = MetricFrame(
                metrics=metrics,
                y_true=claims["outcome"],
                y_pred=claims["flagged"].astype(int),
                sensitive_features=claims[names],
            )
            by.difference(), by.ratio()
            found += len(by.by_group)
        return {"found": found}

    return work


WORKS: dict[str, Callable[[Path, int, int], Work]] = {
    "ours drift": ours_drift,
    "ours fairness": ours_fairness,
    "evidently": evidently,
    "nannyml": nannyml,
    "fairlearn": fairlearn,
}


def whole(path: Path, names: list[str], rows: int | None = None) -> pd.DataFrame:
    """Return the first rows of a file in one frame."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    file = pq.ParquetFile(path)
    groups = range(file.num_row_groups) if rows is None else range(-(-rows // ROW_GROUP))
    return file.read_row_groups(groups, columns=names).slice(0, rows).to_pandas()


def parts(path: Path, names: list[str], rows: int, batches: int) -> Iterator[pd.DataFrame]:
    """Yield the first rows of a file in so many frames; text as categories, which is how parquet keeps it."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    text = [name for name in names if name in CODES]
    # Else what was read stays in memory until the end.
    file = pq.ParquetFile(path, read_dictionary=text, pre_buffer=False)
    if batches == 1:
        yield file.read_row_groups(range(-(-rows // ROW_GROUP)), columns=names).slice(0, rows).to_pandas()
        return
    for batch in itertools.islice(file.iter_batches(batch_size=rows // batches, columns=names), batches):
        yield batch.to_pandas()


def digest(counts: Any) -> str:
    """Return a short hash of counts."""
    return hashlib.sha256(json.dumps(counts, sort_keys=True).encode()).hexdigest()[:12]


def figures_of(table: pd.DataFrame) -> list[float]:
    """Return all numbers of a table that are there."""
    numbers = table.select_dtypes("number").to_numpy(dtype=float).ravel()
    return numbers[numbers == numbers].tolist()  # noqa: PLR0124 - missing is not itself


def main() -> None:
    """Do the work."""
    name, folder, rows, batches = sys.argv[1:]
    limit_memory()
    work = WORKS[name](Path(folder), int(rows), int(batches))
    memory, started = Memory(), time.perf_counter()
    found = work()
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_mib": memory.peak_mib, **found}))


if __name__ == "__main__":
    main()
