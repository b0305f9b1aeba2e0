"""The retrain policy: what is let through, what is skipped and why, and never more than that, whoever asks at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.memory import MemoryLedger
from shared.adapters.sqlite import SqliteLedger
from shared.domain import facts as f
from shared.domain.retrain import RetrainSpec, When
from shared.domain.usecase import UseCase
from shared.domain.verdicts import RunResult
from shared.steps.claim_training import claim_training
from shared.views.states import State, state_of
from tests.ports import FakeClock
from tests.unit.test_drift import rows, watching
from tests.world import USE_CASE, CrashAfter, World

DAY = timedelta(days=1)


def policy(base: UseCase = USE_CASE, **limits: Any) -> UseCase:
    return replace(base, retrain=RetrainSpec(**limits))


def lands(world: World, name: str, content: str = rows(1, 2, 3, 4), *, ends: bool = True) -> list[str]:
    """The kinds of the story about training."""
    story = world.land(f"flights/{name}.csv", content)
    world.run(runs_end=ends)
    told = [one for one in world.story(story) if isinstance(one, f.TrainingStarted | f.TrainingSkipped)]
    return [one.reason if isinstance(one, f.TrainingSkipped) else "started" for one in told]


def test_without_a_policy_every_batch_is_trained_on() -> None:
    world = World()
    assert [lands(world, str(n)) for n in range(4)] == [["started"]] * 4


def test_cool_down_runs_from_begin_to_begin() -> None:
    world = World(use_case=policy(cool_down=timedelta(hours=6)))
    assert (lands(world, "1"), lands(world, "2")) == (["started"], ["cool-down"])
    world.clock.advance(timedelta(hours=6))
    assert (lands(world, "3"), lands(world, "4")) == (["started"], ["cool-down"])


def test_budget_is_of_the_day() -> None:
    world = World(use_case=policy(per_day=2))
    assert [lands(world, str(n)) for n in range(4)] == [["started"], ["started"], ["budget"], ["budget"]]
    world.clock.advance(DAY)
    assert lands(world, "tomorrow") == ["started"]


def test_only_so_many_run_at_once_and_one_that_ended_makes_place() -> None:
    world = World(use_case=policy(at_once=1))
    assert (lands(world, "1", ends=False), lands(world, "2", ends=False)) == (["started"], ["at-once"])
    (running,) = world.jobs.running
    world.end(running.job_run_id, RunResult.FAILED, "it broke")
    world.run(runs_end=False)
    assert lands(world, "3", ends=False) == ["started"]


def test_lost_run_is_run_again_whatever_the_policy_and_holds_its_place() -> None:
    world = World(use_case=policy(at_once=1, per_day=1))
    story = world.land()
    world.run(runs_end=False)
    (running,) = world.jobs.running
    world.end(running.job_run_id, RunResult.LOST, "the driver died")
    world.run(runs_end=False)
    assert [one.generation for one in world.story(story) if isinstance(one, f.TrainingStarted)] == [1, 2]
    assert lands(world, "2", ends=False) == ["at-once"]


def test_parked_training_holds_nobody_up() -> None:
    world = World(use_case=policy(at_once=1))
    world.jobs.jobs.remove("sluice-train")
    assert lands(world, "1") == []
    assert world.ledger.parked()
    world.jobs.jobs.append("sluice-train")
    assert lands(world, "2") == ["started"]


def test_only_drift_that_asks_for_it_is_trained_on() -> None:
    from shared.domain.drift import Then

    world = World(use_case=policy(watching(Then.TRAIN, psi="0.1"), when=When.DRIFT))
    assert lands(world, "first") == ["started"]
    assert lands(world, "alike") == ["no-drift"]
    assert lands(world, "another", rows(7, 8, 9, 9)) == ["started"]
    world = World(use_case=policy(watching(Then.WARN, psi="0.1"), when=When.DRIFT))
    assert (lands(world, "first"), lands(world, "another", rows(7, 8, 9, 9))) == (["started"], ["no-drift"])


def test_without_a_champion_no_drift_is_waited_for() -> None:
    world = World(use_case=policy(watching(psi="0.1"), when=When.DRIFT))
    world.rmse = 99
    assert [lands(world, str(n)) for n in range(2)] == [["started"], ["started"]]


def test_skipped_training_settles_the_story_for_good() -> None:
    world = World(use_case=policy(per_day=1))
    lands(world, "1")
    story = world.land("flights/2.csv")
    world.run()
    assert state_of(world.story(story), []) is State.DONE
    assert world.ledger.unsettled() == []
    world.clock.advance(DAY)
    (check, train) = [one for one in world.outbox.sent if one.story == story]
    for command in (check, train):
        world.hand_over(command)
    world.collect()
    world.run()
    assert "TrainingStarted" not in world.kinds(story)
    assert world.kinds(story).count("TrainingSkipped") == 1
    assert world.sweep_until_quiet() == 0


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize(("limits", "let_through"), [({"per_day": 3}, 3), ({"at_once": 2}, 2), ({"cool_down": DAY}, 1)])
def test_of_many_who_ask_at_once_no_more_are_let_through(
    kind: str, limits: dict[str, Any], let_through: int, tmp_path: Path
) -> None:
    ledger = MemoryLedger() if kind == "memory" else SqliteLedger(tmp_path / "ledger.db")
    use_case, clock, start = policy(**limits), FakeClock(), threading.Barrier(8)
    stories = [f"{number:016x}" for number in range(8)]
    for story in stories:
        ledger.record([replace(f.DataCommitted.example(), story=story)])

    def ask(story: str) -> bool:
        start.wait(60)
        return all(
            claim_training(story, use_case, "", ledger=ledger, journals=ledger, clock=clock) is None for _ in range(2)
        )

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, stories)) == let_through
    skipped = [story for story in stories if any(isinstance(one, f.TrainingSkipped) for one in ledger.story(story))]
    assert len(skipped) == 8 - let_through


@pytest.mark.parametrize("calls", range(1, 30, 2))
def test_killed_after_any_call_a_place_is_taken_once(calls: int) -> None:
    """Whoever dies with the place taken keeps it: the sweep has it train, and no other takes a second one."""
    world = World(CrashAfter(calls).proxy, use_case=policy(per_day=1))
    first = world.land()
    world.run()
    world.sweep_until_quiet()
    world.land("flights/2.csv")
    world.run()
    world.sweep_until_quiet()
    trained = [run.parameters["story"] for run in world.jobs.runs if run.job == "sluice-train"]
    assert trained == [first]
    assert world.ledger.unsettled() == []
