"""The model artefact: a folder with ``model.json`` and the trees in files, which loading cannot be made to run.

Not for registries: MLflow and the catalog store this folder as it is.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

from claims_fraud.errors import InputError, listed
from claims_fraud.files import unfinished_folder

FORMAT_VERSION = 6
MODEL_FILE = "model.json"
COLUMN_FOLDER = "columns"
ADVICE = "Train again (`kedro run --pipelines={}`), or give the folder of a whole model."
# What a model.json says that says nothing of its kind: the tree autoencoder's. A kind is the pipeline that makes it.
TRAINING = "training"


def content_hash(content: dict[str, Any]) -> str:
    """Return the first 12 hexadecimal digits of SHA-256 over the content in canonical JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def file_hash(path: Path) -> str:
    """Return SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def column_folder(folder: Path, model_version: str) -> Path:
    """Return where a model's column files lie: a folder of its own for each version, so that none replaces another."""
    return folder / COLUMN_FOLDER / model_version


def write_model(folder: Path, content: dict[str, Any], column_files: dict[str, Path]) -> None:
    """Write the artefact; at every moment the folder has the earlier model whole, or the new one.

    The column files come first, beside those of the earlier model. ``model.json``, which says what belongs to the
    model, takes the place of the earlier one in one step; what it no longer names is removed after that.

    Parameters
    ----------
    folder : Path
        A missing, empty or earlier model folder.
    content : dict
        What ``model.json`` says, without format and version.
    column_files : dict of str to Path
        Name in the artefact (``000-classes.cbm``) to the file it is moved from.

    Raises
    ------
    InputError
        If the folder holds anything but a model.
    """
    _check_replaceable(folder)
    version = content_hash(content)
    with unfinished_folder(folder) as unfinished:
        for name, source in column_files.items():
            shutil.move(source, unfinished / name)
        stamped = {**content, "format_version": FORMAT_VERSION, "model_version": version}
        text = json.dumps(stamped, indent=1, sort_keys=True)
        (unfinished / MODEL_FILE).write_text(text, encoding="utf-8")
        columns = column_folder(folder, version)
        columns.mkdir(parents=True, exist_ok=True)
        for name in column_files:
            (unfinished / name).replace(columns / name)
        (unfinished / MODEL_FILE).replace(folder / MODEL_FILE)
    _remove_all_but(folder / COLUMN_FOLDER, version, set(column_files))


def read_model(folder: Path, kind: str = TRAINING) -> dict[str, Any]:
    """Return what ``model.json`` says, after checking that every file it names is there and whole.

    Raises
    ------
    InputError
        If the folder is no model of that kind, incomplete, damaged, or of a newer format.
    """
    advice = ADVICE.format(kind)
    told, content = _stamped_content(folder, advice)
    found = content.get("kind", TRAINING)
    if found != kind:
        raise InputError(f"model {folder} is one of the pipeline {found}, and not of {kind}. {advice}")
    columns = column_folder(folder, told)
    for name, expected in content["files"].items():
        if not (columns / name).is_file():
            raise InputError(f"model {folder}: {COLUMN_FOLDER}/{told}/{name} is missing. {advice}")
        if file_hash(columns / name) != expected:
            raise InputError(
                f"model {folder}: {COLUMN_FOLDER}/{told}/{name} is not the file that was saved (cut short or changed). "
                f"{advice}"
            )
    return {**content, "model_version": told}


def packed(folder: Path) -> bytes:
    """Return the artefact as the bytes of a ZIP file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def unpack(artefact: bytes, folder: Path) -> None:
    """Write the artefact that `packed` made into an empty folder."""
    with zipfile.ZipFile(io.BytesIO(artefact)) as archive:
        archive.extractall(folder)


def _check_replaceable(target: Path) -> None:
    """Raise InputError unless ``target`` is missing, or a folder with nothing in it or nothing but a model."""
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file and is not replaced. Give the path of a folder for the model.")
    found = {path.name for path in target.iterdir()} if target.exists() else set()
    # A first save that was cut short leaves column files of which no model.json tells.
    unfinished = found == {COLUMN_FOLDER} and (target / COLUMN_FOLDER).is_dir()
    if found and not unfinished and (MODEL_FILE not in found or found - {MODEL_FILE, COLUMN_FOLDER}):
        raise InputError(
            f"{target} is not empty and holds {listed(sorted(found), 3)}, where a model folder has {MODEL_FILE} and "
            f"{COLUMN_FOLDER} only, so it is not replaced. Give another path, or empty it."
        )


def _remove_all_but(columns: Path, version: str, names: set[str]) -> None:
    """Remove the column files that are not those of this version."""
    for path in columns.iterdir():
        if path.is_dir() and path.name != version:
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
    for path in (columns / version).iterdir():
        if path.name not in names:
            path.unlink()


def _stamped_content(folder: Path, advice: str) -> tuple[str, dict[str, Any]]:
    """Return the model version and what else ``model.json`` says, after checking that they belong together."""
    path = folder / MODEL_FILE
    if not path.is_file():
        raise InputError(f"model {folder}: there is no {MODEL_FILE}, so it is no trained model. {advice}")
    try:
        content: dict[str, Any] = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"model {folder}: {MODEL_FILE} is cut short or damaged ({error}). {advice}") from error
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise InputError(
            f"model {folder} has format version {version}; this version of claims_fraud reads {FORMAT_VERSION}. "
            f"Install the version that wrote it, or train again."
        )
    told: str = content.pop("model_version", "")
    del content["format_version"]
    if content_hash(content) != told:
        raise InputError(f"model {folder}: {MODEL_FILE} was changed after it was saved. {advice}")
    return told, content
