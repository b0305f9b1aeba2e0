"""The serving endpoint follows the slot: asked once, looked at until it serves, and never brought to what is gone."""

from dataclasses import replace

import pytest

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.slots import RollbackAsked
from shared.domain.usecase import ServingSpec
from shared.views.remedies import remedies
from tests.world import AFTER, MODEL, USE_CASE, World

NAME = "flight-delays"
SERVED = replace(USE_CASE, serving=ServingSpec(endpoint=NAME))


def promoted(world: World, name: str = "flights/2013-01.csv") -> str:
    """A file's story, whose version is in production and scored with."""
    story = world.land(name)
    world.run()
    return story


def sweep(world: World) -> None:
    """Once: an update that still goes on would keep it from resting."""
    world.clock.advance(AFTER)
    world.sluice.sweep()
    world.collect()
    world.run()


@pytest.fixture
def world() -> World:
    return World(use_case=SERVED)


def test_a_promotion_brings_the_endpoint_to_the_version(world: World) -> None:
    story = promoted(world)
    assert world.serving.asked == [(NAME, MODEL, "1")]
    assert stories.of_kind(world.story(story), f.EndpointUpdated) == []
    assert not stories.is_settled(world.story(story))
    sweep(world)
    assert world.serving.asked == [(NAME, MODEL, "1")]  # asked once, looked at again
    world.serving.end(NAME)
    sweep(world)
    assert world.last(story, f.EndpointUpdated).version == "1"
    assert stories.is_settled(world.story(story))


def test_without_an_endpoint_nothing_is_asked() -> None:
    world = World()
    story = promoted(world)
    assert world.serving.asked == []
    assert stories.is_settled(world.story(story))


def test_an_update_that_fails_leaves_the_version_before_and_needs_a_person(world: World) -> None:
    promoted(world)
    world.serving.end(NAME)
    sweep(world)
    second = promoted(world, "flights/2013-02.csv")
    world.serving.end(NAME, failed="the container could not be started")
    sweep(world)
    failed = world.last(second, f.EndpointFailed)
    assert (failed.version, failed.message, failed.superseded) == ("2", "the container could not be started", False)
    (there,) = world.serving.endpoints.values()
    assert there.version == "1"
    assert stories.is_settled(world.story(second))
    (remedy,) = remedies(world.story(second), [])
    assert remedy.command[0] == "rollback"


def test_a_rollback_brings_it_back(world: World) -> None:
    promoted(world)
    world.serving.end(NAME)
    promoted(world, "flights/2013-02.csv")
    world.serving.end(NAME)
    sweep(world)
    command = world.sluice.rollback(RollbackAsked(model=MODEL, version="", who="ada", why="nonsense"))
    world.collect()
    world.run()
    world.serving.end(NAME)
    sweep(world)
    assert [version for *_, version in world.serving.asked] == ["1", "2", "1"]
    assert world.last(command.story, f.EndpointUpdated).version == "1"


def test_a_version_that_is_not_in_production_any_more_is_not_served(world: World) -> None:
    first = promoted(world)
    promoted(world, "flights/2013-02.csv")  # while the first update is under way
    world.serving.end(NAME)
    sweep(world)
    world.serving.end(NAME)
    sweep(world)
    assert world.last(first, f.EndpointFailed).superseded
    assert [version for *_, version in world.serving.asked] == ["1", "2"]
    assert remedies(world.story(first), []) == ()
