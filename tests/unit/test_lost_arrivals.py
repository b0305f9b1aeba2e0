"""Files that no event told of: the sweep finds them, once, and they go the way of all others."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.arrival import SWEEP, Drop
from shared.domain.lost import SETTLED, Left, Lying
from shared.errors import Unreachable
from shared.steps import lost_arrivals
from shared.views.sentences import sentence
from tests.ports import LANDING_URL, START, MemoryLanding
from tests.world import AFTER, BATCH, USE_CASE, CrashAfter, World

DAY = timedelta(days=1)
QUIET = timedelta(minutes=10)
OTHER = "origin,x\nLGA,4\n"


def world_of(arrives: str = "landing/flights/*.csv", **data: Any) -> World:
    return World(use_case=replace(USE_CASE, data=replace(USE_CASE.data, arrives=arrives, **data)))


def put(world: World, name: str = "flights/2013-01.csv", content: str = BATCH) -> str:
    """A file lands, and no event says so; the story that its event would have begun."""
    _, etag = world.landing.put(name, content)
    return identity.story_of_arrival(f"landing/{name}", etag)


def sweep(world: World, after: timedelta = SETTLED) -> list[str]:
    """Time passes, the sweep looks, and what it sends is done; every story there is, oldest first."""
    world.clock.advance(after)
    world.sluice.sweep()
    world.collect()
    world.run()
    return [head.story for head in reversed(world.ledger.recent(100)) if not head.last_kind.startswith("DataMissing")]


def look(world: World, since: timedelta = 30 * DAY) -> list[Lying]:
    use_case = world.sluice.lost.use_cases.all[0]
    return list(world.sluice.lost.look(use_case, world.clock.now() - since))


def test_file_whose_event_was_lost_goes_the_way_of_all_others() -> None:
    world, told = World(), World()
    story = world.land()
    world.run(drop="event flights/2013-01.csv")
    assert world.kinds(story) == []
    assert sweep(world) == [story]
    assert told.land() == story
    told.run()
    assert world.kinds(story) == told.kinds(story)
    assert stories.is_settled(world.story(story))
    arrived = world.last(story, f.DataArrived)
    assert replace(arrived, at=START, found_by="") == replace(told.last(story, f.DataArrived), at=START)
    assert (arrived.found_by, arrived.size) == (SWEEP, len(BATCH))
    assert sentence(arrived).endswith("arrived, 27 bytes; no event told of it: found by the sweep")
    assert world.sweep_until_quiet() == 0


def test_event_that_comes_after_all_is_known() -> None:
    world = World()
    story = world.land()
    (event,) = world.pending
    world.pending.clear()
    sweep(world)
    facts, sent = world.keys(story), len(world.outbox.sent)
    for _ in range(2):
        event.hand_over()
    assert (world.keys(story), len(world.outbox.sent), world.quality.checks) == (facts, sent, 1)


def test_event_and_sweep_at_the_same_time_are_one_story() -> None:
    """The sweep has looked and found nothing known; then the event is faster."""
    world = World()
    story = world.land()
    world.clock.advance(SETTLED)
    (lying,) = look(world)
    assert (lying.story, lying.is_lost) == (story, True)
    world.deliver()
    world.sluice.adopt([lying], who="sweep", why="")
    world.collect()
    world.run()
    assert world.last(story, f.DataArrived).found_by == ""
    assert (world.quality.checks, world.lake.versions("silver/flight_delays")) == (1, 1)


def test_what_was_just_written_is_left_to_its_event() -> None:
    world = World()
    put(world)
    assert sweep(world, SETTLED - timedelta(seconds=1)) == []
    assert [(one.reason, one.is_lost) for one in look(world)] == [(Left.YOUNG, False)]
    assert len(sweep(world, timedelta(seconds=1))) == 1


@pytest.mark.parametrize(("look_back", "found"), [(2 * DAY, 1), (DAY, 0), (timedelta(), 0)])
def test_use_case_says_how_far_back(look_back: timedelta, found: int) -> None:
    world = world_of(look_back=look_back)
    put(world)
    assert len(sweep(world, DAY + timedelta(hours=1))) == found


def test_nothing_is_listed_where_it_is_off() -> None:
    world = world_of(look_back=timedelta())
    world.landing.listed = None  # type: ignore[assignment,method-assign]  # calling it would fail
    assert sweep(world) == []


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("flights/2013-01.csv", "", Drop.EMPTY),
        ("flights/.2013-01.csv", BATCH, Drop.TEMPORARY),
        ("flights/2013-01.csv.tmp", BATCH, Drop.TEMPORARY),
        ("flights/_temporary/0/part-0.csv", BATCH, Drop.TEMPORARY),
        ("flights/_SUCCESS", "", Drop.MARKER),
        ("flights/2013-01.txt", BATCH, Drop.OTHER_SUFFIX),
        ("flights/readme", BATCH, Drop.NO_USE_CASE),
    ],
)
def test_what_an_event_would_not_make_an_arrival_is_none(name: str, content: str, reason: Drop) -> None:
    """It is not counted as dropped: it would be at every sweep."""
    world = World()
    put(world, name, content)
    assert sweep(world) == []
    assert [one.reason for one in look(world)] == [reason]
    assert world.ledger.dropped(START.date()) == []


def test_only_what_lies_below_its_pattern_is_listed() -> None:
    data = USE_CASE.data
    assert data.prefix == "landing/flights/"
    assert replace(data, arrives="landing/flights/2013-*.csv").prefix == "landing/flights/2013-"
    assert replace(data, arrives="landing/flights/2013-*.csv", ends_with="_SUCCESS").prefix == "landing/flights/"
    assert replace(data, arrives="landing/f[a-z]/?.csv").prefix == "landing/f"
    assert replace(data, arrives="*/flights.csv", manifest="m.json").prefix == ""
    assert replace(data, arrives="landing/a.csv").prefix == "landing/a.csv"


def test_of_very_many_some_arrive_at_each_sweep_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_arrivals, "AT_ONCE", 3)
    world = World()
    wanted = [put(world, f"flights/{number}.csv") for number in (9, 2, 7, 1, 8)]
    assert sweep(world) == wanted[:3]
    assert sweep(world) == wanted


def test_file_that_was_written_again_is_a_new_arrival() -> None:
    world = World()
    first = world.land()
    world.run()
    second = put(world, content=BATCH + "LGA,4\n")
    assert sweep(world) == [first, second]
    assert world.lake.versions("silver/flight_delays") == 2


def test_file_whose_properties_were_set_is_none() -> None:
    """It has another ETag then, and the same name and size."""
    world = World()
    first = world.land()
    world.run()
    again = put(world)
    assert sweep(world) == [first]
    (left,) = look(world)
    assert (left.reason, left.story, first in left.why) == (Left.ARRIVED_BEFORE, again, True)
    world.sluice.adopt([left], who="ada", why="it is other data")
    world.collect()
    world.run()
    assert world.lake.versions("silver/flight_delays") == 2


def test_content_that_nobody_read_is_not_held_against_the_next() -> None:
    """The first was superseded before it was read: what is there now is read."""
    world = World()
    first = world.land()
    while world.kinds(first) != ["DataArrived"]:
        world.deliver()
    second = put(world)
    world.run()
    assert world.kinds(first)[-1] == "DataSuperseded"
    assert sweep(world) == [first, second]
    assert world.kinds(second)[:3] == ["DataArrived", "BatchChecked", "DataCommitted"]


def test_what_a_person_adopts_says_who_and_why() -> None:
    world = World()
    story = put(world)
    world.clock.advance(20 * DAY)
    assert sweep(world) == []
    for _ in range(2):
        lying = [one for one in look(world) if one.is_lost]
        world.sluice.adopt(lying, who="ada@laptop", why="from before the deployment")
        world.collect()
        world.run()
    arrived = world.last(story, f.DataArrived)
    assert (arrived.found_by, arrived.reason) == ("ada@laptop", "from before the deployment")
    assert sentence(arrived).endswith("no event told of it: found by ada@laptop: from before the deployment")
    assert (world.quality.checks, look(world)) == (1, [])


def test_what_was_found_is_no_silence() -> None:
    world = world_of(every=DAY, look_back=3 * DAY)
    world.land("flights/1.csv")
    world.run()
    world.clock.advance(DAY)
    put(world, "flights/2.csv", OTHER)
    sweep(world, timedelta(hours=20))
    assert [head for head in world.ledger.recent(10) if head.last_kind == "DataMissing"] == []


def test_landing_area_that_does_not_answer_keeps_nothing_else_from_being_swept() -> None:
    class Down(MemoryLanding):
        down = True

        def listed(self, *arguments: Any) -> Any:
            if self.down:
                raise Unreachable("landing: no route to host")
            return super().listed(*arguments)

    world = World()
    world.landing = Down(world.clock)
    world.wire(USE_CASE)
    story = world.land()
    while world.kinds(story) != ["DataArrived"]:
        world.deliver()
    world.pending.clear()
    lost = put(world, "flights/2.csv", OTHER)
    assert sweep(world, AFTER) == [story]
    assert stories.is_settled(world.story(story))
    world.landing.down = False
    assert sweep(world) == [story, lost]


# Batches of several files


def test_marker_is_found_and_stands_for_what_is_beside_it() -> None:
    world = world_of("landing/flights/*/*.csv", ends_with="_SUCCESS")
    for name in ("1", "2"):
        put(world, f"flights/a/{name}.csv", OTHER)
    story = put(world, "flights/a/_SUCCESS", "")
    assert sweep(world) == [story]
    assert [one.file for one in world.last(story, f.BatchAssembled).files] == [
        "landing/flights/a/1.csv",
        "landing/flights/a/2.csv",
    ]
    assert world.last(story, f.DataCommitted).rows == 2
    assert [one.reason for one in look(world)] == [Drop.PART_OF_BATCH] * 2
    assert world.sweep_until_quiet() == 0
    again = put(world, "flights/a/_SUCCESS", "")
    assert sweep(world) == [story, again]


def test_manifest_is_found() -> None:
    world = world_of("landing/flights/*/*.csv", manifest="manifest.json")
    put(world, "flights/a/1.csv", OTHER)
    story = put(world, "flights/a/manifest.json", json.dumps({"files": ["1.csv"]}))
    assert sweep(world) == [story]
    assert world.last(story, f.DataCommitted).rows == 1


def test_commits_of_a_delta_table_are_found_in_their_order() -> None:
    world = world_of("landing/flights/_delta_log/*.json")
    wanted = [put(world, f"flights/_delta_log/{number:020}.json") for number in range(3)]
    put(world, "flights/_delta_log/00000000000000000002.checkpoint.parquet")
    assert sweep(world) == wanted


def test_files_that_no_event_told_of_are_in_one_batch_with_those_before_it_was_quiet() -> None:
    world = world_of(quiet=QUIET)
    first = world.land("flights/1.csv", OTHER)
    put(world, "flights/2.csv", OTHER)
    world.run()
    assert sweep(world) == []
    world.land("flights/3.csv", OTHER)
    world.run()
    assert sweep(world) == []
    assert sweep(world, QUIET) == [first]
    assert len(world.last(first, f.BatchAssembled).files) == 3
    assert world.last(first, f.DataArrived).found_by == ""
    assert (look(world), world.sweep_until_quiet()) == ([], 0)


def test_batch_whose_first_file_was_found_says_so() -> None:
    world = world_of(quiet=QUIET)
    story = world.land("flights/1.csv", OTHER)
    (event,) = world.pending
    world.pending.clear()
    sweep(world)
    event.hand_over()
    assert sweep(world, QUIET) == [story]
    assert world.last(story, f.DataArrived).found_by == SWEEP
    put(world, "flights/1.csv", OTHER)
    assert sweep(world) == [story]
    assert sweep(world, QUIET) == [story]
    assert [one.reason for one in look(world)] == [Left.ARRIVED_BEFORE]


@pytest.mark.parametrize("data", [{"quiet": QUIET}, {}])
def test_what_was_in_a_batch_is_known_when_the_use_case_says_otherwise_what_a_batch_is(data: dict[str, Any]) -> None:
    """A file on its own was one of a quiet period before, and the other way round."""
    world = world_of(**data)
    for number in range(25):
        world.land(f"flights/{number}.csv", OTHER)
    world.run()
    before = sweep(world, QUIET + SETTLED)
    other = {"quiet": None if data else QUIET}
    world.wire(replace(USE_CASE, data=replace(USE_CASE.data, **other)))  # type: ignore[arg-type]  # it fits
    assert sweep(world) == sweep(world, QUIET) == before
    assert look(world) == []


def test_more_than_one_look_tells_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_arrivals, "_NEWEST", 2)
    monkeypatch.setattr(lost_arrivals, "NOTED", 2)
    for data in ({"quiet": QUIET}, {"quiet": None}):
        world = world_of(**data)
        for number in range(5):
            world.land(f"flights/{number}.csv", OTHER)
        world.run()
        lost = put(world, "flights/lost.csv")
        world.clock.advance(SETTLED)
        assert [one.story for one in look(world)] == [lost]


@pytest.mark.parametrize("quiet", [None, QUIET])
@pytest.mark.parametrize("calls", range(1, 40, 2))
def test_killed_at_any_call_what_was_lost_is_committed_once(calls: int, quiet: timedelta | None) -> None:
    data = replace(USE_CASE.data, quiet=quiet, every=DAY)
    world = World(CrashAfter(calls).proxy, use_case=replace(USE_CASE, data=data))
    for name in ("1", "2"):
        put(world, f"flights/{name}.csv", OTHER)
    for _ in range(4):
        world.clock.advance(QUIET)
        world.sweep_until_quiet()
    told = [fact for head in world.ledger.recent(10) for fact in world.ledger.story(head.story)]
    assert sum(fact.rows for fact in told if isinstance(fact, f.DataCommitted)) == 2
    assert sum(isinstance(fact, f.DataArrived) for fact in told) == (1 if quiet else 2)
    assert f"{LANDING_URL}/flights/1.csv" in {fact.url for fact in told if isinstance(fact, f.DataArrived)}
