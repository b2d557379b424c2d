"""A Delta table as a catalog entry: what `kedro_datasets.databricks` has, and what its overwrite and upsert lack.

Not for files (see ``whole_file``) and not for raw claims, which may come from either (see ``spark_claims``).
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.request import url2pathname

import pandas as pd
import pyarrow as pa
from kedro.io import DatasetError, Version
from kedro_datasets.databricks import ManagedTableDataset
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from claims_fraud.datasets.by_version import missing_rows
from claims_fraud.datasets.session import current_session
from claims_fraud.errors import InputError, NotKept, listed
from claims_fraud.frames.on_spark import as_spark, quoted

logger = logging.getLogger(__name__)

SchemaChanges = Literal["refuse", "merge", "replace"]
# How often a save by key is tried where another process saves to the same table, and what Delta calls that.
ATTEMPTS = 5
CONFLICTS = tuple(
    f"[{condition}"
    for condition in (
        "DELTA_CONCURRENT_",
        "DELTA_METADATA_CHANGED",
        "DELTA_PROTOCOL_CHANGED",
        "DELTA_TABLE_ALREADY_EXISTS",
        "TABLE_OR_VIEW_ALREADY_EXISTS",
    )
)
# Commits that change how a table is stored or described, and none of its rows.
KEEPS_ROWS = {
    "ADD CONSTRAINT", "DROP CONSTRAINT", "SET TBLPROPERTIES", "UNSET TBLPROPERTIES", "CHANGE COLUMN", "CLUSTER BY",
    "OPTIMIZE", "REORG", "VACUUM START", "VACUUM END", "COMPUTE STATS", "UPGRADE PROTOCOL", "ADD FEATURE",
}  # fmt: skip
NO_TABLE = "no table"
SESSION_CATALOG = "spark_catalog"
# Columns are named by users, and may have spaces.
PROPERTIES = {"delta.columnMapping.mode": "name"}


class DeltaTableDataset(ManagedTableDataset):  # type: ignore[misc] # it has no types
    """Saves and loads a managed Delta table, created on the first save.

    The rows of a save come in one commit: who reads sees the table before or after it. A save keeps the table's
    clustering, properties and comments. The first one sets the constraints after it.

    Parameters
    ----------
    catalog, database, table : str
        The parts of its name: letters, digits, ``_`` and ``-``.
    write_mode : {"overwrite", "append", "upsert"}
        ``upsert`` replaces the rows with the keys of those saved and keeps the others; ``append`` with a key adds only
        rows whose key is not there, so that a repeated run adds nothing.
    primary_key : str or list of str, optional
        Columns that identify a row; for ``upsert`` and ``append``.
    made_by : str
        Pipeline that writes the table, for the message when it is missing.
    schema_changes : {"refuse", "merge", "replace"}
        What happens where the data has columns that the table lacks, or others: ``refuse`` fails; ``merge`` adds new
        columns (Delta's mergeSchema); ``replace`` gives the table the data's columns, in overwrite only.
    cluster_by : list of str
        Columns that the table is laid out by.
    constraints : dict of str to str
        CHECK constraints by name, set where the table lacks them; Delta holds every write to them.
    comment : str, optional
        Of the table, set when it is created.
    create_schema : bool
        Whether a missing schema is created; in production that is the deployment's task.
    optional : bool
        Whether a missing table loads as None.
    by : str, optional
        Column; loads a function from a value of it to the rows that have it.
    version : Version, optional
        With a load version (``kedro run --load-versions=NAME:3``) the table as of that version or timestamp.
    metadata : dict, optional
        Ignored by Kedro; kedro-viz reads the layer here.
    """

    def __init__(  # noqa: PLR0913
        self,
        *,
        catalog: str,
        database: str,
        table: str,
        made_by: str,
        write_mode: str = "overwrite",
        primary_key: str | list[str] | None = None,
        schema_changes: SchemaChanges = "refuse",
        cluster_by: Sequence[str] = (),
        constraints: dict[str, str] | None = None,
        comment: str | None = None,
        create_schema: bool = True,
        optional: bool = False,
        by: str | None = None,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        odd = [part for part in (catalog, database, table) if not re.fullmatch(r"[\w-]+", part, re.ASCII)]
        if odd:
            raise InputError(
                f"{odd[0]!r} in the table name {catalog}.{database}.{table} is no name of a catalog, schema or table: "
                "it has letters, digits, _ and - only. Give others with `--params=catalog=…,schema=…`."
            )
        if catalog == SESSION_CATALOG and "-" in database + table:
            raise InputError(
                f"{database}.{table} has a hyphen, which Unity Catalog takes and {SESSION_CATALOG} does not. Give "
                "another schema with `--params=schema=…`."
            )
        super().__init__(
            catalog=catalog,
            database=database,
            table=table,
            write_mode=write_mode,
            primary_key=[primary_key] if isinstance(primary_key, str) else primary_key,
            version=version,
            metadata=metadata,
        )
        if schema_changes not in get_args(SchemaChanges):
            raise DatasetError(f"schema_changes is {schema_changes!r}; allowed are {listed(get_args(SchemaChanges))}")
        self.name = f"{catalog}.{database}.{table}"
        self._made_by = made_by
        self._schema_changes = schema_changes
        self._cluster_by = list(cluster_by)
        self._constraints = constraints or {}
        self._comment = comment
        self._create_schema = create_schema
        self._optional = optional
        self._by = by
        self._expected: str | None = None

    # The base class makes `load` and `save` of these.
    def _load(self) -> DataFrame | Callable[[str], DataFrame] | None:
        """Return the table as a Spark frame, as of a version or timestamp where asked for, or what finds its rows."""
        frame = self._loaded()
        return partial(self._rows_of, frame, self._by) if frame is not None and self._by else frame

    def _loaded(self) -> DataFrame | None:
        if not self._exists():
            if self._optional:
                return None
            raise InputError(
                f"table {self.name} does not exist yet. Make it with `kedro run --pipelines={self._made_by}` (same "
                "--env, catalog and schema), or give others with `--params=catalog=…,schema=…`."
            )
        as_of = self.resolve_load_version()
        if as_of is None:
            return current_session().table(self._sql_name)
        option = "versionAsOf" if as_of.isdigit() else "timestampAsOf"
        try:
            frame = current_session().read.option(option, as_of).table(self._sql_name)
            frame.schema  # noqa: B018 - Spark Connect looks at a plan when it is asked for its columns
        except AnalysisException as error:
            raise InputError(
                f"table {self.name} cannot be read as of {as_of}: {_first_line(error)}. Give a version or a timestamp "
                f"of `DESCRIBE HISTORY {self.name}` that has not been vacuumed."
            ) from error
        return frame

    def _rows_of(self, frame: DataFrame, column: str, value: str) -> DataFrame:
        rows = frame.where(F.col(quoted(column)) == value)
        if rows.isEmpty():
            raise NotKept(missing_rows(f"table {self.name}", column, value, self._made_by))
        return rows

    def expect(self, version: str | None) -> None:
        """Have the next save refuse if the table's version is another one: what is saved was made from that one.

        Parameters
        ----------
        version : str, optional
            As `data_version` tells it; None if there was no table.
        """
        self._expected = version or NO_TABLE

    def _save(self, data: DataFrame | pd.DataFrame) -> None:
        """Write the rows in the table's mode, in one commit; a failure leaves the table as it was."""
        expected, self._expected = self._expected, None
        frame = _as_spark(data)
        if expected is None:
            self._save_rows(frame)
            return
        self._check_nobody_saved(expected, self.data_version())
        try:
            self._save_rows(frame, attempts=1)
        except PySparkException as error:
            if str(error).startswith(CONFLICTS):
                self._check_nobody_saved(expected, self.data_version())
            raise
        before = self._version_before_last()
        if before != expected:
            # Somebody's commit came between the look and this one, and is put back.
            current_session().sql(f"RESTORE TABLE {self._sql_name} TO VERSION AS OF {before.rpartition(' ')[2]}")
            self._check_nobody_saved(expected, before)

    def _check_nobody_saved(self, expected: str, found: str | None) -> None:
        if (found or NO_TABLE) != expected:
            raise InputError(
                f"table {self.name} was saved by another run while this one was under way ({expected} was read, "
                f"{found} is there now). Nothing is overwritten. Run this one again."
            )

    def _version_before_last(self) -> str:
        """Return the version of the commit of rows before the last one."""
        versions = _versions_of_rows(self._sql_name)
        return versions[1] if len(versions) > 1 else NO_TABLE

    def _save_rows(self, frame: DataFrame, attempts: int = ATTEMPTS) -> None:
        keys = self._table.primary_key if self._table.write_mode != "overwrite" else None
        if keys:
            self._check_unique(frame, keys)
        for attempt in range(1, attempts + 1):
            try:
                self._commit(frame, keys)
                return
            except PySparkException as error:
                # Rows are found by key, or take the place of all others: what another process commits meanwhile is no
                # reason to lose these.
                plain_append = not keys and self._table.write_mode == "append"
                if plain_append or attempt == attempts or not str(error).startswith(CONFLICTS):
                    raise
                logger.info("%s: saved by somebody else meanwhile; trying again", self.name)

    def _commit(self, frame: DataFrame, keys: Sequence[str] | None) -> None:
        if not self._exists():
            self._create(frame)
            return
        self._constrain()
        if self._must_replace(frame):
            self._replace(frame)
        elif keys:
            self._merge(frame, keys)
        else:
            self._write(frame)

    def history(self) -> list[str]:
        """Return a line for each commit, latest first: version, time in UTC, operation, rows written."""
        told = []
        for commit in current_session().sql(f"DESCRIBE HISTORY {self._sql_name}").collect():
            rows = (commit["operationMetrics"] or {}).get("numOutputRows")
            told.append(
                f"version {commit['version']}  {commit['timestamp']:%Y-%m-%d %H:%M:%S}  {commit['operation']}"
                + (f"  {int(rows):,} rows" if rows else "")
            )
        return told

    def data_version(self) -> str | None:
        """Return the version that is loaded, which is of the last commit of rows; None if the table is not there."""
        asked = self.resolve_load_version()
        if asked or not self._exists():
            return f"Delta version {asked}" if asked else None
        return next(iter(_versions_of_rows(self._sql_name)), None)

    def resolve_load_version(self) -> str | None:
        """Return the version asked for; which is the latest Delta knows by itself."""
        return self._version.load if self._version else None

    def resolve_save_version(self) -> None:
        """Return nothing: Delta numbers what is saved."""

    @property
    def _sql_name(self) -> str:
        return str(self._table.full_table_location())

    def _exists(self) -> bool:
        return bool(current_session().catalog.tableExists(self._sql_name))

    def _create(self, frame: DataFrame) -> None:
        """Create the table, and the schema if that is missing, which is looked for before it is created."""
        spark, schema = current_session(), f"{quoted(self._table.catalog)}.{quoted(self._table.database)}"
        if not spark.catalog.databaseExists(schema):
            if not self._create_schema:
                raise InputError(
                    f"schema {self._table.catalog}.{self._table.database} of table {self.name} does not exist, and "
                    "create_schema is false. Deploy the bundle, which creates it, or have it created by who may."
                )
            spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        missing = [name for name in self._cluster_by if name not in frame.columns]
        if missing:
            raise InputError(f"table {self.name}: cluster_by names {listed(missing)}, which the data lacks.")
        try:
            self._define("CREATE TABLE", frame, PROPERTIES)
        except AnalysisException as error:
            left = (error.getMessageParameters() or {}).get("tableLocation", "")
            if error.getCondition() != "DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION" or not left.startswith("file:"):
                raise
            self._move_aside(left)
            self._define("CREATE TABLE", frame, PROPERTIES)
        try:
            self._constrain()
        except AnalysisException:
            # The rows break one of them.
            spark.sql(f"DROP TABLE {self._sql_name}")
            raise

    def _move_aside(self, location: str) -> None:
        """Rename what a creation of the table that was cut short left as its folder.

        Met in a local metastore only: Unity Catalog gives each new table a new folder.
        """
        folder = Path(url2pathname(location.removeprefix("file:")))
        aside = folder.with_name(f"{folder.name}.unfinished_{uuid.uuid4().hex[:8]}")
        folder.rename(aside)
        logger.warning("%s: its creation was cut short before; what is left of that is now %s", self.name, aside)

    def _constrain(self) -> None:
        """Add the constraints that the table lacks, as one whose creation was cut short does."""
        if not self._constraints:
            return
        there = self._properties()
        for name, condition in self._constraints.items():
            if f"delta.constraints.{name}" not in there:
                current_session().sql(f"ALTER TABLE {self._sql_name} ADD CONSTRAINT {quoted(name)} CHECK ({condition})")

    def _properties(self) -> dict[str, str]:
        (detail,) = current_session().sql(f"DESCRIBE DETAIL {self._sql_name}").collect()
        return dict(detail["properties"])

    def _must_replace(self, frame: DataFrame) -> bool:
        """Return whether the table's columns have to become the data's; raise InputError for changes not allowed."""
        there = {field.name: field.dataType.simpleString() for field in current_session().table(self._sql_name).schema}
        here = {field.name: field.dataType.simpleString() for field in frame.schema}
        new = [f"{name} {here[name]}" for name in here if name not in there]
        retyped = [name for name in here if there.get(name, here[name]) != here[name]]
        other = [f"{name} ({there[name]}, now {here[name]})" for name in retyped]
        gone = [name for name in there if name not in here]
        if not (new or other or gone):
            return False
        if self._schema_changes == "replace" and self._table.write_mode == "overwrite":
            return True
        refused = [*other, *(new if self._schema_changes != "merge" else [])]
        if refused:
            raise InputError(
                f"table {self.name}: the data has columns that the table has not, or of another type: "
                f"{listed(refused)}. schema_changes is {self._schema_changes}; `merge` adds new columns and changes no "
                "type, `replace` gives an overwritten table the data's columns. Set it for the table in the catalog, "
                "or for one run with `--params=schema_changes=…`."
            )
        if gone:
            logger.warning("%s: columns %s of the table are not in the data and become null", self.name, listed(gone))
        return False

    def _replace(self, frame: DataFrame) -> None:
        """Give the table the columns of the data, in one commit, and what else it was defined with."""
        spark = current_session()
        # Delta keeps count of the mapped columns itself.
        properties = {key: value for key, value in self._properties().items() if "maxColumnId" not in key}
        comments = {field.name: field.metadata for field in spark.table(self._sql_name).schema}
        for field in frame.schema:
            if not field.metadata and comments.get(field.name):
                frame = frame.withMetadata(field.name, comments[field.name])
        self._define("CREATE OR REPLACE TABLE", frame, {**PROPERTIES, **properties})

    def _define(self, verb: str, frame: DataFrame, properties: dict[str, str]) -> None:
        """Define the table anew, with the rows, in one commit."""
        spark = current_session()
        cluster = f"CLUSTER BY ({', '.join(map(quoted, self._cluster_by))})" if self._cluster_by else ""
        comment = f"COMMENT {_literal(self._comment)}" if self._comment else ""
        pairs = ", ".join(f"{_literal(key)} = {_literal(value)}" for key, value in properties.items())
        view = f"new_{uuid.uuid4().hex}"
        frame.createOrReplaceTempView(view)
        try:
            spark.sql(
                f"{verb} {self._sql_name} USING DELTA {cluster} {comment} TBLPROPERTIES ({pairs}) "  # noqa: S608
                f"AS SELECT * FROM {view}"
            )
        finally:
            spark.catalog.dropTempView(view)

    def _check_unique(self, frame: DataFrame, keys: Sequence[str]) -> None:
        repeated = frame.groupBy(*map(quoted, keys)).count().where("count > 1").limit(1).collect()
        if repeated:
            raise InputError(
                f"table {self.name}: the rows to save have a {listed(keys)} more than once, so that it is not known "
                "which of them is right. Keep one row a key."
            )

    def _merge(self, frame: DataFrame, keys: Sequence[str]) -> None:
        """Upsert by key, or append what is not there by key."""
        table = quoted(self._table.table)
        equal = " AND ".join(f"__saved.{quoted(key)} <=> {table}.{quoted(key)}" for key in keys)
        merge = frame.alias("__saved").mergeInto(self._sql_name, F.expr(equal))
        if self._schema_changes == "merge":
            merge = merge.withSchemaEvolution()
        if self._table.write_mode == "upsert":
            merge = merge.whenMatched().updateAll()
        merge.whenNotMatched().insertAll().merge()

    def _write(self, frame: DataFrame) -> None:
        """Overwrite the rows of the table, or append to them."""
        writer = frame.write.format("delta").mode(self._table.write_mode)
        writer = writer.option("mergeSchema", str(self._schema_changes == "merge").lower())
        if self._table.write_mode == "overwrite":
            # Unlike a plain overwrite, this keeps clustering on open-source Delta as well.
            writer = writer.option("replaceWhere", "true")
        writer.saveAsTable(self._sql_name)

    def _describe(self) -> dict[str, Any]:
        return {
            "table": self.name,
            "write_mode": self._table.write_mode,
            "primary_key": self._table.primary_key,
            "schema_changes": self._schema_changes,
            "version": self._version.load if self._version else None,
        }


def _versions_of_rows(table: str) -> list[str]:
    """Return the versions in which the rows of a table, whose name is quoted for SQL, changed, the latest first."""
    commits = current_session().sql(f"DESCRIBE HISTORY {table}").select("version", "operation").collect()
    return [f"Delta version {commit['version']}" for commit in commits if commit["operation"] not in KEEPS_ROWS]


def _as_spark(data: DataFrame | pd.DataFrame) -> DataFrame:
    """Return the rows as a Spark frame."""
    if not isinstance(data, pd.DataFrame):
        return data
    return as_spark(current_session(), pa.Table.from_pandas(data, preserve_index=False))


def _literal(text: str) -> str:
    """Return text as SQL takes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
