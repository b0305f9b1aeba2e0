"""Runs: lost ones are run again, failed ones are not, and a fan-out closes when its last part is in gold."""

import pytest

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.commands import FollowRun, ScorePart
from shared.domain.verdicts import RunResult
from tests.world import AFTER, MODEL, WORKSPACE, World


def training() -> tuple[World, str]:
    """A story whose training runs."""
    world = World()
    story = world.land()
    world.run(runs_end=False)
    assert [run.job for run in world.jobs.running] == ["sluice-train"]
    return world, story


def scoring() -> tuple[World, str]:
    """A story whose parts run."""
    world, story = training()
    world.end_runs()
    world.run(runs_end=False)
    assert [run.job for run in world.jobs.running] == ["sluice-score"] * 2
    return world, story


def generations(world: World) -> list[tuple[str, str]]:
    return [(run.parameters["generation"], run.result) for run in world.jobs.runs if run.job == "sluice-train"]


def test_lost_training_runs_again_under_the_next_generation() -> None:
    world, story = training()
    world.end_runs(RunResult.LOST, "the driver was lost")
    world.run(runs_end=False)
    assert generations(world) == [("1", "lost"), ("2", "running")]
    assert not world.last(story, f.TrainingFinished).final
    assert story in world.ledger.unsettled()
    world.end_runs()
    world.run()
    assert world.last(story, f.ScoringFinished).rows == 3
    assert world.ledger.unsettled() == []


def test_training_lost_three_times_waits_for_a_person() -> None:
    world, story = training()
    while world.end_runs(RunResult.LOST, "the driver was lost"):
        world.run(runs_end=False)
    assert generations(world) == [("1", "lost"), ("2", "lost"), ("3", "lost")]
    assert [one.final for one in stories.of_kind(world.story(story), f.TrainingFinished)] == [False, False, True]
    assert world.sweep_until_quiet() == 0
    assert stories.needs_attention(world.story(story)) == "training lost: the driver was lost"


@pytest.mark.parametrize("result", [RunResult.FAILED, RunResult.CANCELLED])
def test_failed_training_does_not_run_again(result: RunResult) -> None:
    world, story = training()
    world.end_runs(result, "ZeroDivisionError")
    world.run()
    assert generations(world) == [("1", result)]
    assert world.last(story, f.TrainingFinished).final
    assert world.sweep_until_quiet() == 0
    assert stories.needs_attention(world.story(story)) == f"training {result}: ZeroDivisionError"


def test_training_that_was_lost_after_it_registered_registers_once() -> None:
    """The version is promoted; the next generation finds it, and the story is settled only when that run ended."""
    world, story = training()
    (run,) = world.jobs.running
    world.jobs.on_success(run)
    world.run(runs_end=False)
    assert world.last(story, f.VersionPromoted).version == "1"
    world.end(run.job_run_id, RunResult.LOST)
    world.run()
    assert world.registry.versions(MODEL) == ["1"]
    assert generations(world) == [("1", "lost"), ("2", "succeeded")]
    assert world.ledger.unsettled() == []


def test_rejected_version_does_not_settle_a_story_whose_run_is_not_heard_of() -> None:
    world, story = training()
    world.rmse = 99.0
    world.jobs.on_success(world.jobs.running[0])
    world.run(runs_end=False)
    assert world.kinds(story)[-1] == "VersionRejected"
    assert story in world.ledger.unsettled()
    world.end_runs(RunResult.FAILED)
    world.run()
    assert story not in world.ledger.unsettled()


def test_failed_training_with_a_promoted_version_goes_on_scoring() -> None:
    """The run failed after it had registered: the version was judged for itself, and its scoring is not forgotten."""
    world, story = training()
    (run,) = world.jobs.running
    world.jobs.on_success(run)
    world.run(runs_end=False)
    world.end(run.job_run_id, RunResult.FAILED)
    world.run(runs_end=False)
    assert story in world.ledger.unsettled()
    world.end_runs()
    world.run()
    assert story not in world.ledger.unsettled()


def test_notification_before_the_start_is_recorded_is_no_fault() -> None:
    world = World()
    world.notify(4711)
    world.run()
    assert world.ledger.parked() == []


def test_run_that_the_workspace_forgot_is_lost() -> None:
    world, story = training()
    world.jobs.forget(world.last(story, f.TrainingStarted).job_run_id)
    world.clock.advance(AFTER)
    world.sluice.sweep()
    world.collect()
    world.run(runs_end=False)
    assert world.last(story, f.TrainingFinished).result is RunResult.LOST
    assert world.last(story, f.TrainingStarted).generation == 2


def test_run_of_another_workspace_with_the_same_id_is_not_ours() -> None:
    world, story = training()
    world.hand_over(FollowRun(story=story, workspace="ws2", job_run_id=world.last(story, f.TrainingStarted).job_run_id))
    assert world.kinds(story)[-1] == "TrainingStarted"


def test_silent_runs_are_followed_by_the_sweep() -> None:
    world, story = training()
    world.jobs.end(world.jobs.running[0].job_run_id, RunResult.SUCCEEDED)
    world.pending.clear()
    world.clock.advance(AFTER)
    world.sluice.sweep()
    world.collect()
    world.run(runs_end=False)
    assert {"TrainingFinished", "VersionPromoted", "PartStarted"} <= set(world.kinds(story))


def test_lost_part_runs_again_alone() -> None:
    world, story = scoring()
    first, second = world.jobs.running
    world.end(first.job_run_id, RunResult.LOST, "the driver was lost")
    world.end(second.job_run_id)
    world.run()
    parts = [run.parameters["part"] for run in world.jobs.runs if run.job == "sluice-score"]
    assert sorted(parts) == sorted(["EWR", "JFK", first.parameters["part"]])
    started = stories.of_kind(world.story(story), f.PartStarted)
    assert [one.generation for one in started if one.part == first.parameters["part"]] == [1, 2]
    assert world.last(story, f.ScoringFinished).rows == 3


def test_lost_part_whose_repeat_was_lost_on_the_way_is_found() -> None:
    world, story = scoring()
    world.end_runs(RunResult.LOST)
    world.run(runs_end=False, drop="ScorePart " + world.last(story, f.ScoringPlanned).plan + " JFK 2")
    assert len(world.jobs.running) == 1
    world.sweep_until_quiet()
    assert world.last(story, f.ScoringFinished).rows == 3


def test_failed_part_is_a_persons_and_the_others_are_followed() -> None:
    """A story with a failed part is not settled before its other parts are."""
    world, story = scoring()
    first, second = world.jobs.running
    world.end(first.job_run_id, RunResult.FAILED, "no such column")
    world.run(runs_end=False)
    assert world.last(story, f.PartFailed).final
    assert story in world.ledger.unsettled()
    world.jobs.end(second.job_run_id, RunResult.SUCCEEDED)
    assert world.sweep_until_quiet() == 1
    assert [one.part for one in stories.of_kind(world.story(story), f.PartScored)] == [second.parameters["part"]]
    assert stories.last(world.story(story), f.ScoringFinished) is None
    assert story not in world.ledger.unsettled()
    assert "no such column" in stories.needs_attention(world.story(story))


def test_part_lost_three_times_waits_for_a_person() -> None:
    world, story = scoring()
    while world.end_runs(RunResult.LOST):
        world.run(runs_end=False)
    by_part: dict[str, list[bool]] = {}
    for failed in stories.of_kind(world.story(story), f.PartFailed):
        by_part.setdefault(failed.part, []).append(failed.final)
    assert by_part == {"EWR": [False, False, True], "JFK": [False, False, True]}
    assert world.sweep_until_quiet() == 0


def test_older_generation_of_a_part_does_not_run_after_a_newer_one() -> None:
    world, story = scoring()
    plan = world.last(story, f.ScoringPlanned).plan
    world.hand_over(ScorePart(story=story, use_case="flight_delays", plan=plan, part="JFK", generation=2))
    world.hand_over(ScorePart(story=story, use_case="flight_delays", plan=plan, part="JFK", generation=1))
    assert sum(run.parameters["part"] == "JFK" for run in world.jobs.runs if run.job == "sluice-score") == 2


@pytest.mark.parametrize(("plan", "part"), [("no-such-plan", "JFK"), ("", "LGA")])
def test_part_of_no_plan_is_poison(plan: str, part: str) -> None:
    world, story = scoring()
    plan = plan or world.last(story, f.ScoringPlanned).plan
    world.hand_over(ScorePart(story=story, use_case="flight_delays", plan=plan, part=part))
    assert [parked.reason for parked in world.ledger.parked()] == ["refused"]


def test_missing_job_is_parked_once_however_often_the_sweep_runs() -> None:
    world = World()
    world.jobs.jobs.clear()
    story = world.land()
    world.run()
    assert [parked.reason for parked in world.ledger.parked()] == ["refused"]
    for _ in range(5):
        assert world.sweep_until_quiet() == 0
    assert len(world.ledger.parked()) == 1
    assert "refused" in stories.needs_attention(world.story(story))
    world.jobs.jobs += ["sluice-train", "sluice-score"]
    world.sluice.replay(world.ledger.parked()[0], who="somebody")
    world.collect()
    world.run()
    assert world.last(story, f.ScoringFinished).rows == 3


def test_what_the_broker_gave_up_is_carried_on_by_the_sweep_a_few_times() -> None:
    """A dead-lettered message may only have met an outage; one that always fails is not sent for ever."""
    world = World()
    story = world.land()
    world.run(runs_end=False, drop=f"StartTraining {story} 1")
    (start,) = [command for command in world.outbox.sent if command.kind == "StartTraining"]
    world.sluice.dead_letter(start.queue, start.message_id, b"", story, "MaxDeliveryCountExceeded")
    world.clock.advance(AFTER)
    world.sluice.sweep()
    again = world.outbox.sent[-1]
    assert again.kind == "StartTraining"
    for nth in range(2):
        world.sluice.dead_letter(again.queue, f"{start.message_id}/sweep-{nth}", b"", story, "MaxDeliveryCountExceeded")
    sent = len(world.outbox.sent)
    world.clock.advance(AFTER)
    world.sluice.sweep()
    assert len(world.outbox.sent) == sent


def test_workspace_of_a_notification_is_ours_whatever_it_says() -> None:
    world, _ = training()
    world.end_runs()
    world.run(runs_end=False)
    follow, *_ = [command for command in world.outbox.sent if isinstance(command, FollowRun)]
    assert follow.workspace == WORKSPACE
