"""Reads claims as they come: parquet or CSV, one file or a folder of files.

Not for judging values: everything in a CSV is read as text, so that codes keep their leading zeros; `rows` makes
numbers and dates of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from claims_fraud.errors import InputError, listed

SUFFIXES = (".parquet", ".csv")
SEPARATORS = (",", ";", "\t", "|")
# What stands for a missing value in a CSV, whatever reads it: pandas' own list.
CSV_NULLS = (
    *("", "NA", "N/A", "n/a", "NULL", "null", "None", "NaN", "nan", "-NaN", "-nan", "<NA>", "#NA", "#N/A", "#N/A N/A"),
    *("1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)


def read_claims(path: Path | str, separator: str = ",", name: str = "raw_claims") -> pd.DataFrame:
    """Read claims from a parquet or CSV file, or from a folder that holds files of one of these kinds.

    Parameters
    ----------
    path : path
        File that ends in ``.parquet`` or ``.csv``, or a folder; names that start with ``.`` or ``_`` are passed over,
        and a folder named ``key=value`` gives its rows a column.
    separator : str
        Delimiter of a CSV.
    name : str
        What errors call the data.

    Raises
    ------
    InputError
        If the path does not exist, holds no data, is damaged, or the separator is wrong.
    """
    files = data_files(Path(path), name)
    folders = {file: partition_columns(file, Path(path)) for file in files}
    is_parquet = files[0].suffix.lower() == ".parquet"
    frame = _read_parquet(folders, name) if is_parquet else _read_csv(folders, separator, name)
    if frame.empty:
        raise InputError(f"{name}: {path} has columns but no rows. Point `--params={name}=PATH` at claims.")
    return frame


def data_files(path: Path, name: str) -> list[Path]:
    """Return the files to read: all parquet or all CSV; raise InputError otherwise."""
    if not path.exists():
        raise InputError(
            f"{name}: {path} does not exist. Give an existing parquet or CSV file, or a folder of them, with "
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
    data = [file for file in files if file.suffix.lower() in SUFFIXES]
    if len({file.suffix.lower() for file in data}) != 1:
        found = listed(file.name for file in files) or "nothing"
        raise InputError(
            f"{name}: {path} holds {found}; wanted is a .parquet or .csv file, or a folder with files of one of these "
            f"two kinds. Give it with `--params={name}=PATH`."
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


def _read_csv(folders: dict[Path, dict[str, str]], separator: str, name: str) -> pd.DataFrame:
    frames = [_csv_frame(file, separator, name).assign(**partition) for file, partition in folders.items()]
    return pd.concat(frames, ignore_index=True)


def _csv_frame(file: Path, separator: str, name: str) -> pd.DataFrame:
    try:
        frame = pd.read_csv(
            file, sep=separator, dtype=str, encoding="utf-8-sig", keep_default_na=False, na_values=CSV_NULLS
        )
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{name}: {file} is an empty file. Write it again from its source.") from error
    except pd.errors.ParserError as error:
        reason = str(error).strip()
        raise InputError(
            f"{name}: {file} cannot be read as CSV with separator {separator!r} ({reason}). Quote values that hold "
            "the separator, or give another one with `--params=csv_separator=…`."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: {file} is not UTF-8 text (at byte {error.start}). Save it as UTF-8.") from error
    _check_csv(frame, f"{name}: {file}", separator)
    return frame


def check_separator(columns: Sequence[str], what: str, separator: str) -> None:
    """Raise InputError if a CSV has a single column: it was split at what does not separate it."""
    if len(columns) == 1:
        header = str(columns[0])
        likely = max(SEPARATORS, key=header.count)
        count = header.count(likely)
        found, wanted = (f"{count} of {likely!r}", likely) if count else ("no other", "…")
        raise InputError(
            f"{what} has a single column when split at {separator!r}; its header has {found}. Give the separator with "
            f"`--params=csv_separator={wanted}`."
        )


def _check_csv(frame: pd.DataFrame, what: str, separator: str) -> None:
    check_separator(frame.columns.tolist(), what, separator)
    # What pandas makes of rows longer than the header: their first values become the index, the others move left.
    if not frame.empty and not isinstance(frame.index, pd.RangeIndex):
        raise InputError(
            f"{what} has more values in its rows than names in its header (a {separator!r} at the end of every row, or "
            "a column without a name). Remove the separator, or name the column."
        )
