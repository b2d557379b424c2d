"""kedro-mlflow's hook, but for what it would log of objects as the text that Python prints of them.

Not for what is logged beside: see `claims_fraud.hooks`.
"""

from __future__ import annotations

from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook


class RunHook(MlflowHook):  # type: ignore[misc]
    """Opens and closes the MLflow run of a run of Kedro."""

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Open the run and tag it with what was asked for, but for the runner, of which Kedro gives an address."""
        told = {name: value for name, value in run_params.items() if name != "runner"}
        super().before_pipeline_run(told, pipeline, catalog)

    @hook_impl
    def before_node_run(self, node: Node, catalog: DataCatalog, inputs: dict[str, Any], is_async: bool) -> None:
        """Activate the run, and log no parameter of the node: all are logged one by one when the run opens."""
        del inputs
        super().before_node_run(node, catalog, {}, is_async)
