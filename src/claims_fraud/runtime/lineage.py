"""What was scored from what: so that no step puts results together that do not belong together.

`fraud_scores` are of the claims in `features`, and in `new_features` where claims came after training, as these were
when they were scored. The record of that is `lineage`. Not for models: those know their own version, and what is kept
for each is found by it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from claims_fraud.errors import InputError, listed

logger = logging.getLogger(__name__)

Catalog = CatalogProtocol[Any, Any]

# What a pipeline both reads and writes has two names in Kedro.
LINEAGE, SCORES, EARLIER = "lineage", "fraud_scores", "earlier_fraud_scores"
MODELS = ("autoencoder", "live_autoencoder")
# What scores are made from, and the pipeline that scores it again.
SOURCES = {"features": "scoring", "new_features": "score_new"}


class Lineage:
    """Notes in the course of a run which data it reads and makes.

    Parameters
    ----------
    pipeline : Pipeline
        What runs.
    catalog : CatalogProtocol
        Before it runs.
    at : datetime
        Stamp of what is scored.

    Attributes
    ----------
    at_start : dict of str to str
        Versions of what scores are made from, and of the scores, when the run begins; empty if it has to do with none.
    """

    def __init__(self, pipeline: Pipeline, catalog: Catalog, at: datetime) -> None:
        self._at, self._catalog, self._written = at, catalog, pipeline.all_outputs()
        self._read = pipeline.inputs() & {SCORES, EARLIER}
        self._model: str | None = None
        # As they are when the run begins: on Delta another run may write while this one reads.
        names = (*SOURCES, EARLIER) if self._concerned else ()
        self.at_start = {name: data_version(catalog, name) for name in names}
        self._versions = {name: self.at_start[name] for name in SOURCES} if self._concerned else {}

    def check(self) -> None:
        """Raise InputError where scores that the run reads are not those of the claims that are there now.

        Where nothing is recorded, as of tables that another program made, nothing is said.
        """
        record: Mapping[str, Any] | None = self._catalog.load(LINEAGE) if self._concerned else None
        if not record or not self._read:
            return
        changed = [name for name in SOURCES if self._versions[name] != record["made_from"][name]]
        if "new_features" in changed and "new_features" in self._written:
            logger.warning(
                "new_features have claims without a score: a run of score_new was cut short after %s. Score those "
                "claims again too",
                record["at"],
            )
            changed.remove("new_features")
        # Claims that are ingested in this run are not those whose scores it reads.
        stale = [name for name in SOURCES if name in changed or (name == "features" and name in self._written)]
        if not stale:
            return
        again = " and then ".join(f"`kedro run --pipelines={SOURCES[name]}`" for name in stale)
        raise InputError(
            f"{SCORES}, made on {record['at'][:10]}, are not of the claims that are in {listed(stale)} now: this run "
            f"would mix the two. Score first: {again} (same --env)."
        )

    def loaded(self, name: str, data: Any) -> None:
        """Take note of the model that scores."""
        if name in MODELS:
            self._model = data.model_version_

    def expect(self, name: str) -> None:
        """Have scores that were read be replaced only if nobody else has saved them since."""
        dataset: Any = self._catalog.get(name) if name == SCORES else None
        if EARLIER in self._read and hasattr(dataset, "expect"):
            dataset.expect(self.at_start[EARLIER])

    def saved(self, name: str) -> None:
        """Take note of the claims, and record what was made from what when the scores are saved."""
        if name in self._versions:
            self._versions[name] = data_version(self._catalog, name)
        if name == SCORES and self._concerned:
            record = {
                "at": self._at.isoformat(timespec="seconds"),
                "model_version": self._model,
                SCORES: data_version(self._catalog, SCORES),
                "made_from": self._versions,
            }
            earlier = self._catalog.load(LINEAGE)
            # Doing it again changes nothing, not even the record.
            if not earlier or record != {**earlier, "at": record["at"]}:
                self._catalog.save(LINEAGE, record)

    @property
    def _concerned(self) -> bool:
        return LINEAGE in self._catalog and bool(self._read or SCORES in self._written)


def data_version(catalog: Catalog, name: str) -> str | None:
    """Return the version of a dataset's data; None if there is none, or none is known."""
    dataset: Any = catalog.get(name) if name in catalog else None
    version: str | None = dataset.data_version() if hasattr(dataset, "data_version") else None
    return version
