"""One local Spark session with Delta for all tests of this folder; without Java they skip, in CI they fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from claims_fraud.errors import InputError
from spark_support import session_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CATALOG = "dev_fraud_detection"


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The session of conf/databricks, with its tables in a folder of the tests."""
    from claims_fraud.datasets.session import start_session

    root = tmp_path_factory.mktemp("spark")
    # A metastore of its own takes ten seconds and is for several processes.
    few = {
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.shuffle.partitions": "2",
        "spark.master": "local[2]",
        # Compiling a small query takes longer than running it; by Connect, and by the wheel's jobs, it is compiled.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }
    settings = {**session_settings(root), **few}
    try:
        session = start_session(settings, CATALOG)
    except InputError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    yield session
    session.stop()


@pytest.fixture
def schema(spark: SparkSession, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A schema name that no other test uses."""
    return f"s{abs(hash((request.node.nodeid, str(tmp_path)))):x}"
