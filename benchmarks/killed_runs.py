"""Kills runs at their renames, writes and removals, one by one, and looks at what the next run finds.

`make benchmark-kill-runs`; README.md beside this says what has to hold and what was found. Exit status 1 if it
does not.
Not for Delta tables (see `kill_during_save`), and not for power cuts: processes are killed, the machine lives on.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from environment import REPOSITORY, RESULTS, circumstances, markdown, write_table
from kedro.framework.startup import bootstrap_project

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.claims.sample import generate_claims

FOUND = RESULTS / "killed_runs.jsonl"
QUICK = (
    "as_of=2026-06-30,training.n_estimators=3,training.n_folds=2,training.max_depth=3,training.n_jobs=1,"
    "fairness.role_rows=0"
)
# The runs that are killed, and the pipeline of each.
RUNS = {"run": "__default__", "score_new": "score_new", "promote": "promotion"}
# What Python tells of before it does it; of files that are opened, those that are written.
EVENTS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "open"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# What differs from one whole run to the next: logs, ids and times of runs, and the lock.
OF_A_RUN = re.compile(r"08_reporting/events|\.run\.|06_models/autoencoder_\w+/columns/[0-9a-f]{12}$")
LONGEST = 300


@dataclass(frozen=True)
class Outcome:
    """What one kill led to.

    Attributes
    ----------
    what : str
        The run that was killed.
    at : int
        At which of its events, from 1.
    event : str
        Which that was.
    problems : tuple of str
        What did not hold; empty where all did.
    """

    what: str
    at: int
    event: str
    problems: tuple[str, ...]


def main() -> int:
    """Kill, keep what was found, and write the table into the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", nargs="*", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--every", type=int, default=1, help="kill at each so many-th event only")
    parser.add_argument("--claims", type=int, default=1_000)
    parser.add_argument("--quick", type=int, metavar="KILLS", help="so many kills of each run only, kept nowhere")
    given = parser.parse_args()
    found: list[Outcome] = []
    with tempfile.TemporaryDirectory() as scratch:
        shelf = Shelf(Path(scratch), given.claims)
        for what in given.runs:
            for outcome in shelf.kills(what, given.every, given.quick):
                found.append(outcome)
                print(f"{what}, {outcome.at}, {outcome.event}: {'; '.join(outcome.problems) or 'well'}", flush=True)
                if not given.quick:
                    _keep(outcome)
    return int(any(outcome.problems for outcome in found))


def _keep(outcome: Outcome) -> None:
    """Put an outcome among those found before, in the place of that of the same kill, and write the table."""
    rows = [json.loads(line) for line in FOUND.read_text(encoding="utf-8").splitlines()] if FOUND.exists() else []
    rows = [row for row in rows if (row["what"], row["at"]) != (outcome.what, outcome.at)]
    rows.append({**vars(outcome), "problems": list(outcome.problems), **circumstances()})
    FOUND.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    write_table("killed_runs", report(rows))


def report(rows: list[dict[str, Any]]) -> str:
    """Return the table in Markdown."""
    table = pd.DataFrame(rows)
    bad = table["problems"].map(len) > 0
    lines = [
        [what, str(len(of)), str(int(bad[of.index].sum())), "; ".join(sorted({p for ps in of["problems"] for p in ps}))]
        for what, of in table.groupby("what", sort=False)
    ]
    return markdown(["Killed", "Kills", "Not well", "What was not"], lines)


class Shelf:
    """Projects in every state from which a run is killed.

    Parameters
    ----------
    folder : Path
        Scratch.
    claims : int
        How many a project has.
    """

    def __init__(self, folder: Path, claims: int) -> None:
        self._folder = folder
        self._fresh = folder / "fresh"
        _lay_out(self._fresh, claims)
        self._finished = self._copy(self._fresh, "finished")
        for pipeline in ("__default__", "model_selection"):
            _checked(_in_a_child(self._finished, lambda name=pipeline: _run(name)), pipeline)

    def kills(self, what: str, every: int = 1, kills: int | None = None) -> Iterator[Outcome]:
        """Yield what came of the kill at each ``every``-th event of a run, or at so many of them, evenly spread."""
        start = self._fresh if what == "run" else self._finished
        whole = self._copy(start, f"{what}-whole")
        count = whole / "events.txt"
        _checked(_in_a_child(whole, lambda: _run(RUNS[what], counted=count)), f"{what} as a whole")
        events = count.read_text().splitlines()
        # An undisturbed run over what a killed one may have finished: that is what it has to come to.
        _checked(_in_a_child(whole, lambda: _run(RUNS[what])), f"{what} again")
        right = contents(whole / "data")
        places = range(1, len(events) + 1, every)
        if kills is not None:
            places = [round((place + 0.5) * len(events) / kills) for place in range(kills)]
        for at in places:
            project = self._copy(start, "killed")
            status, _ = _in_a_child(project, lambda at=at: _run(RUNS[what], at))
            problems = [] if status == -signal.SIGKILL else [f"it was not killed (status {status})"]
            problems += broken(project / "data")
            for attempt in (1, 2):
                status, told = _in_a_child(project, lambda: _run(RUNS[what]))
                if status:
                    problems.append(f"run {attempt} after it ended with {status}: {told.strip()[-300:]}")
            now = contents(project / "data")
            problems += [f"{name} differs" for name in sorted(right.keys() | now) if right.get(name) != now.get(name)]
            shutil.rmtree(project)
            yield Outcome(what, at, events[at - 1], tuple(problems))

    def _copy(self, project: Path, name: str) -> Path:
        return Path(shutil.copytree(project, self._folder / name))


def broken(data: Path) -> list[str]:
    """Return what is there and not whole."""
    problems = []
    for table in data.rglob("*.parquet"):
        if ".unfinished-" not in str(table):
            try:
                pd.read_parquet(table)
            except Exception as error:  # whatever it is that a torn file leads to
                problems.append(f"{table.relative_to(data)}: {type(error).__name__}")
    for model in data.glob("06_models/autoencoder_*"):
        if model.joinpath("model.json").exists():
            try:
                ClaimsTreeAutoencoder.load(model)
            except ValueError as error:
                problems.append(f"{model.name}: {error}")
    return problems


def contents(data: Path) -> dict[str, str]:
    """Return a hash of each file that is the same after every whole run."""
    files = (path for path in data.rglob("*") if path.is_file())
    named = {path.relative_to(data).as_posix(): path for path in files}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in named.items() if not OF_A_RUN.search(name)
    }


def _lay_out(project: Path, claims: int) -> None:
    """Make a project as a clone has it, with claims, and some that come later."""
    shutil.copytree(REPOSITORY / "conf", project / "conf", ignore=shutil.ignore_patterns("*credentials*"))
    shutil.copy(REPOSITORY / "pyproject.toml", project)
    (project / "src" / "claims_fraud").mkdir(parents=True)
    raw = project / "data" / "01_raw"
    raw.mkdir(parents=True)
    table, labels = generate_claims(claims, seed=5)
    table.to_parquet(raw / "claims_train.parquet", index=False)
    labels.to_parquet(raw / "claim_labels.parquet", index=False)
    later = table.tail(40).assign(claim_id=[f"N{number:03d}" for number in range(40)])
    later.assign(claim_date=later["claim_date"] + pd.Timedelta(days=30)).to_parquet(
        raw / "new_claims.parquet", index=False
    )


def _run(pipeline: str, kill_at: int = 0, counted: Path | None = None) -> int:
    """Run a pipeline in the working directory; killed at an event, or with events told in a file."""
    from claims_fraud.cli import run, run_command  # noqa: PLC0415 - after the fork

    bootstrap_project(Path.cwd())
    watched = Path.cwd()
    seen: list[str] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in EVENTS or not isinstance(arguments[0], str | os.PathLike):
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITES):
            return
        path = Path(os.fspath(arguments[0]))
        path = path if path.is_absolute() else Path.cwd() / path
        if not path.is_relative_to(watched) or counted == path:
            return
        seen.append(f"{event} {re.sub('[0-9a-f]{12,}|-[a-z0-9_]{8}', '…', str(path.relative_to(watched)))}")
        if len(seen) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    status = run_command(run, [f"--pipelines={pipeline}", f"--params={QUICK}"])
    if counted:
        counted.write_text("\n".join(seen), encoding="utf-8")
    return status


def _in_a_child(project: Path, run: Callable[[], int]) -> tuple[int, str]:
    """Return the exit status of what ran in a child of this process, minus the signal that killed it, and its words."""
    told = project / "told.txt"
    child = os.fork()
    if not child:
        status = 70
        with told.open("w") as file, contextlib.redirect_stderr(file), contextlib.redirect_stdout(io.StringIO()):
            signal.alarm(LONGEST)
            os.chdir(project)
            try:
                status = run()
            except BaseException as error:  # the child must never go on as this process
                file.write(repr(error))
            file.flush()
        os._exit(status)
    _, ended = os.waitpid(child, 0)
    words = told.read_text(errors="replace")
    told.unlink()
    return os.waitstatus_to_exitcode(ended), words


def _checked(ended: tuple[int, str], what: str) -> None:
    status, told = ended
    if status:
        raise RuntimeError(f"{what} ended with {status}: {told}")


if __name__ == "__main__":
    sys.exit(main())
