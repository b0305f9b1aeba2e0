"""What several of these tests run beside."""

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.contracts.ml_laptop import server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator["SparkSession"]:
    """Spark, which a job in this process finds; its times are UTC's, as the check job's are."""
    from pyspark.sql import SparkSession

    with server(tmp_path_factory.mktemp("spark") / "log", "local.spark") as address:
        os.environ["SPARK_REMOTE"] = address
        main = sys.modules["__main__"]
        if not hasattr(main, "__file__"):  # PySpark would take it for its own doctests
            main.__file__ = "pytest"
        session = SparkSession.builder.getOrCreate()
        session.conf.set("spark.sql.session.timeZone", "UTC")
        yield session
        session.stop()
        del os.environ["SPARK_REMOTE"]
