"""The model artefact: a folder with ``model.json`` and one file a column, which loading cannot be made to run.

Not for registries: MLflow and the catalog store this folder as it is.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from claims_fraud.errors import InputError

FORMAT_VERSION = 1
MODEL_FILE = "model.json"
COLUMN_FOLDER = "columns"


def content_hash(content: dict[str, Any]) -> str:
    """Return the first 12 hexadecimal digits of SHA-256 over the content in canonical JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def file_hash(path: Path) -> str:
    """Return SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def replace_folder(source: Path, target: Path) -> None:
    """Put the finished folder ``source`` in the place of ``target``, a missing, empty or earlier model folder.

    Raises
    ------
    InputError
        If ``target`` holds anything else.
    """
    if target.is_dir() and any(target.iterdir()) and not (target / MODEL_FILE).exists():
        raise InputError(
            f"{target} is not empty and holds no {MODEL_FILE}, so it is no model folder and is not replaced. Give "
            "another path, or empty it."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as aside:
            target.rename(Path(aside) / "earlier")
            source.rename(target)
    else:
        source.rename(target)


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


def read_model(folder: Path) -> dict[str, Any]:
    """Return what ``model.json`` says, after checking that every file it names is there and whole.

    Raises
    ------
    InputError
        If the folder is no model, incomplete, damaged, or of a newer format.
    """
    advice = "Train again (`kedro run --pipelines=training`), or give the folder of a whole model."
    path = folder / MODEL_FILE
    if not path.is_file():
        raise InputError(f"model {folder}: there is no {MODEL_FILE}, so it is no trained model. {advice}")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"model {folder}: {MODEL_FILE} is cut short or damaged ({error}). {advice}") from error
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise InputError(
            f"model {folder} has format version {version}; this version of claims_fraud reads {FORMAT_VERSION}. "
            f"Install the version that wrote it, or train again."
        )
    told = content.pop("model_version", None)
    del content["format_version"]
    if content_hash(content) != told:
        raise InputError(f"model {folder}: {MODEL_FILE} was changed after it was saved. {advice}")
    for name, expected in content["files"].items():
        if not (folder / name).is_file():
            raise InputError(f"model {folder}: {name} is missing. {advice}")
        if file_hash(folder / name) != expected:
            raise InputError(f"model {folder}: {name} is not the file that was saved (cut short or changed). {advice}")
    return {**content, "model_version": told}
