"""A batch whose columns are not its table's: said column by column, and committed where the use case lets it pass."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from shared.adapters.delta import DeltaLake
from shared.adapters.great_expectations import GreatExpectations
from shared.domain.quality import CheckReport
from shared.domain.schema import SchemaChange, fits
from shared.domain.usecase import DataSpec
from shared.domain.verdicts import Verdict
from shared.errors import Poison
from tests.contracts.test_quality import expect

ADDED, MISSING, TYPE_CHANGED = SchemaChange.ADDED, SchemaChange.MISSING, SchemaChange.TYPE_CHANGED
SUITE = json.dumps({"expectations": [expect("column_values_to_not_be_null", column="origin")]})
SPEC = DataSpec(arrives="landing/*.csv", expectations=SUITE, table="silver/t", partition_by="origin", columns={})
FIRST = "origin,x,name\nJFK,1,a\nLGA,2,b\n"


class Table:
    """A table with one version, and what comes next."""

    def __init__(self, folder: Path) -> None:
        self.lake, self._file, self._stories = DeltaLake(str(folder / "lake"), "500MB"), folder / "batch.csv", 0
        self.commit(FIRST)

    def _spec(self, text: str, allowed: Sequence[SchemaChange]) -> DataSpec:
        self._file.write_text(text)
        return replace(SPEC, schema_changes=frozenset(allowed))

    def check(self, text: str, *allowed: SchemaChange) -> CheckReport:
        spec = self._spec(text, allowed)
        return GreatExpectations("500MB").check(self._file, spec, self.lake.columns(spec.table))

    def commit(self, text: str, *allowed: SchemaChange) -> list[dict[str, Any]]:
        """The rows that it added."""
        self._stories += 1
        before = self._rows() if self._stories > 1 else []
        self.lake.commit(self._file, self._spec(text, allowed), f"s{self._stories}", 1)
        return [row for row in self._rows() if {**row, "extra": None} not in [{**r, "extra": None} for r in before]]

    def _rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = DeltaTable(self.lake.uri("silver/t")).to_pyarrow_table().to_pylist()
        return rows


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


CHANGED: dict[str, tuple[str, SchemaChange, str, list[dict[str, Any]]]] = {
    "added": (
        "origin,x,name,extra\nEWR,3,c,9.5\n",
        ADDED,
        "silver/t has no column extra: the batch has it, as DOUBLE",
        [{"origin": "EWR", "x": 3, "name": "c", "extra": 9.5}],
    ),
    "missing": (
        "origin,x\nEWR,3\n",
        MISSING,
        "column name is there, as in silver/t: the batch has none",
        [{"origin": "EWR", "x": 3, "name": None}],
    ),
    "another type": (
        "origin,x,name\nEWR,3.0,c\n",
        TYPE_CHANGED,
        "column x is BIGINT, as in silver/t: it is DOUBLE",
        [{"origin": "EWR", "x": 3, "name": "c"}],
    ),
}


@pytest.mark.parametrize(("text", "change", "says", "rows"), CHANGED.values(), ids=list(CHANGED))
def test_change_is_said_and_passes_where_it_may(
    text: str, change: SchemaChange, says: str, rows: list[dict[str, Any]], table: Table
) -> None:
    stopped = table.check(text)
    assert (stopped.verdict, stopped.reasons) == (Verdict.FAILED, (says,))
    others = [one for one in SchemaChange if one is not change]
    assert table.check(text, *others).reasons == (says,)
    warned = table.check(text, change)
    assert (warned.verdict, warned.reasons) == (Verdict.WARNED, ())
    assert says in [one.sentence for one in warned.expectations]
    assert table.commit(text, change) == rows


def test_every_column_that_changed_has_a_sentence_of_its_own(table: Table) -> None:
    report = table.check("origin,x,other\nEWR,word,c\n")
    assert report.reasons == (
        "silver/t has no column other: the batch has it, as VARCHAR",
        "column x is BIGINT, as in silver/t: it is VARCHAR; 1 of its values are no BIGINT",
        "column name is there, as in silver/t: the batch has none",
    )
    assert [one.expectation for one in report.expectations[1:]] == [
        "schema_added",
        "schema_type_changed",
        "schema_missing",
    ]


def test_what_cannot_be_converted_stops_whatever_may_pass(table: Table) -> None:
    text = "origin,x,name\nEWR,word,c\nEWR,4,d\n"
    assert table.check(text, *SchemaChange).verdict is Verdict.FAILED
    with pytest.raises(Poison):
        table.commit(text, *SchemaChange)
    assert table.check(FIRST).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    "text",
    ["name,x,origin\nc,3,EWR\n", "origin,x,name\nEWR,,c\n", "origin,x,name\nEWR,3,\n"],
    ids=["another order", "a column of whole numbers without any", "a column of texts without any"],
)
def test_what_is_no_change_is_none(text: str, table: Table) -> None:
    assert table.check(text).verdict is Verdict.PASSED
    (row,) = table.commit(text)
    assert set(row) == {"origin", "x", "name"}


def test_whole_numbers_are_fractions_too(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.commit("origin,x,name,extra\nEWR,3,c,9.5\n", ADDED)
    text = "origin,x,name,extra\nBOS,3,c,9\n"
    assert table.check(text).verdict is Verdict.PASSED
    assert table.commit(text) == [{"origin": "BOS", "x": 3, "name": "c", "extra": 9.0}]


def test_table_says_its_columns(table: Table) -> None:
    assert table.lake.columns("silver/t") == {"origin": "VARCHAR", "x": "BIGINT", "name": "VARCHAR"}
    assert table.lake.columns("silver/never") == {}


def test_commit_says_what_it_was_told(table: Table, tmp_path: Path) -> None:
    notes = {"verdict": "warned", "statistics": json.dumps({"x": {"nulls": 0}})}
    file = tmp_path / "batch.csv"
    file.write_text("origin,x,name\nEWR,3,c\n")
    table.lake.commit(file, SPEC, "noted", 1, notes)
    (entry, *_) = DeltaTable(table.lake.uri("silver/t")).history()
    assert {name: entry[f"sluice.{name}"] for name in notes} == notes


@pytest.mark.parametrize(
    ("found", "known", "does"),
    [
        ("BIGINT", "BIGINT", True),
        ("INTEGER", "BIGINT", True),
        ("BIGINT", "INTEGER", False),
        ("BIGINT", "DOUBLE", True),
        ("DOUBLE", "BIGINT", False),
        ("FLOAT", "DOUBLE", True),
        ("DATE", "TIMESTAMP", True),
        ("TIMESTAMP", "DATE", False),
        ("BIGINT", "VARCHAR", False),
        ("VARCHAR", "BIGINT", False),
        ("BOOLEAN", "BIGINT", False),
    ],
)
def test_type_fits_where_nothing_is_lost(found: str, known: str, does: bool) -> None:
    assert fits(found, known) is does
