"""A batch that is too large for here: the check job looks into it, and what follows is what follows here, once."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.drift import DriftSpec, Limits, Measure, Then
from shared.domain.quality import CheckStep
from shared.domain.quarantine import ReleaseAsked
from shared.domain.usecase import QuarantineKind, UseCase
from shared.domain.verdicts import RunResult, Verdict
from tests.world import BATCH, USE_CASE, CrashAfter, World

BAD = "origin,x\nJFK,-1\nJFK,2\nEWR,3\n"
SILVER = "silver/flight_delays"


def large(**data: Any) -> UseCase:
    """A use case for whose files nobody here has room."""
    return replace(USE_CASE, data=replace(USE_CASE.data, largest=10, check_job="sluice-check", **data))


def checks(world: World) -> Counter[str]:
    return Counter(run.job for run in world.jobs.runs)


def release(world: World, asked: ReleaseAsked) -> None:
    world.sluice.release(asked)
    world.collect()


def test_everything_follows_as_if_it_had_been_checked_here() -> None:
    world = World(use_case=large())
    story = world.land()
    world.run()
    assert world.kinds(story)[:5] == [
        "DataArrived",
        "CheckRunStarted",
        "CheckRunFinished",
        "BatchChecked",
        "DataCommitted",
    ]
    assert world.keys(story) - {"CheckRunStarted:1:check:1", "CheckRunFinished:1:check:1"} == _keys_without_a_job()
    assert (world.quality.checks, world.lake.versions(SILVER)) == (0, 1)
    assert world.ledger.unsettled() == []
    assert world.last(story, f.CheckRunStarted).reason.endswith("makes more than 10 bytes")
    assert world.lake.notes[story, 1]["verdict"] == "passed"
    assert (world.check_job.requests, world.check_job.answers) == ({}, {}), "they are not needed any more"
    assert list(world.documents.texts) == [f"checks/flight_delays/{story}-1.json"]


def _keys_without_a_job() -> set[str]:
    world = World()
    story = world.land()
    world.run()
    return world.keys(story)


def test_without_a_check_job_it_is_parked() -> None:
    world = World(use_case=replace(USE_CASE, data=replace(USE_CASE.data, largest=10)))
    world.land()
    world.run()
    assert [one.reason for one in world.ledger.parked()] == ["too-large"]


def test_what_fails_is_kept_apart_by_a_second_run() -> None:
    world = World(use_case=large())
    story = world.land(content=BAD)
    world.run()
    steps = [one.step for one in world.story(story) if isinstance(one, f.CheckRunStarted)]
    assert steps == [CheckStep.CHECK, CheckStep.KEEP]
    quarantined = world.last(story, f.DataQuarantined)
    assert (quarantined.rows, quarantined.bad_rows) == (3, 1)
    assert quarantined.reasons == ("x to be at least 0: 1 rows are not",)
    ((_, _, rows, reasons),) = world.quarantine.kept.values()
    assert (rows, reasons) == (BAD, quarantined.reasons)
    assert world.lake.versions(SILVER) == 0
    assert world.sweep_until_quiet() == 0


def test_only_the_bad_rows_where_the_use_case_says_so() -> None:
    world = World(use_case=large(quarantine=QuarantineKind.ROWS, quarantine_at_most_percent=Decimal(50)))
    story = world.land(content=BAD)
    world.run()
    assert world.last(story, f.RowsQuarantined).rows == 1
    assert world.last(story, f.DataCommitted).rows == 2
    ((_, _, rows, _),) = world.quarantine.kept.values()
    assert rows == "origin,x\nJFK,-1\n"
    assert world.ledger.unsettled() == []


def test_rest_that_drifted_too_far_is_kept_apart_with_the_others() -> None:
    drift = DriftSpec(limits=Limits(at_most={Measure.ROWS: Decimal(10)}, then=Then.STOP))
    data = large(quarantine=QuarantineKind.ROWS, quarantine_at_most_percent=Decimal(50))
    world = World(use_case=replace(data, drift=drift))
    world.land("flights/2013-01.csv", "".join(["origin,x\n", *["JFK,1\n"] * 50]))
    world.run()
    story = world.land("flights/2013-02.csv", BAD)
    world.run()
    steps = [one.step for one in world.story(story) if isinstance(one, f.CheckRunStarted)]
    assert steps == [CheckStep.CHECK, CheckStep.KEEP, CheckStep.KEEP_ALL]
    assert world.last(story, f.DataQuarantined).rows == 3
    assert len(world.last(story, f.DataQuarantined).reasons) == 2
    assert world.lake.versions(SILVER) == 1


def test_batch_that_drifted_too_far_is_kept_apart_though_it_passed() -> None:
    drift = DriftSpec(limits=Limits(at_most={Measure.ROWS: Decimal(10)}, then=Then.STOP))
    world = World(use_case=replace(large(), drift=drift))
    world.land("flights/2013-01.csv", "".join(["origin,x\n", *["JFK,1\n"] * 50]))
    world.run()
    story = world.land("flights/2013-02.csv")
    world.run()
    assert world.last(story, f.BatchChecked).verdict is Verdict.PASSED
    assert world.last(story, f.DataQuarantined).rows == 3
    assert world.lake.versions(SILVER) == 1


def test_job_is_asked_to_profile_what_has_limits_of_its_own() -> None:
    limits = Limits(at_most={Measure.PSI: Decimal(1)})
    world = World(use_case=replace(large(), drift=DriftSpec(columns={"x": limits, "nope": limits})))
    world.land("flights/2013-01.csv")
    world.run(runs_end=False)
    assert [one["profile_first"] for one in world.check_job.requests.values()] == [["x", "nope"]]
    world.run()
    story = world.land("flights/2013-02.csv")
    world.run()
    assert [one.column for one in world.last(story, f.DriftMeasured).exceeding] == ["nope"]


def test_released_batch_goes_on_by_the_job_too() -> None:
    world = World(use_case=large())
    story = world.land(content=BAD)
    world.run()
    release(world, ReleaseAsked(story=story, who="ada", why="JFK is right"))
    world.run()
    assert world.last(story, f.DataCommitted).generation == 2
    assert (world.last(story, f.DataCommitted).rows, world.lake.versions(SILVER)) == (3, 1)
    assert checks(world)["sluice-check"] == 3
    assert world.ledger.unsettled() == []


def test_released_batch_is_checked_again_where_it_landed() -> None:
    world = World(use_case=large())
    story = world.land(content=BAD)
    world.run()
    release(world, ReleaseAsked(story=story, who="ada", why="the suite was mended", check=True))
    world.run()
    assert [one.generation for one in world.story(story) if isinstance(one, f.BatchChecked)] == [1, 2]
    assert world.last(story, f.DataQuarantined).generation == 2


def test_run_that_was_lost_is_run_again_and_at_last_a_person_has_to_look() -> None:
    world = World(use_case=large())
    story = world.land()
    world.run(runs_end=False)
    for _ in range(stories.MAX_GENERATIONS):
        world.end_runs(RunResult.LOST, "its driver died")
        world.run(runs_end=False)
    assert [one.attempt for one in world.story(story) if isinstance(one, f.CheckRunStarted)] == [1, 2, 3]
    assert world.last(story, f.BatchChecked).verdict is Verdict.ERROR
    assert "its driver died" in world.last(story, f.DataQuarantined).reasons[0]
    assert stories.needs_attention(world.story(story)) == "the batch could not be checked"


def test_what_the_job_cannot_read_is_an_error() -> None:
    world = World(use_case=large())
    story = world.land(content="origin,x\nJFK,!\n")
    world.run()
    assert world.last(story, f.BatchChecked).verdict is Verdict.ERROR
    assert world.last(story, f.DataQuarantined).rows == 0
    assert world.sweep_until_quiet() == 0


def test_run_that_nobody_heard_of_is_found_by_the_sweep() -> None:
    world = World(use_case=large())
    story = world.land()
    world.run(runs_end=False)
    (run,) = world.jobs.running
    world.jobs.end(run.job_run_id, RunResult.SUCCEEDED)  # and its notification is lost
    world.sweep_until_quiet()
    assert world.last(story, f.DataCommitted).rows == 3
    assert world.ledger.unsettled() == []


def test_file_that_was_written_again_meanwhile_is_superseded() -> None:
    world = World(use_case=large())
    story = world.land()
    world.run(runs_end=False)
    newer = world.land(content=BATCH + "LGA,4\n")
    world.run()
    assert world.kinds(story)[-1] == "DataSuperseded"
    assert world.last(newer, f.DataCommitted).rows == 4
    assert world.lake.versions(SILVER) == 1


SPLITTING = large(quarantine=QuarantineKind.ROWS, quarantine_at_most_percent=Decimal(50))


@pytest.mark.parametrize(("use_case", "content"), [(large(), BATCH), (large(), BAD), (SPLITTING, BAD)])
def test_crash_after_any_call_changes_nothing(use_case: UseCase, content: str) -> None:
    good = World(use_case=use_case)
    expected = good.land(content=content)
    good.run()
    nth = 0
    while True:
        nth += 1
        fate = CrashAfter(nth)
        world = World(fate.proxy, use_case=use_case)
        story = world.land(content=content)
        world.run()
        if not fate.crashed:
            break
        world.sweep_until_quiet()
        assert (nth, fate.crashed, world.keys(story)) == (nth, fate.crashed, good.keys(expected))
        assert world.lake.versions(SILVER) == good.lake.versions(SILVER)
        assert checks(world)["sluice-check"] == checks(good)["sluice-check"]
        assert [one[2] for one in world.quarantine.kept.values()] == [one[2] for one in good.quarantine.kept.values()]
    assert nth > 30


def test_everything_twice_and_late_changes_nothing() -> None:
    good = World(use_case=SPLITTING)
    expected = good.land(content=BAD)
    good.run()
    world = World(use_case=SPLITTING, copies=2)
    story = world.land(content=BAD)
    world.run()
    for command in list(world.outbox.sent):
        world.hand_over(command)
    assert world.keys(story) == good.keys(expected)
    assert (world.lake.versions(SILVER), checks(world)["sluice-check"]) == (1, 2)
