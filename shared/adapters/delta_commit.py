"""What one commit added to somebody's Delta table, as files of their own: its log names them, and their partitions.

https://github.com/delta-io/delta/blob/master/PROTOCOL.md
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from shared.adapters import tables
from shared.adapters.sql import identifier, quoted
from shared.errors import Malformed, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_LOG = 64 << 20
"""Bytes of one commit."""


@dataclass(frozen=True, kw_only=True)
class Added:
    """A file that a commit added: its path below the table, and the values of its partition columns (None is null)."""

    path: PurePosixPath
    size: int
    partition: Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Commit:
    """What a commit of the table at that address added; `types` are DuckDB's, of its partition columns."""

    address: str
    added: "Sequence[Added]"
    types: Mapping[str, str]


def added(log: bytes, name: str) -> "Sequence[Added]":
    """The files of rows that are new. Raises Malformed for what is no commit, Refused for one that takes rows away."""
    found: list[Added] = []
    try:
        for line in log.splitlines():
            action = json.loads(line) if line.strip() else {}
            if (action.get("remove") or {}).get("dataChange"):
                raise Refused(f"{name} takes rows away (an overwrite, a delete or a merge): only what is added is read")
            if add := action.get("add"):
                found += [_added(add, name)] if add.get("dataChange", True) else []
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise Malformed(f"{name} is no commit of a Delta table: {error!r}") from error
    return found


def _added(add: Mapping[str, Any], name: str) -> Added:
    path = PurePosixPath(unquote(add["path"]))
    if path.is_absolute() or ".." in path.parts or "://" in str(add["path"]):
        raise Refused(f"{name} names {path}, outside the table: nothing else is read")
    if add.get("deletionVector"):
        raise Refused(f"{name} has deletion vectors, which are not read: switch them off for the table")
    return Added(path=path, size=int(add["size"]), partition=dict(add["partitionValues"]))


def with_partition(file: Path, one: Added, types: Mapping[str, str], target: Path) -> None:
    """Write the file's rows with their partition columns, which stand in its path and the log only."""
    columns = [
        f"CAST({'NULL' if value is None or value == '' else quoted(value)} AS {types.get(name, 'VARCHAR')})"
        f" AS {identifier(name)}"
        for name, value in one.partition.items()
    ]
    with tables.connect("500MB") as db:
        rows = f"FROM read_parquet({quoted(str(file))}) SELECT {', '.join(['*', *columns])}"
        db.execute(f"COPY ({rows}) TO {quoted(str(target))} (FORMAT parquet)")
