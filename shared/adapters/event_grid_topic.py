"""Events onto an Event Grid topic, through azure-eventgrid."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.adapters import entra
from shared.domain.announcing import Event
from shared.errors import Refused, Unreachable

if TYPE_CHECKING:
    from azure.eventgrid import EventGridPublisherClient

SECONDS = 5
"""To connect, and to wait for the answer; without a second try, as the sweep makes one."""

NOT_OURS = {400, 413}
"""What is wrong with the event itself: everything else is mended at the topic, and then goes well."""

VERSION = "1"
"""Of the data's format."""


class EventGridTopic:
    """Announcer. `open_client` is called once, when the first event is published."""

    def __init__(self, open_client: Callable[[], "EventGridPublisherClient"]) -> None:
        self._open_client = open_client
        self._lock = threading.Lock()
        self._client: EventGridPublisherClient | None = None

    def _open(self) -> "EventGridPublisherClient":
        with self._lock:
            if self._client is None:
                self._client = self._open_client()
            return self._client

    def publish(self, event: Event) -> None:
        from azure.core.exceptions import AzureError, HttpResponseError
        from azure.eventgrid import EventGridEvent

        sent = EventGridEvent(
            id=event.id,
            subject=event.subject,
            event_type=event.type,
            event_time=event.at,
            data=dict(event.data),
            data_version=VERSION,
        )
        try:
            self._open().send(sent)
        except HttpResponseError as error:
            said = f"the Event Grid topic answers {error.status_code or 'nothing'}: {_first_line(error)}"
            if error.status_code in NOT_OURS:
                raise Refused(said) from error
            raise Unreachable(said) from error
        except AzureError as error:
            raise Unreachable(f"the Event Grid topic does not answer: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def with_key(endpoint: str, key: str) -> "EventGridPublisherClient":
    """A client that proves itself with one of the topic's keys."""
    from azure.core.credentials import AzureKeyCredential
    from azure.eventgrid import EventGridPublisherClient

    return EventGridPublisherClient(
        endpoint, AzureKeyCredential(key), connection_timeout=SECONDS, read_timeout=SECONDS, retry_total=0
    )


def with_identity(endpoint: str) -> "EventGridPublisherClient":
    """A client that signs in as the app's managed identity, which needs the role EventGrid Data Sender."""
    from azure.eventgrid import EventGridPublisherClient

    return EventGridPublisherClient(
        endpoint, entra.credential(), connection_timeout=SECONDS, read_timeout=SECONDS, retry_total=0
    )
