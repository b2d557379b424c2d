"""Kedro's configuration loader, which also takes one file of your own: ``--params=settings=FILE``.

The file has any parameters and paths, as they stand in ``conf/``, and works in every environment. Not for secrets: see
`claims_fraud.secrets`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from kedro.config import OmegaConfigLoader

from claims_fraud.errors import InputError

SETTINGS = "settings"


class ConfigLoader(OmegaConfigLoader):
    """Kedro's ``OmegaConfigLoader`` with what a settings file gives; arguments are the same."""

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        runtime_params: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        given = dict(runtime_params or {})
        file = environment_file(conf_source, env)
        if file is not None:
            given, env = {SETTINGS: str(file), **given}, None
        super().__init__(conf_source, env, with_settings(given), **options)


def environment_file(conf_source: str | Path, env: str | None) -> Path | None:
    """Return the file of an environment that is one file, ``conf/ENV.yml``: settings for the default environment."""
    folder = Path(conf_source)
    file = folder / f"{env}.yml"
    return file if env and file.is_file() and not (folder / env).is_dir() else None


def with_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return runtime parameters with those of the file that ``settings`` names; what is given beside it comes first.

    Raises
    ------
    InputError
        If there is no such file, or it is no YAML of keys and values.
    """
    rest = {name: value for name, value in given.items() if name != SETTINGS}
    merged = _merged(_read(Path(str(given[SETTINGS]))), rest) if SETTINGS in given else rest
    return {name: _as_written(value) for name, value in merged.items()}


def _as_written(value: Any) -> Any:
    """Return a number as text, and a path without ``~`` and ``file://``.

    What has no section is a name, a path or a day: a folder may be called 20260331.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.startswith(("~/", "file:///")):
        return str(Path(value.removeprefix("file://")).expanduser())
    return value


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"the settings file {path} cannot be read ({error.strerror}). Name another with --params=settings=FILE; "
            f"a relative path starts from {Path.cwd()}."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told = " ".join(str(error).split())
        raise InputError(f"the settings file {path} is not YAML: {told}.") from error
    if not isinstance(content, Mapping):
        raise InputError(
            f"the settings file {path} has no keys. It holds parameters and paths, for example what `claims-fraud-jobs "
            "init-columns FILE` writes."
        )
    return content


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, mappings within them merged; of anything else that of ``other`` counts."""
    merged = dict(one)
    for name, value in other.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _merged(merged[name], value) if both else value
    return merged
