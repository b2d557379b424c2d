"""The estimator: fits one model a column, scores rows by their surprise, explains, saves and loads.

What a column is encoded to, how surprise becomes a score, words and percentiles, stands in the modules beside this one.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from claims_fraud.autoencoder.associations import most_telling
from claims_fraud.autoencoder.boosters import BOOSTERS, BoosterSettings, Device, Matrix, ModelType
from claims_fraud.autoencoder.calibration import Calibration
from claims_fraud.autoencoder.checks import check_columns, check_context, check_directions, check_parameters
from claims_fraud.autoencoder.column_model import BATCH_ROWS, ColumnModel, Prediction, cross_fitted, in_batches
from claims_fraud.autoencoder.encoding import CategoryEncoder, Direction, Encoded, Encoder, Floats, Ints, NumberEncoder
from claims_fraud.autoencoder.explanation import Expectation, explained, interval_levels
from claims_fraud.autoencoder.folds import fold_numbers, smallest_fold
from claims_fraud.autoencoder.persistence import (
    COLUMN_FOLDER,
    content_hash,
    file_hash,
    packed,
    read_model,
    unpack,
    write_model,
)
from claims_fraud.autoencoder.support import Support
from claims_fraud.autoencoder.surprise import ScoreScale, likelihood_ratio

logger = logging.getLogger(__name__)

# Parameters that say what a fit runs on, and nothing of the model.
OF_THE_MACHINE = ("n_jobs", "device")
# Columns that a reason names as what it was judged from.
MOST_GIVEN = 2
# Columns of what `explain` returns.
EXPLAINED = [
    "row", "place", "column", "value", "expected", "surprise", "expected_low", "expected_high", "direction",
    "judged_from", "comparable", "such", "low_support", "sentence",
]  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """What the model says of n rows.

    Attributes
    ----------
    scores : array of shape (n,)
        Sum of each row's parts.
    parts : DataFrame of shape (n, columns)
        What each column adds, >= 0.
    by_rarity : bool array of shape (n,)
        Rows judged by how rare their values are, rather than by how they contradict each other.
    expectations : dict of str to Expectation
        What was expected of each scored column.
    counted : bool array of shape (n,)
        Rows that are among the comparable ones which reasons count.
    """

    scores: Floats
    parts: pd.DataFrame
    by_rarity: npt.NDArray[np.bool_]
    expectations: dict[str, Expectation]
    counted: npt.NDArray[np.bool_]


class ClaimsTreeAutoencoder(BaseEstimator):  # type: ignore[misc]
    """Scores rows by how badly each value contradicts the rest of its row, or by how rare its values are.

    One gradient-boosted model a column predicts that column's distribution from all the others. A row's score is the
    sum of its columns' surprise; the higher, the more suspicious. See `claims_fraud.autoencoder.surprise`.

    Parameters
    ----------
    model_type : {"catboost", "xgboost"}, default "catboost"
        The boosting library.
    context_features : sequence of str, default ()
        Columns that others are judged by and that never add to the score themselves.
    suspicious_direction : mapping of str to {"high", "low"}, optional
        Numeric columns that are suspicious on one side only, such as amounts that are too high.
    n_folds : int, default 3
        Folds of cross-fitting, at least 2.
    n_estimators : int, default 20
        Trees a column.
    max_depth : int, default 4
        Depth of a tree, at most 16.
    learning_rate : float, default 0.4
        In (0, 1].
    max_classes : int, default 24
        Categories of a column that are told apart; rarer ones are pooled.
    max_samples : int, default 15000
        Rows that one model learns from, drawn at random from those it may see. All rows are scored, and all shape
        the encoders and the scales; a few tens of thousands teach a small model what there is to learn.
    max_inputs : int, default 64
        Columns that one column's model looks at: those that tell most of it, where there are more. It bounds the cost
        of a wide table.
    seed : int, default 0
        Of the folds, where no groups are given, and of the trees.
    n_jobs : int, default -1
        Threads; -1 takes all cores.
    device : {"cpu", "gpu"}, default "cpu"
        What trees are grown on; on a GPU two fits differ by rounding, and CatBoost's trees look at all inputs. Rows are
        scored on the processor either way.

    Attributes
    ----------
    cat_features_, num_features_ : tuple of str
        Columns seen in `fit`.
    encoders_ : dict of str to encoder
        By column.
    calibration_ : Calibration
        From score to percentile.
    training_judgement_ : Judgement
        Of the rows given to `fit`, by models that did not see them. Not saved.
    model_version_ : str
        Hash of what the artefact holds: the same for the same data and parameters.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> code = rng.choice(["visit", "surgery"], 600)
    >>> amount = np.where(code == "visit", 100, 9000) * rng.lognormal(0, 0.1, 600)
    >>> claims = pd.DataFrame({"code": code, "amount": amount})
    >>> claims.loc[0, ["code", "amount"]] = ["visit", 9500.0]
    >>> model = ClaimsTreeAutoencoder(model_type="xgboost")
    >>> fraud_scores, per_feature_errors = model.fit(claims, ["code"], ["amount"])
    >>> int(fraud_scores.argmax())
    0
    >>> new = pd.DataFrame({"code": ["visit"], "amount": [9500.0]})
    >>> model.explain(new).set_index("column")["sentence"]["amount"]  # doctest: +ELLIPSIS
    'amount 9,500; ... expected given code visit; about as high in ... such claims'
    """

    def __init__(  # noqa: PLR0913
        self,
        model_type: ModelType = "catboost",
        *,
        context_features: Sequence[str] = (),
        suspicious_direction: Mapping[str, Direction] | None = None,
        n_folds: int = 3,
        n_estimators: int = 20,
        max_depth: int = 4,
        learning_rate: float = 0.4,
        max_classes: int = 24,
        max_samples: int = 15_000,
        max_inputs: int = 64,
        seed: int = 0,
        n_jobs: int = -1,
        device: Device = "cpu",
    ) -> None:
        self.model_type = model_type
        self.context_features = context_features
        self.suspicious_direction = suspicious_direction
        self.n_folds = n_folds
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.max_classes = max_classes
        self.max_samples = max_samples
        self.max_inputs = max_inputs
        self.seed = seed
        self.n_jobs = n_jobs
        self.device = device

    def fit(  # noqa: PLR0913
        self,
        data: pd.DataFrame,
        cat_features: Sequence[str],
        num_features: Sequence[str],
        groups: pd.Series | None = None,
        *,
        log_mlflow: bool = False,
        run_name: str | None = None,
    ) -> tuple[Floats, pd.DataFrame]:
        """Fit one model a column and score the rows by models that did not see them.

        Parameters
        ----------
        data : DataFrame of shape (n, ...)
            Rows to learn from, mostly honest; never changed. Other columns are ignored.
        cat_features, num_features : sequence of str
            Columns of codes and of numbers, at least two in all.
        groups : Series of shape (n,), optional
            Rows of one group are scored by models that saw none of the group; by default each row is its own.
        log_mlflow : bool, default False
            Log the fit as an MLflow run; needs MLflow.
        run_name : str, optional
            Name of that run.

        Returns
        -------
        fraud_scores : array of shape (n,)
            Higher is more suspicious.
        per_feature_errors : DataFrame of shape (n, columns)
            What each column adds; rows sum to the score. Context features add 0.

        Raises
        ------
        InputError
            If a parameter, a column or the number of rows or groups will not do.
        """
        check_parameters(self.get_params())
        features = (*cat_features, *num_features)
        check_columns(data, features)
        check_context(self.context_features, features)
        directions = self.suspicious_direction or {}
        check_directions(directions, num_features)
        folds = fold_numbers(groups, len(data), self.n_folds, self.seed)
        self.cat_features_, self.num_features_ = tuple(cat_features), tuple(num_features)
        self.encoders_: dict[str, Encoder] = {
            **{name: CategoryEncoder.fit(data[name], self.max_classes) for name in self.cat_features_},
            **{name: NumberEncoder.fit(data[name], directions.get(name)) for name in self.num_features_},
        }
        encoded = self._encode(data)
        inputs = _inputs(encoded)
        counted = self._sample(folds != smallest_fold(folds))
        self.inputs_ = most_telling(
            {name: column.classes[counted] for name, column in encoded.items()}, self.max_inputs
        )
        self.models_: dict[str, ColumnModel] = {}
        self.supports_: dict[str, Support] = {}
        self.interval_levels_: dict[str, tuple[float, float]] = {}
        ratios, expectations = {}, {}
        for number, name in enumerate(self.scored_features_, start=1):
            logger.info("Learning column %d of %d: %s", number, len(self.scored_features_), name)
            others, marginal = self._inputs_of(name, inputs), self.encoders_[name].marginal
            fit = partial(self._fit_column, others, encoded[name].classes)
            # The model that scores new rows learned from as many as those that scored the training rows, so that new
            # rows of their kind surprise it no less.
            self.models_[name], predictions = cross_fitted(fit, others, marginal, folds)
            self.interval_levels_[name] = interval_levels(data[name], self.encoders_[name], predictions)
            ratios[name], pieces = self._judge_column(name, encoded[name].classes, predictions, with_expectations=True)
            expectations[name] = Expectation.together(pieces, len(data))
            self.supports_[name] = self._support(name, encoded, counted)
        surprises = self._surprises(ratios, encoded)
        # With millions of rows, what is not needed any more is more than what comes.
        del encoded, inputs, others, fit, predictions, pieces, ratios
        self.score_scale_ = ScoreScale.fit(*surprises)
        self.training_judgement_ = self._combine(*surprises, expectations, np.isin(np.arange(len(data)), counted))
        self.calibration_ = Calibration.fit(self.training_judgement_.scores)
        with tempfile.TemporaryDirectory() as scratch:
            self.model_version_ = content_hash(self._content(self._write_columns(Path(scratch))))
        if log_mlflow:
            # The one tie to MLflow, made only where it is asked for.
            from claims_fraud.tracking.run_log import log_fit  # noqa: PLC0415

            log_fit(self, self.training_judgement_.scores, run_name)
        return self.training_judgement_.scores, self.training_judgement_.parts

    def compute_fraud_scores(self, new_data: pd.DataFrame) -> tuple[Floats, pd.DataFrame]:
        """Score rows that `fit` did not see; returns what `fit` returns. Unseen categories and nulls are scored too."""
        # What was expected takes a third of the time, and nobody asks.
        judgement = self._judge(new_data, with_expectations=False)
        return judgement.scores, judgement.parts

    def judge(self, new_data: pd.DataFrame) -> Judgement:
        """Score rows and keep what was expected of them, for `reasons`."""
        return self._judge(new_data, with_expectations=True)

    def explain(self, new_data: pd.DataFrame, top: int | None = 3) -> pd.DataFrame:
        """Return what makes up each row's score, a row a claim and column, the largest part first.

        Parameters
        ----------
        new_data : DataFrame of shape (n, ...)
            Rows that `fit` did not see.
        top : int, optional
            Columns a row, of those that are scored; None for all of them.

        Returns
        -------
        DataFrame
            In the order of ``new_data``, with

            - ``row``: the row's label in ``new_data``, and ``place``: 1 for its largest part;
            - ``column``, and ``value``: what the row has there, in words;
            - ``expected``: the interval or the likeliest categories with their probabilities, and for numbers
              ``expected_low, expected_high``: the ends of the 80 % interval;
            - ``surprise``: what the column adds to the score, >= 0; over all columns they sum to it;
            - ``direction``: ``above``, ``below`` or ``within`` the interval, ``present`` where no value was expected,
              ``missing``, or ``other`` for a category;
            - ``judged_from``: the columns, at most two, that the column's model leans on most, with the row's values;
            - ``comparable``: how many of the rows learned from agree in these, or in the first of them where both
              leave fewer than 30; ``such``: how many of those have such a value, for a number one about as far off;
              ``low_support``: whether fewer than 30 are comparable;
            - ``sentence``: all that in words, or, for a row that is judged by rarity, how rare the value is.
        """
        judgement = self.judge(new_data)
        names = list(judgement.expectations)
        places, largest = _largest(judgement.parts[names].to_numpy(), len(names) if top is None else top)
        pieces = []
        for position, name in enumerate(names):
            rows, place = np.nonzero(places == position)
            piece = self._explained(name, new_data, judgement, rows)
            pieces.append(piece.assign(column=name, surprise=largest[rows, place], position=rows, place=place + 1))
        # Without the empty ones, whose types are not known.
        found = pd.concat([piece for piece in pieces if len(piece)] or pieces[:1])
        found = found.sort_values(["position", "place"], ignore_index=True)
        return found.assign(row=new_data.index[found["position"]].to_numpy())[EXPLAINED]

    def reasons(self, data: pd.DataFrame, judgement: Judgement, top: int = 3) -> pd.DataFrame:
        """Return the reasons of rows that `judge` or `fit` judged: reason_1, reason_2, …, None where there is none.

        They are the sentences of `explain`, of the ``top`` parts that are no less than an equal share of the score.
        """
        names = list(judgement.expectations)
        parts = judgement.parts[names].to_numpy()
        places, largest = _largest(parts, top)
        # A column that adds less than its equal share is as it should be, and no reason.
        stands_out = (largest > 0) & (largest >= parts.mean(axis=1, keepdims=True))
        sentences = np.full((len(data), top), None, dtype=object)
        for position, name in enumerate(names):
            rows, place = np.nonzero((places == position) & stands_out)
            sentences[rows, place] = self._explained(name, data, judgement, rows)["sentence"]
        reasons = [f"reason_{number}" for number in range(1, top + 1)]
        return pd.DataFrame(sentences, columns=reasons, index=data.index, dtype=object)

    def percentile(self, fraud_scores: Floats) -> Floats:
        """Return the percentile of scores among the cross-fitted training scores, in [0, 100)."""
        check_is_fitted(self, "models_")
        return self.calibration_.percentile(fraud_scores)

    def save(self, folder: Path | str) -> None:
        """Write the model to a missing, empty or earlier model folder, whole or not at all."""
        check_is_fitted(self, "models_")
        with tempfile.TemporaryDirectory() as scratch:
            files = self._write_columns(Path(scratch))
            write_model(Path(folder), self._content(files), files)

    @classmethod
    def load(cls, folder: Path | str, n_jobs: int = -1) -> Self:
        """Read a model that `save` wrote; raise InputError if it is missing, damaged, changed or of another format."""
        content = read_model(Path(folder))
        model = cls(**content["parameters"], n_jobs=n_jobs)
        model.cat_features_ = tuple(content["cat_features"])
        model.num_features_ = tuple(content["num_features"])
        # In the order of the features, which is the order of the models' inputs; JSON has them sorted by name.
        model.encoders_ = {
            **{name: _from_json(CategoryEncoder, content["encoders"][name]) for name in model.cat_features_},
            **{name: _from_json(NumberEncoder, content["encoders"][name]) for name in model.num_features_},
        }
        model.score_scale_ = _from_json(ScoreScale, content["score_scale"])
        model.calibration_ = _from_json(Calibration, content["calibration"])
        model.models_, model.supports_, model.interval_levels_, model.inputs_ = {}, {}, {}, {}
        for name in model.scored_features_:
            column = content["columns"][name]
            path = Path(folder) / column["file"] if column["file"] else None
            booster = BOOSTERS[model.model_type].load(path, n_jobs) if path else None
            model.models_[name] = ColumnModel(booster, np.asarray(column["observed"]))
            model.supports_[name] = _from_json(Support, column["support"])
            model.interval_levels_[name] = tuple(column["interval_levels"])
            model.inputs_[name] = tuple(column["inputs"])
        model.model_version_ = content["model_version"]
        return model

    def __getstate__(self) -> dict[str, Any]:
        """Return a fitted model as its artefact: how it reaches other processes, Spark's workers above all."""
        if not hasattr(self, "models_"):
            state: dict[str, Any] = super().__getstate__()
            return state
        with tempfile.TemporaryDirectory() as scratch:
            self.save(Path(scratch) / "model")
            return {"artefact": packed(Path(scratch) / "model")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore what `__getstate__` returned, on one thread: where models are sent, processes are many."""
        if "artefact" not in state:
            super().__setstate__(state)
            return
        with tempfile.TemporaryDirectory() as scratch:
            unpack(state["artefact"], Path(scratch))
            self.__dict__.update(vars(type(self).load(scratch, n_jobs=1)))

    @property
    def features_(self) -> tuple[str, ...]:
        """Columns seen in `fit`, in the order of the models' inputs."""
        return self.cat_features_ + self.num_features_

    @property
    def scored_features_(self) -> tuple[str, ...]:
        """Columns that add to the score."""
        return tuple(name for name in self.features_ if name not in self.context_features)

    def _encode(self, data: pd.DataFrame) -> dict[str, Encoded]:
        return {name: encoder.encode(data[name]) for name, encoder in self.encoders_.items()}

    def _inputs_of(self, name: str, inputs: Matrix) -> Matrix:
        return inputs[:, [self.features_.index(other) for other in self.inputs_[name]]]

    def _fit_column(self, inputs: Matrix, classes: Ints, rows: npt.NDArray[np.bool_]) -> ColumnModel:
        """Fit a column's model on the chosen rows (a boolean mask), or as many of them as it may learn from."""
        places = self._sample(rows)
        settings = BoosterSettings(
            self.n_estimators, self.max_depth, self.learning_rate, self.seed, self.n_jobs, self.device
        )
        return ColumnModel.fit(self.model_type, inputs[places], classes[places], settings)

    def _sample(self, rows: npt.NDArray[np.bool_]) -> Ints:
        """Return the positions of the chosen rows, or of as many as a model may learn from."""
        places = np.flatnonzero(rows)
        if len(places) > self.max_samples:
            places = np.sort(np.random.default_rng(self.seed).choice(places, self.max_samples, replace=False))
        return places

    def _support(self, name: str, encoded: dict[str, Encoded], rows: Ints) -> Support:
        """Count the column's values in the rows, by the columns that its model leans on most."""
        others = self.inputs_[name]
        booster = self.models_[name].booster
        weights = booster.importance() if booster else np.zeros(len(others))
        leading = np.argsort(-weights, kind="stable")[:MOST_GIVEN]
        given = [others[position] for position in leading if weights[position] > 0]
        codes = [*(encoded[other].alike[rows] for other in given), encoded[name].codes[rows]]
        sizes = [*(self.encoders_[other].n_alike for other in given), self.encoders_[name].n_codes]
        return Support.fit(given, codes, sizes)

    def _explained(self, name: str, data: pd.DataFrame, judgement: Judgement, rows: Ints) -> pd.DataFrame:
        return explained(
            name,
            data.iloc[rows],
            self.encoders_,
            judgement.expectations[name].of_rows(rows),
            self.supports_[name],
            by_rarity=judgement.by_rarity[rows],
            counted=judgement.counted[rows],
        )

    def _judge(self, new_data: pd.DataFrame, *, with_expectations: bool) -> Judgement:
        check_is_fitted(self, "models_")
        check_columns(new_data, self.features_)
        encoded = self._encode(new_data)
        inputs, every = _inputs(encoded), np.arange(len(new_data))
        ratios, expectations = {}, {}
        for name, model in self.models_.items():
            predictions = in_batches(model, self._inputs_of(name, inputs), self.encoders_[name].marginal, every)
            ratios[name], pieces = self._judge_column(name, encoded[name].classes, predictions, with_expectations)
            if with_expectations:
                expectations[name] = Expectation.together(pieces, len(new_data))
        return self._combine(*self._surprises(ratios, encoded), expectations, np.zeros(len(new_data), dtype=bool))

    def _judge_column(
        self, name: str, classes: Ints, predictions: Iterable[Prediction], with_expectations: bool
    ) -> tuple[Floats, list[tuple[Ints, Expectation]]]:
        """Return a column's likelihood ratios, and pieces of its expectations, from predictions for disjoint rows."""
        encoder, ratios, pieces = self.encoders_[name], np.zeros(len(classes)), []
        for rows, probabilities in predictions:
            ratio = likelihood_ratio(probabilities, classes[rows], encoder.marginal)
            if isinstance(encoder, NumberEncoder):
                ratio[encoder.innocent(probabilities, classes[rows])] = 0.0
            ratios[rows] = ratio
            if with_expectations:
                pieces.append((rows, Expectation.of(encoder, probabilities, self.interval_levels_[name])))
        return ratios, pieces

    def _surprises(self, ratios: dict[str, Floats], encoded: dict[str, Encoded]) -> tuple[Floats, Floats]:
        """Return likelihood ratios and rarities, each of shape (n, scored columns)."""
        names = self.scored_features_
        return (
            np.column_stack([ratios[name] for name in names]),
            np.column_stack([encoded[name].rarity for name in names]),
        )

    def _combine(
        self,
        ratios: Floats,
        rarities: Floats,
        expectations: dict[str, Expectation],
        counted: npt.NDArray[np.bool_],
    ) -> Judgement:
        parts, by_rarity = np.zeros((len(ratios), len(self.features_))), np.zeros(len(ratios), dtype=bool)
        scored = [self.features_.index(name) for name in self.scored_features_]
        for start in range(0, len(ratios), BATCH_ROWS):
            rows = slice(start, start + BATCH_ROWS)
            parts[rows, scored], by_rarity[rows] = self.score_scale_.combine(ratios[rows], rarities[rows])
        errors = pd.DataFrame(parts, columns=list(self.features_))
        return Judgement(parts.sum(axis=1), errors, by_rarity, expectations, counted)

    def _write_columns(self, folder: Path) -> dict[str, Path]:
        """Write the columns' boosters into the folder; return their names in the artefact and where they are."""
        files = {}
        for number, model in enumerate(self.models_.values()):
            if model.booster is not None:
                path = folder / f"{number:03d}{model.booster.suffix}"
                model.booster.save(path)
                files[f"{COLUMN_FOLDER}/{path.name}"] = path
        return files

    def _content(self, files: dict[str, Path]) -> dict[str, Any]:
        """Return what model.json says of the model and its column files."""
        names = {int(Path(file).stem): file for file in files}
        parameters = {name: _plain(value) for name, value in self.get_params().items() if name not in OF_THE_MACHINE}
        parameters["context_features"] = list(self.context_features)
        parameters["suspicious_direction"] = dict(self.suspicious_direction or {})
        return {
            "parameters": parameters,
            "cat_features": list(self.cat_features_),
            "num_features": list(self.num_features_),
            "encoders": {name: asdict(encoder) for name, encoder in self.encoders_.items()},
            "score_scale": asdict(self.score_scale_),
            "calibration": asdict(self.calibration_),
            "columns": {
                name: {
                    "file": names.get(number),
                    "observed": model.observed.tolist(),
                    "support": asdict(self.supports_[name]),
                    "interval_levels": self.interval_levels_[name],
                    "inputs": list(self.inputs_[name]),
                }
                for number, (name, model) in enumerate(self.models_.items())
            },
            "files": {name: file_hash(path) for name, path in files.items()},
        }


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's own, which JSON can write."""
    return value.item() if isinstance(value, np.generic) else value


def _largest(parts: Floats, top: int) -> tuple[Ints, Floats]:
    """Return the columns of each row's largest parts, and these parts, both of shape (n, top), in descending order."""
    # Stable, so that equal parts come in the order of the columns.
    places = np.argsort(-parts, axis=1, kind="stable")[:, :top]
    return places, np.take_along_axis(parts, places, axis=1)


def _inputs(encoded: dict[str, Encoded]) -> Matrix:
    return np.column_stack([column.inputs for column in encoded.values()])


def _from_json(kind: type[Any], fields: dict[str, Any]) -> Any:
    """Build a frozen dataclass from JSON, where its tuples have become lists."""
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})
