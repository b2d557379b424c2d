"""The lock of a data folder: between processes, after a process was killed, and what it says."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from claims_fraud.errors import InputError
from claims_fraud.runtime.run_lock import FolderLock, Holder

HOLDER = Holder("ann@here", 4711, "score_new", "2026-06-30T12:00:00+00:00")
HOLDS = """
import sys, time
from pathlib import Path
from claims_fraud.runtime.run_lock import FolderLock, Holder
lock = FolderLock(Path(sys.argv[1]))
lock.acquire(Holder("ann@here", 4711, "score_new", "2026-06-30T12:00:00+00:00"), 0)
print("held", flush=True)
if sys.argv[2] == "release":
    sys.stdin.readline()
    lock.release()
else:
    time.sleep(600)
"""


@contextmanager
def holding(folder: Path, what: str) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that holds the lock of a folder; it is gone at the end."""
    command = [sys.executable, "-c", HOLDS, str(folder), what]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_acquire_free_folder_returns_nobody_and_says_who_holds_it(tmp_path):
    lock = FolderLock(tmp_path / "data")
    assert lock.acquire(HOLDER, 0) is None
    assert json.loads((tmp_path / "data/.run.json").read_text())["pipelines"] == "score_new"
    lock.release()
    assert not (tmp_path / "data/.run.json").exists()


def test_acquire_held_folder_is_refused_with_the_name_of_the_holder(tmp_path):
    told = r"is held by ann@here \(process 4711, score_new, since 2026-06-30T12:00:00\+00:00\): .* 0 minutes"
    with holding(tmp_path, "sleep"), pytest.raises(InputError, match=told):
        FolderLock(tmp_path).acquire(HOLDER, 0)


def test_acquire_waits_for_the_holder(tmp_path):
    with holding(tmp_path, "release") as process:
        assert process.stdin is not None
        timer = threading.Timer(0.5, process.stdin.close)
        timer.start()
        lock = FolderLock(tmp_path)
        assert lock.acquire(HOLDER, 1) is None
        lock.release()
        timer.join()


def test_acquire_after_a_kill_returns_who_was_killed(tmp_path):
    with holding(tmp_path, "sleep") as process:
        process.kill()
        process.wait()
        lock = FolderLock(tmp_path)
        assert lock.acquire(Holder.this_process("training"), 0) == HOLDER
        lock.release()


def test_acquire_with_a_note_that_is_damaged_returns_nobody(tmp_path):
    (tmp_path / ".run.json").write_text('{"who": "an')
    lock = FolderLock(tmp_path)
    assert lock.acquire(HOLDER, 0) is None
    lock.release()


def test_sweep_removes_what_is_unfinished_and_nothing_else(tmp_path):
    for name in ("07_model_output/.unfinished-fraud_scores-x1/fraud_scores.parquet", ".hidden/mine.txt", "a/.run-1/b"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("")
    assert FolderLock(tmp_path).sweep() == ["07_model_output/.unfinished-fraud_scores-x1"]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["b", "mine.txt"]
