"""What a person asks of scoring: with what is in production, and only what failed once more."""

from collections import Counter

import pytest

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.verdicts import RunResult
from shared.errors import Refused, UnknownUseCase
from shared.views.remedies import remedies
from tests.world import MODEL, World


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
        world.sluice.score_again("0" * 16)


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

    assert [one.part for one in world.sluice.score_again(story, dry_run=True)] == ["JFK"]
    assert [one.part for one in world.sluice.score_again(story)] == ["JFK"]
    world.collect()
    world.run()
    started = [(one.part, one.generation) for one in stories.of_kind(world.story(story), f.PartStarted)]
    assert sorted(started) == [("EWR", 1), ("JFK", 1), ("JFK", 2)]
    assert world.last(story, f.ScoringFinished).rows == 3
    assert remedies(world.story(story), []) == ()
    with pytest.raises(Refused, match="no part of story"):
        world.sluice.score_again(story)
