"""A version that comes into production answers some of the requests first, and all of them if that went well."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.live_metrics import LiveThen
from shared.domain.slots import RollbackAsked
from shared.domain.usecase import CanarySpec, ServingSpec, UseCase
from shared.scoring_section import ServingSection
from shared.views.remedies import remedies
from tests.ports import CrashError
from tests.unit.test_live_metrics import BAD, GOOD, LIVE, measured, policy
from tests.world import AFTER, MODEL, SLOT, USE_CASE, CrashAfter, World

NAME = "flight-delays"
LASTS = timedelta(minutes=30)
SERVED = replace(USE_CASE, serving=ServingSpec(endpoint=NAME, canary=CanarySpec(percent=10, lasts=LASTS)))


def sweep(world: World, by: timedelta = AFTER) -> None:
    """Once: what goes on would keep it from resting."""
    world.clock.advance(by)
    world.sluice.sweep()
    world.collect()
    world.run()


def promoted(world: World, name: str) -> str:
    story = world.land(f"flights/{name}.csv")
    world.run()
    return story


def asked(world: World) -> list[str]:
    return [version for *_, version in world.serving.asked]


@pytest.fixture
def world() -> World:
    """Version 1 serves."""
    world = World(use_case=SERVED)
    promoted(world, "1")
    world.serving.end(NAME)
    sweep(world)
    assert asked(world) == ["1"], "the first one serves all at once"
    return world


def trying(world: World) -> str:
    """Version 2 is its canary."""
    second = promoted(world, "2")
    assert asked(world)[1:] == ["1+2"]
    world.serving.end(NAME)
    sweep(world)
    return second


def test_it_serves_all_after_its_time(world: World) -> None:
    second = trying(world)
    started = world.last(second, f.CanaryStarted)
    assert (started.previous, started.percent, started.until - started.at) == ("1", 10, LASTS)
    for _ in range(3):
        sweep(world)
    assert asked(world)[1:] == ["1+2"]
    sweep(world, LASTS)
    assert asked(world)[1:] == ["1+2", "2"]
    assert world.last(second, f.CanaryEnded).healthy
    assert not stories.of_kind(world.story(second), f.EndpointUpdated)
    world.serving.end(NAME)
    sweep(world)
    assert world.last(second, f.EndpointUpdated).version == "2"
    assert world.sweep_until_quiet() == 0
    assert remedies(world.story(second), []) == ()


def test_one_that_is_not_well_is_taken_back_before_its_time(world: World) -> None:
    second = trying(world)
    world.serving.sicken(NAME, "version 2: its process stopped")
    sweep(world)
    assert asked(world)[1:] == ["1+2", "1"]
    ended = world.last(second, f.CanaryEnded)
    assert (ended.healthy, ended.reason) == (False, "version 2: its process stopped")
    world.serving.end(NAME)
    sweep(world)
    failed = world.last(second, f.EndpointFailed)
    assert (failed.message, failed.superseded) == (f"its canary was not well: {ended.reason}", False)
    assert world.sweep_until_quiet() == 0
    (remedy,) = remedies(world.story(second), [])
    assert remedy.command[0] == "rollback"


def test_one_that_cannot_be_brought_up_leaves_the_version_before(world: World) -> None:
    second = promoted(world, "2")
    world.serving.end(NAME, failed="it cannot be loaded")
    sweep(world)
    assert world.last(second, f.EndpointFailed).message == "it cannot be loaded"
    assert asked(world)[1:] == ["1+2"]
    assert world.sweep_until_quiet() == 0


def test_one_that_does_not_come_to_serve_all_ends_too(world: World) -> None:
    second = trying(world)
    sweep(world, LASTS)
    world.serving.end(NAME, failed="no room for so much of it")
    world.serving.endpoints[NAME] = replace(world.serving.endpoints[NAME], version="1", canary="2", percent=10)
    sweep(world)
    assert world.last(second, f.EndpointFailed).message == "no room for so much of it"
    assert asked(world)[1:] == ["1+2", "2", "1"]


def test_where_the_version_before_cannot_be_served_alone_again_it_is_said(world: World) -> None:
    second = trying(world)
    world.serving.sicken(NAME, "no")
    sweep(world)
    sick = world.serving.endpoints[NAME]
    world.serving.end(NAME, failed="nor that")
    assert (sick.version, sick.canary) == ("1", "2")
    sweep(world)
    assert world.last(second, f.EndpointFailed).message == (
        "its canary was not well: no; nor could version 1 be served alone again: nor that"
    )
    assert world.sweep_until_quiet() == 0


def test_a_change_by_somebody_else_ends_it(world: World) -> None:
    second = trying(world)
    world.serving.endpoints[NAME] = replace(world.serving.endpoints[NAME], canary="", percent=0)
    sweep(world)
    assert world.last(second, f.EndpointFailed).message == (
        "its canary was not well: it is not served beside version 1 any more"
    )


def test_a_rollback_is_followed_at_once(world: World) -> None:
    second = trying(world)
    command = world.sluice.rollback(RollbackAsked(model=MODEL, version="", who="ada", why="nonsense"))
    world.collect()
    world.run()
    assert asked(world)[1:] == ["1+2", "1"]
    world.serving.end(NAME)
    sweep(world)
    assert world.last(command.story, f.EndpointUpdated).version == "1"
    assert world.last(second, f.EndpointFailed).superseded
    assert world.sweep_until_quiet() == 0


def test_the_next_promotion_takes_its_place(world: World) -> None:
    second = trying(world)
    third = promoted(world, "3")
    assert asked(world)[1:] == ["1+2", "1+3"]
    world.serving.end(NAME)
    sweep(world)
    assert world.last(third, f.CanaryStarted).previous == "1"
    assert world.last(second, f.EndpointFailed).superseded


@pytest.mark.parametrize("calls", range(1, 24))
def test_a_crash_anywhere_changes_nothing_of_it(calls: int) -> None:
    fate = CrashAfter(0)
    world = World(fate.proxy, use_case=SERVED)
    promoted(world, "1")
    world.serving.end(NAME)
    sweep(world)
    second = promoted(world, "2")
    world.serving.end(NAME)
    fate.left = calls
    for by in (AFTER, AFTER, LASTS, AFTER, AFTER):
        world.clock.advance(by)
        for _ in range(2):
            with suppress(CrashError):
                world.sluice.sweep()
            world.collect()
            world.run()
        if world.serving.endpoints[NAME].pending:
            world.serving.end(NAME)
    world.sweep_until_quiet()
    assert world.last(second, f.EndpointUpdated).version == "2"
    assert asked(world)[-1] == "2"
    assert world.last(second, f.CanaryStarted).previous == "1"


def watched(then: LiveThen) -> UseCase:
    return policy(SERVED, replace(LIVE, then=then))


def says(world: World, version: str, *values: float) -> None:
    for one in measured(world, *values, version=version):
        world.sluice.report([one])


def test_one_whose_live_metrics_are_bad_is_taken_back_before_its_time(world: World) -> None:
    world.wire(watched(LiveThen.TRAIN))
    second = trying(world)
    world.rmse = 99.0  # nothing is better
    says(world, "1", *[BAD] * 5)  # of the version beside it
    says(world, "2", BAD, GOOD, BAD)
    sweep(world)
    assert asked(world)[1:] == ["1+2"]
    says(world, "2", BAD)
    sweep(world)
    assert asked(world)[1:] == ["1+2", "1"]
    ended = world.last(second, f.CanaryEnded)
    assert (ended.healthy, ended.reason) == (
        False,
        "3 of the last 4 values of rmse are not at most 20: 21, 21, 19, 21 (too many are 3 of 5)",
    )
    world.serving.end(NAME)
    sweep(world)
    assert world.last(second, f.EndpointFailed).message == f"its canary was not well: {ended.reason}"
    says(world, "2", *[GOOD] * 5)
    world.sweep_until_quiet()
    assert asked(world)[1:] == ["1+2", "1"], "it is over"


def test_one_whose_bad_metrics_roll_it_back_ends_by_that(world: World) -> None:
    world.wire(watched(LiveThen.ROLLBACK))
    second = trying(world)
    says(world, "2", *[BAD] * 3)
    world.collect()
    world.run()
    assert asked(world)[1:] == ["1+2", "1"]
    world.serving.end(NAME)
    world.sweep_until_quiet()
    assert world.registry.slot(MODEL, SLOT) == "1"
    assert world.serving.endpoints[NAME].version == "1"
    assert world.last(second, f.EndpointFailed).superseded
    assert remedies(world.story(second), []) == ()


def test_one_that_cannot_be_rolled_back_is_not_served_all_the_same(world: World) -> None:
    world.wire(watched(LiveThen.ROLLBACK))
    world.registry.broken.add("1")
    second = trying(world)
    says(world, "2", *[BAD] * 3)
    world.collect()
    world.run()
    sweep(world)
    assert asked(world)[1:] == ["1+2", "1"]
    assert world.registry.slot(MODEL, SLOT) == "2"
    assert not world.last(second, f.CanaryEnded).healthy


@pytest.mark.parametrize("then", LiveThen)
@pytest.mark.parametrize("calls", range(1, 40, 3))
def test_a_crash_anywhere_while_its_metrics_are_bad_ends_with_the_version_before(calls: int, then: LiveThen) -> None:
    fate = CrashAfter(0)
    world = World(fate.proxy, use_case=watched(then))
    promoted(world, "1")
    world.serving.end(NAME)
    sweep(world)
    trying(world)
    world.rmse = 99.0
    values = measured(world, BAD, BAD, BAD, version="2")
    fate.left = calls
    for _ in range(5):
        with suppress(CrashError):
            world.sluice.report(values)
        world.collect()
        world.run()
        world.clock.advance(AFTER)
        with suppress(CrashError):
            world.sluice.sweep()
        world.collect()
        world.run()
        if world.serving.endpoints[NAME].pending:
            world.serving.end(NAME)
    world.sweep_until_quiet()
    served = world.serving.endpoints[NAME]
    assert (served.version, served.canary) == ("1", "")
    assert asked(world)[-1] == "1"
    assert world.registry.slot(MODEL, SLOT) == ("2" if then is LiveThen.TRAIN else "1")


def test_it_is_asked_for_in_the_use_case() -> None:
    spec = ServingSection.model_validate({"endpoint": NAME, "canary": {"percent": 10, "for": "30 minutes"}}).spec()
    assert spec == SERVED.serving
