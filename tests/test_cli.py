"""The commands outside of a Kedro run, and the exit statuses of all of them."""

from __future__ import annotations

import click
import pandas as pd
import pytest
import yaml

from claims_fraud import __main__ as package
from claims_fraud.claims import Columns
from claims_fraud.claims.sample import generate_claims
from claims_fraud.cli import jobs, one_paragraph, run_command
from claims_fraud.errors import InputError


@pytest.fixture(scope="module")
def claims(tmp_path_factory):
    path = tmp_path_factory.mktemp("claims") / "claims.parquet"
    generate_claims(1_000, seed=5)[0].to_parquet(path, index=False)
    return str(path)


class TestInitColumns:
    def test_prints_a_block_that_the_configuration_takes(self, claims, capsys):
        assert run_command(jobs, ["init-columns", claims]) == 0
        printed = capsys.readouterr().out
        proposed = yaml.safe_load(printed)
        assert list(proposed) == ["raw_claims", "data_root", "columns", "read"]
        assert (proposed["raw_claims"], proposed["data_root"]) == (claims, "data/claims")
        columns = Columns.model_validate(proposed["columns"])
        assert (columns.claim_id, columns.party, columns.provider) == ("claim_id", "patient_id", "provider_id")

    def test_writes_it_to_a_file_in_a_folder_that_need_not_exist(self, claims, tmp_path, capsys):
        output = tmp_path / "mine" / "parameters.yml"
        assert run_command(jobs, ["init-columns", claims, f"--output={output}"]) == 0
        written = output.read_text(encoding="utf-8")
        assert capsys.readouterr().out == (
            f"Settings written to {output}. Review them, then run `kedro run --params=settings={output}`.\n"
        )
        run_command(jobs, ["init-columns", claims])
        assert written == capsys.readouterr().out

    def test_does_not_overwrite(self, claims, tmp_path, capsys):
        output = tmp_path / "parameters.yml"
        output.write_text("mine")
        assert run_command(jobs, ["init-columns", claims, f"--output={output}"]) == 1
        assert output.read_text() == "mine"
        assert capsys.readouterr().err == (
            f"Error: {output} exists already and is not overwritten. Give another --output.\n"
        )

    def test_takes_another_separator(self, tmp_path, capsys):
        path = tmp_path / "claims.csv"
        generate_claims(1_000, seed=5)[0].to_csv(path, sep=";", index=False)
        assert run_command(jobs, ["init-columns", str(path), "--csv-separator=;"]) == 0
        assert yaml.safe_load(capsys.readouterr().out)["columns"]["claim_id"] == "claim_id"

    def test_a_file_that_cannot_be_read_is_one_paragraph(self, tmp_path, capsys):
        path = tmp_path / "claims.parquet"
        path.write_bytes(b"PAR1 and no more")
        assert run_command(jobs, ["init-columns", str(path)]) == 1
        told = capsys.readouterr().err
        assert told.startswith("Error: ")
        assert "cannot be read as parquet" in told
        assert told.count("\n") == 1

    def test_a_file_that_does_not_exist_is_wrong_use(self, tmp_path, capsys):
        assert run_command(jobs, ["init-columns", str(tmp_path / "missing.csv")]) == 2
        assert "missing.csv' does not exist" in capsys.readouterr().err


class TestSample:
    def test_writes_claims_and_labels(self, tmp_path, capsys):
        folder = tmp_path / "drawn"
        assert run_command(jobs, ["sample", str(folder), "--claims=1000", "--seed=5"]) == 0
        assert capsys.readouterr().out == f"1,000 claims and their labels written to {folder}.\n"
        claims, labels = generate_claims(1_000, seed=5)
        pd.testing.assert_frame_equal(pd.read_parquet(folder / "claims_train.parquet"), claims)
        pd.testing.assert_frame_equal(pd.read_parquet(folder / "claim_labels.parquet"), labels)

    @pytest.mark.parametrize("option", ["--claims=999", "--drift=1.5", "--seed=-1", "--claims=many"])
    def test_a_value_out_of_range_is_wrong_use(self, tmp_path, capsys, option):
        assert run_command(jobs, ["sample", str(tmp_path / "drawn"), option]) == 2
        assert f"Invalid value for '{option.split('=')[0]}'" in capsys.readouterr().err
        assert not (tmp_path / "drawn").exists()

    def test_a_file_in_the_place_of_the_folder_is_wrong_use(self, tmp_path):
        (tmp_path / "drawn").write_text("mine")
        assert run_command(jobs, ["sample", str(tmp_path / "drawn"), "--claims=1000"]) == 2
        assert (tmp_path / "drawn").read_text() == "mine"


class TestExitStatus:
    @pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["init-columns", "--help"], ["sample", "--help"]])
    def test_help_is_no_failure(self, arguments, capsys):
        assert run_command(jobs, arguments) == 0
        assert "Usage: " in capsys.readouterr().out

    def test_help_lists_every_command(self, capsys):
        run_command(jobs, ["--help"])
        printed = capsys.readouterr().out
        assert all(f"\n  {name}" in printed for name in jobs.commands)

    @pytest.mark.parametrize("arguments", [[], ["init-column"], ["init-columns"], ["init-columns", "--colour"]])
    def test_wrong_use(self, arguments, capsys):
        assert run_command(jobs, arguments) == 2
        assert "Usage: " in capsys.readouterr().err

    @pytest.mark.parametrize("status", [0, 1, 3])
    def test_a_command_may_leave_with_its_own(self, status):
        gate = click.Command("gate", callback=lambda: click.get_current_context().exit(status))
        assert run_command(gate, []) == status

    def test_a_bug_keeps_its_traceback(self):
        def fail():
            with one_paragraph():
                raise KeyError("bug")

        with pytest.raises(KeyError, match="bug"):
            run_command(click.Command("fail", callback=fail), [])

    def test_a_mistake_wrapped_by_another_error_is_still_one_paragraph(self, capsys):
        def fail():
            with one_paragraph():
                try:
                    raise InputError("column 'a'\nis missing.")
                except InputError as error:
                    raise RuntimeError("node failed") from error

        assert run_command(click.Command("fail", callback=fail), []) == 1
        assert capsys.readouterr().err == "Error: column 'a' is missing.\n"


class TestConsoleScript:
    def test_returns_on_success(self, capsys):
        assert package.jobs(["--help"]) is None
        assert "init-columns" in capsys.readouterr().out

    def test_takes_the_arguments_of_the_process(self, claims, capsys, monkeypatch):
        monkeypatch.setattr("sys.argv", ["claims-fraud-jobs", "init-columns", claims])
        assert package.jobs() is None
        assert "columns:\n" in capsys.readouterr().out

    @pytest.mark.parametrize(("arguments", "status"), [(["--colour"], 2), (["sample", "x", "--claims=1"], 2)])
    def test_leaves_by_the_status_on_failure(self, arguments, status, capsys):
        with pytest.raises(SystemExit) as raised:
            package.jobs(arguments)
        assert raised.value.code == status


@pytest.mark.usefixtures("project")
class TestMainOfThePackage:
    def test_returns_on_success(self, capsys):
        assert package.main(["--help"]) is None
        assert "--pipelines" in capsys.readouterr().out

    @pytest.mark.parametrize(("option", "status"), [("--pipelines=trainin", 2), ("--params=trainin.x=1", 1)])
    def test_leaves_by_the_status_on_failure(self, option, status, capsys):
        with pytest.raises(SystemExit) as raised:
            package.main([option])
        assert raised.value.code == status
        assert "Error: " in capsys.readouterr().err
