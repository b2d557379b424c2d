"""The lock of a data folder as a catalog entry, so that each environment says what it locks, if anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from claims_fraud.runtime.run_lock import FolderLock


class RunLockDataset(AbstractDataset[Any, FolderLock]):
    """Loads the lock of a folder; hooks hold it for as long as a run lasts.

    Parameters
    ----------
    folder : str
        Whose files one run at a time may write.
    """

    def __init__(self, *, folder: str) -> None:
        self._folder = Path(folder)

    def load(self) -> FolderLock:
        """Return the lock, which nobody holds by that."""
        return FolderLock(self._folder)

    def save(self, data: Any) -> None:
        """Refuse: a lock is held, not saved."""
        raise DatasetError(f"the lock of {self._folder} is held by a run and cannot be saved")

    def _describe(self) -> dict[str, Any]:
        return {"folder": str(self._folder)}
