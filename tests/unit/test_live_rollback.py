"""Bad live metrics put the version before back: once, by what was measured in production, whatever crashes or comes
late.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.memory import MemoryLedger
from shared.adapters.sqlite import SqliteLedger
from shared.domain import facts as f
from shared.domain import identity
from shared.domain.commands import EnforceSlot, RollBack
from shared.domain.live_metrics import LiveMetric, LiveThen
from shared.domain.slots import RollbackAsked
from shared.domain.usecase import UseCase, UseCases
from shared.ports import Approval
from shared.steps.live_metrics import LiveMetrics
from shared.steps.roll_back import history
from shared.views.finding import find_stories
from shared.views.live_metrics import live_document, live_text, live_view
from shared.views.remedies import remedies
from shared.views.sentences import sentence
from shared.views.slots import slot_histories
from shared.views.states import State, state_of
from shared.views.terminal import Terminal
from tests.ports import CrashError, FakeClock, MemoryAnnouncer
from tests.unit.test_drift import rows
from tests.unit.test_live_metrics import BAD, GOOD, LIVE, begun, lands, measured, policy, reports, trained
from tests.world import MODEL, SLOT, CrashAfter, World

BACK = policy(live=replace(LIVE, then=LiveThen.ROLLBACK))
BOTH = policy(live=replace(LIVE, then=LiveThen.BOTH))
REASON = "3 of the last 3 values of rmse are not at most 20: 21, 21, 21 (too many are 3 of 5)"


def champions(count: int, use_case: UseCase = BACK, **options: Any) -> World:
    """So many versions came into production, one after the other."""
    world = World(use_case=use_case, **options)
    for number in range(1, count + 1):
        lands(world, str(number), rows(*range(number + 1)))
    assert world.registry.slot(MODEL, SLOT) == str(count)
    return world


def told_of[Kind: f.Fact](world: World, kind: type[Kind]) -> list[Kind]:
    """The facts of that kind, oldest first."""
    heads = reversed(world.ledger.recent(100))
    return [one for head in heads for one in world.story(head.story) if isinstance(one, kind)]


def is_in_production(world: World, version: str) -> bool:
    approval = world.ledger.approved(MODEL, SLOT)
    return approval is not None and approval.version == version == world.registry.slot(MODEL, SLOT)


def test_bad_metrics_put_the_version_before_back_and_score_with_it() -> None:
    world = champions(2)
    reports(world, GOOD, BAD, BAD, version="2")
    assert told_of(world, f.RollbackRequested) == []
    reports(world, BAD, version="2")
    assert is_in_production(world, "1")
    (asked,) = told_of(world, f.RollbackRequested)
    assert (asked.version, asked.target, asked.values) == ("2", "1", (BAD, BAD, BAD, GOOD))
    assert world.kinds(asked.story)[:3] == ["RollbackRequested", "VersionRolledBack", "ScoringPlanned"]
    back = world.last(asked.story, f.VersionRolledBack)
    assert (back.previous, back.version, back.who) == ("2", "1", "live-metrics")
    assert back.reason == ("3 of the last 4 values of rmse are not at most 20: 21, 21, 21, 19 (too many are 3 of 5)")
    assert world.last(asked.story, f.ScoringPlanned).delta_version == 2
    assert "ScoringFinished" in world.kinds(asked.story)
    assert world.registry.models[MODEL]["2"].tags["sluice.decision"] == f"rolled back by live-metrics: {back.reason}"
    assert state_of(world.story(asked.story), []) is State.DONE
    assert begun(world) == [], "nothing is trained"
    assert world.sweep_until_quiet() == 0
    assert world.ledger.unsettled() == []


def test_it_is_told_where_people_look() -> None:
    world = champions(2)
    reports(world, *[BAD] * 3, version="2")
    (asked,) = told_of(world, f.RollbackRequested)
    assert sentence(asked) == (f"flight_delays version 2 is bad in production, {REASON}; version 1 is to be put back")
    assert sentence(replace(asked, target="")).endswith("; something is to be put back")
    assert asked.story in find_stories(world.ledger, f"{MODEL}@2", world.ledger)
    assert asked.story in find_stories(world.ledger, f"{MODEL}@1", world.ledger)
    (histories,) = slot_histories(world.ledger, world.ledger, at=world.clock.now())
    assert (histories.moves[-1].who, histories.moves[-1].why) == ("live-metrics", REASON)


def test_metrics_show_what_counts() -> None:
    world = champions(1)
    reports(world, *[BAD] * 3, version="1")
    first = live_view(world.ledger, world.ledger, BACK)
    assert (first.is_bad, len(first.stories)) == (True, 1)
    assert live_document(first)["then"] == "rollback"
    assert "3 of the last 5 beyond that put the version before back" in live_text(first, Terminal(width=200))
    lands(world, "2", rows(1, 2))
    world.sluice.rollback(RollbackAsked(model=MODEL, version="", who="ada", why="fine"))
    world.collect()
    world.run()
    again = live_view(world.ledger, world.ledger, BACK)
    assert (again.version, again.values) == ("1", ()), "they are of the time before"


def test_what_was_measured_before_the_version_was_there_does_not_count_however_late_it_comes() -> None:
    world = champions(1)
    early = measured(world, *[BAD] * 5, version="2")
    lands(world, "2", rows(1, 2))
    world.sluice.report(early)
    reports(world, BAD, BAD, version="2")
    assert told_of(world, f.RollbackRequested) == []
    reports(world, BAD, version="2")
    assert is_in_production(world, "1")


def test_what_came_before_the_version_was_there_does_not_count_though_it_says_a_later_time() -> None:
    world = champions(2)
    reports(world, *[BAD] * 3, version="2")
    ahead = [
        replace(one, at=world.clock.now() + timedelta(seconds=30)) for one in measured(world, *[BAD] * 3, version="2")
    ]
    world.sluice.report(ahead)
    world.sluice.rollback(RollbackAsked(model=MODEL, version="2", who="ada", why="it is not so bad"))
    world.collect()
    world.run()
    assert is_in_production(world, "2")
    world.sweep_until_quiet()
    assert len(told_of(world, f.RollbackRequested)) == 1


def test_values_that_come_late_again_or_in_another_order_roll_nothing_back_twice() -> None:
    world = champions(3)
    values = measured(world, *[BAD] * 9, version="3")
    for one in [*reversed(values[:4]), *values, *values]:
        world.sluice.report([one])
    world.collect()
    world.run()
    for one in [*reversed(values), *measured(world, *[BAD] * 5, version="3")]:
        world.sluice.report([one])
        world.collect()
        world.run()
    assert is_in_production(world, "2")
    assert [one.version for one in told_of(world, f.VersionRolledBack)] == ["2"]
    assert world.sweep_until_quiet() == 0


def test_message_that_comes_late_or_again_changes_nothing() -> None:
    world = champions(2)
    reports(world, *[BAD] * 3, version="2")
    (command,) = {one for one in world.outbox.sent if isinstance(one, RollBack)}
    lands(world, "3", rows(1, 2, 3))
    assert is_in_production(world, "3")
    for _ in range(3):
        world.hand_over(command)
        world.hand_over(replace(command, cause="sweep"))
    world.collect()
    world.run()
    assert is_in_production(world, "3")
    assert len(told_of(world, f.VersionRolledBack)) == 1
    assert world.ledger.parked() == []


def test_version_that_left_production_before_the_message_came_is_left_alone() -> None:
    world = champions(2)
    world.sluice.report(measured(world, *[BAD] * 3, version="2"))
    world.collect()
    late, world.pending = world.pending, []
    lands(world, "3", rows(1, 2, 3))
    world.pending += late
    world.run()
    assert is_in_production(world, "3")
    (over,) = told_of(world, f.RollbackOvertaken)
    assert (over.version, over.approved) == ("2", "3")
    assert sentence(over) == ("version 3 of flight_delays is in production by now, not version 2, which was bad")
    assert (world.ledger.parked(), remedies(world.story(over.story), [])) == ([], ())
    assert world.sweep_until_quiet() == 0
    assert world.ledger.unsettled() == []


def test_version_that_was_put_back_is_judged_by_its_own_values_and_never_the_first() -> None:
    world = champions(3)
    reports(world, *[BAD] * 5, version="2")  # it is not there
    reports(world, *[BAD] * 3, version="3")
    assert is_in_production(world, "2")
    assert world.sweep_until_quiet() == 0
    reports(world, BAD, BAD, version="2")
    assert is_in_production(world, "2")
    reports(world, BAD, version="2")
    assert is_in_production(world, "1")
    reports(world, *[BAD] * 9, version="1")
    assert is_in_production(world, "1")
    (withheld,) = told_of(world, f.RollbackWithheld)
    assert (withheld.version, withheld.reason) == ("1", "version 1 was the first in production")
    assert sentence(withheld) == (
        "champion of flight_delays stays at version 1, bad as it is: version 1 was the first in production"
    )
    (remedy,) = remedies(world.story(withheld.story), [])
    assert remedy.why == "version 1 of flight_delays is bad in production, and nothing was put back"
    assert state_of(world.story(withheld.story), []) is State.NEEDS_ATTENTION
    assert world.sweep_until_quiet() == 0
    assert world.ledger.unsettled() == [withheld.story]


def test_nobody_has_to_look_any_more_once_another_version_is_there() -> None:
    world = champions(1)
    reports(world, *[BAD] * 3, version="1")
    (withheld,) = told_of(world, f.RollbackWithheld)
    lands(world, "2", rows(1, 2))
    assert is_in_production(world, "2")
    world.sweep_until_quiet()
    assert world.last(withheld.story, f.RollbackOvertaken).approved == "2"
    assert (remedies(world.story(withheld.story), []), world.ledger.unsettled()) == ((), [])


def test_version_that_a_person_put_back_is_not_taken_away_again() -> None:
    world = champions(2)
    reports(world, *[BAD] * 3, version="2")
    world.sluice.rollback(RollbackAsked(model=MODEL, version="2", who="ada", why="what measured it was broken"))
    world.collect()
    world.run()
    assert is_in_production(world, "2")
    reports(world, *[BAD] * 4, version="2")
    assert is_in_production(world, "2")
    (withheld,) = told_of(world, f.RollbackWithheld)
    assert withheld.reason == "version 2 was taken out for its live metrics before, and somebody put it back"
    assert world.sweep_until_quiet() == 0


def test_version_that_cannot_be_loaded_is_not_put_back() -> None:
    world = champions(2)
    world.registry.broken.add("1")
    reports(world, *[BAD] * 4, version="2")
    assert is_in_production(world, "2")
    (withheld,) = told_of(world, f.RollbackWithheld)
    assert withheld.reason == "it cannot go back to version 1: version 1 lacks model.pkl"
    assert world.ledger.parked() == []
    assert world.sweep_until_quiet() == 0


def test_slot_on_its_way_back_is_not_held_for_one_that_somebody_moved() -> None:
    world = champions(2)
    world.sluice.report(measured(world, *[BAD] * 3, version="2"))
    (command,) = [one for one in world.outbox.sent if isinstance(one, RollBack)]
    approval = world.ledger.approved(MODEL, SLOT)
    assert approval is not None
    back = Approval(model=MODEL, slot=SLOT, version="1", story=command.story, at=world.clock.now())
    world.ledger.approve(back, replaces=approval)  # it died here
    world.hand_over(EnforceSlot(model=MODEL, slot=SLOT))
    assert world.registry.slot(MODEL, SLOT) == "2"
    assert [one for one in history(world.ledger, MODEL, SLOT) if isinstance(one, f.PromotionReverted)] == []
    world.sweep_until_quiet()
    assert is_in_production(world, "1")


def test_promotion_under_way_is_waited_for() -> None:
    """Only its record says what was there before."""
    ledger, clock = MemoryLedger(), FakeClock()
    judged = replace(f.VersionJudged.example(), version="2")
    ledger.record([replace(f.VersionRegistered.example(), version="2"), judged])
    ledger.approve(Approval(model=MODEL, slot=SLOT, version="2", story=judged.story, at=clock.now()), replaces=None)
    live = LiveMetrics(use_cases=UseCases.of(BACK), ledger=ledger, approvals=ledger, journals=ledger, clock=clock)
    values = [replace(LiveMetric.example(), version="2", value=BAD, at=clock.now()) for _ in range(3)]
    assert live.report(values).send == ()
    ledger.record([replace(f.VersionPromoted.example(), version="2", previous="1")])
    (command,) = live.look(BACK)
    assert isinstance(command, RollBack)
    assert (command.previous, command.version) == ("2", "1")


# And a training


def test_both_puts_the_version_before_back_and_then_trains_against_it() -> None:
    world = champions(2, BOTH)
    world.rmse = 99.0
    lands(world, "3", rows(1, 2, 3))
    world.rmse, world.champion_rmse = 15.0, 16.0
    reports(world, *[BAD] * 3, version="2")
    assert is_in_production(world, "1")
    (story,) = begun(world)
    assert world.kinds(story) == ["LiveMetricsBad"], "it waits until the slot is back"
    world.sweep_until_quiet()
    assert world.last(story, f.TrainingStarted).champion_version == "1"
    assert trained(world)[-1] == (story, "3")
    assert is_in_production(world, "4")
    assert world.sweep_until_quiet() == 0
    assert world.ledger.unsettled() == []


def test_data_that_made_the_bad_version_is_not_trained_on_again() -> None:
    """It would make it again, and again."""
    world = champions(2, BOTH)
    reports(world, *[BAD] * 3, version="2")
    world.sweep_until_quiet()
    (story,) = begun(world)
    assert world.last(story, f.TrainingSkipped).reason == "same-data"
    assert is_in_production(world, "1")


def test_both_trains_at_once_where_nothing_can_be_put_back() -> None:
    world = champions(1, BOTH)
    world.rmse = 99.0
    reports(world, *[BAD] * 4)
    assert len(told_of(world, f.RollbackWithheld)) == 1
    assert trained(world)[1:] == [(begun(world)[0], "1")]


def test_use_case_that_trains_nothing_rolls_back_too() -> None:
    world = champions(2)
    world.wire(replace(BACK, training=replace(BACK.training, job="")))
    reports(world, *[BAD] * 3, version="2")
    assert is_in_production(world, "1")


# Other systems, crashes and races


def test_other_systems_hear_of_it() -> None:
    world = champions(2, announcer=MemoryAnnouncer())
    reports(world, *[BAD] * 3, version="2")
    reports(world, *[BAD] * 3, version="1")
    assert world.announcer is not None
    assert [(one.type, one.data["version"]) for one in world.announcer.published[2:]] == [
        ("Sluice.VersionRolledBack", "1"),
        ("Sluice.RollbackWithheld", "1"),
    ]
    assert world.announcer.published[2].data["who"] == "live-metrics"


@pytest.mark.parametrize("calls", range(1, 90))
def test_killed_after_any_call_it_is_rolled_back_once(calls: int) -> None:
    """Wherever it dies between the value that was one too many and the last part in gold."""
    fate = CrashAfter(0)
    world = champions(2, BACK, announcer=MemoryAnnouncer())
    reports(world, BAD, BAD, version="2")
    world._proxy = fate.proxy
    world.wire(BACK)
    fate.left = calls
    (last,) = measured(world, BAD, version="2")
    for _ in range(2):  # who reports tries again
        with suppress(CrashError):
            world.sluice.report([last])
        world.collect()
        world.run()
    world.sweep_until_quiet()
    assert fate.crashed or fate.left > 0
    assert is_in_production(world, "1")
    assert [one.previous for one in told_of(world, f.VersionRolledBack)] == ["2"]
    assert [one for one in history(world.ledger, MODEL, SLOT) if isinstance(one, f.PromotionReverted)] == []
    assert world.announcer is not None
    assert len({one.id for one in world.announcer.published}) == 3
    assert (world.ledger.unsettled(), world.ledger.parked()) == ([], [])


@pytest.mark.parametrize("calls", range(1, 25))
def test_killed_after_any_call_it_is_known_that_nothing_was_put_back(calls: int) -> None:
    fate = CrashAfter(0)
    world = champions(1, BACK, announcer=MemoryAnnouncer())
    reports(world, BAD, BAD)
    world._proxy = fate.proxy
    world.wire(BACK)
    fate.left = calls
    (last,) = measured(world, BAD)
    for _ in range(2):
        with suppress(CrashError):
            world.sluice.report([last])
        world.collect()
        world.run()
    world.sweep_until_quiet()
    (withheld,) = told_of(world, f.RollbackWithheld)
    assert world.ledger.unsettled() == [withheld.story]
    assert world.announcer is not None
    assert len({one.id for one in world.announcer.published}) == 2


def test_everything_twice_is_once() -> None:
    world = champions(2, BACK, copies=2)
    reports(world, *[BAD] * 3, version="2")
    assert is_in_production(world, "1")
    assert len(told_of(world, f.VersionRolledBack)) == 1
    assert world.ledger.parked() == []


def test_lost_message_is_found_by_the_sweep() -> None:
    world = champions(2)
    world.sluice.report(measured(world, *[BAD] * 3, version="2"))
    world.outbox.sent.pop()
    world.wire(policy())  # nothing but the story itself asks for it
    world.sweep_until_quiet()
    assert is_in_production(world, "1")


def test_person_and_live_metrics_at_once_roll_back_once() -> None:
    world = champions(3)
    world.sluice.rollback(RollbackAsked(model=MODEL, version="", who="ada", why="nonsense"))
    world.sluice.report(measured(world, *[BAD] * 3, version="3"))
    world.collect()
    world.run()
    assert is_in_production(world, "2")
    assert [one.who for one in told_of(world, f.VersionRolledBack)] == ["ada"]
    assert [one.approved for one in told_of(world, f.RollbackOvertaken)] == ["2"]
    assert world.ledger.parked() == []


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_of_many_who_report_at_once_one_rollback_follows(kind: str, tmp_path: Path) -> None:
    ledger = MemoryLedger() if kind == "memory" else SqliteLedger(tmp_path / "ledger.db")
    clock, start = FakeClock(), threading.Barrier(8)
    told = replace(f.VersionPromoted.example(), version="2", previous="1")
    ledger.record([replace(f.VersionRegistered.example(), version="2"), told])
    approved = ledger.approve(
        Approval(model=MODEL, slot=SLOT, version="2", story=told.story, at=clock.now()), replaces=None
    )
    live = LiveMetrics(use_cases=UseCases.of(BACK), ledger=ledger, approvals=ledger, journals=ledger, clock=clock)
    one = replace(LiveMetric.example(), version="2", value=BAD)

    def report(number: int) -> set[str]:
        at = approved.at + timedelta(microseconds=number)
        start.wait(60)
        return {each.message_id for each in live.report([replace(one, at=at)]).send}

    with ThreadPoolExecutor(8) as pool:
        asked = set().union(*pool.map(report, range(8)))
    story = identity.story_of_live_rollback(MODEL, SLOT, approved.etag)
    assert asked == {f"RollBack/{story}/1"}  # which the broker takes once
    assert [each.kind for each in ledger.story(story)] == ["RollbackRequested"]
