"""The installed package's two entries: ``python -m claims_fraud`` (as ``kedro run``) and `claims-fraud-jobs`.

Both leave by SystemExit on failure only: a job that ends in SystemExit(0) counts as failed on Databricks.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> None:
    """Run pipelines with the options of ``kedro run``."""
    _configure_logging()
    from kedro.framework.project import configure_project  # noqa: PLC0415 - reads the logging set above

    configure_project(PACKAGE.name)
    from claims_fraud.cli import run, run_command  # noqa: PLC0415 - reads the settings configured above

    _leave(run_command(run, sys.argv[1:] if arguments is None else arguments))


def jobs(arguments: Sequence[str] | None = None) -> None:
    """Run a subcommand of `claims-fraud-jobs`."""
    _configure_logging()
    from kedro.framework.project import configure_project  # noqa: PLC0415 - as above

    configure_project(PACKAGE.name)
    from claims_fraud.cli import jobs as command  # noqa: PLC0415 - as above
    from claims_fraud.cli import run_command  # noqa: PLC0415

    _leave(run_command(command, sys.argv[1:] if arguments is None else arguments))


def _configure_logging() -> None:
    """Log as the package says where no project does: Kedro looks for conf in the working folder."""
    if not Path("conf/logging.yml").exists():
        os.environ.setdefault("KEDRO_LOGGING_CONFIG", str(PACKAGE / "logging.yml"))
        logging.captureWarnings(True)


def _leave(status: int) -> None:
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main()
