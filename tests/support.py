"""What tests share: where things are, and a small project in which pipelines run within this process."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from kedro.framework.startup import bootstrap_project

from claims_fraud.claims.sample import generate_claims

REPOSITORY = Path(__file__).parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
MEDICARE = SHARED_DATA / "medicare_inpatient_provider_fraud.parquet"
# Of its claims, those that the fixture of that name runs on.
MEDICARE_ROWS = 3_000
# Files whose names nobody knows beforehand: the log of events, and samples named by their hash.
NAMED_BY_RUNS = (Path("08_reporting/events"), Path("05_model_input/training_claims"))
# Enough to run, too little to wait for.
QUICK = (
    "as_of=2026-06-30,training.n_estimators=3,training.n_folds=2,training.max_depth=3,training.n_jobs=1,"
    "fairness.role_rows=0"
)


@dataclass(frozen=True)
class Project:
    """A project folder and how to run pipelines in it."""

    path: Path

    @property
    def data(self) -> Path:
        return self.path / "data"

    def run(self, *options: str, params: str = "") -> tuple[int, str]:
        """Run ``kedro run`` in this process; return its exit status and what it wrote to stderr."""
        from claims_fraud.cli import run, run_command

        every = ",".join(filter(None, (QUICK, params)))
        told = io.StringIO()
        with contextlib.redirect_stderr(told):
            status = run_command(run, [*options, f"--params={every}"])
        return status, told.getvalue()

    def training_scores(self, model_type: str) -> pd.DataFrame:
        """Return what the model of a type, as it was trained last, says of the claims that it learned from."""
        model = json.loads((self.data / f"06_models/autoencoder_{model_type}/model.json").read_text())
        return self.table(f"07_model_output/training_scores/{model['model_version']}.parquet")

    def table(self, path: str) -> pd.DataFrame:
        return pd.read_parquet(self.data / path)


def visits_and_surgeries() -> pd.DataFrame:
    """Return claims whose amount follows from the code, and whose age follows from nothing."""
    rng = np.random.default_rng(0)
    code = rng.choice(["visit", "surgery"], 600)
    amount = np.where(code == "visit", 100, 9000) * rng.lognormal(0, 0.1, 600)
    return pd.DataFrame({"code": code, "amount": amount, "age": rng.integers(20, 80, 600)})


def named_by_a_run(name: str) -> bool:
    """Return whether a file, by its path below the data, is in one of `NAMED_BY_RUNS`, or the lock of runs."""
    path = Path(name)
    return path == Path(".run.lock") or any(folder in path.parents for folder in NAMED_BY_RUNS)


def make_project(path: Path) -> Project:
    """Lay out a project as a clone has it, with the first thousand claims of another seed."""
    shutil.copytree(REPOSITORY / "conf", path / "conf", ignore=shutil.ignore_patterns("*credentials*"))
    shutil.copy(REPOSITORY / "pyproject.toml", path)
    (path / "src" / "claims_fraud").mkdir(parents=True)
    shutil.copy(_empty_database(), path / "mlflow.db")
    raw = path / "data" / "01_raw"
    raw.mkdir(parents=True)
    claims, labels = generate_claims(1_000, seed=5)
    claims.to_parquet(raw / "claims_train.parquet", index=False)
    labels.to_parquet(raw / "claim_labels.parquet", index=False)
    return Project(path)


@functools.cache
def _empty_database() -> Path:
    """Return a database of MLflow without an experiment, which takes MLflow seconds to make."""
    from mlflow import MlflowClient

    database = Path(tempfile.mkdtemp()) / "mlflow.db"
    atexit.register(shutil.rmtree, database.parent)
    MlflowClient(f"sqlite:///{database}").search_experiments()
    return database


@contextlib.contextmanager
def working_in(path: Path) -> Iterator[None]:
    with contextlib.chdir(path):
        bootstrap_project(path)
        yield


@contextlib.contextmanager
def copy_of(path: Path, folder: Path) -> Iterator[Project]:
    """Give a copy of a project, in this folder, to go on in."""
    project = Project(Path(shutil.copytree(path, folder / "project")))
    with working_in(project.path):
        yield project
