"""Drift: the measures are the textbook's, the limits are the use case's, and what follows is recorded once."""

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import facts as f
from shared.domain.drift import (
    Against,
    Drift,
    DriftFinding,
    DriftSpec,
    Limits,
    Measure,
    Then,
    compare,
    ks,
    outcome,
    psi,
)
from shared.domain.profile import COLUMNS, ColumnProfile, Kind, Profile, versions_of
from shared.domain.quality import ExpectationOutcome
from shared.domain.quarantine import ENTRIES, ReleaseAsked
from shared.domain.usecase import QuarantineKind, UseCase
from shared.domain.verdict_changes import verdict_changes
from shared.domain.verdicts import Verdict
from shared.views.quality import history, not_committed, quality_document, quality_text
from shared.views.terminal import Terminal
from tests.world import USE_CASE, World

COUNTS = st.lists(st.integers(0, 1000), min_size=2, max_size=20)


def watching(then: Then = Then.WARN, *, against: Against = Against.CHAMPION, **at_most: Any) -> UseCase:
    limits = Limits(at_most={Measure(name): Decimal(value) for name, value in at_most.items()}, then=then)
    return replace(USE_CASE, drift=DriftSpec(against=against, limits=limits))


def rows(*values: int | str, origin: str = "JFK") -> str:
    return "origin,x\n" + "".join(f"{origin},{value}\n" for value in values)


def told(world: World, content: str, name: str) -> tuple[str, f.DriftMeasured | None]:
    story = world.land(f"flights/{name}.csv", content)
    world.run()
    found = [one for one in world.story(story) if isinstance(one, f.DriftMeasured)]
    return story, found[0] if found else None


def test_psi_is_the_textbooks() -> None:
    shares = [(0.5, 0.25), (0.5, 0.75)]
    assert psi([50, 50], [25, 75]) == pytest.approx(sum((n - b) * math.log(n / b) for b, n in shares))


@given(COUNTS)
def test_nothing_is_far_from_itself(counts: list[int]) -> None:
    assert psi(counts, counts) == 0
    assert ks(counts, [2 * one for one in counts]) == pytest.approx(0)


@given(COUNTS, st.randoms())
def test_measures_are_no_less_than_nothing_and_ks_no_more_than_one(counts: list[int], random: Any) -> None:
    other = [random.randrange(1000) for _ in counts]
    assert psi(counts, other) >= 0
    assert 0 <= ks(counts, other) <= 1 + 1e-9


def column(name: str, **changes: Any) -> ColumnProfile:
    return ColumnProfile(**{"name": name, "kind": Kind.NUMBER, **changes})


def test_own_limits_of_a_column_come_before_those_of_all_and_ignored_ones_have_none() -> None:
    limits = Limits(at_most={Measure.NULL_RATE: Decimal("0.1")}, then=Then.WARN)
    own = Limits(at_most={Measure.NULL_RATE: Decimal("0.5")}, then=Then.STOP)
    spec = DriftSpec(limits=limits, columns={"b": own}, ignored=("c",))
    before = Profile(rows=10, columns=tuple(column(name) for name in "abcd"))
    now = Profile(rows=10, columns=(*(column(name, nulls=4) for name in "abc"), column("d"), column("new", nulls=9)))
    found = compare(before, now, spec)
    assert [(one.column, one.limit, one.exceeds, one.then) for one in found] == [
        ("a", 0.1, True, Then.WARN),
        ("b", 0.5, False, Then.STOP),
        ("d", 0.1, False, Then.WARN),
    ]
    assert outcome(found) is Drift.WARNED
    assert outcome([*found, replace(found[0], then=Then.TRAIN)]) is Drift.TRAIN
    assert outcome([*found, replace(found[0], then=Then.STOP)]) is Drift.STOPPED
    assert outcome([]) is Drift.NONE
    assert found[0].sentence == "rise of the share of nulls in a at most 0.1: it is 0.4 (40.0% after 0.0%)"


MANY = {f"v{n}": 2 for n in range(5)}


@pytest.mark.parametrize(
    ("before", "now", "exceeds"),
    [
        (column("x"), column("x", kind=Kind.CATEGORY, distinct=7), {"psi", "ks", "new_categories"}),
        (column("x", kind=Kind.CATEGORY, categories=MANY), column("x"), {"psi", "ks"}),
        (column("x"), column("x", kind=Kind.CATEGORY, nulls=10), {"null_rate"}),
        (column("x"), column("x", kind=Kind.OTHER, nulls=10), {"null_rate"}),
        (column("x"), column("another"), {"null_rate"}),
        (
            column("x", kind=Kind.CATEGORY, categories=MANY),
            column("x", kind=Kind.CATEGORY, distinct=900),
            {"psi", "new_categories"},
        ),
        (column("x", nulls=10), column("x", kind=Kind.CATEGORY, distinct=7), set()),
    ],
    ids=["text now", "number now", "nothing now", "null now", "gone", "too many texts now", "nothing before"],
)
def test_what_cannot_be_held_beside_the_baseline_is_far_from_it(
    before: ColumnProfile, now: ColumnProfile, exceeds: set[str]
) -> None:
    at_most = {measure: Decimal("0.2") for measure in Measure}
    spec = DriftSpec(limits=Limits(at_most=at_most, then=Then.STOP))
    found = compare(Profile(rows=10, columns=(before,)), Profile(rows=10, columns=(now,)), spec)
    assert {str(one.measure) for one in found if one.exceeds} == exceeds


def test_what_is_below_the_baseline_s_least_value_is_a_cell_of_its_own() -> None:
    spec = DriftSpec(limits=Limits(at_most={Measure.PSI: Decimal("0.25"), Measure.KS: Decimal("0.2")}))
    for counts, against, exceeds in (
        ((0, 1000, 0), (1000, 0, 0), {"psi", "ks"}),
        ((0, 1000, 0), (0, 1000, 0), set()),
        ((0, *[10] * 100), (300, *[7] * 100), {"psi", "ks"}),
        ((1000, 0), (1000, 0), set()),  # kept without such an edge
    ):
        before = Profile(rows=1000, columns=(column("x", counts=counts),))
        now = Profile(rows=1000, columns=(column("x", against=against),))
        assert {str(one.measure) for one in compare(before, now, spec) if one.exceeds} == exceeds


def test_findings_are_few_the_worst_first() -> None:
    before = Profile(rows=10, columns=tuple(column(f"c{n}") for n in range(99)))
    now = Profile(rows=10, columns=tuple(column(f"c{n}", nulls=n // 10) for n in range(99)))
    found = compare(before, now, DriftSpec(limits=Limits(at_most={Measure.NULL_RATE: Decimal("0.3")})))
    assert len(found) == 40
    assert found[0].value == 0.9


def test_what_stops_is_among_the_few_however_far_the_others_are() -> None:
    before = Profile(rows=10, columns=tuple(column(f"c{n}") for n in range(99)))
    now = Profile(rows=10, columns=(column("c0", nulls=4), *(column(f"c{n}", nulls=9) for n in range(1, 99))))
    limits = {Measure.NULL_RATE: Decimal("0.3")}
    own = {"c0": Limits(at_most=limits, then=Then.STOP)}
    found = compare(before, now, DriftSpec(limits=Limits(at_most=limits), columns=own))
    assert (found[0].column, outcome(found)) == ("c0", Drift.STOPPED)


def test_limits_of_a_column_that_is_nowhere_are_told() -> None:
    world = World(use_case=watching(psi="0.5"))
    told(world, rows(1, 2, 3, 4), "1")
    own = {"nope": Limits(at_most={Measure.PSI: Decimal("0.1")}, then=Then.STOP), "x": Limits()}
    world.wire(replace(USE_CASE, drift=DriftSpec(columns=own)))
    story, drift = told(world, rows(1, 2, 3, 4), "2")
    assert drift is not None
    (found,) = drift.findings
    assert found.sentence == "columns named nope that are missing at most 0: it is 1 (no column of that name is there)"
    assert (found.column, found.verdict, drift.drift) == ("nope", Verdict.MISCONFIGURED, Drift.STOPPED)
    assert world.last(story, f.DataQuarantined).reasons == (found.sentence,)


def test_column_with_limits_of_its_own_is_gone_from_a_wide_table_too() -> None:
    names = [f"c{n}" for n in range(COLUMNS + 1)]
    before = Profile(rows=10, columns=tuple(column(name) for name in names))
    now = Profile(rows=10, columns=tuple(column(name) for name in [*names[2:], "other"]))
    limits = Limits(at_most={Measure.NULL_RATE: Decimal("0.3")})
    found = compare(before, now, DriftSpec(limits=limits, columns={"c0": limits}))
    assert [one.column for one in found if one.exceeds] == ["c0"]


def test_first_version_has_nothing_to_be_compared_with_but_a_profile() -> None:
    world = World(use_case=watching(psi="0.1"))
    story, drift = told(world, rows(1, 2, 3, 4), "1")
    assert drift is None
    assert world.profiles.kept[f"profiles/flight_delays/{story}-1.json"].rows == 4


def test_drift_that_warns_is_recorded_and_goes_on() -> None:
    world = World(use_case=watching(psi="0.1"))
    first, _ = told(world, rows(1, 2, 3, 4), "1")
    story, drift = told(world, rows(7, 8, 9, 9), "2")
    assert drift is not None
    assert (drift.drift, drift.against, drift.against_version) == (Drift.WARNED, first, 1)
    assert world.kinds(story).index("DriftMeasured") < world.kinds(story).index("DataCommitted")


def test_what_is_alike_is_said_to_be() -> None:
    world = World(use_case=watching(psi="0.1", ks="0.1", null_rate="0.1", new_categories="0", rows_percent="10"))
    told(world, rows(1, 2, 3, 4), "1")
    _, drift = told(world, rows(1, 2, 3, 4), "2")
    assert drift is not None
    assert drift.drift is Drift.NONE
    assert {one.measure for one in drift.findings} == set(Measure) - {Measure.MISSING, Measure.VERDICTS}


@pytest.mark.parametrize(
    ("limit", "content", "measure"),
    [
        ({"ks": "0.1"}, rows(7, 8, 9, 9), Measure.KS),
        ({"null_rate": "0.1"}, rows(1, 2, 3, ""), Measure.NULL_RATE),
        ({"new_categories": "0"}, rows(1, 2, 3, 4, origin="EWR"), Measure.NEW_CATEGORIES),
        ({"rows_percent": "20"}, rows(1, 2, 3, 4, 1), Measure.ROWS),
    ],
)
def test_drift_that_stops_keeps_the_batch_apart_until_a_person_lets_it_out(
    limit: dict[str, Any], content: str, measure: Measure
) -> None:
    world = World(use_case=watching(Then.STOP, **limit))
    told(world, rows(1, 2, 3, 4), "1")
    story, drift = told(world, content, "2")
    assert drift is not None
    assert [one.measure for one in drift.exceeding] == [measure]
    assert world.kinds(story)[-1] == "DataQuarantined"
    assert world.last(story, f.DataQuarantined).reasons == tuple(one.sentence for one in drift.exceeding)
    assert world.lake.versions("silver/flight_delays") == 1
    from shared.domain.quarantine import ReleaseAsked

    world.sluice.release(ReleaseAsked(story=story, who="ada", why="winter"))
    world.collect()
    world.run()
    assert world.kinds(story).count("DriftMeasured") == 1
    assert "DataCommitted" in world.kinds(story)
    assert f"profiles/flight_delays/{story}-2.json" in world.profiles.kept


def test_baseline_is_the_champions_data_or_the_version_before_as_the_use_case_says() -> None:
    for against, version in ((Against.CHAMPION, 1), (Against.LAST, 2)):
        world = World(use_case=watching(psi="0.1", against=against))
        told(world, rows(1, 2, 3, 4), "1")
        world.rmse = 99  # the second version is rejected: the first stays champion
        told(world, rows(5, 6, 7, 8), "2")
        _, drift = told(world, rows(5, 6, 7, 8), "3")
        assert drift is not None
        assert (drift.against_version, drift.drift is Drift.NONE) == (version, against is Against.LAST)


@pytest.mark.parametrize("against", Against)
def test_rows_that_were_let_out_after_their_batch_are_no_baseline(against: Against) -> None:
    use_case = watching(psi="0.1", rows_percent="10", against=against)
    data = replace(use_case.data, quarantine=QuarantineKind.ROWS, quarantine_at_most_percent=Decimal(60))
    world = World(use_case=replace(use_case, data=data))
    first, _ = told(world, rows(1, 2, -9), "1")
    world.sluice.release(ReleaseAsked(story=first, who="ada", why="it is so"))
    world.collect()
    world.run()
    entries = world.ledger.noted(versions_of(data.table), 9)
    assert [entry.story == first for entry in entries] == [False, True]
    _, drift = told(world, rows(1, 2), "2")
    assert drift is not None
    assert (drift.against, drift.drift) == (first, Drift.NONE)


def test_repeat_measures_once_whatever_the_baseline_is_then() -> None:
    world = World(use_case=watching(psi="0.1"))
    told(world, rows(1, 2, 3, 4), "1")
    story = world.land("flights/2.csv", rows(7, 8, 9, 9))
    world.deliver()
    (check,) = [one for one in world.outbox.sent if one.story == story]
    for _ in range(2):
        world.hand_over(check)
    assert world.kinds(story).count("DriftMeasured") == 1


def test_example_is_beyond_its_limit() -> None:
    assert DriftFinding.example().exceeds


def test_history_of_a_table_tells_every_version_and_what_drifted() -> None:
    world = World(use_case=watching(psi="0.1"))
    first, _ = told(world, rows(1, 2, 3, 4), "1")
    second, _ = told(world, rows(7, 8, 9, 9), "2")
    found = history(world.ledger, world.profiles, "silver/flight_delays", 9)
    assert [(one.committed.story, one.committed.delta_version) for one in found] == [(second, 2), (first, 1)]
    newest, oldest = quality_document("silver/flight_delays", found)["versions"]
    assert (newest["drift"], newest["against_version"], oldest["drift"]) == ("warned", 1, "")
    assert [one["nulls"] for one in newest["columns"]] == [0, 0]
    text = quality_text("silver/flight_delays", found, Terminal(), now=world.clock.now())
    assert "warned: against version 1: PSI of x against the baseline at most 0.1" in text
    assert "not compared" in text.splitlines()[-1]


def test_what_was_not_committed_stands_between_the_versions() -> None:
    """With its verdict, whether the check or drift stopped it, and whether it was let out since."""
    table = USE_CASE.data.table
    world = World(use_case=watching(Then.STOP, psi="0.1"))
    first, _ = told(world, rows(1, 2, 3, 4), "1")
    failed, _ = told(world, rows(-1, 2, 3, 4), "2")
    stopped, _ = told(world, rows(7, 8, 9, 9), "3")
    last, _ = told(world, rows(1, 2, 3, 4), "4")
    versions = history(world.ledger, world.profiles, table, 9)
    kept = not_committed(world.ledger, (), versions, 9)
    assert [one.kept.story for one in kept] == [stopped, failed]
    document = quality_document(table, versions, kept)
    assert [one["story"] for one in document["versions"]] == [last, first]
    newer, older = document["not_committed"]
    assert (newer["verdict"], newer["drift"], newer["failed"], newer["waits"]) == ("passed", "stopped", 0, True)
    assert (older["verdict"], older["drift"], older["failed"], older["rows"]) == ("failed", "", 1, 4)
    assert older["reasons"]
    text = quality_text(table, versions, Terminal(), now=world.clock.now(), kept=kept)
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["2", "-", "-", "1"]
    assert "passed  not committed, in quarantine: stopped: against version 1" in text
    assert "failed  not committed, in quarantine" in text
    assert not_committed(world.ledger, (), versions[:1], 1) == [], "it is older than the versions that are shown"
    world.sluice.release(ReleaseAsked(story=failed, who="ada", why="so it is"))
    world.collect()
    world.run()
    versions = history(world.ledger, world.profiles, table, 9)
    kept = not_committed(world.ledger, (), versions, 9)
    assert [(one.kept.story, one.waits) for one in kept] == [(stopped, True), (failed, False)]
    assert [one.committed.story for one in versions] == [failed, last, first]


def test_what_others_kept_is_not_of_this_table_and_is_not_read() -> None:
    world = World()
    story, _ = told(world, rows(-1, 2, 3, 4), "1")
    (entry,) = world.ledger.noted(ENTRIES, 9)
    assert entry.text == USE_CASE.name
    assert not_committed(world.ledger, ("other",), (), 9) == []
    old = replace(entry, text="", name="of before")  # entries once did not say whose they are
    world.ledger.note(old)
    assert not_committed(world.ledger, ("other",), (), 9) == []
    assert [one.kept.story for one in not_committed(world.ledger, (USE_CASE.name,), (), 9)] == [story]


def test_verdicts_that_changed_are_told_and_may_stop() -> None:
    def outcome_of(asked: str, verdict: Verdict) -> ExpectationOutcome:
        return replace(ExpectationOutcome.example(), asked=asked, verdict=verdict)

    before = [outcome_of(one, Verdict.PASSED) for one in ("same", "worse", "gone")] + [
        outcome_of("better", Verdict.FAILED)
    ]
    now = [outcome_of("same", Verdict.PASSED), outcome_of("worse", Verdict.FAILED)] + [
        outcome_of(one, Verdict.PASSED) for one in ("better", "new")
    ]
    found = verdict_changes(before, now)
    assert [one.sentence for one in found] == [
        "worse: failed, was passed",
        "better: passed, was failed",
        "new: passed, was not asked before",
        "gone: is not asked any more",
    ]
    assert [one.is_worse for one in found] == [True, False, False, False]
    profile = Profile(rows=10, columns=())
    limits = Limits(at_most={Measure.VERDICTS: Decimal(0)}, then=Then.STOP)
    (finding,) = compare(profile, profile, DriftSpec(limits=limits), found)
    assert (finding.value, finding.exceeds, outcome([finding])) == (1.0, True, Drift.STOPPED)
    assert "worse" in finding.sentence
    assert compare(profile, profile, DriftSpec(limits=limits), found[1:])[0].exceeds is False


def test_next_version_says_which_verdicts_changed() -> None:
    """Of a check that lets pass only a warning can change."""
    world = World(use_case=watching(psi="9"))
    told(world, rows(1, 2, 3, 4), "1")
    world.quality.warns = True
    _, drift = told(world, rows(1, 2, 3, 4), "2")
    assert drift is not None
    (changed,) = drift.verdicts
    assert (changed.before, changed.now) == (None, Verdict.FAILED)
    table = USE_CASE.data.table
    versions = history(world.ledger, world.profiles, table, 5)
    assert quality_document(table, versions)["versions"][0]["verdicts"][0]["asked"] == changed.asked
    assert changed.asked in quality_text(table, versions, Terminal(), now=world.clock.now())
