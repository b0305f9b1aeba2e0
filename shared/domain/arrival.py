"""What an event says that landed, and whether it is an arrival."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from shared.domain.usecase import UseCase, UseCases

COMPLETE = {"", "PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit"}
"""Who wrote a blob that is whole (`data.api`): a file of ADLS Gen2 is when it is closed, one that came by SFTP when it
is committed. "" is somebody who does not say.
"""

SWEEP = "sweep"
"""Who found it, where no event came and nobody looked."""

_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crc", ".filepart", ".crdownload", "._copying_", "~")
_MARKERS = ("_success", "_started", "_committed", "_metadata", "_common_metadata")


@dataclass(frozen=True, kw_only=True)
class BlobCreated:
    """A blob that was written. `file` is container/path, from the URL; `size` in bytes; `api` is who wrote it.

    `found_by` is who found it where no event said so, "" where one did, and `reason` why a person looked for it.
    """

    event_id: str
    url: str
    file: str
    etag: str
    size: int
    api: str
    found_by: str = ""
    reason: str = ""


class Drop(StrEnum):
    """Why an event is no arrival."""

    OTHER_EVENT = "other-event"
    OTHER_PLACE = "other-place"
    INCOMPLETE = "incomplete"
    MARKER = "marker"
    TEMPORARY = "temporary"
    EMPTY = "empty"
    OTHER_SUFFIX = "other-suffix"
    PART_OF_BATCH = "part-of-batch"
    NO_USE_CASE = "no-use-case"


@dataclass(frozen=True, kw_only=True)
class Dropping:
    """What is no arrival, and why, in words."""

    reason: Drop
    why: str


def whose(blob: BlobCreated, landing_url: str, use_cases: UseCases) -> UseCase | Dropping:
    """The use case that the blob is an arrival of, or why it is none.

    `landing_url` is what a blob's URL has to begin with: an event can name any URL, and only ours is read.
    """
    if not blob.url.startswith(landing_url.rstrip("/") + "/"):
        return Dropping(reason=Drop.OTHER_PLACE, why=f"it is not below {landing_url}")
    if blob.api not in COMPLETE:
        return Dropping(reason=Drop.INCOMPLETE, why=f"{blob.api} is no end of an upload")
    use_case = use_cases.of_file(blob.file)
    if odd := next(_odd_names(blob.file, use_case), None):
        return odd
    is_marker = use_case and use_case.data.ends_with
    if blob.size == 0 and not is_marker and blob.api != "SftpCommit":  # which says 0, as Microsoft's own example does
        return Dropping(reason=Drop.EMPTY, why="it is empty")
    return use_case or _nobodys(blob.file, use_cases)


def _odd_names(file: str, use_case: UseCase | None) -> Iterator[Dropping]:
    """What writers leave beside their data. A name that the use case itself spells out is data."""
    spelt_out = use_case.data.announced_by.split("/") if use_case else []
    _container, *parts = file.split("/")
    for name in parts:
        if name in spelt_out:
            continue
        lower = name.lower()
        if lower.startswith(_MARKERS) and name == parts[-1]:
            yield Dropping(reason=Drop.MARKER, why=f"{name} is a marker")
        elif name.startswith(("_", ".")) or lower.endswith(_UNFINISHED):
            yield Dropping(reason=Drop.TEMPORARY, why=f"{name} is a temporary name")


def _nobodys(file: str, use_cases: UseCases) -> Dropping:
    if waits := use_cases.waiting_for(file):
        name = waits.data.announced_by.rpartition("/")[2]
        return Dropping(reason=Drop.PART_OF_BATCH, why=f"its batch arrives with {name}")
    for one in use_cases.all:
        suffix = PurePosixPath(one.data.arrives).suffix
        if suffix and fnmatchcase(file, one.data.arrives.removesuffix(suffix) + ".*"):
            return Dropping(reason=Drop.OTHER_SUFFIX, why=f"there only {suffix} is data")
    return Dropping(reason=Drop.NO_USE_CASE, why="it matches no use case's data.arrives")


def local_etag(modified_ns: int, size: int) -> str:
    """What stands in for an ETag on a local disk: modification time in nanoseconds and size in bytes."""
    return f"0x{modified_ns:X}-{size:X}"
