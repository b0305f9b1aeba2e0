"""What a person asks of scoring: with what is in production, and only what failed once more."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.commands import ScorePart
from shared.domain.fan_out import SHARDED_ABOVE
from shared.domain.usecase import ScoringWhen
from shared.domain.verdicts import RunResult
from shared.errors import Refused, UnknownUseCase
from shared.views.remedies import remedies
from tests.world import AFTER, MODEL, USE_CASE, World


def promoted() -> tuple[World, str]:
    world = World()
    story = world.land()
    world.run()
    return world, story


def test_what_is_in_production_scores_what_is_there_now() -> None:
    world, first = promoted()
    found = world.sluice.score(MODEL, who="ada", why="silver was mended")
    assert (found.requested.version, found.delta_version, found.parts) == ("1", 1, ("EWR", "JFK"))
    world.collect()
    world.run()
    story = found.requested.story
    assert story != first
    assert sorted(Counter(world.kinds(story)).items()) == [
        ("PartScored", 2), ("PartStarted", 2), ("ScoringFinished", 1), ("ScoringPlanned", 1), ("ScoringRequested", 1),
    ]  # fmt: skip
    assert world.last(story, f.ScoringPlanned).delta_version == 1
    assert world.ledger.unsettled() == []
    assert story in world.ledger.find(f"{MODEL}@1")


def test_a_dry_run_changes_nothing() -> None:
    world, _ = promoted()
    sent = len(world.outbox.sent)
    found = world.sluice.score(MODEL, who="ada", why="", dry_run=True)
    assert world.story(found.requested.story) == []
    assert len(world.outbox.sent) == sent


def test_a_request_whose_message_was_lost_is_carried_on_by_the_sweep() -> None:
    world, _ = promoted()
    story = world.sluice.score(MODEL, who="ada", why="").requested.story
    world.outbox.sent.pop()
    assert story in world.ledger.unsettled()
    world.sweep_until_quiet()
    assert world.last(story, f.ScoringFinished).rows == 3


def test_what_cannot_be_scored_is_refused() -> None:
    world = World()
    with pytest.raises(Refused, match="no version of flight_delays is approved for champion"):
        world.sluice.score(MODEL, who="ada", why="")
    with pytest.raises(UnknownUseCase, match="no use case has the model 'nope'"):
        world.sluice.score("nope", who="ada", why="")
    with pytest.raises(Refused, match="has no scoring"):
        world.sluice.score_again("0" * 16, who="ada")


def test_only_what_failed_runs_again() -> None:
    world, _ = promoted()
    story = world.sluice.score(MODEL, who="ada", why="").requested.story
    world.collect()
    world.run(runs_end=False)
    jfk = next(run for run in world.jobs.running if run.parameters["part"] == "JFK")
    world.end(jfk.job_run_id, RunResult.FAILED)
    world.run()
    (remedy,) = remedies(world.story(story), [])
    assert remedy.command == ("score", "retry", story)
    assert world.sweep_until_quiet() == 0, "what failed waits for a person"

    for dry_run in (True, False):
        again = world.sluice.score_again(story, who="ada", dry_run=dry_run)
        assert [one.part for one in again.commands if isinstance(one, ScorePart)] == ["JFK"]
        assert again.resumed == ()
    world.collect()
    world.run()
    started = [(one.part, one.generation) for one in stories.of_kind(world.story(story), f.PartStarted)]
    assert sorted(started) == [("EWR", 1), ("JFK", 1), ("JFK", 2)]
    assert world.last(story, f.ScoringFinished).rows == 3
    assert remedies(world.story(story), []) == ()
    with pytest.raises(Refused, match="every part of story"):
        world.sluice.score_again(story, who="ada")


def test_only_what_changed_is_scored_unless_all_is_asked_for() -> None:
    world, _ = promoted()
    with pytest.raises(Refused, match="nothing of silver/flight_delays changed since version 1"):
        world.sluice.score(MODEL, who="ada", why="", full=False)
    world.rmse = 99.0  # the next version does not pass: version 1 stays
    world.land("flights/2013-02.csv", "origin,x\nJFK,1\n")
    world.run()
    found = world.sluice.score(MODEL, who="ada", why="", full=False)
    assert (found.requested.since, found.parts) == (1, ("JFK",))
    world.collect()
    world.run()
    assert world.last(found.requested.story, f.ScoringPlanned).parts == ("JFK",)
    assert (
        world.last(found.requested.story, f.ScoringFinished).rows
        == world.lake.rows("gold/flight_delays", "", "JFK").rows
    )
    assert world.sluice.score(MODEL, who="ada", why="", full=True, dry_run=True).parts == ("EWR", "JFK")


def test_cancelled_scoring_ends_and_stays_ended() -> None:
    world, _ = promoted()
    story = world.sluice.score(MODEL, who="ada", why="").requested.story
    world.collect()
    world.deliver()  # the plan
    world.deliver()  # one of its parts
    (running,) = world.jobs.running
    ended = world.sluice.ask_scoring.cancel(story, who="grace", why="wrong")
    assert (ended.parts, ended.stopped) == (2, 1)
    world.notify(running.job_run_id)
    world.run()
    assert world.jobs.running == []
    assert len([one for one in world.story(story) if isinstance(one, f.PartStarted)]) == 1
    assert remedies(world.story(story), []) == ()
    assert story not in world.ledger.unsettled()
    assert world.sweep_until_quiet() == 0
    assert world.sluice.ask_scoring.cancel(story, who="grace", why="again").stopped == 0
    assert world.last(story, f.ScoringCancelled).reason == "wrong"


def test_scoring_that_has_ended_cannot_be_cancelled() -> None:
    world, first = promoted()
    with pytest.raises(Refused, match="nothing to cancel"):
        world.sluice.ask_scoring.cancel(first, who="grace", why="")
    with pytest.raises(Refused, match="has no scoring"):
        world.sluice.ask_scoring.cancel("0" * 16, who="grace", why="")


def test_cancelled_in_shards_none_begins() -> None:
    world, _ = promoted()
    parts = [f"{number:04}" for number in range(SHARDED_ABOVE + 1)]
    world.rmse = 99.0
    world.land("flights/many.csv", "origin,x\n" + "".join(f"{part},1\n" for part in parts))
    world.run()
    story = world.sluice.score(MODEL, who="ada", why="").requested.story
    world.collect()
    world.deliver()  # the plan
    shards = len(world.pending)
    world.deliver()  # one shard
    world.deliver(len(world.pending) - 1)  # one part of it
    assert len(world.jobs.running) == 1
    ended = world.sluice.ask_scoring.cancel(story, who="grace", why="wrong")
    assert (ended.parts, ended.stopped) == (len(parts) + 2, 1)
    world.run()
    assert shards > 1
    assert world.jobs.running == []
    assert world.sweep_until_quiet() == 1  # the end of the run that was stopped was not told
    assert [one for one in world.ledger.unsettled() if one.startswith(story)] == []


def scoring(**how: Any) -> World:
    world = World(use_case=replace(USE_CASE, scoring=replace(USE_CASE.scoring, **how)))
    world.land()
    world.run()
    world.rmse = 99.0  # no later version passes
    return world


def scorings(world: World) -> list[tuple[str, int, tuple[str, ...]]]:
    """Of those that nobody asked for: why, since when, which parts."""
    told = [world.story(head.story) for head in reversed(world.ledger.recent(100))]
    return [
        (requested.reason, requested.since, plan.parts if (plan := stories.last(story, f.ScoringPlanned)) else ())
        for story in told
        if (requested := stories.last(story, f.ScoringRequested))
    ]


def test_new_data_is_scored_by_what_is_in_production() -> None:
    world = scoring(when=ScoringWhen.NEW_DATA)
    world.sweep_until_quiet()
    assert scorings(world) == [], "its promotion scored all of it"
    world.land("flights/2013-02.csv", "origin,x\nJFK,1\nLGA,1\n")
    world.run()
    world.sweep_until_quiet()
    assert scorings(world) == [("version 2 of silver/flight_delays is new", 1, ("JFK", "LGA"))]
    assert world.sweep_until_quiet() == 0
    world.land("flights/2013-03.csv", "origin,x\nEWR,1\n")
    world.run()
    world.sweep_until_quiet()
    assert scorings(world)[1:] == [("version 3 of silver/flight_delays is new", 2, ("EWR",))]


def test_one_scoring_at_a_time_writes_a_table() -> None:
    world = scoring(when=ScoringWhen.NEW_DATA)
    world.land("flights/2013-02.csv", "origin,x\nJFK,1\n")
    world.run()
    for month in (3, 4):
        world.clock.advance(AFTER)
        world.sluice.sweep()
        world.collect()
        world.land(f"flights/2013-0{month}.csv", "origin,x\nJFK,1\n")
        world.run(runs_end=False)
    assert [run.parameters["delta_version"] for run in world.jobs.running if run.job == "sluice-score"] == ["2"]
    world.run()
    world.sweep_until_quiet()
    assert [(since, parts) for _, since, parts in scorings(world)] == [(1, ("JFK",)), (2, ("JFK",))]


def test_new_data_without_a_champion_is_not_scored() -> None:
    world = World(use_case=replace(USE_CASE, scoring=replace(USE_CASE.scoring, when=ScoringWhen.NEW_DATA)))
    world.rmse = 99.0
    world.land()
    world.run()
    world.sweep_until_quiet()
    assert scorings(world) == []


def test_scoring_that_failed_is_asked_for_again_with_newer_data_only() -> None:
    world = scoring(when=ScoringWhen.NEW_DATA)
    world.land("flights/2013-02.csv", "origin,x\nJFK,1\n")
    world.run()
    world.clock.advance(AFTER)
    world.sluice.sweep()
    world.collect()
    world.run(runs_end=False)
    world.end_runs(RunResult.FAILED, "no")
    world.run()
    assert world.sweep_until_quiet() == 0
    world.land("flights/2013-03.csv", "origin,x\nLGA,1\n")
    world.run()
    world.sweep_until_quiet()
    assert [(since, parts) for _, since, parts in scorings(world)] == [(1, ("JFK",)), (1, ("JFK", "LGA"))]


def test_all_is_scored_by_the_clock() -> None:
    world = scoring(every=timedelta(days=1))
    world.sweep_until_quiet()
    assert scorings(world) == [], "it was scored in this period"
    for _ in range(2):
        world.clock.advance(timedelta(days=1))
        world.sweep_until_quiet()
        world.sweep_until_quiet()
    assert [(why, since, parts) for why, since, parts in scorings(world)] == [
        ("all of it is scored every day", -1, ("EWR", "JFK"))
    ] * 2
