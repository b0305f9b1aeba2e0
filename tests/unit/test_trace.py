"""A story as a trace: spans from its facts, ids from its name, and the waterfall on its page."""

import re
from datetime import timedelta

from shared.domain import facts as f
from shared.domain.trace import span_id, spans_of, trace_id, traceparent
from shared.views.story import story_view
from shared.views.waterfall import MOST, waterfall
from tests.world import World


def told() -> tuple[World, str]:
    world = World()
    story = world.land()
    world.run()
    return world, story


def test_from_the_event_to_gold_every_piece_of_work_is_a_span() -> None:
    world, story = told()
    spans = spans_of(world.story(story))
    assert [one.name for one in spans] == ["check", "commit", "training", "gate", "scoring", "part", "part"]
    assert all(one.end and one.end >= one.begin and not one.failed for one in spans)
    assert len({one.title for one in spans}) == len(spans)


def test_what_goes_on_has_no_end_and_what_failed_says_so() -> None:
    world = World()
    story = world.land()
    world.run(runs_end=False)
    assert [(one.name, one.end is None) for one in spans_of(world.story(story))][-1] == ("training", True)
    bad = world.land("flights/bad.csv", "origin,x\nJFK,-1\n")
    world.run(runs_end=False)
    (check,) = spans_of(world.story(bad))
    assert (check.name, check.failed) == ("check", True)


def test_ids_are_those_of_the_story_and_the_same_for_everybody() -> None:
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", traceparent("0123456789abcdef"))
    assert traceparent("0123456789abcdef") == traceparent("0123456789abcdef") != traceparent("fedcba9876543210")
    assert trace_id("0123456789abcdef.plan.0001") == trace_id("0123456789abcdef")
    assert span_id("0123456789abcdef.plan.0001") == span_id("0123456789abcdef")
    assert span_id("0123456789abcdef", "check") != span_id("0123456789abcdef")


def test_waterfall_has_a_bar_for_each_on_one_scale() -> None:
    world, story = told()
    facts = world.story(story)
    view = story_view(facts, waiting=[], now=world.clock.now())
    (bars,) = waterfall(view.spans, view.started, view.started + view.duration)
    assert bars.count("<rect") == len(view.spans)
    for x, width in re.findall(r'x="([\d.]+)" y="1" width="([\d.]+)"', bars):
        assert 0 <= float(x) < 1000
        assert float(x) + float(width) <= 1000.1
    assert "style=" not in bars, "the page's policy lets none"


def test_of_very_many_parts_the_longest_are_drawn() -> None:
    world, story = told()
    facts = world.story(story)
    started = next(one for one in facts if isinstance(one, f.PartStarted))
    parts = [f.PartStarted(**{**started.__dict__, "part": f"p{number}"}) for number in range(200)]
    spans = spans_of([*facts, *parts])
    began = facts[0].at
    bars, more = waterfall(spans, began, began + timedelta(hours=1))
    assert bars.count("<rect") == MOST
    assert f"and {len(spans) - MOST} shorter parts" in more


def test_nothing_is_drawn_of_no_time() -> None:
    world = World()
    story = world.land()
    facts = world.story(story)
    assert waterfall(spans_of(facts), world.clock.now(), world.clock.now() - timedelta(1)) == []
