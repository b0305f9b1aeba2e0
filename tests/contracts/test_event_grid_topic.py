"""The unmodified azure-eventgrid SDK publishes to the local topic; what each kind of failure is to the announcer."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from local.home import free_port
from local.topic import LARGEST, Topic
from shared.adapters.event_grid_topic import EventGridTopic, with_key
from shared.domain import facts as f
from shared.domain.announcing import event_of
from shared.domain.pages import NO_PAGES
from shared.errors import Refused, Unreachable

EVENT = event_of(f.VersionPromoted.example(), [], NO_PAGES)


@pytest.fixture
def topic(tmp_path: Path) -> Iterator[Topic]:
    made = Topic(0, "key", tmp_path / "topic.db")
    yield made
    made.stop()


def announcer(topic: Topic, key: str = "key") -> EventGridTopic:
    return EventGridTopic(partial(with_key, topic.endpoint, key))


def test_event_is_published_as_event_grid_has_it_and_a_repeat_is_told_by_its_id(topic: Topic) -> None:
    ours = announcer(topic)
    for event in (EVENT, EVENT, replace(EVENT, id="another")):
        ours.publish(event)
    first, second = topic.published()
    assert (first["id"], first["times"], second["id"], second["times"]) == (EVENT.id, 2, "another", 1)
    assert (first["eventType"], first["subject"]) == ("Sluice.VersionPromoted", "models/flight_delays/versions/1")
    assert (first["dataVersion"], first["data"]) == ("1", EVENT.data)


def test_topic_that_knows_another_key_may_know_ours_later(topic: Topic) -> None:
    with pytest.raises(Unreachable, match="401"):
        announcer(topic, "wrong").publish(EVENT)
    assert topic.published() == []


def test_topic_that_is_not_there_may_be_later() -> None:
    dead = EventGridTopic(partial(with_key, f"http://127.0.0.1:{free_port()}/api/events", "key"))
    with pytest.raises(Unreachable, match="does not answer"):
        dead.publish(EVENT)


def test_event_that_is_too_large_never_goes(topic: Topic) -> None:
    with pytest.raises(Refused, match="413"):
        announcer(topic).publish(replace(EVENT, data={"reason": "x" * LARGEST}))


def test_events_are_there_after_a_restart(tmp_path: Path) -> None:
    first = Topic(0, "key", tmp_path / "topic.db")
    announcer(first).publish(EVENT)
    first.stop()
    second = Topic(0, "key", tmp_path / "topic.db")
    try:
        assert [one["id"] for one in second.published()] == [EVENT.id]
    finally:
        second.stop()
