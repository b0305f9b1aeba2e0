"""MLflow's webhooks, as a real server sent them: which are believed, what they ask for, and why the rest is refused."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.commands import Command, EnforceSlot, JudgeVersion
from shared.errors import Malformed, Unauthenticated
from shared.wire import mlflow_webhook
from tests.world import SECRET, World

FIXTURES = Path(__file__).parents[1] / "fixtures"


@dataclass(frozen=True)
class Delivery:
    """One that reached a webhook."""

    name: str
    secret: str
    headers: dict[str, str]
    body: bytes

    @property
    def sent_at(self) -> datetime:
        return datetime.fromtimestamp(int(self.headers["X-MLflow-Timestamp"]), UTC)

    def verify(self, *, after: timedelta = timedelta(0), **changed: Any) -> str:
        given_ = {"headers": self.headers, "body": self.body, "secret": self.secret, **changed}
        given_.setdefault("secrets", [given_.pop("secret")])
        given_.pop("secret", None)
        return mlflow_webhook.verify(given_.pop("headers"), given_.pop("body"), now=self.sent_at + after, **given_)


def read(file: Path) -> Delivery:
    told = json.loads(file.read_text())
    return Delivery(file.stem, told.get("secret") or "", told["headers"], told["raw_body"].encode())


CAPTURED = [read(file) for file in sorted((FIXTURES / "mlflow").glob("*.json"))]
SIGNED = [one for one in CAPTURED if one.secret]
CREATED = next(one for one in CAPTURED if one.name == "model_version.created")
UNSIGNED = next(one for one in CAPTURED if not one.secret)


def signed(body: bytes, *, delivery_id: str = "d", timestamp: str, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), f"{delivery_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "X-MLflow-Delivery-Id": delivery_id,
        "X-MLflow-Timestamp": timestamp,
        "X-MLflow-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def test_there_are_captured_deliveries_of_every_kind() -> None:
    assert len(SIGNED) == 23
    assert {json.loads(one.body)["entity"] for one in SIGNED} >= {"model_version", "model_version_alias", "prompt"}


@pytest.mark.parametrize("delivery", SIGNED, ids=lambda one: one.name)
def test_real_delivery_is_believed(delivery: Delivery) -> None:
    """Whatever case a proxy gives the headers' names."""
    assert delivery.verify() == delivery.headers["X-MLflow-Delivery-Id"]
    assert delivery.verify(headers={name.upper(): value for name, value in delivery.headers.items()})
    assert delivery.verify(headers={name.lower(): value for name, value in delivery.headers.items()})


@pytest.mark.parametrize("delivery", SIGNED, ids=lambda one: one.name)
def test_one_bit_of_the_body_is_enough_to_refuse_it(delivery: Delivery) -> None:
    for index in (0, len(delivery.body) // 2, len(delivery.body) - 1):
        changed = bytearray(delivery.body)
        changed[index] ^= 1
        with pytest.raises(Unauthenticated, match="the signature is not ours"):
            delivery.verify(body=bytes(changed))
    with pytest.raises(Unauthenticated, match="the signature is not ours"):
        delivery.verify(body=delivery.body + b" ")


@pytest.mark.parametrize("secret", ["top-secre", "top-secret ", "Top-secret", ""])
def test_wrong_secret_is_refused(secret: str) -> None:
    with pytest.raises(Unauthenticated, match="compare the webhook's secret with REGISTRY_WEBHOOK_SECRET"):
        CREATED.verify(secret=secret)


def test_empty_secret_proves_nothing() -> None:
    """Also when the sender signed with the same nothing."""
    timestamp = CREATED.headers["X-MLflow-Timestamp"]
    headers = signed(CREATED.body, timestamp=timestamp, secret="")
    with pytest.raises(Unauthenticated, match="the signature is not ours"):
        CREATED.verify(headers=headers, secret="")


def test_unsigned_delivery_is_refused_for_what_it_lacks() -> None:
    with pytest.raises(Unauthenticated, match=r"^X-MLflow-Signature is missing: give the webhook a secret"):
        UNSIGNED.verify(secret="top-secret")


@pytest.mark.parametrize("name", ["X-MLflow-Delivery-Id", "X-MLflow-Timestamp", "X-MLflow-Signature"])
@pytest.mark.parametrize("value", [None, ""])
def test_missing_header_is_refused_by_its_name(name: str, value: str | None) -> None:
    headers = {key: each for key, each in CREATED.headers.items() if key != name}
    with pytest.raises(Unauthenticated, match=f"^{name} is missing"):
        CREATED.verify(headers=headers if value is None else headers | {name: value})


@pytest.mark.parametrize("name", ["X-MLflow-Delivery-Id", "X-MLflow-Timestamp"])
def test_id_and_time_are_signed_too(name: str) -> None:
    """Or an old delivery would come back as a new one."""
    value = CREATED.headers[name]
    with pytest.raises(Unauthenticated, match="the signature is not ours"):
        CREATED.verify(headers=CREATED.headers | {name: value[:-1] + ("1" if value[-1] != "1" else "2")})


@pytest.mark.parametrize("value", ["v1,", "v2,{}", "{}", "v1,é", "v1,{} v1,x", "v1,\ud800", "V1,{}"])
def test_signature_of_another_form_is_refused(value: str) -> None:
    signature = CREATED.headers["X-MLflow-Signature"].removeprefix("v1,")
    with pytest.raises(Unauthenticated, match="the signature is not ours"):
        CREATED.verify(headers=CREATED.headers | {"X-MLflow-Signature": value.format(signature)})


def test_age() -> None:
    for minutes in (-1, 0, 5):
        assert CREATED.verify(after=timedelta(minutes=minutes))
    with pytest.raises(Unauthenticated, match="is older than 0:05:00"):
        CREATED.verify(after=timedelta(minutes=5, seconds=1))
    with pytest.raises(Unauthenticated, match="is from the future, by more than 0:01:00"):
        CREATED.verify(after=-timedelta(minutes=1, seconds=1))


@pytest.mark.parametrize("timestamp", ["soon", "1.5", "-1", " 1", "²", "9" * 400, "9" * 5000, "0x1"])
def test_time_that_is_none_is_refused(timestamp: str) -> None:
    headers = signed(b"{}", timestamp=timestamp)
    with pytest.raises(Unauthenticated, match="X-MLflow-Timestamp is no time in seconds"):
        mlflow_webhook.verify(headers, b"{}", secrets=[SECRET], now=CREATED.sent_at)


@pytest.mark.parametrize("file", sorted((FIXTURES / "databricks").glob("registry.*.json")), ids=lambda file: file.stem)
def test_another_dialect_is_no_proof(file: Path) -> None:
    """Databricks' own registry signs the body alone, so anybody who saw one could send it again for ever."""
    delivery = read(file)
    with pytest.raises(
        Unauthenticated, match="X-MLflow-Delivery-Id, X-MLflow-Timestamp, X-MLflow-Signature is missing"
    ):
        mlflow_webhook.verify(delivery.headers, delivery.body, secrets=["top-secret"], now=CREATED.sent_at)


def asked_for(delivery: Delivery) -> Command | None:
    return next(iter(mlflow_webhook.decode(delivery.body, delivery_id="d")), None)


@pytest.mark.parametrize("delivery", CAPTURED, ids=lambda one: one.name)
def test_what_a_real_delivery_asks_for(delivery: Delivery) -> None:
    told = json.loads(delivery.body)
    match told["entity"], told["action"]:
        case "model_version", "created":
            expected: Command | None = JudgeVersion(
                model=told["data"]["name"], version=told["data"]["version"], cause="d"
            )
        case "model_version_alias", _:
            expected = EnforceSlot(model=told["data"]["name"], slot=told["data"]["alias"], cause="d")
        case _:
            expected = None
    assert asked_for(delivery) == expected


def test_captured_deliveries_ask_for_something() -> None:
    kinds = [type(asked_for(delivery)) for delivery in CAPTURED]
    assert (kinds.count(JudgeVersion), kinds.count(EnforceSlot), kinds.count(type(None))) == (4, 7, 13)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"entity": "model_version", "action": "created"}',
        b'{"entity": "model_version", "action": "created", "data": []}',
        b'{"entity": "model_version", "action": "created", "data": {"name": "m"}}',
        b'{"entity": "model_version", "action": "created", "data": {"name": "m", "version": 1}}',
        b'{"entity": "model_version", "action": "created", "data": {"name": "", "version": "1"}}',
        b'{"entity": "model_version", "action": "created", "data": {"name": "\\ud800", "version": "1"}}',
        b'{"entity": "model_version_alias", "action": "deleted", "data": {"name": "m", "alias": null}}',
        b"[" * 100_000,
    ],
    ids=lambda body: body[:90].decode(errors="replace"),
)
def test_body_that_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match="delivery d is no MLflow registry event"):
        mlflow_webhook.decode(body, delivery_id="d")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
events = st.fixed_dictionaries(
    {},
    optional={
        "entity": st.sampled_from(["model_version", "model_version_alias"]) | json_values,
        "action": st.sampled_from(["created", "deleted"]) | json_values,
        "data": st.fixed_dictionaries({}, optional=dict.fromkeys(["name", "version", "alias"], json_values))
        | json_values,
    },
)


@settings(deadline=None, max_examples=300)
@given(st.binary() | events.map(lambda value: json.dumps(value).encode()))
def test_whatever_the_body_only_malformed_is_raised(body: bytes) -> None:
    try:
        commands = mlflow_webhook.decode(body, delivery_id="d")
    except Malformed:
        return
    assert all(command.cause == "d" for command in commands)


@settings(deadline=None, max_examples=300)
@given(
    st.dictionaries(st.sampled_from(sorted(CREATED.headers)) | st.text(), st.text(), max_size=6),
    st.binary() | st.just(CREATED.body),
)
def test_whatever_the_headers_only_unauthenticated_is_raised(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(Unauthenticated):
        CREATED.verify(headers=CREATED.headers | {"X-MLflow-Signature": ""} | headers, body=body)


def test_repeat_is_enqueued_once() -> None:
    """MLflow sends up to four copies under one delivery id; so does whoever listened on the wire."""
    world = World()
    body = CREATED.body
    headers = signed(body, delivery_id="cb9d", timestamp=str(int(world.clock.now().timestamp())))
    for _ in range(4):
        world.sluice.registry_delivery(headers, body)
    assert world.outbox.sent == [JudgeVersion(model="churn", version="1", cause="cb9d")]
    world.clock.advance(timedelta(minutes=6))
    with pytest.raises(Unauthenticated, match="it was replayed"):
        world.sluice.registry_delivery(headers, body)
    assert len(world.outbox.sent) == 1
