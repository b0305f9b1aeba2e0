"""A file that landed before and is written again: the use case says whether its rows may be in the table twice."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain import facts as f
from shared.domain.quality import ExpectationOutcome
from shared.domain.quarantine import ReleaseAsked
from shared.domain.usecase import LandedAgain, QuarantineKind
from shared.domain.verdicts import Severity, Verdict
from tests.ports import CrashError
from tests.world import BATCH, USE_CASE, CrashAfter, World

FILE, SILVER = "landing/flights/2013-01.csv", "silver/flight_delays"
OTHER, BAD = "origin,x\nJFK,5\n", "origin,x\nJFK,-1\nJFK,2\nEWR,3\n"
WAYS = [{}, {"largest": 5, "check_job": "sluice-check"}]
"""Checked here, and by the job."""


def world_of(again: LandedAgain = LandedAgain.WARN, **data: Any) -> World:
    return World(use_case=replace(USE_CASE, data=replace(USE_CASE.data, again=again, **data)))


def lands(world: World, content: str, name: str = "flights/2013-01.csv") -> str:
    story = world.land(name, content)
    world.run()
    return story


def said(world: World, story: str) -> ExpectationOutcome | None:
    found = [one for one in world.last(story, f.BatchChecked).expectations if one.expectation == "landed_before"]
    return found[0] if found else None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("again", "verdict", "severity", "versions"),
    [
        (LandedAgain.APPEND, Verdict.PASSED, None, 2),
        (LandedAgain.WARN, Verdict.WARNED, Severity.WARNING, 2),
        (LandedAgain.REFUSE, Verdict.FAILED, Severity.BLOCKING, 1),
    ],
)
def test_use_case_says_what_becomes_of_it(
    way: dict[str, Any], again: LandedAgain, verdict: Verdict, severity: Severity | None, versions: int
) -> None:
    world = world_of(again, **way)
    first = lands(world, BATCH)
    assert said(world, first) is None
    since = world.last(first, f.DataCommitted).at
    second = lands(world, OTHER)
    assert world.last(second, f.BatchChecked).verdict is verdict
    found = said(world, second)
    assert (found.severity if found else None) is severity
    assert world.lake.versions(SILVER) == versions
    if found:
        assert found.sentence == (
            f"no file of it landed before: {FILE} did, and is in version 1 of {SILVER} since {since:%Y-%m-%d %H:%M} UTC"
            f" (story {first}): its rows would be there twice"
        )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("check", [False, True])
def test_what_is_refused_is_kept_whole_until_a_person_lets_it_in(way: dict[str, Any], *, check: bool) -> None:
    """Also where it is checked once more: that a person lets it in is said of just this."""
    world = world_of(LandedAgain.REFUSE, quarantine=QuarantineKind.ROWS, **way)
    lands(world, BATCH)
    second = lands(world, OTHER)
    kept = world.last(second, f.DataQuarantined)
    assert (kept.rows, len(kept.reasons)) == (1, 1)
    assert "its rows would be there twice" in kept.reasons[0]
    assert "TrainingStarted" not in world.kinds(second)
    world.sluice.release(ReleaseAsked(story=second, who="ada", why="the month was corrected", check=check))
    world.collect()
    world.run()
    assert world.last(second, f.DataCommitted).generation == 2
    assert world.last(second, f.BatchChecked).verdict is (Verdict.WARNED if check else Verdict.FAILED)


def test_what_did_not_get_into_the_table_did_not_land_before() -> None:
    world = world_of(LandedAgain.REFUSE)
    lands(world, BAD)
    assert said(world, lands(world, BATCH)) is None
    url, etag = world.landing.put("flights/2.csv", BATCH)
    world.announce("flights/2.csv", url, etag, len(BATCH))
    assert said(world, lands(world, OTHER, "flights/2.csv")) is None, "the first was superseded"


def test_other_files_and_other_tables_are_not_meant() -> None:
    world = world_of(LandedAgain.REFUSE)
    lands(world, BATCH)
    assert said(world, lands(world, BATCH, "flights/a-2013-01.csv")) is None
    world.wire(replace(USE_CASE, data=replace(USE_CASE.data, again=LandedAgain.REFUSE, table="silver/another")))
    assert said(world, lands(world, OTHER)) is None


def test_nobody_looks_into_what_cannot_be_read() -> None:
    world = world_of(LandedAgain.REFUSE, largest=5, check_job="sluice-check")
    lands(world, BATCH)
    second = lands(world, "origin,x\nJFK,5!\n")
    assert world.last(second, f.BatchChecked).verdict is Verdict.ERROR
    assert said(world, second) is None


@pytest.mark.parametrize(
    ("data", "mark"),
    [({"ends_with": "_SUCCESS"}, "flights/a/_SUCCESS"), ({"manifest": "manifest.json"}, "flights/a/manifest.json")],
)
def test_batch_whose_marker_comes_again_has_its_files_twice(data: dict[str, str], mark: str) -> None:
    world = world_of(LandedAgain.REFUSE, arrives="landing/flights/*/*.csv", **data)
    world.land("flights/a/1.csv", BATCH)
    first = lands(world, '["1.csv"]', mark)
    found = said(world, lands(world, '["1.csv"]', mark))
    assert said(world, first) is None
    assert found
    assert found.detail.startswith(f"landing/{mark} did, and is in version 1 of {SILVER}")
    assert "as are 1 more of its files: its rows" in found.detail


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("calls", range(1, 40, 3))
def test_killed_after_any_call_a_batch_is_not_taken_for_one_before_itself(way: dict[str, Any], calls: int) -> None:
    world = world_of(LandedAgain.REFUSE, **way)
    world._proxy = CrashAfter(calls).proxy
    world.wire(replace(USE_CASE, data=replace(USE_CASE.data, again=LandedAgain.REFUSE, **way)))
    url, etag = world.landing.put("flights/2013-01.csv", BATCH)
    for _ in range(2):
        try:
            world.announce("flights/2013-01.csv", url, etag, len(BATCH))
            world.run()
        except CrashError:
            world.collect()
    world.run()
    world.sweep_until_quiet()
    assert world.lake.versions(SILVER) == 1
    story = next(head.story for head in world.ledger.recent(9))
    assert said(world, story) is None
