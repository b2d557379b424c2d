"""Public entry points that take data from outside, each with a strategy for its input and checks of its result.

A target may refuse its input with an `InputError`. Any other exception is a fault.
"""

from __future__ import annotations

import atexit
import csv
import io
import json
import shutil
import string
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml
from hypothesis import strategies as st
from openpyxl.utils.exceptions import IllegalCharacterError
from pydantic import ValidationError

from claims_fraud.autoencoder import ClaimsOutlierDetector, ClaimsTreeAutoencoder
from claims_fraud.claims import Columns, DataIngestion, IngestionParameters, ReadParameters
from claims_fraud.claims.proposal import propose, propose_columns
from claims_fraud.claims.reading import read_claims
from claims_fraud.datasets.whole_file import WholeFileDataset
from claims_fraud.drift import PSIMonitor, ReferenceProfile
from claims_fraud.errors import InputError
from claims_fraud.fairness import FairnessAnalyzer
from claims_fraud.parameters import check_parameters
from claims_fraud.reporting.spreadsheets import without_formulas
from fuzz.oddities import NAMES, TELLING, Strategy, sane_claims, tables
from support import REPOSITORY, visits_and_surgeries

CODES, AMOUNTS = ["procedure_code", "gender"], ["claim_amount", "units"]
COLUMNS = Columns(procedure="procedure_code", categorical=CODES, numeric=AMOUNTS, protected=[])
LENIENT = IngestionParameters(max_rejected_fraction=1)
SMALL: dict[str, Any] = {"n_estimators": 2, "max_depth": 2, "n_folds": 2, "n_jobs": 1}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "latin-1", "windows-1252"]
PRINTABLE = st.text(st.sampled_from(string.ascii_letters + string.digits + " ,;|\t\"'\n\r.-é€<="), max_size=6)


@dataclass(frozen=True)
class Target:
    """A strategy for the input of a public entry point, and a function that calls it and checks the result."""

    given: Strategy
    attempt: Callable[[Any], None]


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """Yield the path for a file in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / name


def autoencoder(given: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    learned, other = given
    model = ClaimsTreeAutoencoder("xgboost", **SMALL)
    scores, parts = model.fit(learned, CODES, AMOUNTS)
    _check_scores(scores, parts, learned)
    scores, parts = model.compute_fraud_scores(other)
    _check_scores(scores, parts, other)
    model.explain(other)


def _check_scores(scores: Any, parts: pd.DataFrame, rows: pd.DataFrame) -> None:
    assert len(scores) == len(parts) == len(rows)
    assert np.isfinite(scores).all()
    assert np.allclose(parts.sum(axis=1), scores)


def outlier_detector(given: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    learned, other = given
    detector = ClaimsOutlierDetector(ClaimsTreeAutoencoder("xgboost", **SMALL), contamination=0.1)
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            found = detector.fit(learned).predict(other)
    except (TypeError, ValueError) as error:
        # scikit-learn's own errors about the names and number of columns.
        if isinstance(error, InputError) or "sklearn" in _raised_in(error):
            return
        raise
    assert set(found) <= {-1, 1}
    assert len(found) == len(other)


def _raised_in(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename if trace else ""


def drift(given: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    reference, batch = given
    table = PSIMonitor(ReferenceProfile.fit(reference, CODES, AMOUNTS)).compare(batch)
    assert not table["psi"].lt(0).any()


def fairness(given: tuple[pd.DataFrame, list[str], dict[str, Any]]) -> None:
    data, attributes, options = given
    scores = np.arange(len(data), dtype=float)
    analyzer = FairnessAnalyzer(data, scores, attributes, **options)
    found = analyzer.analyze_all_attributes()
    assert set(found) == set(attributes)
    analyzer.get_bias_summary()


def ingestion(raw: pd.DataFrame) -> None:
    features, rejected = DataIngestion(COLUMNS, LENIENT, date(2026, 1, 1)).run(raw)
    assert len(features) + len(rejected) == len(raw)
    assert features["claim_id"].is_unique
    # Rejected rows are saved whatever their types.
    with scratch("rejected.parquet") as path:
        WholeFileDataset(
            filepath=str(path), dataset={"type": "pandas.ParquetDataset"}, made_by="", mixed_as_text=True
        ).save(rejected)
        assert len(pd.read_parquet(path)) == len(rejected)


def proposal_of_a_frame(frame: pd.DataFrame) -> None:
    proposed = yaml.safe_load(propose_columns(frame))["columns"]
    assert isinstance(proposed, dict)


def written_csv(given: tuple[list[list[str]], str, str, str]) -> None:
    """Check that a CSV gives the values it was written from."""
    rows, separator, quote, encoding = given
    names = [f"c{number}" for number in range(len(rows[0]))]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, quotechar=quote, lineterminator="\r\n")
    writer.writerows([names, *rows])
    with scratch("claims.csv") as path:
        try:
            path.write_bytes(text.getvalue().encode(encoding))
        except UnicodeEncodeError:
            return
        read = ReadParameters(separator=separator, quote=quote, encoding=None if "utf" in encoding else encoding)
        found = read_claims(path, read=read)
    expected = [[value or None for value in row] for row in rows]
    assert found.astype(object).where(found.notna(), None).to_numpy().tolist() == expected


def any_file(given: tuple[str, bytes, dict[str, Any]]) -> None:
    name, content, how = given
    with scratch(name) as path:
        path.write_bytes(content)
        try:
            read = ReadParameters(**how)
        except ValidationError:
            return
        frame = read_claims(path, read=read)
        DataIngestion(COLUMNS, LENIENT, date(2026, 1, 1), read=read).run(frame)


def proposal_of_a_file(given: tuple[str, bytes]) -> None:
    name, content = given
    with scratch(name) as path:
        path.write_bytes(content)
        yaml.safe_load(propose(path))


def stored_table(frame: pd.DataFrame) -> None:
    """Write a table as parquet; read, propose and ingest it."""
    with scratch("claims.parquet") as path:
        try:
            frame.to_parquet(path, index=False)
        except (pa.ArrowException, ValueError, TypeError, OverflowError, AttributeError, NotImplementedError):
            return  # parquet cannot hold it, so nobody sends it
        found = read_claims(path)
        assert len(found) == len(frame)
        yaml.safe_load(propose(path))
    ingestion(found)


def spreadsheet(frame: pd.DataFrame) -> None:
    """Write a table as a sheet; read it and propose columns."""
    with scratch("claims.xlsx") as path:
        try:
            frame.to_excel(path, index=False)
        except (ValueError, TypeError, OverflowError, AttributeError, IllegalCharacterError):
            return  # a sheet cannot hold it, so nobody sends it
        read_claims(path)
        yaml.safe_load(propose(path))


def exported(frame: pd.DataFrame) -> None:
    """Check that no cell of an exported table begins like a formula."""
    texts = without_formulas(frame)
    for _, column in texts.items():
        for value in column:
            assert not (isinstance(value, str) and value.startswith(("=", "+", "@", "\t", "\r"))), value


@cache
def _configuration() -> dict[str, Any]:
    files = sorted((REPOSITORY / "conf" / "base").glob("parameters*.yml"))
    every: dict[str, Any] = {}
    for file in files:
        every |= yaml.safe_load(file.read_text()) or {}
    every["as_of"] = "2026-06-30"
    every["scoring"] |= {"scored_at": "2026-06-30"}
    every["training"] |= {"model_type": "catboost"}
    every["tracking"] |= {"registered_model": "m"}
    return every


def parameters(given: list[tuple[list[str], Any]]) -> None:
    every = json.loads(json.dumps(_configuration(), default=str))
    for path, value in given:
        block: Any = every
        for name in path[:-1]:
            block = block.get(name) if isinstance(block, dict) else None
        if isinstance(block, dict):
            block[path[-1]] = value
    check_parameters(every, ("model_type", "raw_claims"))


@st.composite
def places(draw: st.DrawFn) -> list[str]:
    """Return the path to a parameter that exists or not."""
    block: Any = _configuration()
    path: list[str] = []
    while isinstance(block, dict) and block:
        path.append(draw(st.sampled_from([str(name) for name in block])))
        block = block[path[-1]]
        if draw(st.booleans()) and path:
            break
    return [*path[:-1], draw(st.sampled_from([path[-1]] * 4 + list(NAMES)))]


@cache
def _model() -> Path:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    model = ClaimsTreeAutoencoder("xgboost", **SMALL)
    model.fit(visits_and_surgeries(), ["code"], ["amount", "age"])
    model.save(folder / "model")
    return folder / "model"


def damaged_model(given: tuple[int, str, int, bytes]) -> None:
    """Check that a model folder loads only if it is unchanged."""
    number, how, place, junk = given
    with scratch("model") as copy:
        shutil.copytree(_model(), copy)
        files = sorted(path for path in copy.rglob("*") if path.is_file())
        file = files[number % len(files)]
        content = file.read_bytes()
        place %= len(content)
        if how == "gone":
            file.unlink()
        elif how == "cut":
            file.write_bytes(content[:place])
        elif how == "changed":
            file.write_bytes(content[:place] + junk + content[place + len(junk) :])
        else:
            file.write_bytes(junk)
        unchanged = file.exists() and file.read_bytes() == content
        try:
            ClaimsTreeAutoencoder.load(copy)
        except InputError:
            assert not unchanged


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(TELLING) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=4,
)
readings = st.fixed_dictionaries(
    {},
    optional={
        "separator": st.sampled_from([",", ";", "\t", "|", " ", "\n", "é", '"', ""]),
        "quote": st.sampled_from(['"', "'", ",", "\n", "é"]),
        "encoding": st.sampled_from([*ENCODINGS, "utf-32", "ascii", "rot13", "base64", "hex", "idna", "cp037", "x"]),
        "decimal": st.sampled_from([".", ","]),
        "thousands": st.sampled_from(["", ",", ".", " ", "'"]),
        "currency": st.sampled_from(["", "$", "EUR", "(", "["]),
        "date_format": st.sampled_from(["%d.%m.%Y", "%m/%d/%Y", "%", "%Q", "x", "%H", "%Y-%m-%d %z"]),
        "missing_values": st.sampled_from([["?"], ["NA", ""], []]),
        "time_zone": st.sampled_from(["UTC", "Europe/Berlin", "x"]),
        "sheet": st.sampled_from(["Sheet1", "x"]),
    },
)
FILES = ["claims.csv", "claims.csv.gz", "claims.csv.zip", "claims.parquet", "claims.xlsx", "claims.txt"]


def _as_csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode("utf-8", "replace")


claims_tables = tables(sane_claims)
contents = (
    st.binary(max_size=60)
    | st.lists(st.lists(PRINTABLE, max_size=5).map(",".join), max_size=8).map("\n".join).map(str.encode)
    | claims_tables.map(_as_csv)
)
attributes = st.lists(st.sampled_from([*CODES, "units", "rank", "flagged", "x"]), min_size=1, max_size=3, unique=True)
fairness_options = st.fixed_dictionaries(
    {},
    optional={
        "threshold_percentile": st.sampled_from([0, 50, 95, 99.9, 100, -1, float("nan")]),
        "top_k": st.sampled_from([1, 10, 1_000, 0, -1]),
        "bands": st.sampled_from([{"units": [1]}, {"units": [2, 1]}, {"gender": [1]}, {"x": [1]}, {"units": []}]),
        "references": st.sampled_from([{"gender": "F"}, {"gender": 1}, {"units": "1"}, {"x": "1"}]),
        "intersections": st.booleans(),
    },
)
cells = st.sampled_from(TELLING).filter(lambda text: "\x00" not in text and "\ufeff" not in text) | PRINTABLE
texts = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width).filter(any), min_size=1, max_size=8)
)

TARGETS = {
    "autoencoder": Target(st.tuples(claims_tables, claims_tables), autoencoder),
    "outlier detector": Target(st.tuples(claims_tables, claims_tables), outlier_detector),
    "drift": Target(st.tuples(claims_tables, claims_tables), drift),
    "fairness": Target(st.tuples(claims_tables, attributes, fairness_options), fairness),
    "ingestion": Target(claims_tables | tables(), ingestion),
    "proposal of a frame": Target(claims_tables | tables(), proposal_of_a_frame),
    "CSV as it was written": Target(
        st.tuples(
            texts, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(['"', "'"]), st.sampled_from(ENCODINGS)
        ),
        written_csv,
    ),
    "any file": Target(st.tuples(st.sampled_from(FILES), contents, readings), any_file),
    "proposal of a file": Target(st.tuples(st.sampled_from(FILES), contents), proposal_of_a_file),
    "parquet": Target(claims_tables | tables(), stored_table),
    "spreadsheet": Target(tables(sane_claims, most=8), spreadsheet),
    "tables for people": Target(tables(), exported),
    "parameters": Target(
        st.lists(st.tuples(places(), json_values | st.dates()), min_size=1, max_size=3),
        parameters,
    ),
    "damaged model": Target(
        st.tuples(
            st.integers(0, 20),
            st.sampled_from(["gone", "cut", "changed", "changed", "other"]),
            st.integers(0, 100_000),
            st.binary(min_size=1, max_size=8),
        ),
        damaged_model,
    ),
}
