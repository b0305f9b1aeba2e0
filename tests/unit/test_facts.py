"""Facts: each kind is frozen, keyword-only, has an example, a key of its own, and leads a reader to its story."""

import inspect
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain import facts as f
from shared.domain.identity import model_at, slot_contest, slot_history

AT = datetime(2026, 2, 1, tzinfo=UTC)
HISTORY, CONTEST = slot_history("flight_delays", "champion"), slot_contest("flight_delays", "champion")


def test_every_kind_is_listed_by_its_name() -> None:
    """One that is not could be written and never read."""
    declared = {
        kind
        for _, kind in inspect.getmembers(f, inspect.isclass)
        if issubclass(kind, f.Fact) and kind not in (f.Fact, f.PartFact, f.EndpointFact)
    }
    assert set(f.KINDS.values()) == declared
    assert all(name == kind.__name__ == kind.example().kind for name, kind in f.KINDS.items())


@pytest.mark.parametrize("kind", f.KINDS.values())
def test_kind_is_frozen_keyword_only_and_aware(kind: type[f.Fact]) -> None:
    example = kind.example()
    assert all(field.kw_only for field in fields(kind))
    with pytest.raises(FrozenInstanceError):
        example.story = "another"  # type: ignore[misc]  # that it cannot be set is what is tested
    assert example.at.utcoffset() == timedelta(0)
    assert hash(example) == hash(kind.example())


@pytest.mark.parametrize("kind", f.KINDS.values())
def test_time_and_story_are_no_part_of_a_key(kind: type[f.Fact]) -> None:
    """The same thing recorded again, later, is the same thing."""
    example = kind.example()
    assert f.happened_at(example, AT) == replace(example, at=AT)
    assert f.happened_at(example, AT).key == replace(example, story="another").key == example.key


def test_keys_of_the_kinds_are_told_apart() -> None:
    keys = {kind.example().key for kind in f.KINDS.values()}
    assert len(keys) == len(f.KINDS)


@pytest.mark.parametrize(
    ("fact", "once"),
    [
        (f.CheckRunStarted.example(), {"generation", "step", "attempt"}),
        (f.CheckRunFinished.example(), {"generation", "step", "attempt"}),
        (f.BatchChecked.example(), {"generation"}),
        (f.DataCommitted.example(), {"generation"}),
        (f.DataQuarantined.example(), {"generation"}),
        (f.TrainingStarted.example(), {"generation"}),
        (f.TrainingFinished.example(), {"generation"}),
        (f.VersionRegistered.example(), {"model", "version"}),
        (f.VersionJudged.example(), {"model", "version"}),
        (f.ApprovalRequested.example(), {"model", "version"}),
        (f.ApprovalGiven.example(), {"model", "version", "who"}),
        (f.ApprovalRefused.example(), {"model", "version", "who"}),
        (f.ApprovalExpired.example(), {"model", "version"}),
        (f.ApprovalClosed.example(), {"model", "version"}),
        (f.ApprovalVoided.example(), {"model", "version"}),
        (f.VersionPromoted.example(), {"model", "version"}),
        (f.VersionRejected.example(), {"model", "version"}),
        (f.PromotionReverted.example(), {"model", "slot", "number"}),
        (f.RevertWithheld.example(), {"model", "slot", "cause"}),
        (f.SlotRestored.example(), {"model", "slot", "cause"}),
        (f.RollbackRequested.example(), set()),
        (f.RollbackWithheld.example(), set()),
        (f.RollbackOvertaken.example(), set()),
        (f.VersionRolledBack.example(), set()),
        (f.AnnouncementDue.example(), {"about"}),
        (f.AnnouncementDelayed.example(), {"about"}),
        (f.DecisionAnnounced.example(), {"about"}),
        (f.ScoringRequested.example(), set()),
        (f.ScoringPlanned.example(), {"plan"}),
        (f.ScoringSkipped.example(), set()),
        (f.ScoringDelayed.example(), {"behind"}),
        (f.PartStarted.example(), {"plan", "part", "generation"}),
        (f.PartScored.example(), {"plan", "part"}),
        (f.PartFailed.example(), {"plan", "part", "generation"}),
        (f.PredictionsJumped.example(), {"plan"}),
        (f.ScoringFinished.example(), {"plan"}),
        (f.ScoringCancelled.example(), {"plan", "number"}),
        (f.VersionDemoted.example(), {"plan"}),
        (f.ScoringResumed.example(), {"plan", "number"}),
        (f.EndpointRequested.example(), {"endpoint", "version"}),
        (f.CanaryStarted.example(), {"endpoint", "version"}),
        (f.CanaryEnded.example(), {"endpoint", "version"}),
        (f.EndpointUpdated.example(), {"endpoint", "version"}),
        (f.EndpointFailed.example(), {"endpoint", "version"}),
        (f.Parked.example(), {"queue", "message_id"}),
        (f.DataArrived.example(), set()),
        (f.BatchAssembled.example(), set()),
        (f.DriftMeasured.example(), {"generation"}),
        (f.RowsQuarantined.example(), {"generation"}),
        (f.TrainingSkipped.example(), set()),
        (f.LiveMetricsBad.example(), set()),
        (f.TrainingRequested.example(), set()),
        (f.TrainingRepeated.example(), {"continues"}),
        (f.DataMissing.example(), {"period"}),
        (f.DataResumed.example(), set()),
        (f.QuarantineReleased.example(), {"generation"}),
        (f.DataSuperseded.example(), set()),
    ],
    ids=lambda value: value.kind if isinstance(value, f.Fact) else "",
)
def test_key_changes_with_what_makes_another_fact_and_with_nothing_else(fact: f.Fact, once: set[str]) -> None:
    """What it does not change with is written once: a part in gold, whichever generation wrote it."""
    changing = {
        field.name
        for field in fields(fact)
        if replace(fact, **{field.name: _another(fact, field.name)}).key != fact.key
    }
    assert changing == once


def test_every_kind_is_in_the_list_above() -> None:
    (mark,) = test_key_changes_with_what_makes_another_fact_and_with_nothing_else.pytestmark  # type: ignore[attr-defined]  # pytest's own
    assert {type(fact) for fact, _ in mark.args[1]} == set(f.KINDS.values())


def _another(fact: f.Fact, field: str) -> Any:
    value = getattr(fact, field)
    return value + 1 if isinstance(value, int) and not isinstance(value, bool) else f"{value}-another"


@pytest.mark.parametrize(
    ("fact", "subjects"),
    [
        (f.DataArrived.example(), ("landing/flights/2013-01.csv", "flights/2013-01.csv", "2013-01.csv")),
        (replace(f.DataArrived.example(), file="landing/x.csv"), ("landing/x.csv", "x.csv")),
        (f.TrainingStarted.example(), ("1001",)),
        (f.PartStarted.example(), ("1002",)),
        (f.VersionRegistered.example(), (model_at("flight_delays", "1"), "9f2c7a1be0d44")),
        (replace(f.VersionRegistered.example(), mlflow_run_id=""), (model_at("flight_delays", "1"),)),
        (f.PromotionReverted.example(), ("flight_delays@3", "flight_delays@1", HISTORY, CONTEST)),
        (replace(f.PromotionReverted.example(), restored=""), ("flight_delays@3", HISTORY, CONTEST)),
        (f.RevertWithheld.example(), ("flight_delays@3", HISTORY, CONTEST)),
        (f.SlotRestored.example(), (HISTORY, CONTEST)),
        (f.VersionPromoted.example(), (HISTORY,)),
        (f.LiveMetricsBad.example(), ("flight_delays@1",)),
        (f.TrainingRequested.example(), ("flight_delays/training",)),
        (f.VersionRolledBack.example(), ("flight_delays@1", HISTORY)),
        (f.RollbackRequested.example(), ("flight_delays@2",)),
    ],
)
def test_file_run_and_version_lead_to_the_story(fact: f.Fact, subjects: tuple[str, ...]) -> None:
    assert fact.subjects == subjects


def test_kind_without_an_example_says_so() -> None:
    with pytest.raises(NotImplementedError, match="PartFact gives no example"):
        f.PartFact.example()
