"""The gate and the slot: what is promoted, what is rejected, and what is put back."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.memory import MemoryLedger
from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import EnforceSlot, JudgeVersion, PlanScoring
from shared.domain.verdicts import Verdict
from shared.errors import Refused
from shared.ports import Approval
from tests.ports import CrashError
from tests.world import MODEL, SLOT, CrashAfter, World


def champion() -> tuple[World, str]:
    """A world with version 1 as champion."""
    world = World()
    story = world.land()
    world.run()
    assert world.registry.slot(MODEL, SLOT) == "1"
    return world, story


def reverts(world: World, story: str) -> list[tuple[str, str]]:
    return [(one.found, one.restored) for one in stories.of_kind(world.story(story), f.PromotionReverted)]


def test_version_that_misses_the_bound_is_rejected_and_scores_nothing() -> None:
    world = World()
    world.rmse = 31.0
    story = world.land()
    world.run()
    rejected = world.last(story, f.VersionRejected)
    assert "accurate_enough: asked rmse at most 30, saw rmse 31" in rejected.reason
    assert (world.registry.slot(MODEL, SLOT), world.ledger.slots()) == ("", [])
    assert [run.job for run in world.jobs.runs] == ["sluice-train"]
    version = world.registry.version(MODEL, "1")
    assert version is not None
    assert version.tags["sluice.verdict"] == "rejected"
    assert version.tags["sluice.decision"] == rejected.reason
    assert world.ledger.unsettled() == []


def test_promoted_version_carries_the_decision() -> None:
    world, story = champion()
    version = world.registry.version(MODEL, "1")
    assert version is not None
    assert (version.tags["sluice.verdict"], version.tags["sluice.decision"]) == (
        "promoted",
        world.last(story, f.VersionJudged).reason,
    )


def test_version_noticeably_worse_than_the_champion_is_rejected() -> None:
    world, _ = champion()
    world.rmse, world.champion_rmse = 21.5, 21.0
    story = world.land("flights/2013-02.csv")
    world.run()
    assert "no_worse" in world.last(story, f.VersionRejected).reason
    assert world.registry.slot(MODEL, SLOT) == "1"


@pytest.mark.parametrize(
    ("parameters", "cause"),
    [
        ({"champion.holdout.fingerprint": "other"}, "other-rows"),
        ({"champion.holdout.fingerprint": ""}, "other-rows"),
        ({"holdout.fingerprint": ""}, "other-rows"),
        ({"champion.version": "7"}, "other-champion"),
    ],
    ids=str,
)
def test_comparison_that_the_run_does_not_vouch_for_promotes_nothing(parameters: dict[str, str], cause: str) -> None:
    """Better numbers, compared with somebody else, or over other rows, whatever the version's tags say."""
    world, _ = champion()
    story = world.land("flights/2013-02.csv")
    while not world.registry.models[MODEL].get("2"):
        world.deliver() if world.pending else world.end_runs()
    version = world.registry.models[MODEL]["2"]
    world.registry.models[MODEL]["2"] = replace(version, parameters={**version.parameters, **parameters})
    world.run()
    judged = world.last(story, f.VersionJudged)
    assert judged.verdict is Verdict.MISCONFIGURED
    assert cause in [one.cause for one in judged.rules]
    assert world.registry.slot(MODEL, SLOT) == "1"


def test_metrics_that_are_missing_or_no_numbers_are_misconfigured() -> None:
    for metric in (float("nan"), float("inf")):
        world = World()
        world.rmse = metric
        story = world.land()
        world.run()
        assert world.last(story, f.VersionJudged).verdict is Verdict.MISCONFIGURED
        assert world.registry.slot(MODEL, SLOT) == ""


@pytest.mark.parametrize(
    ("tags", "metrics"),
    [
        ({}, {}),
        ({}, {"rmse": 1.0}),
        ({"sluice.story": "fedcba9876543210"}, {"rmse": 1.0}),
        ({"sluice.champion_version": "1"}, {"rmse": 1.0, "champion.rmse": 2.0}),
    ],
    ids=["nothing", "good-numbers", "unknown-story", "numbers-of-the-champion-too"],
)
@pytest.mark.parametrize("there_is_a_champion", [False, True])
def test_version_by_hand_is_rejected_and_never_promoted(
    tags: dict[str, str], metrics: dict[str, float], there_is_a_champion: bool
) -> None:
    """Whatever it says of itself: no training of ours made it."""
    world = champion()[0] if there_is_a_champion else World()
    before = world.registry.slot(MODEL, SLOT)
    version = world.registry.register(MODEL, tags=tags, metrics=metrics)
    world.run()
    story = identity.story_of_version(MODEL, version)
    assert world.kinds(story) == ["VersionRegistered", "VersionJudged", "VersionRejected"]
    assert "registered by hand" in world.last(story, f.VersionRejected).reason
    assert world.registry.slot(MODEL, SLOT) == before
    assert world.sweep_until_quiet() == 0


def test_version_tagged_with_a_quarantined_story_is_by_hand() -> None:
    world = World()
    quarantined = world.land(content="origin,x\nJFK,-1\n")
    world.run()
    world.registry.register(MODEL, tags={"sluice.story": quarantined}, metrics={"rmse": 1.0})
    world.run()
    assert world.registry.slot(MODEL, SLOT) == ""
    assert world.kinds(quarantined)[-1] == "DataQuarantined"
    assert world.ledger.find(f"{MODEL}@1") == [identity.story_of_version(MODEL, "1")]


@pytest.mark.parametrize("names_the_run", [False, True])
def test_version_with_the_tags_of_another_is_by_hand(*, names_the_run: bool) -> None:
    """A training registers one version; a second one that carries its tags is a copy with numbers of its own."""
    world, story = champion()
    tags = dict(world.registry.models[MODEL]["1"].tags)
    if not names_the_run:
        del tags["sluice.job_run_id"]
    facts_before = world.kinds(story)
    version = world.registry.register(
        MODEL, tags=tags | {"sluice.champion_version": "1"}, metrics={"rmse": 1.0, "champion.rmse": 2.0}
    )
    world.run()
    assert "registered by hand" in world.last(identity.story_of_version(MODEL, version), f.VersionRejected).reason
    assert world.registry.slot(MODEL, SLOT) == "1"
    assert world.kinds(story) == facts_before


def test_version_whose_training_is_not_recorded_yet_waits() -> None:
    """The function died between run-now and its record; the run was quick. It is judged when the start is known."""
    fate = CrashAfter(-1)
    world = World(lambda port: fate.proxy(port) if type(port).__name__ == "MemoryJobs" else port)
    story = world.land()
    world.run(runs_end=False, drop=f"StartTraining {story} 1")
    (start,) = [command for command in world.outbox.sent if command.kind == "StartTraining"]
    fate.left = 1
    with pytest.raises(CrashError):
        world.hand_over(start)
    world.end_runs()
    world.run()
    assert world.kinds(story)[-1] == "DataCommitted"
    assert world.registry.slot(MODEL, SLOT) == ""
    world.hand_over(start)
    world.sweep_until_quiet()
    assert world.last(story, f.ScoringFinished).rows == 3


def test_version_of_a_model_of_no_use_case_is_left_alone() -> None:
    world = World()
    world.registry.register("somebody_elses", tags={}, metrics={})
    world.registry.point("somebody_elses", SLOT, "1")
    world.run()
    assert world.ledger.recent(1) == []
    assert world.registry.slot("somebody_elses", SLOT) == "1"


def test_version_that_was_deleted_before_it_was_judged_is_no_fault() -> None:
    world = World()
    world.hand_over(JudgeVersion(model=MODEL, version="7", cause="c"))
    assert (world.ledger.recent(1), world.ledger.parked()) == ([], [])


def two_challengers(proxy: Callable[[Any], Any] = lambda port: port) -> tuple[World, str, str]:
    """Two versions, both trained against no champion, neither judged."""
    world = World(proxy)
    first, second = world.land("flights/2013-01.csv"), world.land("flights/2013-02.csv")
    world.run(runs_end=False)
    world.end_runs()
    while world.pending[0].what.startswith("webhook model_version.created") or world.pending[0].what.startswith("noti"):
        world.deliver()
    return world, first, second


class DiesAfterJudging:
    """A ledger whose process dies when it has recorded a judgement, once."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger, self.armed = ledger, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def record(self, facts: Sequence[f.Fact]) -> Sequence[bool]:
        answer = self._ledger.record(facts)
        if self.armed and any(isinstance(fact, f.VersionJudged) for fact in facts):
            self.armed = False
            raise CrashError
        return answer


def judgements(world: World) -> list[JudgeVersion]:
    return [command for command in world.outbox.sent if isinstance(command, JudgeVersion)]


def test_of_two_versions_judged_against_the_same_champion_one_wins() -> None:
    world, first, second = two_challengers()
    one, other = judgements(world)
    world.hand_over(one)
    world.hand_over(other)
    assert world.kinds(first)[-1] == "VersionPromoted"
    assert world.last(second, f.VersionRejected).reason.startswith("misconfigured")
    assert world.registry.slot(MODEL, SLOT) == "1"


def test_of_two_versions_that_both_passed_the_first_to_be_approved_wins() -> None:
    """Both are judged before either is promoted: the second is rejected, because its champion is none any more."""
    world, first, second = two_challengers(
        lambda port: DiesAfterJudging(port) if isinstance(port, MemoryLedger) else port
    )
    one, other = judgements(world)
    with pytest.raises(CrashError):
        world.hand_over(one)
    assert world.kinds(first)[-1] == "VersionJudged"
    world.hand_over(other)
    assert world.registry.slot(MODEL, SLOT) == "2"
    world.hand_over(one)
    assert world.last(first, f.VersionJudged).verdict is Verdict.PASSED
    assert world.last(first, f.VersionRejected).reason == "the champion is version 2 now; it was judged against none"
    assert world.last(second, f.VersionPromoted).previous == ""
    assert [approval.version for approval in world.ledger.slots()] == ["2"]


def test_manual_move_is_put_back_and_the_echo_does_nothing() -> None:
    world, _ = champion()
    by_hand = world.registry.register(MODEL, tags={}, metrics={})
    world.run()
    world.registry.point(MODEL, SLOT, by_hand)
    world.run()
    story = identity.story_of_version(MODEL, by_hand)
    assert reverts(world, story) == [(by_hand, "1")]
    assert "was rejected by the gate" in world.last(story, f.PromotionReverted).reason
    assert world.registry.slot(MODEL, SLOT) == "1"
    assert world.registry.pointed == [(MODEL, SLOT, "1"), (MODEL, SLOT, by_hand), (MODEL, SLOT, "1")]
    assert world.sweep_until_quiet() == 0
    assert world.ledger.unsettled() == []


def test_manual_move_before_anything_was_approved_is_taken_away() -> None:
    world = World()
    by_hand = world.registry.register(MODEL, tags={}, metrics={"rmse": 1.0})
    world.registry.point(MODEL, SLOT, by_hand)
    world.run(choose=lambda count: count - 1)
    assert reverts(world, identity.story_of_version(MODEL, by_hand)) == [(by_hand, "")]
    assert world.registry.slot(MODEL, SLOT) == ""


def test_alias_that_was_taken_away_comes_back() -> None:
    world, story = champion()
    world.registry.point(MODEL, SLOT, "")
    world.run()
    assert reverts(world, story) == [("", "1")]
    assert world.last(story, f.PromotionReverted).reason == "the alias was taken away"
    assert world.registry.slot(MODEL, SLOT) == "1"


def test_manual_move_that_nobody_told_of_is_found_by_the_sweep() -> None:
    world, _ = champion()
    by_hand = world.registry.register(MODEL, tags={}, metrics={})
    world.registry.point(MODEL, SLOT, by_hand)
    world.pending.clear()
    world.sweep_until_quiet()
    assert world.registry.slot(MODEL, SLOT) == "1"
    assert world.kinds(identity.story_of_version(MODEL, by_hand)).count("PromotionReverted") == 1


def test_move_of_an_alias_that_is_no_slot_is_left_alone() -> None:
    world, _ = champion()
    by_hand = world.registry.register(MODEL, tags={}, metrics={})
    world.registry.point(MODEL, "challenger", by_hand)
    world.run()
    assert world.registry.slot(MODEL, "challenger") == by_hand


def test_promotion_under_way_is_not_reverted() -> None:
    """The approval stands, the alias does not point at it yet: nothing to put back, and no fact that says so."""
    world, first = champion()
    second = world.land("flights/2013-02.csv")
    world.run(runs_end=False)
    world.end_runs()
    while world.pending[0].what.startswith(("webhook", "noti")):
        world.deliver()
    approval = world.ledger.approved(MODEL, SLOT)
    judged = f.VersionJudged.example()
    world.ledger.record(
        [
            f.VersionRegistered(story=second, at=judged.at, model=MODEL, version="2", mlflow_run_id=""),
            f.VersionJudged(
                story=second,
                at=judged.at,
                model=MODEL,
                version="2",
                verdict=Verdict.PASSED,
                champion_version="1",
                policy="",
                evidence="",
                reason="every blocking rule passed",
                rules=(),
            ),
        ]
    )
    world.ledger.approve(Approval(model=MODEL, slot=SLOT, version="2", story=second, at=judged.at), replaces=approval)
    world.hand_over(EnforceSlot(model=MODEL, slot=SLOT, cause="sweep"))
    assert reverts(world, first) == reverts(world, second) == []
    assert world.registry.slot(MODEL, SLOT) == "1"
    world.run()
    assert world.registry.slot(MODEL, SLOT) == "2"
    assert world.last(second, f.VersionPromoted).version == "2"
    assert reverts(world, first) == reverts(world, second) == []


def test_champion_that_was_deleted_is_said_once_and_nothing_takes_its_place() -> None:
    world, _ = champion()
    by_hand = world.registry.register(MODEL, tags={}, metrics={})
    world.run()
    world.registry.delete(MODEL, "1")
    world.registry.point(MODEL, SLOT, by_hand)
    world.run()
    assert world.registry.slot(MODEL, SLOT) == ""
    for _ in range(5):
        world.sweep_until_quiet()
    (parked,) = world.ledger.parked()
    assert parked.reason == "refused"
    assert "approved version 1 is gone" in parked.detail


def test_late_repeat_of_an_old_judgement_does_not_move_the_slot() -> None:
    world, _ = champion()
    world.land("flights/2013-02.csv")
    world.run()
    assert world.registry.slot(MODEL, SLOT) == "2"
    pointed = list(world.registry.pointed)
    world.hand_over(JudgeVersion(model=MODEL, version="1", cause="late"))
    world.run()
    assert world.registry.pointed == pointed
    assert sum(isinstance(command, PlanScoring) for command in world.outbox.sent) == 2


class RefusesVersions:
    """A registry that one may not list."""

    def __init__(self, registry: object) -> None:
        self._registry = registry

    def __getattr__(self, name: str) -> object:
        if name == "versions":
            raise Refused("PERMISSION_DENIED")
        return getattr(self._registry, name)


def test_registry_that_refuses_does_not_stop_the_sweep_of_the_stories() -> None:
    world = World(lambda port: RefusesVersions(port) if type(port).__name__ == "MemoryRegistry" else port)
    story = world.land()
    lost = world.run(runs_end=False, drop=f"StartTraining {story} 1")
    assert lost[-1] == f"StartTraining {story} 1"
    world.sweep_until_quiet()
    assert world.last(story, f.TrainingStarted).generation == 1
