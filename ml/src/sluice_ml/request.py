"""What the check job is asked, as the control plane writes it into a JSON file.

| field | is |
|---|---|
| what | check: judge the batch and write its rows for the table; keep: sort out the rows that break something |
| format | csv, json_lines or parquet |
| reads | the files: `paths`, of csv their `columns` in order, and `constants`, columns of one value each |
| reads | of json_lines also whether they begin with a `byte_order_mark` |
| schema | Spark's JSON of a struct: of csv and json_lines all columns, of parquet those that get another type |
| without | columns of parquet that are left out |
| delimiter, encoding, null_values | of csv; a text in `null_values` is null |
| date_format, timestamp_format | how texts write dates and times, as strptime says it; without one as ISO does |
| raw | a folder of the job's own |
| suite | the expectations, each with `type`, `kwargs` and `severity` |
| known | the table's schema; null where there is none yet |
| rows_to, partition_by | the folder for the rows as the table takes them, and how it is partitioned |
| baseline | by number column the `edges` and `bars` to count on as well |
| profile_first | columns that are profiled however many there are |
| stopping | of keep: the expectations that fail, each with `type`, `kwargs`, and `asked` and `sentence`, its words |
| of_all | of keep: what else every row is kept for |
| split_at_most_percent | of keep: so many bad rows may be kept apart from the good ones; null: none |
| bad_to | of keep: the folder for the rows with their reasons |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Self

from sluice_ml.errors import BadInput

WHATS = ("check", "keep")
FORMATS = ("csv", "json_lines", "parquet")
EMPTY: Mapping[str, Any] = {"type": "struct", "fields": []}


@dataclass(frozen=True, kw_only=True)
class Request:
    """The document, looked at."""

    what: str
    format: str
    reads: Sequence[Mapping[str, Any]]
    raw: str
    rows_to: str
    schema: Mapping[str, Any]
    without: Sequence[str] = ()
    delimiter: str = ","
    encoding: str = "utf-8"
    null_values: Sequence[str] = ("",)
    date_format: str = ""
    timestamp_format: str = ""
    suite: Sequence[Any] = ()
    known: Mapping[str, Any] | None = None
    partition_by: str = ""
    baseline: Mapping[str, Mapping[str, Sequence[float]]]
    profile_first: Sequence[str] = ()
    stopping: Sequence[Mapping[str, Any]] = ()
    of_all: Sequence[str] = ()
    split_at_most_percent: str | None = None
    bad_to: str = ""

    @classmethod
    def of(cls, document: Any, place: str) -> Self:
        """From the document that was read at the place. Raises BadInput."""
        if not isinstance(document, dict):
            raise BadInput(f"{place} is no request: a JSON object is expected")
        given = {"schema": EMPTY, "baseline": {}} | {
            key: value for key, value in document.items() if value is not None or key == "known"
        }
        known = {each.name for each in fields(cls)}
        if missing := [name for name in ("what", "format", "reads", "raw", "rows_to") if not given.get(name)]:
            raise BadInput(f"{place} is no request: it lacks {', '.join(missing)}")
        request = cls(**{key: value for key, value in given.items() if key in known})
        request._demand(place)
        return request

    def _demand(self, place: str) -> None:
        if self.what not in WHATS or self.format not in FORMATS:
            raise BadInput(f"{place}: {self.what} of {self.format}: expected {' or '.join(WHATS)} of {FORMATS}")
        if self.what == "keep" and not self.bad_to:
            raise BadInput(f"{place}: bad_to is missing: the folder for the rows that are kept")
        try:
            Decimal(self.split_at_most_percent or 0)
        except InvalidOperation as error:
            raise BadInput(
                f"{place}: split_at_most_percent: {self.split_at_most_percent!r} is no decimal number"
            ) from error
