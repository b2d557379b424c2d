"""Every mistake a user can make ends in one paragraph, an exit status, and nothing half-written.

The messages are those of docs/errors.md; after a change of wording, UPDATE_DOCS=1 writes that page anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from claims_fraud.claims.sample import generate_claims
from support import REPOSITORY, Project

ERRORS_PAGE = REPOSITORY / "docs" / "errors.md"
CLAIMS, _ = generate_claims(1_000, seed=6)
INGEST = "--pipelines=data_ingestion"
LEARN = "--pipelines=data_ingestion,training"
SCORE = "--pipelines=scoring"

Arrange = Callable[[Path], "tuple[tuple[str, ...], str]"]


@dataclass(frozen=True)
class Mistake:
    """What goes wrong: a title for the docs, how to bring it about (options and params), the exit status."""

    title: str
    arrange: Arrange
    status: int = 1


def claims(frame: pd.DataFrame, name: str = "claims.parquet", option: str = INGEST, params: str = "") -> Arrange:
    """Run on these claims."""

    def arrange(folder: Path) -> tuple[tuple[str, ...], str]:
        path = folder / name
        frame.to_parquet(path, index=False) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
        return (option,), ",".join(filter(None, (f"raw_claims={path}", params)))

    return arrange


def file(name: str, content: bytes | None) -> Arrange:
    """Run on a file of this content, or on one that does not exist."""

    def arrange(folder: Path) -> tuple[tuple[str, ...], str]:
        if content is not None:
            (folder / name).write_bytes(content)
        return (INGEST,), f"raw_claims={folder / name}"

    return arrange


def options(*words: str, params: str = "") -> Arrange:
    return lambda folder: (words, params)


def truncated() -> bytes:
    whole = CLAIMS.to_parquet(index=False)
    return whole[: len(whole) // 2]


def empty_folder(folder: Path) -> tuple[tuple[str, ...], str]:
    (folder / "march").mkdir()
    (folder / "march" / "readme.txt").write_text("nothing here")
    return (INGEST,), f"raw_claims={folder / 'march'}"


def damaged_model(damage: Callable[[Path], None]) -> Arrange:
    """Train, damage the model folder, and score."""

    def arrange(folder: Path) -> tuple[tuple[str, ...], str]:
        model = Path("data/06_models/autoencoder_catboost")
        damage(model)
        return (SCORE,), ""

    return arrange


def without_a_column_file(model: Path) -> None:
    sorted((model / "columns").rglob("*.cbm"))[0].unlink()


def with_half_a_json(model: Path) -> None:
    text = (model / "model.json").read_text()
    # After a key: what the parser misses there is the same for every model.
    (model / "model.json").write_text(text[: text.index('": ', len(text) // 2) + 2])


def with_half_a_column(model: Path) -> None:
    column = sorted((model / "columns").rglob("*.cbm"))[0]
    column.write_bytes(column.read_bytes()[:100])


def of_a_newer_format(model: Path) -> None:
    content = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps({**content, "format_version": 99}))


def other_columns(folder: Path) -> tuple[tuple[str, ...], str]:
    """Score with an environment that names fewer columns than the model learned."""
    shutil.copytree("conf/local", "conf/fewer", dirs_exist_ok=True)
    Path("conf/fewer/parameters.yml").write_text("columns: {numeric: [claim_amount, patient_age]}")
    return ("--env=fewer", SCORE), ""


def scores_of_other_claims(folder: Path) -> tuple[tuple[str, ...], str]:
    """Ask for a step on scores of which the record says that they are of other claims."""
    record = {"at": "2026-06-30T00:00:00", "made_from": {"features": "sha256:0123456789abcdef", "new_features": None}}
    Path("data/08_reporting").mkdir(exist_ok=True)
    Path("data/08_reporting/lineage.json").write_text(json.dumps(record))
    return ("--pipelines=fairness",), ""


def broken_yaml(folder: Path) -> tuple[tuple[str, ...], str]:
    shutil.copytree("conf/local", "conf/broken", dirs_exist_ok=True)
    Path("conf/broken/parameters.yml").write_text("training: {max_depth: [4}")
    return ("--env=broken",), ""


def rows(count: int) -> pd.DataFrame:
    return CLAIMS.head(count)


def altered(**values: object) -> pd.DataFrame:
    return CLAIMS.assign(**values)


# As many as by default, since the docs show what is said.
FOLDS = "training.n_folds=3"
MISTAKES = [
    # Files
    Mistake("A file that does not exist", file("missing.parquet", None)),
    Mistake("An empty file", file("empty.parquet", b"")),
    Mistake("An empty CSV", file("empty.csv", b"")),
    Mistake("A truncated parquet file", file("truncated.parquet", truncated())),
    Mistake("A folder without data", empty_folder),
    Mistake("A file of another kind", file("claims.xlsx", b"PK")),
    Mistake("A CSV with another separator", file("claims.csv", CLAIMS.to_csv(index=False, sep=";").encode())),
    Mistake("A CSV that is not UTF-8", file("claims.csv", "claim_id,a\nx,Zürich\n".encode("latin-1"))),
    Mistake("A header without rows", claims(rows(0))),
    Mistake("New claims that are not there", options("--pipelines=score_new")),
    # Columns
    Mistake("A missing column", claims(CLAIMS.rename(columns={"procedure_code": "procedure_kode"}))),
    Mistake("A number column of text", claims(altered(claim_amount="a lot"))),
    Mistake("A date column that is none", claims(altered(claim_date="last Monday"))),
    # Rows
    Mistake("Too many rejected rows", claims(altered(claim_amount=-CLAIMS["claim_amount"]))),
    Mistake("One claim id for all rows", claims(altered(claim_id="C1"))),
    Mistake("A single valid row", claims(rows(1), option=LEARN, params=FOLDS)),
    Mistake("Fewer rows than folds", claims(rows(2), option=LEARN, params=FOLDS)),
    Mistake("Fewer providers than folds", claims(altered(provider_id="D1"), option=LEARN, params=FOLDS)),
    Mistake(
        "Labels of other claims",
        options(LEARN, params="training.evaluate_labels=true,claim_labels=labels_of_others.parquet"),
    ),
    # Parameters
    Mistake("A misspelt parameter", options(params="trainin.max_depth=4")),
    Mistake("A misspelt parameter inside", options(params="training.n_estimatrs=10")),
    Mistake("A parameter of a wrong type", options(params="training.n_folds=many")),
    Mistake("A parameter out of range", options(params="scoring.threshold_percentile=120")),
    Mistake("Shares that leave nothing to train on", options(params="data_ingestion.test_fraction=0.9")),
    Mistake("An unknown model type", options(params="training.model_type=lightgbm")),
    Mistake("A date that is none", options(params="as_of=yesterday")),
    Mistake("A column with two roles", options(params="columns.party=provider_id")),
    Mistake("A procedure that is no feature", options(params="columns.procedure=cpt_code")),
    Mistake("A column named like an output", options(params="columns.provider=fraud_score")),
    # Names
    Mistake("An unknown environment", options("--env=locale"), status=2),
    Mistake("An unknown pipeline", options("--pipelines=trainin"), status=2),
    Mistake("An unknown node", options("--nodes=fit_autoencodr"), status=2),
    Mistake("An unknown tag", options("--tags=train"), status=2),
    Mistake("A parameter that is a list, given keys", options(params="columns.protected.patient_age=scored")),
    Mistake("Parameters that are no YAML", broken_yaml),
    # Outcomes
    Mistake("A second stage without outcomes", options("--pipelines=scoring,outcomes")),
    # Models
    Mistake("A table that is not there yet", options(SCORE, params="training.model_type=xgboost")),
    Mistake("A model without one of its files", damaged_model(without_a_column_file)),
    Mistake("A model file cut short", damaged_model(with_half_a_json)),
    Mistake("A column's model cut short", damaged_model(with_half_a_column)),
    Mistake("A model of a newer format", damaged_model(of_a_newer_format)),
    Mistake("A folder that is no model", damaged_model(lambda model: (model / "model.json").unlink())),
    Mistake("A model of other columns", other_columns),
    # Runs
    Mistake("A runner of several processes", options(SCORE, "--runner=ParallelRunner")),
    Mistake("Scores of claims that were ingested again since", scores_of_other_claims),
]


@pytest.fixture(scope="module")
def trained(project: Project) -> Project:
    """A project with a model; some mistakes are about models."""
    status, told = project.run(LEARN)
    assert (status, told) == (0, "")
    labels = pd.DataFrame({"claim_id": ["other"], "is_fraud": [1]})
    labels.to_parquet(project.path / "labels_of_others.parquet", index=False)
    return project


@pytest.fixture(scope="module")
def messages() -> dict[str, str]:
    """What each mistake said, by title."""
    return {}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_one_paragraph_and_nothing_half_written(
    mistake: Mistake, trained: Project, messages: dict[str, str], tmp_path: Path
) -> None:
    model = trained.data / "06_models"
    shutil.copytree(model, tmp_path / "whole_model")
    words, params = mistake.arrange(tmp_path)
    before = contents(model)
    status, told = trained.run(*words, params=params)
    unfinished = [path for path in trained.data.rglob(".*") if path.name not in {".gitkeep", ".run.lock"}]
    after = contents(model)
    shutil.rmtree(model)
    shutil.move(tmp_path / "whole_model", model)
    messages[mistake.title] = readable(told, tmp_path, trained.path)
    assert status == mistake.status
    assert "Traceback" not in told
    assert told.startswith(("Error: ", "Usage: "))
    assert unfinished == []
    assert after == before


def readable(told: str, *folders: Path) -> str:
    """Return the message without this machine's paths and the usage line that click puts before it."""
    message = told[told.index("Error: ") :].strip()
    # Where a broken model.json breaks depends on the model.
    message = re.sub(r"line \d+ column \d+ \(char \d+\)", "line … column …", message)
    message = re.sub(r"columns/[0-9a-f]{12}/", "columns/…/", message)
    for folder in folders:
        message = message.replace(f"{folder}/", "").replace(str(folder), ".")
    return re.sub(r"\s+", " ", message)


def test_docs_show_every_message(messages: dict[str, str]) -> None:
    if len(messages) < len(MISTAKES):
        pytest.skip("only some of the mistakes were tried")
    page = errors_page(messages)
    if os.environ.get("UPDATE_DOCS"):
        ERRORS_PAGE.write_text(page, encoding="utf-8")
    assert ERRORS_PAGE.read_text(encoding="utf-8") == page


def errors_page(messages: dict[str, str]) -> str:
    parts = [
        "# Errors\n",
        "A mistake in data, configuration or a command ends with one paragraph and exit status 1 (2 where the command "
        "itself is wrong); tables and models stay as they were. A traceback is a bug: please report it.\n",
        "Single bad rows do not stop a run: they are in `rejected_claims`, with `rejection_reasons`.\n",
    ]
    for mistake in MISTAKES:
        parts += [f"## {mistake.title}\n", f"```text\n{messages[mistake.title]}\n```\n"]
    return "\n".join(parts)


class TestBadRowsAreKeptWithReasons:
    def test_each_reason(self, project: Project, write_claims: Callable[..., Path]) -> None:
        bad = CLAIMS.head(500).copy()
        bad["claim_date"] = bad["claim_date"].dt.strftime("%Y-%m-%d")
        bad["claim_amount"] = bad["claim_amount"].astype(object)
        bad.loc[0, "claim_amount"] = np.inf
        bad.loc[1, "claim_amount"] = -5.0
        bad.loc[2, "claim_date"] = "2099-01-01"
        bad.loc[3, "claim_date"] = "31.31.2025"
        bad.loc[4, "claim_id"] = bad.loc[5, "claim_id"]
        bad.loc[6] = bad.loc[7]
        bad.loc[8, "claim_id"] = " "
        bad.loc[9, "claim_amount"] = "abc"
        bad["claim_amount"] = bad["claim_amount"].astype(str)
        status, told = project.run(INGEST, params=f"raw_claims={write_claims(bad, 'claims.csv')}")
        assert (status, told) == (0, "")
        rejected = project.table("02_intermediate/rejected_claims.parquet")
        assert sorted(rejected["rejection_reasons"]) == [
            "claim_amount is infinite",
            "claim_amount is negative",
            "claim_amount is not a number",
            "claim_date is after 2026-06-30",
            "claim_date is not a date",
            "claim_id is missing",
            "different rows share this claim_id",
            "different rows share this claim_id",
            "duplicate row",
        ]
        assert len(rejected) + len(project.table("04_feature/features.parquet")) == 500


class TestOddButValidInput:
    @pytest.mark.parametrize("model_type", ["catboost", "xgboost"])
    def test_unicode_empty_strings_and_a_hundred_thousand_categories(
        self, project: Project, write_claims: Callable[..., Path], model_type: str
    ) -> None:
        odd = CLAIMS.copy()
        odd["claim_type"] = np.where(np.arange(len(odd)) % 3, "ambulatória 外来", "")
        odd["diagnosis_code"] = [f"code {number}" for number in range(len(odd))]
        params = f"raw_claims={write_claims(odd)},training.model_type={model_type}"
        assert project.run(params=params) == (0, "")
        assert len(project.table("07_model_output/fraud_scores.parquet")) == len(odd)
