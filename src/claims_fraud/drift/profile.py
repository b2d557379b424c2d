"""The reference profile: what the claims looked like that a model learned from, in counts that people can review.

Not for the claims themselves: no row is kept, but a category that one claim has alone is named. Keep it with the model.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from claims_fraud.drift.bins import BINS, Bins, CategoryBins, Ints, Kind, NumberBins, has_no_number
from claims_fraud.drift.counting import Counts, count_rows
from claims_fraud.errors import InputError, listed
from claims_fraud.statistics.frames import check_frame

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Column:
    """A column of the reference.

    Attributes
    ----------
    bins : NumberBins or CategoryBins
        How its values are counted.
    counts : array of shape (bins,)
        Rows of the reference.
    stored_as : tuple of str
        What kind of values it holds: number, text and so on.
    """

    bins: Bins
    counts: Ints
    stored_as: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Rows of the reference."""
        return int(self.counts.sum())


@dataclass(frozen=True)
class ReferenceProfile:
    """What the columns of the reference look like.

    Attributes
    ----------
    features : dict of str to Column
        Columns that a batch has to have.
    scores : dict of str to Column
        Score and surprises, compared where a batch has them.
    columns : tuple of str
        All columns of the reference, ids and dates too: any other is new.
    model_version : str, optional
        Of the model that learned from it.
    history_complete : bool
        Whether it has claims with a complete history only, so that others do not compare with it.
    """

    features: dict[str, Column]
    scores: dict[str, Column]
    columns: tuple[str, ...] = ()
    model_version: str | None = None
    history_complete: bool = False

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        cat_features: Sequence[str],
        num_features: Sequence[str],
        score_features: Sequence[str] = (),
    ) -> Self:
        """Learn the profile of a frame that is in memory.

        Parameters
        ----------
        frame : DataFrame of shape (n, ...)
            The reference, n at least 1.
        cat_features, num_features : sequence of str
            Its features: codes, and numbers. Dates and ids are none.
        score_features : sequence of str
            Numeric columns that say what a model makes of each row.

        Raises
        ------
        InputError
            If the frame has no rows or lacks a column.
        """
        bins = learn_bins(frame, cat_features, [*num_features, *score_features])
        counts = count_rows(frame, bins)
        features = {name: one for name, one in bins.items() if name not in set(score_features)}
        scores = {name: bins[name] for name in score_features}
        return cls.of(features, counts, scores, counts)

    @classmethod
    def of(  # noqa: PLR0913
        cls,
        features: Mapping[str, Bins],
        counts: Counts,
        scores: Mapping[str, Bins],
        score_counts: Counts,
        model_version: str | None = None,
        *,
        history_complete: bool = False,
    ) -> Self:
        """Return the profile of what was counted batch by batch."""
        columns = _columns(features, counts), _columns(scores, score_counts)
        return cls(*columns, tuple(counts["columns"]), model_version, history_complete)

    @property
    def every(self) -> dict[str, Column]:
        """Features, score and surprises."""
        return {**self.features, **self.scores}

    @property
    def bins(self) -> dict[str, Bins]:
        """How all columns are counted."""
        return {name: column.bins for name, column in self.every.items()}

    def save(self, path: str | Path) -> None:
        """Write the profile as JSON."""
        told = {
            "format_version": FORMAT_VERSION,
            "model_version": self.model_version,
            "history_complete": self.history_complete,
            "columns": list(self.columns),
            "features": {name: _as_json(column) for name, column in self.features.items()},
            "scores": {name: _as_json(column) for name, column in self.scores.items()},
        }
        Path(path).write_text(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return a profile that `save` wrote; raise InputError if the file is none, or of another format."""
        try:
            told = json.loads(Path(path).read_text(encoding="utf-8"))
            version = told["format_version"]
            if version == FORMAT_VERSION:
                features, scores = (
                    {name: _from_json(one) for name, one in told[p].items()} for p in ("features", "scores")
                )
                # Profiles of earlier versions do not say it, and have claims of both kinds.
                complete = told.get("history_complete", False)
                return cls(features, scores, tuple(told["columns"]), told["model_version"], complete)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path} is no reference profile, or it was changed ({type(error).__name__}: {error}). Restore it, or "
                "train the model again."
            ) from error
        raise InputError(
            f"{path} is a reference profile of format {version}, and this version reads {FORMAT_VERSION}. Train the "
            "model again, or use the version that wrote it."
        )


def learn_bins(frame: pd.DataFrame, cat_features: Iterable[str], num_features: Iterable[str]) -> dict[str, Bins]:
    """Return the bins of each feature, learned from a frame; raise InputError for what will not do."""
    categories, numbers = list(cat_features), list(num_features)
    check_frame(frame, (*categories, *numbers), "the reference")
    lacking = [name for name in (*categories, *numbers) if name not in frame]
    if lacking or not len(frame):
        what = f"no column {listed(lacking)}" if lacking else "no rows"
        raise InputError(f"the reference has {what}. Give a frame that has them, or name other features.")
    for name in numbers:
        if has_no_number(frame[name]):
            raise InputError(
                f"num_features names {name!r}, in which no value is a number. Name it under cat_features, or turn it "
                "into one: of dates, the days since a fixed date."
            )
    return {
        **{name: CategoryBins.fit(frame[name]) for name in categories},
        **{name: NumberBins.fit(frame[name]) for name in numbers},
    }


def _columns(bins: Mapping[str, Bins], counts: Counts) -> dict[str, Column]:
    return {
        name: Column(one, np.asarray(counts["counts"][name], dtype=np.int64), tuple(counts["stored_as"][name]))
        for name, one in bins.items()
    }


def _as_json(column: Column) -> dict[str, Any]:
    return {
        "kind": column.bins.kind,
        "stored_as": list(column.stored_as),
        "rows": column.rows,
        **column.bins.as_json(column.counts),
    }


def _from_json(told: Mapping[str, Any]) -> Column:
    kind: Kind = told["kind"]
    bins, counts = BINS[kind].from_json(told)
    return Column(bins, counts, tuple(told["stored_as"]))
