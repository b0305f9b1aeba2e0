"""The landing area through fsspec: a folder on a laptop, a container in Azure."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from shared.adapters.storage import LAPTOP, Storage, reachable
from shared.domain.arrival import local_etag
from shared.errors import Refused, TooLarge


def etag_of(info: dict[str, Any]) -> str:
    """The ETag of what fsspec says of a file; on a local disk, modification time and size stand in for it."""
    if "etag" in info:
        return str(info["etag"]).strip('"')
    return local_etag(Path(info["name"]).stat().st_mtime_ns, info["size"])


class FsspecLanding:
    """Landing. `url` is what the blobs' URLs begin with, `root` the same place as fsspec reads it."""

    def __init__(self, url: str, root: str, storage: Storage = LAPTOP) -> None:
        self._url = url.rstrip("/") + "/"
        self._root = root.rstrip("/")
        self._storage = storage

    @contextmanager
    def fetch(self, url: str, etag: str, largest: int) -> Iterator[Path | None]:
        if not url.startswith(self._url):
            raise Refused(f"{url} is not below {self._url}: nothing else is read")
        relative = PurePosixPath(unquote(_path(url).removeprefix(_path(self._url))))
        if relative.is_absolute() or ".." in relative.parts or not relative.name:
            raise Refused(f"{url} leads out of the landing area")
        filesystem, root = self._storage.filesystem(self._root)
        source = f"{root}/{relative}"
        if "file" in filesystem.protocol and not Path(source).resolve().is_relative_to(Path(root).resolve()):
            raise Refused(f"{url} is a link that leads out of the landing area")
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / relative.name
            try:
                with reachable(source):
                    seen = filesystem.info(source)
                    unchanged = etag_of(seen) == etag
                    if unchanged and seen["size"] > largest:
                        raise TooLarge(f"{relative} has more than {largest >> 20:,} MB (data.largest_mb)")
                    if unchanged:
                        with filesystem.open(source, "rb") as landed, target.open("wb") as copy:
                            shutil.copyfileobj(landed, copy, 1 << 20)
                        unchanged = etag_of(filesystem.info(source)) == etag
            except FileNotFoundError:
                unchanged = False
            yield target if unchanged else None


def _path(url: str) -> str:
    return urlsplit(url).path
