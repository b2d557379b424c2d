"""The two gradient boosting libraries behind one small interface: fit, predict, importance, save, load.

Trees are grown on the processor or on a GPU; predictions are made on the processor, wherever a model was trained.

Not for encoding: inputs are a float32 matrix, NaN where missing; the target is a class from 0 to k - 1, each present,
or a number.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self

import catboost
import numpy as np
import numpy.typing as npt
import xgboost
from catboost.utils import get_gpu_device_count

from claims_fraud.choices import ModelType

Device = Literal["cpu", "gpu"]
Matrix = npt.NDArray[np.float32]
Ints = npt.NDArray[np.integer[Any]]
Target = npt.NDArray[Any]

# Bins of an input: as many as fit in a byte, so that a column's codes share none before there are more of them.
MAX_BIN = 254
# XGBoost divides a leaf's gradients by their curvature, which is next to nothing for a class that a leaf seldom has: at
# its own default of 1 a few rows make it sure of what most rows like them contradict.
XGBOOST_L2 = 10
# Share of the inputs by which each level of a CatBoost tree may split, drawn anew. Trees that do not all lean on the
# same inputs are quicker and less misled by one that is wrong, so that the value which is wrong stands out; XGBoost's
# find less for it.
CATBOOST_INPUTS = 0.5
XGBOOST_DEVICES: dict[Device, str] = {"cpu": "cpu", "gpu": "cuda"}
NEXT_TO_NOTHING = 1e-9
# Inputs of such a model are measures rather than codes, which need no step of their own.
MEASURE_BINS = 64
# What a model predicts: which class a row has, whether a value is the row's own or another's, or a number's place.
Objective = Literal["classes", "contrast", "location"]
# Trees of a model that predicts one number a row: shallow, on a draw of rows and inputs, so that none is sure alone.
ROWS_DRAWN, INPUTS_DRAWN, L2 = 0.8, 0.7, 5.0
# Curvature that a leaf of such a tree needs in XGBoost: some thirty rows of which half are of either sort.
LEAST_CURVATURE = 8
CATBOOST_LOSSES: dict[Objective, str] = {"classes": "MultiClass", "contrast": "Logloss", "location": "Huber:delta=1.0"}
XGBOOST_LOSSES: dict[Objective, dict[str, Any]] = {
    "classes": {"objective": "multi:softprob", "multi_strategy": "multi_output_tree"},
    "contrast": {"objective": "binary:logistic", "base_score": 0.5},
    "location": {"objective": "reg:pseudohubererror", "huber_slope": 1.0, "base_score": 0.0},
}


@dataclass(frozen=True)
class BoosterSettings:
    """Size of one column's model, and what grows it; ``threads`` of -1 takes all cores."""

    n_estimators: int
    max_depth: int
    learning_rate: float
    seed: int
    threads: int
    device: Device = "cpu"


class Booster(Protocol):
    """A fitted model."""

    suffix: ClassVar[str]

    def predict(self, inputs: Matrix) -> Matrix:
        """Return class probabilities of shape (n, k)."""

    def margin(self, inputs: Matrix) -> Matrix:
        """Return the log odds, or the location, of each row, shape (n,)."""

    def importance(self) -> npt.NDArray[np.float64]:
        """Return how much each input matters, shape (inputs,), summing to 1 (or all 0)."""

    def save(self, path: Path) -> None:
        """Write the model in the library's own format."""


@dataclass(frozen=True)
class CatBoostBooster:
    """A CatBoost model, and the file it was read from, if any; one tree is for all classes."""

    model: catboost.CatBoost
    threads: int
    file: bytes | None = None
    suffix: ClassVar[str] = ".cbm"

    @classmethod
    def fit(cls, inputs: Matrix, target: Target, settings: BoosterSettings, objective: Objective = "classes") -> Self:
        """Fit on inputs of shape (n, d) and a target of shape (n,)."""
        kind = catboost.CatBoostRegressor if objective == "location" else catboost.CatBoostClassifier
        model = kind(
            loss_function=CATBOOST_LOSSES[objective],
            iterations=settings.n_estimators,
            depth=settings.max_depth,
            learning_rate=settings.learning_rate,
            random_seed=settings.seed,
            thread_count=settings.threads,
            boosting_type="Plain",
            random_strength=0,
            **_catboost_trees(objective),
            **_catboost_device(settings.device, objective),
            # A job's working directory may be read-only.
            allow_writing_files=False,
            verbose=False,
        )
        return cls(unstamped(model.fit(inputs, target)), settings.threads)

    @classmethod
    def load(cls, path: Path, threads: int, objective: Objective = "classes") -> Self:
        """Read a model that `save` wrote."""
        file = path.read_bytes()
        kind = catboost.CatBoostRegressor if objective == "location" else catboost.CatBoostClassifier
        return cls(kind().load_model(blob=file), threads, file)

    def predict(self, inputs: Matrix) -> Matrix:
        """Return class probabilities of shape (n, k)."""
        probabilities = self.model.predict_proba(inputs, thread_count=self.threads)
        return np.asarray(probabilities, dtype=np.float32)

    def margin(self, inputs: Matrix) -> Matrix:
        """Return the log odds, or the location, of each row, shape (n,)."""
        values = self.model.predict(inputs, prediction_type="RawFormulaVal", thread_count=self.threads)
        return np.asarray(values, dtype=np.float32)

    def importance(self) -> npt.NDArray[np.float64]:
        """Return CatBoost's prediction-values-change of each input, summing to 1."""
        return _shares(np.asarray(self.model.get_feature_importance(), dtype=float))

    def save(self, path: Path) -> None:
        """Write the model as .cbm."""
        if self.file is None:
            self.model.save_model(str(path))
        else:
            # The library writes a model that it has read with other bytes, and the model's version hashes them.
            path.write_bytes(self.file)


@dataclass(frozen=True)
class XGBoostBooster:
    """An XGBoost booster; one tree is for all classes (vector leaves)."""

    model: xgboost.Booster
    threads: int
    suffix: ClassVar[str] = ".ubj"

    @classmethod
    def fit(cls, inputs: Matrix, target: Target, settings: BoosterSettings, objective: Objective = "classes") -> Self:
        """Fit on inputs of shape (n, d) and a target of shape (n,)."""
        threads = max(settings.threads, 0)
        max_bin = MAX_BIN if objective == "classes" else MEASURE_BINS
        data = xgboost.QuantileDMatrix(inputs, label=target, max_bin=max_bin, nthread=threads)
        model = xgboost.train(
            {
                **XGBOOST_LOSSES[objective],
                **_xgboost_trees(objective, target),
                "tree_method": "hist",
                "max_bin": max_bin,
                "max_depth": settings.max_depth,
                "learning_rate": settings.learning_rate,
                "seed": settings.seed,
                "nthread": threads,
                "device": XGBOOST_DEVICES[settings.device],
                "verbosity": 0,
            },
            data,
            num_boost_round=settings.n_estimators,
        )
        model.set_param({"device": XGBOOST_DEVICES["cpu"]})
        return cls(model, threads)

    @classmethod
    def load(cls, path: Path, threads: int, objective: Objective = "classes") -> Self:
        """Read a model that `save` wrote."""
        model = xgboost.Booster(model_file=str(path))
        model.set_param({"nthread": max(threads, 0)})
        return cls(model, threads)

    def predict(self, inputs: Matrix) -> Matrix:
        """Return class probabilities of shape (n, k)."""
        probabilities = np.asarray(self.model.inplace_predict(inputs), dtype=np.float32)
        # Of no rows the library returns no columns either.
        return probabilities if len(inputs) else probabilities.reshape(0, self._n_classes)

    @property
    def _n_classes(self) -> int:
        config = json.loads(self.model.save_config())
        return int(config["learner"]["learner_model_param"]["num_class"])

    def margin(self, inputs: Matrix) -> Matrix:
        """Return the log odds, or the location, of each row, shape (n,)."""
        return np.asarray(self.model.inplace_predict(inputs, predict_type="margin"), dtype=np.float32)

    def importance(self) -> npt.NDArray[np.float64]:
        """Return the total gain of the splits on each input, summing to 1."""
        gains = self.model.get_score(importance_type="total_gain")
        every = (gains.get(f"f{number}", 0.0) for number in range(self.model.num_features()))
        return _shares(np.fromiter(every, dtype=float))

    def save(self, path: Path) -> None:
        """Write the model as universal binary JSON."""
        self.model.save_model(str(path))


BOOSTERS: dict[ModelType, type[CatBoostBooster] | type[XGBoostBooster]] = {
    "catboost": CatBoostBooster,
    "xgboost": XGBoostBooster,
}


def gpu_count() -> int:
    """Return how many GPUs there are that both libraries can use (CUDA's)."""
    return int(get_gpu_device_count())


def xgboost_has_cuda() -> bool:
    """Return whether the installed XGBoost can use a GPU: `xgboost-cpu` cannot."""
    return bool(xgboost.build_info().get("USE_CUDA"))


def xgboost_version() -> str:
    """Return the version of the installed XGBoost, of whichever build."""
    return str(xgboost.__version__)


def unstamped(model: catboost.CatBoost) -> catboost.CatBoost:
    """Return the model without the time and random id that the library stamps into it: equal models, equal files."""
    for key in ("train_finish_time", "model_guid"):
        model.get_metadata()[key] = ""
    return model


def _catboost_trees(objective: Objective) -> dict[str, Any]:
    if objective == "classes":
        # Trees of one split a level cannot single out a rare code.
        return {"grow_policy": "Depthwise", "bootstrap_type": "No", "border_count": MAX_BIN}
    drawn = {"bootstrap_type": "Bernoulli", "subsample": ROWS_DRAWN}
    return {**drawn, "border_count": MEASURE_BINS, "l2_leaf_reg": L2}


def _catboost_device(device: Device, objective: Objective) -> dict[str, Any]:
    if device == "cpu":
        return {"task_type": "CPU", "rsm": CATBOOST_INPUTS if objective == "classes" else INPUTS_DRAWN}
    # On a GPU the library draws no inputs.
    return {"task_type": "GPU", "devices": "0"}


def _xgboost_trees(objective: Objective, target: Target) -> dict[str, Any]:
    if objective == "classes":
        return {"num_class": int(target.max()) + 1, "reg_lambda": XGBOOST_L2}
    return {
        "min_child_weight": LEAST_CURVATURE,
        "reg_lambda": L2,
        "subsample": ROWS_DRAWN,
        "colsample_bynode": INPUTS_DRAWN,
    }


def _shares(importance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shares = importance / (importance.sum() or 1.0)
    # What rounding leaves of nothing is nothing.
    return np.where(shares > NEXT_TO_NOTHING, shares, 0.0)
