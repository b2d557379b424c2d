"""The autoencoder as an MLflow model is a Spark UDF too, and says of a Spark frame what it says of a pandas frame."""

from __future__ import annotations

import mlflow
import pandas as pd
import pyarrow as pa
import pytest
from pyspark.errors import AnalysisException, PythonException
from pyspark.sql import functions as F

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.tracking import flavor
from support import visits_and_surgeries

CAT_FEATURES, NUM_FEATURES = ["code", "ward"], ["amount", "age"]
RESULTS = {
    "fraud_score": "double",
    "fraud_percentile": "double",
    "flagged": "boolean",
    "reason_1": "string",
    "reason_2": "string",
    "reason_3": "string",
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    claims = visits_and_surgeries().assign(ward=lambda drawn: drawn["age"] % 3)
    model = ClaimsTreeAutoencoder("catboost", n_estimators=3, n_jobs=1)
    model.fit(claims, CAT_FEATURES, NUM_FEATURES)
    folder = tmp_path_factory.mktemp("mlflow") / "model"
    flavor.save_model(model, folder)
    return str(folder)


@pytest.fixture(scope="module")
def claims():
    """Text, whole numbers as a code and as a number, and doubles, a null in each; and a column of no use."""
    claims = visits_and_surgeries().head(40).convert_dtypes()
    claims = claims.assign(ward=claims["age"] % 3, claim=range(40))
    for row, name in enumerate(["code", "ward", "amount", "age"]):
        claims.loc[row, name] = None
    return claims


@pytest.fixture(scope="module")
def frame(spark, claims):
    # Rows of two kinds fill at most two partitions: the others are empty.
    return spark.createDataFrame(pa.Table.from_pandas(claims)).repartition(4, F.col("claim") % 2)


def judged(frame, column):
    return frame.select("claim", column.alias("judged")).select("claim", "judged.*").orderBy("claim")


def test_says_what_it_says_of_a_pandas_frame(spark, saved, claims, frame):
    udf = mlflow.pyfunc.spark_udf(spark, saved, env_manager="local")
    found, expected = judged(frame, udf()), mlflow.pyfunc.load_model(saved).predict(claims)
    assert dict(found.dtypes) == {"claim": "bigint", **RESULTS}
    pd.testing.assert_frame_equal(found.toPandas()[list(RESULTS)], expected, check_exact=True)
    assert expected["reason_2"].eq("").any()
    assert expected["reason_2"].ne("").any()
    assert expected["flagged"].any()


def test_takes_a_struct_and_another_threshold(spark, saved, claims, frame):
    udf = mlflow.pyfunc.spark_udf(spark, saved, env_manager="local", params={"threshold_percentile": 50.0})
    # In another order, with a column that the model does not know.
    found = judged(frame, udf(F.struct("claim", "age", "amount", "ward", "code"))).toPandas()
    assert found["flagged"].equals(found["fraud_percentile"] > 50)
    assert found["fraud_score"].equals(mlflow.pyfunc.load_model(saved).predict(claims)["fraud_score"])


def test_a_missing_column_is_named_before_anything_runs(spark, saved, frame):
    udf = mlflow.pyfunc.spark_udf(spark, saved, env_manager="local")
    with pytest.raises(AnalysisException, match="with name `age` cannot be resolved"):
        frame.drop("age").select(udf())


def test_text_in_the_place_of_a_number_is_named(spark, saved, frame):
    udf = mlflow.pyfunc.spark_udf(spark, saved, env_manager="local")
    with pytest.raises(PythonException, match="num_features column 'age' holds what is no number"):
        judged(frame.withColumn("age", F.lit("old")), udf()).collect()
