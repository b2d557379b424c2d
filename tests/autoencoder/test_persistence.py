"""The artefact's folder: replaced whole or not at all, and checked before it is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from claims_fraud.autoencoder.persistence import (
    content_hash,
    file_hash,
    packed,
    read_model,
    unpack,
    write_model,
)
from claims_fraud.errors import InputError


def write(folder: Path, scratch: Path, text: str = "trees") -> dict:
    """Write an artefact with one column file and return its content."""
    scratch.mkdir(exist_ok=True)
    source = scratch / "000.cbm"
    source.write_text(text)
    content = {"files": {"000.cbm": file_hash(source)}, "name": "é", "scale": 0.1}
    write_model(folder, content, {"000.cbm": source})
    return content


def column_file(folder: Path) -> Path:
    """Return the one column file of the model."""
    (file,) = (folder / "columns").rglob("*.cbm")
    return file


@pytest.fixture
def scratch(tmp_path):
    return tmp_path / "scratch"


@pytest.fixture
def shelf(tmp_path):
    """Return the folder that holds the model's folder and nothing else."""
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


@pytest.fixture
def folder(shelf, scratch):
    write(shelf / "model", scratch)
    return shelf / "model"


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_is_written_is_read(shelf, scratch):
    content = write(shelf / "deep" / "model", scratch)
    assert read_model(shelf / "deep" / "model") == {**content, "model_version": content_hash(content)}
    version = content_hash(content)
    assert files_in(shelf) == [f"deep/model/columns/{version}/000.cbm", "deep/model/model.json"]


def test_what_is_packed_is_unpacked(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    unpack(packed(folder), tmp_path / "elsewhere")
    assert read_model(tmp_path / "elsewhere") == read_model(folder)
    assert files_in(tmp_path / "elsewhere") == files_in(folder)


def test_an_empty_folder_and_an_earlier_model_are_replaced(shelf, scratch):
    (shelf / "model").mkdir()
    write(shelf / "model", scratch)
    column_file(shelf / "model").with_name("001.cbm").write_text("of an earlier model with more columns")
    (shelf / "model" / "columns" / "000.cbm").write_text("of an earlier format")
    version = content_hash(write(shelf / "model", scratch, "newer"))
    assert files_in(shelf) == [f"model/columns/{version}/000.cbm", "model/model.json"]
    assert column_file(shelf / "model").read_text() == "newer"


def test_the_same_model_again_mends_one_that_was_damaged(folder, scratch):
    column_file(folder).write_text("damaged")
    content = write(folder, scratch)
    assert read_model(folder) == {**content, "model_version": content_hash(content)}


def test_what_a_first_save_left_that_was_cut_short_is_replaced(shelf, scratch):
    (shelf / "model" / "columns" / "0123456789ab").mkdir(parents=True)
    (shelf / "model" / "columns" / "0123456789ab" / "000.cbm").write_text("of no model")
    content = write(shelf / "model", scratch)
    assert files_in(shelf) == [f"model/columns/{content_hash(content)}/000.cbm", "model/model.json"]


@pytest.mark.parametrize("others", [["notes.txt"], ["model.json", "notes.txt"], ["columns"]])
def test_any_other_folder_is_refused_and_left_as_it_was(shelf, scratch, others):
    (shelf / "model").mkdir()
    for name in others:
        (shelf / "model" / name).write_text("mine")
    with pytest.raises(InputError, match=r"is not empty and holds .* so it is not replaced. Give another path"):
        write(shelf / "model", scratch)
    assert files_in(shelf) == [f"model/{name}" for name in sorted(others)]
    assert len(list(shelf.iterdir())) == 1


def test_a_file_is_refused_and_left_as_it_was(shelf, scratch):
    (shelf / "model").write_text("mine")
    with pytest.raises(InputError, match=r"model is a file and is not replaced. Give the path of a folder"):
        write(shelf / "model", scratch)
    assert (shelf / "model").read_text() == "mine"
    assert len(list(shelf.iterdir())) == 1


def test_a_column_file_that_is_not_there_leaves_nothing_behind(shelf):
    with pytest.raises(FileNotFoundError):
        write_model(shelf / "model", {"files": {}}, {"000.cbm": shelf / "nowhere"})
    assert list(shelf.iterdir()) == []


def test_at_every_step_of_a_save_the_folder_has_a_whole_model(folder, scratch, monkeypatch):
    replace, versions = Path.replace, []

    def looks_before_and_after(self, target):
        versions.append(read_model(folder)["model_version"])
        replace(self, target)
        versions.append(read_model(folder)["model_version"])

    monkeypatch.setattr(Path, "replace", looks_before_and_after)
    earlier = read_model(folder)["model_version"]
    newer = content_hash(write(folder, scratch, "newer"))
    assert versions == [earlier, earlier, earlier, newer]


def test_if_the_new_model_cannot_be_put_in_place_the_earlier_one_stays(folder, scratch, monkeypatch):
    replace = Path.replace

    def fails_at_last(self, target):
        if self.name == "model.json":
            raise OSError("disk full")
        return replace(self, target)

    before = read_model(folder)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fails_at_last)
        with pytest.raises(OSError, match="disk full"):
            write(folder, scratch, "newer")
    assert read_model(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    content = write(folder, scratch, "newest")
    assert files_in(folder) == [f"columns/{content_hash(content)}/000.cbm", "model.json"]


def test_a_missing_model(tmp_path):
    with pytest.raises(InputError, match=r"there is no model.json, so it is no trained model. Train again"):
        read_model(tmp_path / "nowhere")


def test_an_incomplete_model(folder):
    column_file(folder).unlink()
    with pytest.raises(InputError, match=r"columns/[0-9a-f]{12}/000.cbm is missing. Train again"):
        read_model(folder)


@pytest.mark.parametrize("text", ["tre", "treez"])
def test_a_column_file_that_was_cut_short_or_changed(folder, text):
    column_file(folder).write_text(text)
    with pytest.raises(InputError, match=r"columns/[0-9a-f]{12}/000.cbm is not the file that was saved .* Train again"):
        read_model(folder)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_model_json_that_was_cut_short(folder, share):
    text = (folder / "model.json").read_text(encoding="utf-8")
    (folder / "model.json").write_text(text[: int(share * len(text))], encoding="utf-8")
    with pytest.raises(InputError, match=r"model.json is cut short or damaged .* Train again"):
        read_model(folder)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"5", b"null"])
def test_a_model_json_that_is_something_else(folder, data):
    (folder / "model.json").write_bytes(data)
    with pytest.raises(InputError, match=r"model.json is cut short or damaged"):
        read_model(folder)


def change(folder, **fields):
    content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps({**content, **fields}), encoding="utf-8")


def test_a_model_json_that_was_changed(folder):
    change(folder, scale=0.2)
    with pytest.raises(InputError, match=r"model.json was changed after it was saved. Train again"):
        read_model(folder)


@pytest.mark.parametrize("version", [5, 7, None])
def test_another_format(folder, version):
    change(folder, format_version=version)
    with pytest.raises(
        InputError, match=f"format version {version}; this version of claims_fraud reads 6. Install the version"
    ):
        read_model(folder)
