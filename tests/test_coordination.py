"""Plug-ins around a run: whom it tells what, and what becomes of one that fails."""

from __future__ import annotations

import json
import logging
from datetime import datetime

import pytest

from claims_fraud.coordination import CoordinationSpecs, Coordinator, EventLog, HookFailed, coordination_impl
from claims_fraud.errors import InputError


class Listener:
    """Remembers what it was told."""

    def __init__(self):
        self.told = []

    @coordination_impl
    def pre_model_training(self, model_type):
        self.told.append(("pre_model_training", model_type))

    @coordination_impl
    def post_model_training(self, metrics):
        self.told.append(("post_model_training", metrics))


class Failing:
    @coordination_impl
    def pre_model_training(self):
        raise ZeroDivisionError("no claims")


def events(folder):
    (file,) = folder.iterdir()
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


class TestPlugins:
    def test_are_told_what_they_name(self):
        one, two = Listener(), Listener()
        coordinator = Coordinator([one, two])
        coordinator.tell("pre_model_training", model_type="xgboost")
        coordinator.tell("post_model_training", model_type="xgboost", metrics={"n": 3})
        coordinator.tell("pre_scoring", model_type="xgboost")
        assert one.told == two.told == [("pre_model_training", "xgboost"), ("post_model_training", {"n": 3})]

    def test_one_that_fails_is_logged_and_keeps_nobody_else_from_being_told(self, caplog):
        before, after = Listener(), Listener()
        with caplog.at_level(logging.ERROR):
            Coordinator([before, Failing(), after]).tell("pre_model_training", model_type="catboost")
        assert before.told == after.told == [("pre_model_training", "catboost")]
        (record,) = caplog.records
        assert record.getMessage().endswith("failed; the run goes on")
        assert record.exc_info[0] is ZeroDivisionError

    def test_one_that_fails_ends_the_run_where_that_is_asked_for(self):
        with pytest.raises(HookFailed, match=r"of plug-in \S+ failed \(ZeroDivisionError: no claims\)"):
            Coordinator([Failing()], fatal=True).tell("pre_model_training", model_type="catboost")

    def test_a_hook_that_does_not_exist_is_refused(self):
        class Misspelt:
            @coordination_impl
            def pre_model_trainig(self):
                """Never called."""

        with pytest.raises(InputError, match=r"(?s)pre_model_trainig.*claims_fraud\.coordination\.CoordinationSpecs"):
            Coordinator([Misspelt()])

    def test_an_argument_that_does_not_exist_is_refused(self):
        class Greedy:
            @coordination_impl
            def pre_model_training(self, claims):
                """Never called."""

        with pytest.raises(InputError, match=r"(?s)claims.*claims_fraud\.coordination\.CoordinationSpecs"):
            Coordinator([Greedy()])

    def test_the_hooks_are_these(self):
        assert sorted(name for name in vars(CoordinationSpecs) if not name.startswith("_")) == [
            "post_fairness_analysis",
            "post_model_training",
            "post_monitoring",
            "post_scoring",
            "pre_fairness_analysis",
            "pre_model_training",
            "pre_monitoring",
            "pre_scoring",
        ]


class TestEventLog:
    def test_has_a_line_an_event(self, tmp_path):
        coordinator = Coordinator([Failing()], EventLog(tmp_path / "events"))
        coordinator.tell("pre_model_training", model_type="catboost")
        coordinator.tell("post_model_training", model_type="catboost", metrics={"n": 3, "labelled": {"auroc": 0.5}})
        first, second = events(tmp_path / "events")
        assert datetime.fromisoformat(first.pop("at")) <= datetime.fromisoformat(second.pop("at"))
        assert first == {"event": "pre_model_training", "model_type": "catboost"}
        assert second == {
            "event": "post_model_training",
            "model_type": "catboost",
            "metrics": {"n": 3, "labelled": {"auroc": 0.5}},
        }

    def test_of_two_runs_at_once_are_two_files(self, tmp_path):
        for log in (EventLog(tmp_path), EventLog(tmp_path)):
            log.write("pre_scoring", {"model_type": "catboost"})
        assert len(list(tmp_path.iterdir())) == 2

    def test_is_not_made_before_the_first_event(self, tmp_path):
        EventLog(tmp_path / "events")
        assert not (tmp_path / "events").exists()

    def test_that_cannot_be_written_does_not_end_the_run(self, tmp_path, caplog):
        (tmp_path / "events").write_text("a file", encoding="utf-8")
        Coordinator([], EventLog(tmp_path / "events")).tell("pre_scoring", model_type="catboost")
        assert caplog.records[0].getMessage() == "pre_scoring of the event log failed; the run goes on"
