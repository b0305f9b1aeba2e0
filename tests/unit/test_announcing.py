"""Other systems hear of each decision and of what is wrong with data: after it stands, under one id, not in its way."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain import announcing, identity
from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.commands import AnnounceDecision, Queue
from shared.domain.drift import DriftSpec, Limits, Measure
from shared.domain.pages import NO_PAGES, Pages
from shared.domain.usecase import QuarantineKind, TrainingSpec
from shared.views.remedies import remedies
from shared.views.states import State, state_of
from shared.views.story import story_view
from tests.ports import MemoryAnnouncer
from tests.world import AFTER, BATCH, MODEL, SLOT, USE_CASE, CrashAfter, World


def ids(world: World) -> list[str]:
    assert world.announcer
    return [one.id for one in world.announcer.published]


def told(world: World) -> list[tuple[str, str]]:
    assert world.announcer
    return [(one.type, one.subject) for one in world.announcer.published]


def test_each_decision_is_published_once_when_it_stands() -> None:
    world = World(announcer=MemoryAnnouncer())
    story = world.land()
    world.run()
    world.rmse = 99.0
    worse = world.land("flights/2013-02.csv")
    world.run()
    by_hand = world.registry.register(MODEL, tags={}, metrics={})
    world.run()
    world.registry.point(MODEL, SLOT, by_hand)
    world.run()
    assert told(world) == [
        ("Sluice.VersionPromoted", "models/flight_delays/versions/1"),
        ("Sluice.VersionRejected", "models/flight_delays/versions/2"),
        ("Sluice.VersionRejected", "models/flight_delays/versions/3"),
        ("Sluice.PromotionReverted", "models/flight_delays/slots/champion"),
    ]
    assert len(set(ids(world))) == 4
    by_hand_story = identity.story_of_version(MODEL, by_hand)
    for each in (story, worse):
        assert stories.is_settled(world.story(each))
    assert world.sweep_until_quiet() == 0
    promoted, announced = world.last(story, f.VersionPromoted), world.last(story, f.DecisionAnnounced)
    assert (announced.about, announced.event_id) == (promoted.key, ids(world)[0])
    view = story_view(world.story(by_hand_story), waiting=[], now=world.clock.now())
    assert [one.kind for one in view.timeline][-2:] == ["PromotionReverted", "DecisionAnnounced"]
    assert view.last_sentence == view.timeline[-2].sentence, "what happened, and not that others heard of it"


def test_without_a_topic_nothing_is_due() -> None:
    world = World()
    story = world.land()
    world.run()
    assert "AnnouncementDue" not in world.kinds(story)
    assert [one.kind for one in world.outbox.sent if isinstance(one, AnnounceDecision)] == []


def test_dead_topic_holds_up_nothing_is_seen_and_heals_by_itself() -> None:
    """At three in the morning: promoted and scored; told to people; published when the topic is back, by the sweep."""
    announcer = MemoryAnnouncer()
    announcer.down = "Connection refused"
    world = World(announcer=announcer)
    story = world.land()
    world.run()
    assert world.registry.slot(MODEL, SLOT) == "1"
    assert world.last(story, f.ScoringFinished).rows == 3
    assert world.ledger.parked() == []
    assert state_of(world.story(story), []) is State.NEEDS_ATTENTION
    (remedy,) = remedies(world.story(story), [])
    assert (remedy.why, "Connection refused" in remedy.detail) == ("VersionPromoted is not announced yet", True)
    for _ in range(5):  # it is tried at every sweep, and nothing else is sent, and nothing piles up
        world.clock.advance(AFTER)
        before, facts = len(world.outbox.sent), len(world.story(story))
        world.sluice.sweep()
        world.collect()
        assert [one.kind for one in world.outbox.sent[before:]] == ["AnnounceDecision"]
        world.run()
        assert len(world.story(story)) == facts
    announcer.down = ""
    assert world.sweep_until_quiet() == 1
    assert told(world) == [("Sluice.VersionPromoted", "models/flight_delays/versions/1")]
    assert state_of(world.story(story), []) is State.DONE


def test_event_that_the_topic_refuses_is_parked_once() -> None:
    announcer = MemoryAnnouncer()
    announcer.down = "refuses"
    world = World(announcer=announcer)
    story = world.land()
    world.run()
    (parked,) = world.ledger.parked()
    assert (parked.reason, parked.correlation_id) == ("refused", story)
    assert world.sweep_until_quiet() == 0
    announcer.down = ""
    world.sluice.message(Queue(parked.queue), "again", parked.body, story)
    assert len(ids(world)) == 1


def test_topic_that_is_turned_off_leaves_nobody_waiting() -> None:
    announcer = MemoryAnnouncer()
    announcer.down = "gone"
    world = World(announcer=announcer)
    story = world.land()
    world.run()
    world.announcer = None
    world.wire(USE_CASE)
    assert world.sweep_until_quiet() == 1
    assert world.last(story, f.DecisionAnnounced).event_id == ""
    assert stories.is_settled(world.story(story))


def calls() -> int:
    fate = CrashAfter(-1)
    world = World(fate.proxy, announcer=MemoryAnnouncer())
    world.land()
    world.run()
    return -1 - fate.left


def test_crash_after_any_call_loses_no_event_and_a_repeat_has_the_same_id() -> None:
    expected = None
    for nth in range(1, calls() + 1):
        fate = CrashAfter(nth)
        world = World(fate.proxy, announcer=MemoryAnnouncer())
        story = world.land()
        world.run()
        world.sweep_until_quiet()
        assert set(told(world)) == {("Sluice.VersionPromoted", "models/flight_delays/versions/1")}, fate.crashed
        assert len(set(ids(world))) == 1, fate.crashed
        expected = expected or ids(world)[0]
        assert ids(world)[0] == expected
        assert stories.is_settled(world.story(story)), fate.crashed


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_in_any_order_and_twice(data: st.DataObject) -> None:
    world = World(copies=2, announcer=MemoryAnnouncer())
    story = world.land()
    world.run(choose=lambda count: data.draw(st.integers(0, count - 1)))
    world.sweep_until_quiet()
    assert len(ids(world)) == 1
    assert stories.is_settled(world.story(story))


def test_lost_wish_is_found_by_the_sweep() -> None:
    world = World(announcer=MemoryAnnouncer())
    story = world.land()
    key = f"VersionPromoted:{MODEL}:1"
    assert f"AnnounceDecision {story} {key}" in world.run(drop=f"AnnounceDecision {story} {key}")
    assert ids(world) == []
    assert world.sweep_until_quiet() == 1
    assert len(ids(world)) == 1


def test_event_says_what_was_decided_by_what_and_where_to_read_on() -> None:
    judged = f.VersionJudged.example()
    promoted = f.VersionPromoted.example()
    pages = Pages(mlflow="http://mlflow", ops="https://ops")
    event = announcing.event_of(promoted, [judged, promoted], pages)
    assert event.data == {
        "story": promoted.story,
        "at": promoted.at.isoformat(),
        "model": promoted.model,
        "version": promoted.version,
        "slot": promoted.slot,
        "previous": promoted.previous,
        "reason": promoted.reason,
        "verdict": judged.verdict,
        "champion_version": judged.champion_version,
        "policy": judged.policy,
        "evidence": judged.evidence,
        "links": {
            "story": f"https://ops/stories/{promoted.story}",
            "version": f"http://mlflow/#/models/{promoted.model}/versions/{promoted.version}",
        },
    }
    assert announcing.event_of(replace(promoted, at=judged.at), [], NO_PAGES).id == event.id
    asked = announcing.event_of(f.ApprovalRequested.example(), [], pages)
    assert isinstance(asked.data["asked"][0]["expires_at"], str)
    assert "/approvals/" in asked.data["links"]["approval"]


@pytest.mark.parametrize("kind", announcing.TOLD)
def test_every_kind_that_is_told_makes_an_event(kind: type[f.Fact]) -> None:
    event = announcing.event_of(kind.example(), [f.DataArrived.example()], NO_PAGES)
    assert event.subject.startswith(("models/flight_delays/", "use-cases/flight_delays"))
    assert not event.subject.endswith("/")
    assert json.dumps(event.data)


DRIFTING = DriftSpec(limits=Limits(at_most={Measure.ROWS: Decimal(50)}))
WATCHED = replace(
    USE_CASE,
    data=replace(
        USE_CASE.data,
        quarantine=QuarantineKind.ROWS,
        quarantine_at_most_percent=Decimal(50),
        every=timedelta(days=1),
    ),
    drift=DRIFTING,
)
TWO_OF_THREE, NONE_OF_TWO, MANY = (
    "origin,x\n" + rows for rows in ("JFK,1\nJFK,-2\nJFK,3\n", "JFK,-1\n" * 2, "JFK,1\n" * 9)
)


def told_of_data(world: World) -> list[tuple[str, str]]:
    return [one for one in told(world) if one[1].startswith("use-cases/")]


def test_what_is_wrong_with_data_is_published_once() -> None:
    world = World(use_case=WATCHED, announcer=MemoryAnnouncer())
    stories_of = {"good": world.land("flights/good.csv", BATCH)}
    world.run()
    assert told_of_data(world) == []
    for name, content in {"rows": TWO_OF_THREE, "whole": NONE_OF_TWO, "many": MANY}.items():
        stories_of[name] = world.land(f"flights/{name}.csv", content)
        world.run()
    assert told_of_data(world) == [
        ("Sluice.RowsQuarantined", "use-cases/flight_delays/files/landing/flights/rows.csv"),
        ("Sluice.DataQuarantined", "use-cases/flight_delays/files/landing/flights/whole.csv"),
        ("Sluice.DriftMeasured", "use-cases/flight_delays/files/landing/flights/many.csv"),
    ]
    assert f.DriftMeasured.__name__ in world.kinds(stories_of["rows"]), "within its limits: nobody is told"
    world.clock.advance(timedelta(days=1))
    world.sluice.sweep()  # records it, and the next one has it told
    world.sweep_until_quiet()
    world.land("flights/late.csv", MANY)
    world.run()
    world.sluice.sweep()
    world.sweep_until_quiet()
    whole = "use-cases/flight_delays"
    assert told_of_data(world)[3:] == [("Sluice.DataMissing", whole), ("Sluice.DataResumed", whole)]
    assert len(set(ids(world))) == len(ids(world))
    assert world.ledger.unsettled() == []
    assert world.announcer
    event = next(one for one in world.announcer.published if one.type == "Sluice.RowsQuarantined")
    kept = world.last(stories_of["rows"], f.RowsQuarantined)
    assert event.id == identity.event_id(stories_of["rows"], kept.key)
    assert (event.data["use_case"], event.data["file"]) == ("flight_delays", "landing/flights/rows.csv")
    assert (event.data["rows"], event.data["reasons"]) == (1, list(kept.reasons))


def test_dead_topic_keeps_no_batch_back_and_what_is_wrong_is_told_when_it_lives() -> None:
    announcer = MemoryAnnouncer()
    announcer.down = "Connection refused"
    world = World(use_case=WATCHED, announcer=announcer)
    story = world.land(content=TWO_OF_THREE)
    world.run()
    assert world.last(story, f.ScoringFinished).rows == 2
    world.clock.advance(timedelta(days=1))
    for _ in range(2):
        world.clock.advance(AFTER)
        world.sluice.sweep()
        world.collect()
        world.run()
    (silence,) = [one for one in world.ledger.unsettled() if one != story]
    assert world.kinds(silence) == ["AnnouncementDue", "DataMissing", "AnnouncementDelayed"]
    assert told(world) == []
    announcer.down = ""
    world.sweep_until_quiet()
    assert {kind for kind, _ in told_of_data(world)} == {"Sluice.RowsQuarantined", "Sluice.DataMissing"}
    assert len(ids(world)) == 3, "and the promotion"


@pytest.mark.parametrize("content", [TWO_OF_THREE, NONE_OF_TWO, MANY], ids=["rows", "whole", "drift"])
def test_crash_after_any_call_of_a_check_loses_no_event(content: str) -> None:
    untrained = replace(WATCHED, data=replace(WATCHED.data, every=None), training=TrainingSpec(job="", model=MODEL))

    def outcome(nth: int) -> tuple[set[str], int, str]:
        fate = CrashAfter(-1)
        world = World(fate.proxy, use_case=untrained)
        world.land("flights/before.csv")
        world.run()
        world.announcer = MemoryAnnouncer()
        fate.left = nth
        world.wire(untrained)
        world.land(content=content)
        world.run()
        world.sweep_until_quiet()
        assert world.ledger.unsettled() == [], fate.crashed
        return set(ids(world)), nth - fate.left, fate.crashed

    expected, calls_, _ = outcome(-1)
    assert expected
    for nth in range(1, calls_ + 1):
        found, _, crashed = outcome(nth)
        assert found == expected, crashed


def test_crash_of_a_sweep_loses_no_silence() -> None:
    def outcome(nth: int) -> tuple[set[str], int, str]:
        fate = CrashAfter(-1)
        world = World(fate.proxy, use_case=WATCHED, announcer=MemoryAnnouncer())
        world.land()
        world.run()
        world.clock.advance(timedelta(days=1))
        fate.left = nth
        for _ in range(2):
            world.sweep_until_quiet()
        missing = {one for one, (kind, _) in zip(ids(world), told(world), strict=True) if kind == "Sluice.DataMissing"}
        return missing, nth - fate.left, fate.crashed

    expected, calls_, _ = outcome(-1)
    assert len(expected) == 1
    for nth in range(1, calls_ + 1):
        found, _, crashed = outcome(nth)
        assert found == expected, crashed
