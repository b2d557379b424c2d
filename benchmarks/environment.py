"""The project's own configuration, catalogs and local Spark session, with everything in a folder of the benchmarks.

Not for pipelines: benchmarks run the nodes with what they read and write, without Kedro's runner, hooks and MLflow.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node

from claims_fraud.parameters import Parameters, check_parameters
from claims_fraud.settings import CONFIG_LOADER_ARGS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REPOSITORY = Path(__file__).parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
README = REPOSITORY / "benchmarks" / "README.md"
# Git ignores it, and `make clean` removes it.
WORK = REPOSITORY / "build" / "benchmarks"
AS_OF = "2026-06-30"


def configuration(env: str, **run: Any) -> OmegaConfigLoader:
    """Return the configuration of an environment with these run parameters."""
    return OmegaConfigLoader(
        str(REPOSITORY / "conf"), env=env, runtime_params={"as_of": AS_OF, **run}, **CONFIG_LOADER_ARGS
    )


def parameters_of(loader: OmegaConfigLoader) -> Parameters:
    """Return the parameters of a configuration, typed."""
    return check_parameters(loader["parameters"], loader["globals"])


def catalog_of(loader: OmegaConfigLoader) -> DataCatalog:
    """Return the catalog of a configuration, parameters included."""
    catalog = DataCatalog.from_config(loader["catalog"])
    parameters = parameters_of(loader)
    for name in Parameters.model_fields:
        put(catalog, f"params:{name}", getattr(parameters, name))
    return catalog


def put(catalog: DataCatalog, name: str, data: Any) -> None:
    """Give a catalog an entry that is in memory, as it is."""
    catalog[name] = MemoryDataset(data, copy_mode="assign")


def run_node(node: Node, catalog: DataCatalog) -> None:
    """Run a node: load its inputs, save its outputs."""
    outputs = node.run({name: catalog.load(name) for name in node.inputs})
    for name in node.outputs:
        catalog.save(name, outputs[name])


def spark_session(loader: OmegaConfigLoader, cores: int = 2, **settings: str) -> SparkSession:
    """Start the local session of `conf/databricks` on so many cores, with further settings by name."""
    from claims_fraud.datasets.session import start_session  # noqa: PLC0415 - takes a second to import

    return start_session(
        {**loader["spark"], "spark.master": f"local[{cores}]", **settings}, loader["globals"]["catalog"]
    )


def circumstances() -> dict[str, Any]:
    """Return on what and when something is measured, and what else ran on the machine at the time."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30),
        "load_before": round(os.getloadavg()[0], 1),
    }


def write_table(mark: str, text: str, page: Path = README) -> None:
    """Put a text between the marks of that name in a page, by default the README of the benchmarks."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    page.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}", encoding="utf-8")


def markdown(head: list[str], rows: list[list[Any]]) -> str:
    """Return a table in Markdown, the first column left, the others right."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "".join(f"| {' | '.join(map(str, row))} |\n" for row in (head, rule, *rows))
