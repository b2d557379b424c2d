"""What is kept of many models, a file for each, named by its version: training scores, and reference profiles.

Not for tables that are read whole, and not for what is in a file: the classes that write it know that.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from kedro.io import AbstractDataset, DatasetError

from claims_fraud.drift import ReferenceProfile
from claims_fraud.errors import NotKept
from claims_fraud.files import replacing


class FilePerVersion(AbstractDataset[Any, Callable[[str], Any]]):
    """Saves what belongs to a model in a file of its own; loads a function from a model's version to that.

    Parameters
    ----------
    filepath : str
        Local path of the folder of the files.
    made_by : str
        Pipeline that writes them, for the message when one is missing.
    metadata : dict, optional
        Ignored by Kedro; kedro-viz reads the layer here.
    """

    suffix: ClassVar[str]

    def __init__(self, *, filepath: str, made_by: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self._made_by = made_by
        self.metadata = metadata

    def load(self) -> Callable[[str], Any]:
        """Return the function, which raises NotKept for a version without a file."""
        return self._of

    def save(self, data: Any) -> None:
        """Write the file; a failure leaves that of its version as it was."""
        with replacing(self._file(self._version(data))) as unfinished:
            self._write(data, unfinished)

    def _of(self, version: str) -> Any:
        file = self._file(version)
        if not file.exists():
            raise NotKept(self._missing(version))
        return self._read(file)

    def _file(self, version: str) -> Path:
        return self._folder / f"{version}{self.suffix}"

    @abstractmethod
    def _version(self, data: Any) -> str:
        """Return the version of the model that the data are of."""

    @abstractmethod
    def _write(self, data: Any, file: Path) -> None:
        """Write the data into a file."""

    @abstractmethod
    def _read(self, file: Path) -> Any:
        """Return what `_write` wrote."""

    @abstractmethod
    def _missing(self, version: str) -> str:
        """Return what is told where a version has no file."""

    def _exists(self) -> bool:
        return any(self._folder.glob(f"*{self.suffix}"))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder), "made_by": self._made_by}


class ByVersionDataset(FilePerVersion):
    """Rows of many models, a parquet file for each.

    Parameters
    ----------
    by : str
        Column with the version, the same in all rows that are saved at once.
    filepath, made_by, metadata
        See `FilePerVersion`.
    """

    suffix = ".parquet"

    def __init__(self, *, filepath: str, made_by: str, by: str, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath=filepath, made_by=made_by, metadata=metadata)
        self._by = by

    def _version(self, data: pd.DataFrame) -> str:
        versions = data[self._by].unique()
        if len(versions) != 1 or not re.fullmatch(r"\w+", str(versions[0])):
            raise DatasetError(f"{self._folder} takes the rows of one {self._by}, a word, at a time: {versions!r}")
        return str(versions[0])

    def _write(self, data: pd.DataFrame, file: Path) -> None:
        data.to_parquet(file, index=False)

    def _read(self, file: Path) -> pd.DataFrame:
        return pd.read_parquet(file)

    def _missing(self, version: str) -> str:
        return missing_rows(str(self._folder), self._by, version, self._made_by)


class ReferenceProfilesDataset(FilePerVersion):
    """Reference profiles of many models, a JSON file for each; see `FilePerVersion`."""

    suffix = ".json"

    def _version(self, data: ReferenceProfile) -> str:
        return str(data.model_version)

    def _write(self, data: ReferenceProfile, file: Path) -> None:
        data.save(file)

    def _read(self, file: Path) -> ReferenceProfile:
        return ReferenceProfile.load(file)

    def _missing(self, version: str) -> str:
        return (
            f"{self._folder} has no profile of model {version}: it was trained elsewhere, or before there were any. "
            f"Train it again (`kedro run --pipelines={self._made_by}`, same --env), or use another model."
        )


def missing_rows(place: str, column: str, version: str, made_by: str) -> str:
    """Return what is told where a table has no rows of a version."""
    return (
        f"{place} has no rows of {column} {version}: it was trained elsewhere, or they were removed. Train again "
        f"(`kedro run --pipelines={made_by}`, same --env), or use another model."
    )
