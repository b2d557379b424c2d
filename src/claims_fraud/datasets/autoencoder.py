"""The model artefact as a catalog entry; the folder's format stands in `claims_fraud.autoencoder.persistence`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from claims_fraud.autoencoder import ClaimsTreeAutoencoder


class AutoencoderDataset(AbstractDataset[ClaimsTreeAutoencoder, ClaimsTreeAutoencoder]):
    """Saves and loads a `ClaimsTreeAutoencoder`.

    Parameters
    ----------
    filepath : str
        Local path of the model folder.
    metadata : dict, optional
        Ignored by Kedro; kedro-viz reads the layer here.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> ClaimsTreeAutoencoder:
        """Return the model; raises InputError if it is missing or damaged."""
        return ClaimsTreeAutoencoder.load(self._path)

    def save(self, data: ClaimsTreeAutoencoder) -> None:
        """Write the model whole or not at all."""
        data.save(self._path)

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
