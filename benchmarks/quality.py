"""The check of a batch, beside others that could do it: `python -m benchmarks.quality [--rows N ...]`.

The same 28 expectations over the same 20 columns of the same Parquet file, each engine in a process of its own, in
turns. Printed are the medians of the rounds' ratios to Great Expectations on pandas and to the hand-written query, the
peak of each process's memory, and where our own time goes. "core s" is the time on all cores, which neighbours on the
machine disturb least. Exit code 1 if an engine counts other rows as unexpected than Great Expectations on pandas does,
or an aim is missed; it says which.
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

BY_HAND = "duckdb-query"
ENGINES = ("ours", BY_HAND, "gx-pandas", "pandera", "pointblank")
CARRIERS = ["AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN"]
NUMBERS = [f"n{index}" for index in range(6)]
AMOUNTS = [f"a{index}" for index in range(6)]
AIMS = {
    1_000_000: {"gx-pandas": 0.5},
    10_000_000: {"gx-pandas": 0.25, BY_HAND: 1.2},
}
"""By rows: the most of another engine's time that ours may take."""
MOST_MEGABYTES = 1024 * 1.024
"""What our process may hold at its peak, 1 GiB, in thousands of KiB."""


def main() -> int:
    """Make the data, run each engine in turns, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000], help="sizes (1 and 10 million)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each engine runs (3)")
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
            wrong |= compare(file, rows, arguments.engines, arguments.rounds, arguments.memory)
    return int(wrong)


def compare(file: Path, rows: int, engines: list[str], rounds: int, memory: str) -> bool:
    """Run each engine in turns and print what came of it; is a count wrong, or an aim missed?"""
    found: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
    for _ in range(rounds):
        for engine in engines:
            command = [sys.executable, "-m", "benchmarks.quality", "--run", engine, "--file", str(file)]
            done = subprocess.run([*command, "--memory", memory], capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{engine}: {done.stderr[-2000:]}")
            found[engine].append(json.loads(done.stdout.splitlines()[-1]))
    truth = found.get("gx-pandas", [{"unexpected": None}])[0]["unexpected"]
    print(
        f"  {'engine':<14}{'of gx-pandas':>13}{'of by hand':>11}{'seconds':>9}{'import':>8}{'peak MB':>9}  unexpected"
    )
    wrong = False
    for engine, runs in found.items():
        seconds = statistics.median(one["seconds"] for one in runs)
        cores = statistics.median(one["cores"] for one in runs)
        imports, peak = statistics.median(one["import"] for one in runs), max(one["megabytes"] for one in runs)
        counted = runs[0]["unexpected"]
        agrees = truth is None or counted is None or counted == truth
        wrong |= not agrees
        said = "not counted" if counted is None else f"{sum(counted):,}{'' if agrees else f', but {sum(truth):,}'}"
        of = "".join(f"{_ratio(found, engine, base):>{width}.2f}" for base, width in (("gx-pandas", 13), (BY_HAND, 11)))
        print(f"  {engine:<14}{of}{seconds:>9.2f}{cores:>8.2f}{imports:>8.2f}{peak:>9.0f}  {said}", flush=True)
    if "ours" in found:
        print(f"  where ours goes: {_where(found['ours'])}")
    missed = _missed(found, rows)
    for each in missed:
        print(f"  missed: {each}", flush=True)
    return wrong or bool(missed)


def _ratio(found: dict[str, list[dict[str, Any]]], engine: str, base: str) -> float:
    """The median of the rounds' ratios, as a round's runs share the machine's mood; not a number without a base."""
    pairs = zip(found.get(engine, []), found.get(base, []), strict=False)
    ratios = [float(one["seconds"]) / float(other["seconds"]) for one, other in pairs]
    return statistics.median(ratios or [float("nan")])


def _where(runs: list[dict[str, Any]]) -> str:
    """The parts of our time, of the median run."""
    run = sorted(runs, key=lambda one: one["seconds"])[len(runs) // 2]
    parts = sorted(run["where"].items(), key=lambda part: -part[1])
    return ", ".join(f"{name} {part / run['seconds']:.0%}" for name, part in parts)


def _missed(found: dict[str, list[dict[str, Any]]], rows: int) -> list[str]:
    """The aims for so many rows that were measured and not met."""
    missed = []
    for base, most in AIMS.get(rows, {}).items():
        ratio = _ratio(found, "ours", base)
        if ratio > most:  # never so of what was not measured
            missed.append(f"{ratio:.2f} of {base}, and at most {most} is the aim")
    peak = max((one["megabytes"] for one in found.get("ours", [])), default=0)
    if rows in AIMS and peak > MOST_MEGABYTES:
        missed.append(f"a peak of {peak:.0f} MB, and at most {MOST_MEGABYTES:.0f} is the aim")
    return missed


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
    spent = _watched() if engine == "ours" else {}
    imported, before = time.perf_counter(), time.process_time()
    unexpected = run()
    ended, after = time.perf_counter(), time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {
        "import": imported - began,
        "seconds": ended - imported,
        "cores": after - before,
        "megabytes": peak,
        "unexpected": unexpected,
        "where": {**spent, "Great Expectations itself": ended - imported - sum(spent.values())},
    }


KINDS = {
    " AS unexpected_values": "samples",
    '"unexpected_values_A"': "samples",
    "GROUP BY": "uniqueness",
    "unexpected_count": "counts",
}
"""What a statement is for, by what is in it; the first that fits."""


def _watched() -> dict[str, float]:
    """The seconds of the statements that SQLAlchemy will send, by what they are for."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    spent: dict[str, float] = {}

    @event.listens_for(Engine, "before_cursor_execute")
    def before(*arguments: Any) -> None:
        arguments[4].began = time.perf_counter()

    @event.listens_for(Engine, "after_cursor_execute")
    def after(*arguments: Any) -> None:
        kind = next((kind for part, kind in KINDS.items() if part in arguments[2]), "other statements")
        spent[kind] = spent.get(kind, 0) + time.perf_counter() - arguments[4].began

    return spent


type Run = Callable[[], list[int] | None]


def _ours(file: Path, memory: str) -> Run:
    from shared.adapters import great_expectations as ours
    from shared.adapters import tables
    from shared.adapters.sql import quoted

    ours.load()

    def run() -> list[int]:
        with tables.connect(memory) as db:
            db.execute(f"CREATE VIEW {tables.VIEW} AS FROM read_parquet({quoted(str(file))})")
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
    from shared.adapters.sql import quoted

    counted = [
        *(f"count_if({each} < 0 OR {each} > 9999)" for each in NUMBERS),
        *(f"count_if({each} < 0)" for each in AMOUNTS),
        *(f"count_if({each} IS NULL)" for each in AMOUNTS[:4]),
        f"count_if(carrier NOT IN ({', '.join(map(quoted, CARRIERS))}))",
        "count_if(origin NOT IN ('EWR', 'JFK', 'LGA'))",
        "count_if(state IN ('lost'))",
        "count_if(NOT regexp_matches(tail, '^N[0-9]{5}$'))",
        "count_if(length(tail) <> 6)",
        "(SELECT coalesce(sum(k), 0) FROM (SELECT count(*) k FROM batch GROUP BY id HAVING k > 1))",
        "(SELECT coalesce(sum(k), 0) FROM (SELECT count(*) k FROM batch GROUP BY day, flight HAVING k > 1))",
        "count_if(a0 <= low)",
        "count(*)",
        "avg(a0)",
        "max(n0)",
    ]

    def run() -> list[int]:
        with tables.connect(memory) as db:
            db.execute(f"CREATE VIEW {tables.VIEW} AS FROM read_parquet({quoted(str(file))})")
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
