"""A scoring that was ended: nothing of it begins any more, what runs is stopped, and it can go on where it stopped."""

from collections import Counter
from typing import Any

import pytest

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.fan_out import SHARDED_ABOVE
from shared.domain.verdicts import RunResult
from shared.errors import Refused, Unreachable
from shared.views.progress import progress_of, progress_text
from shared.views.remedies import remedies
from tests.world import AFTER, MODEL, World


def asked(world: World) -> str:
    """A scoring of EWR and JFK that is planned; its parts are on their way."""
    world.land()
    world.run()
    story = world.sluice.score(MODEL, who="ada", why="").requested.story
    world.collect()
    world.deliver()
    return story


def cancel(world: World, story: str) -> int:
    return world.sluice.ask_scoring.cancel(story, who="grace", why="wrong").stopped


def again(world: World, story: str) -> None:
    world.sluice.score_again(story, who="ada")
    world.collect()


def started(world: World, story: str) -> list[tuple[str, int]]:
    return sorted((one.part, one.generation) for one in stories.of_kind(world.story(story), f.PartStarted))


def said(world: World, story: str) -> str:
    progress = progress_of(world.story(story), world.story, now=world.clock.now())
    assert progress is not None
    return progress_text(progress)


def test_it_goes_on_with_what_is_not_in_gold() -> None:
    world = World()
    story = asked(world)
    world.deliver()
    (first,) = world.jobs.running
    world.end(first.job_run_id)  # one part is in gold
    world.deliver(len(world.pending) - 1)
    world.collect()
    world.deliver(len(world.pending) - 1)
    assert cancel(world, story) == 0
    assert "1 of 2 parts" in said(world, story)
    assert "cancelled by grace" in said(world, story)
    world.run()  # the other part's message comes late
    assert [part for part, _ in started(world, story)] == [first.parameters["part"]]
    assert world.sweep_until_quiet() == 0
    again(world, story)
    world.run()
    assert len(started(world, story)) == 2
    assert world.last(story, f.ScoringFinished).rows == 3
    with pytest.raises(Refused, match="every part"):
        again(world, story)
    with pytest.raises(Refused, match="nothing to cancel"):
        cancel(world, story)


def test_it_can_be_ended_and_go_on_more_than_once() -> None:
    world = World()
    story = asked(world)
    for round_ in (1, 2, 3):
        world.run(runs_end=False)
        assert cancel(world, story) == 2
        with pytest.raises(Refused, match=r"2 runs of story .* are being stopped still"):
            again(world, story)
        for run in world.jobs.runs:
            world.notify(run.job_run_id)
        world.run()
        assert remedies(world.story(story), []) == ()
        assert story not in world.ledger.unsettled()
        assert len(stories.of_kind(world.story(story), f.ScoringResumed)) == round_ - 1
        again(world, story)
    world.run()
    assert started(world, story) == [(part, n) for part in ("EWR", "JFK") for n in (1, 2, 3, 4)]
    assert world.last(story, f.ScoringFinished).rows == 3
    assert world.sweep_until_quiet() == 0


def test_a_run_that_ended_well_all_the_same_counts() -> None:
    world = World()
    story = asked(world)
    world.run(runs_end=False)
    ewr, jfk = world.jobs.running
    world.jobs.end(ewr.job_run_id, RunResult.SUCCEEDED)
    assert cancel(world, story) == 1
    world.notify(ewr.job_run_id)
    world.notify(jfk.job_run_id)
    world.run()
    again(world, story)
    world.run()
    assert Counter(world.kinds(story))["PartScored"] == 2
    assert started(world, story) == [("EWR", 1), ("JFK", 1), ("JFK", 2)]


class Meanwhile:
    """Jobs, in which something happens while a run is being started."""

    def __init__(self, port: Any, happens: list[Any]) -> None:
        self._port, self._happens = port, happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def start(self, job: str, **how: Any) -> Any:
        found = self._port.start(job, **how)
        if self._happens and job == "sluice-score":
            self._happens.pop()()
        return found


def test_a_run_that_begins_at_the_same_moment_is_stopped() -> None:
    happens: list[Any] = []
    world = World(lambda port: Meanwhile(port, happens) if hasattr(port, "on_success") else port)
    story = asked(world)
    happens.append(lambda: cancel(world, story))
    world.deliver()
    assert world.jobs.running == []
    world.sweep_until_quiet()
    assert len(started(world, story)) == 1
    assert story not in world.ledger.unsettled()


class Silent(Meanwhile):
    """Jobs in a workspace that does not answer who wants a run stopped, so often."""

    def cancel(self, workspace: str, job_run_id: int) -> bool:
        if self._happens:
            raise Unreachable(self._happens.pop())
        return bool(self._port.cancel(workspace, job_run_id))


def test_what_a_workspace_did_not_hear_is_stopped_by_the_sweep() -> None:
    happens: list[Any] = []
    world = World(lambda port: Silent(port, happens) if hasattr(port, "on_success") else port)
    story = asked(world)
    world.run(runs_end=False)
    happens += ["no", "no"]
    ended = world.sluice.ask_scoring.cancel(story, who="grace", why="wrong")
    assert (ended.stopped, ended.left) == (0, 2)
    world.clock.advance(AFTER)
    world.sluice.sweep()
    world.collect()
    world.run(runs_end=False)
    assert world.jobs.running == []
    world.sweep_until_quiet()
    assert story not in world.ledger.unsettled()


def test_in_shards_those_that_never_began_go_on_too() -> None:
    world = World()
    parts = [f"{number:04}" for number in range(SHARDED_ABOVE + 1)]
    world.land("flights/many.csv", "origin,x\n" + "".join(f"{part},1\n" for part in parts))
    world.run()
    story = world.sluice.score(MODEL, who="ada", why="").requested.story
    world.collect()
    world.deliver()  # the plan
    world.deliver()  # one shard
    for _ in range(2):
        world.deliver(len(world.pending) - 1)  # two parts of it
    ewr, jfk = world.jobs.running
    world.end(ewr.job_run_id)
    world.deliver(len(world.pending) - 1)
    world.deliver(len(world.pending) - 1)
    assert cancel(world, story) == 1
    world.notify(jfk.job_run_id)
    world.run()
    assert said(world, story).startswith("scored 1 of 201 parts")
    assert world.sweep_until_quiet() == 0
    again(world, story)
    world.run()
    assert world.sweep_until_quiet() == 0
    assert world.last(story, f.ScoringFinished).rows == len(parts)
    runs = Counter(run.parameters["part"] for run in world.jobs.runs if run.parameters.get("story") == story)
    assert runs == {**dict.fromkeys(parts, 1), jfk.parameters["part"]: 2}
