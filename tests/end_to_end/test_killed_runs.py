"""A sample of `make benchmark-kill-runs`: runs are killed at some of their writes, and the next run has to recover."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support import REPOSITORY

pytestmark = pytest.mark.bundle
KILLS = 3


def test_killed_runs_leave_whole_tables_and_the_next_run_gives_what_an_undisturbed_one_gives():
    # In a process of its own, because it forks the runs that are killed.
    ran = subprocess.run(
        [sys.executable, REPOSITORY / "benchmarks" / "killed_runs.py", f"--quick={KILLS}"],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = [line for line in ran.stdout.splitlines() if line.endswith(": well")]
    assert len(told) == 3 * KILLS, ran.stdout
