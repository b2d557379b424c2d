"""The fitted estimator as files and back: what ``model.json`` says, the trees, and the counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from claims_fraud.autoencoder.baseline import Baseline
from claims_fraud.autoencoder.boosters import BOOSTERS, Booster, Objective
from claims_fraud.autoencoder.calibration import Calibration
from claims_fraud.autoencoder.column_evidence import ColumnEvidence
from claims_fraud.autoencoder.column_model import ColumnModel
from claims_fraud.autoencoder.contrast import ContrastModel
from claims_fraud.autoencoder.cooccurrence import Cooccurrence, GroupTable
from claims_fraud.autoencoder.evidence import ScoreScale, Stack
from claims_fraud.autoencoder.kinds import CategoryEncoder, NumberEncoder
from claims_fraud.autoencoder.location import LocationModel
from claims_fraud.autoencoder.persistence import column_folder, file_hash
from claims_fraud.choices import ModelType

if TYPE_CHECKING:
    from claims_fraud.autoencoder.tree_autoencoder import ClaimsTreeAutoencoder

# Parameters that say what a fit runs on, and nothing of the model.
OF_THE_MACHINE = ("n_jobs", "device")
CLASSES: Objective = "classes"


def write_columns(model: ClaimsTreeAutoencoder, folder: Path) -> dict[str, Path]:
    """Write trees and counts into the folder; return their names in the artefact and where they are."""
    written: list[Path] = []
    for number, column in enumerate(model.models_.values()):
        for objective, booster in _boosters(column).items():
            path = folder / f"{number:03d}-{objective}{booster.suffix}"
            booster.save(path)
            written.append(path)
    for name, array in model.cooccurrence_.to_arrays().items():
        path = folder / f"{name}.npy"
        np.save(path, array, allow_pickle=False)
        written.append(path)
    return {path.name: path for path in written}


def content_of(model: ClaimsTreeAutoencoder, files: Mapping[str, Path]) -> dict[str, Any]:
    """Return what model.json says of the model and its files."""
    parameters = {name: _plain(value) for name, value in model.get_params().items() if name not in OF_THE_MACHINE}
    parameters["context_features"] = list(model.context_features)
    parameters["suspicious_direction"] = dict(model.suspicious_direction or {})
    parameters["derived_from"] = {name: list(sources) for name, sources in (model.derived_from or {}).items()}
    parameters["code_sets"] = [list(columns) for columns in model.code_sets]
    return {
        "parameters": parameters,
        "cat_features": list(model.cat_features_),
        "num_features": list(model.num_features_),
        "encoders": {name: asdict(encoder) for name, encoder in model.encoders_.items()},
        "score_scale": asdict(model.score_scale_),
        "calibration": asdict(model.calibration_),
        "columns": {
            name: _column_content(column, [file for file in files if file.startswith(f"{n:03d}-")])
            for n, (name, column) in enumerate(model.models_.items())
        },
        "files": {name: file_hash(path) for name, path in files.items()},
    }


def restore(model: ClaimsTreeAutoencoder, content: Mapping[str, Any], folder: Path) -> None:
    """Set what `fit` sets from what `content_of` returned and the files in the folder."""
    columns = column_folder(folder, content["model_version"])
    model.cat_features_ = tuple(content["cat_features"])
    model.num_features_ = tuple(content["num_features"])
    # In the order of the features, which is the order of the models' inputs; JSON has them sorted by name.
    model.encoders_ = {
        **{name: _from_json(CategoryEncoder, content["encoders"][name]) for name in model.cat_features_},
        **{name: _from_json(NumberEncoder, content["encoders"][name]) for name in model.num_features_},
    }
    model.score_scale_ = _from_json(ScoreScale, content["score_scale"])
    model.calibration_ = _from_json(Calibration, content["calibration"])
    arrays = {name: np.load(columns / f"{name}.npy", allow_pickle=False) for name in ("pairs", "groups", "counts")}
    model.cooccurrence_ = Cooccurrence.from_arrays(arrays)
    model.models_ = {
        name: _column(content["columns"][name], columns, model.model_type) for name in model.scored_features_
    }
    model.model_version_ = content["model_version"]


def _boosters(column: ColumnEvidence) -> dict[Objective, Booster]:
    """Return the trees of a column by what they predict."""
    found: dict[Objective, Booster] = {}
    if column.classes.booster is not None:
        found["classes"] = column.classes.booster
    if isinstance(column.second, ContrastModel):
        found["contrast"] = column.second.booster
    if isinstance(column.second, LocationModel) and column.second.booster is not None:
        found["location"] = column.second.booster
    return found


def _column_content(column: ColumnEvidence, files: list[str]) -> dict[str, Any]:
    second = column.second
    location = None
    if isinstance(second, LocationModel):
        location = {
            "baseline": _baseline_content(second.baseline),
            "width": second.width, "degrees": second.degrees, "exceptions": second.exceptions,
            "points": second.points, "log_density": second.log_density,
        }  # fmt: skip
    return {
        "files": sorted(files),
        "column": column.column,
        "inputs": column.inputs,
        "partners": column.partners,
        "observed": column.classes.observed.tolist(),
        "stack": asdict(column.stack),
        "part": column.part,
        "location": location,
    }


def _baseline_content(baseline: Baseline) -> dict[str, Any]:
    table = baseline.table and {
        field: [float(value) for value in getattr(baseline.table, field)] for field in GroupTable.__dataclass_fields__
    }
    fallback = baseline.fallback and _baseline_content(baseline.fallback)
    plain = {name: getattr(baseline, name) for name in ("kind", "columns", "weights", "keys", "spread")}
    return {**plain, "table": table, "fallback": fallback}


def _baseline(content: Mapping[str, Any]) -> Baseline:
    table, fallback = content["table"], content["fallback"]
    arrays = table and {name: np.asarray(values, dtype=np.float32) for name, values in table.items()}
    tables = {"table": GroupTable(**arrays) if arrays else None, "fallback": _baseline(fallback) if fallback else None}
    baseline: Baseline = _from_json(Baseline, {**content, **tables})
    return baseline


def _column(content: Mapping[str, Any], folder: Path, model_type: ModelType) -> ColumnEvidence:
    boosters: dict[str, Booster] = {}
    for file in content["files"]:
        objective: Any = Path(file).stem.partition("-")[2]
        # On one thread each: batches and columns go side by side.
        boosters[objective] = BOOSTERS[model_type].load(folder / file, 1, objective)
    partners = tuple(content["partners"])
    second: ContrastModel | LocationModel | None = None
    if "contrast" in boosters:
        second = ContrastModel(boosters["contrast"], partners)
    if content["location"] is not None:
        fields = dict(content["location"])
        baseline = _baseline(fields.pop("baseline"))
        trees = {"baseline": baseline, "booster": boosters.get("location"), "partners": partners}
        second = _from_json(LocationModel, {**fields, **trees})
    return ColumnEvidence(
        column=content["column"],
        inputs=tuple(content["inputs"]),
        partners=partners,
        classes=ColumnModel(boosters.get("classes"), np.asarray(content["observed"])),
        second=second,
        stack=_from_json(Stack, content["stack"]),
        part=content["part"],
    )


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's own, which JSON can write."""
    return value.item() if isinstance(value, np.generic) else value


def _from_json(kind: type[Any], fields: Mapping[str, Any]) -> Any:
    """Build a frozen dataclass from JSON, where its tuples have become lists."""
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})
