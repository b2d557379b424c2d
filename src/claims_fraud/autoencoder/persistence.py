"""The model artefact: a folder with ``model.json`` and the trees in files, which loading cannot be made to run.

Not for registries: MLflow and the catalog store this folder as it is.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from claims_fraud.errors import InputError, listed

FORMAT_VERSION = 4
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


def replace_folder(source: Path, target: Path) -> None:
    """Put the finished folder ``source`` in the place of ``target``, a missing, empty or earlier model folder.

    If that fails, the earlier one is where it was.

    Raises
    ------
    InputError
        If ``target`` holds anything else.
    """
    _check_replaceable(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        source.rename(target)
        return
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as aside:
        earlier = Path(aside) / "earlier"
        target.rename(earlier)
        try:
            source.rename(target)
        except BaseException:
            earlier.rename(target)
            raise


def write_model(folder: Path, content: dict[str, Any], column_files: dict[str, Path]) -> None:
    """Write the artefact whole or not at all.

    Parameters
    ----------
    folder : Path
        Where to.
    content : dict
        What ``model.json`` says, without format and version.
    column_files : dict of str to Path
        Name in the artefact (``columns/000.cbm``) to the file it is moved from.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        finished = Path(scratch) / "model"
        (finished / COLUMN_FOLDER).mkdir(parents=True)
        for name, source in column_files.items():
            shutil.move(source, finished / name)
        stamped = {**content, "format_version": FORMAT_VERSION, "model_version": content_hash(content)}
        text = json.dumps(stamped, indent=1, sort_keys=True)
        (finished / MODEL_FILE).write_text(text, encoding="utf-8")
        replace_folder(finished, folder)


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
    for name, expected in content["files"].items():
        if not (folder / name).is_file():
            raise InputError(f"model {folder}: {name} is missing. {advice}")
        if file_hash(folder / name) != expected:
            raise InputError(f"model {folder}: {name} is not the file that was saved (cut short or changed). {advice}")
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
    if found and (MODEL_FILE not in found or found - {MODEL_FILE, COLUMN_FOLDER}):
        raise InputError(
            f"{target} is not empty and holds {listed(sorted(found), 3)}, where a model folder has {MODEL_FILE} and "
            f"{COLUMN_FOLDER} only, so it is not replaced. Give another path, or empty it."
        )


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
