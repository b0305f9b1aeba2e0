"""Landing and lake on Azure storage: the same code as in a folder, held by Microsoft's emulator."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest
from deltalake import write_deltalake

from shared.adapters import tables
from shared.adapters.delta import DeltaLake
from shared.adapters.delta_quarantine import DeltaQuarantine
from shared.adapters.fsspec_landing import FsspecLanding
from shared.adapters.job_files import DeltaJobFiles
from shared.adapters.job_reads import LandedJobReads
from shared.adapters.lake_check_runs import LakeCheckRuns
from shared.adapters.lake_documents import LakeDocuments
from shared.adapters.storage import Storage
from shared.domain import identity
from shared.domain.batch import LandedFile
from shared.domain.facts import DataCommitted
from shared.domain.lost import SETTLED
from shared.domain.usecase import LARGEST, DataSpec
from shared.errors import Refused, Unreachable
from shared.handover import Written
from tests.contracts.azurite import ACCOUNT, KEY, azurite_blobs
from tests.ports import LANDING_URL
from tests.world import BATCH, USE_CASE, World

URL = f"https://{ACCOUNT}.blob.core.windows.net/landing"
LANDING, LAKE = (f"abfss://{container}@{ACCOUNT}.dfs.core.windows.net" for container in ("landing", "lake"))
SPEC = DataSpec(
    arrives="landing/*.csv",
    expectations="",
    table="silver/flights",
    partition_by="origin",
    columns={"flight": "BIGINT"},
    null_values=("", "NA"),
)
CSV = b"origin,flight,tailnum\nJFK,1,N1\nEWR,2,NA\nJFK,3,N3\n"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    with azurite_blobs(tmp_path_factory.mktemp("azurite")) as connection:
        made = Storage(connection)
        for root in (LANDING, LAKE):
            filesystem, container = made.filesystem(root)
            filesystem.mkdir(container)
        yield made


def land(storage: Storage, name: str, body: bytes = CSV) -> str:
    """The ETag, as Event Grid says it: without quotes."""
    filesystem, path = storage.filesystem(f"{LANDING}/{name}")
    filesystem.pipe_file(path, body)
    return str(filesystem.info(path)["etag"]).strip('"')


@pytest.mark.parametrize("name", ["a.csv", "flights/2013 01.csv", "ä/b+c.csv"])
def test_a_blob_is_fetched_at_its_etag(storage: Storage, name: str) -> None:
    etag = land(storage, name)
    with FsspecLanding(URL, LANDING, storage).fetch(f"{URL}/{quote(name)}", etag, LARGEST) as file:
        assert file is not None
        assert (file.name, file.read_bytes()) == (Path(name).name, CSV)


def test_a_blob_that_was_overwritten_or_is_gone_is_not_there_any_more(storage: Storage) -> None:
    landing = FsspecLanding(URL, LANDING, storage)
    before = land(storage, "b.csv")
    with landing.fetch(f"{URL}/b.csv", before, LARGEST) as file:  # what a cache would remember
        assert file is not None
    after = land(storage, "b.csv", CSV + b"LGA,4,N4\n")
    with landing.fetch(f"{URL}/b.csv", before, LARGEST) as file:
        assert file is None
    with landing.fetch(f"{URL}/b.csv", after, LARGEST) as file:
        assert file is not None
    with landing.fetch(f"{URL}/never.csv", after, LARGEST) as file:
        assert file is None


def test_other_accounts_and_containers_are_not_read(storage: Storage) -> None:
    etag = land(storage, "c.csv")
    for url in (
        "https://elsewhere.blob.core.windows.net/landing/c.csv",
        f"https://{ACCOUNT}.blob.core.windows.net/lake/c.csv",
        f"{URL}/../lake/c.csv",
    ):
        with pytest.raises(Refused), FsspecLanding(URL, LANDING, storage).fetch(url, etag, LARGEST):
            pass


def test_a_batch_is_committed_once_and_read_back(storage: Storage, tmp_path: Path) -> None:
    lake = DeltaLake(LAKE, "1GB", storage)
    file = tmp_path / "a.csv"
    file.write_bytes(CSV)
    first = lake.commit(file, SPEC, "one", 1)
    assert (first.rows, lake.commit(file, SPEC, "one", 1)) == (3, first)
    second = lake.commit(file, SPEC, "two", 1)
    assert second.delta_version == first.delta_version + 1
    assert lake.parts(SPEC.table, second.delta_version, "origin") == ["EWR", "JFK"]
    assert lake.rows(SPEC.table, "origin", "JFK").rows == 4
    assert lake.uri(SPEC.table) == f"{LAKE}/silver/flights"


def test_a_quarantined_file_is_kept_with_its_reasons(storage: Storage, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(CSV)
    rows = tmp_path / f"rows{tables.PREPARED}"
    with tables.connect("500MB") as db:
        tables.write(db, f"FROM '{file}' SELECT *, ['x'] AS _reasons", rows)
    lake = DeltaLake(LAKE, "1GB", storage)
    quarantine, place = DeltaQuarantine(lake, "1GB", storage), "quarantine/flights/three"
    for _ in range(2):
        kept = quarantine.keep(file, rows, location=place, story="three", generation=1, reasons=["too bad"])
        assert kept == 3
    with quarantine.file(place) as copy:
        assert copy is not None
        assert copy.read_bytes() == CSV
    look = quarantine.look(place)
    assert look is not None
    assert (look.rows, look.by_reason, len(look.sample)) == (3, {"x": 3}, 3)
    with quarantine.rows(place, LARGEST) as released:
        assert released is not None
        assert lake.commit(released, SPEC, "three", 2).rows == 3
    filesystem, path = storage.filesystem(f"{LAKE}/{place}")
    assert json.loads(filesystem.cat_file(f"{path}/_landed/reasons.json"))["reasons"] == ["too bad"]


def test_a_storage_that_refuses_is_transient(storage: Storage, tmp_path: Path) -> None:
    gone = Storage(storage.connection.replace(KEY, "A" * 86 + "=="))
    file = tmp_path / "a.csv"
    file.write_bytes(CSV)
    with pytest.raises(Unreachable), FsspecLanding(URL, LANDING, gone).fetch(f"{URL}/a.csv", "0x1", LARGEST):
        pass
    with pytest.raises(Unreachable):
        DeltaQuarantine(DeltaLake(LAKE, "1GB", gone), "1GB", gone).keep(
            file, None, location="quarantine/flights/four", story="four", generation=1, reasons=[]
        )
    with pytest.raises(Unreachable):
        DeltaLake(LAKE, "1GB", gone).commit(file, SPEC, "four", 1)


def test_a_batch_of_several_blobs_is_fetched_each_at_its_etag(storage: Storage) -> None:
    landing = FsspecLanding(URL, LANDING, storage)
    for name in ("1.csv", "ä 2.csv", "_SUCCESS"):
        land(storage, f"batch/{name}")
    found = landing.beside(f"{URL}/batch/_SUCCESS")
    assert [one.file for one in found] == ["landing/batch/1.csv", "landing/batch/_SUCCESS", "landing/batch/ä 2.csv"]
    with landing.fetch_all(found, LARGEST, without_changed=False) as folder:
        assert folder is not None
        assert [each.read_bytes() for each in sorted(folder.iterdir())] == [CSV] * 3
    land(storage, "batch/1.csv", CSV + b"LGA,4,N4\n")
    with landing.fetch_all(found, LARGEST, without_changed=False) as folder:
        assert folder is None


def test_blobs_are_listed_with_the_etag_that_their_events_carry(storage: Storage) -> None:
    """Event Grid has it without quotes, as the properties of a blob and a listing may not."""
    landing, since = FsspecLanding(URL, LANDING, storage), datetime.now(UTC) - timedelta(minutes=1)
    names = ["listed/2013-02.csv", "listed/deep/ä b+c.csv", "listed/2012.csv", "listed2/x.csv"]
    etags = {f"landing/{name}": land(storage, name) for name in names}
    found = landing.listed("landing/listed/", since)
    assert {one.file: one.etag for one in found} == {f"landing/{name}": etags[f"landing/{name}"] for name in names[:3]}
    assert [one.at for one in found] == sorted(one.at for one in found)
    assert {one.size for one in found} == {len(CSV)}
    assert [one.file for one in landing.listed("landing/listed/2013-", since)] == ["landing/listed/2013-02.csv"]
    assert landing.listed("landing/listed/2013-", datetime.now(UTC) + timedelta(minutes=1)) == []
    assert landing.listed("landing/nowhere/", since) == []
    assert {one.file for one in landing.listed("", since)} >= set(etags)
    for one in found:
        with landing.fetch(one.url, one.etag, LARGEST) as file:
            assert file is not None


def test_a_blob_whose_event_was_lost_is_found_by_the_sweep_and_the_event_is_known_then(storage: Storage) -> None:
    etag = land(storage, "lost/2013-01.csv", BATCH.encode())
    world = World()
    world.landing = FsspecLanding(LANDING_URL, LANDING, storage)  # type: ignore[assignment]  # blobs, not memory
    world.wire(replace(USE_CASE, data=replace(USE_CASE.data, arrives="landing/lost/*.csv")))
    story = identity.story_of_arrival("landing/lost/2013-01.csv", etag)
    for after, found in ((timedelta(), False), (2 * SETTLED, True)):
        world.clock.advance(datetime.now(UTC) - world.clock.now() + after)
        world.sluice.sweep()
        assert bool(world.story(story)) is found
    world.collect()
    world.run()
    assert world.last(story, DataCommitted).rows == 3
    facts = world.keys(story)
    world.announce("lost/2013-01.csv", f"{LANDING_URL}/lost/2013-01.csv", etag, len(BATCH))
    world.run()
    assert [head.story for head in world.ledger.recent(10)] == [story]
    assert (world.keys(story), world.quality.checks) == (facts, 1)


def test_a_commit_of_somebodys_table_is_fetched(storage: Storage) -> None:
    uri = f"{LANDING}/theirs"
    options = storage.delta_options(uri)
    rows = duckdb.sql("SELECT 'J K' AS origin, 1 AS flight UNION ALL SELECT 'EWR', 2")
    write_deltalake(uri, rows, partition_by=["origin"], storage_options=options)
    landing = FsspecLanding(URL, LANDING, storage)
    (log,) = [one for one in landing.beside(f"{URL}/theirs/_delta_log/x.json") if one.file.endswith(".json")]
    with landing.fetch_commit(log.url, log.etag, LARGEST) as folder:
        assert folder is not None
        found = duckdb.sql(f"FROM '{folder}/*.parquet' SELECT origin, flight").fetchall()
        assert sorted(found) == [("EWR", 2), ("J K", 1)]


def test_what_the_check_job_reads_and_writes_is_in_blobs(storage: Storage, tmp_path: Path) -> None:
    lake = DeltaLake(LAKE, "1GB", storage)
    reads, runs = (
        LandedJobReads(FsspecLanding(URL, LANDING, storage), lake),
        LakeCheckRuns(LakeDocuments(LAKE, storage)),
    )
    etag = land(storage, "large/ä 1.csv")
    one = LandedFile(file="landing/large/ä 1.csv", url=f"{URL}/{quote('large/ä 1.csv')}", etag=etag, size=len(CSV))
    found = reads.of_files([one], SPEC, without_changed=False)
    assert found is not None
    (read,) = found["reads"]
    assert (read["paths"], read["columns"]) == ([f"{LANDING}/large/ä 1.csv"], ["origin", "flight", "tailnum"])
    assert {each["name"]: each["type"] for each in found["schema"]["fields"]}["flight"] == "long"
    runs.ask("checks/u/s-1/check-1/request.json", found)
    runs.ask("checks/u/s-1/check-1/request.json", {})
    assert runs.asked("checks/u/s-1/check-1/request.json") == json.loads(json.dumps(found))
    filesystem, root = storage.filesystem(f"{LAKE}/checks/u/s-1/check-1/answer")
    filesystem.pipe_file(f"{root}/_SUCCESS", b"")
    filesystem.pipe_file(f"{root}/part-0.txt", b'{"rows": 2}')
    assert runs.looked("checks/u/s-1/check-1/answer").rows == 2
    runs.forget("checks/u/s-1")
    assert runs.asked("checks/u/s-1/check-1/request.json") is None

    folder = f"{LAKE}/silver/flights/batches/five"
    duckdb.sql("SELECT range AS flight, 'N' AS tailnum FROM range(5)").write_parquet(str(tmp_path / "x"))
    filesystem, root = storage.filesystem(folder)
    filesystem.pipe_file(f"{root}/origin=a%2Fb c/part-0.parquet", (tmp_path / "x").read_bytes())
    files = DeltaJobFiles(lake, storage)
    names = ["origin=a%2Fb c/part-0.parquet"]
    schema, known = found["schema"], files.schema(SPEC.table)
    written = Written(folder=folder, files=names, rows=5, schema=schema, known=known)
    done = files.commit(written, SPEC, "five", 1, {})
    assert (done.rows, files.commit(written, SPEC, "five", 1, {})) == (5, done)
    assert lake.rows(SPEC.table, "origin", "a/b c").rows == 5
