"""A project in which the default pipeline has run once, to read from or to copy and go on in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import Project, copy_of, make_project, working_in


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a project after ``kedro run`` with labels; never write into it."""
    project = make_project(tmp_path_factory.mktemp("first_run"))
    with working_in(project.path):
        assert project.run(params="training.evaluate_labels=true") == (0, "")
    return project.path


@pytest.fixture
def finished(first_run: Path) -> Project:
    """A project whose default pipeline has run, to read from."""
    return Project(first_run)


@pytest.fixture
def copied(first_run: Path, tmp_path: Path) -> Iterator[Project]:
    """A copy of it, to go on in."""
    with copy_of(first_run, tmp_path) as project:
        yield project
