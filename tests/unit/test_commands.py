"""Commands: each travels on one queue, under a message id that a repeated delivery shares and a deliberate one not."""

import inspect
import json
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import pytest

from shared.domain import commands as c

PROJECT = Path(__file__).parents[2]


def test_every_kind_is_listed_by_its_name() -> None:
    declared = {
        kind for _, kind in inspect.getmembers(c, inspect.isclass) if issubclass(kind, c.Command) and kind != c.Command
    }
    assert set(c.KINDS.values()) == declared
    assert all(name == kind.__name__ == kind.example().kind for name, kind in c.KINDS.items())


def test_every_queue_has_a_command_and_every_command_a_queue() -> None:
    assert {kind.queue for kind in c.KINDS.values()} == set(c.Queue)


def test_queues_are_those_of_the_infrastructure() -> None:
    declared = json.loads((PROJECT / "infra/queues.json").read_text())["queues"]
    assert [one["name"] for one in declared] == list(c.Queue)
    assert all(one["requiresDuplicateDetection"] for one in declared)


@pytest.mark.parametrize("kind", c.KINDS.values())
def test_kind_is_frozen_and_keyword_only(kind: type[c.Command]) -> None:
    assert all(field.kw_only for field in fields(kind))
    with pytest.raises(FrozenInstanceError):
        kind.example().story = "another"  # type: ignore[misc]  # that it cannot be set is what is tested


@pytest.mark.parametrize("kind", c.KINDS.values())
def test_message_id_is_deterministic_and_carries_the_cause(kind: type[c.Command]) -> None:
    """So the broker drops a repeat, and lets a sweep through."""
    once, again = replace(kind.example(), cause=""), kind.example()
    swept = replace(again, cause="sweep-20260131T030000")
    assert again.message_id == kind.example().message_id
    assert once.message_id == "/".join([once.kind, *(name for name in once.names if name)])
    assert swept.message_id == f"{once.message_id}/sweep-20260131T030000"
    assert len(swept.message_id) <= 128


@pytest.mark.parametrize(
    ("command", "wish"),
    [
        (c.CheckBatch.example(), {"story", "generation"}),
        (c.StartTraining.example(), {"story", "generation"}),
        (c.FollowRun.example(), {"workspace", "job_run_id"}),
        (c.JudgeVersion.example(), {"model", "version"}),
        (c.EnforceSlot.example(), {"model", "slot"}),
        (c.PlanScoring.example(), {"story", "model", "version", "generation"}),
        (c.ScorePart.example(), {"plan", "part", "generation"}),
    ],
    ids=lambda value: value.kind if isinstance(value, c.Command) else "",
)
def test_message_id_changes_with_what_makes_another_wish(command: c.Command, wish: set[str]) -> None:
    changing = set()
    for field in fields(command):
        value = getattr(command, field.name)
        other: Any = value + 1 if isinstance(value, int) else f"{value}-another"
        if replace(command, **{field.name: other}).message_id != command.message_id:
            changing.add(field.name)
    assert changing == wish | {"cause"}


def test_kinds_are_told_apart_on_one_queue() -> None:
    judge, enforce = c.JudgeVersion(model="m", version="1"), c.EnforceSlot(model="m", slot="1")
    assert judge.queue is enforce.queue
    assert judge.message_id != enforce.message_id


def test_kind_without_an_example_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Command gives no example"):
        c.Command.example()
