"""The registered autoencoder under an alias as a catalog entry; versions and aliases stand in `tracking.registry`.

Not for registering a version: a hook does that when a run has trained one.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.errors import InputError

logger = logging.getLogger(__name__)


class RegisteredAutoencoderDataset(AbstractDataset[str, ClaimsTreeAutoencoder | None]):
    """Loads the version that an alias names, or a number; saving the hash of a version's content moves the alias to it.

    Parameters
    ----------
    name : str
        Registered model, on Databricks of three levels.
    which : str or int, optional
        An alias, or the number of a version; by default the champion.
    optional : bool
        Whether None is loaded where there is no such version.
    otherwise : str, optional
        Local path of a model folder that is loaded where no version is asked for and there is no champion.
    metadata : dict, optional
        Ignored by Kedro; kedro-viz reads the layer here.
    """

    def __init__(
        self,
        *,
        name: str,
        which: str | int | None = None,
        optional: bool = False,
        otherwise: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._name = name
        self._which = "champion" if which is None else str(which)
        self._optional = optional
        self._otherwise = Path(otherwise) if otherwise and which is None else None
        self.metadata = metadata

    def load(self) -> ClaimsTreeAutoencoder | None:
        """Return the model; raises InputError if there is none and there has to be one."""
        # MLflow takes seconds to import, and a catalog is also listed.
        from claims_fraud.tracking import flavor, registry  # noqa: PLC0415

        found = registry.version_at(self._name, self._which)
        if found is not None:
            logger.info("Loaded %s", registry.told(found))
            return flavor.load_model(f"models:/{self._name}/{found.version}")
        if self._optional:
            return None
        if self._otherwise is None or not self._otherwise.is_dir():
            nor = f", and there is no model at {self._otherwise} either" if self._otherwise else ""
            raise InputError(
                f"{self._name} has no version {self._which!r}{nor}. {registry.there(self._name)}. Train one (`kedro "
                "run`) and promote it (`kedro run --pipelines=model_selection,promotion`; same --env), or name another "
                "with `--params=scoring.model=…`."
            )
        logger.info(
            "%s has no %s yet: loaded the model that was trained last, %s", self._name, self._which, self._otherwise
        )
        return ClaimsTreeAutoencoder.load(self._otherwise)

    def save(self, data: str) -> None:
        """Have the alias name the version with this content; raises InputError if there is none."""
        from claims_fraud.tracking import registry  # noqa: PLC0415 - as above

        registry.point(self._name, self._which, data)

    def _exists(self) -> bool:
        from claims_fraud.tracking import registry  # noqa: PLC0415 - as above

        return registry.version_at(self._name, self._which) is not None

    def _describe(self) -> dict[str, Any]:
        return {"name": self._name, "which": self._which}
