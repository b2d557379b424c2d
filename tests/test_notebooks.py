"""Every notebook runs from its own folder after a run, is short, and is committed without outputs."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from support import REPOSITORY, Project

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
MOST_CELLS = 10


@pytest.fixture(scope="module")
def scored(project: Project) -> Project:
    """A project with ranked claims and the notebooks."""
    assert project.run() == (0, "")
    shutil.copytree(REPOSITORY / "notebooks", project.path / "notebooks")
    return project


def notebook_id(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", NOTEBOOKS, ids=notebook_id)
def test_runs(path: Path, scored: Project) -> None:
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(scored.path / "notebooks")}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=place).execute()
    assert all(cell.outputs for cell in notebook.cells[2:] if cell.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=notebook_id)
class TestIsThin:
    def test_few_cells(self, path: Path) -> None:
        assert len(nbformat.read(path, as_version=4).cells) <= MOST_CELLS

    def test_no_outputs(self, path: Path) -> None:
        code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        assert [cell for cell in code if cell.outputs or cell.execution_count is not None] == []
