"""A Spark Connect server with Delta on this machine: ready once it says so, gone once its input ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from delta import configure_spark_with_delta_pip
from pyspark.sql import SparkSession

from spark_support import session_settings


def main(root: Path, port: str, worker: str) -> None:
    """Serve the settings of conf/databricks on a port; functions run in the Python `worker`."""
    server = {
        "spark.master": "local[2]",
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        # One process serves all sessions.
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.shuffle.partitions": "2",
        # Compiling a small query takes longer than running it.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }
    # What the server starts workers with; it reads no setting for it.
    os.environ["PYSPARK_PYTHON"] = worker
    builder = SparkSession.builder
    for name, value in {**session_settings(root), **server}.items():
        builder = builder.config(name, value)
    session = configure_spark_with_delta_pip(builder).getOrCreate()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    session.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
