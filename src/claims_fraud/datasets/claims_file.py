"""Claims as they come, from parquet, CSV or XLSX, one file or a folder. Read only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from kedro.io import AbstractDataset, DatasetError

from claims_fraud.claims import ReadParameters
from claims_fraud.claims.reading import read_claims
from claims_fraud.datasets.data_version import content_version


class ClaimsFileDataset(AbstractDataset[NoReturn, pd.DataFrame | Callable[[], pd.DataFrame]]):
    """Reads what `claims_fraud.claims.reading.read_claims` reads.

    Parameters
    ----------
    filepath : str
        File that `read_claims` reads, or a folder of such files.
    name : str
        The run parameter that gives another path, for messages.
    separator : str
        Delimiter of a CSV, where ``read`` does not say.
    read : mapping, optional
        `ReadParameters`: how the file is written.
    lazy : bool
        Whether to load a function that reads, for data that a node may not need.
    metadata : dict, optional
        Ignored by Kedro; kedro-viz reads the layer here.
    """

    def __init__(  # noqa: PLR0913
        self,
        *,
        filepath: str,
        name: str,
        separator: str = ",",
        read: Mapping[str, Any] | None = None,
        lazy: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = Path(filepath)
        self._name = name
        self._separator = separator
        self._written = ReadParameters.model_validate(read or {})
        self._lazy = lazy
        self.metadata = metadata

    def load(self) -> pd.DataFrame | Callable[[], pd.DataFrame]:
        """Return the claims, or the function that reads them."""
        return self._read if self._lazy else self._read()

    def save(self, data: NoReturn) -> None:
        """Refuse: what came from outside is never written."""
        raise DatasetError(f"{self._name} is read only")

    def data_version(self) -> str | None:
        """Return a hash of the file or folder; None if it is not there."""
        return content_version(self._path)

    def _read(self) -> pd.DataFrame:
        return read_claims(self._path, self._separator, self._name, self._written)

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "separator": self._separator, "lazy": self._lazy}
