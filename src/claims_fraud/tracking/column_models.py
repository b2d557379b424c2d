"""Each column's model by itself, in the flavour of its library, for tools that know CatBoost or XGBoost but not us.

Not for scoring: what such a model takes and gives are codes that only the whole autoencoder makes and reads.
"""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types.schema import Schema, TensorSpec

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.tracking.flavor import environment_of

REQUIREMENTS = ("mlflow", "numpy")


def log_column_models(model: ClaimsTreeAutoencoder, schema: str | None) -> list[str]:
    """Log the classifier of each scored column to the active run as ``model_<column>``.

    Parameters
    ----------
    model : ClaimsTreeAutoencoder
        A fitted one.
    schema : str, optional
        What the names ``fraud_detector_<column>`` that the models are registered under begin with, dot included, or
        an empty text; None registers none.

    Returns
    -------
    list of str
        The columns whose model was logged: one that there was nothing to learn for has none.
    """
    logged = []
    for column, fitted in model.models_.items():
        # That of the library is what each of the two boosters holds.
        booster: Any = fitted.classes.booster
        if booster is None:
            continue
        name = re.sub(r"[^\w-]", "_", column)
        shape = (-1, len(fitted.inputs))
        signature = ModelSignature(
            Schema([TensorSpec(np.dtype(np.float32), shape)]),
            Schema([TensorSpec(np.dtype(np.float32), (-1, len(fitted.classes.observed)))]),
        )
        # MLflow prints each registration to stderr.
        with contextlib.redirect_stderr(io.StringIO()):
            getattr(mlflow, model.model_type).log_model(
                booster.model,
                name=f"model_{name}",
                signature=signature,
                # Else it starts a process to find out.
                conda_env=environment_of((*REQUIREMENTS, model.model_type)),
                registered_model_name=None if schema is None else f"{schema}fraud_detector_{name}",
            )
        logged.append(column)
    return logged
