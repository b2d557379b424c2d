"""What happens around a run: parameters are checked before anything else, MLflow is told, results are named."""

from __future__ import annotations

import logging
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from claims_fraud.parameters import Parameters, check_parameters

logger = logging.getLogger(__name__)

RESULTS = ("fraud_scores", "top_claims", "rejected_claims", "rejected_new_claims", "training_metrics")


class ProjectHooks:
    """Hooks of the project; see the methods."""

    parameters: Parameters

    # First, so that a misspelt parameter stops the run before kedro-mlflow opens its database.
    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Check every parameter; raises InputError on the first sight of a mistake."""
        loader = context.config_loader
        self.parameters = check_parameters(loader["parameters"], loader["globals"])

    @hook_impl(trylast=True)
    def before_pipeline_run(self) -> None:
        """Log the parameters to the run that kedro-mlflow has opened."""
        # MLflow takes seconds to import, and `kedro registry list` has no use for it.
        from claims_fraud.tracking.run_log import log_parameters  # noqa: PLC0415

        log_parameters(self.parameters.model_dump(mode="json"))

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Log the metrics of training."""
        if dataset_name == "training_metrics":
            from claims_fraud.tracking.run_log import log_metrics  # noqa: PLC0415

            log_metrics(data)

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Say where the results are."""
        for name in RESULTS:
            if name in pipeline.outputs() | pipeline.all_outputs() and hasattr(catalog.get(name), "_describe"):
                logger.info("%s: %s", name, catalog.get(name)._describe().get("filepath", "in memory"))
