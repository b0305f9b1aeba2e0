"""The check of a batch, beside others that could do it: `python -m benchmarks.quality [--rows N ...]`.

The same 28 expectations over the same 20 columns of the same Parquet file, each engine in a process of its own, in
turns. Printed are the medians' ratios to Great Expectations on pandas, and the peak of each process's memory. Exit code
1 if an engine counts other rows as unexpected than Great Expectations on pandas does.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENGINES = ("ours", "gx-pandas", "duckdb-query", "pandera", "pointblank")
CARRIERS = ["AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN"]
NUMBERS = [f"n{index}" for index in range(6)]
AMOUNTS = [f"a{index}" for index in range(6)]


def main() -> int:
    """Make the data, run each engine in turns, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000], help="sizes (1 and 10 million)")
    parser.add_argument("--rounds", type=int, default=2, help="how often each engine runs (2)")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES, help="which (all)")
    parser.add_argument("--memory", default="600MB", help="DuckDB's memory limit, as CHECK_MEMORY_LIMIT (600MB)")
    parser.add_argument("--run", metavar="ENGINE", help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(measured(arguments.run, Path(arguments.file), arguments.memory)))
        return 0
    wrong = False
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "batch.parquet"
            print(f"{rows:,} rows, {len(suite())} expectations, {arguments.rounds} rounds", flush=True)
            generate(file, rows)
            wrong |= compare(file, arguments.engines, arguments.rounds, arguments.memory)
    return int(wrong)


def compare(file: Path, engines: list[str], rounds: int, memory: str) -> bool:
    """Run each engine in turns and print what came of it; is a count wrong?"""
    found: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
    for _ in range(rounds):
        for engine in engines:
            command = [sys.executable, "-m", "benchmarks.quality", "--run", engine, "--file", str(file)]
            done = subprocess.run([*command, "--memory", memory], capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{engine}: {done.stderr[-2000:]}")
            found[engine].append(json.loads(done.stdout.splitlines()[-1]))
    truth = found.get("gx-pandas", [{"unexpected": None}])[0]["unexpected"]
    base = statistics.median(one["seconds"] for one in found.get("gx-pandas", next(iter(found.values()))))
    print(f"  {'engine':<14}{'of gx-pandas':>13}{'seconds':>9}{'import':>8}{'peak MB':>9}  unexpected")
    wrong = False
    for engine, runs in found.items():
        seconds = statistics.median(one["seconds"] for one in runs)
        imports, peak = statistics.median(one["import"] for one in runs), max(one["megabytes"] for one in runs)
        counted = runs[0]["unexpected"]
        agrees = truth is None or counted is None or counted == truth
        wrong |= not agrees
        said = "not counted" if counted is None else f"{sum(counted):,}{'' if agrees else f', but {sum(truth):,}'}"
        print(f"  {engine:<14}{seconds / base:>13.2f}{seconds:>9.2f}{imports:>8.2f}{peak:>9.0f}  {said}", flush=True)
    return wrong


def generate(file: Path, rows: int) -> None:
    """Twenty mixed columns, the same for the same number of rows, with faults of five kinds."""
    import duckdb

    numbers = ", ".join(f"((hash(i + {n}) % 10_000)::INTEGER) AS {name}" for n, name in enumerate(NUMBERS, 1))
    amounts = ", ".join(
        f"CASE WHEN hash(i * 31 + {n}) % 50 = 0 THEN NULL ELSE (hash(i + {n * 7}) % 1_000_000) / 1000.0 END AS {name}"
        for n, name in enumerate(AMOUNTS, 1)
    )
    carriers = ", ".join(f"'{each}'" for each in [*CARRIERS * 40, "XX"])
    duckdb.sql("SET preserve_insertion_order = false")
    duckdb.sql(
        f"COPY (SELECT CASE WHEN i % 100_000 = 7 THEN 0 ELSE i END AS id, {numbers}, {amounts},"
        f" [{carriers}][1 + (hash(i + 99) % {len(CARRIERS) * 40 + 1})::INTEGER] AS carrier,"
        " ['EWR', 'JFK', 'LGA'][1 + i % 3] AS origin,"
        " ['ok', 'late', 'gone'][1 + (hash(i + 5) % 3)::INTEGER] AS state,"
        " CASE WHEN hash(i + 3) % 5000 = 0 THEN 'bad' ELSE 'N' || (10_000 + hash(i + 3) % 80_000)::VARCHAR END AS tail,"
        " DATE '2013-01-01' + (i // 1000)::INTEGER AS day, (i % 1000)::INTEGER AS flight,"
        " 0.5 + (hash(i + 4) % 1000) / 1000.0 AS low"
        f" FROM range({rows}) t(i)) TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE 200_000)"
    )


def expect(kind: str, **kwargs: Any) -> dict[str, Any]:
    """An expectation as it stands in a suite's file."""
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": "critical", "meta": {}}


def suite() -> list[dict[str, Any]]:
    """The expectations: sets, bounds, nulls, expressions, uniqueness of one column and of two, and the table's own."""
    columns = ["id", *NUMBERS, *AMOUNTS, "carrier", "origin", "state", "tail", "day", "flight", "low"]
    return [
        expect("table_columns_to_match_set", column_set=columns),
        expect("table_row_count_to_be_between", min_value=1),
        *(expect("column_values_to_be_between", column=each, min_value=0, max_value=9_999) for each in NUMBERS),
        *(expect("column_values_to_be_between", column=each, min_value=0) for each in AMOUNTS),
        *(expect("column_values_to_not_be_null", column=each, mostly=0.9) for each in AMOUNTS[:4]),
        expect("column_values_to_be_in_set", column="carrier", value_set=CARRIERS),
        expect("column_values_to_be_in_set", column="origin", value_set=["EWR", "JFK", "LGA"]),
        expect("column_values_to_not_be_in_set", column="state", value_set=["lost"]),
        expect("column_values_to_match_regex", column="tail", regex="^N[0-9]{5}$"),
        expect("column_value_lengths_to_be_between", column="tail", min_value=6, max_value=6),
        expect("column_values_to_be_unique", column="id"),
        expect("compound_columns_to_be_unique", column_list=["day", "flight"], ignore_row_if="any_value_is_missing"),
        expect("column_mean_to_be_between", column="a0", min_value=400, max_value=600),
        expect("column_max_to_be_between", column="n0", max_value=10_000),
        expect(
            "column_pair_values_a_to_be_greater_than_b",
            column_A="a0",
            column_B="low",
            ignore_row_if="either_value_is_missing",
        ),
    ]


def measured(engine: str, file: Path, memory: str) -> dict[str, Any]:
    """One engine, in this process: seconds without imports, seconds of imports, peak memory, counts if it has them."""
    began = time.perf_counter()
    run = PREPARE[engine](file, memory)
    imported = time.perf_counter()
    unexpected = run()
    ended = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {
        "import": imported - began,
        "seconds": ended - imported,
        "megabytes": peak,
        "unexpected": unexpected,
    }


type Run = Callable[[], list[int] | None]


def _ours(file: Path, memory: str) -> Run:
    from shared.adapters import great_expectations as ours
    from shared.adapters import tables

    ours.load()

    def run() -> list[int]:
        with tables.connect(memory) as db:
            db.execute(f"CREATE VIEW {tables.VIEW} AS FROM read_parquet({tables.quoted(str(file))})")
            report = ours.judge(db, json.dumps({"expectations": suite()}), file.name)
        return [one.unexpected for one in report.expectations if one.unexpected is not None]

    return run


def _gx_pandas(file: Path, _: str) -> Run:
    import great_expectations as gx
    import pandas as pd
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    def run() -> list[int]:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]  # its own docs say so
        asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("batch")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": pd.read_parquet(file)})
        expectations = [
            ExpectationConfiguration(type=one["type"], kwargs=one["kwargs"], meta={"position": at}).to_domain_obj()
            for at, one in enumerate(suite())
        ]
        results = batch.validate(gx.ExpectationSuite(name="suite", expectations=expectations), result_format="BASIC")
        in_order = sorted(results.results, key=lambda one: one.expectation_config.meta["position"])  # type: ignore[union-attr]  # it was given one
        found = [one.result.get("unexpected_count") for one in in_order]
        return [one for one in found if one is not None]

    return run


def _duckdb_query(file: Path, memory: str) -> Run:
    from shared.adapters import tables

    counted = [
        *(f"count(*) FILTER ({each} < 0 OR {each} > 9999)" for each in NUMBERS),
        *(f"count(*) FILTER ({each} < 0)" for each in AMOUNTS),
        *(f"count(*) FILTER ({each} IS NULL)" for each in AMOUNTS[:4]),
        f"count(*) FILTER (carrier NOT IN ({', '.join(map(tables.quoted, CARRIERS))}))",
        "count(*) FILTER (origin NOT IN ('EWR', 'JFK', 'LGA'))",
        "count(*) FILTER (state IN ('lost'))",
        "count(*) FILTER (NOT regexp_matches(tail, '^N[0-9]{5}$'))",
        "count(*) FILTER (length(tail) <> 6)",
        "(SELECT coalesce(sum(k), 0) FROM (SELECT count(*) k FROM batch GROUP BY id HAVING k > 1))",
        "(SELECT coalesce(sum(k), 0) FROM (SELECT count(*) k FROM batch GROUP BY day, flight HAVING k > 1))",
        "count(*) FILTER (a0 <= low)",
        "count(*)",
        "avg(a0)",
        "max(n0)",
    ]

    def run() -> list[int]:
        with tables.connect(memory) as db:
            db.execute(f"CREATE VIEW {tables.VIEW} AS FROM read_parquet({tables.quoted(str(file))})")
            (row,) = db.sql(f"SELECT {', '.join(counted)} FROM {tables.VIEW}").fetchall()
        return [int(one) for one in row[:-3]]

    return run


def _pandera(file: Path, _: str) -> Run:
    import pandera.polars as pa
    import polars as pl

    between, within = pa.Check.in_range, pa.Check.isin
    schema = pa.DataFrameSchema(
        {
            "id": pa.Column(unique=True),
            **{each: pa.Column(checks=between(0, 9_999)) for each in NUMBERS},
            **{each: pa.Column(checks=pa.Check.ge(0), nullable=True) for each in AMOUNTS},
            "carrier": pa.Column(checks=within(CARRIERS)),
            "origin": pa.Column(checks=within(["EWR", "JFK", "LGA"])),
            "state": pa.Column(checks=pa.Check.notin(["lost"])),
            "tail": pa.Column(checks=[pa.Check.str_matches("^N[0-9]{5}$"), pa.Check.str_length(6, 6)]),
            "day": pa.Column(),
            "flight": pa.Column(),
            "low": pa.Column(),
        },
        strict=True,
        unique=["day", "flight"],
    )

    def run() -> None:
        try:
            schema.validate(pl.read_parquet(file), lazy=True)
        except pa.errors.SchemaErrors:
            return
        raise SystemExit("pandera found nothing")

    return run


def _pointblank(file: Path, _: str) -> Run:
    import pointblank as pb
    import polars as pl

    def run() -> None:
        plan = pb.Validate(pl.read_parquet(file)).row_count_match(0, inverse=True)
        for each in NUMBERS:
            plan = plan.col_vals_between(each, 0, 9_999)
        for each in AMOUNTS:
            plan = plan.col_vals_ge(each, 0, na_pass=True)
        for each in AMOUNTS[:4]:
            plan = plan.col_vals_not_null(each)
        plan = (
            plan.col_vals_in_set("carrier", CARRIERS)
            .col_vals_in_set("origin", ["EWR", "JFK", "LGA"])
            .col_vals_not_in_set("state", ["lost"])
            .col_vals_regex("tail", "^N[0-9]{5}$")
            .col_vals_gt("a0", pb.col("low"), na_pass=True)
            .rows_distinct(["id"])
            .rows_distinct(["day", "flight"])
        )
        if plan.interrogate().all_passed():
            raise SystemExit("pointblank found nothing")

    return run


PREPARE: dict[str, Callable[[Path, str], Run]] = {
    "ours": _ours,
    "gx-pandas": _gx_pandas,
    "duckdb-query": _duckdb_query,
    "pandera": _pandera,
    "pointblank": _pointblank,
}

if __name__ == "__main__":
    sys.exit(main())
