"""Batches of several files: whole by a marker, a manifest or a quiet period; each file in one of them, once."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain import facts as f
from shared.domain import identity
from shared.domain.arrival import Drop
from shared.domain.batch import MOST_FILES
from shared.errors import Malformed
from shared.wire.manifest import decode_manifest
from tests.ports import START
from tests.world import AFTER, USE_CASE, CrashAfter, World

HEADER = "origin,x\n"
QUIET = timedelta(minutes=10)


def world_of(**data: Any) -> World:
    arrives = "landing/flights/*.csv" if "quiet" in data else "landing/flights/*/*.csv"
    return World(use_case=replace(USE_CASE, data=replace(USE_CASE.data, arrives=arrives, **data)))


def dropped(world: World) -> dict[str, int]:
    return {one.reason: one.count for one in world.ledger.dropped(START.date())}


def test_marker_makes_a_batch_of_what_is_beside_it() -> None:
    world = world_of(ends_with="_SUCCESS")
    world.land("flights/a/1.csv", HEADER + "JFK,1\n")
    world.land("flights/a/2.csv", HEADER + "LGA,2\nEWR,3\n")
    world.land("flights/b/3.csv", HEADER + "JFK,9\n")
    world.run()
    assert world.ledger.recent(10) == []
    assert dropped(world) == {Drop.PART_OF_BATCH: 3}
    story = world.land("flights/a/_SUCCESS", "")
    world.run()
    assert [one.file for one in world.last(story, f.BatchAssembled).files] == [
        "landing/flights/a/1.csv",
        "landing/flights/a/2.csv",
    ]
    assert world.last(story, f.DataCommitted).rows == 3
    assert world.ledger.find("landing/flights/a/2.csv") == [story]


def test_marker_that_comes_again_is_a_new_batch_of_what_is_there_then() -> None:
    world = world_of(ends_with="_SUCCESS")
    for rows in ("JFK,1\n", "JFK,1\nLGA,2\n"):
        world.land("flights/a/1.csv", HEADER + rows)
        story = world.land("flights/a/_SUCCESS", "")
        world.run()
    assert world.last(story, f.DataCommitted).rows == 2


def test_marker_beside_nothing_is_parked() -> None:
    world = world_of(ends_with="_SUCCESS")
    world.land("flights/a/_SUCCESS", "")
    world.run()
    (parked,) = world.ledger.parked()
    assert "nothing is that matches data.arrives" in parked.detail


def test_manifest_names_its_files() -> None:
    world = world_of(manifest="manifest.json")
    for name in ("1", "2", "stray"):
        world.land(f"flights/a/{name}.csv", HEADER + "JFK,1\n")
    story = world.land("flights/a/manifest.json", json.dumps({"files": ["2.csv", "1.csv", "2.csv"]}))
    world.run()
    files = [one.file.rpartition("/")[2] for one in world.last(story, f.BatchAssembled).files]
    assert files == ["2.csv", "1.csv"]
    assert world.last(story, f.DataCommitted).rows == 2


def test_manifest_that_names_what_is_not_there_waits_for_it() -> None:
    world = world_of(manifest="manifest.json")
    story = world.land("flights/a/manifest.json", '["1.csv"]')
    world.run()
    (parked,) = world.ledger.parked()
    assert "names landing/flights/a/1.csv, which is not there: land it" in parked.detail
    world.land("flights/a/1.csv", HEADER + "JFK,1\n")
    world.sluice.replay(parked, who="ada")
    world.collect()
    world.run()
    assert world.last(story, f.DataCommitted).rows == 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("{}", "no list of names"),
        ('{"files": "a.csv"}', "no list of names"),
        ("[1]", "no list of names"),
        ('[""]', "no list of names"),
        ('["../a.csv"]', "beside it or below"),
        ('["/etc/passwd"]', "beside it or below"),
        ('["a//b"]', "beside it or below"),
    ],
)
def test_manifest_that_leads_elsewhere_is_refused(body: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        decode_manifest(body.encode())


def test_file_of_a_marked_batch_that_changed_supersedes_it() -> None:
    world = world_of(ends_with="_SUCCESS")
    world.land("flights/a/1.csv", HEADER + "JFK,1\n")
    world.land("flights/a/2.csv", HEADER + "JFK,1\n")
    story = world.land("flights/a/_SUCCESS", "")
    while world.kinds(story) != ["DataArrived"]:
        world.deliver()
    first, second, _ = world.landing.beside(world.last(story, f.DataArrived).url)
    world.ledger.record([f.BatchAssembled(story=story, at=world.clock.now(), files=(first, second))])
    world.landing.put("flights/a/2.csv", "never read")
    world.run()
    assert world.kinds(story) == ["DataArrived", "BatchAssembled", "DataSuperseded"]


def test_quiet_period_ends_a_batch() -> None:
    world = world_of(quiet=QUIET)
    story = world.land("flights/1.csv", HEADER + "JFK,1\n")
    world.run()
    world.clock.advance(QUIET / 2)
    world.land("flights/2.csv", HEADER + "LGA,2\n")
    world.run()
    world.clock.advance(QUIET * 0.9)
    world.sluice.sweep()
    world.collect()
    assert (world.ledger.recent(10), world.pending) == ([], [])
    world.clock.advance(QUIET * 0.2)
    world.sluice.sweep()
    world.collect()
    world.run()
    assert [one.file for one in world.last(story, f.BatchAssembled).files] == [
        "landing/flights/1.csv",
        "landing/flights/2.csv",
    ]
    assert world.last(story, f.DataCommitted).rows == 2
    assert world.sweep_until_quiet() == 0


def quiet_down(world: World) -> None:
    """The period passes, the sweep comes, and what it sends is done."""
    world.clock.advance(QUIET + AFTER)
    world.sluice.sweep()
    world.collect()
    world.run()


def test_each_file_is_in_one_batch_however_often_its_event_comes() -> None:
    world = world_of(quiet=QUIET)
    world.land("flights/1.csv", HEADER + "JFK,1\n")
    (event,) = world.pending
    world.run()
    quiet_down(world)
    world.clock.advance(timedelta(days=40))
    event.hand_over()
    for number in range(25):  # more batches than are looked back at
        world.land(f"flights/later-{number}.csv", HEADER + "JFK,1\n")
        world.run()
        quiet_down(world)
        event.hand_over()
    assembled = [
        one.file
        for head in world.ledger.recent(100)
        for fact in world.ledger.story(head.story)
        if isinstance(fact, f.BatchAssembled)
        for one in fact.files
    ]
    assert len(assembled) == len(set(assembled)) == 26


def test_file_that_is_written_again_is_read_as_it_is_then() -> None:
    world = world_of(quiet=QUIET)
    world.land("flights/1.csv", HEADER + "JFK,1\n")
    world.land("flights/2.csv", HEADER + "JFK,1\n")
    world.land("flights/1.csv", HEADER + "JFK,1\nLGA,2\n")
    world.run()
    quiet_down(world)
    world.land("flights/1.csv", HEADER + "JFK,1\nLGA,2\nEWR,3\n")
    world.run()
    quiet_down(world)
    rows = sorted(
        fact.rows
        for head in world.ledger.recent(10)
        for fact in world.ledger.story(head.story)
        if isinstance(fact, f.DataCommitted)
    )
    assert rows == [3, 3]
    quiet_down(world)
    assert world.lake.versions("silver/flight_delays") == 2


def test_batch_that_is_never_quiet_is_cut() -> None:
    world = world_of(quiet=QUIET)
    for number in range(MOST_FILES + 1):
        url, etag = world.landing.put(f"flights/{number:04}.csv", HEADER + "JFK,1\n")
        world.announce(f"flights/{number:04}.csv", url, etag, 10)
    world.run()
    world.sluice.sweep()
    world.collect()
    world.run()
    (head,) = world.ledger.recent(10)
    assert len(world.last(head.story, f.BatchAssembled).files) == MOST_FILES
    quiet_down(world)
    (newer, _) = world.ledger.recent(10)
    assert len(world.last(newer.story, f.BatchAssembled).files) == 1


@pytest.mark.parametrize("calls", range(1, 45))
def test_killed_at_any_call_every_file_is_committed_once(calls: int) -> None:
    fate = CrashAfter(calls)
    data = replace(USE_CASE.data, quiet=QUIET)
    world = World(fate.proxy, use_case=replace(USE_CASE, data=data))
    first = world.land("flights/1.csv", HEADER + "JFK,1\n")
    world.land("flights/2.csv", HEADER + "LGA,2\n")
    world.run(runs_end=False)
    for _ in range(3):
        world.clock.advance(QUIET)
        world.sweep_until_quiet()
    committed = [
        fact
        for head in world.ledger.recent(10)
        for fact in world.ledger.story(head.story)
        if isinstance(fact, f.DataCommitted)
    ]
    assert sum(one.rows for one in committed) == 2
    assert identity.story_of_arrival("landing/flights/1.csv", "0x1") == first
    assert world.lake.versions("silver/flight_delays") == len(committed) == 1
