"""The estimator: fits the models of all columns, scores rows by their evidence, explains, saves and loads.

What a column is encoded to, how evidence becomes a score, words and percentiles, stands in the modules beside this one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from claims_fraud.autoencoder.artefact import content_of, restore, write_columns
from claims_fraud.autoencoder.associations import most_telling
from claims_fraud.autoencoder.baseline import follows_others
from claims_fraud.autoencoder.batch import Batch
from claims_fraud.autoencoder.boosters import BoosterSettings, Device
from claims_fraud.autoencoder.calibration import Calibration
from claims_fraud.autoencoder.checks import (
    check_code_sets,
    check_columns,
    check_context,
    check_derived,
    check_directions,
    check_parameters,
)
from claims_fraud.autoencoder.column_evidence import ColumnEvidence
from claims_fraud.autoencoder.cross_fit import COUNTED, cross_fit
from claims_fraud.autoencoder.encoding import Direction, Floats, Ints
from claims_fraud.autoencoder.evidence import RARITY_OF_DERIVED, ScoreScale
from claims_fraud.autoencoder.folds import fold_numbers, group_hashes, row_order, sample_rows
from claims_fraud.autoencoder.judgement import BATCH_ROWS, Evidence, Judgement, combined, judge_batch
from claims_fraud.autoencoder.kinds import CategoryEncoder, Encoded, Encoder, NumberEncoder
from claims_fraud.autoencoder.persistence import content_hash, packed, read_model, unpack, write_model
from claims_fraud.autoencoder.plan import Plan
from claims_fraud.autoencoder.reasons import Explainer
from claims_fraud.autoencoder.threads import mapped, thread_count
from claims_fraud.autoencoder.totals import find_parts
from claims_fraud.choices import ModelType

# Columns that a value is compared with one by one: those that tell most of it.
MOST_PARTNERS = 16
# Columns of what `explain` returns.
EXPLAINED = [
    "row", "place", "column", "value", "expected", "surprise", "expected_low", "expected_high", "direction",
    "judged_from", "comparable", "such", "low_support", "sentence",
]  # fmt: skip


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
    derived_from : mapping of str to sequence of str, optional
        Columns that are computed from others: where one of these is missing, that the derived one is missing too says
        nothing.
    code_sets : sequence of sequences of str, default ()
        Columns of codes that hold one set, a code at most once a row: a code counts as the same in each of them.
    n_folds : int, default 3
        Folds of cross-fitting, at least 2.
    n_estimators : int, default 12
        Trees per column classifier; the second model of each column has four times as many, with a smaller step.
    max_depth : int, default 4
        Depth of a tree, at most 16.
    learning_rate : float, default 0.5
        In (0, 1].
    max_classes : int, default 24
        Categories of a column that are told apart; rarer ones are pooled.
    max_samples : int, default 7500
        Rows that one column's trees learn from, drawn at random from those they may see; twice as many are counted. All
        rows are scored, and all shape the encoders and the scales; some thousands teach a small model what there is to
        learn.
    max_inputs : int, default 64
        Columns that one column's model looks at: those that tell most of it, where there are more. It bounds the cost
        of a wide table.
    seed : int, default 0
        Of the rows and values drawn, and of the trees; folds go by the groups' names.
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
    'amount 9,500; such claims have ... (code visit, ... claims)'
    """

    def __init__(  # noqa: PLR0913
        self,
        model_type: ModelType = "catboost",
        *,
        context_features: Sequence[str] = (),
        suspicious_direction: Mapping[str, Direction] | None = None,
        derived_from: Mapping[str, Sequence[str]] | None = None,
        code_sets: Sequence[Sequence[str]] = (),
        n_folds: int = 3,
        n_estimators: int = 12,
        max_depth: int = 4,
        learning_rate: float = 0.5,
        max_classes: int = 24,
        max_samples: int = 7_500,
        max_inputs: int = 64,
        seed: int = 0,
        n_jobs: int = -1,
        device: Device = "cpu",
    ) -> None:
        self.model_type = model_type
        self.context_features = context_features
        self.suspicious_direction = suspicious_direction
        self.derived_from = derived_from
        self.code_sets = code_sets
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
        check_derived(self.derived_from or {}, features)
        check_code_sets(self.code_sets, cat_features)
        self.cat_features_, self.num_features_ = tuple(cat_features), tuple(num_features)
        self.encoders_: dict[str, Encoder] = {
            **{
                name: CategoryEncoder.fit(data[name], self.max_classes, [data[one] for one in self._set_of(name)])
                for name in self.cat_features_
            },
            **{name: NumberEncoder.fit(data[name], directions.get(name)) for name in self.num_features_},
        }
        # Rows in an order of their own, so that the order in which they come has no say.
        order = row_order(data, self.cat_features_, self.num_features_, groups)
        columns = [column.take(order) for column in self._encode(data)]
        groups = None if groups is None else pd.Series(groups).iloc[order]
        hashes = group_hashes(groups, len(data))
        folds = fold_numbers(hashes, self.n_folds)
        threads = thread_count(self.n_jobs)
        plan = Plan(
            encoders=list(self.encoders_.values()),
            columns=columns,
            scored=[self.features_.index(name) for name in self.scored_features_],
            inputs=self._most_telling(columns, self.max_inputs),
            partners=self._most_telling(columns, min(self.max_inputs, MOST_PARTNERS)),
            follows=self._follows(columns),
            parts=find_parts(columns, list(self.encoders_.values()), self._some_rows(columns)),
            derived=[name in (self.derived_from or {}) for name in features],
            groups=hashes,
            max_samples=self.max_samples,
            model_type=self.model_type,
            # Columns are fitted side by side; a GPU is one.
            settings=BoosterSettings(self.n_estimators, self.max_depth, self.learning_rate, self.seed, 1, self.device),
            threads=threads if self.device == "cpu" else 1,
        )
        fitted = cross_fit(plan, folds)
        self.models_: dict[str, ColumnEvidence] = dict(zip(self.scored_features_, fitted.models, strict=True))
        self.cooccurrence_ = fitted.world
        rarities = self._rarities(columns)
        del columns, plan
        # An event contradicts nothing, however often there is one.
        contradicting = [not self.encoders_[name].counts_events for name in self.scored_features_]
        evidence = fitted.evidence.evidence
        self.score_scale_ = ScoreScale.fit(evidence[:, contradicting] if any(contradicting) else evidence, rarities)
        judgement = self._combine(fitted.evidence, rarities, np.isin(np.arange(len(data)), fitted.counted))
        self.training_judgement_ = judgement.take(np.argsort(order))
        self.calibration_ = Calibration.fit(self.training_judgement_.scores)
        with tempfile.TemporaryDirectory() as scratch:
            self.model_version_ = content_hash(content_of(self, write_columns(self, Path(scratch))))
        if log_mlflow:
            # The one tie to MLflow, made only where it is asked for.
            from claims_fraud.tracking.run_log import log_fit  # noqa: PLC0415

            log_fit(self, self.training_judgement_.scores, run_name)
        return self.training_judgement_.scores, self.training_judgement_.parts

    def compute_fraud_scores(self, new_data: pd.DataFrame) -> tuple[Floats, pd.DataFrame]:
        """Score rows that `fit` did not see; returns what `fit` returns. Unseen categories and nulls are scored too."""
        judgement = self.judge(new_data)
        return judgement.scores, judgement.parts

    def judge(self, new_data: pd.DataFrame) -> Judgement:
        """Score rows that `fit` did not see, and keep what `reasons` needs."""
        check_is_fitted(self, "models_")
        check_columns(new_data, self.features_)
        models, encoders = list(self.models_.values()), list(self.encoders_.values())
        pieces = [new_data.iloc[start : start + BATCH_ROWS] for start in range(0, len(new_data), BATCH_ROWS)]

        def judged(piece: pd.DataFrame) -> tuple[Evidence, Any]:
            columns = self._encode(piece)
            return judge_batch(models, encoders, Batch(columns, self.cooccurrence_)), self._rarities(columns)

        found = mapped(judged, pieces or [new_data], thread_count(self.n_jobs))
        evidence = Evidence(*(np.concatenate([getattr(one, of) for one, _ in found]) for of in ("evidence", "blame")))
        rarities = np.concatenate([rarity for _, rarity in found])
        return self._combine(evidence, rarities, np.zeros(len(new_data), dtype=bool))

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
        names = list(self.scored_features_)
        places, largest = _largest(judgement.parts[names].to_numpy(), len(names) if top is None else top)
        columns, explainer, pieces = self._encode(new_data), self._explainer, []
        for position, name in enumerate(names):
            rows, place = np.nonzero(places == position)
            inside = [column.take(rows) for column in columns]
            piece = self._explained(explainer, name, new_data, inside, judgement, rows)
            pieces.append(piece.assign(column=name, surprise=largest[rows, place], position=rows, place=place + 1))
        found = pd.DataFrame({name: np.concatenate([piece[name].to_numpy() for piece in pieces]) for name in pieces[0]})
        found = found.sort_values(["position", "place"], ignore_index=True)
        return found.assign(row=new_data.index[found["position"]].to_numpy())[EXPLAINED]

    def reasons(
        self,
        data: pd.DataFrame,
        judgement: Judgement,
        top: int = 3,
        phrases: Mapping[str, pd.Series] | None = None,
    ) -> pd.DataFrame:
        """Return the reasons of rows that `judge` or `fit` judged: reason_1, reason_2, …, None where there is none.

        They are the sentences of `explain`, of the parts that are no less than an equal share of the score, the largest
        first. A part for which there are too few comparable claims gives way to the next one; where there is no next
        one, the reason says that there are only so few.

        Parameters
        ----------
        data : DataFrame of shape (n, ...)
            The rows.
        judgement : Judgement
            What was said of them.
        top : int, default 3
            Reasons a row.
        phrases : mapping of str to Series of shape (n,), optional
            By column, sentences that say more than this model can know; missing where there is none.
        """
        check_columns(data, self.features_)
        names = list(self.scored_features_)
        parts = judgement.parts[names].to_numpy()
        places, largest = _largest(parts, len(names))
        # A column that adds less than its equal share is as it should be, and no reason.
        stands_out = (largest > 0) & (largest >= parts.mean(axis=1, keepdims=True))
        sentences = np.full(places.shape, None, dtype=object)
        explainer = self._explainer
        for start in range(0, len(data), BATCH_ROWS):
            batch = slice(start, start + BATCH_ROWS)
            columns = self._encode(data.iloc[batch])
            for position, name in enumerate(names):
                rows, place = np.nonzero((places[batch] == position) & stands_out[batch])
                if not len(rows):
                    continue
                inside = [column.take(rows) for column in columns]
                said = self._explained(explainer, name, data, inside, judgement, start + rows)["sentence"].to_numpy()
                if phrases and name in phrases:
                    better = phrases[name].iloc[start + rows].to_numpy(dtype=object)
                    said = np.where(pd.isna(said) | pd.isna(better), said, better)
                sentences[start + rows, place] = said
            # What stands out most is named even if the claims like it are too few to be quoted.
            silent = pd.isna(sentences[batch]).all(axis=1) & stands_out[batch, 0]
            for position, name in enumerate(names):
                rows = np.flatnonzero(silent & (places[batch, 0] == position))
                inside = [column.take(rows) for column in columns]
                sentences[start + rows, 0] = explainer.last_resort(
                    self.features_.index(name),
                    data[name].iloc[start + rows],
                    inside,
                    counted=judgement.counted[start + rows],
                )
        # Those that there are, in their order.
        order = np.argsort(pd.isna(sentences), axis=1, kind="stable")[:, :top]
        chosen = np.full((len(data), top), None, dtype=object)
        chosen[:, : order.shape[1]] = np.take_along_axis(sentences, order, axis=1)
        reasons = [f"reason_{number}" for number in range(1, top + 1)]
        return pd.DataFrame(chosen, columns=reasons, index=data.index, dtype=object)

    def usual_range(self, data: pd.DataFrame, name: str) -> tuple[Floats, Floats]:
        """Return between which numbers four of five comparable rows lie, each of shape (n,); see `Explainer`."""
        check_is_fitted(self, "models_")
        column, explainer = self.features_.index(name), self._explainer
        starts = range(0, max(len(data), 1), BATCH_ROWS)
        pieces = (self._encode(data.iloc[start : start + BATCH_ROWS]) for start in starts)
        low, high = zip(*(explainer.usual_range(column, piece) for piece in pieces), strict=True)
        return np.concatenate(low), np.concatenate(high)

    def percentile(self, fraud_scores: Floats) -> Floats:
        """Return the percentile of scores among the cross-fitted training scores, in [0, 100)."""
        check_is_fitted(self, "models_")
        return self.calibration_.percentile(fraud_scores)

    def save(self, folder: Path | str) -> None:
        """Write the model to a missing, empty or earlier model folder, whole or not at all."""
        check_is_fitted(self, "models_")
        with tempfile.TemporaryDirectory() as scratch:
            files = write_columns(self, Path(scratch))
            write_model(Path(folder), content_of(self, files), files)

    @classmethod
    def load(cls, folder: Path | str, n_jobs: int = -1) -> Self:
        """Read a model that `save` wrote; raise InputError if it is missing, damaged, changed or of another format."""
        content = read_model(Path(folder))
        model = cls(**content["parameters"], n_jobs=n_jobs)
        restore(model, content, Path(folder))
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

    @property
    def _explainer(self) -> Explainer:
        derived = [place for place, name in enumerate(self.features_) if name in (self.derived_from or {})]
        models, encoders = list(self.models_.values()), list(self.encoders_.values())
        others = {
            place: [self.features_.index(one) for one in self._set_of(name)]
            for place, name in enumerate(self.cat_features_)
        }
        return Explainer(self.features_, encoders, models, self.cooccurrence_, derived, others)

    def _set_of(self, name: str) -> list[str]:
        """Return the other columns of the column's code set; none if it belongs to none."""
        return [one for columns in self.code_sets if name in columns for one in columns if one != name]

    def _encode(self, data: pd.DataFrame) -> list[Encoded]:
        """Return all columns, where a value that is missing because what it is derived from is counts as absent."""
        encoded = {name: encoder.encode(data[name]) for name, encoder in self.encoders_.items()}
        for name, sources in (self.derived_from or {}).items():
            known = [source for source in sources if source in encoded]
            if name in encoded and known:
                without = np.logical_or.reduce([data[source].isna().to_numpy() for source in known])
                absent = encoded[name].absent | (data[name].isna().to_numpy() & without)
                encoded[name] = replace(encoded[name], absent=absent)
        return list(encoded.values())

    def _most_telling(self, columns: Sequence[Encoded], most: int) -> list[tuple[int, ...]]:
        """Return for each column the places of those that tell most of it."""
        rows = self._some_rows(columns)
        codes = {str(place): column.codes[rows] for place, column in enumerate(columns)}
        # A column that does not vary tells nothing.
        varies = {place for place, values in codes.items() if len(values) and (values != values[0]).any()}
        return [
            tuple(int(other) for other in others if other in varies) for others in most_telling(codes, most).values()
        ]

    def _follows(self, columns: Sequence[Encoded]) -> list[bool]:
        """Return of each column whether it is a number that follows from others."""
        rows, encoders = self._some_rows(columns), list(self.encoders_.values())
        sizes = [encoder.n_codes for encoder in encoders]
        return [follows_others(place, columns, encoders, sizes, rows) for place in range(len(columns))]

    def _some_rows(self, columns: Sequence[Encoded]) -> Ints:
        """Return the positions of all rows, or of as many as a model may learn from."""
        return sample_rows(np.arange(len(columns[0].codes)), COUNTED * self.max_samples, self.seed)

    def _rarities(self, columns: Sequence[Encoded]) -> Any:
        derived = self.derived_from or {}
        return np.column_stack(
            [
                columns[self.features_.index(name)].rarity * (RARITY_OF_DERIVED if name in derived else 1)
                for name in self.scored_features_
            ]
        )

    def _explained(  # noqa: PLR0913, PLR0917
        self,
        explainer: Explainer,
        name: str,
        data: pd.DataFrame,
        columns: Sequence[Encoded],
        judgement: Judgement,
        rows: Ints,
    ) -> pd.DataFrame:
        """Return what there is to say of a column in some rows (positions); ``columns`` are those of these rows."""
        return explainer.explained(
            self.features_.index(name),
            data[name].iloc[rows],
            columns,
            by_rarity=judgement.by_rarity[rows],
            counted=judgement.counted[rows],
        )

    def _combine(self, evidence: Evidence, rarities: Any, counted: Any) -> Judgement:
        scored = [self.features_.index(name) for name in self.scored_features_]
        return combined(evidence, rarities, self.score_scale_, features=self.features_, scored=scored, counted=counted)


def _largest(parts: Floats, top: int) -> tuple[Ints, Floats]:
    """Return the columns of each row's largest parts, and these parts, both of shape (n, top), in descending order."""
    # Stable, so that equal parts come in the order of the columns.
    places = np.argsort(-parts, axis=1, kind="stable")[:, :top]
    return places, np.take_along_axis(parts, places, axis=1)
