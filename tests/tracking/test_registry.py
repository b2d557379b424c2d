"""Versions and aliases on a real store."""

from __future__ import annotations

import contextlib
import shutil

import mlflow
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.errors import GateNotPassed, InputError
from claims_fraud.tracking import registry

NAME = "fraud.claims.autoencoder"


def fitted(seed: int) -> ClaimsTreeAutoencoder:
    claims = pd.DataFrame({"code": ["visit", "surgery"] * 40, "amount": [float(n % 7) for n in range(80)]})
    model = ClaimsTreeAutoencoder(n_estimators=1, max_depth=1, n_jobs=1, seed=seed)
    model.fit(claims, ["code"], ["amount"])
    return model


@pytest.fixture(scope="module")
def models():
    return [fitted(seed) for seed in range(3)]


@contextlib.contextmanager
def tracked_in(folder):
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def store(models, tmp_path_factory):
    """A store in which three versions are registered, not to be written to."""
    folder = tmp_path_factory.mktemp("store")
    with tracked_in(folder):
        mlflow.create_experiment("trial", artifact_location=str(folder / "artifacts"))
        mlflow.set_experiment("trial")
        with mlflow.start_run():
            assert [registry.register(model, NAME, 99.0) for model in models] == ["1", "2", "3"]
    return folder


@pytest.fixture
def registered(store, models, tmp_path):
    """The contents of the three versions, in a copy of the store."""
    shutil.copy(store / "mlflow.db", tmp_path)
    with tracked_in(tmp_path):
        mlflow.set_experiment("trial")
        yield [model.model_version_ for model in models]


def champion() -> str:
    return str(registry.version_at(NAME, "champion").version)


class TestRegister:
    def test_the_same_content_is_registered_once(self, registered, models):
        with mlflow.start_run():
            assert registry.register(models[1], NAME, 99.0) == "2"
        assert registry.there(NAME) == "Registered versions: 3, 2, 1"

    def test_a_version_says_what_it_is(self, registered):
        assert registry.version_at(NAME, "3").tags == {"model_version": registered[2], "model_type": "catboost"}

    def test_it_has_a_signature_without_which_unity_catalog_takes_none(self, registered):
        assert mlflow.models.get_model_info(f"models:/{NAME}/1").signature.outputs is not None

    def test_it_prints_nothing_to_stderr(self, capfd, registered):
        with mlflow.start_run():
            registry.register(fitted(9), NAME, 99.0)
        assert capfd.readouterr().err == ""


class TestFind:
    def test_by_content(self, registered):
        assert str(registry.version_of(NAME, registered[1]).version) == "2"
        assert registry.version_of(NAME, "ffffffffffff") is None

    def test_by_alias_or_number(self, registered):
        registry.point(NAME, "challenger", registered[1])
        assert str(registry.version_at(NAME, "challenger").version) == "2"
        assert str(registry.version_at(NAME, "1").version) == "1"
        assert registry.told(registry.version_at(NAME, "2")) == f"version 2 (challenger) of {NAME}"

    @pytest.mark.parametrize("name", [NAME, "another.claims.autoencoder"])
    @pytest.mark.parametrize("which", ["champion", "9", "not an alias!"])
    def test_what_is_not_there_is_none(self, registered, name, which):
        assert registry.version_at(name, which) is None


class TestPoint:
    def test_an_alias_moves(self, registered):
        assert registry.point(NAME, "champion", registered[0]) == "1"
        assert registry.point(NAME, "champion", registered[2]) == "3"
        assert champion() == "3"

    def test_content_that_is_not_registered_is_told(self, registered):
        with pytest.raises(InputError, match="has the content ffffffffffff: it was trained where no run was recorded"):
            registry.point(NAME, "champion", "ffffffffffff")


class TestRollback:
    @pytest.fixture
    def promoted(self, registered):
        for content in registered:
            registry.point(NAME, "champion", content)
        return registered

    def test_goes_back_step_by_step(self, promoted):
        assert registry.rollback(NAME, "today") == ("3", "2")
        assert registry.rollback(NAME, "today") == ("2", "1")
        assert champion() == "1"
        with pytest.raises(InputError, match=r"version 1 of .* replaced no other champion"):
            registry.rollback(NAME, "today")

    def test_what_was_rolled_back_does_not_come_back_by_itself(self, promoted):
        registry.rollback(NAME, "on 2026-07-01")
        with pytest.raises(GateNotPassed) as raised:
            registry.point(NAME, "champion", promoted[2])
        assert str(raised.value) == (
            f"version 3 of {NAME} was rolled back (on 2026-07-01) and does not become champion again by itself. Train "
            "another, or bring it back with `claims-fraud-jobs rollback --to=3`."
        )
        assert champion() == "2"

    def test_to_a_version_of_ones_own(self, promoted):
        assert registry.rollback(NAME, "today", to="1") == ("3", "1")
        assert registry.rollback(NAME, "later", to="3") == ("1", "3")
        # Wanted again, it is withdrawn no longer.
        assert "rolled_back" not in registry.version_at(NAME, "3").tags

    def test_promoting_the_champion_again_changes_nothing(self, promoted):
        registry.point(NAME, "champion", promoted[2])
        assert registry.rollback(NAME, "today") == ("3", "2")

    def test_without_a_champion_there_is_nothing_to_roll_back(self, registered):
        with pytest.raises(InputError, match=r"has no champion to roll back\. Registered versions: 3, 2, 1"):
            registry.rollback(NAME, "today")

    def test_a_version_that_is_not_there_is_told(self, promoted):
        with pytest.raises(InputError, match=r"has no version 9 to roll back to\. Registered versions: 3, 2, 1"):
            registry.rollback(NAME, "today", to="9")
