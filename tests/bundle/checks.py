"""Whether the parts of the bundle fit each other, the wheel and the command line. Not for single keys; see ``schema``.

``problems`` returns what is wrong in words; a bundle without problems has none.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import click

from bundle.resolver import BundleError, arguments, prepared, resolve, resources, synced_files, tasks, wheel_tasks
from bundle.schema import unknown_or_wrong

# Subcommands that pass or do not; their exit status 3 is an answer, and asking again is not for the platform to do.
GATES = {"select", "promote", "fairness-validate", "monitor"}
# Resources that are lost for good when they are destroyed.
HOLD_DATA = ("schemas", "volumes", "registered_models", "experiments")
# What names a resource comes from that resource: development mode renames it.
FROM_RESOURCES = {
    "--catalog": "${resources.schemas.claims.catalog_name}",
    "--schema": "${resources.schemas.claims.name}",
    "--artifact-root": "/Volumes/${var.catalog}/${resources.schemas.claims.name}/${resources.volumes.artifacts.name}",
    "--registered-model": "${resources.registered_models.autoencoder.name}",
    "--experiment-name": "${resources.experiments.runs.name}",
    "--conf-source": "${workspace.file_path}/conf",
}
# What the workspace fills in when a task starts, of all that it could.
FILLED_IN = {"job.run_id", "job.start_time.iso_date", "task.name"}
# How the `build` of staging and prod begins, which builds nothing.
LOOKS_FOR_THE_WHEEL = "ls dist/claims_fraud-*.whl > /dev/null 2>&1 || {"
SECRETS = {
    "a workspace's address": r"https?://|\b[\w-]+\.(?:azuredatabricks\.net|databricks\.com)|^\s*(?:host|profile):",
    "a token": r"\bdapi[0-9a-f]{8,}|\bdose[0-9a-f]{8,}|\beyJ[\w-]{8,}|\bgh[opsu]_\w{8,}|\bAKIA[0-9A-Z]{8,}",
    "a secret": r"(?i)^\s*-?\s*\w*(?:password|secret|token)\w*:\s*(?!write\b|read\b|\$\{\{)\S",
}
QUARTZ = (
    ("seconds", 0, 59, ()),
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    ("day of week", 1, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")),
    ("year", 1970, 2099, ()),
)


def problems(root: Path, target: str, variables: Mapping[str, str], wheel: str) -> list[str]:
    """Return what is wrong with a target of the bundle in a folder, whose build makes a wheel of this path."""
    try:
        written, config = prepared(root, target, variables), resolve(root, target, variables)
    except BundleError as error:
        return [str(error)]
    if wrong := list(unknown_or_wrong(config)):
        return wrong
    if wrong := [*_order(config), *_environments(config, wheel)]:
        return wrong
    return [
        *_runs(config),
        *_retries(config),
        *_schedules(written, config),
        *_names(written, config),
        *_filled_in(config),
        *_data(config),
        *_production(root, target, config),
        *_synced(root, config),
        *_constraints(root, config),
        *_secrets(root),
    ]


def unknown_arguments(config: Mapping[str, Any], command: click.Group) -> list[str]:
    """Return what tasks ask of a command line that it does not have."""
    wrong = []
    jobs = dict(resources(config, "jobs"))
    for where, task in wheel_tasks(config):
        subcommand, *options = arguments(jobs[where.rpartition(".")[0]], task, "1", "2026-01-31")
        wrong += [f"{where}: {problem}" for problem in _unknown(subcommand, options, command)]
    return wrong


def cron_problems(expression: str) -> Iterator[str]:
    """Yield why an expression is no time of Quartz: six or seven fields, and a `?` for one of the two kinds of day."""
    fields = expression.split()
    if len(fields) not in (6, 7):
        yield f"{expression!r} has {len(fields)} fields; Quartz has 6 or 7"
        return
    if (fields[3] == "?") == (fields[5] == "?"):
        yield f"{expression!r} needs ? as day of month or as day of week, and not as both"
    for field, (name, lowest, highest, names) in zip(fields, QUARTZ, strict=False):
        if not all(_is_time(part, lowest, highest, names) for part in field.split(",")):
            yield f"{expression!r}: {field!r} is no {name}"


def _is_time(part: str, lowest: int, highest: int, names: Sequence[str]) -> bool:
    """Return whether a part of a field is `*`, `?`, a number, a name, a range of them, or one of those with a step."""
    found = re.fullmatch(r"(\*|\?|(\w+)(?:-(\w+))?)(?:/(\d+))?", part)
    if not found:
        return False
    ends = [names.index(end) + lowest if end in names else end for end in found.group(2, 3) if end is not None]
    return all(str(end).isdigit() and lowest <= int(end) <= highest for end in ends)


def _order(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what tasks depend on in vain."""
    for where, job in resources(config, "jobs"):
        needs = {task["task_key"]: [one["task_key"] for one in task.get("depends_on", ())] for task in job["tasks"]}
        for key, needed in needs.items():
            yield from (f"{where}.{key}: depends on {one}, which is no task" for one in needed if one not in needs)
        try:
            order = list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            yield f"{where}: tasks wait for each other: {' -> '.join(error.args[1])}"
            continue
        yield from _times(where, job, order, needs)


def _times(where: str, job: Mapping[str, Any], order: Sequence[str], needs: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield tasks and jobs that may run for ever, and jobs that end before their tasks may."""
    limits = {task["task_key"]: task.get("timeout_seconds", 0) for task in job["tasks"]}
    yield from (f"{where}.{key}: timeout_seconds is missing" for key, limit in limits.items() if not limit)
    ends: dict[str, int] = {}
    for key in order:
        ends[key] = limits.get(key, 0) + max((ends[one] for one in needs.get(key, ())), default=0)
    if job.get("timeout_seconds", 0) < max(ends.values()):
        yield f"{where}: timeout_seconds is less than the {max(ends.values())} that its tasks may take"


def _environments(config: Mapping[str, Any], wheel: str) -> Iterator[str]:
    """Yield tasks without the wheel, and patterns that miss it."""
    for where, job in resources(config, "jobs"):
        needed = {one["environment_key"]: one["spec"]["dependencies"] for one in job.get("environments", ())}
        for task in job["tasks"]:
            if "condition_task" in task or "run_job_task" in task:
                continue
            if "python_wheel_task" not in task:
                yield f"{where}.{task['task_key']}: is no python_wheel_task"
            if task.get("environment_key") not in needed:
                yield f"{where}.{task['task_key']}: environment_key {task.get('environment_key')} is no environment"
        yield from (f"{where}: {one} is not {wheel}" for every in needed.values() for one in _missing(every, wheel))
    uploaded = [file["source"] for artifact in config["artifacts"].values() for file in artifact["files"]]
    yield from (f"artifacts: {one} is not {wheel}" for one in _missing(uploaded, wheel))


def _missing(patterns: Sequence[str], wheel: str) -> list[str]:
    return [] if any(fnmatch.fnmatch(wheel, pattern) for pattern in patterns) else list(patterns)


def _runs(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield jobs that run twice at once, fail unheard, or do not tell which commit they are of."""
    for where, job in resources(config, "jobs"):
        if job["max_concurrent_runs"] != 1:
            yield f"{where}: max_concurrent_runs is {job['max_concurrent_runs']}, not 1"
        if not job.get("email_notifications", {}).get("on_failure"):
            yield f"{where}: nobody hears of a failure"
        if not job.get("permissions"):
            yield f"{where}: has no permissions"
        if job["tags"].get("git_revision") != config["variables"]["git_revision"]["value"]:
            yield f"{where}: has no tag with the git revision"


def _retries(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield gates that are tried again, and tasks of which it is not said."""
    for where, task in tasks(config):
        is_gate = "python_wheel_task" in task and task["python_wheel_task"]["parameters"][0] in GATES
        if "max_retries" not in task:
            yield f"{where}: max_retries is missing"
        elif is_gate and (task["max_retries"] != 0 or task.get("disable_auto_optimization") is not True):
            yield f"{where}: is a gate and is tried again"


def _schedules(written: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    for where, job in resources(config, "jobs"):
        if "schedule" in job:
            expression = job["schedule"]["quartz_cron_expression"]
            yield from (f"{where}: {problem}" for problem in cron_problems(expression))
            if job["schedule"]["timezone_id"] != "UTC":
                yield f"{where}: timezone_id is {job['schedule']['timezone_id']}, not UTC"
    for where, job in resources(written, "jobs"):
        if "pause_status" in job.get("schedule", {}):
            yield f"{where}: pause_status is set, so that development mode does not pause it"


def _names(written: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is written out where a resource has it, and resources outside of the one schema."""
    for where, task in wheel_tasks(written):
        given = dict(one.partition("=")[::2] for one in task["python_wheel_task"]["parameters"][1:])
        for option, reference in FROM_RESOURCES.items():
            if given.get(option) != reference:
                yield f"{where}: {option} is {given.get(option)}, not {reference}"
    (schema,) = config["resources"]["schemas"].values()
    for where, resource in (*resources(config, "volumes"), *resources(config, "registered_models")):
        if (resource["catalog_name"], resource["schema_name"]) != (schema["catalog_name"], schema["name"]):
            yield f"{where}: is in schema {resource['schema_name']}, not {schema['name']}"


def _filled_in(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the workspace would leave as it stands, and days that a retry would not keep."""
    for where, job in resources(config, "jobs"):
        defaults = {f"job.parameters.{one['name']}": one["default"] for one in job.get("parameters", ())}
        for task in (task for task in job["tasks"] if "python_wheel_task" in task):
            texts = task["python_wheel_task"]["parameters"]
            names = re.findall(r"\{\{(.*?)\}\}", " ".join((*texts, *defaults.values())))
            unknown = [name for name in names if name not in (*FILLED_IN, *defaults)]
            yield from (f"{where}.{task['task_key']}: {{{{{name}}}}} is not filled in" for name in unknown)
            if "--as-of={{job.parameters.as_of}}" not in texts:
                yield f"{where}.{task['task_key']}: --as-of is not the job's"
        if defaults.get("job.parameters.as_of") != "{{job.start_time.iso_date}}":
            yield f"{where}: as_of is not the day that the run began"


def _data(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what staging and prod could lose for good; that of dev is somebody's own."""
    if config["bundle"]["mode"] != "production":
        return
    for kind in HOLD_DATA:
        for where, resource in resources(config, kind):
            if resource.get("lifecycle", {}).get("prevent_destroy") is not True:
                yield f"{where}: holds data and may be destroyed"


def _production(root: Path, target: str, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield why a production target would be refused, or would not be the wheel that was tested."""
    if config["bundle"]["mode"] != "production":
        return
    folder = config["workspace"]["root_path"]
    if not folder.startswith(f"/Workspace/Users/{config['variables']['service_principal']['value']}/"):
        yield f"{target}: workspace.root_path is {folder}, not in the service principal's home"
    if not config.get("run_as", {}).get("service_principal_name"):
        yield f"{target}: run_as is no service principal"
    for artifact in config["artifacts"].values():
        if not artifact.get("build", "").startswith(LOOKS_FOR_THE_WHEEL):
            yield f"{target}: builds a wheel of its own, or does not say that there is none"
        if artifact.get("type") == "whl":
            yield f"{target}: dist/ is emptied before the wheel is looked for"


def _synced(root: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield configuration that is copied and should not be, or the other way round."""
    names = synced_files(config, root)
    for name in sorted(names):
        if name.startswith(("conf/local/", "conf/medicare.yml")) or "credentials" in name:
            yield f"sync: {name} is copied"
    yield from (f"sync: conf/{folder} is not copied" for folder in ("base", "databricks") if not _below(names, folder))


def _constraints(root: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield jobs whose wheel is installed without constraints, or with a file of them that is not copied."""
    names, files = synced_files(config, root), config["workspace"]["file_path"]
    for where, job in resources(config, "jobs"):
        for environment in job.get("environments", ()):
            needed = environment["spec"]["dependencies"]
            named = [one.partition(" ")[2] for one in needed if one.startswith("--constraint ")]
            if not named:
                yield f"{where}: the wheel is installed without constraints"
            copied = [path.removeprefix(f"{files}/") for path in named]
            yield from (f"{where}: {path} is not copied" for path in copied if path not in names)


def _below(names: set[str], folder: str) -> bool:
    return any(name.startswith(f"conf/{folder}/") for name in names)


def _secrets(root: Path) -> Iterator[str]:
    for path in (root / "databricks.yml", *sorted((root / "resources").glob("*.yml"))):
        yield from (f"{path.name}: {problem}" for problem in secrets_in(path.read_text(encoding="utf-8")))


def secrets_in(text: str) -> Iterator[str]:
    """Yield what a file says that belongs into the environment."""
    for what, pattern in SECRETS.items():
        yield from (f"has {what}: {found[0].strip()}" for found in re.finditer(pattern, text, re.MULTILINE))


def _unknown(subcommand: str, options: Sequence[str], command: click.Group) -> Iterator[str]:
    """Yield a subcommand or options that there are not, values that are not allowed, and what is missing."""
    if subcommand not in command.commands:
        yield f"{command.name} has no subcommand {subcommand}"
        return
    known = {name: one for one in command.commands[subcommand].params for name in one.opts}
    given = dict(option.partition("=")[::2] for option in options)
    for name, value in given.items():
        if name not in known:
            yield f"{subcommand} has no option {name}"
        elif getattr(known[name], "is_flag", False):
            yield from [f"{subcommand} {name}: takes no value"] if value else []
        # A path is on Databricks and not here.
        elif not isinstance(known[name].type, click.Path):
            yield from _refused(subcommand, name, value, known[name])
    needed = [one for one in command.commands[subcommand].params if one.required]
    yield from (f"{subcommand} needs {one.opts[0]}" for one in needed if not given.keys() & {*one.opts})


def _refused(subcommand: str, name: str, value: str, option: click.Parameter) -> Iterator[str]:
    try:
        option.type.convert(value, option, None)
    except click.BadParameter as error:
        yield f"{subcommand} {name}: {error.message}"
