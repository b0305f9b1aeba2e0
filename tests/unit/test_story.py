"""Reading a story: where it stands does not depend on the order of its facts, and what is missing is asked for."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.commands import CheckBatch, Command, FollowRun, PlanScoring, ScorePart, StartTraining
from shared.domain.fan_out import fan_outs
from shared.domain.verdicts import RunResult, Verdict

ARRIVED, CHECKED, COMMITTED = f.DataArrived.example(), f.BatchChecked.example(), f.DataCommitted.example()
STARTED, FINISHED = f.TrainingStarted.example(), f.TrainingFinished.example()
REGISTERED, JUDGED = f.VersionRegistered.example(), f.VersionJudged.example()
PROMOTED, REJECTED = f.VersionPromoted.example(), replace(f.VersionRejected.example(), version="1")
PLANNED, SCORED_ALL = f.ScoringPlanned.example(), f.ScoringFinished.example()
PARTS = PLANNED.parts
LOST = replace(FINISHED, result=RunResult.LOST, final=False)
FAILED = replace(FINISHED, result=RunResult.FAILED, message="no such column")
TO_GOLD: list[f.Fact] = [ARRIVED, CHECKED, COMMITTED, STARTED, FINISHED, REGISTERED, JUDGED, PROMOTED, PLANNED]
BAD = replace(f.LiveMetricsBad.example(), story=ARRIVED.story)
SKIPPED = f.TrainingSkipped.example()
LATER = ARRIVED.at + timedelta(hours=1)


def started(part: str, generation: int = 1) -> f.PartStarted:
    return replace(f.PartStarted.example(), part=part, generation=generation, job_run_id=2000 + generation)


def scored(part: str, generation: int = 1) -> f.PartScored:
    return replace(f.PartScored.example(), part=part, generation=generation, rows=100)


def failed(part: str, generation: int = 1, *, final: bool) -> f.PartFailed:
    return replace(f.PartFailed.example(), part=part, generation=generation, final=final)


SETTLED: dict[str, list[f.Fact]] = {
    "nothing": [],
    "quarantined": [ARRIVED, CHECKED, f.DataQuarantined.example()],
    "superseded": [ARRIVED, f.DataSuperseded.example()],
    "training failed": [ARRIVED, CHECKED, COMMITTED, STARTED, FAILED],
    "rejected": [ARRIVED, CHECKED, COMMITTED, STARTED, FINISHED, REGISTERED, JUDGED, REJECTED],
    "live metrics, skipped": [BAD, SKIPPED],
    "live metrics, training failed": [BAD, STARTED, FAILED],
    "live metrics, rejected": [BAD, STARTED, FINISHED, REGISTERED, JUDGED, REJECTED],
    "rejected by hand": [REGISTERED, JUDGED, REJECTED],
    "scored": [*TO_GOLD, *map(started, PARTS), *map(scored, PARTS), SCORED_ALL],
    "no parts": [*TO_GOLD[:-1], replace(PLANNED, parts=())],
    "a part failed": [*TO_GOLD, scored("EWR"), scored("JFK"), started("LGA"), failed("LGA", final=True)],
    "second training": [*TO_GOLD[:4], LOST, replace(STARTED, generation=2), replace(FAILED, generation=2)],
    "second plan": [
        *TO_GOLD,
        replace(PLANNED, plan="second", at=LATER, parts=("JFK",)),
        replace(scored("JFK"), plan="second"),
        replace(SCORED_ALL, plan="second"),
    ],
}
OPEN: dict[str, list[f.Fact]] = {
    "arrived": [ARRIVED],
    "checked": [ARRIVED, CHECKED],
    "committed": [ARRIVED, CHECKED, COMMITTED],
    "trains": [ARRIVED, CHECKED, COMMITTED, STARTED],
    "trained": [ARRIVED, CHECKED, COMMITTED, STARTED, FINISHED],
    "lost": [ARRIVED, CHECKED, COMMITTED, STARTED, LOST],
    "trains again": [ARRIVED, CHECKED, COMMITTED, STARTED, LOST, replace(STARTED, generation=2)],
    "registered": [ARRIVED, CHECKED, COMMITTED, STARTED, FINISHED, REGISTERED],
    "rejected before the end of its run": [ARRIVED, CHECKED, COMMITTED, STARTED, REGISTERED, JUDGED, REJECTED],
    "a second version": [REGISTERED, JUDGED, REJECTED, replace(REGISTERED, version="2")],
    "live metrics": [BAD],
    "live metrics, trains": [BAD, STARTED],
    "live metrics, trained": [BAD, STARTED, FINISHED],
    "live metrics, lost": [BAD, STARTED, LOST],
    "promoted": TO_GOLD[:-1],
    "planned": TO_GOLD,
    "scores": [*TO_GOLD, started("EWR"), scored("EWR"), started("JFK")],
    "all parts, not told": [*TO_GOLD, *map(started, PARTS), *map(scored, PARTS)],
    "a part lost": [*TO_GOLD, scored("EWR"), scored("JFK"), started("LGA"), failed("LGA", final=False)],
    "a part again": [*TO_GOLD, scored("EWR"), scored("JFK"), failed("LGA", final=True), started("LGA", 2)],
    "second plan begun": [
        *TO_GOLD,
        *map(scored, PARTS),
        SCORED_ALL,
        replace(PLANNED, plan="second", at=LATER, parts=("JFK",)),
    ],
}


@pytest.mark.parametrize("name", SETTLED)
def test_settled(name: str) -> None:
    assert stories.is_settled(SETTLED[name])
    assert stories.outstanding(SETTLED[name], "flight_delays", cause="sweep") == []


@pytest.mark.parametrize("name", OPEN)
def test_open(name: str) -> None:
    assert not stories.is_settled(OPEN[name])


shuffled = st.sampled_from(
    [*((one, True) for one in SETTLED.values()), *((one, False) for one in OPEN.values())]
).flatmap(lambda told: st.tuples(st.permutations(told[0]), st.just(told[1])))


@settings(deadline=None, max_examples=300)
@given(shuffled)
def test_whether_it_is_settled_does_not_depend_on_the_order(told: tuple[list[f.Fact], bool]) -> None:
    """A run's end is often told after its version was decided."""
    facts, settled = told
    assert stories.is_settled(facts) is settled


FOLLOW = FollowRun(story=ARRIVED.story, cause="sweep", workspace="ws1", job_run_id=1001)
AGAIN = StartTraining(
    story=ARRIVED.story,
    cause="sweep",
    use_case="flight_delays",
    table=COMMITTED.table,
    delta_version=COMMITTED.delta_version,
)


def part(name: str, generation: int = 1) -> ScorePart:
    return ScorePart(
        story=ARRIVED.story,
        cause="sweep",
        use_case="flight_delays",
        plan=PLANNED.plan,
        part=name,
        generation=generation,
    )


@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("arrived", [replace(stories.check_of(ARRIVED), cause="sweep")]),
        ("checked", [replace(stories.check_of(ARRIVED), cause="sweep")]),
        ("committed", [AGAIN]),
        ("trains", [FOLLOW]),
        ("trained", []),
        ("lost", [replace(AGAIN, generation=2)]),
        ("live metrics", [AGAIN]),
        ("live metrics, trains", [FOLLOW]),
        ("live metrics, trained", []),
        ("live metrics, lost", [replace(AGAIN, generation=2)]),
        ("trains again", [FOLLOW]),
        ("registered", []),
        ("rejected before the end of its run", [FOLLOW]),
        (
            "promoted",
            [
                PlanScoring(
                    story=ARRIVED.story, cause="sweep", use_case="flight_delays", model="flight_delays", version="1"
                )
            ],
        ),
        ("planned", [part("EWR"), part("JFK"), part("LGA")]),
        ("scores", [replace(FOLLOW, job_run_id=2001), part("LGA")]),
        ("all parts, not told", [replace(FOLLOW, job_run_id=2001)]),
        ("a part lost", [part("LGA", 2)]),
        ("a part again", [replace(FOLLOW, job_run_id=2002)]),
        ("second plan begun", [replace(part("JFK"), plan="second")]),
    ],
)
def test_what_carries_it_on(name: str, commands: list[Command]) -> None:
    assert stories.outstanding(OPEN[name], "flight_delays", cause="sweep") == commands


def test_command_after_an_arrival_is_the_one_that_the_arrival_sent() -> None:
    assert stories.check_of(ARRIVED) == CheckBatch.example()


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (SETTLED["scored"], ""),
        (SETTLED["quarantined"], ""),
        (SETTLED["rejected"], ""),
        ([ARRIVED, f.Parked.example()], "trainings: refused"),
        (SETTLED["training failed"], "training failed: no such column"),
        (OPEN["lost"], ""),
        (SETTLED["a part failed"], "part LGA lost: the driver was lost"),
        (OPEN["a part lost"], ""),
        ([ARRIVED, replace(CHECKED, verdict=Verdict.MISCONFIGURED)], "the check is misconfigured"),
        ([ARRIVED, replace(CHECKED, verdict=Verdict.FAILED)], ""),
        ([f.Parked.example(), FAILED], "trainings: refused; training failed: no such column"),
    ],
)
def test_why_a_person_has_to_look(facts: list[f.Fact], why: str) -> None:
    assert stories.needs_attention(facts) == why


def test_part_that_was_scored_after_all_needs_no_attention() -> None:
    """A person ran it again, and it succeeded."""
    running = [*SETTLED["a part failed"], started("LGA", 2)]
    assert stories.needs_attention(running) == ""
    facts = [*running, scored("LGA", 2), SCORED_ALL]
    assert stories.is_settled(facts)
    assert stories.needs_attention(facts) == ""
    assert stories.needs_attention([*running, failed("LGA", 2, final=True)]) == "part LGA lost: the driver was lost"


def test_training_that_succeeded_after_all_needs_no_attention() -> None:
    running = [*SETTLED["training failed"], replace(STARTED, generation=2)]
    assert stories.needs_attention(running) == ""
    assert stories.needs_attention([*running, replace(FINISHED, generation=2)]) == ""
    assert (
        stories.needs_attention([*running, replace(FAILED, generation=2, message="again")]) == "training failed: again"
    )


def test_check_that_could_be_run_after_all_needs_no_attention() -> None:
    misconfigured = replace(CHECKED, verdict=Verdict.MISCONFIGURED)
    assert stories.needs_attention([misconfigured, replace(CHECKED, generation=2)]) == ""


def test_fan_out_counts_the_newest_generation_of_each_part_and_only_its_own() -> None:
    other = replace(PLANNED, plan="other", at=LATER)
    facts = [
        other,
        replace(scored("JFK"), plan="other", rows=7),
        PLANNED,
        started("JFK", 2),
        started("JFK", 1),
        scored("JFK"),
        scored("EWR"),
    ]
    first, second = fan_outs(facts)
    assert (first.plan, second.plan) == (PLANNED, other)
    assert (first.rows, second.rows) == (200, 7)
    assert first.started["JFK"].generation == 2
    assert not first.is_complete
    assert fan_outs([*facts, scored("LGA")])[0].is_complete


def test_idle_since_its_newest_fact() -> None:
    facts = [replace(ARRIVED, at=LATER), ARRIVED]
    assert stories.idle_for(facts, LATER + timedelta(minutes=5)) == timedelta(minutes=5)


def test_use_case_is_the_arrivals() -> None:
    assert stories.use_case_of([ARRIVED, REGISTERED]) == "flight_delays"
    assert stories.use_case_of([REGISTERED]) == ""
