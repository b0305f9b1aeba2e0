"""Documents as files beside the lake's tables."""

from collections.abc import Mapping
from typing import Any

from shared.adapters.storage import LAPTOP, Storage, reachable
from shared.errors import Unreachable

LARGEST = 256 << 20
"""Bytes of a document."""


class LakeDocuments:
    """Documents. `root` is the lake's."""

    def __init__(self, root: str, storage: Storage = LAPTOP) -> None:
        self._root = root.rstrip("/")
        self._storage = storage

    def leave(self, name: str, text: str) -> None:
        filesystem, path = self._storage.filesystem(f"{self._root}/{name}")
        with reachable(name):
            filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
            filesystem.pipe_file(path, text.encode())

    def read(self, name: str) -> str | None:
        filesystem, path = self._storage.filesystem(f"{self._root}/{name}")
        try:
            with reachable(name):
                file = newest_in(filesystem, path) if filesystem.isdir(path) else path
                body: bytes = filesystem.read_block(file, 0, LARGEST + 1) if file else b""
        except FileNotFoundError:
            return None
        if len(body) > LARGEST:
            raise Unreachable(f"{name} has more than {LARGEST >> 20} MB")
        return body.decode() if file else None

    def forget(self, name: str) -> None:
        filesystem, path = self._storage.filesystem(f"{self._root}/{name}")
        try:
            with reachable(name):
                filesystem.rm(path, recursive=True)
        except FileNotFoundError:
            return


def newest_in(filesystem: Any, folder: str) -> str:
    """The file that Spark wrote there last, "" where there is none: it makes a folder of it, with marks of its own."""
    files = [each for each in filesystem.ls(folder, detail=True) if _is_written(each)]
    newest = max(files, key=lambda each: str(each.get("mtime") or each.get("last_modified")), default=None)
    return str(newest["name"]) if newest else ""


def _is_written(entry: Mapping[str, Any]) -> bool:
    """Is it a file of Spark's with something in it?"""
    name = str(entry["name"]).rpartition("/")[2]
    return bool(entry["type"] == "file" and entry.get("size") and not name.startswith(("_", ".")))
