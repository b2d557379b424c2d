"""What ``databricks bundle`` makes of the bundle's files for one target, as far as that needs no workspace.

Mirrors the command's rules: included files are merged; a target's maps are merged into the rest, its lists appended,
tasks merged by key; references are replaced; development mode puts a prefix before names and pauses schedules. What a
workspace would say of the result is not known here.
"""

from __future__ import annotations

import copy
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

# Who deploys, where the tests have to know: no workspace is asked.
DEPLOYER = {"userName": "developer@example.org", "short_name": "developer"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
# What a target may override; `run_as` and `mode` replace, all else is merged.
MERGED = ("bundle", "workspace", "artifacts", "resources", "sync", "permissions", "presets")
OF_TARGET = {*MERGED, "variables", "mode", "default", "run_as"}
AT_TOP = {"bundle", "include", "variables", "workspace", "artifacts", "sync", "permissions", "presets", "resources"}
AT_TOP |= {"run_as", "targets"}
# Lists of a job whose elements are merged where they have the same key.
KEYED = {"tasks": "task_key", "job_clusters": "job_cluster_key", "parameters": "name"}
REFERENCE = re.compile(r"\$\{([^{}]*)\}")


class BundleError(Exception):
    """A bundle that the command would refuse."""


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key that is given twice is an error and not the last one."""


def _unique(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    twice = [key for key, n in Counter(key.value for key, _ in node.value).items() if n > 1]
    if twice:
        raise BundleError(f"{twice[0]} is given twice{node.start_mark}")
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique)


def load(root: Path) -> dict[str, Any]:
    """Return databricks.yml with all that it includes, before a target is chosen."""
    config = _read(root / "databricks.yml")
    _only(AT_TOP, config, "databricks.yml")
    for pattern in config.get("include", ()):
        files = sorted(root.glob(pattern))
        if not files:
            raise BundleError(f"include {pattern!r} matches no file")
        for path in files:
            included = _read(path)
            _only(AT_TOP - {"include"}, included, path.name)
            _refuse_same_names(config, included)
            config = merged(config, _from_root(included, path.parent.relative_to(root)))
    return config


def resolve(root: Path, target: str, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the configuration of a target with every reference replaced."""
    config = prepared(root, target, variables)
    _replace_references(config, ("var", "bundle", "workspace"))
    _apply_presets(config)
    _set_defaults(config)
    _replace_references(config, ("resources",))
    return config


def prepared(root: Path, target: str, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the configuration of a target with its references as they are written."""
    config = load(root)
    targets = config.pop("targets", {})
    if target not in targets:
        raise BundleError(f"target {target!r} is unknown; there are {', '.join(targets)}")
    _override(config, target, targets[target])
    _set_variables(config, variables or {})
    _merge_by_key(config)
    _add_what_the_command_knows(config, target)
    return config


def merged(base: Any, other: Any) -> Any:
    """Return both: maps merged key by key, lists one after the other, of anything else the second."""
    if isinstance(base, dict) and isinstance(other, dict):
        both = {key: merged(base[key], other[key]) for key in base.keys() & other.keys()}
        return {**base, **other, **both}
    if isinstance(base, list) and isinstance(other, list):
        return [*base, *other]
    return other


def resources(config: Mapping[str, Any], kind: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where each resource is (``jobs.scoring_job``) and what it says."""
    for of_kind, named in config["resources"].items():
        if kind in (None, of_kind):
            yield from ((f"{of_kind}.{name}", resource) for name, resource in named.items())


def tasks(config: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where each task is (``jobs.scoring_job.score_new``) and what it says."""
    for where, job in resources(config, "jobs"):
        yield from ((f"{where}.{task.get('task_key')}", task) for task in job.get("tasks", ()))


def wheel_tasks(config: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield those of `tasks` that call the command line, and not those that look at a condition or run a job."""
    yield from ((where, task) for where, task in tasks(config) if "python_wheel_task" in task)


def arguments(job: Mapping[str, Any], task: Mapping[str, Any], run_id: str, started: str) -> list[str]:
    """Return what a task is called with in a run that started on a day: the workspace replaces ``{{…}}``."""
    known = {"job.run_id": run_id, "job.start_time.iso_date": started, "task.name": task["task_key"]}
    for parameter in job.get("parameters", ()):
        known[f"job.parameters.{parameter['name']}"] = _filled_in(parameter["default"], known)
    return [_filled_in(argument, known) for argument in task["python_wheel_task"]["parameters"]]


def synced_files(config: Mapping[str, Any], root: Path) -> set[str]:
    """Return the files that are copied to ``${workspace.file_path}``, by their path from the root.

    Of `.gitignore`, which the command honors, the patterns that begin with a folder that is copied.
    """
    ignored = root / ".gitignore"
    lines = ignored.read_text(encoding="utf-8").splitlines() if ignored.exists() else []
    git = [line for line in lines if line.startswith(tuple(f"{folder}/" for folder in config["sync"]["paths"]))]
    excluded = [_as_expression(pattern) for pattern in (*config["sync"].get("exclude", ()), *git)]
    found = (
        path.relative_to(root).as_posix() for folder in config["sync"]["paths"] for path in (root / folder).rglob("*")
    )
    return {name for name in found if (root / name).is_file() and not any(one.fullmatch(name) for one in excluded)}


def _read(path: Path) -> dict[str, Any]:
    return copy.deepcopy(_parsed(path.read_text(encoding="utf-8")))


@lru_cache(maxsize=16)
def _parsed(text: str) -> dict[str, Any]:
    """Parse a file; the tests read the same ones a hundred times."""
    # A subclass of SafeLoader.
    return yaml.load(text, _UniqueKeys)  # noqa: S506


def _only(known: set[str], given: Mapping[str, Any], where: str) -> None:
    unknown = sorted(given.keys() - known)
    if unknown:
        raise BundleError(f"{where}: {unknown[0]} is unknown")


def _refuse_same_names(config: Mapping[str, Any], included: Mapping[str, Any]) -> None:
    """Raise if a resource is defined in two files, of whatever kind: the command knows them by name alone."""
    named = [name for part in (config, included) for of_kind in part.get("resources", {}).values() for name in of_kind]
    twice = [name for name, n in Counter(named).items() if n > 1]
    if twice:
        raise BundleError(f"resource {twice[0]} is defined twice")


def _from_root(included: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return an included file with its relative paths, which start at its own folder, starting at the root."""
    for _, job in resources({"resources": included.get("resources", {})}, "jobs"):
        for environment in job.get("environments", ()):
            needed = environment.get("spec", {}).get("dependencies", [])
            needed[:] = [os.path.normpath(folder / one) if one.startswith(".") else one for one in needed]
        for library in (library for task in job.get("tasks", ()) for library in task.get("libraries", ())):
            if "whl" in library:
                library["whl"] = os.path.normpath(folder / library["whl"])
    return included


def _override(config: dict[str, Any], name: str, target: Mapping[str, Any]) -> None:
    _only(OF_TARGET, target, f"target {name}")
    for key in MERGED:
        if key in target:
            config[key] = merged(config.get(key), target[key])
    if "run_as" in target:
        config["run_as"] = target["run_as"]
    config["bundle"] |= {"target": name, "mode": target.get("mode")}
    for variable, value in target.get("variables", {}).items():
        if variable not in config["variables"]:
            raise BundleError(f"variable {variable} is not defined but is assigned a value")
        config["variables"][variable]["default"] = value


def _set_variables(config: dict[str, Any], given: Mapping[str, str]) -> None:
    """Give each variable its value: the one of the command line, else the target's, else the default."""
    unknown = sorted(given.keys() - config["variables"].keys())
    if unknown:
        raise BundleError(f"variable {unknown[0]} has not been defined")
    for name, variable in config["variables"].items():
        if name not in given and "default" not in variable:
            raise BundleError(f"no value assigned to required variable {name}")
        variable["value"] = given.get(name, variable.get("default"))


def _merge_by_key(config: dict[str, Any]) -> None:
    for _, job in resources(config, "jobs"):
        for field, key in KEYED.items():
            if field in job:
                job[field] = _merged_by_key(job[field], key)


def _merged_by_key(elements: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    by_key: dict[Any, dict[str, Any]] = {}
    for element in elements:
        by_key[element.get(key)] = merged(by_key.get(element.get(key), {}), element)
    return list(by_key.values())


def _add_what_the_command_knows(config: dict[str, Any], target: str) -> None:
    """Add the commit, the user, and the workspace's folders where the target does not set them."""
    config["bundle"].setdefault("git", {"commit": COMMIT})
    workspace = config.setdefault("workspace", {})
    workspace["current_user"] = dict(DEPLOYER)
    home = f"/Workspace/Users/{DEPLOYER['userName']}/.bundle/{config['bundle']['name']}/{target}"
    root = workspace.setdefault("root_path", home)
    workspace.setdefault("file_path", f"{root}/files")
    workspace.setdefault("artifact_path", f"{root}/artifacts")


def _replace_references(config: dict[str, Any], of: tuple[str, ...]) -> None:
    """Replace the references that begin with one of these words, everywhere, as often as they lead to others."""
    original = copy.deepcopy(config)

    def value_of(path: str, passed: tuple[str, ...]) -> Any:
        if path in passed:
            raise BundleError(f"${{{path}}} leads back to itself")
        return replaced(_look_up(original, path), (*passed, path))

    def replaced(value: Any, passed: tuple[str, ...] = ()) -> Any:
        if isinstance(value, str):
            return _replaced_in(value, of, lambda path: value_of(path, passed))
        if isinstance(value, dict):
            return {key: replaced(one, passed) for key, one in value.items()}
        return [replaced(one, passed) for one in value] if isinstance(value, list) else value

    config |= {key: replaced(value) for key, value in config.items()}


def _replaced_in(text: str, of: tuple[str, ...], value_of: Callable[[str], Any]) -> Any:
    """Return a text with its references replaced; a text that is one reference takes the value's type."""
    whole = REFERENCE.fullmatch(text)
    if whole and whole[1].split(".")[0] in of:
        return value_of(whole[1])

    def one(found: re.Match[str]) -> str:
        word = found[1].split(".")[0]
        if word not in ("var", "bundle", "workspace", "resources"):
            raise BundleError(f"{found[0]} cannot be resolved")
        return str(value_of(found[1])) if word in of else found[0]

    return REFERENCE.sub(one, text)


def _look_up(config: dict[str, Any], path: str) -> Any:
    """Return what a reference names; ids, but for a job's, and addresses are known only once it is deployed."""
    words = path.split(".")
    if words[0] == "var":
        words = ["variables", *words[1:], "value"]
    if words[:2] == ["resources", "jobs"] and words[-1] == "id":
        # Given at deployment, and what a task that runs another job names.
        _look_up(config, ".".join(words[:-1]))
        return 1
    value: Any = config
    for word in words:
        if not isinstance(value, dict) or word not in value:
            raise BundleError(f"${{{path}}} cannot be resolved")
        value = value[word]
    return value


def _apply_presets(config: dict[str, Any]) -> None:
    """Put the prefix of development mode before names, and tags on what has tags."""
    presets = config.get("presets", {})
    development = config["bundle"]["mode"] == "development"
    prefix = presets.get("name_prefix", f"[dev {DEPLOYER['short_name']}] " if development else "")
    tags = {**presets.get("tags", {}), **({"dev": DEPLOYER["short_name"]} if development else {})}
    for where, resource in resources(config):
        kind = where.partition(".")[0]
        if "name" in resource:
            resource["name"] = _prefixed(kind, resource["name"], prefix)
        if kind == "jobs":
            resource["tags"] = tags | resource.get("tags", {})
        if kind == "experiments":
            resource["tags"] = [{"key": key, "value": value} for key, value in tags.items()]


def _prefixed(kind: str, name: str, prefix: str) -> str:
    """Return a name with the prefix as the command puts it: Unity Catalog's has no brackets, a volume none at all."""
    if kind in ("schemas", "registered_models"):
        return re.sub(r"\W+", "_", prefix.strip(" [")) + name
    folder, _, last = name.rpartition("/")
    if kind == "experiments" and folder:
        return f"{folder}/{prefix}{last}"
    return name if kind == "volumes" else prefix + name


def _set_defaults(config: dict[str, Any]) -> None:
    """Set what the command sets where a job is silent: who runs it, how often at once, whether it is paused."""
    development = config["bundle"]["mode"] == "development"
    for _, job in resources(config, "jobs"):
        if "run_as" in config:
            job.setdefault("run_as", config["run_as"])
        job.setdefault("max_concurrent_runs", 4 if development else 1)
        job.setdefault("queue", {"enabled": True})
        if "schedule" in job:
            job["schedule"].setdefault("pause_status", "PAUSED" if development else "UNPAUSED")


def _filled_in(text: str, known: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(.*?)\}\}", lambda found: known[found[1]], text)


def _as_expression(pattern: str) -> re.Pattern[str]:
    """Return a pattern of .gitignore that starts at the root as a regular expression."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    return re.compile(re.sub(r"\*\*/|\*\*|\*|[^*]+", lambda part: parts.get(part[0], re.escape(part[0])), pattern))
