"""Runs the databricks environment against a local Spark Connect server, in a process of its own; see `test_connect`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from spark_support import session_settings
from support import QUICK, working_in


def main(project: Path) -> int:
    """Start server and session with the settings of conf/databricks, then run the pipelines."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.remote("local[2]").config(
        "spark.jars.packages", "io.delta:delta-spark_4.2_2.13:4.4.0"
    )
    for name, value in session_settings(project).items():
        if name not in ("spark.master", "spark.sql.catalogImplementation"):
            builder = builder.config(name, value)
    builder.getOrCreate()
    from claims_fraud.cli import run, run_command

    # Catalogs of other names need the Java session, which Connect hides.
    where = f"catalog=spark_catalog,artifact_root={project / 'artifacts'},tracking_uri=sqlite:///{project}/mlflow.db"
    params = f"{QUICK},{where},raw_claims={project / 'odd.parquet'},new_claims={project / 'new.parquet'}"
    with working_in(project):
        for pipelines in ("data_ingestion,training,scoring,monitoring,fairness", "score_new,monitor_new"):
            status = run_command(run, ["--env=databricks", f"--pipelines={pipelines}", f"--params={params}"])
            if status:
                return status
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
