"""What stands between a landed file and DuckDB: unpacked and made UTF-8, in a stream and within a bound."""

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from shared.domain.usecase import DataSpec, Format
from shared.errors import Malformed, TooLarge

_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20


def plain(file: Path, spec: DataSpec, folder: Path) -> Path:
    """The file itself where it is neither packed nor in another encoding; else a copy in the folder.

    Raises TooLarge for more than `spec.largest` bytes, Malformed for what is no whole gzip or not in the encoding.
    """
    _refuse_more(file.stat().st_size, file, spec)
    with file.open("rb") as landed:
        packed = landed.read(len(_GZIP)) == _GZIP
    encoding = "utf-8" if spec.format is Format.PARQUET else codecs.lookup(spec.encoding).name
    if not packed and encoding == "utf-8":
        return file
    target = folder / "plain"
    with file.open("rb") as landed, target.open("wb") as copy:
        source = cast("IO[bytes]", gzip.GzipFile(fileobj=landed)) if packed else landed
        written = 0
        for chunk in _decoded(source, file, encoding):
            written += len(chunk)
            _refuse_more(written, file, spec)
            copy.write(chunk)
    return target


def _decoded(source: IO[bytes], file: Path, encoding: str) -> Iterator[bytes]:
    decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := source.read(_CHUNK):
            yield decoder.decode(chunk).encode() if decoder else chunk
        if decoder:
            yield decoder.decode(b"", final=True).encode()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Malformed(f"{file.name} is no whole gzip file: {error}") from error
    except UnicodeDecodeError as error:
        raise Malformed(f"{file.name} is not {encoding} (data.encoding): {error.reason}") from error


def _refuse_more(size: int, file: Path, spec: DataSpec) -> None:
    if size > spec.largest:
        raise TooLarge(f"{file.name} has more than {spec.largest >> 20:,} MB (data.largest_mb)")
