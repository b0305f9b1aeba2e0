"""Databricks' job notifications: who may wake us up, and for which run."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.commands import FollowRun
from shared.errors import Malformed, Unauthenticated
from shared.wire import job_notification
from shared.wire.documents import encode_command

FIXTURES = Path(__file__).parents[1] / "fixtures/databricks"
DOCUMENTED = {file.stem: json.loads(file.read_text()) for file in sorted(FIXTURES.glob("job.*.json"))}
OF_JOBS = [name for name in DOCUMENTED if name.startswith("job.jobs.")]


def basic(text: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(text.encode()).decode()}"


def decode(body: bytes) -> FollowRun | None:
    return job_notification.decode(body, workspace="ws1")


def of_run(run_id: object) -> bytes:
    return json.dumps({"event_type": "jobs.on_success", "run": {"run_id": run_id}}).encode()


@pytest.mark.parametrize(
    ("authorization", "user", "password"),
    [
        (DOCUMENTED[OF_JOBS[0]]["headers"]["Authorization"], "user", "pass"),
        (basic("sluice:pass:word"), "sluice", "pass:word"),
        (basic("sluice:pässwörd"), "sluice", "pässwörd"),
        (basic("sluice:p", "basic"), "sluice", "p"),
        (basic("sluice:p", "BASIC") + " ", "sluice", "p"),
    ],
)
def test_right_password_is_believed(authorization: str, user: str, password: str) -> None:
    job_notification.verify(authorization, user=user, password=password)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ",
        basic("sluice:wrong"),
        basic("other:right"),
        basic("sluice:right "),
        basic("sluice"),
        basic("sluice:"),
        basic("sluice:right", "Bearer"),
        basic("sluice:right").replace(" ", ""),
        "Basic sluice:right",
        "Basic " + basic("sluice:right"),
        "Basic é\ud800",
        basic("sluice:right")[:-1],
    ],
)
def test_anything_else_is_refused(authorization: str) -> None:
    with pytest.raises(Unauthenticated, match="user or password is wrong: compare the notification destination"):
        job_notification.verify(authorization, user="sluice", password="right")


def test_no_password_lets_nobody_in() -> None:
    with pytest.raises(Unauthenticated):
        job_notification.verify(basic("sluice:"), user="sluice", password="")


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet=st.characters(exclude_categories=[])) | st.binary().map(lambda raw: basic(raw.hex())))
def test_whatever_the_header_only_unauthenticated_is_raised(authorization: str) -> None:
    with pytest.raises(Unauthenticated):
        job_notification.verify(authorization, user="sluice", password="right")


@pytest.mark.parametrize("name", OF_JOBS)
def test_documented_notification_names_a_run(name: str) -> None:
    told = DOCUMENTED[name]
    assert decode(told["raw_body"].encode()) == FollowRun(
        workspace="ws1", job_run_id=41847992357943, cause=told["body"]["event_type"][:40]
    )


def test_documented_placeholder_is_no_run() -> None:
    with pytest.raises(Malformed, match="run_id_of_task"):
        decode(DOCUMENTED["job.task.jobs.on_failure"]["raw_body"].encode())


@pytest.mark.parametrize("run_id", [4711, "4711"])
def test_id_comes_as_number_or_as_text(run_id: object) -> None:
    assert decode(of_run(run_id)) == FollowRun(workspace="ws1", job_run_id=4711, cause="jobs.on_success")


def test_workspace_is_ours_whatever_the_body_says() -> None:
    body = json.dumps({"workspace_id": "theirs", "workspace": "theirs", "run": {"run_id": 1}}).encode()
    assert decode(body) == FollowRun(workspace="ws1", job_run_id=1)


@pytest.mark.parametrize("body", [b"{}", b'{"event_type": "x"}', b'{"run": null}', b'{"run": {}}', of_run(None)])
def test_event_without_a_run_asks_for_nothing(body: bytes) -> None:
    assert decode(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"run": "4711"}',
        b'{"run": [4711]}',
        b'{"run": {"run_id": NaN}}',
        b'{"run": {"run_id": Infinity}}',
        b'{"event_type": "\\ud800", "run": {"run_id": 1}}',
        *map(of_run, ["x", True, 1.5, -1, "-1", [1], {"a": 1}, "9" * 5000]),
        b"[" * 100_000,
    ],
    ids=lambda body: body[:60].decode(errors="replace"),
)
def test_body_that_is_no_notification_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match="no Databricks job notification"):
        decode(body)


def test_huge_body_becomes_a_small_command() -> None:
    """Only what is needed travels on: a queue's message has a limit."""
    event: dict[str, Any] = {"event_type": "x" * 1_000_000, "run": {"run_id": 1}, "junk": ["y"] * 100_000}
    command = decode(json.dumps(event).encode())
    assert command == FollowRun(workspace="ws1", job_run_id=1, cause="x" * 40)
    assert len(command.message_id) <= 128


run_ids = (
    st.integers() | st.text(max_size=5) | st.floats() | st.none() | st.booleans() | st.lists(st.integers(), max_size=1)
)
notifications = st.fixed_dictionaries(
    {},
    optional={
        "event_type": st.text(alphabet=st.characters(exclude_categories=[]), max_size=50) | st.none() | st.integers(),
        "run": st.fixed_dictionaries({}, optional={"run_id": run_ids}) | run_ids,
    },
)


@settings(deadline=None, max_examples=300)
@given(st.binary() | notifications.map(lambda event: json.dumps(event).encode()) | run_ids.map(of_run))
def test_whatever_the_body_it_is_a_command_that_can_be_sent_or_malformed(body: bytes) -> None:
    try:
        command = decode(body)
    except Malformed:
        return
    if command is not None:
        assert command.job_run_id > 0
        assert encode_command(command)
        assert command.message_id.encode()
