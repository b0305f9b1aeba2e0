"""What fails its check is kept apart, whole or row by row, and what a person lets out goes on, once."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import facts as f
from shared.domain import quarantine
from shared.domain.quarantine import ReleaseAsked
from shared.domain.usecase import QuarantineKind, UseCase
from shared.errors import Refused
from shared.views.quarantine import standings
from shared.views.states import State, state_of
from tests.ports import CrashError
from tests.world import USE_CASE, CrashAfter, World

BAD = "origin,x\nJFK,-1\nJFK,2\nEWR,3\n"
SILVER = "silver/flight_delays"
BY_ROW: UseCase = replace(
    USE_CASE,
    data=replace(USE_CASE.data, quarantine=QuarantineKind.ROWS, quarantine_at_most_percent=Decimal(50)),
)


def asked(story: str, *, check: bool = False) -> ReleaseAsked:
    return ReleaseAsked(story=story, who="ada", why="it is as it should be", check=check)


def release(world: World, story: str, *, check: bool = False) -> None:
    world.sluice.release(asked(story, check=check))
    world.collect()
    world.run()


def state(world: World, story: str) -> State:
    return state_of(world.story(story), world.ledger.parked())


def test_whole_batch_is_kept_with_its_rows_and_listed() -> None:
    world = World()
    story = world.land(content=BAD)
    world.run()
    fact = world.last(story, f.DataQuarantined)
    assert (fact.location, fact.rows, fact.bad_rows) == (f"quarantine/flight_delays/{story}", 3, 1)
    assert world.quarantine.kept[fact.location][1] == BAD
    assert [one.kept.story for one in standings(world.ledger)] == [story]
    assert state(world, story) is State.QUARANTINED


def test_only_bad_rows_are_kept_where_the_use_case_says_so_and_the_others_are_trained_on() -> None:
    world = World(use_case=BY_ROW)
    story = world.land(content=BAD)
    world.run()
    kinds = world.kinds(story)
    assert kinds[:5] == ["DataArrived", "BatchChecked", "RowsQuarantined", "DataCommitted", "TrainingStarted"]
    assert world.last(story, f.RowsQuarantined).rows == 1
    assert world.last(story, f.DataCommitted).rows == 2
    assert state(world, story) is State.DONE
    assert [one.kept.story for one in standings(world.ledger)] == [story]


@pytest.mark.parametrize("content", ["origin,x\nJFK,-1\nJFK,-2\nEWR,3\n", "origin,x\nJFK,-1\n", "origin,x\nJFK,?\n"])
def test_too_many_bad_rows_or_none_that_is_known_keep_the_batch_whole(content: str) -> None:
    world = World(use_case=BY_ROW)
    story = world.land(content=content)
    world.run()
    assert world.kinds(story)[-1] == "DataQuarantined"
    assert world.lake.versions(SILVER) == 0


def test_released_batch_is_committed_and_trained_on() -> None:
    world = World()
    story = world.land(content=BAD)
    world.run()
    world.landing.remove("https://account.blob.core.windows.net/landing/flights/2013-01.csv")
    release(world, story)
    released = world.last(story, f.QuarantineReleased)
    assert (released.generation, released.who, released.reason) == (2, "ada", "it is as it should be")
    assert world.last(story, f.DataCommitted).rows == 3
    assert world.last(story, f.ScoringFinished).rows == 3
    assert world.quality.checks == 1
    assert (state(world, story), list(standings(world.ledger))) == (State.DONE, [])
    assert [one.kept.story for one in standings(world.ledger, all_of_them=True)] == [story]
    assert world.sweep_until_quiet() == 0


def test_released_rows_go_on_in_a_story_of_their_own() -> None:
    """A story trains once: the rows that come later are trained on with the others, as the next version."""
    world = World(use_case=BY_ROW)
    story = world.land(content=BAD)
    world.run()
    before = world.keys(story)
    release(world, story)
    continues = world.last(story, f.QuarantineReleased).continues
    assert world.keys(story) == before | {"QuarantineReleased:2"}
    assert world.kinds(continues)[:3] == ["DataArrived", "QuarantineReleased", "DataCommitted"]
    assert world.last(continues, f.DataCommitted).rows == 1
    assert world.last(continues, f.ScoringFinished).rows == 3
    assert [state(world, each) for each in (story, continues)] == [State.DONE, State.DONE]
    assert world.ledger.find("flights/2013-01.csv") == [continues, story]
    assert world.sweep_until_quiet() == 0


def test_released_to_be_checked_is_checked_by_what_the_suite_says_now() -> None:
    world = World()
    story = world.land(content="origin,x\nJFK,?\n")
    world.run()
    assert state(world, story) is State.NEEDS_ATTENTION
    release(world, story, check=True)
    assert [one.generation for one in world.story(story) if isinstance(one, f.BatchChecked)] == [1, 2]
    assert world.kinds(story)[-1] == "DataQuarantined"
    with pytest.raises(Refused, match="released before"):
        quarantine.refuse([*world.story(story), replace(f.QuarantineReleased.example(), generation=3)], asked(story))
    release(world, story)
    assert world.last(story, f.DataCommitted).generation == 3
    assert state(world, story) is State.DONE


def test_what_cannot_be_released_is_refused_and_changes_nothing() -> None:
    world = World(use_case=BY_ROW)
    good, bad = world.land(), world.land("flights/2.csv", BAD)
    world.run()
    for story, check, why in ((good, False, "nothing in quarantine"), (bad, True, "only some rows")):
        before = world.keys(story)
        with pytest.raises(Refused, match=why):
            world.sluice.release(asked(story, check=check))
        assert world.keys(story) == before
    release(world, bad)
    with pytest.raises(Refused, match="released before by ada"):
        world.sluice.release(asked(bad))
    with pytest.raises(Refused, match="no rows are kept"):
        quarantine.refuse([replace(f.DataQuarantined.example(), rows=0)], asked("x"))


def test_release_that_was_recorded_but_not_sent_is_carried_on_by_the_sweep() -> None:
    world = World()
    story = world.land(content=BAD)
    world.run()
    world.sluice.release(asked(story))
    world.outbox.sent.clear()  # the message was lost
    world.collect()
    assert world.ledger.unsettled() == [story]
    assert world.sweep_until_quiet() > 0
    assert world.last(story, f.ScoringFinished).rows == 3


@given(st.integers(1, 40), st.booleans())
def test_killed_after_any_call_it_is_kept_and_committed_once(calls: int, by_row: bool) -> None:
    """At any point of the check, the quarantine, the release: the story goes on, and nothing is there twice."""
    fate = CrashAfter(calls)
    world = World(fate.proxy, use_case=BY_ROW if by_row else USE_CASE)
    story = world.land(content=BAD)
    world.run()
    world.sweep_until_quiet()
    for _ in range(3):
        try:
            world.sluice.release(asked(story))
        except CrashError:  # a person asks again
            continue
        except Refused:  # it was recorded before it was killed
            break
    world.collect()
    world.run()
    world.sweep_until_quiet()
    told = [*world.story(story), *(world.story(world.last(story, f.QuarantineReleased).continues) if by_row else ())]
    committed = [one.rows for one in told if isinstance(one, f.DataCommitted)]
    assert committed == ([2, 1] if by_row else [3])
    assert world.lake.versions(SILVER) == len(committed)
    assert len([run for run in world.jobs.runs if run.job == "sluice-train"]) == len(committed)
    assert [one.rows for one in told if isinstance(one, f.ScoringFinished)][-1] == 3
    assert world.ledger.unsettled() == []
