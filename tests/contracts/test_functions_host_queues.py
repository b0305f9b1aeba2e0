"""The Functions front as a queue sees it: the unmodified Service Bus SDK against the local broker."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue

from tests.contracts.functions_front import Broker, Front, eventually


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(scope="module")
def front(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with Front(tmp_path_factory.mktemp("front"), bus=broker.connection_string) as front:
        yield front


def message(body: str, **properties: object) -> ServiceBusMessage:
    return ServiceBusMessage(body, message_id=uuid.uuid4().hex, **properties)  # type: ignore[arg-type]  # names of the SDK's own


def gone(broker: Broker, queue: str) -> None:
    eventually(lambda: not broker.waiting(queue), what=f"queue {queue} is empty")


def test_a_message_arrives_with_its_facts_and_is_completed(broker: Broker, front: Front) -> None:
    sent = message(
        "hello",
        correlation_id="story-1",
        subject="greeting",
        content_type="text/plain",
        application_properties={"text": "a", "number": 1, "flag": True},
    )
    broker.send("work", sent)

    taken = front.await_record("work", message_id=sent.message_id)
    assert taken["body"] == "hello"
    assert (taken["correlation_id"], taken["subject"], taken["content_type"]) == ("story-1", "greeting", "text/plain")
    assert taken["properties"] == {"text": "a", "number": 1, "flag": True}
    assert taken["delivery_count"] == 1  # the host counts from 1
    assert taken["sequence_number"] >= 1
    assert taken["locked_until"] is None  # never sent
    assert taken["enqueued_has_zone"] is False  # UTC without saying so
    gone(broker, "work")
    eventually(lambda: "work succeeded in" in front.log, what="the log line")


def test_a_failing_message_comes_at_once_again_until_the_broker_dead_letters_it(broker: Broker, front: Front) -> None:
    sent = message("fail", application_properties={"keep": "me"})
    broker.send("work", sent)

    buried = front.await_record("bury", message_id=sent.message_id)
    assert [each["delivery_count"] for each in front.records("work", message_id=sent.message_id)] == [1, 2, 3]
    assert buried["body"] == "fail"
    assert buried["properties"]["keep"] == "me"
    assert buried["properties"]["DeadLetterReason"] == "MaxDeliveryCountExceeded"
    assert broker.waiting("work") == []
    eventually(lambda: not broker.waiting("work", ServiceBusSubQueue.DEAD_LETTER), what="the dead letter is completed")


def test_a_string_body_replaces_the_metadata_of_the_same_name(broker: Broker, front: Front) -> None:
    body = json.dumps(
        {"messageId": "from the body", "SUBJECT": "also", "correlationId": None, "label": ["no"], "a": {}}
    )
    sent = message(body, correlation_id="kept", subject="replaced")
    broker.send("texts", sent)

    taken = front.await_record("text", body=body)
    assert (taken["message_id"], taken["metadata_id"]) == ("from the body", "from the body")
    assert (taken["subject"], taken["correlation_id"]) == ("also", "kept")
    assert taken["delivery_count"] == 1


def test_a_string_body_can_make_every_delivery_fail(broker: Broker, front: Front) -> None:
    sent = message('{"deliveryCount": "abc"}')
    broker.send("texts", sent)

    def dead_lettered() -> bool:
        return sent.message_id in broker.waiting("texts", ServiceBusSubQueue.DEAD_LETTER)

    eventually(dead_lettered, what="the message is dead-lettered")
    assert not front.records("text", body='{"deliveryCount": "abc"}')


def test_a_binary_body_replaces_nothing(broker: Broker, front: Front) -> None:
    sent = message('{"messageId": "from the body", "deliveryCount": "abc"}')
    broker.send("work", sent)

    assert front.await_record("work", message_id=sent.message_id)["delivery_count"] == 1


def test_a_returned_value_is_sent_on(broker: Broker, front: Front) -> None:
    broker.send("forwarded", message("pass this on"))

    assert front.await_record("text", body="pass this on")["content_type"] == "text/plain"
    gone(broker, "forwarded")


def test_an_output_that_is_a_json_array_becomes_one_message_per_element(front: Front) -> None:
    assert front.http.post("/api/orders", content='["first order", {"second": 2}]').status_code == 202

    front.await_record("work", body="first order")
    front.await_record("work", body='{\n  "second": 2\n}')  # the host writes objects again, indented


def test_a_function_longer_than_its_lock_keeps_the_lock(broker: Broker, front: Front) -> None:
    sent = message("hold:5.5")  # the lock is for five seconds
    broker.send("work", sent)

    front.await_record("held", message_id=sent.message_id)
    gone(broker, "work")
    assert [each["delivery_count"] for each in front.records("work", message_id=sent.message_id)] == [1]


def test_a_function_works_on_as_many_messages_as_host_json_says(broker: Broker, front: Front) -> None:
    sent = [message("hold:1") for _ in range(4)]
    broker.send("work", *sent)

    mine = {each.message_id for each in sent}

    def held() -> list[str]:
        return [each["message_id"] for each in front.records("held") if each["message_id"] in mine]

    eventually(lambda: len(held()) == 4, what="all four are done")
    lines = [json.loads(line) for line in (front.home / "record.jsonl").read_text().splitlines()]
    order = [each["function"] for each in lines if each.get("message_id") in mine]
    assert order[:4] == ["work", "work", "work", "held"]  # maxConcurrentCalls is 3


def test_a_missing_queue_is_said_once_and_holds_nothing_else_up(tmp_path: Path) -> None:
    values = {"WORK_QUEUE": "nowhere"}
    with Broker(tmp_path) as broker, Front(tmp_path / "home", bus=broker.connection_string, values=values) as front:
        eventually(lambda: "queue nowhere: the broker has no such queue" in front.log, what="the warning")
        body = uuid.uuid4().hex
        broker.send("forwarded", message(body))
        front.await_record("text", body=body)
        assert front.log.count("queue nowhere: ") == 1


def test_the_front_comes_back_when_the_broker_does(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker, Front(tmp_path / "home", bus=broker.connection_string) as front:
        before = message("before")
        broker.send("work", before)
        front.await_record("work", message_id=before.message_id)
        broker.kill()
        eventually(lambda: "trying again" in front.log, what="the loss in the log")
        with Broker(tmp_path, port=broker.port) as restarted:
            after = message("after")
            restarted.send("work", after)
            front.await_record("work", message_id=after.message_id)
            gone(restarted, "work")
            eventually(lambda: "connected" in front.log, what="the return in the log")
        assert front.log.count(": connected") == 1


def test_at_the_end_a_running_message_is_finished_and_the_rest_is_left(broker: Broker, tmp_path: Path) -> None:
    first, second = message("hold:1"), message("later")
    with Front(tmp_path, "--slots", "1", bus=broker.connection_string, values={"WORK_QUEUE": "work-2"}) as front:
        broker.send("work-2", first)
        front.await_record("work", message_id=first.message_id)
        broker.send("work-2", second)
        assert front.stop() == 0
        assert front.records("held", message_id=first.message_id)
        assert not front.records("work", message_id=second.message_id)
    assert broker.waiting("work-2") == [second.message_id]


def test_a_message_whose_function_does_not_end_is_released(broker: Broker, tmp_path: Path) -> None:
    endless = message("hold:60")
    values = {"WORK_QUEUE": "long-lock"}
    with Front(tmp_path / "1", "--grace", "0.5", bus=broker.connection_string, values=values) as front:
        broker.send("long-lock", endless)
        front.await_record("work", message_id=endless.message_id)
        front.terminate()
        assert front.ended(within=10) == 0
    with Front(tmp_path / "2", "--grace", "0.5", bus=broker.connection_string, values=values) as front:
        again = front.await_record("work", message_id=endless.message_id)  # long before the lock would have run out
        assert again["delivery_count"] == 2
