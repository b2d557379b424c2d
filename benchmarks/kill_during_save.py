"""Kills a process while it saves a Delta table, at many moments, and looks at what the next process finds.

`make benchmark-kill`; README.md beside this says what has to hold and what was found. Exit status 1 if it does not.
Not for power cuts or lost disks: processes are killed, the machine lives on.
"""

from __future__ import annotations

import argparse
import json
import select
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from environment import RESULTS, WORK, circumstances, configuration, markdown, spark_session, write_table
from processes import kill_tree

from claims_fraud.claims.sample import generate_claims

CATALOG, SCHEMA, KEY = "dev_fraud_detection", "claims", "claim_id"
# How a table is saved in each mode, beside what all have.
MODES = {
    "overwrite": {},
    "first save": {},
    "upsert": {"write_mode": "upsert", "primary_key": KEY},
    "replace columns": {"schema_changes": "replace"},
}
DEFINITION = {
    "catalog": CATALOG,
    "database": SCHEMA,
    "made_by": "benchmark",
    "cluster_by": ["claim_date"],
    "comment": "Claims",
    "constraints": {"number_not_negative": "number >= 0", "amount_known": "claim_amount IS NOT NULL"},
}
# What an upsert adds each time.
NEW_ROWS = 100
# Saves before the first kill. The fastest is what moments are spread over, so that they fall into a save.
SAVES_BEFORE = 4
# Seconds; a command that has not been answered by then is taken for one that hangs.
LONGEST = 300.0
WHOLE = ("before", "after")


@dataclass(frozen=True)
class Save:
    """A save of a table, whose rows follow from its number.

    Attributes
    ----------
    mode : str
        One of `MODES`.
    number : int
        Counts the saves of a table from 0; in mode ``first save`` each has a table of its own.
    rows : int
        Of the table.
    """

    mode: str
    number: int
    rows: int

    @property
    def table(self) -> str:
        """Name of the table."""
        return f"first_{self.number}" if self.mode == "first save" else self.mode.replace(" ", "_")

    @property
    def before(self) -> Save | None:
        """The save that the table had before."""
        return None if self.mode == "first save" or not self.number else replace(self, number=self.number - 1)

    def saved(self) -> pd.DataFrame:
        """Return the rows that are saved; of an upsert, half of them anew and some more."""
        rows = claims(self.rows).assign(number=self.number)
        if self.mode == "replace columns":
            return rows.assign(**{f"column_{self.number}": 1.0})
        if self.mode != "upsert" or not self.number:
            return rows
        return pd.concat([rows.head(self.rows // 2), self._added()], ignore_index=True)

    def whole(self) -> pd.DataFrame:
        """Return the rows that the table has after this save, by key."""
        rows = self.saved()
        if self.mode == "upsert" and self.number:
            kept = claims(self.rows).assign(number=0).iloc[self.rows // 2 :]
            rows = pd.concat([rows, kept, *(replace(self, number=one)._added() for one in range(1, self.number))])
        return rows.sort_values(KEY, ignore_index=True)

    def _added(self) -> pd.DataFrame:
        rows = claims(self.rows).head(NEW_ROWS)
        return rows.assign(number=self.number, **{KEY: f"N{self.number}-" + rows[KEY]})


@cache
def claims(rows: int) -> pd.DataFrame:
    """Return generated claims, times as a table gives them back."""
    generated, _ = generate_claims(rows)
    return generated.assign(claim_date=generated["claim_date"].astype("datetime64[us]"))


class Server:
    """What runs in the process that is killed: answers commands, a line of JSON each."""

    def __init__(self, root: str) -> None:
        self._spark = spark_session(configuration("databricks", artifact_root=root))

    def serve(self) -> None:
        """Answer until stdin ends."""
        for line in sys.stdin:
            what, given = json.loads(line)
            try:
                answer = getattr(self, what)(Save(**given))
            except Exception as error:
                answer = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"}
            print(json.dumps(answer), flush=True)

    def save(self, save: Save) -> dict[str, Any]:
        """Save."""
        self._dataset(save).save(save.saved())
        return {"failed": None}

    def look(self, save: Save) -> dict[str, Any]:
        """Return whether the table has the rows before the save or those after it, or what else it has."""
        dataset = self._dataset(save)
        if not dataset.exists():
            return {"found": "before" if save.before is None else "no table", "lacks": []}
        # As the libraries get it: times without a zone.
        found = self._rows(dataset)
        sides = {"before": save.before, "after": save}
        same = [name for name, side in sides.items() if side is not None and found.equals(_like(side.whole(), found))]
        return {"found": same[0] if same else _told(found), "lacks": self._lacking(dataset)}

    def _rows(self, dataset: Any) -> pd.DataFrame:
        from claims_fraud.frames import collected  # noqa: PLC0415 - the parent needs no Spark

        return collected(dataset.load()).sort_values(KEY, ignore_index=True)

    def _lacking(self, dataset: Any) -> list[str]:
        """Return the parts of its definition that the table lacks."""
        found = self._spark.sql(f"DESCRIBE DETAIL {dataset.name}").first()
        lacking = [name for name in DEFINITION["constraints"] if f"delta.constraints.{name}" not in found["properties"]]
        return lacking + ([] if found["clusteringColumns"] == DEFINITION["cluster_by"] else ["cluster_by"])

    def _dataset(self, save: Save) -> Any:
        from claims_fraud.datasets.delta_table import DeltaTableDataset  # noqa: PLC0415 - the parent needs no Spark

        return DeltaTableDataset(table=save.table, **DEFINITION, **MODES[save.mode])


def _told(found: pd.DataFrame) -> str:
    if found.empty:
        return "an empty table"
    return f"{len(found):,} rows of the saves {sorted(found['number'].unique().tolist())}"


def _like(rows: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the types of other ones, if they have the same columns."""
    return rows.astype(other.dtypes.to_dict()) if list(rows) == list(other) else rows


class Victim:
    """A `Server` in a process of its own, and its end."""

    def __init__(self, root: Path) -> None:
        with (root / "victims.log").open("a") as log:
            self.process = subprocess.Popen(  # noqa: S603 - this file itself
                [sys.executable, __file__, "--serve", str(root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def ask(self, what: str, save: Save) -> dict[str, Any]:
        """Give a command and return the answer; that of a dead process is how it ended."""
        self.tell(what, save)
        watchdog = threading.Timer(LONGEST, self.kill)
        watchdog.start()
        answer = self.answer()
        watchdog.cancel()
        return answer or {"failed": f"no answer within {LONGEST:g} s, or the process ended"}

    def tell(self, what: str, save: Save) -> None:
        """Give a command."""
        self.process.stdin.write(json.dumps([what, asdict(save)]) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any] | None:
        """Return the next answer, or None if the process ended without."""
        # Java may say something too.
        return next((json.loads(line) for line in self.process.stdout if line.startswith("{")), None)

    def has_answered(self) -> bool:
        """Return whether there is an answer to be read."""
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def kill(self) -> None:
        """Kill it, its JVM included."""
        kill_tree(self.process)


class Folder:
    """What has come into a table's folder since it was first looked at, even if it is gone again."""

    def __init__(self, root: Path, save: Save) -> None:
        self._path = root / "warehouse" / f"{SCHEMA}.db" / save.table
        self._before = self._paths()
        self._seen: dict[str, None] = {}

    def new(self) -> list[str]:
        """Return the names, in the order in which they came."""
        self._seen |= dict.fromkeys(sorted(self._paths() - self._before))
        return list(self._seen)

    def _paths(self) -> set[str]:
        return {str(path.relative_to(self._path)) for path in self._path.rglob("*")}


@dataclass(frozen=True)
class Moment:
    """When a save is killed: after so many seconds, or as soon as so many files have come into the table's folder."""

    seconds: float | None = None
    files: int | None = None

    def of(self, folder: Folder) -> Callable[[], bool]:
        """Return a function that says whether the moment has come, counted from now."""
        if self.files is not None:
            return lambda: len(folder.new()) >= self.files
        due = time.perf_counter() + self.seconds
        return lambda: time.perf_counter() >= due

    def __str__(self) -> str:
        """Return it in words."""
        return f"after {self.seconds:.2f} s" if self.files is None else f"at file {self.files}"


def timed_save(victim: Victim, save: Save, root: Path) -> tuple[float, int]:
    """Save undisturbed; return how many seconds that took and how many files came into the table's folder."""
    folder, started = Folder(root, save), time.perf_counter()
    victim.tell("save", save)
    while not victim.has_answered():
        folder.new()
        time.sleep(0.005)
    seconds, answer = time.perf_counter() - started, victim.answer()
    if answer is None or answer["failed"]:
        sys.exit(f"{save} failed undisturbed: {answer}")
    return seconds, len(folder.new())


def kill_during(victim: Victim, save: Save, moment: Moment, root: Path) -> dict[str, Any]:
    """Have a save begun and kill it at the moment; return what was seen of it."""
    folder, started = Folder(root, save), time.perf_counter()
    victim.tell("save", save)
    has_come = moment.of(folder)
    while not has_come() and not victim.has_answered():
        time.sleep(0.0005)
    seconds = time.perf_counter() - started
    victim.kill()
    ended, files = victim.answer() is not None, folder.new()
    seen = {"killed_after": round(seconds, 3), "had_ended": ended, "files": len(files)}
    return {"moment": str(moment), **seen, "last_files": files[-3:]}


def look_and_repeat(victim: Victim, save: Save) -> dict[str, Any]:
    """Return what a fresh process finds after a kill, how the same save ends there, and what the table is then."""
    found = victim.ask("look", save)
    repeated = victim.ask("save", save)["failed"] or "completed"
    then = victim.ask("look", save)
    return {
        "found": found.get("found") or f"failed: {found['failed']}",
        "repeated": repeated,
        "then": then.get("found") or then.get("failed"),
        "then_lacks": then.get("lacks"),
    }


def kills(mode: str, given: argparse.Namespace, root: Path) -> Iterator[dict[str, Any]]:
    """Kill saves of a mode at so many points of time and at so many files; yield what came of each."""
    rows = given.rows
    victim = Victim(root)
    timed = [timed_save(victim, Save(mode, number, rows), root) for number in range(SAVES_BEFORE)]
    seconds, files = min(timed[1:])
    print(f"{mode}: a save takes {seconds:.2f} s and makes {files} files", flush=True)
    for number, moment in enumerate(spread(seconds, files, given), start=SAVES_BEFORE):
        save = Save(mode, number, rows)
        seen = kill_during(victim, save, moment, root)
        victim = Victim(root)
        yield {"mode": mode, "rows": rows, "save_takes": round(seconds, 2), **seen, **look_and_repeat(victim, save)}
    victim.kill()


def spread(seconds: float, files: int, given: argparse.Namespace) -> list[Moment]:
    """Return moments spread evenly over a save, by time and by files."""
    by_time = [Moment(seconds=seconds * (number + 0.5) / given.moments) for number in range(given.moments)]
    steps = max(given.file_moments - 1, 1)
    counts = dict.fromkeys(1 + round((files - 1) * number / steps) for number in range(given.file_moments))
    return [*by_time, *(Moment(files=count) for count in counts)]


def holds(kill: dict[str, Any]) -> bool:
    """Return whether the table was whole after a kill, and the repeated save made it what it has to be."""
    return kill["found"] in WHOLE and (kill["repeated"], kill["then"], kill["then_lacks"]) == ("completed", "after", [])


def told_of_repeat(kill: dict[str, Any]) -> str:
    """Return in words how the save ended that was repeated after a kill."""
    lacks = f" without {', '.join(kill['then_lacks'])}" if kill["then_lacks"] else ""
    return f"the save repeated: {kill['repeated']}, then: {kill['then']}{lacks}"


def table_of(found: list[dict[str, Any]]) -> str:
    """Return a line a mode in Markdown."""
    head = ["Mode", "Rows", "A save, s", "Kills", "Before", "After", "Neither", "Repeated", "Whole then", "Date"]
    return markdown(head, [_row(mode, [kill for kill in found if kill["mode"] == mode]) for mode in _modes(found)])


def _modes(found: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(kill["mode"] for kill in found))


def _row(mode: str, of_it: list[dict[str, Any]]) -> list[Any]:
    sides = Counter(kill["found"] if kill["found"] in WHOLE else "neither" for kill in of_it)
    repeated = sum(kill["repeated"] == "completed" for kill in of_it)
    whole = sum(kill["then"] == "after" and kill["then_lacks"] == [] for kill in of_it)
    first = of_it[0]
    counts = [len(of_it), *(sides[side] for side in (*WHOLE, "neither")), repeated, whole]
    return [mode, f"{first['rows']:,}", first["save_takes"], *counts, first["date"]]


def known(results: Path) -> list[dict[str, Any]]:
    """Return what came of the kills of earlier runs."""
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()] if results.exists() else []


def keep(found: list[dict[str, Any]], results: Path, root: Path) -> None:
    """Write down what came of the kills, but not where the tables were on this machine."""
    lines = "".join(json.dumps(kill, ensure_ascii=False) + "\n" for kill in found)
    results.write_text(lines.replace(str(root), "…"), encoding="utf-8")


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--moments", type=int, default=10, help="spread over the time of a save")
    parser.add_argument("--file-moments", type=int, default=6, help="more of them, spread over the files of a save")
    parser.add_argument("--quick", action="store_true", help="2,000 rows, 2 moments; nothing is kept in benchmarks/")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.quick:
        given.rows, given.moments, given.file_moments = 2_000, 2, 2
    return given


def main() -> None:
    """Kill saves in each mode; print what came of it, and keep it beside that of the other modes."""
    given = parsed()
    if given.serve:
        Server(given.serve).serve()
        return
    root, around = WORK / "kill", circumstances()
    results = (root if given.quick else RESULTS) / "kill_during_save.jsonl"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    found = [kill for kill in known(results) if kill["mode"] not in given.modes]
    for mode in given.modes:
        for kill in kills(mode, given, root):
            found.append({**kill, **around})
            verdict = "" if holds(kill) else " – DOES NOT HOLD"
            print(f"  {kill['moment']:>14}: {kill['found']}; {told_of_repeat(kill)}{verdict}", flush=True)
        keep(found, results, root)
    print(table_of(found))
    if not given.quick:
        write_table("kill_during_save", table_of(found))
    sys.exit(0 if all(map(holds, found)) else 1)


if __name__ == "__main__":
    main()
