"""Files are written whole or not at all, and a missing one says which command makes it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects
import pytest
from kedro.io import AbstractDataset, DatasetError

from claims_fraud.datasets import WholeFileDataset
from claims_fraud.errors import InputError

CLAIMS = pd.DataFrame({"claim_id": ["a", "b"], "amount": [1.5, None]})


class HalfwayDataset(AbstractDataset[str, str]):
    """Fails after it has written half."""

    def __init__(self, filepath: str) -> None:
        self._path = Path(filepath)

    def load(self) -> str:
        return self._path.read_text()

    def save(self, data: str) -> None:
        self._path.write_text(data[: len(data) // 2])
        raise OSError("no space left on device")

    def _describe(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def shelf(tmp_path):
    return tmp_path / "shelf"


def parquet(shelf: Path, **options: Any) -> WholeFileDataset:
    definition = {"type": "pandas.ParquetDataset"}
    return WholeFileDataset(filepath=str(shelf / "scores.parquet"), dataset=definition, made_by="scoring", **options)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_saved_is_loaded_and_nothing_else_is_left(shelf):
    dataset = parquet(shelf)
    dataset.save(CLAIMS)
    pd.testing.assert_frame_equal(dataset.load(), CLAIMS)
    assert names(shelf) == ["scores.parquet"]


def test_a_later_save_replaces_the_earlier(shelf):
    dataset = parquet(shelf)
    dataset.save(CLAIMS)
    dataset.save(CLAIMS.head(1))
    assert dataset.load()["claim_id"].tolist() == ["a"]
    assert names(shelf) == ["scores.parquet"]


def test_options_of_the_wrapped_dataset_hold(shelf):
    definition = {"type": "pandas.CSVDataset", "save_args": {"index": False, "sep": ";"}}
    dataset = WholeFileDataset(filepath=str(shelf / "top.csv"), dataset=definition, made_by="scoring")
    dataset.save(pd.DataFrame({"rank": [1], "name": ["Zoë"]}))
    assert (shelf / "top.csv").read_text(encoding="utf-8") == "rank;name\n1;Zoë\n"


@pytest.mark.parametrize("earlier", [None, "the earlier file"])
def test_a_save_that_fails_halfway_leaves_what_was_there(shelf, earlier):
    shelf.mkdir()
    if earlier:
        (shelf / "report.txt").write_text(earlier)
    dataset = WholeFileDataset(filepath=str(shelf / "report.txt"), dataset={"type": HalfwayDataset}, made_by="scoring")
    with pytest.raises(DatasetError, match="no space left on device"):
        dataset.save("a much longer newer file")
    assert names(shelf) == (["report.txt"] if earlier else [])
    assert not earlier or (shelf / "report.txt").read_text() == earlier


def test_a_frame_that_parquet_cannot_hold_leaves_the_earlier_file(shelf):
    dataset = parquet(shelf)
    dataset.save(CLAIMS)
    with pytest.raises(DatasetError):
        dataset.save(CLAIMS.assign(amount=[1.5, object()]))
    pd.testing.assert_frame_equal(dataset.load(), CLAIMS)
    assert names(shelf) == ["scores.parquet"]


def test_a_missing_file_says_which_command_makes_it(shelf):
    with pytest.raises(DatasetError) as raised:
        parquet(shelf).load()
    cause = raised.value.__cause__
    assert isinstance(cause, InputError)
    assert str(cause).removeprefix(str(shelf)) == (
        "/scores.parquet does not exist yet. Make it with `kedro run --pipelines=scoring` (same --env)."
    )


def test_a_missing_file_that_is_optional_loads_as_none(shelf):
    dataset = parquet(shelf, optional=True)
    assert dataset.load() is None
    dataset.save(CLAIMS)
    assert len(dataset.load()) == 2


def test_exists_and_describes_itself(shelf):
    dataset = parquet(shelf)
    assert not dataset.exists()
    dataset.save(CLAIMS)
    assert dataset.exists()
    assert str(shelf / "scores.parquet") in str(dataset)


class TestUpsertBy:
    def test_rows_replace_those_with_their_key_and_the_others_stay_sorted_by_key(self, shelf):
        dataset = parquet(shelf, upsert_by="claim_id")
        dataset.save(pd.DataFrame({"claim_id": ["c", "a"], "amount": [3.0, 1.0]}))
        dataset.save(pd.DataFrame({"claim_id": ["d", "a", "b"], "amount": [4.0, None, 2.0]}))
        expected = pd.DataFrame({"claim_id": ["a", "b", "c", "d"], "amount": [None, 2.0, 3.0, 4.0]})
        pd.testing.assert_frame_equal(dataset.load(), expected)
        assert names(shelf) == ["scores.parquet"]

    def test_rows_are_sorted_from_the_first_save_on(self, shelf):
        dataset = parquet(shelf, upsert_by="claim_id")
        dataset.save(CLAIMS.iloc[::-1])
        pd.testing.assert_frame_equal(dataset.load(), CLAIMS)

    def test_the_same_rows_again_change_nothing(self, shelf):
        dataset = parquet(shelf, upsert_by="claim_id")
        dataset.save(CLAIMS)
        before = (shelf / "scores.parquet").read_bytes()
        dataset.save(CLAIMS.tail(1))
        assert (shelf / "scores.parquet").read_bytes() == before

    def test_what_is_saved_is_left_alone(self, shelf):
        frame = CLAIMS.iloc[::-1].copy()
        before = frame.copy()
        parquet(shelf, upsert_by="claim_id").save(frame)
        pd.testing.assert_frame_equal(frame, before)

    def test_a_save_that_fails_leaves_the_earlier_rows(self, shelf):
        dataset = parquet(shelf, upsert_by="claim_id")
        dataset.save(CLAIMS)
        with pytest.raises(DatasetError):
            dataset.save(CLAIMS.assign(amount=[1.5, object()]))
        pd.testing.assert_frame_equal(dataset.load(), CLAIMS)


def test_columns_of_mixed_types_are_saved_as_text_where_that_is_wanted(tmp_path):
    mixed = pd.DataFrame({"note": [1, "two", None], "parts": [(1, 2), "x", None], "amount": [1.5, None, 3.0]})
    file = {"filepath": str(tmp_path / "t.parquet"), "dataset": {"type": "pandas.ParquetDataset"}, "made_by": "p"}
    with pytest.raises(DatasetError):
        WholeFileDataset(**file).save(mixed)
    dataset = WholeFileDataset(**file, mixed_as_text=True)
    dataset.save(mixed)
    assert dataset.load().astype(object).where(lambda table: table.notna(), None).to_dict("list") == {
        "note": ["1", "two", None],
        "parts": ["(1, 2)", "x", None],
        "amount": [1.5, None, 3.0],
    }


def test_a_figure_has_a_preview_for_kedro_viz_and_claims_have_none(shelf):
    figure = WholeFileDataset(
        filepath=str(shelf / "figure.json"), dataset={"type": "plotly.JSONDataset"}, made_by="monitoring"
    )
    figure.save(plotly.graph_objects.Figure(plotly.graph_objects.Bar(y=[1, 2])))
    # Kedro-Viz goes by the name of what the preview returns.
    assert inspect.signature(figure.preview).return_annotation == "PlotlyPreview"
    assert figure.preview()["data"][0]["type"] == "bar"
    assert not hasattr(parquet(shelf), "preview")
