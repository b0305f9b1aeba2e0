"""The story on Azure's own storage: landing, silver and gold as blobs, the ledger as tables, in Azurite."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import flights
from local.event_grid import deliver, endpoint
from local.home import PROJECT
from local.proof import Proof
from shared import opened
from shared.adapters.storage import Storage
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.facts import CheckRunFinished
from tests.acceptance.stacks import RunningStack, wait_for
from tests.contracts.azurite import ACCOUNT, azurite_blobs, azurite_tables

LANDING, LAKE = (f"abfss://{container}@{ACCOUNT}.dfs.core.windows.net" for container in ("landing", "lake"))


@pytest.fixture(params=["checked in the function", "checked on Spark"])
def stack(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningStack]:
    if "Spark" in request.param:
        folder = tmp_path / "usecases"
        shutil.copytree(PROJECT / "usecases", folder, ignore=shutil.ignore_patterns("__pycache__"))
        file = folder / "flight_delays/usecase.yml"
        large = "  largest_mb: 1\n  check_job: sluice-check\n"
        file.write_text(file.read_text().replace("  null_values:", f"{large}  null_values:"))
        monkeypatch.setenv("USE_CASES", str(folder))
    with azurite_blobs(tmp_path / "blobs") as connection, azurite_tables(tmp_path / "tables") as tables:
        for name, value in {
            "LANDING_ROOT": LANDING,
            "LAKE_ROOT": LAKE,
            "LEDGER": tables,
            "STORAGE": connection,
        }.items():
            monkeypatch.setenv(name, value)
        storage = Storage(connection)
        for root in (LANDING, LAKE):
            filesystem, container = storage.filesystem(root)
            filesystem.mkdir(container)
        running = RunningStack(tmp_path / "home")
        running.await_up()
        yield running
        running.end()


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # how adlfs uploads is its own affair
def test_a_blob_lands_and_everything_follows(
    stack: RunningStack, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings = stack.home.settings()
    filesystem, path = opened.storage_of(settings).filesystem(f"{LANDING}/flights/2013-01.csv")
    filesystem.put_file(str(flights.month(1, tmp_path)), path)
    found = filesystem.info(path)
    etag = found["etag"].strip('"')
    event = {
        "id": "9b87886d-21a5-4af5-8e3e-10c4b8dac73b",
        "topic": f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}",
        "subject": "/blobServices/default/containers/landing/blobs/flights/2013-01.csv",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": found["last_modified"].isoformat(),
        "dataVersion": "",
        "metadataVersion": "1",
        "data": {
            "api": "PutBlob",
            "eTag": etag,
            "contentType": "text/csv",
            "contentLength": found["size"],
            "blobType": "BlockBlob",
            "url": f"{settings.landing_url}/flights/2013-01.csv",
            "sequencer": "00000000000004420000000000028963",
        },
    }
    front = next(line.split()[1] for line in stack.said().splitlines() if line.strip().startswith("front"))
    assert deliver(endpoint(front, "data_arrival"), event)
    story = identity.story_of_arrival("landing/flights/2013-01.csv", etag)
    wait_for("the story to settle", lambda: stories.is_settled(stack.facts(story)))
    proof = Proof(settings, stack.ledger())
    proof.of_loop(story, version="1")
    by_job = stories.last(stack.facts(story), CheckRunFinished) is not None
    assert by_job == ("Spark" in request.node.name)
    assert proof.wrong == []
    assert proof.right > 20
    lake = Path(stack.home.folder, "lake")
    assert list(lake.rglob("*.parquet")) == []  # nothing went beside it
    assert stack.interrupt() == 0
