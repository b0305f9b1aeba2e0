"""Data that does not come: told once for each period, to a person, until it comes again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import facts as f
from shared.domain.silence import missed
from shared.domain.usecase import UseCase
from shared.views.remedies import remedies
from shared.views.states import State
from shared.views.status import status_view
from tests.world import AFTER, USE_CASE, CrashAfter, World

DAY = timedelta(days=1)
AT = datetime(2026, 1, 31, 3, 0, tzinfo=UTC)


def daily(**changes: timedelta) -> UseCase:
    return replace(USE_CASE, data=replace(USE_CASE.data, every=DAY, **changes))  # type: ignore[arg-type]  # they fit


def sweep(world: World, after: timedelta = timedelta()) -> list[str]:
    """Time passes, the sweep looks; the stories of silence that are open."""
    world.clock.advance(after)
    world.sluice.sweep()
    world.collect()
    world.run()
    return [story for story in world.ledger.unsettled() if "DataMissing" in world.kinds(story)]


def periods(world: World, story: str) -> list[int]:
    return [one.period for one in world.story(story) if isinstance(one, f.DataMissing)]


def test_silence_is_told_once_for_each_period_and_needs_a_person() -> None:
    world = World(use_case=daily(grace=timedelta(hours=2)))
    world.land()
    world.run()
    assert sweep(world, DAY + timedelta(hours=1)) == []
    (story,) = sweep(world, timedelta(hours=1))
    for _ in range(3):
        assert sweep(world, AFTER) == [story]
    assert periods(world, story) == [1]
    sweep(world, DAY)
    assert periods(world, story) == [1, 2]
    view = status_view(world.ledger, world.ledger, world.ledger, now=world.clock.now())
    (told,) = [one for one in view.stories if one.story == story]
    assert (told.state, told.use_case, told.subject) == (
        State.NEEDS_ATTENTION,
        "flight_delays",
        "flight_delays/no-data",
    )
    assert "missed 2 times" in told.timeline[-1].sentence
    (remedy,) = remedies(world.story(story), [])
    assert remedy.why == "flight_delays: no data since 2026-01-31 03:00 UTC"


def test_silence_ends_with_the_next_arrival_and_the_next_one_has_its_own_story() -> None:
    world = World(use_case=daily())
    world.land()
    world.run()
    (silence,) = sweep(world, DAY)
    arrived = world.land("flights/2.csv")
    world.run()
    assert sweep(world) == []
    assert world.last(silence, f.DataResumed).arrived == arrived
    assert remedies(world.story(silence), []) == ()
    (another,) = sweep(world, DAY)
    assert another != silence
    assert periods(world, another) == [1]


def test_repeat_of_an_old_event_is_no_new_data() -> None:
    world = World(use_case=daily())
    story = world.land()
    world.run()
    world.clock.advance(DAY)
    arrived = world.last(story, f.DataArrived)
    world.announce("flights/2013-01.csv", arrived.url, arrived.etag, arrived.size)
    world.run()
    assert len(sweep(world)) == 1


def test_use_case_that_nothing_arrived_for_is_watched_from_the_first_look_on() -> None:
    world = World(use_case=daily())
    assert sweep(world) == []
    assert sweep(world, DAY / 2) == []
    assert len(sweep(world, DAY / 2)) == 1


def test_use_case_that_expects_nothing_is_not_watched_and_ends_what_was_open() -> None:
    world = World(use_case=daily())
    world.land()
    world.run()
    (silence,) = sweep(world, DAY)
    world.wire(USE_CASE)
    assert sweep(world, 10 * DAY) == []
    assert world.last(silence, f.DataResumed).arrived == ""


def test_silence_of_a_use_case_that_is_gone_ends() -> None:
    world = World(use_case=daily())
    world.land()
    world.run()
    (silence,) = sweep(world, DAY)
    world.wire(replace(USE_CASE, name="another"))
    assert sweep(world) == []
    assert world.kinds(silence)[-1] == "DataResumed"


def test_bad_data_is_data() -> None:
    """It came; that it is bad is told elsewhere."""
    world = World(use_case=daily())
    world.land(content="origin,x\nJFK,-1\n")
    world.run()
    assert sweep(world, DAY - timedelta(minutes=1)) == []


def test_long_silence_that_nobody_swept_is_told_in_bounds() -> None:
    world = World(use_case=daily())
    world.land()
    world.run()
    (story,) = sweep(world, 1000 * DAY)
    assert periods(world, story) == list(range(951, 1001))


@pytest.mark.parametrize("calls", range(1, 40, 3))
def test_killed_after_any_call_the_arrival_is_known_and_the_silence_told_once(calls: int) -> None:
    world = World(CrashAfter(calls).proxy, use_case=daily())
    world.land()
    world.run()
    world.sweep_until_quiet()
    world.clock.advance(DAY)
    world.sweep_until_quiet()
    (story,) = [each for each in world.ledger.unsettled() if "DataMissing" in world.kinds(each)]
    assert periods(world, story) == [1]


@given(st.integers(0, 10_000), st.integers(1, 1000), st.integers(0, 1000))
def test_each_period_is_missed_when_its_grace_is_over(hours: int, every: int, grace: int) -> None:
    spans = timedelta(hours=every), timedelta(hours=grace)
    count = missed(AT, *spans, AT + timedelta(hours=hours))
    assert count * every + grace <= hours or count == 0
    assert (count + 1) * every + grace > hours


def test_use_case_says_how_often(tmp_path: Path) -> None:
    import shutil

    from shared import usecase
    from tests.unit.test_usecase import FLIGHT_DELAYS, change, faults

    folder = tmp_path / "flight_delays"
    shutil.copytree(FLIGHT_DELAYS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    change(folder / "usecase.yml", "  null_values:", "  every: 1 day\n  null_values:")
    data = usecase.load_one(folder).data
    assert (data.every, data.grace) == (DAY, DAY / 10)
    change(folder / "usecase.yml", "every: 1 day", "every: daily")
    assert [fault for fault in faults(folder) if "data.every" in fault]
