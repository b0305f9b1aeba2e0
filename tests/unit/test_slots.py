"""Slots: modes, fights that end, history, rollback, and one outcome whatever happens at once."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.memory import MemoryLedger
from shared.adapters.sqlite import SqliteLedger
from shared.domain import facts as f
from shared.domain import identity, slots
from shared.domain import story as stories
from shared.domain.commands import Command, EnforceSlot, JudgeVersion, RollBack
from shared.domain.slots import RollbackAsked
from shared.domain.usecase import Enforcement, UseCase, UseCases
from shared.errors import Conflict, Refused
from shared.ports import Approval, Approvals, Ledger
from shared.steps.enforce_slot import enforce_slot
from shared.steps.judge_version import judge_version
from shared.steps.roll_back import history
from shared.views.remedies import remedies
from shared.views.slots import slot_histories
from tests.ports import FakeClock, MemoryRegistry
from tests.world import AFTER, MODEL, SLOT, USE_CASE, World

type Both = SqliteLedger | MemoryLedger


def enforced(mode: Enforcement = Enforcement.ENFORCE, **changes: Any) -> UseCase:
    return replace(USE_CASE, gate=replace(USE_CASE.gate, enforcement=mode, **changes))


def champions(count: int = 2, use_case: UseCase = USE_CASE) -> tuple[World, list[str]]:
    """A world in which so many versions became champion, one after the other."""
    world = World(use_case=use_case)
    told = []
    for number in range(1, count + 1):
        told.append(world.land(f"flights/2013-0{number}.csv"))
        world.run()
        assert world.registry.slot(MODEL, SLOT) == str(number)
    return world, told


def by_hand(world: World) -> str:
    version = world.registry.register(MODEL, tags={}, metrics={})
    world.run()
    return version


def told_of(world: World, kind: type[f.Fact]) -> list[f.Fact]:
    return [one for one in history(world.ledger, MODEL, SLOT) if isinstance(one, kind)]


# Modes


def test_warn_tells_once_and_moves_nothing_and_says_when_it_is_over() -> None:
    world, _ = champions(1, enforced(Enforcement.WARN))
    version = by_hand(world)
    world.registry.point(MODEL, SLOT, version)
    world.run()
    assert world.registry.slot(MODEL, SLOT) == version
    assert world.sweep_until_quiet() == 0
    (withheld,) = told_of(world, f.RevertWithheld)
    assert isinstance(withheld, f.RevertWithheld)
    assert (withheld.found, withheld.approved, withheld.contested) == (version, "1", False)
    told = world.story(identity.story_of_version(MODEL, version))
    assert [one.command for one in remedies(told, [])] == [("slots", MODEL)]
    world.registry.point(MODEL, SLOT, "1")
    world.pending.clear()
    world.sweep_until_quiet()
    assert remedies(world.story(identity.story_of_version(MODEL, version)), []) == ()
    assert len(told_of(world, f.SlotRestored)) == 1


def test_off_does_nothing_and_records_nothing() -> None:
    world, _ = champions(1, enforced(Enforcement.OFF))
    version = by_hand(world)
    world.registry.point(MODEL, SLOT, version)
    world.run()
    assert world.sweep_until_quiet() == 0
    assert world.registry.slot(MODEL, SLOT) == version
    assert told_of(world, f.RevertWithheld) == told_of(world, f.PromotionReverted) == []


# A fight


def fight(world: World, version: str, times: int) -> None:
    for _ in range(times):
        world.registry.point(MODEL, SLOT, version)
        world.run()


def test_person_who_insists_is_not_fought_for_ever() -> None:
    world, _ = champions(1)
    version = by_hand(world)
    fight(world, version, 5)
    assert len(told_of(world, f.PromotionReverted)) == USE_CASE.gate.max_reverts
    (withheld,) = told_of(world, f.RevertWithheld)
    assert isinstance(withheld, f.RevertWithheld)
    assert withheld.contested
    assert "put back 3 times within 1:00:00" in withheld.reason
    assert world.registry.slot(MODEL, SLOT) == version
    told = world.story(identity.story_of_version(MODEL, version))
    (remedy,) = remedies(told, [])
    assert f"points at version {version}, approved is 1" in remedy.why
    world.clock.advance(timedelta(days=2))
    assert world.sweep_until_quiet() == 0
    assert world.registry.slot(MODEL, SLOT) == version, "it is not taken up again by itself"


def test_fight_that_ended_well_begins_with_a_full_budget() -> None:
    world, _ = champions(1)
    version = by_hand(world)
    fight(world, version, 4)
    world.registry.point(MODEL, SLOT, "1")
    world.run()
    fight(world, version, 1)
    assert world.registry.slot(MODEL, SLOT) == "1"
    assert len(told_of(world, f.PromotionReverted)) == USE_CASE.gate.max_reverts + 1


def test_moves_far_apart_are_no_fight() -> None:
    world, _ = champions(1)
    version = by_hand(world)
    for _ in range(6):
        fight(world, version, 1)
        world.clock.advance(USE_CASE.gate.reverts_within)
    assert world.registry.slot(MODEL, SLOT) == "1"
    assert told_of(world, f.RevertWithheld) == []


def test_promotion_ends_a_fight() -> None:
    world, _ = champions(1)
    fight(world, by_hand(world), 4)
    world.land("flights/2013-02.csv")
    world.run()
    assert world.registry.slot(MODEL, SLOT) == "3"
    assert len(told_of(world, f.SlotRestored)) == 1


# History


def test_history_says_who_why_from_to_and_when() -> None:
    world, _ = champions(2)
    version = by_hand(world)
    between = world.clock.now()
    world.clock.advance(AFTER)
    world.registry.point(MODEL, SLOT, version)
    world.run()
    (told,) = slot_histories(world.ledger, world.ledger, at=between)
    assert [(one.how, one.previous, one.version, one.who) for one in told.moves] == [
        ("promoted", "", "1", "the gate"),
        ("promoted", "1", "2", "the gate"),
        ("put back", "3", "2", "the gate"),
    ]
    assert told.then is not None
    assert told.then.version == "2"
    first = slots.at(told.moves, told.moves[0].at)
    assert first is not None
    assert first.version == "1"
    assert slots.at(told.moves, told.moves[0].at - timedelta(seconds=1)) is None


# Rollback


def ask(world: World, version: str = "") -> RollBack:
    command = world.sluice.rollback(RollbackAsked(model=MODEL, version=version, who="ada", why="nonsense at JFK"))
    world.collect()
    return command


def test_rollback_goes_to_the_previous_production_version_and_scores_the_newest_data() -> None:
    world, _ = champions(2)
    by_hand(world)  # a version that never was in production is passed over
    command = ask(world)
    world.run()
    assert world.registry.slot(MODEL, SLOT) == "1"
    assert [one.version for one in world.ledger.slots()] == ["1"]
    told = world.last(command.story, f.VersionRolledBack)
    assert (told.previous, told.version, told.who, told.reason) == ("2", "1", "ada", "nonsense at JFK")
    plan = world.last(command.story, f.ScoringPlanned)
    assert (plan.version, plan.delta_version) == ("1", 2)
    assert world.kinds(command.story)[-1] == "ScoringFinished"
    assert world.registry.models[MODEL]["2"].tags["sluice.verdict"] == "rolled back"
    assert world.sweep_until_quiet() == 0
    assert (world.ledger.unsettled(), told_of(world, f.PromotionReverted)) == ([], [])


def test_second_rollback_goes_further_back_not_to_and_fro() -> None:
    world, _ = champions(3)
    for expected in ("2", "1"):
        ask(world)
        world.run()
        assert world.registry.slot(MODEL, SLOT) == expected
    with pytest.raises(Refused, match="version 1 of flight_delays was the first in production"):
        ask(world)


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("3", "never passed the gate into champion; these did: 1, 2"),
        ("2", "is what is approved"),
        ("9", "never passed the gate"),
    ],
)
def test_rollback_only_to_what_was_in_production(version: str, why: str) -> None:
    world, _ = champions(2)
    by_hand(world)
    with pytest.raises(Refused, match=why):
        ask(world, version)


def test_rollback_to_what_cannot_be_loaded_is_refused_before_anything_moves() -> None:
    world, _ = champions(2)
    world.registry.broken.add("1")
    with pytest.raises(Refused, match=r"lacks model\.pkl"):
        ask(world)
    assert world.registry.slot(MODEL, SLOT) == "2"


def test_rollback_that_was_overtaken_by_a_promotion_is_parked() -> None:
    world, _ = champions(2)
    command = ask(world)
    world.pending.clear()
    world.land("flights/2013-03.csv")
    world.run()
    world.hand_over(command)
    assert world.registry.slot(MODEL, SLOT) == "3"
    assert [one.reason for one in world.ledger.parked()] == ["refused"]


def test_new_version_is_judged_against_what_was_rolled_back_to() -> None:
    world, _ = champions(2)
    ask(world)
    world.run()
    story = world.land("flights/2013-03.csv")
    world.run()
    assert world.last(story, f.VersionPromoted).previous == "1"


def test_deleted_champion_is_found_and_a_rollback_mends_it() -> None:
    world, _ = champions(2)
    world.registry.delete(MODEL, "2")
    world.sweep_until_quiet()
    (parked,) = world.ledger.parked()
    assert f"ops rollback {MODEL}" in parked.detail
    ask(world)
    world.run()
    assert world.registry.slot(MODEL, SLOT) == "1"


# At once


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Both:
    return MemoryLedger() if request.param == "memory" else SqliteLedger(tmp_path / "ledger.db")


class SlowRegistry(MemoryRegistry):
    """Two who read wait for each other before either acts, once: the worst interleaving, each time."""

    def __init__(self, parties: int) -> None:
        super().__init__()
        self._barrier = threading.Barrier(parties)
        self._met = threading.local()

    def _meet(self) -> None:
        is_a_test_looking = threading.current_thread() is threading.main_thread()
        if not is_a_test_looking and not getattr(self._met, "done", False):
            self._met.done = True
            self._barrier.wait(10)

    def slot(self, model: str, slot: str) -> str:
        found = super().slot(model, slot)
        self._meet()
        return found

    def version(self, model: str, version: str) -> Any:
        found = super().version(model, version)
        self._meet()
        return found


def at_once(*calls: Callable[[], object]) -> None:
    """All in threads, each again after a conflict, as a message is."""

    def again(call: Callable[[], object]) -> None:
        for _ in range(5):
            try:
                call()
            except Conflict:
                continue
            return

    threads = [threading.Thread(target=again, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def acting(ledger: Both, registry: MemoryRegistry) -> Callable[[Command], object]:
    ports: dict[str, Any] = {
        "use_cases": UseCases.of(USE_CASE),
        "ledger": ledger,
        "approvals": ledger,
        "registry": registry,
        "clock": FakeClock(),
    }
    ports_of_the_judge = {**ports, "artefacts": registry}

    def act(command: Command) -> object:
        if isinstance(command, EnforceSlot):
            return enforce_slot(command, **ports)
        assert isinstance(command, JudgeVersion)
        return judge_version(command, **ports_of_the_judge)

    return act


def trained(ledger: Ledger, registry: MemoryRegistry, story: str, job_run_id: int, champion: str = "") -> str:
    """A version that a training of ours made, which passes the rules."""
    at = FakeClock().now()
    ledger.record(
        [
            replace(f.DataArrived.example(), story=story, at=at),
            replace(f.DataCommitted.example(), story=story, at=at),
            replace(f.TrainingStarted.example(), story=story, at=at, job_run_id=job_run_id, champion_version=champion),
        ]
    )
    tags = {"sluice.story": story, "sluice.job_run_id": str(job_run_id), "sluice.champion_version": champion}
    numbers = {"rmse": 20.0, **({"champion.rmse": 21.0} if champion else {})}
    return registry.register(MODEL, tags=tags, metrics=numbers, run_id=f"run-{job_run_id}")


def of_kind[Kind: f.Fact](ledger: Ledger, told: Sequence[str], kind: type[Kind]) -> list[Kind]:
    return [one for story in told for one in stories.of_kind(ledger.story(story), kind)]


def test_two_versions_judged_at_once_have_one_winner(ledger: Both) -> None:
    registry = SlowRegistry(2)
    told = ["aa" * 8, "bb" * 8]
    versions = [trained(ledger, registry, story, 1001 + number) for number, story in enumerate(told)]
    act = acting(ledger, registry)
    at_once(*(lambda v=v: act(JudgeVersion(model=MODEL, version=v, cause="c")) for v in versions))
    (promoted,) = of_kind(ledger, told, f.VersionPromoted)
    (rejected,) = of_kind(ledger, told, f.VersionRejected)
    assert {promoted.version, rejected.version} == {"1", "2"}
    assert registry.slot(MODEL, SLOT) == promoted.version
    assert [one.version for one in ledger.slots()] == [promoted.version]


def test_one_version_judged_by_two_at_once_is_judged_once(ledger: Both) -> None:
    registry = SlowRegistry(2)
    story = "aa" * 8
    version = trained(ledger, registry, story, 1001)
    act = acting(ledger, registry)
    at_once(*(lambda c=c: act(JudgeVersion(model=MODEL, version=version, cause=c)) for c in ("webhook", "sweep")))
    kinds = [one.kind for one in ledger.story(story)]
    assert kinds[3:] == ["VersionRegistered", "VersionJudged", "VersionPromoted"]


def approved(ledger: Both, registry: MemoryRegistry) -> None:
    """Version 1 is champion."""
    story = "cc" * 8
    version = trained(ledger, registry, story, 1000)
    acting(ledger, registry)(JudgeVersion(model=MODEL, version=version, cause="first"))


def test_one_manual_move_found_by_two_at_once_is_put_back_once(ledger: Both) -> None:
    registry = MemoryRegistry()
    approved(ledger, registry)
    slow = SlowRegistry(2)
    slow.models, slow.aliases = registry.models, registry.aliases
    version = slow.register(MODEL, tags={}, metrics={})
    slow.aliases[MODEL, SLOT] = version
    act = acting(ledger, slow)
    at_once(*(lambda c=c: act(EnforceSlot(model=MODEL, slot=SLOT, cause=c)) for c in ("webhook", "sweep")))
    (reverted,) = of_kind(ledger, ledger.find(identity.slot_contest(MODEL, SLOT)), f.PromotionReverted)
    assert (reverted.found, reverted.restored, reverted.number) == (version, "1", 1)
    assert slow.slot(MODEL, SLOT) == "1"


class Interleaved:
    """Approvals that let something happen between two looks."""

    def __init__(self, approvals: Approvals, at_look: int, happens: Callable[[], object]) -> None:
        self._approvals, self._left, self._happens = approvals, at_look, happens

    def approved(self, model: str, slot: str) -> Approval | None:
        self._left -= 1
        if self._left == 0:
            self._happens()
        return self._approvals.approved(model, slot)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._approvals, name)


@pytest.mark.parametrize("at_look", [1, 2, 3])
def test_promotion_racing_a_manual_move_wins_whenever_it_comes(ledger: Both, at_look: int) -> None:
    """Whether the promotion comes before the comparison, within it, or while the slot is put back."""
    registry = MemoryRegistry()
    approved(ledger, registry)
    moved = registry.register(MODEL, tags={}, metrics={})
    registry.point(MODEL, SLOT, moved)
    story = "dd" * 8
    version = trained(ledger, registry, story, 1002, champion="1")
    judging = acting(ledger, registry)
    racing = Interleaved(ledger, at_look, lambda: judging(JudgeVersion(model=MODEL, version=version, cause="webhook")))
    command = EnforceSlot(model=MODEL, slot=SLOT, cause="webhook")
    ports: dict[str, Any] = {"use_cases": UseCases.of(USE_CASE), "registry": registry, "clock": FakeClock()}

    def enforce() -> None:
        enforce_slot(command, ledger=ledger, approvals=racing, **ports)

    at_once(enforce)
    assert registry.slot(MODEL, SLOT) == version
    assert [one.version for one in ledger.slots()] == [version]
    assert len(of_kind(ledger, [story], f.VersionPromoted)) == 1
    reverted = of_kind(ledger, ledger.find(identity.slot_contest(MODEL, SLOT)), f.PromotionReverted)
    assert len(reverted) == (1 if at_look == 3 else 0)
