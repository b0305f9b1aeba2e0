"""A person asks for a training of what is in silver: once for each asking, within the policy, and judged as any."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.memory import MemoryLedger
from shared.adapters.sqlite import SqliteLedger
from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.policy import Condition, Policy, Rule
from shared.domain.profile import versions_of
from shared.domain.retrain import When
from shared.domain.usecase import TrainingSpec, UseCases
from shared.domain.verdicts import RunResult
from shared.errors import Refused, UnknownUseCase
from shared.notes import Entry
from shared.steps.ask_training import AskTraining
from shared.views.remedies import remedies
from shared.views.sentences import sentence
from shared.views.states import State, state_of
from tests.ports import CrashError, FakeClock
from tests.unit.test_drift import rows, watching
from tests.unit.test_live_metrics import BAD, begun, in_production, measured
from tests.unit.test_live_metrics import policy as live_policy
from tests.unit.test_retrain import policy
from tests.world import USE_CASE, CrashAfter, World

NAME, TABLE = USE_CASE.name, USE_CASE.data.table


def lands(world: World, name: str, *, fails: bool = False) -> str:
    story = world.land(f"flights/{name}.csv", rows(1, 2, 3, 4))
    ends(world, fails=fails)
    return story


def asks(world: World, *, fails: bool = False, **options: Any) -> str:
    """It is asked for, and what follows goes all the way; its story."""
    story = world.sluice.train(NAME, who="ada", why="features.py was mended", **options).requested.story
    world.collect()
    ends(world, fails=fails)
    return story


def ends(world: World, *, fails: bool) -> None:
    """A training that was lost would run again; one that failed does not."""
    world.run(runs_end=False)
    if fails:
        world.end_runs(RunResult.FAILED, "it broke")
    world.run()


def trained(world: World) -> list[tuple[str, str]]:
    """Each training: its story, and on which version."""
    runs = [run.parameters for run in world.jobs.runs if run.job == "sluice-train"]
    return [(one["story"], one["delta_version"]) for one in runs]


def test_after_a_failed_run_what_is_in_silver_is_trained_on_and_goes_all_the_way() -> None:
    world = World()
    data = lands(world, "1", fails=True)
    (remedy,) = remedies(world.story(data), [])
    assert remedy.advice == (
        "read what run 1001 wrote, mend its cause, then train again on what is in silver: landed again, its rows would"
        " be there twice"
    )
    assert remedy.command == ("train", "run", NAME, "--because", "TEXT")

    story = asks(world)
    assert story == identity.story_of_training(NAME, TABLE, 1, 1)
    assert trained(world) == [(data, "1"), (story, "1")]
    assert world.kinds(story)[:4] == ["TrainingRequested", "TrainingStarted", "VersionRegistered", "VersionJudged"]
    assert "ScoringFinished" in world.kinds(story)
    assert world.last(story, f.ScoringPlanned).delta_version == 1
    assert stories.use_case_of(world.story(story)) == NAME
    assert world.ledger.find(f"{NAME}/training") == [story]
    assert state_of(world.story(story), []) is State.DONE
    assert sentence(world.last(story, f.TrainingRequested)) == (
        f"ada asked for a training on version 1 of silver/flight_delays, where that of {data} failed:"
        " features.py was mended"
    )

    assert remedies(world.story(data), []) == ()
    assert stories.needs_attention(world.story(data)) == ""
    assert state_of(world.story(data), []) is State.DONE
    assert sentence(world.last(data, f.TrainingRepeated)) == (
        f"what failed is trained on again in story {story}, as ada asked: features.py was mended"
    )
    assert world.sweep_until_quiet() == 0
    assert world.ledger.unsettled() == []


def test_newest_version_is_trained_on_which_has_the_rows_of_all_that_failed_before() -> None:
    world = World()
    failed = [lands(world, str(number), fails=True) for number in range(3)]
    story = asks(world)
    assert trained(world)[-1] == (story, "3")
    assert set(world.last(story, f.TrainingRequested).repeats) == set(failed)
    assert [state_of(world.story(one), []) for one in failed] == [State.DONE] * 3


def test_one_that_failed_again_needs_a_person_again_and_is_asked_for_again() -> None:
    world = World()
    data = lands(world, "1", fails=True)
    first = asks(world, fails=True)
    assert [len(remedies(world.story(one), [])) for one in (data, first)] == [0, 1]
    second = asks(world)
    assert world.last(second, f.TrainingRequested).repeats == (first,)
    assert second == identity.story_of_training(NAME, TABLE, 1, 2)
    assert [len(remedies(world.story(one), [])) for one in (data, first, second)] == [0, 0, 0]


def test_of_the_same_data_one_is_asked_for_at_a_time_however_often() -> None:
    world = World()
    lands(world, "1")
    found = world.sluice.train(NAME, who="ada", why="new features")
    again = world.sluice.train(NAME, who="bob", why="me too")
    assert (found.is_new, again.is_new, again.requested) == (True, False, found.requested)
    world.collect()
    world.run(runs_end=False)
    assert world.sluice.train(NAME, who="bob", why="still").is_new is False
    (command,) = [one for one in world.outbox.sent if one.story == found.requested.story]
    for _ in range(3):
        world.hand_over(command)
    world.run()
    assert len(trained(world)) == 2
    world.hand_over(command)  # late
    world.collect()
    world.run()
    assert len(trained(world)) == 2
    assert asks(world) != found.requested.story  # after its end it is another


def test_what_was_asked_and_not_sent_is_carried_on_by_the_sweep() -> None:
    world = World()
    lands(world, "1")
    story = world.sluice.train(NAME, who="ada", why="new features").requested.story
    world.outbox.sent.pop()
    assert world.ledger.unsettled() == [story]
    world.sweep_until_quiet()
    assert trained(world)[-1] == (story, "1")
    assert world.ledger.unsettled() == []


@pytest.mark.parametrize("calls", range(1, 40, 2))
def test_killed_after_any_call_one_training_follows_where_it_is_asked_again(calls: int) -> None:
    world = World(use_case=policy(per_day=2))
    data = lands(world, "1", fails=True)
    fate = CrashAfter(calls)
    world._proxy = fate.proxy
    world.wire(policy(per_day=2))
    for _ in range(2):
        try:
            world.sluice.train(NAME, who="ada", why="mended")
            break
        except CrashError:
            pass
    world.collect()
    world.run()
    world.sweep_until_quiet()
    story = identity.story_of_training(NAME, TABLE, 1, 1)
    assert trained(world) == [(data, "1"), (story, "1")]
    assert world.kinds(data).count("TrainingRepeated") == 1
    assert world.ledger.unsettled() == []


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_of_many_who_ask_at_once_the_first_counts_for_all(kind: str, tmp_path: Path) -> None:
    ledger = MemoryLedger() if kind == "memory" else SqliteLedger(tmp_path / "ledger.db")
    data, start = f.DataCommitted.example(), threading.Barrier(8)
    ledger.record([data, f.TrainingStarted.example(), f.TrainingFinished.example()])
    ledger.note(Entry(scope=versions_of(TABLE), number=1, story=data.story, at=data.at, text="1"))
    asking = AskTraining(
        use_cases=UseCases.of(USE_CASE), ledger=ledger, approvals=ledger, journals=ledger, clock=FakeClock()
    )

    def ask(number: int) -> tuple[bool, str, str]:
        start.wait(60)
        found = asking.record(asking.of_use_case(NAME, who=f"user {number}", why="x"))
        return found.is_new, found.requested.who, found.command.message_id

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(ask, range(8)))
    assert sum(is_new for is_new, *_ in said) == 1
    assert len({(who, command) for _, who, command in said}) == 1


# The policy


def test_cool_down_holds_unless_it_is_said_that_it_does_not() -> None:
    world = World(use_case=policy(cool_down=timedelta(hours=6)))
    lands(world, "1", fails=True)
    with pytest.raises(Refused, match=r"not trained now, cool-down: \w+ began .*; or ask with --past-cool-down"):
        asks(world)
    assert world.ledger.find(f"{NAME}/training") == []
    story = asks(world, past_cool_down=True)
    assert trained(world)[-1] == (story, "1")
    assert "whatever the cool-down says" in sentence(world.last(story, f.TrainingRequested))


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"per_day": 1}, "budget: 1 of 1 runs of today are used; ask again tomorrow, or raise retrain.per_day"),
        ({"at_once": 1}, "at-once: 1 of 1 run: .*; ask again when one of them has ended"),
    ],
)
def test_what_costs_holds_in_any_case(limits: dict[str, Any], told: str) -> None:
    world = World(use_case=policy(**limits))
    lands(world, "1")
    if "at_once" in limits:
        world.sluice.train(NAME, who="ada", why="x")
        world.land("flights/2.csv", rows(1))
        world.collect()
        world.run(runs_end=False)  # its own training is skipped
    with pytest.raises(Refused, match=told):
        asks(world, past_cool_down=True)


def test_policy_is_asked_again_where_the_training_begins() -> None:
    """Another took the last place since: the story says so, and it can be asked for again."""
    world = World(use_case=policy(per_day=2))
    lands(world, "1")
    found = world.sluice.train(NAME, who="ada", why="x")
    story = found.requested.story
    world.outbox.sent.pop()
    lands(world, "2")
    world.hand_over(found.command)
    assert world.kinds(story) == ["TrainingRequested", "TrainingSkipped"]
    assert world.last(story, f.TrainingSkipped).reason == "budget"
    assert state_of(world.story(story), []) is State.DONE
    assert world.sweep_until_quiet() == 0
    world.clock.advance(timedelta(days=1))
    again = asks(world)
    assert trained(world)[-1] == (again, "2")


def test_person_is_who_asks_where_only_drift_would() -> None:
    world = World(use_case=policy(watching(psi="0.1"), when=When.DRIFT))
    lands(world, "1")
    assert world.last(lands(world, "alike"), f.TrainingSkipped).reason == "no-drift"
    story = asks(world)
    assert trained(world)[-1] == (story, "2")


# What it is judged by


def test_gate_knows_the_check_of_the_data() -> None:
    conditions = (Condition.DATA_PASSED, Condition.TRAINED_ON_CHECKED_DATA)
    rules = tuple(Rule(name=str(one), why="", condition=one) for one in conditions)
    rules += (Rule(name="accurate", why="", metric="rmse", at_most=Decimal(30)),)
    gate = replace(USE_CASE.gate, policy=Policy(rules=rules, fingerprint="b"))
    world = World(use_case=replace(USE_CASE, gate=gate))
    ran = world.jobs.on_success

    def tagged(run: Any) -> None:
        ran(run)
        for model in world.registry.models.values():
            for number, one in model.items():
                model[number] = replace(one, tags={**one.tags, "sluice.delta_version": "1"})

    world.jobs.on_success = tagged
    lands(world, "1")
    story = asks(world)
    seen = {one.rule: one.verdict for one in world.last(story, f.VersionJudged).rules}
    assert seen == {str(one): "passed" for one in (*conditions, "accurate")}


def test_drift_is_measured_from_the_data_that_the_version_was_trained_on() -> None:
    world = World(use_case=watching(psi="0.1"))
    world.rmse = 99.0
    lands(world, "1")
    second = lands(world, "2")
    world.rmse = 15.0
    asks(world)
    world.rmse = 99.0
    lands(world, "3")
    assert world.last(lands(world, "4"), f.DriftMeasured).against == second


# What cannot be


def test_what_cannot_be_trained_is_refused() -> None:
    world = World()
    with pytest.raises(Refused, match="silver/flight_delays has no version yet: there is nothing to train on"):
        asks(world)
    with pytest.raises(UnknownUseCase, match="there is no use case 'nope'"):
        world.sluice.train("nope", who="ada", why="")
    world.wire(replace(USE_CASE, training=TrainingSpec(job="", model="flight_delays")))
    with pytest.raises(Refused, match=r"flight_delays has no training\.job: its model comes from elsewhere"):
        asks(world)


def test_batch_that_trains_itself_is_waited_for() -> None:
    world = World()
    story = world.land()
    world.deliver()
    world.deliver()
    for _ in ("its training is on its way", "its training runs"):
        with pytest.raises(Refused, match=f"story {story} trains on version 1 of silver/flight_delays itself"):
            asks(world)
        world.run(runs_end=False)
    world.run()
    assert asks(world)


def test_commit_that_is_not_recorded_yet_is_waited_for() -> None:
    world = World()
    world.ledger.note(Entry(scope=versions_of(TABLE), number=1, story="ab" * 8, at=world.clock.now()))
    with pytest.raises(Refused, match="the commit of version 1 of silver/flight_delays is not recorded yet"):
        asks(world)


def test_dry_run_changes_nothing() -> None:
    world = World()
    lands(world, "1")
    sent = len(world.outbox.sent)
    found = world.sluice.train(NAME, who="ada", why="", dry_run=True)
    assert (found.champion, found.requested.delta_version, found.is_new) == ("1", 1, True)
    assert world.story(found.requested.story) == []
    assert len(world.outbox.sent) == sent


def test_failed_training_that_live_metrics_asked_for_is_repeated_too() -> None:
    world = in_production(live_policy())
    for one in measured(world, BAD, BAD, BAD):
        world.sluice.report([one])
    world.collect()
    ends(world, fails=True)
    (bad,) = begun(world)
    story = asks(world)
    assert world.last(story, f.TrainingRequested).repeats == (bad,)
    assert remedies(world.story(bad), []) == ()
