"""A table with rows of many models, a parquet file for each. Not for tables that are read whole."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset, DatasetError

from claims_fraud.errors import InputError


class ByVersionDataset(AbstractDataset[pd.DataFrame, Callable[[str], pd.DataFrame]]):
    """Saves the rows of a model in a file of their own; loads a function from a model's version to its rows.

    Parameters
    ----------
    filepath : str
        Local path of the folder of the files.
    made_by : str
        Pipeline that writes it, for the message when rows are missing.
    by : str
        Column with the version, the same in all rows that are saved at once.
    metadata : dict, optional
        Ignored by Kedro; kedro-viz reads the layer here.
    """

    def __init__(self, *, filepath: str, made_by: str, by: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self._made_by = made_by
        self._by = by
        self.metadata = metadata

    def load(self) -> Callable[[str], pd.DataFrame]:
        """Return the function, which raises InputError for a version without rows."""
        return self._rows_of

    def save(self, data: pd.DataFrame) -> None:
        """Write the rows; a failure leaves the file of their version as it was."""
        versions = data[self._by].unique()
        if len(versions) != 1 or not re.fullmatch(r"\w+", str(versions[0])):
            raise DatasetError(f"{self._folder} takes the rows of one {self._by}, a word, at a time: {versions!r}")
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".") as scratch:
            unfinished = Path(scratch) / "rows.parquet"
            data.to_parquet(unfinished, index=False)
            unfinished.replace(self._file(versions[0]))

    def _rows_of(self, version: str) -> pd.DataFrame:
        file = self._file(version)
        if not file.exists():
            raise InputError(missing_rows(str(self._folder), self._by, version, self._made_by))
        return pd.read_parquet(file)

    def _file(self, version: str) -> Path:
        return self._folder / f"{version}.parquet"

    def _exists(self) -> bool:
        return any(self._folder.glob("*.parquet"))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder), "by": self._by, "made_by": self._made_by}


def missing_rows(place: str, column: str, version: str, made_by: str) -> str:
    """Return what is told where a table has no rows of a version."""
    return (
        f"{place} has no rows of {column} {version}: it was trained elsewhere, or they were removed. Train again "
        f"(`kedro run --pipelines={made_by}`, same --env), or use another model."
    )
