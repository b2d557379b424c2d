"""Nodes that ingest claims; the rules stand in `claims_fraud.claims`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from functools import partial

import pandas as pd
import pyarrow as pa

from claims_fraud import frames
from claims_fraud.claims import Columns, HistoryParameters, IngestionParameters, ReadParameters
from claims_fraud.claims.across_claims import PROVIDER_COLUMNS
from claims_fraud.claims.corrections import (
    CLAIM,
    KNOWN,
    PAIR,
    SINCE,
    TAKEN_BACK,
    count_reversals,
    known_pairs,
    known_versions,
    may_be_reversed,
    numbered,
    reversed_claims,
    reversing_known,
    superseded_by_known,
    with_claim,
    with_pair,
    with_reversals,
)
from claims_fraud.claims.history import HISTORY, derive_patient_features, derive_provider_features, history_inputs
from claims_fraud.claims.ingestion import (
    added_findings,
    check_findings,
    checked_claims,
    findings,
    rejected_claims,
    valid_claims,
)
from claims_fraud.claims.lines import with_claim_id
from claims_fraud.claims.rows import AS_IT_IS, check_columns, refuse_nested
from claims_fraud.claims.splits import SPLITS, claims_by_day, claims_of_split
from claims_fraud.claims.tables import claims_schema, features_schema, rejected_schema
from claims_fraud.claims.windows import Window
from claims_fraud.frames import Frame

logger = logging.getLogger(__name__)

IS_NEW = "__is_new"

# From claims, and earlier ones, to what is derived of the claims.
Derive = Callable[..., pd.DataFrame]


def check_claims(
    claims: Frame, columns: Columns, parameters: IngestionParameters, as_of: str, read: ReadParameters = AS_IT_IS
) -> Frame:
    """Return every row as it came, with the rules that it breaks."""
    return _checked(claims, columns, parameters, as_of, read)[0]


def _checked(
    claims: Frame, columns: Columns, parameters: IngestionParameters, as_of: str, read: ReadParameters
) -> tuple[Frame, bool]:
    """Return the checked rows, and whether there are reversals among them."""
    check_columns(claims.columns, columns)
    # pandas has no type for these; there they are found among the values.
    nested = [field.name for field in frames.schema_of(claims) if pa.types.is_nested(field.type)]
    refuse_nested(name for name in nested if name in columns.roles)
    day = date.fromisoformat(as_of)
    if columns.claim_id_columns:
        claim_id = pa.field(columns.claim_id, pa.string())
        schema = _appended(frames.schema_of(claims), claim_id)
        claims = frames.map_batches(claims, partial(with_claim_id, columns=columns, read=read), schema)
    whose, reversals = columns.party or columns.provider, 0
    if whose is not None and may_be_reversed(columns, parameters.signed_columns):
        count = partial(count_reversals, columns=columns, read=read)
        reversals = frames.reduce_batches(claims, count, _added)["reversals"]
        if reversals:
            schema = _appended(frames.schema_of(claims), pa.field(TAKEN_BACK, pa.string()))
            claims = frames.map_groups(claims, whose, partial(with_reversals, columns=columns, read=read), schema)
    check = partial(checked_claims, columns=columns, parameters=parameters, as_of=day, read=read)
    as_they_came = pa.schema([field for field in frames.schema_of(claims) if field.name != TAKEN_BACK])
    return frames.map_groups(claims, columns.claim_id, check, rejected_schema(as_they_came)), reversals > 0


def check_new_claims(  # noqa: PLR0913, PLR0917 - a node's inputs
    claims: Frame,
    features: Frame,
    earlier_new: Frame | None,
    columns: Columns,
    parameters: IngestionParameters,
    as_of: str,
    read: ReadParameters = AS_IT_IS,
) -> Frame:
    """Return every new row as it came, with the rules that it breaks.

    Rows older than the known version of their claim, and reversals of known claims, are set aside.
    """
    checked, has_reversals = _checked(claims, columns, parameters, as_of, read)
    known, schema = _known(features, earlier_new, columns), frames.schema_of(checked)
    if columns.updated_at is not None:
        fields = [pa.field(CLAIM, pa.string()), pa.field(SINCE, pa.timestamp("us", tz="UTC"))]
        versions = frames.map_batches(known, partial(known_versions, columns=columns), pa.schema(fields))
        rows = frames.map_batches(checked, partial(with_claim, columns=columns, read=read), schema.append(fields[0]))
        beside = frames.left_join(rows, versions, CLAIM)
        checked = frames.map_batches(beside, partial(superseded_by_known, columns=columns, read=read), schema)
    return _with_known_reversed(checked, known, columns, read) if has_reversals else checked


def _with_known_reversed(checked: Frame, known: Frame, columns: Columns, read: ReadParameters) -> Frame:
    """Return the checked rows with those set aside that reverse a known claim."""
    schema, fields = frames.schema_of(checked), [pa.field(PAIR, pa.string()), pa.field(KNOWN, pa.string())]
    with_pairs = schema.append(fields[0])
    rows = frames.map_batches(checked, partial(with_pair, columns=columns, read=read), with_pairs)
    rows = frames.map_groups(rows, PAIR, partial(numbered, by=columns.claim_id), with_pairs)
    pairs = frames.map_batches(known, partial(known_pairs, columns=columns), pa.schema(fields))
    pairs = frames.map_groups(pairs, PAIR, partial(numbered, by=KNOWN), pa.schema(fields))
    return frames.map_batches(frames.left_join(rows, pairs, PAIR), reversing_known, schema)


def separate_rejected_claims(
    checked: Frame, columns: Columns, parameters: IngestionParameters, read: ReadParameters = AS_IT_IS
) -> tuple[Frame, Frame]:
    """Return valid and rejected claims; together as many as came."""
    return _separated(checked, columns, parameters, read, all_may_be_aside=False)


def separate_rejected_new_claims(
    checked: Frame, columns: Columns, parameters: IngestionParameters, read: ReadParameters = AS_IT_IS
) -> tuple[Frame, Frame]:
    """Return valid and rejected new claims; the first may be none, on a day of nothing but reversals."""
    return _separated(checked, columns, parameters, read, all_may_be_aside=True)


def _separated(
    checked: Frame, columns: Columns, parameters: IngestionParameters, read: ReadParameters, *, all_may_be_aside: bool
) -> tuple[Frame, Frame]:
    found = frames.reduce_batches(checked, partial(findings, columns=columns), added_findings)
    check_findings(found, columns, parameters, all_may_be_aside=all_may_be_aside)
    valid = partial(valid_claims, columns=columns, read=read)
    return (
        frames.map_batches(checked, valid, claims_schema(columns, checked.columns)),
        frames.map_batches(checked, rejected_claims, frames.schema_of(checked)),
    )


def derive_claim_features(claims: Frame, columns: Columns, history: HistoryParameters) -> Frame:
    """Return the features of valid claims: a row each."""
    window = Window(history.window_days, _first_date(claims, columns))
    if any(name in HISTORY for name in columns.numeric if name not in claims.columns):
        logger.info(
            "History looks back %d days: it is complete for claims from %s on", window.days, window.complete_from
        )
    return _features(claims, None, columns, window)


def split_features(features: Frame, columns: Columns, parameters: IngestionParameters) -> tuple[Frame, Frame, Frame]:
    """Return train, validation and test features."""
    days = frames.reduce_batches(features, partial(claims_by_day, columns=columns), _added)
    schema = frames.schema_of(features)
    choose = partial(claims_of_split, days=days, columns=columns, parameters=parameters)
    train, validation, test = (frames.map_batches(features, partial(choose, split=split), schema) for split in SPLITS)
    return train, validation, test


def derive_new_claim_features(  # noqa: PLR0913, PLR0917 - a node's inputs
    claims: Frame,
    features: Frame,
    earlier_new: Frame | None,
    columns: Columns,
    history: HistoryParameters,
    rejected: Frame | None = None,
) -> Frame:
    """Return features of the new claims.

    History counts the claims ingested for training and the new claims ingested before, each once; a claim that comes
    again replaces itself, one that is reversed counts no more. It begins with the claims ingested for training.
    """
    known = _known(features, earlier_new, columns)[history_inputs(columns)]
    if rejected is not None:
        only_id = claims_schema(columns, [columns.claim_id])
        gone = frames.map_batches(rejected, partial(reversed_claims, columns=columns), only_id)
        known = frames.without(known, gone, [columns.claim_id])
    first = _first_date(features, columns)
    window = Window(history.window_days, _first_date(claims, columns) if pd.isna(first) else first)
    return _features(claims, known, columns, window)


def keep_new_claim_features(features: Frame) -> Frame:
    """Return the features for the table of all claims since training, which puts them in by claim id."""
    return features


def _known(features: Frame, earlier_new: Frame | None, columns: Columns) -> Frame:
    """Return the claims known so far, each once: what history, reversals and versions are told by."""
    names = [*history_inputs(columns), *([columns.updated_at] if columns.updated_at else [])]
    earlier = None if earlier_new is None else earlier_new[names]
    return frames.upserted(features[names], earlier, columns.claim_id)


def _first_date(claims: Frame, columns: Columns) -> pd.Timestamp:
    """Return the date of the earliest claim; NaT where there is none."""
    dates = frames.smallest(claims[[columns.claim_date]], 1, by=columns.claim_date)[columns.claim_date]
    return pd.Timestamp(dates.min())


def _features(claims: Frame, known: Frame | None, columns: Columns, window: Window) -> Frame:
    """Return the claims' features, put together from what is derived patient by patient and provider by provider."""
    schema = features_schema(columns, claims.columns)
    names = [name for name in schema.names if name in PROVIDER_COLUMNS and name not in claims.columns]
    of_provider = pa.schema([schema.field(name) for name in (columns.claim_id, *names)])
    of_patient = pa.schema([field for field in schema if field.name not in names])
    of_patients = partial(derive_patient_features, columns=columns, window=window)
    if columns.party is None:
        # Nothing to group by, and nothing that earlier claims say.
        features = frames.map_batches(claims, of_patients, of_patient)
    else:
        features = _derived(claims, known, columns.party, columns.claim_id, of_patients, of_patient)
    if columns.provider is None or not names:
        return features
    inputs = claims[history_inputs(columns)]
    of_providers = partial(derive_provider_features, columns=columns, window=window)
    history = _derived(inputs, known, columns.provider, columns.claim_id, of_providers, of_provider)
    together: Frame = frames.left_join(features, history, columns.claim_id)[schema.names]
    return together


def _derived(  # noqa: PLR0913, PLR0917
    claims: Frame, known: Frame | None, key: str, claim_id: str, derive: Derive, schema: pa.Schema
) -> Frame:
    """Return what is derived of the claims of each patient or provider, those known from before counting as history."""
    if known is None:
        return frames.map_groups(claims, key, derive, schema)
    # Only the patients or providers at hand: the others' history is of no use, and there may be millions of them.
    theirs = frames.matching(known, claims, [key])
    both = frames.union(claims, frames.without(theirs, claims, [claim_id]), marker=IS_NEW)
    return frames.map_groups(both, key, partial(_of_new, derive=derive), schema)


def _of_new(claims: pd.DataFrame, derive: Derive) -> pd.DataFrame:
    is_new = claims[IS_NEW].to_numpy(bool)
    rows = claims.drop(columns=IS_NEW)
    return derive(rows[is_new].reset_index(drop=True), earlier=rows[~is_new])


def _appended(schema: pa.Schema, field: pa.Field) -> pa.Schema:
    """Return the schema with the field at its end, where it is not in it."""
    return schema if field.name in schema.names else schema.append(field)


def _added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}
