"""The whole chain, from event to gold: once, repeated, in any order, with a crash at every point, with every loss."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.prediction import place_of
from shared.domain.trace import traceparent
from tests.world import MODEL, SLOT, CrashAfter, World

KINDS = [
    "DataArrived",
    "BatchChecked",
    "DataCommitted",
    "TrainingStarted",
    "VersionRegistered",
    "VersionJudged",
    "VersionPromoted",
    "TrainingFinished",
    "ScoringPlanned",
    "PartStarted",
    "PartStarted",
    "PartScored",
    "PartScored",
    "ScoringFinished",
]


def finished() -> tuple[World, str, list[str]]:
    world = World()
    story = world.land()
    return world, story, world.run()


HAPPY, HAPPY_STORY, DELIVERED = finished()
HAPPY_KEYS = HAPPY.keys(HAPPY_STORY)


def assert_done_once(world: World, story: str) -> None:
    """Every fact of a good story and no other, and each effect once."""
    assert world.keys(story) == HAPPY_KEYS
    assert stories.is_settled(world.story(story))
    assert world.ledger.unsettled() == []
    assert Counter(run.job for run in world.jobs.runs) == {"sluice-train": 1, "sluice-score": 2}
    assert world.lake.versions("silver/flight_delays") == 1
    assert world.registry.versions(MODEL) == ["1"]
    assert world.registry.slot(MODEL, SLOT) == "1"
    assert [approval.version for approval in world.ledger.slots()] == ["1"]
    assert world.lake.rows("gold/flight_delays", "origin", "JFK").rows == 2
    assert world.ledger.parked() == []


def test_everything_follows_from_one_event() -> None:
    assert sorted(HAPPY.kinds(HAPPY_STORY)) == sorted(KINDS)
    assert_done_once(HAPPY, HAPPY_STORY)
    assert HAPPY.quality.checks == 1
    assert HAPPY.registry.pointed == [(MODEL, SLOT, "1")]
    done = HAPPY.last(HAPPY_STORY, f.ScoringFinished)
    assert (done.rows, done.gold) == (3, "gold/flight_delays")


def test_jobs_get_what_the_ml_package_expects() -> None:
    train, *parts = HAPPY.jobs.runs
    assert train.parameters == {
        "story": HAPPY_STORY,
        "generation": "1",
        "use_case": "flight_delays",
        "table": "memory://lake/silver/flight_delays",
        "delta_version": "1",
        "model": "flight_delays",
        "champion_version": "",
        "config": "/usecases/flight_delays",
        "traceparent": traceparent(HAPPY_STORY),
    }
    assert {part.parameters["part"] for part in parts} == {"EWR", "JFK"}
    plan = HAPPY.last(HAPPY_STORY, f.ScoringPlanned).plan
    assert parts[0].parameters == {
        "story": HAPPY_STORY,
        "use_case": "flight_delays",
        "plan": plan,
        "part": parts[0].parameters["part"],
        "partition_column": "origin",
        "files": "",
        "table": "memory://lake/silver/flight_delays",
        "delta_version": "1",
        "gold": "memory://lake/gold/flight_delays",
        "model": "flight_delays",
        "model_version": "1",
        "config": "/usecases/flight_delays",
        "traceparent": traceparent(HAPPY_STORY),
        "registry": "",
        "summary": f"memory://lake/{place_of('flight_delays', plan, parts[0].parameters['part'])}",
    }


def test_story_is_found_by_file_run_and_version() -> None:
    for subject in ("2013-01.csv", "flights/2013-01.csv", "landing/flights/2013-01.csv", "1001", "1003", f"{MODEL}@1"):
        assert HAPPY.ledger.find(subject) == [HAPPY_STORY], subject


def test_messages_carry_the_story() -> None:
    """The Service Bus correlation id is the story's; only what comes from outside cannot know it."""
    without = {command.kind for command in HAPPY.outbox.sent if command.story != HAPPY_STORY}
    assert without == {"FollowRun", "JudgeVersion", "EnforceSlot"}


def test_second_file_is_judged_against_the_first_champion() -> None:
    world, first, _ = finished()
    second = world.land("flights/2013-02.csv")
    world.run()
    promoted = world.last(second, f.VersionPromoted)
    assert (promoted.version, promoted.previous) == ("2", "1")
    assert world.last(second, f.TrainingStarted).champion_version == "1"
    assert world.registry.slot(MODEL, SLOT) == "2"
    assert world.ledger.unsettled() == []
    assert world.keys(first) == HAPPY_KEYS


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_repeats_in_any_order_change_nothing(data: st.DataObject) -> None:
    """Every message three times, each at any moment, runs ending at any moment: the same facts, each effect once."""
    world = World(copies=3)
    story = world.land()
    world.run(choose=lambda count: data.draw(st.integers(0, count - 1)))
    world.sweep_until_quiet()
    assert_done_once(world, story)


def calls_of_the_happy_path() -> int:
    fate = CrashAfter(-1)
    world = World(fate.proxy)
    world.land()
    world.run()
    return -1 - fate.left


@pytest.mark.parametrize("latest", [False, True], ids=["in-order", "newest-first"])
def test_crash_after_any_call(latest: bool) -> None:
    """The process dies after the nth call of any port, for every n; the message comes again: once, as without."""
    calls = calls_of_the_happy_path()
    assert calls > 60
    for nth in range(1, calls + 1):
        fate = CrashAfter(nth)
        world = World(fate.proxy)
        story = world.land()
        world.run(choose=(lambda count: count - 1) if latest else lambda _: 0)
        assert fate.crashed, nth
        world.sweep_until_quiet()
        assert world.keys(story) == HAPPY_KEYS, fate.crashed
        assert_done_once(world, story)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_several_crashes_and_repeats_in_any_order(data: st.DataObject) -> None:
    fate = CrashAfter(data.draw(st.integers(1, 40)))
    world = World(fate.proxy, copies=2)
    story = world.land()

    def choose(count: int) -> int:
        if fate.left < 0:  # it died: it will die again, later
            fate.left = data.draw(st.integers(1, 40))
        return data.draw(st.integers(0, count - 1))

    world.run(choose=choose)
    fate.left = -1
    world.sweep_until_quiet()
    assert_done_once(world, story)


@pytest.mark.parametrize("lost", DELIVERED[1:])
def test_sweep_finds_what_a_lost_message_would_have_done(lost: str) -> None:
    """Any one message after the arrival's event never comes."""
    world = World()
    story = world.land()
    assert lost in world.run(drop=lost)
    sweeps = world.sweep_until_quiet()
    assert_done_once(world, story)
    assert sweeps <= 2


def test_sweep_has_nothing_to_do_after_a_good_story() -> None:
    world, _, _ = finished()
    assert world.sweep_until_quiet() == 0


def test_sweep_lets_what_is_young_alone() -> None:
    world = World()
    world.land()
    world.deliver()
    world.sluice.sweep()
    assert [command.cause for command in world.outbox.sent] == [""]
