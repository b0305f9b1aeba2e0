"""What becomes of a message whose step fails: tried again, given back, parked, sent again; and nothing swallowed."""

import base64
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.memory import MemoryOutbox
from shared.dispatch import BACK_OFF, Sluice
from shared.domain import facts as f
from shared.domain.commands import CheckBatch, Command, EnforceSlot, Queue, StartTraining
from shared.errors import Conflict, Malformed, Misconfigured, Poison, Refused, Transient, UnknownUseCase, Unreachable
from shared.ports import ParkedMessage
from shared.steps.decision import Decision
from shared.wire.documents import encode_command
from shared.wire.event_grid import BLOB_CREATED
from tests.ports import LANDING_URL
from tests.world import PASSWORD, SECRET, USER, World

COMMAND = CheckBatch.example()
NEXT = StartTraining.example()
BODY = encode_command(COMMAND)
EVENT = {"url": f"{LANDING_URL}/flights/2013-01.csv", "eTag": "0x1", "contentLength": 10, "api": "PutBlob"}


class Failing:
    """A step that fails so many times, and counts."""

    def __init__(self, error: BaseException, times: int = 1_000_000) -> None:
        self.error, self.times, self.calls = error, times, 0

    def __call__(self, *_: Any) -> Decision:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return Decision(summary="done", send=(NEXT,))


def with_step(world: World, step: Callable[[Any], Decision]) -> Sluice:
    """The world's control plane, with another step for CheckBatch, arrivals and the sweep."""
    return replace(world.sluice, steps={CheckBatch: step}, accept_arrival=step, reconcile=lambda: step(None))


def deliver(sluice: Sluice, *, body: bytes = BODY, story: str = "") -> None:
    sluice.message(Queue.ARRIVALS, "m1", body, story)


@pytest.mark.parametrize("failures", range(len(BACK_OFF) + 1))
def test_transient_is_tried_again_with_back_off(failures: int) -> None:
    world, step = World(), Failing(Unreachable("busy"), failures)
    deliver(with_step(world, step))
    assert step.calls == failures + 1
    assert world.clock.slept == list(BACK_OFF[:failures])
    assert (world.outbox.sent, world.ledger.parked()) == ([NEXT], [])


@pytest.mark.parametrize("error", [Transient("x"), Unreachable("x"), Conflict("x")], ids=lambda error: error.reason)
def test_transient_that_lasts_is_raised_for_the_host_to_abandon(error: Transient) -> None:
    """Not parked: it may succeed later, and the broker counts."""
    world, step = World(), Failing(error)
    with pytest.raises(type(error)) as caught:
        deliver(with_step(world, step))
    assert caught.value is error
    assert step.calls == len(BACK_OFF) + 1
    assert world.clock.slept == list(BACK_OFF)
    assert (world.outbox.sent, world.ledger.parked()) == ([], [])


def test_back_off_grows_and_stays_far_below_the_lock() -> None:
    """Ten deliveries outlast a restart of what does not answer; one delivery does not outlast its lock of a minute."""
    assert list(BACK_OFF) == sorted(set(BACK_OFF))
    assert sum(BACK_OFF) * 10 > 60
    assert sum(BACK_OFF) < 30


class FailingOutbox(MemoryOutbox):
    """An outbox that fails so many times."""

    def __init__(self, error: Exception, times: int) -> None:
        super().__init__()
        self.error, self.times = error, times

    def send(self, commands: Sequence[Command]) -> None:
        self.times -= 1
        if self.times >= 0:
            raise self.error
        super().send(commands)


def test_send_that_fails_runs_the_step_again() -> None:
    world, step, outbox = World(), Failing(Unreachable(""), 0), FailingOutbox(Unreachable("the queue"), 2)
    deliver(replace(with_step(world, step), outbox=outbox))
    assert step.calls == 3
    assert outbox.sent == [NEXT]


def test_decision_that_sends_nothing_does_not_touch_the_queues() -> None:
    world = World()
    sluice = with_step(world, lambda _: Decision(summary="nothing to do"))
    deliver(replace(sluice, outbox=FailingOutbox(Unreachable("the queue"), 1)))
    assert world.clock.slept == []


@pytest.mark.parametrize(
    "error",
    [Poison("why"), Malformed("why"), UnknownUseCase("why"), Refused("why")],
    ids=lambda error: error.reason,
)
def test_poison_is_parked_once_with_body_and_reason_and_completed(error: Poison) -> None:
    world, step = World(), Failing(error)
    sluice = with_step(world, step)
    for _ in range(3):
        deliver(sluice)
    (parked,) = world.ledger.parked()
    assert (parked.queue, parked.message_id, parked.reason, parked.detail) == ("arrivals", "m1", error.reason, "why")
    assert (parked.body, parked.correlation_id, parked.outcome) == (BODY, "", "")
    assert parked.at.tzinfo is not None
    assert step.calls == 3
    assert world.clock.slept == []


def test_poison_of_the_queue_is_parked_too() -> None:
    """A command that no queue takes never will be."""
    world = World()
    sluice = replace(with_step(world, Failing(Poison(""), 0)), outbox=FailingOutbox(Poison("larger than it takes"), 9))
    deliver(sluice)
    assert [parked.detail for parked in world.ledger.parked()] == ["larger than it takes"]


@pytest.mark.parametrize("error", [KeyError("x"), Misconfigured("x"), ValueError("x"), RecursionError("x")], ids=repr)
def test_error_that_nobody_expected_is_raised_at_once(error: Exception) -> None:
    """The host abandons, and the broker dead-letters: nothing is swallowed, nothing is parked as if it were known."""
    world, step = World(), Failing(error)
    with pytest.raises(type(error)) as caught:
        deliver(with_step(world, step))
    assert caught.value is error
    assert step.calls == 1
    assert world.ledger.parked() == []


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"\x00\xff", "not JSON"),
        (b'{"type": "Nothing"}', "its type is none of"),
        (b'{"type": "CheckBatch"}', "use_case: "),
        (encode_command(EnforceSlot.example()), "EnforceSlot travels on registry-events, not on arrivals"),
    ],
)
def test_body_that_is_no_command_of_the_queue_is_parked(body: bytes, detail: str) -> None:
    world = World()
    deliver(world.sluice, body=body)
    (parked,) = world.ledger.parked()
    assert (parked.reason, parked.body) == ("malformed", body)
    assert detail in parked.detail


def test_parked_message_is_told_in_its_story_once() -> None:
    world = World()
    story = world.land()
    world.deliver()
    sluice = with_step(world, Failing(Refused("no such job")))
    for _ in range(2):
        deliver(sluice, story=story)
    assert world.kinds(story) == ["DataArrived", "Parked"]
    told = world.last(story, f.Parked)
    assert (told.queue, told.message_id, told.reason, told.detail) == ("arrivals", "m1", "refused", "no such job")


def test_parked_message_of_an_unknown_story_starts_none() -> None:
    world = World()
    deliver(with_step(world, Failing(Refused("x"))), story="of-nobody")
    assert world.story("of-nobody") == []
    assert [parked.correlation_id for parked in world.ledger.parked()] == ["of-nobody"]


def test_dead_letters_are_parked_once_with_the_brokers_reason() -> None:
    world = World()
    for _ in range(2):
        world.sluice.dead_letter(Queue.TRAININGS, "m1", b"body", "", "MaxDeliveryCountExceeded")
    world.sluice.dead_letter(Queue.TRAININGS, "m2", b"", "", "")
    first, second = world.ledger.parked()
    assert (first.queue, first.message_id, first.reason, first.body) == ("trainings", "m1", "dead-lettered", b"body")
    assert first.detail == "dead-lettered by the broker: MaxDeliveryCountExceeded"
    assert second.detail == "dead-lettered by the broker: no reason given"


@pytest.mark.parametrize("error", [Refused("why"), Malformed("why")])
def test_event_that_cannot_succeed_is_parked(error: Poison) -> None:
    """Raised, Event Grid would send it again for a day."""
    world = World()
    with_step(world, Failing(error)).event("e1", BLOB_CREATED, EVENT)
    (parked,) = world.ledger.parked()
    assert (parked.queue, parked.message_id, parked.reason) == ("event-grid", "e1", error.reason)
    assert b"2013-01.csv" in parked.body


def test_event_is_given_back_while_it_may_succeed() -> None:
    world = World()
    with pytest.raises(Unreachable):
        with_step(world, Failing(Unreachable("the ledger"))).event("e1", BLOB_CREATED, EVENT)
    assert world.clock.slept == list(BACK_OFF)
    assert world.ledger.parked() == []


def test_sweep_is_tried_again_and_sends() -> None:
    world = World()
    with_step(world, Failing(Conflict("x"), 2)).sweep()
    assert world.clock.slept == list(BACK_OFF[:2])
    assert world.outbox.sent == [NEXT]


def parked_message(world: World) -> ParkedMessage:
    deliver(with_step(world, Failing(Refused("x"))))
    (parked,) = world.ledger.parked()
    return parked


class Resends(MemoryOutbox):
    """An outbox that remembers what was sent again, and under which id."""

    def __init__(self) -> None:
        super().__init__()
        self.resent: list[tuple[str, bytes]] = []

    def resend(self, message: ParkedMessage, *, message_id: str) -> None:
        super().resend(message, message_id=message_id)
        self.resent.append((message_id, message.body))


def test_replay_sends_the_body_under_another_id_and_takes_it_off_the_list() -> None:
    world, outbox = World(), Resends()
    message = parked_message(world)
    replace(world.sluice, outbox=outbox).replay(message, who="an operator")
    ((message_id, body),) = outbox.resent
    assert body == BODY
    assert message_id.startswith("Replay/m1/")
    assert outbox.sent == [COMMAND]
    assert world.ledger.parked() == []
    assert not world.ledger.settle(message.queue, message.message_id, "again")


def test_replays_have_ids_of_their_own() -> None:
    """What was replayed and parked again can be replayed again; the ids stay within the broker's limit."""
    world, outbox = World(), Resends()
    sluice = replace(world.sluice, outbox=outbox)
    message = parked_message(world)
    for _ in range(8):
        sluice.replay(message, who="an operator")
        message = replace(message, message_id=outbox.resent[-1][0])
    ids = [message_id for message_id, _ in outbox.resent]
    assert len(set(ids)) == 8
    assert all(len(message_id) <= 128 for message_id in ids)


def test_replay_that_fails_leaves_it_on_the_list() -> None:
    world = World()
    message = parked_message(world)
    broken = replace(message, body=b"no command")
    with pytest.raises(Malformed):
        world.sluice.replay(broken, who="an operator")
    assert world.ledger.parked() == [message]


def test_replay_of_what_is_not_on_the_list_settles_nothing_else() -> None:
    world = World()
    message = parked_message(world)
    world.sluice.replay(replace(message, message_id="m2"), who="an operator")
    assert world.ledger.parked() == [message]


def test_parking_that_fails_is_raised_so_that_the_message_comes_again() -> None:
    """Completed without being parked, it would be gone."""

    class NoParking:
        def park(self, message: ParkedMessage) -> bool:
            raise Unreachable("the ledger")

    world = World()
    parking: Any = NoParking()
    with pytest.raises(Unreachable, match="the ledger"):
        deliver(replace(with_step(world, Failing(Refused("x"))), parking=parking))
    with pytest.raises(Unreachable, match="the ledger"):
        replace(world.sluice, parking=parking).dead_letter(Queue.ARRIVALS, "m1", b"", "", "")


def test_each_line_of_the_log_says_its_story_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """A whole story, from the event to gold, with all its webhooks and notifications, at the finest level."""
    caplog.set_level(logging.DEBUG)
    world = World()
    story = world.land()
    world.run()
    said = [record.getMessage() for record in caplog.records if record.name == "sluice"]
    assert len(said) > 8
    assert [line for line in said if not line.startswith(f"story {story}: ")] == [
        "story -: flight_delays@champion is version 1, as approved"
    ], "what the registry tells of our own doing has no story"
    whole = caplog.text
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert [secret for secret in (SECRET, PASSWORD, basic) if secret in whole] == []


def test_a_name_from_outside_begins_no_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = World()
    step = lambda _: Decision(summary="a.csv\nstory -: all is well\x1b[2J")  # noqa: E731 - a step of one line
    deliver(with_step(world, step), story="ab" * 8)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "sluice"]
    assert line == "story abababababababab: a.csv\\nstory -: all is well\\x1b[2J"
