"""Live metrics: when they are bad, one training of the newest data, whoever reports however often, whatever crashes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.memory import MemoryLedger
from shared.adapters.sqlite import SqliteLedger
from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from shared.domain.live_metrics import LiveMetric, LiveSpec, values_of
from shared.domain.policy import Condition, Policy, Rule
from shared.domain.profile import versions_of
from shared.domain.retrain import RetrainSpec, When
from shared.domain.usecase import ScoringWhen, UseCase, UseCases
from shared.domain.verdicts import RunResult
from shared.errors import Malformed, Refused, SluiceError, UnknownUseCase
from shared.notes import Entry
from shared.ports import Approval
from shared.steps.live_metrics import LiveMetrics
from shared.views.live_metrics import live_document, live_view
from shared.views.remedies import remedies
from shared.views.sentences import sentence
from shared.views.states import State, state_of
from tests.ports import START, CrashError, FakeClock
from tests.unit.test_drift import rows, watching
from tests.world import MODEL, SLOT, USE_CASE, CrashAfter, World

LIVE = LiveSpec(metric="rmse", at_most=Decimal(20), bad=3, of=5)
BAD, GOOD = 21.0, 19.0
finite = st.floats(allow_nan=False, allow_infinity=False)


def policy(base: UseCase = USE_CASE, live: LiveSpec = LIVE, **limits: Any) -> UseCase:
    return replace(base, retrain=RetrainSpec(live=live, **limits))


def in_production(use_case: UseCase | None = None, **options: Any) -> World:
    """Version 1 is, trained on version 1 of silver."""
    world = World(use_case=use_case or policy(), **options)
    lands(world, "1")
    assert world.ledger.approved(MODEL, SLOT) is not None
    return world


def lands(world: World, name: str, content: str = rows(1, 2, 3, 4)) -> str:
    story = world.land(f"flights/{name}.csv", content)
    world.run()
    return story


def measured(world: World, *values: float, version: str = "1") -> list[LiveMetric]:
    """One value after the other."""
    return [
        LiveMetric(model=MODEL, version=version, metric="rmse", value=value, at=world.clock.now()) for value in values
    ]


def reports(world: World, *values: float, version: str = "1") -> None:
    """Each is reported as it was measured, and what follows goes all the way."""
    for one in measured(world, *values, version=version):
        world.sluice.report([one])
        world.collect()
        world.run()


def begun(world: World) -> list[str]:
    """The stories that live metrics began."""
    heads = world.ledger.recent(100)
    return [head.story for head in reversed(heads) if "LiveMetricsBad" in world.kinds(head.story)]


def trained(world: World) -> list[tuple[str, str]]:
    """Each training: its story, and on which version."""
    runs = [run.parameters for run in world.jobs.runs if run.job == "sluice-train"]
    return [(one["story"], one["delta_version"]) for one in runs]


# The rule


@given(st.lists(finite, max_size=12), finite, st.integers(1, 8), st.integers(0, 4), st.booleans())
def test_so_many_of_the_last_are_bad(values: list[float], bound: float, bad: int, more: int, at_most: bool) -> None:
    limit = Decimal(repr(bound))
    spec = LiveSpec(metric="m", bad=bad, of=bad + more, at_most=limit if at_most else None)
    spec = spec if at_most else replace(spec, at_least=limit)
    seen = [value > bound if at_most else value < bound for value in values[: bad + more]]
    assert spec.count(values) == sum(seen)
    assert spec.is_bad(values) is (sum(seen) >= bad)
    assert spec.is_bad(values) is spec.is_bad(values[: spec.of])  # what is older decides nothing
    assert not spec.is_beyond(bound)
    beyond = [Decimal(repr(value)) for value in values if spec.is_beyond(value)]
    assert all(one > limit if at_most else one < limit for one in beyond)


def test_bound_and_value_are_compared_as_they_are_written() -> None:
    """A tenth is a tenth, though the float beside it is a little more."""
    assert not LiveSpec(metric="m", at_most=Decimal("0.1"), bad=1, of=1).is_beyond(0.1)
    assert LiveSpec(metric="m", at_least=Decimal("0.8"), bad=1, of=1).is_beyond(0.7999)
    assert LiveSpec(metric="m", at_least=Decimal("1E+2"), bad=1, of=1).bound == "at least 100"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"value": float("nan")}, "rmse is nan, which is no number: mend what measures it"),
        ({"value": float("-inf")}, "rmse is -inf, which is no number"),
        ({"at": START + timedelta(minutes=2)}, "is in the future: compare the clocks"),
        ({"at": START - timedelta(days=20_000)}, "say when, such as"),
    ],
)
def test_what_is_no_measurement_is_refused(changes: dict[str, Any], told: str) -> None:
    replace(LiveMetric.example(), at=START).check(START)
    with pytest.raises(Malformed, match=told):
        replace(LiveMetric.example(), **{"at": START, **changes}).check(START)


# What follows


def test_bad_metrics_begin_a_training_of_the_newest_data_in_a_story_of_its_own() -> None:
    world = in_production()
    world.rmse, world.champion_rmse = 15.0, 16.0
    reports(world, BAD, GOOD, BAD)
    assert begun(world) == []
    reports(world, BAD)
    (story,) = begun(world)
    assert story == identity.story_of_live_metrics(MODEL, "1", 1, "rmse")
    fact = world.last(story, f.LiveMetricsBad)
    assert (fact.values, fact.bound, fact.bad, fact.of) == ((BAD, BAD, GOOD, BAD), "at most 20", 3, 5)
    assert world.kinds(story)[:4] == ["LiveMetricsBad", "TrainingStarted", "VersionRegistered", "VersionJudged"]
    assert world.last(story, f.TrainingStarted).champion_version == "1"
    approval = world.ledger.approved(MODEL, SLOT)
    assert approval is not None
    assert (approval.version, approval.story) == ("2", story)
    assert world.last(story, f.ScoringPlanned).delta_version == 1
    assert "ScoringFinished" in world.kinds(story)
    assert stories.use_case_of(world.story(story)) == "flight_delays"
    assert story in world.ledger.find(f"{MODEL}@1")
    assert state_of(world.story(story), []) is State.DONE
    assert world.sweep_until_quiet() == 0
    assert world.ledger.unsettled() == []
    assert sentence(fact) == (
        "flight_delays version 1 is bad in production, at least 3 of the last 5 values of rmse are not at most 20:"
        " 21, 21, 19, 21; a training on version 1 of silver/flight_delays is asked for"
    )


def test_it_happens_once_on_the_same_data_and_again_on_newer() -> None:
    world = in_production(policy(when=When.DRIFT))
    world.rmse = 99.0  # nothing is better than version 1
    reports(world, *[BAD] * 9)
    (first,) = begun(world)
    assert world.sweep_until_quiet() == 0
    lands(world, "2")
    world.sweep_until_quiet()
    assert begun(world)[0] == first
    assert [data for _, data in trained(world)] == ["1", "1", "2"]
    assert len(begun(world)) == 2


def test_another_version_in_production_is_looked_at_by_its_own_values() -> None:
    world = in_production()
    world.rmse, world.champion_rmse = 15.0, 16.0
    reports(world, *[BAD] * 3)
    assert [len(begun(world)), len(trained(world))] == [1, 2]
    reports(world, *[BAD] * 5)
    assert len(begun(world)) == 1
    world.rmse = 99.0
    reports(world, *[BAD] * 3, version="2")
    assert begun(world)[1:] == [identity.story_of_live_metrics(MODEL, "2", 1, "rmse")]


def test_values_of_a_version_that_is_not_in_production_are_kept_for_when_it_is() -> None:
    world = in_production()
    world.rmse = 99.0
    lands(world, "2")
    reports(world, *[BAD] * 5, version="2")
    assert begun(world) == []
    assert len(world.ledger.noted(values_of(MODEL, "2", "rmse"), 10)) == 5


def test_same_report_counts_once_and_the_order_is_that_of_the_measurements() -> None:
    world = in_production()
    one, *others = measured(world, BAD, *[GOOD] * 4, BAD, BAD)
    for _ in range(5):
        world.sluice.report([one])
        world.sluice.report([replace(one, value=99.0)])  # of one time there is one value
    assert begun(world) == []
    world.sluice.report(list(reversed(others)))
    values = [float(entry.text) for entry in world.ledger.noted(values_of(MODEL, "1", "rmse"), 9)]
    assert values == [BAD, BAD, GOOD, GOOD, GOOD, GOOD, BAD]
    assert begun(world) == []  # the last five are only two bad ones


def test_values_that_came_late_count_where_they_belong() -> None:
    world = in_production()
    early = measured(world, BAD, BAD)
    reports(world, GOOD, BAD)
    world.sluice.report(early)
    assert len(begun(world)) == 1


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"model": "no_such"}, UnknownUseCase, "no use case has the model 'no_such': report for one of flight_delays"),
        ({"metric": "mae"}, Refused, "flight_delays has rmse watched, not 'mae': report that one, or name this one"),
        ({"version": "7"}, Refused, "no version '7' of flight_delays was ever judged: report for the one that answers"),
        ({"value": float("nan")}, Malformed, "which is no number"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_of_it_kept(
    changes: dict[str, Any], error: type[SluiceError], told: str
) -> None:
    world = in_production()
    good, other = measured(world, BAD, BAD)
    with pytest.raises(error, match=told):
        world.sluice.report([good, replace(other, **changes)])
    assert world.ledger.noted(values_of(MODEL, "1", "rmse"), 9) == []


def test_use_case_that_watches_none_says_what_to_do() -> None:
    world = in_production(replace(USE_CASE, retrain=RetrainSpec()))
    with pytest.raises(Refused, match=r"flight_delays has no retrain\.live: say there which metric is watched"):
        world.sluice.report(measured(world, BAD))


# The limits


@pytest.mark.parametrize(
    ("limits", "reason"), [({"per_day": 1}, "budget"), ({"cool_down": timedelta(hours=6)}, "cool-down")]
)
def test_limits_are_those_of_every_training(limits: dict[str, Any], reason: str) -> None:
    world = in_production(policy(**limits))
    reports(world, *[BAD] * 4)
    (story,) = begun(world)
    assert world.kinds(story) == ["LiveMetricsBad", "TrainingSkipped"]
    assert world.last(story, f.TrainingSkipped).reason == reason
    assert state_of(world.story(story), []) is State.DONE
    assert world.sweep_until_quiet() == 0


def test_data_that_was_tried_against_the_version_already_is_not_trained_on_again() -> None:
    """It would only make again what was not better."""
    world = in_production()
    world.rmse = 99.0
    second = lands(world, "2")
    reports(world, *[BAD] * 3)
    (story,) = begun(world)
    skipped = world.last(story, f.TrainingSkipped)
    assert skipped.reason == "same-data"
    assert skipped.detail == f"story {second} trained on version 2 of silver/flight_delays against version 1 already"


def test_data_whose_training_failed_is_tried_again() -> None:
    world = in_production()
    world.land("flights/2.csv", rows(1, 2))
    world.run(runs_end=False)
    world.end_runs(RunResult.FAILED, "it broke")
    world.run()
    reports(world, *[BAD] * 3)
    (story,) = begun(world)
    assert trained(world)[-1] == (story, "2")


def test_failed_training_says_what_to_do() -> None:
    world = in_production()
    for one in measured(world, BAD, BAD, BAD):
        world.sluice.report([one])
    world.collect()
    world.run(runs_end=False)
    world.end_runs(RunResult.FAILED, "it broke")
    world.run()
    (remedy,) = remedies(world.story(begun(world)[0]), [])
    assert "then train again on what is in silver" in remedy.advice
    assert remedy.command == ("train", "run", USE_CASE.name, "--because", "TEXT")


def test_batch_that_is_about_to_be_trained_on_is_waited_for() -> None:
    world = in_production()
    story = world.land("flights/2.csv", rows(1, 2))
    world.deliver()
    world.deliver()  # checked and committed; its training is on its way
    assert world.kinds(story)[-1] == "DataCommitted"
    world.sluice.report(measured(world, BAD, BAD, BAD))
    assert begun(world) == []
    world.rmse = 99.0
    world.run()
    world.sweep_until_quiet()
    assert [data for _, data in trained(world)] == ["1", "2"]


# What arrives


def test_only_while_the_metrics_are_bad_what_arrives_is_trained_on() -> None:
    world = in_production(policy(when=When.LIVE_METRICS))
    world.rmse = 99.0  # nothing is better than version 1
    reports(world, BAD, BAD)
    skipped = world.last(lands(world, "2"), f.TrainingSkipped)
    assert skipped.reason == "no-bad-metrics"
    assert skipped.detail == (
        "2 of the last 2 values of rmse of version 1 are not at most 20, 3 of 5 ask for a training"
    )
    reports(world, BAD)
    assert len(begun(world)) == 1
    assert "TrainingStarted" in world.kinds(lands(world, "3"))
    reports(world, GOOD, GOOD, GOOD)
    assert world.last(lands(world, "4"), f.TrainingSkipped).reason == "no-bad-metrics"


def test_without_a_champion_nothing_is_waited_for() -> None:
    world = World(use_case=policy(when=When.LIVE_METRICS))
    world.rmse = 99.0
    stories_ = [lands(world, str(number)) for number in range(2)]
    assert [story for story, _ in trained(world)] == stories_


def test_drift_and_live_metrics_each_begin_trainings() -> None:
    world = in_production(policy(watching(psi="0.1"), when=When.DRIFT))
    world.rmse = 99.0
    assert world.last(lands(world, "alike"), f.TrainingSkipped).reason == "no-drift"
    reports(world, *[BAD] * 3)
    (story,) = begun(world)
    assert trained(world)[-1] == (story, "2")  # the newest, though it had not drifted


def test_drift_is_measured_from_the_data_that_the_version_was_trained_on() -> None:
    """Also of a version that live metrics asked for: it was trained on what another story committed."""
    world = in_production(policy(watching(psi="0.1"), when=When.DRIFT))
    second = lands(world, "alike")
    world.rmse, world.champion_rmse = 15.0, 16.0
    reports(world, *[BAD] * 3)
    lands(world, "alike too")
    assert world.last(lands(world, "4"), f.DriftMeasured).against == second


def test_gate_knows_the_check_of_data_that_another_story_committed() -> None:
    conditions = (Condition.DATA_PASSED, Condition.TRAINED_ON_CHECKED_DATA)
    rules = tuple(Rule(name=str(one), why="", condition=one) for one in conditions)
    rules += (Rule(name="accurate", why="", metric="rmse", at_most=Decimal(30)),)
    gate = replace(USE_CASE.gate, policy=Policy(rules=rules, fingerprint="b"))
    world = World(use_case=policy(replace(USE_CASE, gate=gate)))
    ran = world.jobs.on_success

    def tagged(run: Any) -> None:
        ran(run)
        for model in world.registry.models.values():
            for number, one in model.items():
                model[number] = replace(one, tags={**one.tags, "sluice.delta_version": "1"})

    world.jobs.on_success = tagged
    lands(world, "1")
    reports(world, *[BAD] * 3)
    (story,) = begun(world)
    seen = {one.rule: one.verdict for one in world.last(story, f.VersionJudged).rules}
    assert seen == {str(one): "passed" for one in (*conditions, "accurate")}


def test_scoring_of_new_data_waits_for_the_version_that_may_come() -> None:
    scoring = replace(USE_CASE.scoring, when=ScoringWhen.NEW_DATA)
    world = in_production(policy(replace(USE_CASE, scoring=scoring), when=When.LIVE_METRICS))
    world.rmse = 99.0
    lands(world, "2")
    for one in measured(world, BAD, BAD, BAD):
        world.sluice.report([one])
    world.collect()
    world.run(runs_end=False)

    def requested() -> int:
        world.sluice.sweep()
        return sum("ScoringRequested" in world.kinds(head.story) for head in world.ledger.recent(100))

    assert [len(begun(world)), len(world.jobs.running), requested()] == [1, 1, 0]
    world.end_runs()
    world.run()
    assert requested() == 1


# Crashes and races


@pytest.mark.parametrize("calls", range(1, 14))
def test_killed_after_any_call_of_a_report_one_training_follows(calls: int) -> None:
    """Between the value and the fact, the fact and the command, or anywhere else: the sweep carries it on."""
    world = in_production()
    world.rmse = 99.0
    reports(world, BAD, BAD)
    fate = CrashAfter(calls)
    world._proxy = fate.proxy
    world.wire(policy())
    try:
        world.sluice.report(measured(world, BAD))
    except CrashError:
        world.collect()
    assert fate.crashed or fate.left > 0
    world.collect()
    world.run()
    kept = world.ledger.noted(values_of(MODEL, "1", "rmse"), 9)
    world.sweep_until_quiet()
    assert [len(begun(world)), len(trained(world))] == ([1, 2] if len(kept) == 3 else [0, 1])
    assert world.ledger.unsettled() == []


def test_story_with_the_fact_and_no_training_is_carried_on_by_the_sweep() -> None:
    world = in_production(policy(per_day=5))
    bad = replace(f.LiveMetricsBad.example(), at=world.clock.now(), data_story=stories_of_silver(world)[0])
    world.ledger.record([bad])
    assert world.ledger.unsettled() == [bad.story]
    world.wire(policy(live=replace(LIVE, metric="mae")))  # nothing but the story itself asks for it
    world.sweep_until_quiet()
    assert trained(world)[-1] == (bad.story, "1")
    assert world.ledger.unsettled() == []


def stories_of_silver(world: World) -> list[str]:
    return [entry.story for entry in world.ledger.noted(versions_of(USE_CASE.data.table), 9)]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_of_many_who_report_at_once_one_training_begins(kind: str, tmp_path: Path) -> None:
    ledger = MemoryLedger() if kind == "memory" else SqliteLedger(tmp_path / "ledger.db")
    clock, start = FakeClock(), threading.Barrier(8)
    data = f.DataCommitted.example()
    ledger.record([data, f.TrainingStarted.example(), f.VersionRegistered.example()])
    ledger.note(Entry(scope=versions_of(data.table), number=1, story=data.story, at=data.at, text="1"))
    approval = Approval(model=MODEL, slot=SLOT, version="1", story=data.story, at=data.at)
    ledger.approve(approval, replaces=None)
    live = LiveMetrics(use_cases=UseCases.of(policy()), ledger=ledger, approvals=ledger, journals=ledger, clock=clock)

    def report(number: int) -> set[str]:
        at = START - timedelta(seconds=number)
        start.wait(60)
        decision = live.report([replace(LiveMetric.example(), value=BAD, at=at)])
        return {one.message_id for one in decision.send}

    with ThreadPoolExecutor(8) as pool:
        asked = set().union(*pool.map(report, range(8)))
    story = identity.story_of_live_metrics(MODEL, "1", 1, "rmse")
    assert asked == {f"StartTraining/{story}/1"}  # which the broker takes once
    assert [one.kind for one in ledger.story(story)] == ["LiveMetricsBad"]
    assert len(ledger.noted(values_of(MODEL, "1", "rmse"), 9)) == 8


# How it is looked at


def test_view_shows_what_the_rule_looks_at() -> None:
    world = in_production()
    world.rmse = 99.0
    empty = live_view(world.ledger, world.ledger, policy())
    assert (empty.version, empty.values, empty.is_bad) == ("1", (), False)
    reports(world, GOOD, BAD, BAD, BAD)
    told = live_document(live_view(world.ledger, world.ledger, policy()))
    assert [(one["value"], one["is_beyond"]) for one in told["values"]] == [(BAD, True)] * 3 + [(GOOD, False)]
    assert (told["is_bad"], told["bound"], told["stories"]) == (True, "at most 20", begun(world))
