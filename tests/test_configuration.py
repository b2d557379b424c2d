"""The configuration as it is told: values, where they come from, and no secrets."""

from __future__ import annotations

import tarfile

import pytest

from claims_fraud import configuration
from claims_fraud.__main__ import jobs as main
from claims_fraud.errors import InputError
from claims_fraud.settings import CONFIG_LOADER_ARGS
from support import REPOSITORY

CONF = REPOSITORY / "conf"


def told(env="local", folder=CONF, **given):
    return list(configuration.told(folder, env, given, CONFIG_LOADER_ARGS))


@pytest.fixture
def copied(tmp_path):
    """Return a copy of the configuration with a file of the local environment's own."""
    for path in CONF.rglob("*.yml"):
        target = tmp_path / "conf" / path.relative_to(CONF)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return tmp_path / "conf"


class TestValues:
    def test_of_base(self):
        assert "  training.n_folds: 3  # base/parameters_training.yml" in told()

    def test_of_the_environment_beside_those_of_base(self, copied):
        (copied / "local" / "parameters_mine.yml").write_text("training: {n_folds: 5}", encoding="utf-8")
        lines = told(folder=copied)
        assert "  training.n_folds: 5  # local/parameters_mine.yml" in lines
        assert "  training.n_estimators: 12  # base/parameters_training.yml" in lines

    def test_of_the_command_line(self):
        lines = told(training={"n_folds": 4}, tracking_uri="sqlite:///x.db")
        assert "  training.n_folds: 4  # command line" in lines
        assert "  tracking_uri: sqlite:///x.db  # command line" in lines
        assert (
            "  server.mlflow_tracking_uri: sqlite:///x.db  # base/mlflow.yml, "
            "${runtime_params:tracking_uri,${globals:tracking_uri}}"
        ) in lines

    @pytest.mark.parametrize(
        ("uri", "place"),
        [
            ("sqlite:////runs/mlflow.db", "/runs/mlartifacts"),
            ("http://127.0.0.1:5000", "null"),
            ("databricks", "null"),
        ],
    )
    def test_of_artefacts_beside_a_local_database_only(self, uri, place):
        for env in ("local", "databricks"):
            (line,) = (line for line in told(env=env, tracking_uri=uri) if "artifact_location" in line)
            assert line.startswith(f"  tracking.experiment.create_experiment_kwargs.artifact_location: {place}  # ")

    def test_that_nobody_set(self, copied):
        file = copied / "base" / "parameters_training.yml"
        file.write_text(file.read_text(encoding="utf-8").replace("  n_folds: 3\n", ""), encoding="utf-8")
        assert "  training.n_folds: 3  # default" in told(folder=copied)

    def test_all_sections_that_are_there(self):
        sections = [line for line in told() if not line.startswith(" ")]
        assert sections == ["globals:", "parameters:", "mlflow:", "catalog:"]
        assert "spark:" in told(env="databricks")

    def test_of_an_archive(self, copied, tmp_path):
        with tarfile.open(tmp_path / "conf.tar.gz", "w:gz") as archive:
            archive.add(copied, "conf")
        assert told(folder=tmp_path / "conf.tar.gz") == told(folder=copied)

    def test_a_wrong_one_is_named(self):
        with pytest.raises(InputError, match=r"Parameter 'training\.n_folds' is 1"):
            told(training={"n_folds": 1})


class TestSecrets:
    def test_are_not_told(self, copied):
        (copied / "local" / "mlflow.yml").write_text(
            "server: {mlflow_tracking_uri: 'https://me:${secret:siu/token}@host'}", encoding="utf-8"
        )
        (line,) = (line for line in told(folder=copied) if "tracking_uri: https" in line)
        assert line == (
            "  server.mlflow_tracking_uri: https://me:***@host  # local/mlflow.yml, https://me:${secret:siu/token}@host"
        )

    def test_passwords_in_addresses_are_not_told(self):
        lines = told(tracking_uri="postgresql://me:pass@host/runs")
        assert "  tracking_uri: postgresql://me:***@host/runs  # command line" in lines
        assert not any("pass@" in line for line in lines)


class TestCommand:
    def test_prints_it(self, monkeypatch, capsys):
        monkeypatch.chdir(REPOSITORY)
        main(["config", "--env=local", "--param=training.n_folds=4", "--as-of=2026-01-31"])
        printed = capsys.readouterr().out
        assert "  training.n_folds: 4  # command line\n" in printed
        assert "  as_of: '2026-01-31'  # command line\n" in printed

    @pytest.mark.parametrize(
        ("arguments", "status", "message"),
        [
            (["--env=prod"], 2, "Environment 'prod' is unknown: conf/ has databricks, local."),
            (["--conf-source=nowhere"], 1, "there is no configuration at nowhere. Give its folder or archive"),
            (["--env=local", "--param=training.n_fold=4"], 1, "Did you mean 'training.n_folds'?"),
        ],
    )
    def test_says_what_is_wrong(self, arguments, status, message, monkeypatch, capsys):
        monkeypatch.chdir(REPOSITORY)
        with pytest.raises(SystemExit) as left:
            main(["config", *arguments])
        assert left.value.code == status
        assert message in capsys.readouterr().err
