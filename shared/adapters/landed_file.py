"""What stands between a landed file and DuckDB: unpacked, made UTF-8 and lines of JSON mended, in a stream and within a
bound.
"""

import codecs
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from shared.adapters import column_names
from shared.domain.usecase import DataSpec, Format
from shared.errors import Malformed, TooLarge

_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
_LONGEST = 32 << 20
"""Bytes of a beginning, unpacked."""


def plain(file: Path, spec: DataSpec, folder: Path) -> Sequence[Path]:
    """The file, or those in a folder, themselves where they are neither packed nor in another encoding, nor have lines
    of JSON to be mended; else copies.

    Raises TooLarge for more than `spec.largest` bytes together, Malformed for what is no whole gzip, not in the
    encoding, or has a column twice in its header.
    """
    files = sorted(file.iterdir()) if file.is_dir() else [file]
    found, left = [], spec.largest
    for number, one in enumerate(files):
        found.append(_plain(one, spec, folder / f"plain-{number}", left))
        left -= found[-1].stat().st_size
        with found[-1].open("rb") as text:
            column_names.demand_header(text.read(column_names.LONGEST), one.name, spec)
    return found


def is_packed(head: bytes) -> bool:
    """Do these bytes begin a gzip file?"""
    return head.startswith(_GZIP)


def beginning(head: bytes, spec: DataSpec, name: str) -> bytes:
    """Of the first bytes of a file whole lines in UTF-8, for who wants to know its columns; all of it, where a line is
    longer. Raises Malformed.
    """
    if spec.format not in {Format.CSV, Format.JSON_LINES}:
        return b""
    try:
        plain_head = zlib.decompressobj(wbits=31).decompress(head, _LONGEST) if is_packed(head) else head
    except zlib.error as error:
        raise Malformed(f"{name} is no whole gzip file: {error}") from error
    text = codecs.getincrementaldecoder(spec.encoding)(errors="replace").decode(plain_head)
    if spec.format is Format.JSON_LINES:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    column_names.demand_header(text.encode(), name, spec)
    end = len(text)
    while (end := text.rfind("\n", 0, end)) > 0:
        if spec.format is not Format.CSV or text.count('"', 0, end) % 2 == 0:  # else the line goes on in a value
            return text[: end + 1].encode()
    return text.encode()


def _plain(file: Path, spec: DataSpec, target: Path, left: int) -> Path:
    _refuse_more(file.stat().st_size, left, file, spec)
    with file.open("rb") as landed:
        packed = is_packed(landed.read(len(_GZIP)))
    is_text = spec.format in {Format.CSV, Format.JSON_LINES}
    encoding = codecs.lookup(spec.encoding).name if is_text else "utf-8"
    is_json = spec.format is Format.JSON_LINES
    if not packed and encoding == "utf-8" and not (is_json and _is_to_be_mended(file)):
        return file
    with file.open("rb") as landed, target.open("wb") as copy:
        source = cast("IO[bytes]", gzip.GzipFile(fileobj=landed)) if packed else landed
        written = 0
        chunks = _decoded(source, file, encoding)
        for chunk in _mended(chunks) if is_json else chunks:
            written += len(chunk)
            _refuse_more(written, left, file, spec)
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


def _is_to_be_mended(file: Path) -> bool:
    """Has it what DuckDB takes no line of JSON with: a byte order mark, or lines that end as no system's do today?"""
    with file.open("rb") as text:
        if text.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            return True
        text.seek(0)
        returns = breaks = 0
        while chunk := text.read(_CHUNK):
            returns += chunk.count(b"\r")
            breaks += chunk.count(b"\r\n")
    return returns > breaks


def _mended(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of JSON without a byte order mark, each ended by a line feed: within a value both are written escaped."""
    first, ended = True, False
    for chunk in chunks:
        text = chunk.removeprefix(codecs.BOM_UTF8) if first else chunk
        if ended:  # by the first half of what may be two
            text = text.removeprefix(b"\n")
        first, ended = False, text.endswith(b"\r")
        yield text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _refuse_more(size: int, left: int, file: Path, spec: DataSpec) -> None:
    if size > left:
        raise TooLarge(f"{file.name} makes more than {spec.largest >> 20:,} MB (data.largest_mb)")
