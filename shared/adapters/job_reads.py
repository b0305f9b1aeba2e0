"""How a job reads a batch that is too large for here: addresses, columns and types, found without reading more than the
beginning of each file.
"""

import codecs
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.adapters import landed_file, tables
from shared.adapters.delta import DeltaLake
from shared.adapters.delta_types import NONE, schema_of, schema_of_types
from shared.adapters.fsspec_landing import FsspecLanding
from shared.adapters.landed_rows import landed
from shared.domain.batch import LandedFile
from shared.domain.usecase import DataSpec, Format
from shared.errors import Malformed
from shared.handover import Document
from shared.quarantine import REASONS

LOOKED_AT = 64 << 20
"""Bytes of all files together that are looked into, as they landed."""
LEAST, MOST = 64 << 10, 8 << 20
"""Bytes of one file."""


class LandedJobReads:
    """JobReads."""

    def __init__(self, landing: FsspecLanding, lake: DeltaLake) -> None:
        self._landing = landing
        self._lake = lake

    def of_files(self, files: Sequence[LandedFile], spec: DataSpec, *, without_changed: bool) -> Document | None:
        at_most = min(max(LOOKED_AT // max(len(files), 1), LEAST), MOST)
        addresses: list[str] = []
        marked: list[str] = []
        with tempfile.TemporaryDirectory() as folder:
            beginnings: list[Path] = []
            for number, one in enumerate(files):
                head = self._landing.head(one.url, one.etag, at_most)
                if head is None and not without_changed:
                    return None
                if head is not None:
                    addresses.append(self._landing.address(one.url))
                    text = _beginning(head, spec, Path(one.file).name)
                    if spec.format is Format.JSON_LINES and text.startswith(codecs.BOM_UTF8):
                        marked.append(addresses[-1])
                        text = text.removeprefix(codecs.BOM_UTF8)
                    beginnings.append(Path(folder) / f"{number:04}")
                    beginnings[-1].write_bytes(text)
            if not addresses:
                return None
            return _as_landed(addresses, marked, beginnings, spec)

    def of_commit(self, url: str, etag: str, spec: DataSpec) -> Document | None:
        found = self._landing.commit(url, etag)
        if found is None or not found.added:
            return None
        groups: dict[tuple[tuple[str, str | None], ...], list[str]] = {}
        for one in found.added:
            groups.setdefault(tuple(one.partition.items()), []).append(f"{found.address}/{one.path}")
        reads = [_read(paths, constants=dict(values)) for values, paths in groups.items()]
        with tables.connect("500MB") as db:
            schema = schema_of_types(db, {**found.types, **spec.columns}, spec.table)
        return {"format": Format.PARQUET, "reads": reads, "schema": schema, "without": [], **_times(spec)}

    def of_kept(self, location: str) -> Document | None:
        files = self._lake.files(location)
        if not files:
            return None
        paths = [f"{self._lake.uri(location)}/{file}" for file in files]
        return {"format": Format.PARQUET, "reads": [_read(paths)], "schema": NONE, "without": [REASONS]}


def _beginning(head: bytes, spec: DataSpec, name: str) -> bytes:
    if spec.format is not Format.PARQUET and landed_file.is_packed(head) != name.endswith(".gz"):
        how = "is packed with gzip" if landed_file.is_packed(head) else "is not packed"
        raise Malformed(f"{name} {how}, which Spark takes from its name: land it under a name that says so")
    return landed_file.beginning(head, spec, name)


def _as_landed(addresses: Sequence[str], marked: Sequence[str], beginnings: Sequence[Path], spec: DataSpec) -> Document:
    import duckdb

    document: dict[str, Any] = {"format": spec.format, "without": [], **_times(spec)}
    with tables.connect("500MB") as db:
        if spec.format is Format.PARQUET:
            return document | {"reads": [_read(addresses)], "schema": schema_of_types(db, spec.columns, spec.table)}
        try:
            schema = schema_of(db, f"{landed(db, beginnings, spec).select} LIMIT 0", spec.table)
            if spec.format is Format.JSON_LINES:
                plain = [each for each in addresses if each not in marked]
                reads = [_read(plain)] * bool(plain) + [{**_read(marked), "byte_order_mark": True}] * bool(marked)
                return document | {"reads": reads, "schema": schema}
            headers: dict[tuple[str, ...], list[str]] = {}
            for address, beginning in zip(addresses, beginnings, strict=True):
                columns = db.sql(f"DESCRIBE {landed(db, [beginning], spec).select}").fetchall()
                headers.setdefault(tuple(str(name) for name, *_ in columns), []).append(address)
        except duckdb.Error as error:
            raise Malformed(next(iter(str(error).splitlines()), type(error).__name__)) from error
    return document | {
        "reads": [_read(paths, columns=columns) for columns, paths in headers.items()],
        "schema": schema,
        "delimiter": spec.delimiter,
        "encoding": spec.encoding,
        "null_values": list(spec.null_values),
    }


def _times(spec: DataSpec) -> Mapping[str, str]:
    return {"date_format": spec.date_format, "timestamp_format": spec.timestamp_format}


def _read(
    paths: Sequence[str], *, columns: Sequence[str] | None = None, constants: Mapping[str, str | None] | None = None
) -> Mapping[str, Any]:
    return {"paths": list(paths), "columns": list(columns) if columns else None, "constants": dict(constants or {})}
