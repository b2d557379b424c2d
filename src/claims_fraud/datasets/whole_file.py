"""Any single-file dataset, written whole or not at all, that says which pipeline makes it.

Not for folders (see ``autoencoder``) and not for remote stores: a rename is atomic on a file system only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from kedro.io import AbstractDataset

from claims_fraud.claims.history import upserted
from claims_fraud.datasets.data_version import content_version
from claims_fraud.errors import InputError
from claims_fraud.files import replacing


class WholeFileDataset(AbstractDataset[Any, Any]):
    """Wraps a file dataset: saves under a temporary name, then renames.

    Parameters
    ----------
    filepath : str
        Local path of the file.
    dataset : dict
        Definition of the dataset that reads and writes it, without its path.
    made_by : str
        Pipeline that writes it, for the message when it is missing.
    optional : bool
        Whether a missing file loads as None.
    upsert_by : str, optional
        Key column of a table: rows saved replace those with their key, all others stay; sorted by key.
    mixed_as_text : bool
        Whether a column whose values no file can hold together, such as numbers beside text, is saved as text; by
        default it is an error.
    metadata : dict, optional
        Ignored by Kedro; kedro-viz reads the layer here.
    """

    def __init__(  # noqa: PLR0913
        self,
        *,
        filepath: str,
        dataset: dict[str, Any],
        made_by: str,
        optional: bool = False,
        upsert_by: str | None = None,
        mixed_as_text: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = Path(filepath)
        self._definition = dataset
        self._made_by = made_by
        self._optional = optional
        self._upsert_by = upsert_by
        self._mixed_as_text = mixed_as_text
        self.metadata = metadata
        if str(dataset["type"]).startswith("plotly."):
            # Kedro-Viz shows what has this, by the type that it returns; tables of claims are not to be shown.
            self.preview = self._at(self._path).preview  # type: ignore[attr-defined]

    def load(self) -> Any:
        """Return the data, or None if the file is missing and optional."""
        if self._path.exists():
            return self._at(self._path).load()
        if self._optional:
            return None
        raise InputError(
            f"{self._path} does not exist yet. Make it with `kedro run --pipelines={self._made_by}` (same --env)."
        )

    def save(self, data: Any) -> None:
        """Write the data; a failure leaves the file as it was."""
        if self._upsert_by:
            earlier = self._at(self._path).load() if self._path.exists() else None
            data = upserted(data, earlier, self._upsert_by).sort_values(self._upsert_by, ignore_index=True)
        if self._mixed_as_text:
            data = data.apply(_storable)
        with replacing(self._path) as unfinished:
            self._at(unfinished).save(data)

    def data_version(self) -> str | None:
        """Return a hash of the file; None if it is not there."""
        return content_version(self._path)

    def _at(self, path: Path) -> AbstractDataset[Any, Any]:
        return AbstractDataset.from_config(self._path.stem, {**self._definition, "filepath": str(path)})

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "dataset": self._definition, "made_by": self._made_by}


def _storable(values: pd.Series) -> pd.Series:
    try:
        pa.array(values, from_pandas=True)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return values.astype(object).map(str, na_action="ignore")
    return values
