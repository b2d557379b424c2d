"""A table that is kept for good, each content in a file named by its hash. Not for what may be overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset

from claims_fraud.datasets.data_version import content_version
from claims_fraud.errors import InputError
from claims_fraud.files import unfinished_folder


class KeptSampleDataset(AbstractDataset[pd.DataFrame, pd.DataFrame]):
    """Saves frames as parquet files that no later save replaces; loads the one saved last.

    Parameters
    ----------
    filepath : str
        Local path of the folder of the files.
    made_by : str
        Pipeline that writes it, for the message when it is missing.
    metadata : dict, optional
        Ignored by Kedro; kedro-viz reads the layer here.
    """

    def __init__(self, *, filepath: str, made_by: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self._made_by = made_by
        self._saved: pd.DataFrame | None = None
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Return what was saved last: by this process as it was, else from its file."""
        if self._saved is not None:
            return self._saved
        latest = self._latest()
        if latest is None:
            raise InputError(
                f"{self._folder} holds no sample yet. Make one with `kedro run --pipelines={self._made_by}` (same "
                "--env)."
            )
        return pd.read_parquet(latest)

    def save(self, data: pd.DataFrame) -> None:
        """Write the frame under its hash; a failure leaves no file."""
        with unfinished_folder(self._folder / "sample") as scratch:
            unfinished = scratch / "sample.parquet"
            data.to_parquet(unfinished, index=False)
            _, _, name = str(content_version(unfinished)).partition(":")
            # Again where it is there already, for the time of its file: it is the one saved last.
            unfinished.replace(self._folder / f"{name}.parquet")
        self._saved = data

    def data_version(self) -> str | None:
        """Return the hash that names the file saved last; None if there is none."""
        latest = self._latest()
        return None if latest is None else f"sha256:{latest.stem}"

    def _latest(self) -> Path | None:
        return max(self._folder.glob("*.parquet"), key=lambda file: file.stat().st_mtime_ns, default=None)

    def _exists(self) -> bool:
        return self._latest() is not None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder), "made_by": self._made_by}
