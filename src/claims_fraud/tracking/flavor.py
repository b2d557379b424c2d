"""The autoencoder as an MLflow model in a flavour of its own: its artefact, which no unpickling loads, and its code.

A logged model serves where the project is not installed: it brings the modules that it needs. Where the project is
installed, the model uses that. Not for the registry.
"""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.types.schema import AnyType, ColSpec, DataType, ParamSchema, ParamSpec, Schema

import claims_fraud
from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.kinds import CategoryEncoder
from claims_fraud.errors import InputError

FLAVOR_NAME = "claims_fraud"
# Where the artefact is in an MLflow model: below a folder whose name MLflow gives.
ARTEFACT, DATA = "model", "data/model"
# Of the package, what a model needs to score where it is not installed: copied beside it.
CODE = (
    "__init__.py",
    "choices.py",
    "errors.py",
    "files.py",
    "statistics",
    "autoencoder",
    "tracking/__init__.py",
    "tracking/flavor.py",
)
# What MLflow loads a model by. A name of its own, since MLflow puts a model's code before what is installed: those few
# modules would stand in the place of an installed package, in Spark's workers for all that they run afterwards.
LOADER = "claims_fraud_model"
LOADER_CODE = """\
import sys
from pathlib import Path

# Last on the path: an installed package comes before the modules that are here.
sys.path.append(str(Path(__file__).parent))

from claims_fraud.tracking.flavor import _load_pyfunc
"""
REQUIREMENTS = ("mlflow", "catboost", "xgboost", "numpy", "pandas", "scikit-learn", "scipy")
REASONS = 3
PERCENTILE, HIGHEST = "threshold_percentile", 100
RESULTS = {
    "fraud_score": DataType.double,
    "fraud_percentile": DataType.double,
    "flagged": DataType.boolean,
    **{f"reason_{number}": DataType.string for number in range(1, REASONS + 1)},
}


class ClaimsScorer:
    """What a loaded pyfunc model calls.

    Parameters
    ----------
    model : ClaimsTreeAutoencoder
        A fitted one.
    """

    def __init__(self, model: ClaimsTreeAutoencoder) -> None:
        self._model = model

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return score, percentile, flag and reasons of each row, an empty text where there is no further reason.

        Parameters
        ----------
        model_input : DataFrame of shape (n, ...)
            With every column that the model learned from; others are ignored.
        params : dict, optional
            ``threshold_percentile``: rows strictly above it are flagged.

        Raises
        ------
        MlflowException
            If the columns or the percentile will not do; a server answers with status 400.
        """
        threshold = _threshold((params or {}).get(PERCENTILE))
        try:
            judgement = self._model.judge(model_input)
            reasons = self._model.reasons(model_input, judgement, top=REASONS)
        except InputError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error
        percentile = self._model.percentile(judgement.scores)
        scores = {"fraud_score": judgement.scores, "fraud_percentile": percentile}
        flagged = percentile > threshold
        # A Spark UDF would make the word None of a reason that is null.
        return reasons.fillna("").assign(**scores, flagged=flagged)[list(RESULTS)]


def save_model(
    model: ClaimsTreeAutoencoder,
    path: Path | str,
    *,
    threshold_percentile: float = 99.0,
    mlflow_model: Model | None = None,
) -> None:
    """Write the model as an MLflow model into a folder that is not there or empty.

    Parameters
    ----------
    model : ClaimsTreeAutoencoder
        A fitted one.
    path : Path or str
        The folder.
    threshold_percentile : float, default 99
        What `predict` flags rows above, if it is not told otherwise.
    mlflow_model : mlflow.models.Model, optional
        That the flavour is added to.
    """
    mlflow_model = mlflow_model or Model()
    mlflow_model.add_flavor(FLAVOR_NAME, data=DATA, model_version=model.model_version_, model_type=model.model_type)
    with tempfile.TemporaryDirectory() as scratch:
        model.save(Path(scratch) / ARTEFACT)
        mlflow.pyfunc.save_model(
            path=str(path),
            loader_module=LOADER,
            data_path=str(Path(scratch) / ARTEFACT),
            code_paths=[str(_code(Path(scratch)))],
            mlflow_model=mlflow_model,
            signature=signature_of(model, threshold_percentile),
            input_example=input_example(model),
            conda_env=environment_of(REQUIREMENTS),
        )


def log_model(
    model: ClaimsTreeAutoencoder,
    name: str = "autoencoder",
    *,
    threshold_percentile: float = 99.0,
    registered_model_name: str | None = None,
) -> ModelInfo:
    """Log the model to the active run, or a new one; see `save_model`, and register it where a name is given."""
    info: ModelInfo = Model.log(
        artifact_path=None,
        name=name,
        flavor=sys.modules[__name__],
        registered_model_name=registered_model_name,
        model=model,
        threshold_percentile=threshold_percentile,
    )
    return info


def load_model(uri: str) -> ClaimsTreeAutoencoder:
    """Return the estimator of a logged model, by any URI that MLflow takes; raise InputError if it is none of ours."""
    folder = Path(mlflow.artifacts.download_artifacts(uri))
    flavors = Model.load(str(folder)).flavors
    if FLAVOR_NAME not in flavors:
        raise InputError(
            f"model {uri} has the flavours {', '.join(flavors)} and not {FLAVOR_NAME}: it is no ClaimsTreeAutoencoder."
        )
    return ClaimsTreeAutoencoder.load(folder / flavors[FLAVOR_NAME]["data"])


def environment_of(packages: Iterable[str]) -> dict[str, Any]:
    """Return an environment, as MLflow describes one, with packages in the versions that are installed.

    Of requirements alone MLflow makes the same, and warns where there is no pip, as in an environment that uv made.
    """
    requirements = [f"{name}=={version(name)}" for name in map(_distribution, packages)]
    return {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={platform.python_version()}", "pip", {"pip": requirements}],
    }


def _distribution(package: str) -> str:
    """Return the name under which a package is installed: XGBoost comes as `xgboost-cpu` as well."""
    cpu_only = f"{package}-cpu"
    return cpu_only if list(distributions(name=cpu_only)) else package


def signature_of(model: ClaimsTreeAutoencoder, threshold_percentile: float) -> ModelSignature:
    """Return what goes in and comes out.

    Inputs are of any type: whole numbers may come with nulls or without, and codes as text or as numbers, while MLflow
    takes but one type a column. What is no number where one has to be is refused by the model.
    """
    inputs = [ColSpec(AnyType(), name) for name in model.features_]  # type: ignore[no-untyped-call]
    outputs = [ColSpec(kind, name) for name, kind in RESULTS.items()]
    params = [ParamSpec(PERCENTILE, DataType.double, float(threshold_percentile))]
    return ModelSignature(Schema([*inputs]), Schema([*outputs]), ParamSchema(params))


def input_example(model: ClaimsTreeAutoencoder) -> pd.DataFrame:
    """Return a row that is nobody's: of each column the most frequent category or the median."""
    usual = {
        name: _most_frequent(encoder) if isinstance(encoder, CategoryEncoder) else encoder.center
        for name, encoder in model.encoders_.items()
    }
    return pd.DataFrame([usual])


def _load_pyfunc(path: str) -> ClaimsScorer:
    """Return what MLflow wraps as a pyfunc model, from the artefact's folder."""
    return ClaimsScorer(ClaimsTreeAutoencoder.load(path))


def _threshold(given: Any) -> float:
    """Return the percentile that a request gives; raise MlflowException if it is none, as the pipeline does."""
    if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given < HIGHEST:
        return float(given)
    raise MlflowException(
        f"{PERCENTILE} is {given!r}; allowed are numbers from 0 to below {HIGHEST}. Leave it out for the model's own.",
        error_code=INVALID_PARAMETER_VALUE,
    )


def _most_frequent(encoder: CategoryEncoder) -> str | None:
    pairs = zip(encoder.counts, encoder.categories, strict=True)
    return max(pairs, key=lambda pair: pair[0], default=(0, None))[1]


def _code(folder: Path) -> Path:
    """Write the package `LOADER` into the folder, with the modules of `CODE` in it; return it."""
    package, loader = Path(claims_fraud.__file__).parent, folder / LOADER
    for name in CODE:
        target = loader / claims_fraud.__name__ / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (package / name).is_dir():
            shutil.copytree(package / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(package / name, target)
    (loader / "__init__.py").write_text(LOADER_CODE, encoding="utf-8")
    return loader
