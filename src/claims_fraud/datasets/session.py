"""The Spark session: on Databricks the one that is there, elsewhere a local one with Delta.

Not for settings: those of the local session stand in ``conf/databricks/spark.yml``, and Databricks has its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claims_fraud.errors import InputError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OLDEST_JAVA = 17
DELTA_CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
# The settings and the catalog for the session that the first dataset to need one starts.
_prepared: list[tuple[Mapping[str, Any], str]] = []


def prepare_session(settings: Mapping[str, Any], catalog: str) -> None:
    """Check that a session can be started, and let the first dataset that needs one start it. See `start_session`."""
    if not has_session():
        _check_installed()
        _check_java()
    _prepared[:] = [(settings, catalog)]


def start_prepared_session() -> None:
    """Start the session that was prepared, unless it has been started."""
    if not _prepared:
        return
    prepared = _prepared.pop()
    try:
        start_session(*prepared)
    except InputError:
        # In a notebook the user can correct the cause and try again.
        _prepared.append(prepared)
        raise


def start_session(settings: Mapping[str, Any], catalog: str) -> SparkSession:
    """Return the session that the datasets then find, times in UTC.

    Parameters
    ----------
    settings : mapping
        Of the local session; not read where there is a session already, as on Databricks.
    catalog : str
        First part of the tables' names; a local session knows it as another name of its own.

    Raises
    ------
    InputError
        If Spark, Delta or a Java that they run on is missing.
    """
    if has_session():
        session = current_session()
    else:
        _check_installed()
        _check_java()
        session = _local_session(settings, catalog)
    # One of the few settings that serverless compute takes.
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return session


def current_session() -> SparkSession:
    """Return the session that is there; by way of Kedro's, which knows Databricks Connect as well."""
    from kedro_datasets._utils.spark_utils import get_spark  # noqa: PLC0415 - an extra

    start_prepared_session()
    session: SparkSession = get_spark()
    return session


def has_session() -> bool:
    """Return whether a session is there: Databricks', that of a Spark Connect server, or one of this process."""
    if "DATABRICKS_RUNTIME_VERSION" in os.environ or "SPARK_REMOTE" in os.environ:
        return True
    if "pyspark" not in sys.modules:
        return False
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    return SparkSession.getActiveSession() is not None


def latest_version(table: str) -> str:
    """Return the latest version of a Delta table, whose name is quoted for SQL, in words."""
    (latest,) = current_session().sql(f"DESCRIBE HISTORY {table} LIMIT 1").collect()
    return f"Delta version {latest['version']}"


def _local_session(settings: Mapping[str, Any], catalog: str) -> SparkSession:
    from delta import configure_spark_with_delta_pip  # noqa: PLC0415 - an extra
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    # Workers would else be whatever `python3` is first on the PATH.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder
    for name, value in settings.items():
        builder = builder.config(name, value)
    root = Path(settings["spark.sql.warehouse.dir"]).parent
    if root.is_relative_to("/Volumes") and not root.exists():
        raise InputError(
            f"artifact_root is {root}, a Volume of Databricks, which is not here. Give an absolute path of this "
            "machine with `--params=artifact_root=PATH` (`make run-databricks` shows the whole call)."
        )
    log = root / "spark.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _errors_to(log):
            session: SparkSession = configure_spark_with_delta_pip(builder).getOrCreate()
    except (RuntimeError, PySparkException) as error:
        raise InputError(
            f"Spark did not start ({str(error).splitlines()[0]}); {log} says why. The first start downloads Delta from "
            "Maven Central: without a network, let one start with it come before."
        ) from error
    add_catalog(session, catalog)
    # Spark puts the jars on Python's path, where they have nothing to offer and every look at it opens them all.
    sys.path[:] = [entry for entry in sys.path if not entry.endswith(".jar")]
    return session


@contextmanager
def _errors_to(log: Path) -> Iterator[None]:
    """Send what processes started meanwhile write to stderr into a file: a hundred lines of Java's at each start."""
    sys.stderr.flush()
    own = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(own, 2)
        os.close(own)


def add_catalog(session: SparkSession, name: str) -> None:
    """Make a local session take a name for its own catalog too, so that names have three parts as on Databricks."""
    session.conf.set(f"spark.sql.catalog.{name}", DELTA_CATALOG)
    manager = session._jsparkSession.sessionState().catalogManager()
    manager.catalog(name).setDelegateCatalog(manager.v2SessionCatalog())


def _check_installed() -> None:
    missing = [name for name in ("pyspark", "delta") if find_spec(name) is None]
    if missing:
        raise InputError(
            "this environment runs on Spark, which is not installed. Install it with `pip install "
            f"'claims-fraud[spark]'` (or `make spark` in a clone) and Java {OLDEST_JAVA} or 21, or leave --env out to "
            "run on local parquet."
        )


def _check_java() -> None:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    version = _java_version(java) if java and Path(java).exists() else None
    if version is None or version < OLDEST_JAVA:
        found = "none was found" if version is None else f"{java} is {version}"
        raise InputError(
            f"Spark needs Java {OLDEST_JAVA} or 21, and {found}. Install one (Debian and Ubuntu: `apt install "
            f"openjdk-{OLDEST_JAVA}-jre-headless`; macOS: `brew install openjdk@{OLDEST_JAVA}`) and put it on the PATH "
            "or name its folder in JAVA_HOME, or leave --env out to run on local parquet."
        )


@cache
def _java_version(java: str) -> int | None:
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found.group(1)) if found else None
