"""The two gradient boosting libraries behind one small interface: fit, predict, importance, save, load.

Trees are grown on the processor or on a GPU; predictions are made on the processor, wherever a model was trained.

Not for encoding: inputs are a float32 matrix, NaN where missing; the target is a class from 0 to k - 1, each present.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self

import catboost
import numpy as np
import numpy.typing as npt
import xgboost
from catboost.utils import get_gpu_device_count

ModelType = Literal["catboost", "xgboost"]
Device = Literal["cpu", "gpu"]
Matrix = npt.NDArray[np.float32]
Ints = npt.NDArray[np.integer[Any]]

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
    """A fitted multiclass model."""

    suffix: ClassVar[str]

    def predict(self, inputs: Matrix) -> Matrix:
        """Return class probabilities of shape (n, k)."""

    def importance(self) -> npt.NDArray[np.float64]:
        """Return how much each input matters, shape (inputs,), summing to 1 (or all 0)."""

    def save(self, path: Path) -> None:
        """Write the model in the library's own format."""


@dataclass(frozen=True)
class CatBoostBooster:
    """A CatBoost classifier with vector leaves (one tree for all classes), and the file it was read from, if any."""

    model: catboost.CatBoostClassifier
    threads: int
    file: bytes | None = None
    suffix: ClassVar[str] = ".cbm"

    @classmethod
    def fit(cls, inputs: Matrix, target: Ints, settings: BoosterSettings) -> Self:
        """Fit on inputs of shape (n, d) and classes of shape (n,)."""
        model = catboost.CatBoostClassifier(
            loss_function="MultiClass",
            iterations=settings.n_estimators,
            depth=settings.max_depth,
            learning_rate=settings.learning_rate,
            random_seed=settings.seed,
            thread_count=settings.threads,
            border_count=MAX_BIN,
            boosting_type="Plain",
            # Trees of one split a level cannot single out a rare code.
            grow_policy="Depthwise",
            bootstrap_type="No",
            random_strength=0,
            **_catboost_device(settings.device),
            # A job's working directory may be read-only.
            allow_writing_files=False,
            verbose=False,
        )
        return cls(unstamped(model.fit(inputs, target)), settings.threads)

    @classmethod
    def load(cls, path: Path, threads: int) -> Self:
        """Read a model that `save` wrote."""
        file = path.read_bytes()
        return cls(catboost.CatBoostClassifier().load_model(blob=file), threads, file)

    def predict(self, inputs: Matrix) -> Matrix:
        """Return class probabilities of shape (n, k)."""
        probabilities = self.model.predict_proba(inputs, thread_count=self.threads)
        return np.asarray(probabilities, dtype=np.float32)

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
    """An XGBoost booster with vector leaves (one tree for all classes)."""

    model: xgboost.Booster
    threads: int
    suffix: ClassVar[str] = ".ubj"

    @classmethod
    def fit(cls, inputs: Matrix, target: Ints, settings: BoosterSettings) -> Self:
        """Fit on inputs of shape (n, d) and classes of shape (n,)."""
        threads = max(settings.threads, 0)
        data = xgboost.QuantileDMatrix(inputs, label=target, max_bin=MAX_BIN, nthread=threads)
        model = xgboost.train(
            {
                "objective": "multi:softprob",
                "num_class": int(target.max()) + 1,
                "multi_strategy": "multi_output_tree",
                "tree_method": "hist",
                "max_bin": MAX_BIN,
                "max_depth": settings.max_depth,
                "learning_rate": settings.learning_rate,
                "reg_lambda": XGBOOST_L2,
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
    def load(cls, path: Path, threads: int) -> Self:
        """Read a model that `save` wrote."""
        model = xgboost.Booster(model_file=str(path))
        model.set_param({"nthread": max(threads, 0)})
        return cls(model, threads)

    def predict(self, inputs: Matrix) -> Matrix:
        """Return class probabilities of shape (n, k)."""
        return np.asarray(self.model.inplace_predict(inputs), dtype=np.float32)

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


def unstamped(model: catboost.CatBoostClassifier) -> catboost.CatBoostClassifier:
    """Return the model without the time and random id that the library stamps into it: equal models, equal files."""
    for key in ("train_finish_time", "model_guid"):
        model.get_metadata()[key] = ""
    return model


def _catboost_device(device: Device) -> dict[str, Any]:
    # On a GPU the library draws no inputs for trees of several classes.
    return {"task_type": "CPU", "rsm": CATBOOST_INPUTS} if device == "cpu" else {"task_type": "GPU", "devices": "0"}


def _shares(importance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shares = importance / (importance.sum() or 1.0)
    # What rounding leaves of nothing is nothing.
    return np.where(shares > NEXT_TO_NOTHING, shares, 0.0)
