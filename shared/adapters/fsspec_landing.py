"""The landing area through fsspec: a folder on a laptop, a container in Azure."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from shared.adapters import delta_commit
from shared.adapters.storage import LAPTOP, Storage, reachable
from shared.domain.arrival import local_etag
from shared.domain.batch import LandedFile, ListedFile
from shared.errors import Refused, TooLarge
from shared.wire.manifest import LARGEST, decode_manifest


def etag_of(info: dict[str, Any]) -> str:
    """The ETag of what fsspec says of a file; on a local disk, modification time and size stand in for it."""
    if "etag" in info:
        return str(info["etag"]).strip('"')
    return local_etag(Path(info["name"]).stat().st_mtime_ns, info["size"])


def _written(info: dict[str, Any]) -> datetime:
    """When it was written last: as a store says it, else as a local disk does."""
    at = info.get("last_modified")
    return at if isinstance(at, datetime) else datetime.fromtimestamp(info["mtime"], UTC)


class FsspecLanding:
    """Landing. `url` is what the blobs' URLs begin with, `root` the same place as fsspec reads it."""

    def __init__(self, url: str, root: str, storage: Storage = LAPTOP) -> None:
        self._url = url.rstrip("/") + "/"
        self._container = _path(self._url).strip("/")
        self._root = root.rstrip("/")
        self._storage = storage

    @contextmanager
    def fetch(self, url: str, etag: str, largest: int) -> Iterator[Path | None]:
        relative = self._relative(url)
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / relative.name
            yield target if self._copy(relative, etag, target, largest) else None

    def beside(self, url: str) -> Sequence[LandedFile]:
        folder = self._relative(url).parent
        filesystem, root = self._storage.filesystem(self._root)
        with reachable(str(folder)):
            found = filesystem.find(f"{root}/{folder}", detail=True)
        files = []
        for path, info in sorted(found.items()):
            name = str(path).removeprefix(f"{root.rstrip('/')}/")
            files.append(
                LandedFile(
                    file=f"{self._container}/{name}", url=self._url + quote(name), etag=etag_of(info), size=info["size"]
                )
            )
        return files

    def listed(self, prefix: str, since: datetime) -> Sequence[ListedFile]:
        container = f"{self._container}/"
        if not prefix.startswith(container) and not container.startswith(prefix):
            return ()
        folder, _, beginning = prefix.removeprefix(container if prefix.startswith(container) else prefix).rpartition(
            "/"
        )
        if ".." in folder.split("/"):
            raise Refused(f"{prefix} leads out of the landing area")
        filesystem, root = self._storage.filesystem(self._root)
        root = root.rstrip("/")
        with reachable(prefix):
            found = filesystem.find(f"{root}/{folder}".rstrip("/"), detail=True, prefix=beginning)
        if not isinstance(found, dict):  # adlfs answers so
            raise Refused(f"{container}{folder} is a file and a folder: rename the file, then the folder is listed")
        files = []
        for path, info in found.items():
            name = str(path).removeprefix(f"{root}/")
            if not f"{container}{name}".startswith(prefix) or info.get("islink") or _written(info) < since:
                continue
            try:
                etag = etag_of(info)
            except FileNotFoundError:  # it was taken away just now
                continue
            files.append(
                ListedFile(
                    file=container + name,
                    url=self._url + quote(name),
                    etag=etag,
                    size=info["size"],
                    at=_written(info),
                )
            )
        return sorted(files, key=lambda one: (one.at, one.file))

    def manifest(self, url: str, etag: str) -> Sequence[str] | None:
        with self.fetch(url, etag, LARGEST) as file:
            return decode_manifest(file.read_bytes()) if file else None

    @contextmanager
    def fetch_all(self, files: Sequence[LandedFile], largest: int, *, without_changed: bool) -> Iterator[Path | None]:
        left = largest
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / (self._relative(files[0].url).parent.name or "batch")
            target.mkdir()
            copied = 0
            for number, one in enumerate(files):
                relative = self._relative(one.url)
                if self._copy(relative, one.etag, target / f"{number:04}-{relative.name}", left):
                    copied += 1
                    left -= one.size
                elif not without_changed:
                    yield None
                    return
            yield target if copied else None

    @contextmanager
    def fetch_commit(self, url: str, etag: str, largest: int) -> Iterator[Path | None]:
        log = self._relative(url)
        table = log.parent.parent
        found = self.commit(url, etag)
        if found is None:
            yield None
            return
        if sum(one.size for one in found.added) > largest:
            raise TooLarge(f"{log} has more than {largest >> 20:,} MB (data.largest_mb)")
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"{table.name}-{int(log.stem)}"
            target.mkdir()
            for number, one in enumerate(found.added):
                copy = Path(folder) / "copy.parquet"
                if not self._copy(table / one.path, "", copy, largest):  # its rows were rewritten, and vacuumed
                    yield None
                    return
                delta_commit.with_partition(copy, one, found.types, target / f"{number:04}.parquet")
            yield target if found.added else None

    def commit(self, url: str, etag: str) -> delta_commit.Commit | None:
        """What a commit of a Delta table added; None where it is not there any more. Raises Refused, Malformed."""
        log = self._relative(url)
        table = log.parent.parent
        with self.fetch(url, etag, delta_commit.LARGEST_LOG) as found:
            if found is None:
                return None
            added = delta_commit.added(found.read_bytes(), str(log))
        named = {name for one in added for name in one.partition}
        types = self._types(table, int(log.stem)) if named else {}
        return delta_commit.Commit(
            address=f"{self._root}/{table}",
            added=added,
            types={name: kind for name, kind in types.items() if name in named},
        )

    def address(self, url: str) -> str:
        """The file as jobs read it. Raises Refused."""
        return f"{self._root}/{self._relative(url)}"

    def head(self, url: str, etag: str, size: int) -> bytes | None:
        """The first bytes of the file at that ETag; None where it is not there any more. Raises Refused."""
        relative = self._relative(url)
        filesystem, root = self._storage.filesystem(self._root)
        source = f"{root}/{relative}"
        self._stay(filesystem, root, relative)
        try:
            with reachable(source):
                found: bytes = filesystem.read_block(source, 0, size)
                return found if not etag or etag_of(filesystem.info(source)) == etag else None
        except FileNotFoundError:
            return None

    def _types(self, table: PurePosixPath, version: int) -> Mapping[str, str]:
        """Of the table's columns, as DuckDB names them."""
        from deltalake import DeltaTable

        from shared.adapters import tables
        from shared.adapters.delta import columns_of_table

        uri = f"{self._root}/{table}"
        with reachable(uri), tables.connect("500MB") as db:
            opened = DeltaTable(uri, version=version, storage_options=self._storage.delta_options(uri))
            return columns_of_table(db, opened)

    def _relative(self, url: str) -> PurePosixPath:
        """The path below the root. Raises Refused for what is not there."""
        if not url.startswith(self._url):
            raise Refused(f"{url} is not below {self._url}: nothing else is read")
        relative = PurePosixPath(unquote(_path(url).removeprefix(_path(self._url))))
        if relative.is_absolute() or ".." in relative.parts or not relative.name:
            raise Refused(f"{url} leads out of the landing area")
        return relative

    def _stay(self, filesystem: Any, root: str, relative: PurePosixPath) -> None:
        """Raise Refused for a link that leads out of the landing area."""
        inside = Path(root).resolve()
        if "file" in filesystem.protocol and not Path(f"{root}/{relative}").resolve().is_relative_to(inside):
            raise Refused(f"{relative} is a link that leads out of the landing area")

    def _copy(self, relative: PurePosixPath, etag: str, target: Path, largest: int) -> bool:
        """Copy the file, where it is there at that ETag before and after; "" is any. Raises Refused, TooLarge."""
        filesystem, root = self._storage.filesystem(self._root)
        source = f"{root}/{relative}"
        self._stay(filesystem, root, relative)
        try:
            with reachable(source):
                seen = filesystem.info(source)
                if etag and etag_of(seen) != etag:
                    return False
                if seen["size"] > largest:
                    raise TooLarge(f"{relative} makes more than {largest >> 20:,} MB (data.largest_mb)")
                with filesystem.open(source, "rb") as landed, target.open("wb") as copy:
                    shutil.copyfileobj(landed, copy, 1 << 20)
                return not etag or etag_of(filesystem.info(source)) == etag
        except FileNotFoundError:
            return False


def _path(url: str) -> str:
    return urlsplit(url).path
