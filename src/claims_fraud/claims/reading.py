"""Reads claims as they come: parquet, CSV (also in gz or zip) or XLSX, one file or a folder of files.

Arrow reads parquet and CSV: it is here anyway, reads all as text as it stands, and refuses a row of too many values
where others shift or cut it. Not for judging values: everything in a CSV is text, so that codes keep their leading
zeros; `rows` makes numbers and dates of it.
"""

from __future__ import annotations

import codecs
import csv as plain_csv
import gzip
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from claims_fraud.claims.parameters import ReadParameters
from claims_fraud.errors import InputError, listed, nearest

PARQUET, CSV, XLSX = ".parquet", ".csv", ".xlsx"
SUFFIXES = {PARQUET: PARQUET, CSV: CSV, ".csv.gz": CSV, ".csv.zip": CSV, XLSX: XLSX}
SEPARATORS = (",", ";", "\t", "|")
BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# Bytes read at once.
BLOCK = 1 << 24
# What stands in the place of bytes that are no text.
NOT_TEXT = "\N{REPLACEMENT CHARACTER}"
# Lengths of rows that are told.
FEW = 5


def read_claims(
    path: Path | str, separator: str = ",", name: str = "raw_claims", read: ReadParameters | None = None
) -> pd.DataFrame:
    """Read claims from a parquet, CSV or XLSX file, or from a folder that holds files of one of these kinds.

    Parameters
    ----------
    path : path
        File that ends in ``.parquet``, ``.csv`` (``.csv.gz``, ``.csv.zip``) or ``.xlsx``, or a
        folder; names that start with ``.`` or ``_`` are passed over, and a folder named ``key=value`` gives its rows a
        column.
    separator : str
        Delimiter of a CSV, where ``read`` does not say.
    name : str
        What errors call the data.
    read : ReadParameters, optional
        How the file is written.

    Returns
    -------
    DataFrame
        Of a CSV all columns as text; an empty cell is missing.

    Raises
    ------
    InputError
        If the path does not exist, holds no data, is damaged, or is not written as ``read`` says.
    """
    read = read or ReadParameters()
    files = data_files(Path(path), name)
    folders = {file: partition_columns(file, Path(path)) for file in files}
    kind = kind_of(files[0])
    if kind == PARQUET:
        frame = _read_parquet(folders, name)
    elif kind == CSV:
        frame = _read_csv(folders, read.separator or separator, name, read)
    else:
        frame = _read_xlsx(folders, name, read)
    if frame.empty:
        raise InputError(f"{name}: {path} has columns but no rows. Point `--params={name}=PATH` at claims.")
    return frame


def kind_of(file: Path) -> str | None:
    """Return what a file is by the end of its name: `PARQUET`, `CSV`, `XLSX`, or None."""
    lower = file.name.lower()
    return next((kind for suffix, kind in SUFFIXES.items() if lower.endswith(suffix)), None)


def data_files(path: Path, name: str) -> list[Path]:
    """Return the files to read, all of one kind; raise InputError otherwise."""
    if not path.exists():
        raise InputError(
            f"{name}: {path} does not exist. Give an existing parquet, CSV or XLSX file, or a folder of them, with "
            f"`--params={name}=PATH`."
        )
    if (path / "_delta_log").exists():
        raise InputError(
            f"{name}: {path} is a Delta table, whose folder also holds rows that were deleted. Export it to parquet, "
            "or read it as a table with --env=databricks."
        )
    if path.is_file():
        files = [path]
    else:
        parts = (file for file in path.rglob("*") if file.is_file())
        files = sorted(f for f in parts if not any(p.startswith((".", "_")) for p in f.relative_to(path).parts))
    data = [file for file in files if kind_of(file)]
    if len({kind_of(file) for file in data}) != 1:
        found = listed(file.name for file in files) or "nothing"
        raise InputError(
            f"{name}: {path} holds {found}; wanted is a .parquet, .csv (.gz, .zip) or .xlsx file, or a folder with "
            f"files of one of these kinds. Give it with `--params={name}=PATH`."
        )
    return data


def check_not_empty(files: Iterable[Path], name: str) -> None:
    """Raise InputError if a file has no bytes at all."""
    for file in files:
        if file.stat().st_size == 0:
            raise InputError(f"{name}: {file} is an empty file (0 bytes). Write it again from its source.")


def partition_columns(file: Path, root: Path) -> dict[str, str]:
    """Return what the ``key=value`` folders between the root and the file say (Hive's layout, which Spark writes)."""
    parts = file.relative_to(root).parts[:-1]
    return {key: unquote(value) for key, _, value in (part.partition("=") for part in parts if "=" in part)}


def _read_parquet(folders: dict[Path, dict[str, str]], name: str) -> pd.DataFrame:
    check_not_empty(folders, name)
    try:
        tables = [_parquet_table(file, partition) for file, partition in folders.items()]
        # Whole numbers beside nulls stay whole: ids may be longer than a float tells apart.
        table = pa.concat_tables(tables, promote_options="permissive")
        return _without_index(table.to_pandas(integer_object_nulls=True))
    except (pa.ArrowException, OSError) as error:
        first_line = str(error).splitlines()[0]
        raise InputError(
            f"{name}: {listed(file.name for file in folders)} cannot be read as parquet ({first_line}). The file is "
            "damaged, cut short or of another format, or the files differ in a column's type; write it again."
        ) from error


def _parquet_table(file: Path, partition: dict[str, str]) -> pa.Table:
    table = pq.ParquetFile(file).read()
    for key, value in partition.items():
        table = table.append_column(key, pa.array([value] * len(table), pa.string()))
    return table


def _without_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the index that pandas stored: as columns where it has names, else dropped."""
    return frame.reset_index(drop=all(name is None for name in frame.index.names))


def _read_xlsx(folders: dict[Path, dict[str, str]], name: str, read: ReadParameters) -> pd.DataFrame:
    frames = [_sheet(file, name, read).assign(**partition) for file, partition in folders.items()]
    return pd.concat(frames, ignore_index=True)


def _sheet(file: Path, name: str, read: ReadParameters) -> pd.DataFrame:
    """Return a sheet with its cells as they are stored, an empty one as None."""
    check_not_empty([file], name)
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise InputError(
            f"{name}: {file} cannot be read as XLSX ({error}). The file is damaged or of another format; save it again."
        ) from error
    with closing(book):
        sheet = read.sheet or book.sheetnames[0]
        if sheet not in book.sheetnames:
            raise InputError(
                f"{name}: {file} has no sheet {sheet!r} (read.sheet), but {listed(book.sheetnames)}."
                f"{nearest(sheet, book.sheetnames)}"
            )
        rows = ([None if value == "" else value for value in row] for row in book[sheet].iter_rows(values_only=True))
        filled = [row for row in rows if any(value is not None for value in row)]
    if not filled:
        raise InputError(f"{name}: sheet {sheet!r} of {file} is empty. Give another one with read.sheet.")
    header, *values = filled
    width = max(place for place, value in enumerate(header, start=1) if value is not None)
    names = ["" if value is None else str(value) for value in header[:width]]
    _check_names(names, f"{name}: {file}")
    return pd.DataFrame([row[:width] for row in values], columns=names, dtype=object)


def _read_csv(folders: dict[Path, dict[str, str]], separator: str, name: str, read: ReadParameters) -> pd.DataFrame:
    tables = []
    for file, partition in folders.items():
        table = _csv_table(file, separator, name, read)
        for key, value in partition.items():
            table = table.append_column(key, pa.array([value] * len(table), pa.string()))
        tables.append(table)
    frame: pd.DataFrame = pa.concat_tables(tables, promote_options="default").to_pandas()
    return frame


def _csv_table(file: Path, separator: str, name: str, read: ReadParameters) -> pa.Table:
    """Return all values of a CSV as text, empty ones as null."""
    what = f"{name}: {file}"
    encoding = encoding_of(file, read)
    names, n_lines = header_of(file, what, separator, read)
    try:
        odd: list[csv.InvalidRow] = []

        def skipped(row: csv.InvalidRow) -> str:
            odd.append(row)
            return "skip"

        with _opened(file) as stream:
            table = csv.read_csv(
                stream,
                csv.ReadOptions(
                    column_names=names,
                    skip_rows=n_lines,
                    block_size=BLOCK,
                    encoding="utf-8" if encoding == "utf-8-sig" else encoding,
                ),
                csv.ParseOptions(
                    delimiter=separator,
                    quote_char=read.quote,
                    newlines_in_values=True,
                    invalid_row_handler=skipped,
                ),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
                ),
            )
    except UnicodeError as error:
        raise InputError(not_text(what, read.encoding)) from error
    except pa.ArrowInvalid as error:
        if "UTF" in str(error):
            raise InputError(not_text(what, read.encoding)) from error
        if "Empty CSV" not in str(error):
            raise InputError(
                f"{what} cannot be read as CSV with separator {separator!r} and quote {read.quote!r} "
                f"({str(error).splitlines()[0]}). Correct the file, or say how it is written under `read:`."
            ) from error
        table = pa.table({column: pa.array([], pa.string()) for column in names})
    if odd:
        found = listed(sorted({row.actual_columns for row in odd}), FEW)
        raise InputError(
            f"{what} has {len(names)} columns, and {len(odd):,} rows with another number of values ({found}). Quote "
            f"values that hold the separator {separator!r}, name every column, or give another separator with "
            "`--params=csv_separator=…`."
        )
    return table


def encoding_of(file: Path, read: ReadParameters) -> str:
    """Return the encoding of a CSV: the one that is stated, or else what its byte order mark says, or else UTF-8."""
    return read.encoding or byte_order_mark(file) or "utf-8"


def is_utf_8(file: Path) -> bool:
    """Return whether all of a file is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _opened(file) as stream:
        try:
            while block := stream.read(BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def first_line(file: Path, encoding: str) -> str:
    """Return the first line of a file that is not blank; an empty text if there is none."""
    with _opened(file) as stream:
        lines = io.TextIOWrapper(stream, encoding, errors="replace")
        return next((line for line in lines if line.strip()), "")


def byte_order_mark(file: Path) -> str | None:
    """Return the encoding that the first bytes of a file say; None where they say none."""
    with _opened(file) as stream:
        start = stream.read(4)
    return next((name for mark, name in BYTE_ORDER_MARKS.items() if start.startswith(mark)), None)


def not_text(what: str, encoding: str | None) -> str:
    """Return what is told of a file that is not written in its encoding."""
    return (
        f"{what} is not {encoding or 'UTF-8'} text. Say in which encoding it is with read.encoding (of programs on "
        "Windows mostly windows-1252), or save it as UTF-8."
    )


def header_of(file: Path, what: str, separator: str, read: ReadParameters) -> tuple[list[str], int]:
    """Return the names of the columns of a CSV, and how many lines they take; raise InputError if they will not do."""
    with _opened(file) as stream:
        text = io.TextIOWrapper(stream, encoding_of(file, read), errors="replace", newline="")
        reader = plain_csv.reader(text, delimiter=separator, quotechar=read.quote)
        try:
            names = next((row for row in reader if row), [])
        except (UnicodeError, plain_csv.Error) as error:
            raise InputError(not_text(what, read.encoding)) from error
        n_lines = reader.line_num
    if not names:
        raise InputError(f"{what} is an empty file. Write it again from its source.")
    if any(NOT_TEXT in name for name in names):
        raise InputError(not_text(what, read.encoding))
    check_separator(names, what, separator)
    _check_names(names, what)
    return names, n_lines


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """Yield the bytes of a file, decompressed if it is an archive; raise InputError if decompression fails."""
    try:
        with _decompressed(file) as stream:
            yield stream
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(
            f"{file} cannot be unpacked ({error}). The archive is damaged, cut short, encrypted or of another format; "
            "write it again, or unpack it and give the CSV."
        ) from error


@contextmanager
def _decompressed(file: Path) -> Iterator[Any]:
    if file.name.lower().endswith(".gz"):
        with gzip.open(file) as stream:
            yield stream
    elif file.name.lower().endswith(".zip"):
        with zipfile.ZipFile(file) as archive:
            # macOS adds files of its own beside each.
            inside = [
                name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")
            ]
            if len(inside) != 1:
                raise InputError(f"{file} holds {listed(inside) or 'nothing'}; wanted is a ZIP of one CSV.")
            try:
                member = archive.open(inside[0])
            # zipfile's errors for a password and, as NotImplementedError, for an unknown compression.
            except RuntimeError as error:
                raise zipfile.BadZipFile(str(error)) from error
            with member:
                yield member
    else:
        with file.open("rb") as stream:
            yield stream


def _check_names(names: Sequence[str], what: str) -> None:
    """Raise InputError where the header names two columns alike, or one not at all."""
    twice = [column for column, times in Counter(names).items() if times > 1 and column.strip()]
    if twice:
        raise InputError(f"{what} has more than one column {twice[0]!r}. Rename or remove the others.")
    unnamed = [str(place) for place, column in enumerate(names, start=1) if not column.strip()]
    if len(unnamed) > 1:
        raise InputError(f"{what} has columns without a name (number {listed(unnamed)}). Name or remove them.")


def check_separator(columns: Sequence[str], what: str, separator: str) -> None:
    """Raise InputError if a CSV has a single column: it was split at what does not separate it."""
    if re.fullmatch(r"sep=.?", str(columns[0]).strip()) and not "".join(columns[1:]):
        raise InputError(
            f"{what} begins with a line for Excel that names the separator (sep=…). Remove that line, and give the "
            "separator with `--params=csv_separator=…`."
        )
    if len(columns) == 1:
        header = str(columns[0])
        likely = max(SEPARATORS, key=header.count)
        count = header.count(likely)
        found, wanted = (f"{count} of {likely!r}", likely) if count else ("no other", "…")
        raise InputError(
            f"{what} has a single column when split at {separator!r}; its header has {found}. Give the separator with "
            f"`--params=csv_separator={wanted}`, and remove lines that stand above the header."
        )
