"""The other dialects, rotation, size, and repeats: whatever says it, one internal command, from who can prove it."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.home import PROJECT
from shared.domain.commands import Command, EnforceSlot, JudgeVersion
from shared.errors import Malformed, TooLarge, Unauthenticated
from shared.settings import Settings
from shared.wire import databricks_webhook, relay, standard_webhook
from shared.wire.registry_webhook import MAX_BODY, Dialect, receive
from tests.world import SECRET, World

FIXTURES = Path(__file__).parents[1] / "fixtures"
DATABRICKS = {file.stem: json.loads(file.read_text()) for file in sorted((FIXTURES / "databricks").glob("registry.*"))}
SENT_AT = datetime.fromtimestamp(1589859029.343, UTC)
UPDATES = json.loads((FIXTURES / "unity_catalog/model_updates.json").read_text())["updates"]
OURS, THEIRS = "s", "top-secret"
MODEL = "Airline_Delay_SparkML"


def databricks(fixture: dict[str, Any], *, secrets: tuple[str, ...] = ("top-secret",), now: datetime = SENT_AT) -> Any:
    return receive(Dialect.DATABRICKS, fixture["headers"], fixture["raw_body"].encode(), secrets=secrets, now=now)


def relayed(body: bytes, *, secret: str = OURS, at: datetime = SENT_AT, delivery_id: str = "run-7") -> dict[str, str]:
    timestamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), f"{delivery_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "X-Sluice-Delivery-Id": delivery_id,
        "X-Sluice-Timestamp": timestamp,
        "X-Sluice-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def signed_hex(body: bytes, secret: str = THEIRS) -> dict[str, str]:
    return {"x-databricks-signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def asks(commands: Any) -> list[Command]:
    """Without the cause, which is the delivery's."""
    return [type(one)(**{**vars(one), "cause": ""}) for one in commands]


# Databricks' workspace model registry


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("registry.model_version_created", [JudgeVersion(model=MODEL, version="8")]),
        ("registry.model_version_transitioned_stage", [EnforceSlot(model=MODEL, slot="Production")]),
        (
            "registry.model_version_transitioned_to_production",
            [EnforceSlot(model=MODEL, slot="Staging"), EnforceSlot(model=MODEL, slot="Production")],
        ),
        ("registry.model_version_tag_set", []),
        ("registry.comment_created", []),
    ],
)
def test_what_a_documented_event_asks_for(name: str, expected: list[Command]) -> None:
    commands = databricks(DATABRICKS[name])
    assert asks(commands) == expected
    assert len({one.cause for one in commands}) <= 1


def test_every_fixture_is_looked_at() -> None:
    assert len(DATABRICKS) == 5


def test_databricks_signature_is_checked() -> None:
    created = DATABRICKS["registry.model_version_created"]
    for secrets in ((), ("",), ("other",), ("top-secret ",)):
        with pytest.raises(Unauthenticated, match="compare the webhook's secret with DATABRICKS_WEBHOOK_SECRET"):
            databricks(created, secrets=secrets)
    with pytest.raises(Unauthenticated, match="X-Databricks-Signature is missing"):
        databricks({**created, "headers": {"Authorization": "Bearer whatever"}})
    with pytest.raises(Unauthenticated, match="the signature is not ours"):
        databricks({**created, "raw_body": created["raw_body"] + " "})


def test_databricks_event_is_as_old_as_it_says() -> None:
    created = DATABRICKS["registry.model_version_created"]
    assert databricks(created, now=SENT_AT + timedelta(minutes=4, seconds=59))
    with pytest.raises(Unauthenticated, match="it was replayed"):
        databricks(created, now=SENT_AT + timedelta(minutes=6))
    with pytest.raises(Unauthenticated, match="from the future"):
        databricks(created, now=SENT_AT - timedelta(minutes=2))


@pytest.mark.parametrize("timestamp", ["null", '"x"', "NaN", "1e999", "[]", "-1e999"])
def test_databricks_event_without_a_time_is_not_believed(timestamp: str) -> None:
    body = f'{{"event": "MODEL_VERSION_CREATED", "event_timestamp": {timestamp}}}'.encode()
    with pytest.raises(Unauthenticated, match="event_timestamp is no time"):
        receive(Dialect.DATABRICKS, signed_hex(body), body, secrets=("top-secret",), now=SENT_AT)


# The relay


def test_relay_gives_a_command_for_each_update() -> None:
    body = json.dumps({"updates": UPDATES}).encode()
    commands = receive(Dialect.RELAY, relayed(body), body, secrets=("s",), now=SENT_AT)
    model = "main.flights.delays"
    assert list(commands) == [
        JudgeVersion(model=model, version="3", cause="run-7"),
        EnforceSlot(model=model, slot="champion", cause="run-7"),
    ]


@pytest.mark.parametrize(
    "said",
    [
        [],
        {},
        {"updates": {}},
        {"updates": [1]},
        {"updates": [{}]},
        {"updates": [{"full_name": "m"}]},
        {"updates": [{"full_name": "m", "version": True}]},
        {"updates": [{"full_name": 1, "version": "1"}]},
        {"updates": [{"full_name": "m", "alias_name": ["a"]}]},
        {"updates": [{"full_name": "m", "version": "1"}] * 101},
    ],
)
def test_what_the_relay_never_sends_is_malformed(said: object) -> None:
    body = json.dumps(said).encode()
    with pytest.raises(Malformed, match="is no list of model updates"):
        receive(Dialect.RELAY, relayed(body), body, secrets=("s",), now=SENT_AT)


# All of them


@pytest.mark.parametrize("dialect", Dialect)
def test_without_a_secret_nobody_is_believed(dialect: Dialect) -> None:
    body = json.dumps({"updates": [], "event_timestamp": 1589859029343}).encode()
    headers = {**relayed(body, secret=""), **signed_hex(body, "")}
    headers |= {name.replace("Sluice", "MLflow"): value for name, value in headers.items()}
    for secrets in ((), ("",)):
        with pytest.raises(Unauthenticated):
            receive(dialect, headers, body, secrets=secrets, now=SENT_AT)


def test_no_dialect_is_proof_for_another() -> None:
    body = json.dumps({"updates": UPDATES, "event_timestamp": 1589859029343}).encode()
    for dialect, headers in (
        (Dialect.RELAY, signed_hex(body, "s")),
        (Dialect.MLFLOW, relayed(body)),
        (Dialect.DATABRICKS, relayed(body)),
    ):
        with pytest.raises(Unauthenticated):
            receive(dialect, headers, body, secrets=("s",), now=SENT_AT)


@pytest.mark.parametrize("dialect", Dialect)
def test_oversize_body_is_refused_before_anything_is_computed(dialect: Dialect) -> None:
    with pytest.raises(TooLarge, match=f"at most {MAX_BODY} are read"):
        receive(dialect, {}, b" " * (MAX_BODY + 1), secrets=("s",), now=SENT_AT)


def test_secrets_are_changed_without_losing_a_delivery() -> None:
    """Both hold while the sender is moved to the new one."""
    body = json.dumps({"updates": UPDATES}).encode()
    for secret in ("old", "new"):
        assert receive(Dialect.RELAY, relayed(body, secret=secret), body, secrets=("new", "old"), now=SENT_AT)
    with pytest.raises(Unauthenticated):
        receive(Dialect.RELAY, relayed(body, secret="old"), body, secrets=("new",), now=SENT_AT)


def test_setting_holds_several_secrets() -> None:
    values = {field.alias: "x" for field in Settings.model_fields.values() if field.is_required()}
    found = Settings.model_validate({**values, "SERVICE_BUS": "x", "RELAY_SECRET": "new, old\nolder,,\n"})
    assert found.secrets_of(Dialect.RELAY) == ("new", "old", "older")
    assert found.secrets_of(Dialect.MLFLOW) == ("x",)
    assert found.secrets_of(Dialect.DATABRICKS) == ()
    with pytest.raises(ValueError, match="there is no secret in it"):
        Settings.model_validate({**values, "SERVICE_BUS": "x", "REGISTRY_WEBHOOK_SECRET": " , "})


def test_broker_remembers_longer_than_a_delivery_is_believed() -> None:
    """Repeats are dropped by the broker's duplicate detection, which is durable; after it, a delivery is too old."""
    queues = json.loads((PROJECT / "infra/queues.json").read_text())["queues"]
    (queue,) = [one for one in queues if one["name"] == "registry-events"]
    assert queue["requiresDuplicateDetection"]
    assert queue["duplicateDetectionHistoryTimeWindow"] == "PT10M"
    assert timedelta(minutes=10) > standard_webhook.MAX_AGE + standard_webhook.MAX_AHEAD


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=2), timedelta(minutes=11), timedelta(days=400)])
def test_repeat_has_one_effect_within_the_window_and_beyond(later: timedelta) -> None:
    world = World()
    at = world.clock.now()
    event = {"event": "MODEL_VERSION_CREATED", "event_timestamp": at.timestamp() * 1000, "model_name": "m"}
    body = json.dumps({**event, "version": "1"}).encode()
    headers = signed_hex(body, SECRET)
    world.sluice.registry_delivery(headers, body, Dialect.DATABRICKS)
    world.clock.advance(later)
    if later > timedelta(minutes=5):
        with pytest.raises(Unauthenticated, match="replayed"):
            world.sluice.registry_delivery(headers, body, Dialect.DATABRICKS)
    else:
        world.sluice.registry_delivery(headers, body, Dialect.DATABRICKS)
    assert [one.kind for one in world.outbox.sent] == ["JudgeVersion"]


@settings(deadline=None)
@given(
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["event", "updates", "full_name", "model_name", "from_stage"]), inner)
        ),
        max_leaves=8,
    ).map(lambda said: json.dumps(said).encode())
)
def test_whatever_the_body_only_malformed_is_raised(body: bytes) -> None:
    for decode in (databricks_webhook.decode, relay.decode):
        try:
            commands = decode(body, delivery_id="d")
        except Malformed:
            continue
        assert all(one.cause == "d" for one in commands)
