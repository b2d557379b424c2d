"""Model artefacts as catalog entries; the folder's format stands in `claims_fraud.autoencoder.persistence`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from kedro.io import AbstractDataset

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.outcomes import OutcomeModel


class AutoencoderDataset(AbstractDataset[Any, Any]):
    """Saves and loads a `ClaimsTreeAutoencoder`.

    Parameters
    ----------
    filepath : str
        Local path of the model folder.
    metadata : dict, optional
        Ignored by Kedro; kedro-viz reads the layer here.
    """

    kind: ClassVar[type[ClaimsTreeAutoencoder | OutcomeModel]] = ClaimsTreeAutoencoder

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> Any:
        """Return the model; raises InputError if it is missing or damaged."""
        return self.kind.load(self._path)

    def save(self, data: Any) -> None:
        """Write the model whole or not at all."""
        data.save(self._path)

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


class OutcomeModelDataset(AutoencoderDataset):
    """Saves and loads an `OutcomeModel`; see `AutoencoderDataset`."""

    kind = OutcomeModel
