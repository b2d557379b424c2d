"""The configuration as a run would have it, a line a value, with where each comes from and no secret.

Not for reading configuration: Kedro does that, and `claims_fraud.parameters` checks it.
"""

from __future__ import annotations

import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

import yaml
from kedro.config import MissingConfigException
from omegaconf import OmegaConf
from pydantic import BaseModel

from claims_fraud.config_loader import ConfigLoader, with_settings
from claims_fraud.errors import HIDDEN, without_password
from claims_fraud.parameters import Parameters, check_parameters

SECTIONS = ("globals", "parameters", "mlflow", "spark", "catalog")
COMMAND_LINE, DEFAULT = "command line", "default"


def told(conf_source: Path, env: str, given: Mapping[str, Any], loader_args: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that tell a configuration, by section.

    Parameters
    ----------
    conf_source : Path
        Folder or archive of configuration.
    env : str
        Folder in it that is added to ``base``.
    given : mapping
        What the command line gives, nested.
    loader_args : mapping
        The project's ``CONFIG_LOADER_ARGS``.

    Raises
    ------
    InputError
        If a parameter will not do.
    """
    with _folder(conf_source) as folder, _hidden_secrets(loader_args["custom_resolvers"]["secret"]):
        given = with_settings(given)
        loader = ConfigLoader(str(folder), **loader_args, env=env, runtime_params=given)
        base = loader_args["base_env"]
        for section in SECTIONS:
            try:
                # By name, since the order in which files are found is not the same everywhere.
                found = dict(sorted(loader[section].items()))
            except MissingConfigException:
                continue
            if section == "globals":
                found = {name: given.get(name, value) for name, value in found.items()}
            if section == "parameters":
                parameters = check_parameters(found, loader["globals"])
                let_catalog_read(parameters)
                found = parameters.model_dump(mode="json")
            soft = loader_args["merge_strategy"].get(section) == "soft"
            sources = _sources(folder, (base, env), loader.config_patterns[section], soft)
            yield f"{section}:"
            yield from (_line(path, value, sources, given) for path, value in _leaves(found))


def let_catalog_read(parameters: Parameters) -> None:
    """Have ``${parameter:scoring.model}`` be that parameter, and ``${column:claim_id}`` the column of that role.

    A catalog cannot read parameters by itself, and a table's key is the claim id under whatever name.
    """

    def parameter(path: str) -> Any:
        value = attrgetter(path)(parameters)
        return value.model_dump(mode="json") if isinstance(value, BaseModel) else value

    OmegaConf.register_new_resolver("parameter", parameter, replace=True)
    OmegaConf.register_new_resolver("column", lambda role: getattr(parameters.columns, role), replace=True)


def _line(path: tuple[str, ...], value: Any, sources: Mapping[tuple[str, ...], str], given: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    text = without_password(text.removesuffix("\n").removesuffix("\n..."))
    return f"  {'.'.join(path)}: {text}  # {_source(path, sources, given)}"


def _source(path: tuple[str, ...], sources: Mapping[tuple[str, ...], str], given: Mapping[str, Any]) -> str:
    if path in dict(_leaves(given)):
        return COMMAND_LINE
    # A whole branch may come from one value that stands for it.
    branches = (path[:length] for length in range(len(path), 0, -1))
    return next((sources[branch] for branch in branches if branch in sources), DEFAULT)


def _sources(folder: Path, parts: tuple[str, ...], patterns: list[str], soft: bool) -> dict[tuple[str, ...], str]:
    """Return by path of a value the file that sets it, and how, where it does so by reference."""
    sources: dict[tuple[str, ...], str] = {}
    for part in parts:
        here: dict[tuple[str, ...], str] = {}
        for file in sorted({file for pattern in patterns for file in (folder / part).glob(pattern) if file.is_file()}):
            content = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
            name = file.relative_to(folder).as_posix()
            here |= {path: _named(name, value) for path, value in _leaves(content)}
        replaced = {path[0] for path in here}
        sources = {path: source for path, source in sources.items() if soft or path[0] not in replaced} | here
    return sources


def _named(file: str, value: Any) -> str:
    return f"{file}, {value}" if isinstance(value, str) and "${" in value else file


def _leaves(nested: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield path and value of everything that is no mapping, or an empty one."""
    if isinstance(nested, Mapping) and nested:
        for key, value in nested.items():
            yield from _leaves(value, (*path, str(key)))
    elif path:
        yield path, nested


@contextmanager
def _hidden_secrets(known: Callable[[str], str]) -> Iterator[None]:
    """Have `${secret:…}` say nothing for a while; ``known`` is what it is otherwise."""
    OmegaConf.register_new_resolver("secret", lambda name: HIDDEN, replace=True)
    try:
        yield
    finally:
        OmegaConf.register_new_resolver("secret", known, replace=True)


@contextmanager
def _folder(conf_source: Path) -> Iterator[Path]:
    """Yield the folder of configuration, unpacked where it is an archive."""
    if conf_source.is_dir():
        yield conf_source
        return
    with tempfile.TemporaryDirectory() as scratch:
        if zipfile.is_zipfile(conf_source):
            with zipfile.ZipFile(conf_source) as packed:
                packed.extractall(scratch)  # noqa: S202 - zipfile keeps every name within the folder
        else:
            with tarfile.open(conf_source) as archive:
                archive.extractall(scratch, filter="data")
        yield Path(scratch) / "conf"
