"""The ledger on Azure Table Storage keeps the same promises, held by Microsoft's emulator."""

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import settings

from shared.adapters.table_service import Tables, from_endpoint
from shared.adapters.table_storage import NAMES, TableStorageLedger
from shared.domain import facts as f
from shared.errors import Conflict, Unreachable
from tests.contracts.azurite import azurite_tables
from tests.contracts.test_ledger import AT, LedgerContract, TwoLedgers, approval, fact, parked


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with azurite_tables(tmp_path_factory.mktemp("azurite")) as address:
        yield address


def opened(endpoint: str, prefix: str = "") -> TableStorageLedger:
    """A ledger in tables of its own."""
    return TableStorageLedger(partial(from_endpoint, endpoint), prefix or f"t{uuid.uuid4().hex[:12]}")


class TestTableStorageLedger(LedgerContract):
    @pytest.fixture
    def ledger(self, endpoint: str) -> Any:
        return opened(endpoint)


class TestTableStorageLedgerOpenedAnewForEachCall(LedgerContract):
    """Nobody remembers anything."""

    @pytest.fixture
    def ledger(self, endpoint: str) -> Any:
        return _Reopening(endpoint, f"t{uuid.uuid4().hex[:12]}")


class _Reopening:
    def __init__(self, endpoint: str, prefix: str) -> None:
        self._open = partial(opened, endpoint, prefix)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._open(), name)


def test_counts_of_several_processes_add_up(endpoint: str) -> None:
    """Each has a row of its own to write, so none overwrites another's."""
    prefix = f"t{uuid.uuid4().hex[:12]}"
    for what in ("a", "b", "c"):
        opened(endpoint, prefix).count_dropped("empty", what, AT)
    (found,) = opened(endpoint, prefix).dropped(AT.date())
    assert found.count == 3


def test_it_agrees_with_the_one_in_memory(endpoint: str) -> None:
    """The state machine that compares the laptop's ledger with the one in memory compares Azure's too."""

    class WithTables(TwoLedgers):
        def __init__(self) -> None:
            self.prefix = f"t{uuid.uuid4().hex[:12]}"
            super().__init__()

        def reopen_other(self) -> None:
            self.other: Any = opened(endpoint, self.prefix)

    WithTables.TestCase.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
    WithTables.TestCase("runTest").runTest()


RACERS, ROUNDS = 4, 6


def race(asks: Sequence[Callable[[], bool]]) -> int:
    """How many of those that ask at once are answered with yes."""
    start = threading.Barrier(len(asks))

    def one(ask: Callable[[], bool]) -> bool:
        start.wait(30)
        return ask()

    with ThreadPoolExecutor(len(asks)) as pool:
        return sum(pool.map(one, asks))


def test_of_all_that_race_exactly_one_is_first(endpoint: str) -> None:
    """To record, to approve, to park, to settle: each through a client of its own."""
    prefix = f"t{uuid.uuid4().hex[:12]}"
    ledgers = [opened(endpoint, prefix) for _ in range(RACERS)]

    def wins(ledger: TableStorageLedger, slot: str) -> bool:
        try:
            ledger.approve(approval("2", slot), replaces=None)
        except Conflict:
            return False
        return True

    for number in range(ROUNDS):
        story, slot, message = f"s{number}", f"slot{number}", f"m{number}"
        assert race([partial(_records, each, story) for each in ledgers]) == 1
        assert race([partial(wins, each, slot) for each in ledgers]) == 1
        assert race([partial(each.park, parked(message)) for each in ledgers]) == 1
        assert race([partial(each.settle, "arrivals", message, "dropped") for each in ledgers]) == 1


def _records(ledger: TableStorageLedger, story: str) -> bool:
    return ledger.record([fact("DataArrived", story)])[0]


def test_facts_of_all_writers_arrive_in_one_order(endpoint: str) -> None:
    prefix = f"t{uuid.uuid4().hex[:12]}"

    def tell(writer: int) -> None:
        ledger = opened(endpoint, prefix)
        for number in range(5):
            assert ledger.record([fact("PartStarted", "s1", part=f"{writer}-{number}")]) == [True]

    with ThreadPoolExecutor(RACERS) as pool:
        list(pool.map(tell, range(RACERS)))
    ledger = opened(endpoint, prefix)
    told = [one.part for one in ledger.story("s1") if isinstance(one, f.PartStarted)]
    assert sorted(told) == sorted(f"{w}-{n}" for w in range(RACERS) for n in range(5))
    for writer in range(RACERS):
        assert [part for part in told if part.startswith(f"{writer}-")] == [f"{writer}-{n}" for n in range(5)]


def test_many_facts_at_once_and_large_ones_come_back_whole(endpoint: str) -> None:
    """Past what one transaction, one page and one property take."""
    ledger = opened(endpoint)
    many = [fact("PartStarted", "s1", part=f"{number:04}") for number in range(1203)]
    assert ledger.record(many) == [True] * len(many)
    assert ledger.story("s1") == many
    large = fact("DataQuarantined", "s2", reasons=tuple(f"{number} " + "ü" * 500 for number in range(300)))
    assert ledger.record([large]) == [True]
    assert ledger.story("s2") == [large]


class Dies(Exception):
    """The process, at a request."""


def dying(endpoint: str, prefix: str, after: int) -> TableStorageLedger:
    """A ledger whose process ends at a write: the first `after` writes are done, the next is not."""
    ledger, left = opened(endpoint, prefix), itertools.count(after, -1)

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def write(*arguments: Any, **named: Any) -> Any:
            if next(left) <= 0:
                raise Dies
            return call(*arguments, **named)

        return write

    for name in NAMES:
        client: Any = ledger._tables.table(name)
        for write in ("upsert_entity", "create_entity", "update_entity", "delete_entity", "submit_transaction"):
            setattr(client, write, counted(getattr(client, write)))
    return ledger


@pytest.mark.parametrize("after", range(9))
def test_a_writer_that_dies_leaves_nothing_that_the_next_does_not_mend(endpoint: str, after: int) -> None:
    """At any write. The message is delivered again, and then everything is as if nothing had been."""
    prefix, quarantined = f"t{uuid.uuid4().hex[:12]}", [fact("DataArrived", "s1"), fact("DataQuarantined", "s1")]
    opened(endpoint, prefix).record([fact("DataArrived", "s0")])
    dies = dying(endpoint, prefix, after)
    with suppress(Dies):
        for told in quarantined:
            dies.record([told])
    ledger = opened(endpoint, prefix)
    begun = bool(ledger.story("s1"))
    assert ("s1" in ledger.unsettled()) == (begun and len(ledger.story("s1")) < 2)  # never lost from sight
    assert ledger.find("landing/flights/2013-01.csv") == (["s1", "s0"] if begun else ["s0"])
    for told in quarantined:
        ledger.record([told])
    assert ledger.story("s1") == quarantined
    assert ledger.unsettled() == ["s0"]
    assert [(head.story, head.settled) for head in ledger.recent(9)] == [("s1", True), ("s0", False)]
    assert ledger.find("landing/flights/2013-01.csv") == ["s1", "s0"]


def test_answer_that_was_lost_is_not_taken_for_somebody_elses_fact(endpoint: str) -> None:
    """The transaction was done, its answer never came, and the next attempt finds the facts: they were first."""
    ledger = opened(endpoint)
    client: Any = ledger._tables.table("facts")
    lost: list[Any] = []
    real = client.submit_transaction

    def submit(operations: Any) -> Any:
        answer = real(operations)
        if not lost:
            lost.append(answer)
            return real(operations)  # what the SDK does when no answer comes
        return answer

    client.submit_transaction = submit
    assert ledger.record([fact("DataArrived", "s1"), fact("BatchChecked", "s1")]) == [True, True]
    assert len(ledger.story("s1")) == 2


def test_recent_reads_what_it_shows_and_no_more(endpoint: str) -> None:
    """However many stories there are."""
    ledger = opened(endpoint)
    for number in range(12):
        ledger.record([fact("DataArrived", f"s{number}", at=AT - timedelta(days=number))])
    client: Any = ledger._tables.table("stories")
    asked: list[dict[str, Any]] = []
    real = client.query_entities

    def query(*arguments: Any, **named: Any) -> Any:
        asked.append(named)
        return real(*arguments, **named)

    client.query_entities = query
    assert [head.story for head in ledger.recent(3)] == ["s11", "s10", "s9"]
    assert asked == [{"results_per_page": 3}]


def test_server_that_does_not_answer_is_unreachable(tmp_path: Path) -> None:
    def connect() -> Any:
        from azure.core.credentials import AzureNamedKeyCredential
        from azure.data.tables import TableServiceClient

        key = AzureNamedKeyCredential("devstoreaccount1", "a2V5")
        return TableServiceClient("http://127.0.0.1:1/devstoreaccount1", credential=key, retry_total=0)

    with pytest.raises(Unreachable, match="Table Storage"):
        TableStorageLedger(connect).story("s1")


class _Busy(BaseHTTPRequestHandler):
    """503 with Retry-After to the first request, then an empty answer."""

    asked: ClassVar[list[float]] = []

    def do_GET(self) -> None:
        type(self).asked.append(time.monotonic())
        busy = len(self.asked) == 1
        self.send_response(503 if busy else 200)
        self.send_header("Content-Type", "application/json")
        body = b"{}" if busy else b'{"value": []}'
        if busy:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


def test_throttled_request_waits_as_long_as_it_is_told() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Busy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        tables = Tables(partial(from_endpoint, f"http://127.0.0.1:{server.server_port}/devstoreaccount1"), {})
        tables._clients = {"approvals": tables._connect().get_table_client("approvals")}
        assert list(tables.table("approvals").list_entities()) == []
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    first, second = _Busy.asked
    assert second - first >= 1
