"""The second stage: learns from investigators' outcomes which suspicious claims turn out to be fraud.

Not for claims that nobody has looked at: it knows what investigators found among what they chose to look at, and
carries their choice on. Not for ranking where there are no outcomes: that is the score's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import catboost
import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.autoencoder.boosters import BoosterSettings, unstamped
from claims_fraud.autoencoder.checks import check_present
from claims_fraud.autoencoder.encoding import Floats, category_values, number_values
from claims_fraud.autoencoder.persistence import column_folder, file_hash, read_model, write_model
from claims_fraud.errors import InputError

KIND = "outcomes"
# Of fraud and of honest claims: fewer say nothing that chance does not.
LEAST_OF_EACH = 10
MISSING = ""
SURPRISE_PREFIX = "surprise of "

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class OutcomeModel:
    """Probability that a claim, if it is looked at, turns out to be fraud.

    The mean of the probabilities of some members: CatBoost classifiers that differ in their seed, each a file of the
    artefact. Every second one sees the features alone; the others see the surprises too, so that surprises which say
    nothing about outcomes cost little.

    Attributes
    ----------
    cat_features, num_features : tuple of str
        Columns of codes and of numbers that it learned from.
    surprises : tuple of str
        Columns whose surprise it learned from.
    members : tuple of bytes
        Each in CatBoost's own format.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> claims = pd.DataFrame({"code": rng.choice(["a", "b"], 200), "amount": rng.lognormal(4, 1, 200)})
    >>> surprises = pd.DataFrame({"amount": rng.random(200)})
    >>> outcomes = (claims["code"] == "b") & (surprises["amount"] > 0.5)
    >>> outcomes = outcomes.astype(float).where(claims.index < 150)
    >>> settings = BoosterSettings(n_estimators=50, max_depth=3, learning_rate=0.1, seed=0, threads=1)
    >>> model = OutcomeModel.fit(claims, surprises, outcomes, ["code"], ["amount"], settings)
    >>> found = model.probability(claims[150:], surprises[150:]) > 0.5
    >>> bool((found == ((claims["code"] == "b") & (surprises["amount"] > 0.5))[150:]).mean() > 0.9)
    True
    """

    cat_features: tuple[str, ...]
    num_features: tuple[str, ...]
    surprises: tuple[str, ...]
    members: tuple[bytes, ...]

    @classmethod
    def fit(  # noqa: PLR0913, PLR0917
        cls,
        features: pd.DataFrame,
        surprises: pd.DataFrame,
        outcomes: pd.Series,
        cat_features: Sequence[str],
        num_features: Sequence[str],
        settings: BoosterSettings,
        n_members: int = 4,
    ) -> Self:
        """Learn from the rows whose outcome is known.

        Parameters
        ----------
        features : DataFrame of shape (n, ...)
            Claims; never changed. Other columns are ignored.
        surprises : DataFrame of shape (n, columns)
            What each column adds to the score; of rows that the autoencoder learned from, the cross-fitted ones.
        outcomes : Series of shape (n,)
            1 (or True) for what turned out to be fraud, 0 for what did not, missing where nobody has looked.
        cat_features, num_features : sequence of str
            Columns of codes and of numbers to learn from.
        settings : BoosterSettings
            Size of each member.
        n_members : int, default 4
            Classifiers that are averaged.

        Raises
        ------
        InputError
            If a column is missing, lengths differ, an outcome is neither 0 nor 1, or there are fewer than 10 of each.
        """
        if not len(features) == len(surprises) == len(outcomes):
            raise InputError(
                f"{len(features):,} claims came with surprises of {len(surprises):,} and {len(outcomes):,} outcomes; "
                "give one a claim of each, in one order."
            )
        known = outcomes.notna().to_numpy()
        target = fraud_found(outcomes[known])
        check_enough(target, LEAST_OF_EACH, "to learn from")
        untrained = cls(tuple(cat_features), tuple(num_features), tuple(map(str, surprises.columns)), ())
        inputs = untrained._inputs(features[known], surprises[known])
        members = [
            _fitted(inputs[untrained._seen_by(number)], target, untrained.cat_features, settings, number)
            for number in range(n_members)
        ]
        return cls(untrained.cat_features, untrained.num_features, untrained.surprises, tuple(members))

    def probability(self, features: pd.DataFrame, surprises: pd.DataFrame) -> Floats:
        """Return the probability of fraud of each row, shape (n,); unseen categories and nulls are judged too."""
        inputs = self._inputs(features, surprises)
        if not len(inputs):
            return np.zeros(0)
        said = [
            catboost.CatBoostClassifier().load_model(blob=member).predict_proba(inputs[self._seen_by(number)])[:, 1]
            for number, member in enumerate(self.members)
        ]
        probability: Floats = np.mean(said, axis=0)
        return probability

    def save(self, folder: Path | str) -> None:
        """Write the model to a missing, empty or earlier model folder, whole or not at all."""
        content = {name: value for name, value in asdict(self).items() if name != "members"}
        with tempfile.TemporaryDirectory() as scratch:
            files = {}
            for number, member in enumerate(self.members):
                path = Path(scratch) / f"{number:03d}.cbm"
                path.write_bytes(member)
                files[path.name] = path
            hashes = {name: file_hash(path) for name, path in files.items()}
            write_model(Path(folder), {**content, "kind": KIND, "files": hashes}, files)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a model that `save` wrote; raise InputError if it is missing, damaged, changed or of another kind."""
        content = read_model(Path(folder), KIND)
        columns = column_folder(Path(folder), content["model_version"])
        return cls(
            cat_features=tuple(content["cat_features"]),
            num_features=tuple(content["num_features"]),
            surprises=tuple(content["surprises"]),
            members=tuple((columns / name).read_bytes() for name in sorted(content["files"])),
        )

    def _inputs(self, features: pd.DataFrame, surprises: pd.DataFrame) -> pd.DataFrame:
        """Return what the members see: codes as text, numbers as float, surprises under names of their own."""
        check_present(features, (*self.cat_features, *self.num_features))
        check_present(surprises, self.surprises)
        codes = {name: category_values(features[name]).fillna(MISSING).to_numpy() for name in self.cat_features}
        numbers = {name: number_values(features[name]) for name in self.num_features}
        added = {SURPRISE_PREFIX + name: number_values(surprises[name]) for name in self.surprises}
        return pd.DataFrame({**codes, **numbers, **added})

    def _seen_by(self, number: int) -> list[str]:
        """Return the inputs of a member: every second one has the features alone."""
        added = [SURPRISE_PREFIX + name for name in self.surprises] if number % 2 == 0 else []
        return [*self.cat_features, *self.num_features, *added]


def fraud_found(outcomes: pd.Series) -> Bools:
    """Return known outcomes as true and false; raise InputError if one is neither 0 nor 1."""
    odd = outcomes[~outcomes.isin((0, 1))]
    if len(odd):
        raise InputError(
            f"{len(odd):,} outcomes are neither 0 nor 1, such as {odd.iloc[0]}. Write 1 for what turned out to be "
            "fraud, 0 for what did not, and leave those empty that nobody has looked at."
        )
    return outcomes.to_numpy(dtype=bool)


def check_enough(found: Bools, least: int, purpose: str) -> None:
    """Raise InputError unless there are at least so many outcomes of fraud and as many of honest claims."""
    fraud = int(found.sum())
    if min(fraud, len(found) - fraud) < least:
        raise InputError(
            f"of {len(found):,} outcomes {purpose}, {fraud:,} are fraud and {len(found) - fraud:,} are not; at least "
            f"{least:,} of each are needed. Wait until more claims have been investigated, or rank by the score alone."
        )


def _fitted(
    inputs: pd.DataFrame, target: Bools, cat_features: Sequence[str], settings: BoosterSettings, number: int
) -> bytes:
    """Return a member fitted with a seed of its own, in CatBoost's format."""
    model = catboost.CatBoostClassifier(
        iterations=settings.n_estimators,
        depth=settings.max_depth,
        learning_rate=settings.learning_rate,
        random_seed=settings.seed + number,
        thread_count=settings.threads,
        # A job's working directory may be read-only.
        allow_writing_files=False,
        verbose=False,
    )
    unstamped(model.fit(inputs, target.astype(int), cat_features=list(cat_features)))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "member.cbm"
        model.save_model(str(path))
        return path.read_bytes()
