"""Runs the installed project: ``python -m claims_fraud`` takes the options of ``kedro run``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from kedro.framework.project import configure_project


def main(arguments: Sequence[str] | None = None) -> None:
    """Run pipelines of the installed package with the options of ``kedro run``; leave by SystemExit only on failure."""
    configure_project(Path(__file__).parent.name)
    from claims_fraud.cli import run, run_command  # noqa: PLC0415 - reads the settings configured above

    status = run_command(run, sys.argv[1:] if arguments is None else arguments)
    # A job that ends in SystemExit(0) counts as failed on Databricks.
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main()
