"""Clean environments and commands in them, to which nothing of the environment of the tests comes through."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from support import REPOSITORY

# What belongs to the environment that the tests run in.
OF_THIS_ENVIRONMENT = ("PYTHON", "VIRTUAL_ENV", "KEDRO", "MLFLOW", "MAKE")


def variables(programs: Path | None = None) -> dict[str, str]:
    """Return environment variables with nothing of this environment, in which the programs of a folder come first."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(OF_THIS_ENVIRONMENT)}
    return others if programs is None else {**others, "PATH": f"{programs}{os.pathsep}{others['PATH']}"}


def call(
    command: Sequence[str | Path], folder: Path, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with environment variables of its own besides."""
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**variables(), **(more or {})},
        capture_output=True,
        text=True,
        timeout=1_800,
        check=False,
    )


def done(command: Sequence[str | Path], folder: Path) -> None:
    called = call(command, folder)
    assert called.returncode == 0, called.stdout[-5_000:] + called.stderr[-5_000:]


def python_3_12() -> Path | None:
    """Return a Python 3.12 of this machine, if any."""
    on_path = shutil.which("python3.12")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [*([Path(on_path)] if on_path else []), *sorted(pyenv.glob("3.12.*/bin/python3.12"))]
    # A shim of pyenv is there for versions that are not.
    return next((path for path in found if call([path, "-c", ""], Path.cwd()).returncode == 0), None)


def environment(folder: Path, base: Path, lock_name: str, wheel: Path) -> Path:
    """Make an environment with the dependencies of a lock and the wheel; return its Python."""
    python, uv = empty_environment(folder, base), find_uv()
    lock = REPOSITORY / "requirements" / f"{lock_name}.lock"
    if uv:
        done([uv, "pip", "sync", "--python", python, "--require-hashes", lock], folder)
        done([uv, "pip", "install", "--python", python, "--no-deps", wheel], folder)
    else:
        # The lock is complete: what it leaves out on purpose pip would ask for.
        done(
            [python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--requirement", lock], folder
        )
        done([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], folder)
    return python


def environment_of(folder: Path, base: Path, requirements: Path) -> Path:
    """Make an environment with the requirements of a file and what they need; return its Python."""
    python, uv = empty_environment(folder, base), find_uv()
    install = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install", "--quiet"]
    done([*install, "--requirement", requirements], folder)
    return python


def empty_environment(folder: Path, base: Path) -> Path:
    """Make an environment without packages, but for pip where there is no uv; return its Python."""
    done([base, "-m", "venv", *(["--without-pip"] if find_uv() else []), folder / "environment"], folder)
    return folder / "environment" / "bin" / "python"


def find_uv() -> str | None:
    return shutil.which("uv") or shutil.which("uv", path=REPOSITORY / ".tools" / "bin")
