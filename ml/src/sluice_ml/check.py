"""The check job: a batch too large for the control plane is read, judged, measured and written here, on Spark.

It is asked by a JSON document (see `request`) and leaves a JSON document, as the one file of a folder; it commits
nothing. A batch that is not what its files should be is answered by `{"unreadable": "why"}`, and the run ends well.

What `check` answers:

| field | is |
|---|---|
| rows, schema | how many, and their columns as they were read |
| changed | by column whose type is not the table's: how many `values`, and how many of them are `lost` as that type |
| refused | by index in the suite: why Great Expectations cannot ask it |
| results | Great Expectations' own, each with its index in the suite as `expectation_config.meta.position` |
| profile | see `profiles` |
| files | below `rows_to`, if nothing failed that stops a batch: the rows as the table takes them |

What `keep` answers is told in `apart`.
"""

import sys
from typing import Any

from pyspark.sql import SparkSession

from sluice_ml import apart, conformed, expectations, frames, landed, profiles
from sluice_ml.files import Unreadable
from sluice_ml.frames import stage
from sluice_ml.landed import Landed
from sluice_ml.parameters import CheckParameters
from sluice_ml.request import Request


def main() -> None:
    """Entry point of the job; a run fails by what this raises."""
    check(CheckParameters.parse(sys.argv[1:]))


def check(parameters: CheckParameters) -> None:
    """Answer the request; the same request has the same answer, however often. Raises BadInput."""
    parameters.continue_trace()
    spark = SparkSession.builder.getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    request = Request.of(frames.read_document(spark, parameters.request), parameters.request)
    try:
        with stage("read"):
            batch = landed.read(spark, request)
    except Unreadable as error:
        answer: dict[str, Any] = {"unreadable": str(error)}
        print(f"the batch cannot be read: {error}")
    else:
        print(f"{batch.rows:,} rows of {len(batch.frame.columns)} columns")
        answer = apart.keep(batch, request) if request.what == "keep" else judged(batch, request)
    frames.leave_document(spark, answer, parameters.answer)
    print(f"answered {request.what} of story {parameters.story} at {parameters.answer}")


def judged(batch: Landed, request: Request) -> dict[str, Any]:
    """What `check` answers."""
    with stage("types"):
        changed = conformed.changed(batch, request.known)
    with stage("expectations"):
        found = expectations.judge(batch.frame, request.suite)
    files: list[str] = []
    if batch.rows and not found.stops:
        with stage("rows for the table"):
            files = conformed.write(batch.frame, request.known, request.rows_to, request.partition_by)
    with stage("profile"):
        profile = profiles.profile(batch.frame, request.baseline, request.profile_first)
    return {
        "rows": batch.rows,
        "schema": frames.schema_of(batch.frame),
        "changed": changed,
        "refused": found.refused,
        "results": found.results,
        "profile": profile,
        "files": files,
    }
