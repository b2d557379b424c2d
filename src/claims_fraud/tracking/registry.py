"""Versions of the registered model, and the aliases that say which of them is live.

A version is found by the hash of the model's content, so that a training that is repeated registers nothing twice. Not
for what is in a version: that is `claims_fraud.tracking.flavor`. Not for deciding which is to be live: that is the
pipeline `promotion`.
"""

from __future__ import annotations

import contextlib
import io
import logging

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.errors import GateNotPassed, InputError, listed
from claims_fraud.tracking.flavor import log_model

logger = logging.getLogger(__name__)

CHAMPION, CHALLENGER = "champion", "challenger"
# Tags of a version: the hash of its content, the version that was champion before it, and whether it was withdrawn.
CONTENT, REPLACED, ROLLED_BACK = "model_version", "replaced_version", "rolled_back"
# What MLflow says of a model, a version or an alias that is not there.
MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")


def register(model: ClaimsTreeAutoencoder, name: str, threshold_percentile: float) -> str:
    """Log the model to the active run and register it, unless a version has the same content.

    Parameters
    ----------
    model : ClaimsTreeAutoencoder
        A fitted one.
    name : str
        Registered model, made where it is not there.
    threshold_percentile : float
        What the version flags rows above, if it is not told otherwise.

    Returns
    -------
    str
        Number of the version.
    """
    known = version_of(name, model.model_version_)
    if known is not None:
        logger.info("%s: version %s has this content already", name, known.version)
        return str(known.version)
    uri = log_model(model, threshold_percentile=threshold_percentile).model_uri
    # MLflow prints to stderr what is logged here.
    with contextlib.redirect_stderr(io.StringIO()):
        tags = {CONTENT: model.model_version_, "model_type": model.model_type}
        version = mlflow.register_model(uri, name, tags=tags)
    logger.info("%s: registered version %s", name, version.version)
    return str(version.version)


def version_of(name: str, content: str) -> ModelVersion | None:
    """Return the registered version with this content, by its hash; None if there is none."""
    client = _client()
    for found in client.search_model_versions(f"name='{name}'"):
        # Unity Catalog leaves the tags out of what a search finds.
        whole = found if found.tags else client.get_model_version(name, found.version)
        if whole.tags.get(CONTENT) == content:
            return whole
    return None


def version_at(name: str, alias_or_number: str) -> ModelVersion | None:
    """Return the registered version with this alias or number; None if there is none."""
    client = _client()
    try:
        if alias_or_number.isdigit():
            return client.get_model_version(name, alias_or_number)
        return client.get_model_version_by_alias(name, alias_or_number)
    except MlflowException as error:
        if error.error_code not in MISSING:
            raise
        return None


def point(name: str, alias: str, content: str) -> str:
    """Have an alias name the version with this content; return its number.

    Raises
    ------
    InputError
        If no version has it.
    GateNotPassed
        If a version that was rolled back would become champion again.
    """
    version = version_of(name, content)
    if version is None:
        raise InputError(
            f"no version of {name} has the content {content}: it was trained where no run was recorded, or in another "
            f"tracking server. {there(name)}. Train it again (`kedro run --pipelines=training`, same --env)."
        )
    client, number = _client(), str(version.version)
    if alias == CHAMPION:
        if ROLLED_BACK in version.tags:
            raise GateNotPassed(
                f"version {number} of {name} was rolled back ({version.tags[ROLLED_BACK]}) and does not become "
                f"{CHAMPION} again by itself. Train another, or bring it back with `claims-fraud-jobs rollback "
                f"--to={number}`."
            )
        before = version_at(name, CHAMPION)
        if before is not None and str(before.version) != number:
            client.set_model_version_tag(name, number, REPLACED, str(before.version))
    client.set_registered_model_alias(name, alias, number)
    logger.info("%s: %s is version %s", name, alias, number)
    return number


def rollback(name: str, stamp: str, to: str | None = None) -> tuple[str, str]:
    """Have an earlier version be champion again, and mark the one that was as withdrawn.

    Parameters
    ----------
    name : str
        Registered model.
    stamp : str
        What the mark says, for example a date.
    to : str, optional
        Number of the version that is to be champion; by default the one that the champion replaced.

    Returns
    -------
    tuple of str
        Numbers of the version that was champion and of the one that is.

    Raises
    ------
    InputError
        If there is no champion, nothing that it replaced, or no such version.
    """
    client = _client()
    champion = version_at(name, CHAMPION)
    if champion is None:
        raise InputError(f"{name} has no {CHAMPION} to roll back. {there(name)}. Promote one first.")
    now = str(champion.version)
    to = to or champion.tags.get(REPLACED)
    if to is None:
        raise InputError(f"version {now} of {name} replaced no other {CHAMPION}. {there(name)}; give one with --to.")
    target = version_at(name, to)
    if target is None:
        raise InputError(f"{name} has no version {to} to roll back to. {there(name)}; give another with --to.")
    if to != now:
        client.set_model_version_tag(name, now, ROLLED_BACK, stamp)
    if ROLLED_BACK in target.tags:
        client.delete_model_version_tag(name, to, ROLLED_BACK)
    client.set_registered_model_alias(name, CHAMPION, to)
    return now, to


def told(version: ModelVersion) -> str:
    """Return what people call a version: its number, the aliases that it has, and the name."""
    aliases = f" ({listed(version.aliases)})" if version.aliases else ""
    return f"version {version.version}{aliases} of {version.name}"


def there(name: str) -> str:
    """Return a sentence that says which versions are registered, the latest first."""
    found = [str(version.version) for version in _client().search_model_versions(f"name='{name}'")]
    return f"Registered versions: {listed(found) or 'none'}"


def _client() -> mlflow.MlflowClient:
    return mlflow.MlflowClient()
