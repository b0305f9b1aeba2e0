"""The registrations of MLflow's webhooks, through the MLflow client."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.errors import Refused, Unreachable

if TYPE_CHECKING:
    from mlflow import MlflowClient

OURS = "sluice"
EVENTS = ("model_version.created", "model_version_alias.created", "model_version_alias.deleted")


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A registration. `is_right`: ours, active, and sent all that we need."""

    webhook_id: str
    name: str
    url: str
    status: str
    events: tuple[str, ...]

    @property
    def is_ours(self) -> bool:
        """Is it the one that `ensure` makes?"""
        return self.name == OURS

    @property
    def is_right(self) -> bool:
        """Is it ours, active, and sent all that we need?"""
        return self.is_ours and self.status == "ACTIVE" and set(EVENTS) <= set(self.events)


def ensure(tracking_uri: str, url: str, secret: str) -> str:
    """Create the registry's webhook to us, or bring it to this address and secret; its id. Others of ours go."""
    with _client(tracking_uri) as client:
        ours = [one for one in _all(client) if one.name == OURS]
        for extra in ours[1:]:
            client.delete_webhook(extra.webhook_id)
        events: list[Any] = list(EVENTS)
        if ours:
            found = client.update_webhook(ours[0].webhook_id, url=url, secret=secret, events=events, status="ACTIVE")
        else:
            found = client.create_webhook(OURS, url, events=events, secret=secret)
        return str(found.webhook_id)


def listed(tracking_uri: str) -> Sequence[Webhook]:
    """Every webhook of the registry."""
    with _client(tracking_uri) as client:
        return [_webhook(one) for one in _all(client)]


def tested(tracking_uri: str) -> Mapping[str, str]:
    """What the registry says when it sends us a test of each event: "" for well. Raises Refused when we have none."""
    with _client(tracking_uri) as client:
        ours = next((one for one in _all(client) if one.name == OURS), None)
        if ours is None:
            raise Refused("the registry has no webhook to us: ops webhooks ensure --url URL")
        said: dict[str, str] = {}
        for event in EVENTS:
            result = client.test_webhook(ours.webhook_id, event=event)  # type: ignore[arg-type]  # text is taken too
            status = f"HTTP {result.response_status}" if result.response_status else "no answer"
            said[event] = "" if result.success else f"{status}: {result.error_message or 'no reason given'}"
        return said


@contextmanager
def _client(tracking_uri: str) -> Iterator["MlflowClient"]:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    try:
        yield MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
    except (MlflowException, RequestException, OSError) as error:
        raise Unreachable(f"MLflow at {tracking_uri}: {error}") from error


def _all(client: "MlflowClient") -> list[Any]:
    found: list[Any] = []
    page: str | None = None
    while page != "":
        answer = client.list_webhooks(max_results=100, page_token=page)
        found += answer
        page = answer.token or ""
    return found


def _webhook(one: Any) -> Webhook:
    return Webhook(
        webhook_id=str(one.webhook_id),
        name=str(one.name),
        url=str(one.url),
        status=str(getattr(one.status, "value", one.status)),
        events=tuple(str(each) for each in one.events),
    )
