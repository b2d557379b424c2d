"""What happens around a run: parameters are checked before anything else, MLflow is told, results are named."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from kedro.config import AbstractConfigLoader, MissingConfigException
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from claims_fraud.coordination import Coordinator, EventLog, told_with
from claims_fraud.errors import InputError, listed
from claims_fraud.runtime.lineage import Lineage, data_version
from claims_fraud.runtime.run_lock import FolderLock, Holder
from claims_fraud.task_values import tell_job

if TYPE_CHECKING:
    from claims_fraud.autoencoder import ClaimsTreeAutoencoder
    from claims_fraud.claims import Columns
    from claims_fraud.parameters import Parameters

logger = logging.getLogger(__name__)

# Of the catalog, where the environment has one.
RUN_LOCK = "run_lock"
# Commands of Kedro that run nothing.
LOOKS = ("catalog", "registry", "viz")
# By dataset what their names begin with in MLflow, since several count as n.
METRICS = {
    "training_metrics": "",
    "scoring_metrics": "scoring.",
    "provider_metrics": "providers.",
    "outcome_metrics": "outcomes.",
    "promotion_report": "promotion.",
    "monitoring_verdict": "monitoring.",
    "fairness_metrics": "fairness.",
}
PAGES = ("drift_page", "fairness_report")
RESULTS = (
    "fraud_scores",
    "top_claims",
    "rejected_claims",
    "rejected_new_claims",
    "provider_scores",
    "outcome_scores",
    "promotion_changes",
    "drift_report",
    "drift_history",
    "bias_summary",
    *METRICS,
    "selected_model",
    "fairness_verdict",
    *PAGES,
)


# By tag of a pipeline, and by dataset, which coordination hook is called before its first node and after it is saved.
BEFORE = {
    "training": "pre_model_training",
    "scoring": "pre_scoring",
    "score_new": "pre_scoring",
    "monitoring": "pre_monitoring",
    "fairness": "pre_fairness_analysis",
}
AFTER = {
    "training_metrics": "post_model_training",
    "scoring_metrics": "post_scoring",
    "monitoring_verdict": "post_monitoring",
    "fairness_verdict": "post_fairness_analysis",
}


class ProjectHooks:
    """Hooks of the project; see the methods.

    Parameters
    ----------
    plugins : iterable of object
        Coordination plug-ins, in addition to those of installed packages: see `claims_fraud.coordination`.
    """

    parameters: Parameters
    coordinator: Coordinator
    environment: str
    catalog: CatalogProtocol[Any, Any]
    lineage: Lineage
    to_register: ClaimsTreeAutoencoder | None
    of_training: set[str]
    holder: Holder
    lock: FolderLock | None = None

    def __init__(self, plugins: Iterable[object] = ()) -> None:
        self.plugins = tuple(plugins)

    # First, so that a misspelt parameter stops the run before kedro-mlflow opens its database.
    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Check every parameter; raises InputError on the first sight of a mistake."""
        # Kedro imports hooks before it reads the command line: a mistyped option is not to wait for these.
        from claims_fraud.configuration import let_catalog_read  # noqa: PLC0415
        from claims_fraud.parameters import check_parameters  # noqa: PLC0415

        loader = context.config_loader
        self.environment = context.env or loader.default_run_env  # type: ignore[attr-defined]
        try:
            given = loader["parameters"]
        except TypeError as error:  # what OmegaConf raises where one gives a list a key or a mapping an item
            raise InputError(
                f"The parameters do not fit together ({error}): conf/base, the environment or --params has a list "
                "where another of them has keys. Write the whole value one way, in the environment's parameters.yml."
            ) from error
        self.parameters = check_parameters(given, loader["globals"])
        coordination = self.parameters.coordination
        events = EventLog(Path(coordination.event_folder)) if coordination.event_folder else None
        self.coordinator, self.begun = Coordinator(self.plugins, events, coordination.fatal), set[str]()
        let_catalog_read(self.parameters)
        _prepare_spark(loader, self.parameters.columns)
        # After what takes less to mend, and since it takes seconds.
        from claims_fraud.tracking.server import checked  # noqa: PLC0415

        loader["mlflow"] = checked(loader["mlflow"], self.parameters.tracking.required and not _only_looks())

    @hook_impl(wrapper=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> Generator[None, Any, Any]:
        """Log parameters, environment and versions of code and data to the run that kedro-mlflow opens."""
        from claims_fraud.datasets.session import start_prepared_session  # noqa: PLC0415 - for runs only

        # MLflow takes seconds to import, and `kedro registry list` has no use for it.
        from claims_fraud.tracking import run_log  # noqa: PLC0415

        # Before any node, so that a session that does not start ends the run at once.
        start_prepared_session()
        _check_model_asked_for(pipeline, self.parameters.scoring.model)
        _check_runner(str(run_params.get("runner")))
        self.catalog, self.to_register = catalog, None
        self.of_training = pipeline.only_nodes_with_tags("training").all_outputs()
        killed = self._hold(run_params, catalog)
        try:
            self.lineage = Lineage(pipeline, catalog, self.parameters.scoring.scored_at)
            self.lineage.check()
            result = yield
            self._tidy_up(killed)
        except BaseException:
            self._let_go()
            raise
        run_log.log_parameters(self.parameters.model_dump(mode="json"))
        run_log.log_origin(
            Path(run_params["project_path"]), self.environment, _data_versions(pipeline, catalog, self.lineage.at_start)
        )
        return result

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Tell plug-ins that a pipeline begins."""
        for event in {BEFORE[tag] for tag in node.tags & BEFORE.keys()} - self.begun:
            self.begun.add(event)
            self.coordinator.tell(event, **self._about(event))

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Log which model it is that scores."""
        from claims_fraud.tracking import run_log  # noqa: PLC0415 - imported when the run began

        self.lineage.loaded(dataset_name, data)
        if dataset_name == "live_autoencoder":
            run_log.log_model_version(data.model_version_)

    @hook_impl
    def before_dataset_saved(self, dataset_name: str) -> None:
        """Have a table refuse to be overwritten by what was made from an earlier version of it."""
        self.lineage.expect(dataset_name)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Log metrics, pages and which sample it was, register the model, and tell plug-ins what came out."""
        from claims_fraud.tracking import run_log  # noqa: PLC0415 - imported when the run began

        self.lineage.saved(dataset_name)
        if dataset_name in METRICS:
            run_log.log_metrics(data, dataset_name, METRICS[dataset_name])
        if dataset_name in PAGES:
            run_log.log_page(data, dataset_name)
        if dataset_name == "autoencoder":
            run_log.log_model_version(data.model_version_)
            self.to_register = data
        if dataset_name == "training_metrics":
            run_log.log_sizes(data["model_type"], data["n"], data["n_features"])
        if dataset_name == "training_claims":
            sample: Any = self.catalog.get(dataset_name)
            run_log.log_data_versions({dataset_name: sample.data_version()})
        if dataset_name == "monitoring_verdict":
            tell_job({"retrain": data["retrain"]})
        self.of_training.discard(dataset_name)
        if self.to_register is not None and not self.of_training:
            # Last of all, so that no version is registered whose scores and profile are not there.
            self._register(self.to_register)
            self.to_register = None
        if dataset_name in AFTER:
            event = AFTER[dataset_name]
            self.coordinator.tell(event, **self._about(event, data))

    def _about(self, event: str, found: Any = None) -> dict[str, Any]:
        """Return what is told with an event; what was ``found`` with one that comes after."""
        every = {
            "model_type": self.parameters.training.model_type,
            "protected_attributes": list(self.parameters.fairness.analysed(self.parameters.columns)),
            "metrics": found,
            "results": found,
        }
        return {name: every[name] for name in told_with(event)}

    def _register(self, model: ClaimsTreeAutoencoder) -> None:
        """Register the model that was trained, where the run is recorded."""
        from claims_fraud.tracking import column_models, registry, run_log  # noqa: PLC0415 - as above

        if not run_log.active_run_id():
            return
        tracking = self.parameters.tracking
        registry.register(model, tracking.registered_model, self.parameters.scoring.threshold_percentile)
        if tracking.column_models != "none":
            schema, dot, _ = tracking.registered_model.rpartition(".")
            column_models.log_column_models(model, schema + dot if tracking.column_models == "register" else None)

    def _hold(self, run_params: dict[str, Any], catalog: CatalogProtocol[Any, Any]) -> Holder | None:
        """Hold the lock of the environment, if it has one, and return who was killed while holding it."""
        self._let_go()
        if RUN_LOCK not in catalog:
            return None
        lock: FolderLock = catalog.load(RUN_LOCK)
        names = run_params.get("pipeline_names") or [run_params.get("pipeline_name") or "__default__"]
        self.holder = Holder.this_process(", ".join(names))
        killed = lock.acquire(self.holder, self.parameters.coordination.wait_minutes)
        self.lock = lock
        return killed

    def _tidy_up(self, killed: Holder | None) -> None:
        """Remove what killed runs left behind, once MLflow has a run, and say so in one line."""
        from claims_fraud.tracking import run_log  # noqa: PLC0415 - as above

        if self.lock is None:
            return
        self.lock.hold(replace(self.holder, mlflow_run=run_log.active_run_id()))
        removed = self.lock.sweep()
        marked = bool(killed and killed.mlflow_run and run_log.mark_as_killed(killed.mlflow_run))
        if killed or removed:
            logger.warning(
                "%s was cut short. %d unfinished folders are removed%s",
                f"The run of {killed}" if killed else "An earlier run",
                len(removed),
                ", and its MLflow run is marked as killed" if marked else "",
            )

    def _let_go(self) -> None:
        if self.lock is not None:
            self.lock.release()
            self.lock = None

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """Let other runs write."""
        self._let_go()

    # First, since the run of MLflow is closed after it.
    @hook_impl(tryfirst=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Let other runs write, and say where the results are."""
        if self.to_register is not None:
            # What Kedro left out was there already.
            self._register(self.to_register)
        self._let_go()
        for name in RESULTS:
            if name in pipeline.all_outputs():
                logger.info("%s: %s", name, _place(catalog.get(name)))


class Hooks:
    """The hooks of the project and of MLflow, which is imported when a session registers them.

    That takes seconds, and ``claims-fraud-jobs --help`` has no use for it.

    Parameters
    ----------
    project : ProjectHooks
        Those of the project.
    """

    def __init__(self, project: ProjectHooks) -> None:
        self._project = project

    def __iter__(self) -> Iterator[object]:
        """Yield both, the one of MLflow a new one, since it remembers the run of its session."""
        from claims_fraud.tracking.run_hook import RunHook  # noqa: PLC0415

        yield self._project
        yield RunHook()


def _check_model_asked_for(pipeline: Pipeline, asked: str | int | None) -> None:
    """Raise InputError where a registered model is to score in a run that scores with the one that it trains."""
    trained_here = any(node.name == "score_features" and "autoencoder" in node.inputs for node in pipeline.nodes)
    if asked is not None and trained_here:
        raise InputError(
            f"scoring.model is {asked!r}, and this run scores with the model that it trains. Leave scoring.model out, "
            "or score by itself: `kedro run --pipelines=scoring`."
        )


def _check_runner(runner: str) -> None:
    """Raise InputError for a runner whose processes would each have hooks, and a run of MLflow, of their own."""
    if "ParallelRunner" in runner:
        raise InputError(
            "ParallelRunner is not supported: in other processes no metric would be logged and no model registered. "
            "Leave --runner out, or use ThreadRunner; training uses all cores in either (training.n_jobs)."
        )


def _only_looks() -> bool:
    """Return whether Kedro was asked for what there is, which needs no record."""
    command = click.get_current_context(silent=True)
    while command is not None:
        if command.info_name in LOOKS:
            return True
        command = command.parent
    return False


def _prepare_spark(loader: AbstractConfigLoader, columns: Columns) -> None:
    """Prepare the Spark session if the environment has a `spark.yml`."""
    try:
        settings = loader["spark"]
    except MissingConfigException:
        return
    unusable = [name for name in columns.roles if "." in name or "`" in name]
    if unusable:
        raise InputError(
            f"columns: {listed(map(repr, unusable))} cannot be read with Spark, to which a dot or a backtick in a name "
            "is a part of a column. Rename them in the raw claims, for example in a view, and under `columns:`."
        )
    from claims_fraud.datasets.session import prepare_session  # noqa: PLC0415 - Spark is an extra

    catalog = (loader.runtime_params or {}).get("catalog", loader["globals"]["catalog"])
    prepare_session(settings, catalog)


def _data_versions(
    pipeline: Pipeline, catalog: CatalogProtocol[Any, Any], known: Mapping[str, str | None]
) -> dict[str, str]:
    """Return by name the version of each dataset that the pipeline reads and does not make, as far as one is known."""
    read = sorted(pipeline.inputs())
    versions = {name: known[name] if name in known else data_version(catalog, name) for name in read}
    return {name: version for name, version in versions.items() if version}


def _place(dataset: Any) -> str:
    """Return where a dataset is: a table's name, or a path, relative to the working directory if it is below it."""
    described = dataset._describe()
    path = Path(str(described.get("table") or described.get("filepath", "in memory")))
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
