"""From the event to the committed batch: what is no arrival, what is bad, what changed, what cannot succeed."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain import facts as f
from shared.domain.arrival import Drop
from shared.domain.commands import CheckBatch, Queue, StartTraining
from shared.domain.verdicts import Verdict
from shared.errors import Unreachable
from shared.ports import ParkedMessage
from shared.wire import documents
from shared.wire.event_grid import BLOB_CREATED
from tests.ports import LANDING_URL, START, FakeClock
from tests.world import BATCH, USE_CASE, World

FLIGHTS = f"{LANDING_URL}/flights"


@pytest.mark.parametrize(
    ("url", "size", "api", "reason"),
    [
        (f"{FLIGHTS}/2013-01.csv", 0, "PutBlob", Drop.EMPTY),
        (f"{FLIGHTS}/2013-01.csv", 0, "CreateFile", Drop.INCOMPLETE),
        (f"{FLIGHTS}/2013-01.csv", 10, "SftpWrite", Drop.INCOMPLETE),
        (f"{FLIGHTS}/2013-01.csv", 10, "AppendFile", Drop.INCOMPLETE),
        (f"{FLIGHTS}/_SUCCESS", 0, "PutBlob", Drop.MARKER),
        (f"{FLIGHTS}/_SUCCESS.csv", 10, "PutBlob", Drop.MARKER),
        (f"{FLIGHTS}/_temporary/0/part-0.csv", 10, "PutBlob", Drop.TEMPORARY),
        (f"{FLIGHTS}/.2013-01.csv", 10, "PutBlob", Drop.TEMPORARY),
        (f"{FLIGHTS}/2013-01.csv.tmp", 10, "PutBlob", Drop.TEMPORARY),
        (f"{FLIGHTS}/.2013-01.csv.crc", 10, "PutBlob", Drop.TEMPORARY),
        (f"{FLIGHTS}/2013-01.csv.CRC", 10, "PutBlob", Drop.TEMPORARY),
        (f"{FLIGHTS}/2013-01.txt", 10, "PutBlob", Drop.OTHER_SUFFIX),
        (f"{FLIGHTS}/2013-01.csv.gz", 10, "PutBlob", Drop.OTHER_SUFFIX),
        (f"{LANDING_URL}/hotels/2013-01.csv", 10, "PutBlob", Drop.NO_USE_CASE),
        ("https://elsewhere.blob.core.windows.net/landing/flights/2013-01.csv", 10, "PutBlob", Drop.OTHER_PLACE),
        (f"{LANDING_URL}2/flights/2013-01.csv", 10, "PutBlob", Drop.OTHER_PLACE),
    ],
)
def test_what_is_no_arrival_is_dropped_and_counted(url: str, size: int, api: str, reason: Drop) -> None:
    world = World()
    for _ in range(2):
        world.sluice.event("event", BLOB_CREATED, {"url": url, "eTag": "0x1", "contentLength": size, "api": api})
    assert (world.ledger.recent(10), world.outbox.sent, world.ledger.parked()) == ([], [], [])
    assert [(one.reason, one.count) for one in world.ledger.dropped(START.date())] == [(reason, 2)]


@pytest.mark.parametrize("api", ["PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose", "SftpCommit"])
def test_whole_file_is_an_arrival_whoever_wrote_it(api: str) -> None:
    world = World()
    data = {"url": f"{FLIGHTS}/2013-01.csv", "eTag": "0x1", "contentLength": 10, "api": api}
    world.sluice.event("event", BLOB_CREATED, data)
    assert [type(one) for one in world.outbox.sent] == [CheckBatch]


def test_sftp_does_not_say_how_much_it_committed() -> None:
    world = World()
    data = {"url": f"{FLIGHTS}/2013-01.csv", "eTag": "0x1", "contentLength": 0, "api": "SftpCommit"}
    world.sluice.event("event", BLOB_CREATED, data)
    assert [type(one) for one in world.outbox.sent] == [CheckBatch]


@pytest.mark.parametrize("file", ["flights/_delta_log/0.json", "flights/_SUCCESS"])
def test_what_a_use_case_spells_out_is_no_temporary_name(file: str) -> None:
    arrives = "landing/flights/_delta_log/*.json" if "delta" in file else "landing/flights/_SUCCESS"
    world = World(use_case=replace(USE_CASE, data=replace(USE_CASE.data, arrives=arrives)))
    data = {"url": f"{LANDING_URL}/{file}", "eTag": "0x1", "contentLength": 10, "api": "PutBlob"}
    world.sluice.event("event", BLOB_CREATED, data)
    assert [type(one) for one in world.outbox.sent] == [CheckBatch]


def test_event_that_comes_again_weeks_later_is_no_new_arrival() -> None:
    """The ledger remembers, not a window of the broker's: a fresh outbox has seen no message id."""
    world = World()
    story = world.land()
    world.run()
    facts, checks = world.keys(story), world.quality.checks
    world.clock.advance(timedelta(days=40))
    world.outbox = type(world.outbox)()
    world.wire(USE_CASE)
    url = f"{FLIGHTS}/2013-01.csv"
    world.announce("flights/2013-01.csv", url, world.last(story, f.DataArrived).etag, 10)
    world.deliver(len(world.pending) - 1)
    assert (world.outbox.sent, world.keys(story), world.quality.checks) == ([], facts, checks)


def test_event_of_another_type_is_dropped() -> None:
    world = World()
    world.sluice.event("event", "Microsoft.Storage.BlobDeleted", {"url": 1})
    assert (world.ledger.recent(10), world.ledger.parked()) == ([], [])
    assert [one.reason for one in world.ledger.dropped(START.date())] == [Drop.OTHER_EVENT]


def test_event_without_id_and_type_is_parked() -> None:
    """A CloudEvent in binary mode looks so to the trigger."""
    world = World()
    for _ in range(2):
        world.sluice.event(None, None, {"url": f"{LANDING_URL}/flights/x.csv"})
    (parked,) = world.ledger.parked()
    assert (parked.reason, bool(parked.message_id)) == ("malformed", True)


@pytest.mark.parametrize("data", [{"url": f"{LANDING_URL}/flights/x.csv"}, None, {"url": object()}])
def test_malformed_event_is_parked(data: Any) -> None:
    """Event Grid would send it again for a day: it is kept for a person, and answered."""
    world = World()
    world.sluice.event("event-1", BLOB_CREATED, data)
    (parked,) = world.ledger.parked()
    assert (parked.queue, parked.message_id, parked.reason) == ("event-grid", "event-1", "malformed")
    json.loads(parked.body)


def test_faulty_batch_is_quarantined_and_trains_nothing() -> None:
    world = World()
    story = world.land(content="origin,x\nJFK,-1\nJFK,2\n")
    world.run()
    assert world.kinds(story) == ["DataArrived", "BatchChecked", "DataQuarantined"]
    assert world.last(story, f.BatchChecked).verdict is Verdict.FAILED
    assert world.last(story, f.DataQuarantined).reasons == ("x to be at least 0: 1 rows are not",)
    ((_, text, _, reasons),) = world.quarantine.kept.values()
    assert (text, reasons) == ("origin,x\nJFK,-1\nJFK,2\n", ("x to be at least 0: 1 rows are not",))
    assert (world.lake.versions("silver/flight_delays"), world.jobs.runs) == (0, [])
    assert world.sweep_until_quiet() == 0


def test_commit_says_what_it_is() -> None:
    world = World()
    story = world.land()
    world.run()
    notes = world.lake.notes[story, 1]
    assert (notes["verdict"], notes["file"]) == ("passed", world.last(story, f.DataArrived).file)
    assert notes["suite"] == world.last(story, f.BatchChecked).suite
    assert set(json.loads(notes["statistics"])) == {
        one.name for one in next(iter(world.profiles.kept.values())).columns
    }


def test_misconfigured_check_is_not_called_failed_and_trains_nothing() -> None:
    world = World()
    story = world.land(content="origin,x\nJFK,?\n")
    world.run()
    assert world.last(story, f.BatchChecked).verdict is Verdict.MISCONFIGURED
    assert (world.lake.versions("silver/flight_delays"), world.jobs.runs) == (0, [])


def test_quarantined_batch_is_checked_again_under_the_next_generation() -> None:
    world = World()
    story = world.land(content="origin,x\nJFK,?\n")
    world.run()
    arrived = world.last(story, f.DataArrived)
    again = CheckBatch(
        story=story, use_case=arrived.use_case, file=arrived.file, url=arrived.url, etag=arrived.etag, generation=2
    )
    world.hand_over(again)
    world.hand_over(again)
    assert [fact.generation for fact in world.story(story) if isinstance(fact, f.BatchChecked)] == [1, 2]
    assert world.quality.checks == 2


def test_overwritten_file_is_a_new_story() -> None:
    world = World()
    first = world.land()
    second = world.land(content="origin,x\nLGA,1\n")
    assert first != second
    world.run()
    assert world.kinds(first) == ["DataArrived", "DataSuperseded"]
    assert world.last(second, f.ScoringFinished).rows == 1
    assert world.ledger.unsettled() == []
    assert world.ledger.find("flights/2013-01.csv") == [second, first]


def test_file_that_vanished_is_superseded() -> None:
    world = World()
    story = world.land()
    world.landing.remove(f"{LANDING_URL}/flights/2013-01.csv")
    world.run()
    assert world.kinds(story) == ["DataArrived", "DataSuperseded"]
    assert world.quality.checks == 0


def test_crash_between_check_and_commit_does_not_judge_twice() -> None:
    """The recorded verdict counts, whatever a second look would say."""
    world = World()
    story = world.land()
    world.deliver()
    checked = f.BatchChecked.example()
    failed = f.BatchChecked(
        story=story,
        at=checked.at,
        generation=1,
        verdict=Verdict.FAILED,
        suite=checked.suite,
        rows=3,
        expectations=tuple(
            type(one)(**{**one.__dict__, "verdict": Verdict.FAILED, "detail": "seen before"})
            for one in checked.expectations
        ),
    )
    world.ledger.record([failed])
    world.run()
    assert world.quality.checks == 0
    assert world.kinds(story)[-1] == "DataQuarantined"


def test_use_case_that_was_removed_is_poison() -> None:
    world = World()
    story = world.land()
    world.deliver()
    (check,) = world.outbox.sent
    assert isinstance(check, CheckBatch)
    gone = CheckBatch(story=story, use_case="gone", file=check.file, url=check.url, etag=check.etag)
    world.hand_over(gone)
    (parked,) = world.ledger.parked()
    assert parked.reason == "unknown-use-case"
    assert "flight_delays" in parked.detail
    assert parked.body == documents.encode_command(gone)
    fact = world.last(story, f.Parked)
    assert (fact.queue, fact.message_id, fact.reason) == ("arrivals", gone.message_id, "unknown-use-case")


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"[]", b"{}", b'{"type": "Nothing"}', b'{"type": "CheckBatch"}', b"[" * 100_000],
    ids=["empty", "no-utf8", "no-object", "no-type", "unknown-type", "no-fields", "too-deep"],
)
def test_undecodable_message_is_parked_with_its_body(body: bytes) -> None:
    world = World()
    world.sluice.message(Queue.ARRIVALS, "id-1", body, "")
    (parked,) = world.ledger.parked()
    assert (parked.reason, parked.body, parked.message_id) == ("malformed", body, "id-1")


def test_command_on_the_wrong_queue_is_parked() -> None:
    world = World()
    world.sluice.message(Queue.TRAININGS, "id-1", documents.encode_command(CheckBatch.example()), "")
    assert [parked.reason for parked in world.ledger.parked()] == ["malformed"]
    assert world.ledger.recent(1) == []


def test_poison_twice_is_parked_once() -> None:
    world = World()
    story = world.land()
    world.deliver()
    for _ in range(3):
        world.sluice.message(Queue.ARRIVALS, "id-1", b"?", story)
    assert len(world.ledger.parked()) == 1
    assert world.kinds(story).count("Parked") == 1


def test_dead_lettered_message_is_parked_with_the_brokers_reason() -> None:
    world = World()
    story = world.land()
    world.deliver()
    world.sluice.dead_letter(Queue.TRAININGS, "id-1", b"body", story, "MaxDeliveryCountExceeded")
    (parked,) = world.ledger.parked()
    assert (parked.queue, parked.reason, parked.body) == ("trainings", "dead-lettered", b"body")
    assert "MaxDeliveryCountExceeded" in parked.detail
    assert world.last(story, f.Parked).reason == "dead-lettered"


class OutOfReach:
    """A port that does not answer the first `times` calls."""

    def __init__(self, port: object, times: int) -> None:
        self._port, self.left = port, times

    def __getattr__(self, name: str) -> Any:
        if self.left > 0:
            self.left -= 1
            raise Unreachable("it does not answer")
        return getattr(self._port, name)


def _with_outage(times: int) -> tuple[World, FakeClock]:
    world = World(lambda port: OutOfReach(port, times) if type(port).__name__ == "MemoryQuality" else port)
    world.land()
    world.deliver()
    return world, world.clock


def test_transient_fault_is_retried_with_back_off() -> None:
    world, clock = _with_outage(3)
    world.run()
    assert clock.slept == [0.2, 0.5, 1.0]
    assert world.registry.versions("flight_delays") == ["1"]
    assert world.ledger.parked() == []


def test_transient_fault_that_lasts_is_raised_so_that_the_host_abandons() -> None:
    world, clock = _with_outage(100)
    with pytest.raises(Unreachable):
        world.deliver()
    assert clock.slept == [0.2, 0.5, 1.0, 2.0, 4.0]
    assert world.ledger.parked() == []


def test_replay_sends_the_body_again_and_settles() -> None:
    """Under an id that the broker has not seen, so that duplicate detection lets it through."""
    world = World()
    story = world.land()
    world.run(runs_end=False)
    world.jobs.jobs.remove("sluice-score")
    world.run()
    assert {parked.reason for parked in world.ledger.parked()} == {"refused"}
    assert len(world.ledger.parked()) == 2
    world.jobs.jobs.append("sluice-score")
    for parked in world.ledger.parked():
        world.sluice.replay(parked, who="somebody")
    assert world.ledger.parked() == []
    world.collect()
    world.run()
    assert world.last(story, f.ScoringFinished).rows == 3


def test_replay_of_what_came_from_no_queue_is_refused_and_stays_parked() -> None:
    world = World()
    world.sluice.event("event-1", BLOB_CREATED, {})
    (parked,) = world.ledger.parked()
    assert isinstance(parked, ParkedMessage)
    with pytest.raises(Exception, match=r"."):
        world.sluice.replay(parked, who="somebody")
    assert world.ledger.parked() == [parked]


def test_training_is_asked_for_again_when_it_never_started() -> None:
    """A repeat of the check finds the commit, and whether a training followed; a parked message is no training."""
    world = World()
    story = world.land()
    world.deliver()
    (check,) = world.outbox.sent
    world.deliver()
    world.sluice.dead_letter(Queue.ARRIVALS, "id-1", b"?", story, "")
    world.outbox.sent.clear()
    world.outbox = type(world.outbox)()
    decision = world.sluice.steps[CheckBatch](check)
    assert [type(command) for command in decision.send] == [StartTraining]
    world.hand_over(decision.send[0])
    assert world.sluice.steps[CheckBatch](check).send == ()


def test_lake_and_ledger_agree_on_the_batch() -> None:
    world = World()
    story = world.land(content=BATCH)
    world.run()
    committed = world.last(story, f.DataCommitted)
    assert (committed.table, committed.delta_version, committed.rows) == ("silver/flight_delays", 1, 3)
