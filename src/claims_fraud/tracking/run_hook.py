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

from claims_fraud.tracking.run_log import active_run_id


class RunHook(MlflowHook):  # type: ignore[misc]
    """Opens and closes the MLflow run of a run of Kedro."""

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Open the run and tag it with what was asked for, but for the runner, of which Kedro gives an address."""
        told = {name: value for name, value in run_params.items() if name != "runner"}
        super().before_pipeline_run(told, pipeline, catalog)

    @hook_impl
    def before_node_run(self, node: Node, catalog: DataCatalog, inputs: dict[str, Any], is_async: bool) -> None:
        """Activate the run in a thread that does not have it yet, for it is ended once.

        No parameter of the node is logged: all are, one by one, when the run opens.
        """
        del inputs
        if active_run_id() != self.run_id:
            super().before_node_run(node, catalog, {}, is_async)
