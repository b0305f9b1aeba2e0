"""One scoring at a time writes a gold table; what leaves production finishes or is stopped, as is wished."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.retrain import RetrainSpec
from shared.domain.slots import RollbackAsked
from shared.domain.usecase import ScoringWhen, UseCase, WhenDemoted
from shared.domain.verdicts import RunResult
from shared.errors import Refused
from shared.steps.scoring_turns import SILENT
from shared.views.remedies import remedies
from shared.views.sentences import sentence
from tests.world import AFTER, MODEL, USE_CASE, World


def use_case(**scoring: Any) -> UseCase:
    return replace(USE_CASE, scoring=replace(USE_CASE.scoring, **scoring))


def ends(world: World, job: str) -> None:
    """All runs of the job end, and what follows is done."""
    for run in world.jobs.running:
        if run.job == job:
            world.end(run.job_run_id)
    world.run(runs_end=False)


def promoted(world: World, name: str) -> str:
    """A story whose version is in production; what scores is left running."""
    story = world.land(f"flights/{name}.csv")
    world.run(runs_end=False)
    ends(world, "sluice-train")
    return story


def plans(world: World, story: str) -> int:
    return len(stories.of_kind(world.story(story), f.ScoringPlanned))


def writers(world: World) -> list[str]:
    return [version for _, _, version in world.lake.gold_writes]


def test_the_scoring_of_a_version_that_left_production_finishes_first() -> None:
    world = World(use_case=use_case())
    first = promoted(world, "1")
    second = promoted(world, "2")
    demoted = world.last(first, f.VersionDemoted)
    assert (demoted.version, demoted.by, demoted.then) == ("1", "2", "finish")
    assert "goes on, and that of the other begins after it" in sentence(demoted)
    assert (plans(world, first), plans(world, second)) == (1, 0)
    ends(world, "sluice-score")
    assert plans(world, second) == 1, "at once, not at the next sweep"
    ends(world, "sluice-score")
    assert writers(world) == ["1", "1", "2", "2"]
    assert world.last(first, f.ScoringFinished).rows == 3
    assert world.last(second, f.ScoringFinished).rows == 6
    assert world.sweep_until_quiet() == 0


def test_or_is_stopped() -> None:
    world = World(use_case=use_case(when_demoted=WhenDemoted.STOP))
    first = promoted(world, "1")
    second = promoted(world, "2")
    assert world.last(first, f.VersionDemoted).then == "stop"
    assert world.last(first, f.ScoringCancelled).reason == "version 1 is not in production any more"
    assert [run.job for run in world.jobs.running] == []
    assert plans(world, second) == 0, "its runs have not said that they stopped"
    for run in world.jobs.runs:
        world.notify(run.job_run_id)
    world.run()
    assert writers(world) == ["2", "2"]
    assert not stories.of_kind(world.story(first), f.ScoringFinished)
    assert remedies(world.story(first), []) == ()
    assert world.sweep_until_quiet() == 0
    for run in world.jobs.runs:  # late, and once more
        world.notify(run.job_run_id)
    world.run()
    assert writers(world) == ["2", "2"]


def test_what_is_lost_on_its_way_is_found_by_the_sweep() -> None:
    world = World(use_case=use_case(when_demoted=WhenDemoted.STOP))
    promoted(world, "1")
    second = promoted(world, "2")
    world.sweep_until_quiet()
    assert world.last(second, f.ScoringFinished).rows == 6


def test_a_version_that_left_production_before_its_turn_does_not_score() -> None:
    world = World(use_case=use_case())
    promoted(world, "1")
    second = promoted(world, "2")
    world.sluice.rollback(RollbackAsked(model=MODEL, version="", who="ada", why="nonsense"))
    world.collect()
    world.run()
    world.sweep_until_quiet()
    assert world.last(second, f.ScoringSkipped).reason == "version 2 is not in production any more: version 1 is"
    assert set(writers(world)) == {"1"}
    assert world.ledger.unsettled() == []


def test_one_that_a_person_asks_for_waits_too_but_not_for_a_silent_one() -> None:
    world = World(use_case=use_case())
    promoted(world, "1")
    story = world.sluice.score(MODEL, who="ada", why="").requested.story
    world.collect()
    world.run(runs_end=False)
    assert plans(world, story) == 0
    delayed = world.last(story, f.ScoringDelayed)
    assert sentence(delayed).startswith(f"scoring waits until that of story {delayed.behind_story} has ended")
    world.clock.advance(SILENT)
    world.sluice.sweep()
    world.collect()
    world.run(runs_end=False)
    assert plans(world, story) == 1


def test_what_failed_for_good_holds_nobody_up() -> None:
    world = World(use_case=use_case())
    promoted(world, "1")
    second = promoted(world, "2")
    world.end_runs(RunResult.FAILED, "no")
    world.run()
    assert world.last(second, f.ScoringFinished).rows == 6


NEW_DATA = use_case(when=ScoringWhen.NEW_DATA)


def sweep(world: World) -> list[f.ScoringRequested]:
    world.clock.advance(AFTER)
    world.sluice.sweep()
    world.collect()
    world.run(runs_end=False)
    told = [world.story(head.story) for head in reversed(world.ledger.recent(100))]
    return [one for story in told for one in stories.of_kind(story, f.ScoringRequested)]


def test_new_data_waits_while_its_training_runs_but_not_for_people() -> None:
    world = World(use_case=NEW_DATA)
    world.land()
    world.run()
    world.rmse = 99.0
    world.land("flights/2.csv")
    world.run(runs_end=False)
    assert sweep(world) == [], "its training runs"
    ends(world, "sluice-train")
    assert [(one.version, one.since) for one in sweep(world)] == [("1", 1)]


@pytest.mark.parametrize("how", ["fails", "is not begun"])
def test_new_data_whose_training(how: str) -> None:
    retrain = RetrainSpec(per_day=1) if how == "is not begun" else None
    world = World(use_case=replace(NEW_DATA, retrain=retrain))
    world.land()
    world.run()
    world.land("flights/2.csv")
    world.run(runs_end=False)
    for run in world.jobs.running:
        world.end(run.job_run_id, RunResult.FAILED)
    world.run()
    assert [one.version for one in sweep(world)] == ["1"]


def test_only_what_changed_is_not_enough_where_another_version_wrote_since() -> None:
    """The newer version's scoring was cancelled on its way, and the older one came back, whose scoring was, too."""
    world = World(use_case=use_case())
    promoted(world, "1")
    ends(world, "sluice-score")
    assert world.lake.gold_writes
    second = promoted(world, "2")
    ewr, _ = world.jobs.running
    world.end(ewr.job_run_id)
    world.run(runs_end=False)
    world.sluice.ask_scoring.cancel(second, who="ada", why="")
    command = world.sluice.rollback(RollbackAsked(model=MODEL, version="", who="ada", why="nonsense"))
    world.collect()
    world.run(runs_end=False)
    for run in world.jobs.runs:
        world.notify(run.job_run_id)
    world.run(runs_end=False)
    world.sluice.ask_scoring.cancel(command.story, who="ada", why="")
    found = world.sluice.score(MODEL, who="ada", why="", full=False, dry_run=True)
    assert (found.requested.version, found.requested.since, found.parts) == ("1", -1, ("EWR", "JFK"))


def test_an_older_scoring_that_goes_on_is_what_wrote_last() -> None:
    world = World(use_case=use_case())
    first = promoted(world, "1")
    ewr, jfk = world.jobs.running
    world.end(ewr.job_run_id)
    world.end(jfk.job_run_id, RunResult.FAILED)
    world.run(runs_end=False)
    world.rmse = 99.0
    world.land("flights/2.csv")
    world.run()
    story = world.sluice.score(MODEL, who="ada", why="").requested.story
    world.collect()
    world.run()
    assert world.last(story, f.ScoringFinished).rows == 6
    with pytest.raises(Refused, match="nothing of"):
        world.sluice.score(MODEL, who="ada", why="", full=False)
    world.sluice.score_again(first, who="ada")
    world.collect()
    world.run()
    found = world.sluice.score(MODEL, who="ada", why="", full=False, dry_run=True)
    assert (found.requested.since, found.parts) == (1, ("EWR", "JFK"))


def test_one_that_waits_can_be_ended() -> None:
    world = World(use_case=use_case())
    first = promoted(world, "1")
    story = world.sluice.score(MODEL, who="ada", why="").requested.story
    world.collect()
    world.run(runs_end=False)
    world.sluice.ask_scoring.cancel(story, who="grace", why="not now")
    world.run()
    world.sweep_until_quiet()
    assert plans(world, story) == 0
    assert world.last(first, f.ScoringFinished).rows == 3
    assert world.last(story, f.ScoringSkipped).reason == "cancelled by grace before it began: not now"
    assert world.ledger.unsettled() == []
    with pytest.raises(Refused, match="has no scoring"):
        world.sluice.ask_scoring.cancel(story, who="grace", why="")
