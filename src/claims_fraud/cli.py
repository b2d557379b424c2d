"""The command line: Kedro's ``run`` with users' mistakes as one paragraph, and the console script `claims-fraud-jobs`.

Exit status: 0 done, 1 failed, 2 wrong use, 3 a gate was not passed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, get_args

import click
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.context import KedroContext
from kedro.framework.project import pipelines, settings
from kedro.framework.session import KedroSession
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from claims_fraud.choices import DriftLimit, ModelType, Period
from claims_fraud.config_loader import environment_file
from claims_fraud.errors import GateNotPassed, InputError, listed, nearest
from claims_fraud.failures import explain

# Ours, and those of configuration that cannot be read.
MISTAKES = (InputError, YAMLError, OmegaConfBaseException, MissingConfigException)
# Loggers of Kedro's runners.
RUNNERS = ("kedro.runner.sequential_runner", "kedro.runner.thread_runner")


@click.group(name="claims_fraud")
def cli() -> None:
    """Commands of this project, in the place of Kedro's of the same name."""


def _run(**options: Any) -> Any:
    """Run pipelines; see ``kedro run --help``."""
    with one_paragraph():
        _check_environment(options.get("env"), options.get("conf_source"))
        _check_names(options)
        return kedro_run.callback(**options)  # type: ignore[misc]


def _with_lists(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Read the file of ``--config`` as Kedro does, and write its lists as the options take them: joined by commas."""
    read = next(one.callback for one in kedro_run.params if one.name == "config")
    value = read(context, option, value) if read else value
    given = context.default_map or {}
    context.default_map = {
        name: ",".join(map(str, one)) if isinstance(one, list) else one for name, one in given.items()
    }
    return value


def _options() -> list[click.Parameter]:
    """Return the options of Kedro's ``run``, of which ``--config`` takes lists too."""
    options = [copy(one) for one in kedro_run.params]
    next(one for one in options if one.name == "config").callback = _with_lists
    return options


run = click.Command("run", params=_options(), callback=_run, help=kedro_run.help)
cli.add_command(run)


class GateError(click.ClickException):
    """What a result that is not good enough ends a command with."""

    exit_code = 3


class one_paragraph:
    """Context in which a user's mistake ends the command with its message, and a bug keeps its traceback."""

    def __enter__(self) -> None:
        """Silence Kedro's advice to repeat the command, which would fail again."""
        for name in RUNNERS:
            logging.getLogger(name).addFilter(_is_worth_telling)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise a ClickException in place of a mistake."""
        for name in RUNNERS:
            logging.getLogger(name).removeFilter(_is_worth_telling)
        causes = list(_causes(error))
        # Ours first: what reads configuration wraps them in errors of its own.
        mistake: object = next((cause for kind in MISTAKES for cause in causes if isinstance(cause, kind)), None)
        mistake = mistake or explain(causes)
        if mistake is not None:
            kind_told = GateError if isinstance(mistake, GateNotPassed) else click.ClickException
            raise kind_told(" ".join(str(mistake).split())) from error


def _is_worth_telling(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("No nodes ran")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from: Kedro wraps what a dataset raises."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _check_environment(env: str | None, conf_source: str | None) -> None:
    folder = Path(conf_source or settings.CONF_SOURCE)
    if env is None or not folder.is_dir() or (folder / env).is_dir() or environment_file(folder, env):
        return
    known = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name != "base")
    raise click.UsageError(f"Environment {env!r} is unknown: {folder.name}/ has {listed(known)}.{nearest(env, known)}")


def _check_names(options: dict[str, Any]) -> None:
    """Raise UsageError for a pipeline, tag or node that does not exist."""
    chosen = [*options.get("pipelines", ()), *([options["pipeline"]] if options.get("pipeline") else [])]
    _check_known("Pipeline", chosen, pipelines)
    nodes = [node for name in chosen or ["__default__"] for node in pipelines[name].nodes]
    _check_known("Tag", options.get("tags", ()), {tag for node in nodes for tag in node.tags})
    for option in ("node_names", "from_nodes", "to_nodes"):
        _check_known("Node", options.get(option, ()), {node.name for node in nodes})
    datasets = {name for node in nodes for name in (*node.inputs, *node.outputs)}
    for option in ("from_inputs", "to_outputs", "load_versions"):
        _check_known("Dataset", options.get(option) or (), datasets)


def _check_known(what: str, names: Sequence[str], known: Any) -> None:
    for name in names:
        if name not in known:
            allowed = sorted(str(one) for one in known if not str(one).startswith("params:"))
            raise click.UsageError(
                f"{what} {name!r} is unknown; allowed are {listed(allowed, 40)}.{nearest(name, allowed)}"
            )


@click.group(name="claims-fraud-jobs", context_settings={"help_option_names": ["-h", "--help"]})
def jobs() -> None:
    """Run pipelines as jobs, and what stands outside of a Kedro run."""


MODEL_TYPES = get_args(ModelType)
# What every job takes, by the run's parameter that it sets; the help text of each.
COMMON = {
    "catalog": "Catalog of the tables.",
    "schema": "Schema of the tables.",
    "artifact_root": "Folder of models and reports, on Databricks a Volume.",
    "registered_model": "Name of the registered model, without catalog and schema.",
    "experiment_name": "MLflow experiment.",
    "run_name": "Name of the MLflow run.",
    "tracking_uri": "Where MLflow records runs.",
    "as_of": "Today, YYYY-MM-DD; the same on a repeated run.",
}


def job(command: Callable[..., None]) -> click.Command:
    """Make a subcommand of a function that takes the options of every job beside its own."""
    for name, text in reversed(COMMON.items()):
        command = click.option(f"--{name.replace('_', '-')}", help=text)(command)
    command = click.option(
        "--param", "params", multiple=True, metavar="KEY=VALUE", help="Any other parameter, as of `kedro run`."
    )(command)
    command = click.option(
        "--conf-source", help="Folder or archive of configuration; by default `conf` in the working folder."
    )(command)
    command = click.option(
        "--environment", "--env", default="databricks", show_default=True, help="Folder of configuration to run in."
    )(command)
    return jobs.command()(command)


@job
@click.option("--raw-claims", help="Path of a parquet or CSV file or folder, or a table.")
def ingest(**options: Any) -> None:
    """Ingest raw claims: features, their splits, and rejected claims."""
    _run_job("data_ingestion", options)


@job
@click.option("--model-type", type=click.Choice(MODEL_TYPES), help="Boosting library.")
def train(**options: Any) -> None:
    """Train the model on the train split and score what it learned from."""
    _run_job("training", options)


@job
def select(**options: Any) -> None:
    """Have the better of the trained models be the challenger; status 3 if none is good enough."""
    _run_job("model_selection", options)


@job
def promote(**options: Any) -> None:
    """Have the challenger be the champion if it is no worse on the same claims; status 3 if it is."""
    _run_job("promotion", options)


@job
@click.option("--to", metavar="VERSION", help="Version that is to be champion; by default the one before.")
def rollback(*, to: str | None, **options: Any) -> None:
    """Have the version that was champion before be it again."""
    with one_paragraph(), _context(options) as context:
        from claims_fraud.tracking import registry  # noqa: PLC0415 - takes seconds to import

        name = context.params["tracking"]["registered_model"]
        was, now = registry.rollback(name, f"on {context.params['as_of']}", to)
        click.echo(f"{name}: the champion is version {now} again; version {was} was rolled back.")


@job
@click.option("--model", help="Registered model that scores, by alias or number; the champion if not given.")
@click.option("--threshold-percentile", type=float, help="Claims strictly above it are flagged, 0 to below 100.")
@click.option("--output-table", help="Table of the ranked claims.")
@click.option("--new-claims", help="Score these, a path or a table, in place of the ingested claims.")
def score(*, model: str | None, threshold_percentile: float | None, **options: Any) -> None:
    """Score and rank the ingested claims, or new ones, with the champion."""
    options |= {"scoring.model": model, "scoring.threshold_percentile": threshold_percentile}
    _run_job("score_new" if options["new_claims"] else "scoring", options)


@job
@click.option("--output-table", help="Table of the ranked claims.")
def providers(**options: Any) -> None:
    """Roll the ranked claims up by provider, and rank the providers."""
    _run_job("provider_scores", options)


@job
@click.option("--new", is_flag=True, help="Monitor the new claims that were scored last, in place of the test split.")
@click.option("--period", type=click.Choice(get_args(Period)), help="Length of a batch; none: all claims at hand.")
@click.option("--fail-on", type=click.Choice(get_args(DriftLimit)), help="Verdict from which to end with status 3.")
@click.option("--output-table", help="Table of the ranked claims.")
def monitor(*, new: bool, period: str | None, fail_on: str | None, **options: Any) -> None:
    """Tell whether claims have drifted from those that the model learned from; status 3 by --fail-on."""
    options |= {"monitoring.period": period, "monitoring.fail_on": fail_on}
    _run_job("monitor_new" if new else "monitoring", options)


@job
@click.option("--protected-attributes", metavar="NAME,…", help="Protected columns to analyse; all if not given.")
@click.option("--threshold-percentile", type=float, help="Count claims strictly above it as flagged, 0 to below 100.")
@click.option("--output-table", "bias_table", help="Table of the groups and how they compare.")
def fairness_validate(*, protected_attributes: str | None, threshold_percentile: float | None, **options: Any) -> None:
    """Measure whether flags fall unevenly on protected groups; status 3 if so and `fairness.fail_on` says so."""
    # A comma separates the parameters of a run.
    names = protected_attributes.replace(",", ";") if protected_attributes else None
    options |= {"fairness.attributes": names, "fairness.threshold_percentile": threshold_percentile}
    _run_job("fairness", options)


@job
def tables(**options: Any) -> None:
    """Print the Delta tables that are there, with their history."""
    told: set[str] = set()
    with one_paragraph(), _context(options) as context:
        for name in sorted(context.catalog.keys()):
            dataset: Any = context.catalog.get(name)
            # A table has several entries where it is also read as it was.
            if hasattr(dataset, "history") and dataset.name not in told and dataset.exists():
                told.add(dataset.name)
                click.echo("\n  ".join([dataset.name, *dataset.history()]))


@job
def config(**options: Any) -> None:
    """Print the configuration as a run would have it, with where each value comes from."""
    from claims_fraud import configuration  # noqa: PLC0415 - of no use to a run

    env, folder = options.pop("environment"), Path(options.pop("conf_source") or settings.CONF_SOURCE)
    given = {name: value for name, value in options.items() if name in COMMON and value is not None}
    given |= _nested(options["params"])
    with one_paragraph():
        _check_environment(env, str(folder))
        if not folder.exists():
            raise InputError(f"there is no configuration at {folder}. Give its folder or archive as --conf-source.")
        lines = configuration.told(folder, env, given, settings.CONFIG_LOADER_ARGS)
        click.echo("\n".join(lines))


def _run_job(pipeline: str, options: dict[str, Any]) -> None:
    """Run a pipeline with the options as parameters."""
    env, conf_source = options.pop("environment"), options.pop("conf_source")
    more = options.pop("params")
    given = [f"{name}={value}" for name, value in options.items() if value is not None]
    arguments = [f"--pipelines={pipeline}", f"--env={env}", f"--params={','.join([*given, *more])}"]
    run.main([*arguments, *([f"--conf-source={conf_source}"] if conf_source else [])], standalone_mode=False)


@contextmanager
def _context(options: dict[str, Any]) -> Iterator[KedroContext]:
    """Yield Kedro's context, with those of a job's options that say where things are."""
    env, conf_source = options["environment"], options["conf_source"]
    _check_environment(env, conf_source)
    given = {name: options[name] for name in COMMON if options[name] is not None}
    given |= _nested(options["params"])
    with KedroSession.create(conf_source=conf_source, env=env, runtime_params=given) as session:
        yield session.load_context()  # type: ignore[attr-defined]


def _nested(params: Sequence[str]) -> dict[str, Any]:
    """Return KEY=VALUE pairs, whose keys may be joined by dots, as nested mappings."""
    return dict(OmegaConf.to_container(OmegaConf.from_dotlist(list(params))))  # type: ignore[arg-type]


@jobs.command("init-columns")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the settings to this file instead of stdout.",
)
@click.option("--csv-separator", help="Delimiter of a CSV; by default it is found.")
def init_columns(file: Path, output: Path | None, csv_separator: str | None) -> None:
    """Propose settings for the claims in FILE (parquet, CSV or XLSX, a file or a folder): roles of columns, reading."""
    from claims_fraud.claims.proposal import propose  # noqa: PLC0415 - pandas takes a second to import

    with one_paragraph():
        text = propose(file, csv_separator)
        if output is None:
            click.echo(text, nl=False)
        elif output.exists():
            raise InputError(f"{output} exists already and is not overwritten. Give another --output.")
        else:
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(text, encoding="utf-8")
            click.echo(f"Settings written to {output}. Review them, then run `kedro run --params=settings={output}`.")


@jobs.command("sample")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--claims", type=click.IntRange(min=1_000), default=20_000, show_default=True, help="How many.")
@click.option(
    "--drift",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="0 none to 1 strong, in the second half of the period.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=20_240_101, show_default=True, help="Another seed, other claims."
)
def sample(folder: Path, claims: int, drift: float, seed: int) -> None:
    """Write generated claims and their labels into FOLDER, for trials and benchmarks."""
    from claims_fraud.claims.sample import write_sample  # noqa: PLC0415

    with one_paragraph():
        write_sample(folder, n_claims=claims, seed=seed, drift=drift)
        click.echo(f"{claims:,} claims and their labels written to {folder}.")


def run_command(command: click.Command, arguments: Sequence[str]) -> int:
    """Run a command and return its exit status, with users' mistakes printed as one paragraph."""
    try:
        # What `Context.exit` was given comes back as the result; Kedro's run returns a dictionary.
        result = command.main(args=list(arguments), standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return result if isinstance(result, int) else 0
