"""Landing: a file at the ETag that was announced, or nothing; and nothing from outside."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from shared.adapters.fsspec_landing import FsspecLanding, etag_of
from shared.domain.arrival import local_etag
from shared.domain.usecase import LARGEST
from shared.errors import Refused, TooLarge

URL = "https://account.blob.core.windows.net/landing"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    (folder / "flights").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("not for reading")
    return folder


@pytest.fixture
def landing(root: Path) -> FsspecLanding:
    return FsspecLanding(URL, str(root))


def land(root: Path, name: str, text: str = "origin\nJFK\n") -> str:
    """The file, and the ETag it has."""
    (root / name).write_text(text)
    seen = (root / name).stat()
    return local_etag(seen.st_mtime_ns, seen.st_size)


def test_file_at_its_etag_is_fetched_for_as_long_as_it_is_needed(landing: FsspecLanding, root: Path) -> None:
    etag = land(root, "flights/2013-01.csv")
    with landing.fetch(f"{URL}/flights/2013-01.csv", etag, LARGEST) as file:
        assert file is not None
        assert file != root / "flights/2013-01.csv"
        assert (file.name, file.read_text()) == ("2013-01.csv", "origin\nJFK\n")
    assert not file.exists()


@pytest.mark.parametrize("name", ["a b.csv", "a%b.csv", "ä.csv", "a:b.csv", "a#b.csv", "a?b.csv", "a+b.csv"])
def test_name_is_that_of_the_url_decoded(landing: FsspecLanding, root: Path, name: str) -> None:
    etag = land(root, name)
    with landing.fetch(f"{URL}/{quote(name, safe=':+')}", etag, LARGEST) as file:
        assert file is not None
        assert file.name == name


def test_file_that_was_overwritten_is_not_there_any_more(landing: FsspecLanding, root: Path) -> None:
    etag = land(root, "a.csv")
    land(root, "a.csv", "origin\nLGA\nEWR\n")
    with landing.fetch(f"{URL}/a.csv", etag, LARGEST) as file:
        assert file is None


def test_same_size_later_is_another_content(landing: FsspecLanding, root: Path) -> None:
    etag = land(root, "a.csv")
    before = (root / "a.csv").stat()
    os.utime(root / "a.csv", ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with landing.fetch(f"{URL}/a.csv", etag, LARGEST) as file:
        assert file is None


def test_file_that_vanished_is_not_there_any_more(landing: FsspecLanding, root: Path) -> None:
    etag = land(root, "a.csv")
    (root / "a.csv").unlink()
    with landing.fetch(f"{URL}/a.csv", etag, LARGEST) as file:
        assert file is None


@pytest.mark.parametrize(
    "url",
    [
        f"{URL}/../secret.txt",
        f"{URL}/%2e%2e/secret.txt",
        f"{URL}/flights/..%2f..%2fsecret.txt",
        f"{URL}//etc/passwd",
        f"{URL}/",
        URL,
        f"{URL}2/a.csv",
        "https://elsewhere.blob.core.windows.net/landing/a.csv",
        "file:///etc/passwd",
        "/etc/passwd",
        "",
    ],
)
def test_nothing_else_is_read(landing: FsspecLanding, root: Path, url: str) -> None:
    land(root, "a.csv")
    with pytest.raises(Refused), landing.fetch(url, "0x1", LARGEST):
        pass


def test_a_link_that_leads_out_is_not_followed(landing: FsspecLanding, root: Path) -> None:
    etag = land(root, "a.csv")
    (root / "link.csv").symlink_to(root.parent / "secret.txt")
    (root / "folder").symlink_to(root.parent)
    for name in ("link.csv", "folder/secret.txt"):
        with pytest.raises(Refused, match="leads out"), landing.fetch(f"{URL}/{name}", etag, LARGEST):
            pass
    (root / "inside.csv").symlink_to(root / "a.csv")
    with landing.fetch(f"{URL}/inside.csv", etag, LARGEST) as file:
        assert file is not None


class Etags(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """As a blob container: every file has an ETag of the store's own, in quotes."""

    protocol = "etags"
    store: dict[str, object] = {}  # noqa: RUF012 - MemoryFileSystem's own, one a class
    pseudo_dirs = [""]  # noqa: RUF012 - likewise
    changed_while_read = False
    opened = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("etags://", "/")))

    def info(self, path: str, **kwargs: object) -> dict[str, object]:
        found: dict[str, object] = super().info(path, **kwargs)
        return {**found, "etag": '"0x8DD"' if self.opened and Etags.changed_while_read else '"0x8DC"'}

    def _open(self, path: str, *args: object, **kwargs: object) -> object:
        self.opened = kwargs.get("mode", args[0] if args else "rb") == "rb"
        return super()._open(path, *args, **kwargs)


@contextmanager
def container(*, changed_while_read: bool) -> Iterator[FsspecLanding]:
    fsspec.register_implementation("etags", Etags, clobber=True)
    Etags.clear_instance_cache()
    Etags.store.clear()
    Etags.changed_while_read = changed_while_read
    Etags().pipe_file("/landing/a.csv", b"x\n1\n")
    yield FsspecLanding(URL, "etags://landing")


def test_etag_of_a_store_is_the_stores_own() -> None:
    with container(changed_while_read=False) as landing, landing.fetch(f"{URL}/a.csv", "0x8DC", LARGEST) as file:
        assert file is not None
        assert file.read_bytes() == b"x\n1\n"
    assert etag_of({"etag": '"0x8DC"', "name": "a", "size": 1}) == "0x8DC"


def test_file_that_changes_while_it_is_read_is_not_there_any_more() -> None:
    with container(changed_while_read=True) as landing, landing.fetch(f"{URL}/a.csv", "0x8DC", LARGEST) as file:
        assert file is None


def test_file_larger_than_is_read_is_not_copied(landing: FsspecLanding, root: Path) -> None:
    etag = land(root, "a.csv")
    with (
        pytest.raises(TooLarge, match=r"a\.csv makes more than 0 MB"),
        landing.fetch(f"{URL}/a.csv", etag, 5),
    ):
        pass
