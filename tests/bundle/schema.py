"""Whether a bundle says only what there is to say: every key, type and choice against the SDK's own description.

Jobs are held to the SDK's dataclasses; schemas, volumes, experiments and registered models to its create calls. What
only a bundle has (permissions, grants, lifecycle, the file's own layout) is written down here. Not for what the parts
of a bundle have to do with each other; see ``checks``.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from databricks.sdk.service.catalog import Privilege, RegisteredModelsAPI, SchemasAPI, VolumesAPI
from databricks.sdk.service.jobs import JobPermissionLevel, JobRunAs, JobSettings
from databricks.sdk.service.ml import ExperimentPermissionLevel, ExperimentsAPI

from bundle.resolver import resources


@dataclasses.dataclass
class Lifecycle:
    prevent_destroy: bool


@dataclasses.dataclass
class Grant:
    principal: str
    privileges: list[Privilege]


@dataclasses.dataclass
class JobPermission:
    level: JobPermissionLevel
    user_name: str | None = None
    group_name: str | None = None
    service_principal_name: str | None = None


@dataclasses.dataclass
class ExperimentPermission:
    level: ExperimentPermissionLevel
    user_name: str | None = None
    group_name: str | None = None
    service_principal_name: str | None = None


class Mode(enum.Enum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class ArtifactType(enum.Enum):
    WHL = "whl"


@dataclasses.dataclass
class ArtifactFile:
    source: str


@dataclasses.dataclass
class Artifact:
    path: str
    files: list[ArtifactFile]
    type: ArtifactType | None = None
    build: str | None = None


@dataclasses.dataclass
class Bundle:
    name: str
    databricks_cli_version: str
    # Not in the file: the command fills these in.
    target: str
    mode: Mode
    git: dict[str, str]


@dataclasses.dataclass
class Variable:
    description: str
    default: str | None = None
    value: str | None = None


@dataclasses.dataclass
class Sync:
    paths: list[str]
    exclude: list[str]


@dataclasses.dataclass
class Presets:
    tags: dict[str, str]
    artifacts_dynamic_version: bool | None = None


@dataclasses.dataclass
class Workspace:
    root_path: str
    file_path: str
    artifact_path: str
    current_user: dict[str, str]


@dataclasses.dataclass
class Resources:
    """Kinds of resources that are checked here; another one needs a line in KINDS."""

    jobs: dict[str, Any]
    schemas: dict[str, Any]
    volumes: dict[str, Any]
    experiments: dict[str, Any]
    registered_models: dict[str, Any]


@dataclasses.dataclass
class Configuration:
    """All of a target's configuration, as ``resolve`` returns it."""

    bundle: Bundle
    include: list[str]
    variables: dict[str, Variable]
    workspace: Workspace
    artifacts: dict[str, Artifact]
    sync: Sync
    presets: Presets
    resources: Resources
    run_as: JobRunAs | None = None


# What describes each kind of resource, and the keys that it has in a bundle only.
KINDS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "jobs": (JobSettings, {"permissions": list[JobPermission], "lifecycle": Lifecycle}),
    "schemas": (SchemasAPI.create, {"grants": list[Grant], "lifecycle": Lifecycle}),
    "volumes": (VolumesAPI.create, {"grants": list[Grant], "lifecycle": Lifecycle}),
    "registered_models": (RegisteredModelsAPI.create, {"grants": list[Grant], "lifecycle": Lifecycle}),
    "experiments": (
        ExperimentsAPI.create_experiment,
        {"permissions": list[ExperimentPermission], "lifecycle": Lifecycle},
    ),
}
# The SDK has one list of privileges for everything that there is.
PRIVILEGES = {
    "schemas": {"USE_SCHEMA", "CREATE_TABLE", "CREATE_VOLUME", "CREATE_MODEL", "CREATE_FUNCTION", "SELECT", "MODIFY"}
    | {"READ_VOLUME", "WRITE_VOLUME", "EXECUTE", "REFRESH", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES"},
    "volumes": {"READ_VOLUME", "WRITE_VOLUME", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES"},
    "registered_models": {"EXECUTE", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES"},
}
# Mandatory although the SDK, which has models changed by the same call, leaves them open.
NEEDED = {"jobs": ("name", "tasks"), "registered_models": ("name", "catalog_name", "schema_name")}


def unknown_or_wrong(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what in a resolved configuration has no such key, the wrong type, or is missing."""
    yield from _problems(config, Configuration, "databricks.yml")
    for where, resource in resources(config):
        kind = where.partition(".")[0]
        if kind in KINDS:
            yield from resource_problems(kind, resource, where)


def resource_problems(kind: str, resource: Mapping[str, Any], where: str) -> Iterator[str]:
    """Yield the same of one resource."""
    described_by, own_keys = KINDS[kind]
    yield from _problems_of_keys(resource, {**_described(described_by), **_optional(own_keys)}, where)
    yield from (f"{where}: {key} is missing" for key in NEEDED.get(kind, ()) if key not in resource)
    yield from _wrong_principals(resource.get("permissions", ()), where)
    yield from _wrong_privileges(resource.get("grants", ()), kind, where)


def _wrong_principals(permissions: Any, where: str) -> Iterator[str]:
    for permission in permissions:
        if len(permission.keys() & {"user_name", "group_name", "service_principal_name"}) != 1:
            yield f"{where}: a permission is for one user, group or service principal"


def _wrong_privileges(grants: Any, kind: str, where: str) -> Iterator[str]:
    known = {privilege.value for privilege in Privilege}
    for privilege in (privilege for grant in grants for privilege in grant.get("privileges", ())):
        if privilege in known - PRIVILEGES[kind]:
            yield f"{where}: {privilege} is no privilege of {kind}"


def _problems(value: Any, kind: Any, where: str) -> Iterator[str]:
    """Yield where a value is not of a type, down to the last of its parts."""
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) in (list, dict):
        yield from _problems_of_parts(value, get_origin(kind), get_args(kind)[-1], where)
    elif dataclasses.is_dataclass(kind) and isinstance(value, dict):
        yield from _problems_of_keys(value, _described(kind), where)
    elif isinstance(kind, enum.EnumType):
        allowed = [choice.value for choice in kind]
        if value not in allowed:
            yield f"{where}: {value!r} is not one of {', '.join(allowed)}"
    # True is an int to Python and not to YAML.
    elif kind is not Any and (type(value) is not kind):
        yield f"{where}: {value!r} is not {'a map' if dataclasses.is_dataclass(kind) else kind.__name__}"


def _problems_of_parts(value: Any, kind: type, of: Any, where: str) -> Iterator[str]:
    if not isinstance(value, kind):
        yield f"{where}: {value!r} is not {'a list' if kind is list else 'a map'}"
        return
    parts = value.items() if kind is dict else enumerate(value)
    for key, part in parts:
        yield from _problems(part, of, f"{where}.{_name(key, part)}")


def _name(key: Any, part: Any) -> Any:
    """Return what a part of a list is called: a task by its key, for people."""
    return part.get("task_key", key) if isinstance(part, dict) else key


def _problems_of_keys(value: Mapping[str, Any], described: Mapping[str, tuple[Any, bool]], where: str) -> Iterator[str]:
    for key, part in value.items():
        if key not in described:
            yield f"{where}: {key} is unknown"
        else:
            yield from _problems(part, described[key][0], f"{where}.{key}")
    for key, (_, required) in described.items():
        if required and key not in value:
            yield f"{where}: {key} is missing"


def _optional(keys: Mapping[str, Any]) -> dict[str, tuple[Any, bool]]:
    return {key: (kind, False) for key, kind in keys.items()}


@lru_cache
def _described(of: Callable[..., Any]) -> dict[str, tuple[Any, bool]]:
    """Return the keys that a dataclass or a call takes: the type of each and whether it has to be given."""
    hints = get_type_hints(of)
    parameters = {name: one for name, one in inspect.signature(of).parameters.items() if name != "self"}
    return {name: (hints[name], one.default is inspect.Parameter.empty) for name, one in parameters.items()}
