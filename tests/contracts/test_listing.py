"""Landing.listed: what a folder and a world in memory both promise; blobs are held to it in test_azure_storage.py."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from local.event_grid import blob_created
from shared.adapters.fsspec_landing import FsspecLanding
from shared.errors import Refused
from shared.ports import Landing
from shared.wire.event_grid import BLOB_CREATED, decode_blob_created
from tests.ports import LANDING_URL, FakeClock, MemoryLanding

HOUR = timedelta(hours=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class Place:
    """A landing area; `put` writes a file there an hour after the one before, `now` is when it wrote last."""

    landing: Landing
    put: Callable[[str, str], None]
    now: Callable[[], datetime]


def folder(root: Path) -> Place:
    at = [datetime(2026, 1, 31, 3, 0, tzinfo=UTC)]

    def put(name: str, content: str) -> None:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        at[0] += HOUR
        os.utime(file, (at[0].timestamp(), at[0].timestamp()))

    return Place(FsspecLanding(LANDING_URL, str(root)), put, lambda: at[0])


def memory(_: Path) -> Place:
    clock = FakeClock()
    landing = MemoryLanding(clock)

    def put(name: str, content: str) -> None:
        clock.advance(HOUR)
        landing.put(name, content)

    return Place(landing, put, clock.now)


@pytest.fixture(params=[folder, memory])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    made: Place = request.param(tmp_path / "landing")
    return made


def names(place: Place, prefix: str = "landing/", since: datetime = LONG_AGO) -> list[str]:
    return [one.file for one in place.landing.listed(prefix, since)]


def test_files_below_a_prefix_the_oldest_first(place: Place) -> None:
    for name in ("flights/b.csv", "flights/2013/a.csv", "flights2/c.csv", "rain/d.csv", "e.csv"):
        place.put(name, "x\n")
    assert names(place, "landing/flights/") == ["landing/flights/b.csv", "landing/flights/2013/a.csv"]
    assert names(place, "landing/flights/2013/a") == ["landing/flights/2013/a.csv"]
    assert names(place, "landing/flights/2013/b") == []
    assert len(names(place, "landing/flights")) == 3
    assert names(place, "landing/e.csv") == ["landing/e.csv"]
    assert len(names(place, "landing/")) == len(names(place, "land")) == len(names(place, "")) == 5
    assert names(place, "other/") == names(place, "landing2/") == names(place, "landing/nowhere/") == []


def test_only_what_was_written_since(place: Place) -> None:
    for name in ("1.csv", "2.csv", "1.csv"):
        place.put(name, "x\n")
    (_, newest) = place.landing.listed("landing/", LONG_AGO)
    assert names(place) == ["landing/2.csv", "landing/1.csv"]
    assert names(place, since=newest.at) == ["landing/1.csv"]
    assert names(place, since=place.now() + timedelta(seconds=1)) == []
    assert newest.at.utcoffset() == timedelta(0)


def test_what_is_listed_can_be_fetched(place: Place) -> None:
    place.put("flights/ä b%c#d.csv", "x\n1\n")
    (one,) = place.landing.listed("landing/", LONG_AGO)
    assert (one.file, one.size) == ("landing/flights/ä b%c#d.csv", 4)
    assert one.url == f"{LANDING_URL}/{quote('flights/ä b%c#d.csv')}" or isinstance(place.landing, MemoryLanding)
    with place.landing.fetch(one.url, one.etag, 100) as file:
        assert file is not None
        assert file.read_text() == "x\n1\n"


def test_no_landing_area_is_an_empty_one(place: Place) -> None:
    assert names(place) == []


def test_etag_is_the_one_that_the_event_of_the_watched_folder_carries(tmp_path: Path) -> None:
    made = folder(tmp_path)
    made.put("flights/ä b.csv", "x\n1\n")
    event = blob_created(tmp_path / "flights/ä b.csv", tmp_path, LANDING_URL)
    told = decode_blob_created(event["id"], BLOB_CREATED, event["data"])
    assert told is not None
    (one,) = made.landing.listed("landing/flights/", LONG_AGO)
    assert (one.file, one.url, one.etag, one.size) == (told.file, told.url, told.etag, told.size)


def test_links_are_no_files_and_nothing_is_listed_outside(tmp_path: Path) -> None:
    made = folder(tmp_path / "landing")
    made.put("a.csv", "x\n")
    (tmp_path / "secret.csv").write_text("x\n")
    (tmp_path / "landing/link.csv").symlink_to(tmp_path / "secret.csv")
    (tmp_path / "landing/folder").symlink_to(tmp_path)
    assert names(made) == ["landing/a.csv"]
    with pytest.raises(Refused, match="leads out"):
        names(made, "landing/../")
