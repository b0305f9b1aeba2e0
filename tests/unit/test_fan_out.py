"""Many parts: shards, each a story of its own, counted in once whatever is lost, doubled or dies on the way."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain import facts as f
from shared.domain import fan_out as fans
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import PlanShard, ScorePart
from shared.domain.verdicts import RunResult
from shared.steps.reconcile import PARTS_AT_ONCE
from shared.views.progress import progress_of, progress_text
from shared.views.sentences import sentence
from shared.views.story import story_view
from shared.views.table import story_text
from shared.views.terminal import Terminal
from shared.wire.documents import encode_command
from tests.world import AFTER, USE_CASE, CrashAfter, World

PARTS = fans.SHARDED_ABOVE + 3
SHARDS = -(-PARTS // fans.SHARD_SIZE)
BATCH = "origin,x\n" + "".join(f"P{number:03},1\n" for number in range(PARTS))


def finished(world: World, story: str) -> f.ScoringFinished:
    """Everything in gold, each part by one run, and the story at rest."""
    done = world.last(story, f.ScoringFinished)
    assert done.rows == PARTS
    written = Counter(part for _, part, _ in world.lake.gold_writes)
    assert len(written) == PARTS
    assert set(written.values()) == {1}
    assert world.ledger.unsettled() == []
    return done


def landed(world: World) -> str:
    return world.land(content=BATCH)


def test_few_parts_stay_in_the_story() -> None:
    assert fans.shards(fans.SHARDED_ABOVE) == ()
    world = World()
    story = world.land(content="origin,x\n" + "".join(f"P{number:03},1\n" for number in range(fans.SHARDED_ABOVE)))
    world.run()
    plan = world.last(story, f.ScoringPlanned)
    assert (plan.shard_size, plan.total, len(plan.parts)) == (0, fans.SHARDED_ABOVE, fans.SHARDED_ABOVE)
    assert world.ledger.unsettled() == []


def test_every_part_is_in_one_shard() -> None:
    parts = [str(number) for number in range(PARTS)]
    shards = fans.shards(PARTS)
    assert len(shards) == SHARDS
    cut = [fans.of_shard(parts, shard, fans.SHARD_SIZE) for shard in shards]
    assert [part for some in cut for part in some] == parts
    plan = replace(f.ScoringPlanned.example(), parts=shards, shard_size=fans.SHARD_SIZE, total=PARTS)
    assert plan.counts == tuple(len(some) for some in cut)


def test_many_parts_are_scored_in_shards_and_counted_in() -> None:
    world = World()
    story = landed(world)
    world.run()
    finished(world, story)
    plan = world.last(story, f.ScoringPlanned)
    assert (len(plan.parts), plan.total) == (SHARDS, PARTS)
    longest = max(len(world.story(identity.story_of_plan(story, f"{plan.plan}.{shard}"))) for shard in plan.parts)
    assert longest == 2 + 2 * fans.SHARD_SIZE  # what the end of a part reads
    assert {run.parameters["story"] for run in world.jobs.runs} == {story}
    assert [head.story for head in world.ledger.recent(9)] == [story]


def test_message_of_a_part_is_small() -> None:
    world = World()
    landed(world)
    world.run()
    sent = [one for one in world.outbox.sent if isinstance(one, ScorePart | PlanShard)]
    assert len({one.message_id for one in sent}) == len(sent) == PARTS + SHARDS
    assert max(len(encode_command(one)) for one in sent) < 2048


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32))
def test_order_and_repeats_change_nothing(seed: int) -> None:
    world = World(copies=2)
    story = landed(world)
    world.run(choose=random.Random(seed).randrange)
    world.sweep_until_quiet()
    finished(world, story)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 2400))
def test_crash_anywhere_leaves_no_gap_and_no_double(calls: int) -> None:
    fate = CrashAfter(calls)
    world = World(fate.proxy)
    story = landed(world)
    world.run()
    world.sweep_until_quiet()
    finished(world, story)


@pytest.mark.parametrize("what", ["PlanShard", "ScorePart", "FollowRun", "notification"])
def test_what_was_lost_is_found_by_the_sweep(what: str) -> None:
    world = World()
    story = landed(world)
    while world.pending or world.jobs.running:
        world.pending = [one for one in world.pending if not (one.what.startswith(what) and "sweep" not in one.what)]
        if world.pending:
            world.deliver()
        elif world.jobs.running:
            world.end(world.jobs.running[0].job_run_id)
    world.sweep_until_quiet()
    finished(world, story)


def test_shard_that_ended_but_was_not_counted_is_counted_by_the_sweep() -> None:
    """Its last run failed, and whoever recorded that died before the whole heard of it."""
    world, story, plan = half_way()
    shard = plan.parts[0]
    failed = world.jobs.running[0]
    world.jobs.end(failed.job_run_id, RunResult.FAILED, "no such column")
    for run in world.jobs.running:
        if run.parameters["plan"] == failed.parameters["plan"]:
            world.end(run.job_run_id)
    world.run(runs_end=False)
    own = identity.story_of_plan(story, failed.parameters["plan"])
    began = next(one for one in stories.of_kind(world.story(own), f.PartStarted) if one.job_run_id == failed.job_run_id)
    world.ledger.record(
        [
            replace(
                f.PartFailed.example(),
                story=own,
                at=world.clock.now(),
                plan=began.plan,
                part=began.part,
                job_run_id=began.job_run_id,
                result=RunResult.FAILED,
                final=True,
            )
        ]
    )
    assert stories.is_settled(world.story(own))
    world.sweep_until_quiet()
    world.run()
    told = world.last(story, f.PartFailed)
    assert (told.part, told.final) == (shard, True)
    assert told.message.startswith(f"1 of {fans.SHARD_SIZE} parts: {began.part}: ")
    assert world.ledger.unsettled() == []


def half_way() -> tuple[World, str, f.ScoringPlanned]:
    """Trained and promoted, every part started, none ended."""
    world = World()
    story = landed(world)
    world.run(runs_end=False)
    world.end_runs()
    world.run(runs_end=False)
    return world, story, world.last(story, f.ScoringPlanned)


def test_failed_part_is_told_in_the_whole_and_scored_again_counts() -> None:
    world, story, _ = half_way()
    failing, *_ = world.jobs.running
    world.end(failing.job_run_id, RunResult.FAILED, "no such column")
    world.run()
    told = world.last(story, f.PartFailed)
    assert f"{failing.parameters['part']}: no such column" in told.message
    assert stories.needs_attention(world.story(story))
    shard = identity.story_of_plan(story, failing.parameters["plan"])
    again = ScorePart(
        story=shard,
        use_case="flight_delays",
        plan=failing.parameters["plan"],
        part=failing.parameters["part"],
        generation=2,
    )
    world.hand_over(again)
    world.run()
    finished(world, story)
    assert stories.needs_attention(world.story(story)) == ""


def test_lost_run_runs_again_by_itself() -> None:
    world, story, _ = half_way()
    for run in world.jobs.running[::10]:
        world.end(run.job_run_id, RunResult.LOST, "the driver was lost")
    world.run()
    finished(world, story)


def test_progress_counts_every_shard() -> None:
    world, story, plan = half_way()
    running = world.jobs.running
    for run in running[:40]:
        world.end(run.job_run_id)
    world.end(running[40].job_run_id, RunResult.FAILED, "no such column")
    world.clock.advance(AFTER)
    world.run(runs_end=False)
    now = world.clock.now()
    progress = progress_of(world.story(story), world.ledger.story, now=now)
    assert progress is not None
    counted = (progress.parts, progress.done, progress.running, progress.failed, progress.waiting, progress.rows)
    assert counted == (PARTS, 40, PARTS - 41, 1, 0, 40)
    assert progress.left == (now - plan.at) * (PARTS - 41) / 40
    assert progress_text(progress).startswith(f"scored 40 of {PARTS} parts, 40 rows · {PARTS - 41} running · 1 failed")
    world.run()
    view = story_view(world.story(story), waiting=[], now=now, read=world.ledger.story)
    assert view.progress is not None
    assert view.progress.left is None
    text = story_text(view, Terminal(), now=now)
    assert f"scored {PARTS - 1} of {PARTS} parts, {PARTS - 1} rows · 1 failed" in text
    assert f"{PARTS} parts by origin, in {SHARDS} shards" in text
    assert len(view.timeline) < 20


def test_progress_before_anything_is_planned() -> None:
    assert progress_of([f.DataArrived.example()], lambda _: [], now=f.DataArrived.example().at) is None


def test_one_sweep_carries_on_so_many_parts_and_the_next_ones_others() -> None:
    world = World()
    number = PARTS_AT_ONCE + 100
    world.land(content="origin,x\n" + "".join(f"P{number:03},1\n" for number in range(number)))
    world.run(runs_end=False)
    world.end_runs()
    while world.pending:
        world.pending = [one for one in world.pending if not one.what.startswith("ScorePart")]
        if world.pending:
            world.deliver()
    turns: list[set[str]] = []
    for _ in range(2):
        world.clock.advance(AFTER)
        before = len(world.outbox.sent)
        world.sluice.sweep()
        turns.append({one.part for one in world.outbox.sent[before:] if isinstance(one, ScorePart)})
    assert [len(turn) for turn in turns] == [PARTS_AT_ONCE] * 2
    assert len(turns[0] | turns[1]) > PARTS_AT_ONCE


def test_too_many_parts_are_refused() -> None:
    world = World()
    number = fans.MOST_PARTS + 1
    world.land(content="origin,x\n" + "".join(f"P{number:05},1\n" for number in range(number)))
    world.run()
    (parked,) = world.ledger.parked()
    assert "choose another scoring.part_by" in parked.detail
    assert not [run for run in world.jobs.runs if run.job == "sluice-score"]


def test_groups_of_files_are_planned_with_where_their_files_are_kept() -> None:
    scoring = replace(USE_CASE.scoring, part_by=fans.FILE_GROUP, rows_per_part=2)
    world = World(use_case=replace(USE_CASE, scoring=scoring))
    world.land()
    world.run()
    second = world.land("flights/2013-02.csv", "origin,x\nLGA,1\n")
    world.run()
    plan = world.last(second, f.ScoringPlanned)
    assert (plan.parts, plan.rows_per_part, plan.part_by) == (("00000", "00001"), 2, "file_group")
    place = fans.groups_place(plan)
    assert world.lake.groups[place] == (plan.table, plan.delta_version, 2)
    asked = [run.parameters for run in world.jobs.runs if run.parameters.get("plan") == plan.plan]
    assert [(one["part"], one["partition_column"], one["files"]) for one in asked] == [
        (part, "file_group", world.lake.uri(place)) for part in plan.parts
    ]
    assert "2 parts by files, of about 2 rows each" in sentence(plan)


@pytest.mark.parametrize(
    ("files", "groups"),
    [
        ([], {}),
        ([("a", 3)], {"00000": ["a"]}),
        ([("a", 1), ("b", 1), ("c", 1)], {"00000": ["a", "b"], "00001": ["c"]}),
        ([("a", 1), ("b", 9), ("c", 1)], {"00000": ["a"], "00001": ["b"], "00002": ["c"]}),
        ([("a", 0), ("b", 2), ("c", 0)], {"00000": ["a", "b", "c"]}),
    ],
)
def test_files_are_grouped_in_their_order(files: list[tuple[str, int]], groups: dict[str, list[str]]) -> None:
    assert fans.file_groups(files, 2) == groups
