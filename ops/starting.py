"""The command that starts a use case from a file of its data: usecase new."""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.output import Output
from ops.source import NothingFound
from shared import usecase
from shared.domain import time_format
from shared.errors import Misconfigured

if TYPE_CHECKING:
    import duckdb

WELL = 0
FEW, MANY = 50, 250
"""So many values of a text are listed in the suite at most; of so many a feature can be made at most."""


@dataclass(frozen=True)
class Column:
    """What the file says of a column."""

    name: str
    kind: str
    nulls: float
    distinct: int
    values: Sequence[str]

    @property
    def is_number(self) -> bool:
        return self.kind in {"BIGINT", "DOUBLE", "INTEGER"}


def new(options: argparse.Namespace, output: Output) -> int:
    """Write the folder, and check it. Nothing is written where something would be wrong, or is there already."""
    folder: Path = options.into / options.name
    if bool(options.target) != bool(options.time):
        raise NothingFound("--target and --time go together: name both, or neither for a use case of data alone")
    if folder.exists():
        raise NothingFound(f"{folder} is there already: give another name, or work on it")
    if not options.file.is_file():
        raise NothingFound(f"{options.file}: no such file; name one CSV as it will land")
    files = _files(options)
    folder.mkdir(parents=True)
    try:
        for name, text in files.items():
            (folder / name).write_text(text)
        usecase.load_one(folder)
    except (OSError, Misconfigured):
        shutil.rmtree(folder)
        raise
    of_model = (
        f"  {folder}/training.yml takes every column for known when a prediction is made: take out what is not\n"
        f"  gate.yml asks to be better than guessing the mean: have its owner say what is good enough\n"
    )
    next_steps = (
        f"wrote {folder}: {', '.join(files)}\n"
        f"{of_model if options.target else ''}"
        f"  then: python -m local up, python -m local land {options.file} --to {options.name}/{options.file.name}"
    )
    output.show(next_steps, {"folder": str(folder), "files": list(files)})
    return WELL


def _files(options: argparse.Namespace) -> dict[str, str]:
    import duckdb

    nulls = ["NA", ""]
    with duckdb.connect() as db:
        try:
            looks = _looks(db, options.file)
            header = db.execute(
                "FROM read_csv(?, header = false, all_varchar = true, delim = ?) LIMIT 1",
                [str(options.file), looks["delimiter"]],
            ).fetchone()
            db.execute(
                "CREATE TABLE batch AS FROM read_csv(?, header = true, nullstr = ?, delim = ?)",
                [str(options.file), nulls, looks["delimiter"]],
            )
        except duckdb.Error as error:
            raise NothingFound(f"{options.file} cannot be read as CSV: {str(error).splitlines()[0]}") from error
        names = [str(name or "").strip().lower() for name in header or ()]
        if twice := [name for name in names if names.count(name) > 1]:
            raise NothingFound(f"{options.file} has a column {twice[0]} twice: give each a name of its own")
        columns = _columns(db)
        known = {each.name for each in columns}
        asked = [*([options.target, options.time] if options.target else []), options.part, *options.key]
        if unknown := [name for name in asked if name not in known]:
            raise NothingFound(f"{options.file} has no column {', '.join(unknown)}; it has {', '.join(sorted(known))}")
        ((rows,),) = db.sql("SELECT count(*) FROM batch").fetchall()
        if not rows:
            raise NothingFound(f"{options.file} has no rows: name one that has some, as what they look like is written")
        of_data = {
            "usecase.yml": _usecase(options, columns, nulls, looks),
            "expectations.json": _suite(options, columns, rows),
        }
        if not options.target:
            return of_data
        kind = next(each.kind for each in columns if each.name == options.time)
        if not kind.startswith(("DATE", "TIMESTAMP")):
            raise NothingFound(f"--time {options.time} is {kind}, and no date or time: name another column")
        ((spread, days),) = db.sql(
            f"SELECT stddev_pop({_id(options.target)}::DOUBLE),"  # noqa: S608 - quoted, and in memory
            f" date_diff('day', min({_id(options.time)})::DATE, max({_id(options.time)})::DATE) FROM batch"
        ).fetchall()
    inputs = [
        each.name
        for each in columns
        if each.name not in (options.target, options.time) and (each.is_number or each.distinct <= MANY)
    ]
    return of_data | {
        "gate.yml": _gate(spread or 0.0),
        "training.yml": _training(options, inputs, holdout=max(1, (days or 0) // 4)),
        "features.py": FEATURES,
    }


def _looks(db: "duckdb.DuckDBPyConnection", file: Path) -> dict[str, str]:
    """The file's delimiter, and how it writes dates and times where that is not ISO's way."""
    found = db.execute("SELECT Delimiter, DateFormat, TimestampFormat FROM sniff_csv(?)", [str(file)]).fetchone()
    delimiter, date, timestamp = found or ("", "", "")
    looks = {"delimiter": delimiter if len(delimiter or "") == 1 else ","}
    for field, written, demand in (
        ("date_format", date, time_format.demand_date),
        ("timestamp_format", timestamp, time_format.demand_timestamp),
    ):
        with suppress(ValueError):  # one that a use case cannot have: such columns have another type of their own
            if written and not written.startswith("%Y-%m-%d"):
                looks[field] = demand(written)
    return looks


def _columns(db: "duckdb.DuckDBPyConnection") -> list[Column]:
    found: list[Column] = []
    for name, kind, *_ in db.sql("DESCRIBE batch").fetchall():
        ((nulls, distinct),) = db.sql(
            f"SELECT 1 - count({_id(name)}) / greatest(count(*), 1), count(DISTINCT {_id(name)}) FROM batch"  # noqa: S608 - as above
        ).fetchall()
        few = f"SELECT DISTINCT {_id(name)}::VARCHAR v FROM batch WHERE v IS NOT NULL ORDER BY v"  # noqa: S608 - as above
        values = [value for (value,) in db.sql(few).fetchall()] if distinct <= FEW else []
        found.append(Column(name, kind, nulls, distinct, values))
    return found


def _id(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _usecase(
    options: argparse.Namespace, columns: Sequence[Column], nulls: Sequence[str], looks: Mapping[str, str]
) -> str:
    read = "".join(f"  {field}: {json.dumps(value)}\n" for field, value in looks.items() if value != ",")
    types = "\n".join(f"    {json.dumps(each.name)}: {each.kind}" for each in columns)
    return f"""# What belongs together. `python -m ops usecase check` says what is wrong with it.
name: {options.name}
description: ""
owner: ""

data:
  arrives: landing/{options.name}/*{options.file.suffix}
  expectations: expectations.json
  table: silver/{options.name}
  partition_by: {json.dumps(options.part)}
  null_values: {json.dumps(list(nulls))}
{read}  columns: # as they look in {options.file.name}
{types}
{_of_model(options) if options.target else OF_DATA}"""


OF_DATA = """
drift: # of a use case without a model: against the version before
  against: last
  limits: { psi: 0.25, null_rate: 0.05, then: warn }
"""


def _of_model(options: argparse.Namespace) -> str:
    return f"""
training:
  job: sluice-train
  model: {options.name}

gate:
  policy: gate.yml
  slot: champion

scoring:
  job: sluice-score
  table: gold/{options.name}
  part_by: {json.dumps(options.part)}
"""


def _suite(options: argparse.Namespace, columns: Sequence[Column], rows: int) -> str:
    def expect(kind: str, severity: str, **kwargs: Any) -> dict[str, Any]:
        return {"type": f"expect_{kind}", "kwargs": kwargs, "meta": {}, "severity": severity}

    suite = [
        expect("table_columns_to_match_set", "critical", column_set=[each.name for each in columns]),
        expect("table_row_count_to_be_between", "critical", min_value=1),
        expect("table_row_count_to_be_between", "warning", min_value=rows // 2, max_value=rows * 2),
        expect(
            "compound_columns_to_be_unique", "critical", column_list=options.key, ignore_row_if="any_value_is_missing"
        )
        if len(options.key) > 1
        else expect("column_values_to_be_unique", "critical", column=options.key[0]),
        *(
            expect("column_values_to_not_be_null", "critical", column=name)
            for name in (options.time, options.part)
            if name
        ),
        *(
            expect(
                "column_values_to_not_be_null", "critical", column=target.name, mostly=round(1 - 2 * target.nulls, 2)
            )
            for target in columns
            if target.name == options.target and target.nulls < 0.5
        ),
        *(
            expect("column_values_to_be_in_set", "warning", column=each.name, value_set=list(each.values))
            for each in columns
            if each.kind == "VARCHAR" and each.values
        ),
    ]
    return json.dumps({"name": options.name, "expectations": suite}, indent=2) + "\n"


def _gate(spread: float) -> str:
    return f"""# What a model has to show before it may be champion. The product owner writes it.
version: 1
rules:
  - name: better_than_guessing
    why: Whoever always says the mean is wrong by that much.
    metric: rmse
    at_most: {spread:.6g}

  - name: no_worse_than_champion
    why: People got used to what they have.
    metric: rmse
    at_most_percent_worse: 1

  - name: checked_data_only
    why: A number is worth what its data is worth.
    condition: trained_on_checked_data
"""


def _training(options: argparse.Namespace, inputs: Sequence[str], *, holdout: int) -> str:
    listed = "\n".join(f"  - {json.dumps(name)}" for name in inputs)
    return f"""# How the model is trained. Its features are made in features.py, beside this file.
target: {json.dumps(options.target)}
time: {json.dumps(options.time)} # what "newest" means
holdout_days: {holdout} # the newest days judge the model; it never learns from them
key: {json.dumps(options.key)} # what tells one row from another, in gold as in silver

inputs: # what features.py gets to see: leave only what is known when a prediction is made
{listed}

slices: [{json.dumps(options.part)}] # the gate can ask how well each is served
smallest_slice: 20 # of the held-out rows; fewer say nothing

model: gradient_boosting # or ridge
parameters:
  early_stopping: false # the same rows make the same model
  random_state: 1
"""


FEATURES = '''"""What the model learns from: rows as they are when a prediction is made, in; numbers and texts, out."""

import pandas as pd


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """One row each, in the order in which they came."""
    return rows
'''
