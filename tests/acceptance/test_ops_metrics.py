"""`python -m ops metrics`: a value is kept, bad ones ask for a training, what cannot be kept is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient

from local.home import PROJECT
from shared.domain import facts as f
from shared.domain import identity
from shared.domain.profile import versions_of
from shared.notes import Entry
from shared.ports import Approval
from tests.acceptance.test_ops_cli import Operator

MODEL, STORY, AT = "flight_delays", "2b" * 8, f.DataCommitted.example().at
BAD = identity.story_of_live_metrics(MODEL, "1", 1, "rmse")


@pytest.fixture
def operator(tmp_path: Path, broker: str) -> Operator:
    """Flight delays have a live metric watched; version 1 is in production."""
    use_cases = shutil.copytree(PROJECT / "usecases", tmp_path / "usecases")
    file = use_cases / "flight_delays/usecase.yml"
    file.write_text(f"{file.read_text()}\nretrain:\n  live: {{ metric: rmse, at_most: 20, bad: 2, of: 3 }}\n")
    one = Operator(tmp_path)
    one.configure(SERVICE_BUS=broker, USE_CASES=str(use_cases))
    told = (f.DataCommitted.example(), f.TrainingStarted.example(), f.VersionRegistered.example())
    one.ledger.record([replace(fact, story=STORY) for fact in told])
    one.ledger.note(Entry(scope=versions_of("silver/flight_delays"), number=1, story=STORY, at=AT, text="1"))
    one.ledger.approve(Approval(model=MODEL, slot="champion", version="1", story=STORY, at=AT), replaces=None)
    return one


def test_reported_values_are_shown_and_too_many_bad_ones_ask_for_a_training(operator: Operator, broker: str) -> None:
    assert "flight_delays@1: 0 of 0 are beyond: rmse is to be at most 20" in operator("metrics", "show", MODEL, code=0)
    said = operator("metrics", "report", f"{MODEL}@1", "rmse", "24.5", "--at", "2026-01-31T03:00Z", code=0)
    assert said.startswith("rmse 24.5 of flight_delays@1, measured 2026-01-31T03:00:00.000Z, is kept")
    for _ in range(2):  # the same again is the same
        operator("metrics", "report", f"{MODEL}@1", "rmse", "24.5", "--at", "2026-01-31T03:00Z", code=0)
    shown = operator.json("metrics", "show", MODEL, code=0)
    assert shown == {
        "model": MODEL,
        "version": "1",
        "metric": "rmse",
        "bound": "at most 20",
        "bad": 2,
        "of": 3,
        "then": "train",
        "is_bad": False,
        "values": [{"at": "2026-01-31T03:00:00.000Z", "value": 24.5, "is_beyond": True}],
        "stories": [],
    }
    told = operator.json("metrics", "report", f"{MODEL}@1", "rmse", "25", "--at", "2026-01-31T04:00Z", code=0)
    assert (told["value"], told["at"]) == (25.0, "2026-01-31T04:00:00.000Z")
    assert (told["shown"]["is_bad"], told["shown"]["stories"]) == (True, [BAD])
    with ServiceBusClient.from_connection_string(broker) as client, client.get_queue_receiver("trainings") as receiver:
        sent = [json.loads(b"".join(one.body)) for one in receiver.peek_messages(max_message_count=100)]
    assert [one["story"] for one in sent] == [BAD]
    assert f"story {BAD}" in operator("metrics", "show", MODEL, code=1)
    assert "is bad in production, at least 2 of the last 3 values of rmse are not at most 20: 25, 24.5" in operator(
        "story", BAD, code=1
    )


def test_bad_ones_ask_for_the_version_before(operator: Operator, broker: str, tmp_path: Path) -> None:
    file = tmp_path / "usecases/flight_delays/usecase.yml"
    file.write_text(file.read_text().replace("of: 3 }", "of: 3, then: rollback }"))
    promoted = replace(f.VersionPromoted.example(), story=STORY, version="2", previous="1")
    operator.ledger.record([replace(f.VersionRegistered.example(), story=STORY, version="2"), promoted])
    now = operator.ledger.approved(MODEL, "champion")
    there = operator.ledger.approve(
        Approval(model=MODEL, slot="champion", version="2", story=STORY, at=AT), replaces=now
    )
    assert "put the version before back" in operator("metrics", "show", MODEL, code=0)
    for at in ("2026-01-30T03:00Z", "2026-01-31T04:00Z"):  # one is of before
        told = operator.json("metrics", "report", f"{MODEL}@2", "rmse", "25", "--at", at, code=0)
        assert (told["shown"]["is_bad"], told["shown"]["stories"]) == (False, [])
    story = identity.story_of_live_rollback(MODEL, "champion", there.etag)
    told = operator.json("metrics", "report", f"{MODEL}@2", "rmse", "24", "--at", "2026-01-31T05:00Z", code=0)
    assert (told["shown"]["then"], told["shown"]["is_bad"], told["shown"]["stories"]) == ("rollback", True, [story])
    queue = "registry-events"
    with ServiceBusClient.from_connection_string(broker) as client, client.get_queue_receiver(queue) as receiver:
        sent = [json.loads(b"".join(one.body)) for one in receiver.peek_messages(max_message_count=100)]
    assert [(one["story"], one["version"], one["who"]) for one in sent] == [(story, "1", "live-metrics")]
    assert "2 of the last 2 values of rmse are not at most 20: 24, 25 (too many are 2 of 3); version 1 is to be" in (
        operator("story", story, code=1)
    )
    withheld = replace(f.RollbackWithheld.example(), story=story, version="2", reason="version 1 lacks model.pkl")
    operator.ledger.record([withheld])
    said = operator("status", code=1)
    assert "version 2 of flight_delays is bad in production, and nothing was put back" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["report", "hail@1", "rmse", "1"], "no use case has the model 'hail': report for one of flight_delays, rain"),
        (["report", "rain@1", "f1", "1"], "rain has no retrain.live: say there which metric is watched"),
        (["report", "flight_delays@1", "mae", "1"], "flight_delays has rmse watched, not 'mae'"),
        (["report", "flight_delays@9", "rmse", "1"], "no version '9' of flight_delays was ever judged"),
        (["report", "flight_delays@1", "rmse", "nan"], "rmse is nan, which is no number: mend what measures it"),
        (["report", "flight_delays@1", "rmse", "inf"], "rmse is inf, which is no number"),
        (
            ["report", "flight_delays@1", "rmse", "1", "--at", "2999-01-01"],
            "which is in the future: compare the clocks",
        ),
        (["report", "flight_delays", "rmse", "1"], "is no MODEL@VERSION"),
        (["report", "flight_delays@1", "rmse", "low"], "invalid float value: 'low'"),
        (["show", "hail"], "no use case has the model 'hail'; there are: flight_delays, rain"),
        (["show", "rain"], "rain has no retrain.live: say there which metric is watched"),
    ],
)
def test_what_cannot_be_kept_or_shown_says_what_to_do(operator: Operator, arguments: list[str], told: str) -> None:
    assert told in operator("metrics", *arguments, code=2)


def test_version_that_is_not_in_production(operator: Operator) -> None:
    registered = replace(f.VersionRegistered.example(), story="3c" * 8, version="2")
    operator.ledger.record([registered])
    said = operator("metrics", "report", f"{MODEL}@2", "rmse", "24.5", code=0)
    assert "it is looked at when that version is in production, which is 1" in said
    assert operator.json("metrics", "show", MODEL, code=0)["values"] == []
