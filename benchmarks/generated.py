"""Features of generated claims, as many as are wanted, in a parquet file.

Not by the ingestion pipeline: `DataIngestion` makes the same from chunks, and is quicker.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from environment import AS_OF
from pandas.api.types import is_object_dtype

from claims_fraud.claims import Columns, DataIngestion
from claims_fraud.claims.sample import generate_chunks


def write_features(path: Path, rows: int, chunk: int) -> None:
    """Write the features of generated claims, chunk by chunk; patients never span chunks, so their history is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished, writer = path.with_suffix(".unfinished"), None
    ingestion = DataIngestion(Columns(), as_of=pd.Timestamp(AS_OF).date())
    for claims, _ in generate_chunks(rows, chunk_size=chunk):
        features, _ = ingestion.run(claims)
        schema = pa.schema([_stored(features[name]) for name in features])
        writer = writer or pq.ParquetWriter(unfinished, schema)
        writer.write_table(pa.Table.from_pandas(features, schema=schema, preserve_index=False))
    if writer is not None:
        writer.close()
        unfinished.rename(path)


def _stored(values: pd.Series) -> pa.Field:
    kind = pa.string() if is_object_dtype(values) else pa.from_numpy_dtype(values.dtype)
    return pa.field(str(values.name), pa.timestamp("us") if pa.types.is_timestamp(kind) else kind)
