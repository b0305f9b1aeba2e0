"""Rows sorted by what they break: the bad kept apart from the good, or all of them kept, each with its reasons.

What `keep` answers:

| field | is |
|---|---|
| rows, bad | how many, and how many have a reason of their own |
| by_row | is every reason that of single rows, so that nothing failed without the bad ones? |
| split | are the good rows written for the table, and only the bad ones kept? |
| kept_schema, kept_files | what is kept, below `bad_to`: the bad rows, or all; last `_reasons`, a list of texts |
| by_reason | how many rows, the most frequent reason first |
| columns, sample | some rows that have reasons, those with the most first, as texts; the first is the reasons |
| schema, files, profile | of the good rows as `check` has them, if split; else none |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as f

from sluice_ml import conformed, expectations, frames, profiles
from sluice_ml.frames import column, stage
from sluice_ml.landed import Landed
from sluice_ml.request import Request

REASONS: Final = "_reasons"
OWN: Final = "_own_reasons"
"""How many of a row's reasons are its own, while it is sorted."""

SAMPLED: Final = 20
ALIKE: Final = 8
"""So many rows of the sample may have the same reasons."""
WIDEST: Final = 200


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """The batch with each row's reasons, how many rows have one of their own, and what every row is kept for."""

    frame: DataFrame
    bad: int
    of_all: Sequence[str]


def keep(batch: Landed, request: Request) -> dict[str, Any]:
    """Sort, write, and tell."""
    with stage("sorting"):
        found = _sorted(batch, request)
    split = not found.of_all and _is_few(found.bad, batch.rows, request.split_at_most_percent)
    kept = found.frame.where(f.col(OWN) > 0) if split else found.frame
    kept = kept.drop(OWN)
    with stage("rows kept"):
        kept_files = frames.write(kept, request.bad_to) if batch.rows else []
    answer: dict[str, Any] = {
        "rows": batch.rows,
        "bad": found.bad,
        "by_row": not found.of_all,
        "split": split,
        "kept_schema": frames.schema_of(kept),
        "kept_files": kept_files,
        "by_reason": _by_reason(kept),
        "columns": [REASONS, *batch.frame.columns],
        "sample": _sample(kept),
        "schema": frames.schema_of(batch.frame),
        "files": [],
        "profile": None,
    }
    if split:
        good = found.frame.where(f.col(OWN) == 0).drop(OWN, REASONS)
        with stage("rows for the table"):
            answer["files"] = conformed.write(good, request.known, request.rows_to, request.partition_by)
        with stage("profile"):
            answer["profile"] = profiles.profile(good, request.baseline, request.profile_first)
    return answer


def _sorted(batch: Landed, request: Request) -> Sorted:
    breaks = expectations.conditions(batch.frame, request.stopping)
    of_all = [each["sentence"] for at, each in enumerate(request.stopping) if at not in breaks] + list(request.of_all)
    for_all = f.array(*map(f.lit, of_all)).cast("array<string>")
    if not breaks:
        rows = batch.frame.select("*", for_all.alias(REASONS), f.lit(0).alias(OWN))
        return Sorted(frame=rows, bad=0, of_all=of_all)
    names = {at: f"_breaks_{at}" for at in breaks}
    rows = batch.frame.select("*", *[breaks[at].alias(name) for at, name in names.items()])
    cases = [f.when(f.col(name), f.lit(request.stopping[at]["asked"])) for at, name in names.items()]
    rows = rows.withColumn(REASONS, f.array_compact(f.array(*cases))).withColumn(OWN, f.size(REASONS))
    rows = rows.withColumn(REASONS, f.concat(REASONS, for_all)).drop(*names.values())
    # What is unique is told by a shuffle of all rows: once, not for every look at them.
    place = f"{request.raw}/sorted"
    rows.write.mode("overwrite").parquet(place)
    rows = rows.sparkSession.read.schema(rows.schema).parquet(place)
    return Sorted(frame=rows, bad=rows.where(f.col(OWN) > 0).count(), of_all=of_all)


def _is_few(bad: int, rows: int, at_most_percent: str | None) -> bool:
    """Are there bad rows and good ones, and of the bad no more than may be taken out?"""
    return at_most_percent is not None and 0 < bad < rows and 100 * bad <= Decimal(at_most_percent) * rows


def _by_reason(kept: DataFrame) -> dict[str, int]:
    counted = kept.select(f.explode(REASONS).alias("reason")).groupBy("reason").count().collect()
    return dict(sorted(((row["reason"], row["count"]) for row in counted), key=lambda each: (-each[1], each[0])))


def _sample(kept: DataFrame) -> list[list[str]]:
    """Some of the rows, of many kinds."""
    texts = [
        f.coalesce(f.substring(column(name).cast("string"), 1, WIDEST), f.lit("")).alias(f"c{at}")
        for at, name in enumerate(kept.columns)
        if name != REASONS
    ]
    alike = f.row_number().over(Window.partitionBy(REASONS).orderBy(f.lit(0)))
    numbered = kept.where(f.size(REASONS) > 0).select(f.col(REASONS), *texts).withColumn("alike", alike)
    some = numbered.where(f.col("alike") <= ALIKE).orderBy(f.size(REASONS).desc(), REASONS).limit(SAMPLED)
    return [["; ".join(row[0]), *row[1:-1]] for row in some.collect()]
