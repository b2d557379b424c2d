"""The documentation is held to the code: links, commands, outputs, and every parameter.

docs/reference/parameters.md is made from the parameter models; after a change, UPDATE_DOCS=1 writes it anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pandas as pd
import pytest
import yaml
from kedro.config import OmegaConfigLoader
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from claims_fraud.claims import Columns
from claims_fraud.claims.hashing import fingerprint
from claims_fraud.cli import jobs
from claims_fraud.comparison import changes_schema
from claims_fraud.config_loader import SETTINGS
from claims_fraud.monitoring import history_schema, report_schema
from claims_fraud.parameters import Parameters, SelectionParameters
from claims_fraud.pipeline_registry import register_pipelines
from claims_fraud.pipelines.model_selection.nodes import select_model
from claims_fraud.schemas import BiasSummary, FraudScores, ProviderScores
from claims_fraud.settings import CONFIG_LOADER_ARGS
from support import REPOSITORY, Project

PARAMETERS_PAGE = REPOSITORY / "docs" / "reference" / "parameters.md"
PAGES = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += [REPOSITORY / folder / "README.md" for folder in ("benchmarks", "data")]
PAGES += sorted((REPOSITORY / "docs").rglob("*.md"))
PIPELINES = register_pipelines()
# Neither is a parameter of a node: the catalog reads them.
RUN_SETTINGS = {
    "model_type": "Boosting library, in every path of what depends on it; `training.model_type` goes before it.",
    "csv_separator": "Delimiter of CSV files.",
    "tracking_uri": "Where MLflow records runs; `${project_root:}` is the project's folder.",
    "data_root": "Folder of everything the pipelines write.",
    "experiment_name": "MLflow experiment that runs are recorded in.",
    "registered_model": "Name under which trained models are registered; on Databricks in the schema of the tables.",
    "run_name": "Name of the MLflow run; by default that of the pipeline.",
    "raw_claims": "Claims to ingest: a parquet or CSV file, or a folder of them.",
    "claim_labels": "Known outcomes, read only with `training.evaluate_labels`.",
    "new_claims": "Claims to score with the stored model.",
}
# Subcommands that run pipelines, or look at what they wrote, in an environment.
JOBS = ("ingest", "train", "select", "promote", "rollback", "score", "providers")
JOBS += ("monitor", "fairness-validate", "tables")
DATABRICKS_SETTINGS = {
    "catalog": "First part of the tables' names.",
    "schema": "Second part of the tables' names.",
    "artifact_root": "Folder of models and of what people read: a Volume, or an absolute path on a laptop.",
    "raw_claims": "Claims to ingest: a table, a parquet or CSV file, or a folder of either; a path is on a Volume, on "
    "`dbfs:/` where compute has it, or local.",
    "claim_labels": "Known outcomes, as for `raw_claims`; read only with `training.evaluate_labels`.",
    "new_claims": "Claims to score with the stored model, as for `raw_claims`.",
    "output_table": "Table of the ranked claims.",
    "bias_table": "Table of the groups that the fairness analysis compares.",
    "create_schema": "Whether a missing schema is created; false where a deployment creates it.",
    "schema_changes": "What becomes of a table whose columns change: `merge` adds new ones, `refuse` ends the run, "
    "`replace` gives an overwritten table those of the data.",
    "tracking_uri": "Where MLflow records runs; `databricks` is the workspace.",
    "experiment_name": "MLflow experiment that runs are recorded in.",
}
ALL_SETTINGS = {*RUN_SETTINGS, *DATABRICKS_SETTINGS}
# What environments of users are called in examples.
EXAMPLE_ENVIRONMENTS = {"ours"}
DICTIONARIES = {
    str: "mapping of names to texts",
    tuple[float, ...]: "mapping of names to lists of numbers",
    tuple[str, ...]: "mapping of names to lists of texts",
}
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
TYPES = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def page_id(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def everything_shown(pattern: str) -> Iterator[tuple[str, str]]:
    """Yield what a pattern finds in any page, with the page."""
    for page in PAGES:
        for found in re.findall(pattern, page.read_text(encoding="utf-8"), re.MULTILINE):
            yield page_id(page), found


def unknown(pattern: str, known: Any) -> list[tuple[str, str]]:
    """Return the names found that do not exist; a comma separates several."""
    return [(page, name) for page, names in everything_shown(pattern) for name in names.split(",") if name not in known]


def section(page: str, title: str) -> str:
    """Return the text below a heading of the second level, up to the next."""
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def table_rows(text: str, pattern: str) -> list[Any]:
    """Return the groups of a pattern in each row of a table that begins with it."""
    return re.findall(rf"^\| {pattern} \|", text, re.MULTILINE)


def options_of(subcommand: str) -> set[str]:
    """Return the options of a subcommand of claims-fraud-jobs, as they are written."""
    return {option for parameter in jobs.commands[subcommand].params for option in parameter.opts}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_relative_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    relative = [link for link in links if "://" not in link]
    assert [link for link in relative if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_to_headings_lead_to_one(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s:]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if link[1] not in anchors(page.parent / link[0] if link[0] else page)] == []


def anchors(page: Path) -> set[str]:
    """Return what a link to each heading of a page ends in."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class TestCommandsExist:
    def test_make_targets(self) -> None:
        makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
        assert unknown(r"(?:`|^)make ([a-z][a-z-]*)", re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE)) == []

    def test_subcommands(self) -> None:
        assert unknown(r"(?:`|^|/)claims-fraud-jobs ([a-z][a-z-]*)", jobs.commands) == []

    def test_options_of_subcommands(self) -> None:
        shown = everything_shown(r"(?:`|^|/)claims-fraud-jobs ([a-z][a-z-]*)([^\n`]*)")
        given = [(page, name, option) for page, (name, rest) in shown for option in re.findall(r"--[a-z-]+", rest)]
        assert given
        assert [found for found in given if found[2] not in options_of(found[1])] == []

    def test_environments(self) -> None:
        known = {path.name for path in (REPOSITORY / "conf").iterdir() if path.is_dir()} | EXAMPLE_ENVIRONMENTS
        assert unknown(r"--env(?:ironment)?=([\w-]+)", known) == []

    @pytest.mark.parametrize(
        ("option", "known"),
        [
            ("pipelines", set(PIPELINES)),
            ("tags", {tag for pipeline in PIPELINES.values() for node in pipeline.nodes for tag in node.tags}),
            ("(?:from-|to-)?nodes", {node.name for pipeline in PIPELINES.values() for node in pipeline.nodes}),
            ("(?:from-inputs|to-outputs)", {name for pipeline in PIPELINES.values() for name in pipeline.datasets()}),
            ("load-versions", {name for pipeline in PIPELINES.values() for name in pipeline.datasets()}),
        ],
        ids=["pipelines", "tags", "nodes", "datasets", "versions"],
    )
    def test_options(self, option: str, known: set[str]) -> None:
        assert unknown(rf"--{option}=\"?([\w,]+)", known) == []

    def test_parameters_given_for_one_run(self) -> None:
        shown = everything_shown(r"--params?=([^\s`'\"]*)")
        keys = [(page, given.partition("=")[0]) for page, every in shown for given in every.split(",") if "=" in given]
        wrong = [
            (page, key) for page, key in keys if key not in {*ALL_SETTINGS, "KEY", SETTINGS} and not is_parameter(key)
        ]
        # What docs/errors.md shows is mistakes.
        assert [found for found in wrong if found[0] != "docs/errors.md"] == []


class TestCommandLinePage:
    page = (REPOSITORY / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    options = table_rows(section(page, "claims-fraud-jobs"), r"((?:`--[a-z-]+`(?:, )?)+) \| (each|[^|]*)")

    @pytest.mark.parametrize("name", jobs.commands)
    def test_has_every_subcommand(self, name: str) -> None:
        assert re.search(rf"^\| `{name}` \||^claims-fraud-jobs {name} ", self.page, re.MULTILINE)

    def test_has_the_options_of_jobs_with_those_that_take_them(self) -> None:
        said = {
            option: sorted(JOBS if names == "each" else re.findall(r"[\w-]+", names))
            for options, names in self.options
            for option in re.findall(r"--[a-z-]+", options)
        }
        every = {option for name in JOBS for option in options_of(name)}
        assert said == {option: sorted(name for name in JOBS if option in options_of(name)) for option in every}

    def test_has_every_node_and_target_of_make(self) -> None:
        makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
        nodes = {node.name for pipeline in PIPELINES.values() for node in pipeline.nodes}
        targets = {f"make {name}" for name in re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE)}
        assert sorted(name for name in nodes | targets if f"`{name}`" not in self.page) == []


def is_parameter(key: str) -> bool:
    return key in {name for prefix, model in parameter_groups() for name in named(prefix, model)}


def test_registered_models_are_addressed_by_an_alias() -> None:
    addresses = re.findall(r"models:/[^\s\"`)]+", "".join(page.read_text() for page in PAGES))
    assert set(addresses) == {"models:/claims_autoencoder@champion"}  # after a slash MLflow looks for a stage


def test_plain_commands_are_those_of_make() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    recipes = re.findall(r"^(?:run|test): .*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    commands = [line.strip() for line in "".join(recipes).splitlines() if line.startswith("\t@$(BIN)")]
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()
    assert commands
    assert [line for line in commands if line.removeprefix("@").replace("$(BIN)", ".venv/bin") not in readme] == []


def test_python_in_the_readme_runs(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    exec(example, {})  # noqa: S102 - the project's own text
    reason = capsys.readouterr().out.splitlines()[-1]
    assert reason.split()[0] in Columns().features


class TestOutputsAreListed:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    outputs_page = (REPOSITORY / "docs" / "reference" / "outputs.md").read_text(encoding="utf-8")
    loader = OmegaConfigLoader(conf_source=str(REPOSITORY / "conf"), env="local", **CONFIG_LOADER_ARGS)
    catalog = loader["catalog"]
    # An alias of a registered model is no file.
    kept = (name for name, entry in catalog.items() if "filepath" in entry)
    outputs = sorted({name for pipeline in PIPELINES.values() for name in pipeline.all_outputs()} & set(kept))

    @pytest.mark.parametrize("name", outputs)
    def test_in_the_readme(self, name: str) -> None:
        path = self.catalog[name]["filepath"]
        assert re.search(rf"^\| `{name}` \| `{re.escape(path)}/?` \|", self.readme, re.MULTILINE)

    @pytest.mark.parametrize("name", outputs)
    def test_in_the_reference(self, name: str) -> None:
        assert f"`{name}`" in self.outputs_page

    def test_every_column_of_fraud_scores(self) -> None:
        fixed = [name for name in FraudScores.to_schema().columns if not name.startswith("^")]
        assert [name for name in fixed if f"`{name}`" not in self.outputs_page] == []

    def test_every_column_of_provider_scores(self) -> None:
        text = section(self.outputs_page, "provider_scores")
        rows = table_rows(text, r"((?:`\w+`(?:, )?)+)")
        assert re.findall(r"\w+", " ".join(rows)) == list(ProviderScores.to_schema().columns)

    def test_every_column_of_bias_summary(self) -> None:
        rows = table_rows(section(self.outputs_page, "bias_summary"), r"((?:`\w+`(?:, )?)+)")
        assert sorted(re.findall(r"\w+", " ".join(rows))) == sorted(BiasSummary.to_schema().columns)

    def test_every_key_of_selected_model(self) -> None:
        swapped = {"average_precision": 0.5, "base_rate": 0.05}
        claims = pd.DataFrame({"claim_id": ["a"]})
        metrics = {"swapped": swapped, "model_version": "v", "learned_from": fingerprint(claims["claim_id"])}
        _, selected = select_model(metrics, None, claims, Columns(), SelectionParameters())
        rows = table_rows(section(self.outputs_page, "selected_model"), r"((?:`\w+`(?:, )?)+)")
        assert re.findall(r"\w+", " ".join(rows)) == list(selected)

    def test_every_column_of_promotion_changes(self) -> None:
        rows = table_rows(section(self.outputs_page, "promotion_changes"), r"((?:`\w+`(?:, )?)+)")
        claims = [Columns().claim_id, Columns().provider]
        assert [*claims, *re.findall(r"\w+", " ".join(rows))] == changes_schema(Columns()).names

    def test_every_column_of_drift_report_and_drift_history(self) -> None:
        described = [
            re.findall(r"\w+", " ".join(table_rows(section(self.outputs_page, page), r"((?:`\w+`(?:, )?)+)")))
            for page in ("drift_report", "drift_history")
        ]
        assert described[0] == report_schema().names
        assert [described[1][0], *described[0], described[1][1]] == history_schema().names

    def test_every_table_of_the_databricks_environment(self) -> None:
        loader = OmegaConfigLoader(conf_source=str(REPOSITORY / "conf"), env="databricks", **CONFIG_LOADER_ARGS)
        entries = [entry for name, entry in loader["catalog"].items() if "table" in entry and not name.startswith("_")]
        text = section(self.outputs_page, "Tables of the databricks environment")
        rows = table_rows(text, r"((?:`\w+`(?:, )?)+) \| (whole|by claim id|by model and claim|by batch and feature)")
        described = {name: written for names, written in rows for name in re.findall(r"\w+", names)}
        assert set(described) == {entry["table"] for entry in entries}
        modes = {"by claim id": "upsert", "by batch and feature": "upsert", "by model and claim": "append"}
        for mode in ("upsert", "append"):
            entered = {entry["table"] for entry in entries if entry.get("write_mode") == mode}
            assert {name for name, written in described.items() if modes.get(written) == mode} == entered


class TestParameters:
    def test_page_is_that_of_the_models(self) -> None:
        page = parameters_page()
        if os.environ.get("UPDATE_DOCS"):
            PARAMETERS_PAGE.write_text(page, encoding="utf-8")
        assert PARAMETERS_PAGE.read_text(encoding="utf-8") == page

    def test_base_says_the_defaults(self) -> None:
        loader = OmegaConfigLoader(conf_source=str(REPOSITORY / "conf"), env="local", **CONFIG_LOADER_ARGS)
        given = loader["parameters"]
        silent = {
            "as_of": given["as_of"],
            "scoring": {"scored_at": given["scoring"]["scored_at"]},
            "coordination": {"event_folder": given["coordination"]["event_folder"]},
            "tracking": {"registered_model": given["tracking"]["registered_model"]},
        }
        groups: dict[str, Any] = {prefix: {} for prefix, _ in parameter_groups() if prefix}
        assert Parameters.model_validate(given) == Parameters.model_validate({**groups, **silent})

    def test_every_setting_of_a_run_is_described(self) -> None:
        assert set(run_settings()) == set(RUN_SETTINGS)
        assert set(settings_of("databricks")) == set(DATABRICKS_SETTINGS)


def parameters_page() -> str:
    parts = [
        "# Parameters\n",
        "Made from the parameter models in `claims_fraud.parameters` and `claims_fraud.claims`. Every parameter is in "
        "`conf/base/parameters*.yml`; an environment (`conf/<environment>/parameters.yml`) says only what differs, and "
        "`--params` changes one run: `kedro run --params=training.n_folds=5,scoring.top_k=50`. All are checked before "
        "anything runs; an unknown key, a wrong type or a value out of range ends the run and names the key (see "
        "[errors](../errors.md)).\n",
    ]
    for prefix, model in parameter_groups():
        title, about = prefix or "General", (model.__doc__ or "").strip().split("\n\n")[0]
        parts += [f"## {title}\n", f"{' '.join(about.split())}\n", *table(prefix, model)]
    parts += [
        "## Settings of a run\n",
        "These are read by the catalog, not by the pipelines; `conf/base/globals.yml` and "
        "`conf/<environment>/globals.yml` set them, and `--params=raw_claims=PATH` changes one for one run.\n",
        *settings_table(run_settings(), RUN_SETTINGS),
        "## Settings of a run in the databricks environment\n",
        "`conf/databricks/globals.yml` sets these beside those of `conf/base/globals.yml`; there is no `data_root`. "
        "A job's options give the same, `--artifact-root` and so on (see [command line](command-line.md)).\n",
        *settings_table(settings_of("databricks"), DATABRICKS_SETTINGS),
    ]
    return "\n".join(parts).rstrip() + "\n"


def settings_table(settings: dict[str, Any], about: dict[str, str]) -> list[str]:
    rows = [f"| `{name}` | `{plain(value)}` | {about[name]} |" for name, value in settings.items() if name in about]
    return ["| Setting | Default | What it is |", "|---|---|---|", *rows, ""]


def parameter_groups() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the prefix of each group of parameters and its model, that of the ones without prefix first."""
    yield "", Parameters
    for name, field in Parameters.model_fields.items():
        if is_group(field):
            yield name, field.annotation  # type: ignore[misc]


def is_group(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def named(prefix: str, model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a group's own parameters by their full name."""
    fields = {name: field for name, field in model.model_fields.items() if not is_group(field)}
    return {f"{prefix}.{name}" if prefix else name: field for name, field in fields.items()}


def table(prefix: str, model: type[BaseModel]) -> list[str]:
    lines = ["| Parameter | Type | Default | Range | What it is |", "|---|---|---|---|---|"]
    for name, field in named(prefix, model).items():
        cells = (f"`{name}`", type_text(field.annotation), default_text(field), range_text(field), field.description)
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return [*lines, ""]


def type_text(annotation: Any) -> str:
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    if NoneType in get_args(annotation):
        return f"{type_text(Union[tuple(kinds)])} or null"  # noqa: UP007 - built, not written
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(map(type_text, kinds))
    if get_origin(annotation) is Literal:
        return "choice"
    if get_origin(annotation) is tuple:
        return "list of names"
    if get_origin(annotation) is dict:
        return DICTIONARIES.get(get_args(annotation)[1], "list of names, or of `name: treatment`")
    return TYPES.get(annotation, {"date": "date", "datetime": "date and time"}.get(annotation.__name__, ""))


def default_text(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "today, in UTC"
    value = field.default
    if isinstance(value, dict):
        written = {name: list(one) if isinstance(one, tuple) else one for name, one in value.items()}
        return ", ".join(f"`{name}: {one}`" for name, one in written.items()) or "`{}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{name}`" for name in value) or "`[]`"
    return f"`{plain(value)}`"


def plain(value: Any) -> str:
    """Return a value as YAML has it; a text without quotes."""
    return value if isinstance(value, str) else str(yaml.safe_dump(value)).partition("\n")[0]


def range_text(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(field.annotation))
    every = [(sign, getattr(bound, name, None)) for bound in field.metadata for name, sign in BOUNDS.items()]
    return ", ".join(f"{sign} {value:,}" for sign, value in every if value is not None)


def run_settings() -> dict[str, Any]:
    return settings_of("base") | settings_of("local")


def settings_of(environment: str) -> dict[str, Any]:
    path = REPOSITORY / "conf" / environment / "globals.yml"
    settings: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return settings
