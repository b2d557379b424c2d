"""Reference profiles of many models, a JSON file for each. Not for what is in one: that is `claims_fraud.drift`'s."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from claims_fraud.drift import ReferenceProfile
from claims_fraud.errors import InputError


class ReferenceProfilesDataset(AbstractDataset[ReferenceProfile, Callable[[str], ReferenceProfile]]):
    """Saves a profile in a file named by its model's version; loads a function from a version to the profile.

    Parameters
    ----------
    filepath : str
        Local path of the folder of the files.
    made_by : str
        Pipeline that writes it, for the message when a profile is missing.
    metadata : dict, optional
        Ignored by Kedro; kedro-viz reads the layer here.
    """

    def __init__(self, *, filepath: str, made_by: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self._made_by = made_by
        self.metadata = metadata

    def load(self) -> Callable[[str], ReferenceProfile]:
        """Return the function, which raises InputError for a version without a profile."""
        return self._of

    def save(self, data: ReferenceProfile) -> None:
        """Write the profile; a failure leaves the file of its version as it was."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".") as scratch:
            unfinished = Path(scratch) / "profile.json"
            data.save(unfinished)
            unfinished.replace(self._file(str(data.model_version)))

    def _of(self, version: str) -> ReferenceProfile:
        file = self._file(version)
        if not file.exists():
            raise InputError(
                f"{self._folder} has no profile of model {version}: it was trained elsewhere, or before there were "
                f"any. Train it again (`kedro run --pipelines={self._made_by}`, same --env), or use another model."
            )
        return ReferenceProfile.load(file)

    def _file(self, version: str) -> Path:
        return self._folder / f"{version}.json"

    def _exists(self) -> bool:
        return any(self._folder.glob("*.json"))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder), "made_by": self._made_by}
