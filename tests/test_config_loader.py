"""One file of parameters and paths: --params=settings=FILE."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from claims_fraud.config_loader import ConfigLoader, with_settings
from claims_fraud.errors import InputError
from claims_fraud.settings import CONFIG_LOADER_ARGS
from support import REPOSITORY


def written(folder: Path, text: str) -> str:
    path = folder / "ours.yml"
    path.write_text(text, encoding="utf-8")
    return str(path)


class TestWithSettings:
    def test_nothing_changes_without_a_file(self) -> None:
        assert with_settings({"columns": {"label": "fraud"}}) == {"columns": {"label": "fraud"}}

    def test_what_is_given_beside_the_file_comes_first(self, tmp_path: Path) -> None:
        path = written(tmp_path, "raw_claims: ours.csv\ncolumns: {label: fraud, categorical: [a, b]}")
        given = {"settings": path, "columns": {"label": None, "numeric": ["c"]}}
        assert with_settings(given) == {
            "raw_claims": "ours.csv",
            "columns": {"label": None, "categorical": ["a", "b"], "numeric": ["c"]},
        }

    @pytest.mark.parametrize(
        ("given", "read"),
        [
            (20240331, "20240331"),
            ("~/claims.csv", str(Path.home() / "claims.csv")),
            ("file:///data/claims.csv", "/data/claims.csv"),
            ("~claims.csv", "~claims.csv"),
            (None, None),
        ],
    )
    def test_a_path_is_text(self, given: Any, read: str | None) -> None:
        assert with_settings({"raw_claims": given}) == {"raw_claims": read}

    def test_parameters_keep_their_kind(self) -> None:
        assert with_settings({"training": {"n_folds": 2}}) == {"training": {"n_folds": 2}}

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("columns: [", r"ours.yml is not YAML: while parsing a flow node"),
            ("- a list", r"ours.yml has no keys. It holds parameters and paths"),
            ("", r"ours.yml has no keys"),
            ("!!python/object/apply:os.getcwd []", r"ours.yml is not YAML: could not determine a constructor"),
        ],
    )
    def test_what_is_no_settings_file_is_refused(self, tmp_path: Path, text: str, told: str) -> None:
        with pytest.raises(InputError, match=told):
            with_settings({"settings": written(tmp_path, text)})

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"the settings file nowhere.yml cannot be read \(No such file"):
            with_settings({"settings": "nowhere.yml"})


def test_an_environment_may_be_one_file() -> None:
    loader = ConfigLoader(str(REPOSITORY / "conf"), "medicare", {"raw_claims": "other.parquet"}, **CONFIG_LOADER_ARGS)
    assert loader["parameters"]["columns"]["claim_id"] == "ClaimID"
    assert loader["catalog"]["features"]["filepath"] == "data/medicare/04_feature/features.parquet"
    assert loader["catalog"]["raw_claims"]["filepath"] == "other.parquet"


@pytest.mark.parametrize(
    ("env", "dataset", "key", "where"),
    [
        ("local", "features", "filepath", "data/ours/04_feature/features.parquet"),
        ("databricks", "features", "table", "features"),
    ],
)
def test_works_in_every_environment(tmp_path: Path, env: str, dataset: str, key: str, where: str) -> None:
    path = written(tmp_path, "data_root: data/ours\nraw_claims: ours.csv\ncolumns: {claim_id: number}")
    given: dict[str, Any] = {"settings": path}
    loader = ConfigLoader(str(REPOSITORY / "conf"), env, given, **CONFIG_LOADER_ARGS)
    assert loader["parameters"]["columns"]["claim_id"] == "number"
    assert loader["parameters"]["columns"]["claim_date"] == "claim_date"
    assert "ours.csv" in loader["catalog"]["raw_claims"].values()
    assert loader["catalog"][dataset][key].endswith(where)
