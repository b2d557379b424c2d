"""Claims as they come, as a Spark frame: from a table, or from parquet, CSV or Delta files. Read only."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from kedro.io import AbstractDataset, DatasetError
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType, TimestampNTZType

from claims_fraud.claims import ReadParameters
from claims_fraud.claims.reading import (
    CSV,
    NOT_TEXT,
    PARQUET,
    check_not_empty,
    data_files,
    encoding_of,
    header_of,
    kind_of,
    not_text,
    partition_columns,
    read_claims,
)
from claims_fraud.datasets.data_version import listing_version
from claims_fraud.datasets.session import current_session, latest_version
from claims_fraud.errors import InputError
from claims_fraud.failures import spark_message
from claims_fraud.frames.on_spark import quoted, spark_schema
from claims_fraud.statistics.values import value_text

TABLE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){1,2}")
DBFS = "dbfs:/"
# The encodings that Spark reads, by Python's name for them.
ENCODINGS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "iso8859-1": "ISO-8859-1", "ascii": "US-ASCII"}
# As Spark reads what is stored so in parquet; nanoseconds it reads as a number only.
READ_AS = {
    pa.null(): pa.int32(),
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
    pa.timestamp("ms"): pa.timestamp("us"),
}


class SparkClaimsDataset(AbstractDataset[NoReturn, DataFrame | Callable[[], DataFrame]]):
    """Reads claims as a Spark frame; times without a zone are taken as UTC.

    Parameters
    ----------
    source : str
        A table (``schema.table`` or ``catalog.schema.table``), or the path of a parquet or CSV file, or of a folder of
        such files or of a Delta table: on a Volume (``/Volumes/…``), a local one, or ``dbfs:/…`` where compute has it.
    name : str
        The run parameter that gives another source, for messages.
    separator : str
        Delimiter of a CSV, where ``read`` does not say.
    read : mapping, optional
        `ReadParameters`: how the file is written.
    lazy : bool
        Whether to load a function that reads, for data that a node may not need.
    metadata : dict, optional
        Ignored by Kedro; kedro-viz reads the layer here.
    """

    _SINGLE_PROCESS = True

    def __init__(  # noqa: PLR0913
        self,
        *,
        source: str,
        name: str,
        separator: str = ",",
        read: Mapping[str, Any] | None = None,
        lazy: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        # A Volume under its other name.
        self._source = source.removeprefix("dbfs:") if source.startswith("dbfs:/Volumes/") else source
        self._name = name
        self._written = ReadParameters.model_validate(read or {})
        self._separator = self._written.separator or separator
        self._lazy = lazy
        self.metadata = metadata

    def load(self) -> DataFrame | Callable[[], DataFrame]:
        """Return the claims, or the function that reads them."""
        return self._read if self._lazy else self._read()

    def save(self, data: NoReturn) -> None:
        """Refuse: what came from outside is never written."""
        raise DatasetError(f"{self._name} is read only")

    def _read(self) -> DataFrame:
        frame = self._table() if self._is_table else self._files()
        return _in_utc(frame)

    def data_version(self) -> str | None:
        """Return the version of a Delta table, or a hash of the list of files; None if there is neither."""
        if not self._is_table:
            return listing_version(self._local_path())
        name = ".".join(map(quoted, self._source.split(".")))
        if not self._table_exists(name):
            return None
        try:
            return latest_version(name)
        except AnalysisException:  # of a table that is no Delta table, or a view
            return None

    @property
    def _is_table(self) -> bool:
        return bool(TABLE.fullmatch(self._source)) and kind_of(Path(self._source)) is None

    def _table(self) -> DataFrame:
        name = ".".join(map(quoted, self._source.split(".")))
        if not self._table_exists(name):
            raise InputError(
                f"{self._name}: table {self._source} does not exist, or may not be seen. Give an existing table or the "
                f"path of a parquet or CSV file with `--params={self._name}=…`."
            )
        return current_session().table(name)

    @staticmethod
    def _table_exists(name: str) -> bool:
        try:
            return current_session().catalog.tableExists(name)
        except AnalysisException:  # of a catalog that does not exist, or may not be seen
            return False

    def _files(self) -> DataFrame:
        path = self._local_path()
        if (path / "_delta_log").exists():
            return current_session().read.format("delta").load(self._source)
        files = data_files(path, self._name)
        check_not_empty(files, self._name)
        reader = current_session().read
        try:
            if not all(map(self._is_for_spark, files)):
                # What it cannot read is read here.
                return _as_text(read_claims(path, self._separator, self._name, self._written))
            if kind_of(files[0]) == CSV:
                frame = self._csv(files)
            else:
                frame = reader.schema(_parquet_schema(files, path)).parquet(self._uri(path))
                frame = _by_the_clock(_from_nanoseconds(frame, files), files, self._written.time_zone)
        except Exception as error:
            self._tell(error)
            raise
        return frame

    def _tell(self, error: Exception) -> None:
        """Raise InputError for what Spark or Arrow say of the files."""
        told = str(error).splitlines()[0] if isinstance(error, pa.ArrowException | OSError) else spark_message(error)
        if told is not None:
            raise InputError(
                f"{self._name}: {self._source} cannot be read ({told}). A file is damaged, cut short or of another "
                "format, a CSV has rows of too many or too few values, or files differ in a column; write them again."
            ) from error

    def _csv(self, files: list[Path]) -> DataFrame:
        # As text, so that codes keep their leading zeros, and a row of too many or too few values is an error: which of
        # its values belong where cannot be known.
        what, written = f"{self._name}: {self._source}", self._written
        for file in files:
            header_of(file, f"{self._name}: {file}", self._separator, written)
        frame = (
            current_session()
            .read.option("header", "true")
            .option("sep", self._separator)
            .option("encoding", ENCODINGS[self._encoding(files[0])])
            .option("quote", written.quote)
            .option("escape", written.quote)
            .option("multiLine", "true")
            .option("mode", "FAILFAST")
            .option("enforceSchema", "false")
            .csv([self._uri(file) for file in files])
        )
        # Read once to the end: a bad row would else stop the run where nobody can tell which file it came from.
        text = F.concat_ws("", *map(quoted, frame.columns))
        (found,) = frame.agg(F.max(text.contains(NOT_TEXT)).alias("odd"), F.max(F.xxhash64(text))).collect()
        if found["odd"]:
            raise InputError(not_text(what, written.encoding))
        return frame.select(*[_known(name).alias(name) for name in frame.columns])

    def _encoding(self, file: Path) -> str:
        """Return the encoding of a CSV by Python's name for it."""
        return codecs.lookup(encoding_of(file, self._written)).name

    def _is_for_spark(self, file: Path) -> bool:
        """Return whether Spark can read a file."""
        if kind_of(file) == CSV:
            return file.suffix.lower() != ".zip" and self._encoding(file) in ENCODINGS
        return kind_of(file) == PARQUET

    def _local_path(self) -> Path:
        """Return where this process finds the source; `dbfs:/` is there under `/dbfs` on classic compute only."""
        if not self._source.startswith(DBFS):
            return Path(self._source)
        if not Path("/dbfs").is_dir():
            raise InputError(
                f"{self._name}: {self._source} cannot be read here: serverless compute has no DBFS. Copy it to a "
                f"Volume (`databricks fs cp -r {self._source} dbfs:/Volumes/CATALOG/SCHEMA/VOLUME/…`) and give "
                f"`--params={self._name}=/Volumes/CATALOG/SCHEMA/VOLUME/…`."
            )
        return Path("/dbfs", self._source.removeprefix(DBFS))

    def _uri(self, path: Path) -> str:
        if self._source.startswith(DBFS):
            return DBFS + str(path.relative_to("/dbfs"))
        return str(path) if str(path).startswith("/Volumes/") else path.absolute().as_uri()

    def _exists(self) -> bool:
        if self._is_table:
            return self._table_exists(self._source)
        return self._local_path().exists()

    def _describe(self) -> dict[str, Any]:
        return {"source": self._source, "separator": self._separator, "lazy": self._lazy}


def _known(name: str) -> Column:
    """Return a column of a CSV with null for what is empty."""
    value = F.col(quoted(name))
    return F.when(value != "", value)


def _as_text(claims: pd.DataFrame) -> DataFrame:
    """Return claims that were read here as a Spark frame of text, which ingestion reads as it does those of a CSV."""
    rows = [[None if pd.isna(value) else value_text(value) for value in row] for row in claims.to_numpy(dtype=object)]
    schema = StructType([StructField(str(name), StringType()) for name in claims.columns])
    return current_session().createDataFrame(rows, schema)


def _parquet_schema(files: list[Path], root: Path) -> StructType:
    """Return the columns of all files together; Spark by itself would refuse nanoseconds and guess types of folders."""
    together = _stored(files)
    schema = spark_schema(pa.schema([pa.field(field.name, _read_as(field.type)) for field in together]))
    folders = dict.fromkeys(key for file in files for key in partition_columns(file, root))
    return StructType([*schema, *(StructField(key, StringType()) for key in folders if key not in together.names)])


def _from_nanoseconds(frame: DataFrame, files: list[Path]) -> DataFrame:
    for field in _stored(files):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            name = quoted(field.name)
            frame = frame.withColumn(field.name, F.expr(f"timestamp_micros({name} div 1000)"))
    return frame


def _by_the_clock(frame: DataFrame, files: list[Path], zone: str | None) -> DataFrame:
    """Return moments that are stored with a zone as what the clock showed there, or in another zone."""
    for field in _stored(files):
        if pa.types.is_timestamp(field.type) and field.type.tz:
            name = quoted(field.name)
            frame = frame.withColumn(field.name, F.from_utc_timestamp(name, zone or field.type.tz))
    return frame


def _stored(files: Iterable[Path]) -> pa.Schema:
    return pa.unify_schemas([pq.read_schema(file) for file in files], promote_options="permissive")


def _read_as(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _read_as(kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.int64() if kind.unit == "ns" else pa.timestamp("us", tz=kind.tz)
    return READ_AS.get(kind, kind)


def _in_utc(frame: DataFrame) -> DataFrame:
    """Return the frame with times that have no zone as the instants they are in UTC."""
    naive = [field.name for field in frame.schema if isinstance(field.dataType, TimestampNTZType)]
    for name in naive:
        frame = frame.withColumn(name, F.col(quoted(name)).cast("timestamp"))
    return frame
