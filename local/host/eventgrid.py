"""The Event Grid webhook: ``/runtime/webhooks/EventGrid?functionName=NAME``."""

import asyncio
import json
from collections.abc import Mapping

from starlette.responses import JSONResponse, PlainTextResponse, Response

from local.host import payloads
from local.host.functions import Function
from local.host.incoming import Incoming
from local.host.invocations import Invocations

CLOUD_EVENT_TYPES = ("application/cloudevents+json", "application/cloudevents-batch+json")


class EventGridWebhook:
    """Handshakes and deliveries, in Event Grid's schema and as CloudEvents.

    A POST's events are called one by one, in parallel. 202 says all succeeded; one failure answers 500, and Event Grid
    sends the whole POST again, so a function sees the ones that succeeded twice.
    """

    def __init__(self, invocations: Invocations) -> None:
        self._invocations = invocations
        self._functions = {
            name.lower(): function
            for name, function in invocations.functions.items()
            if function.kind == "eventGridTrigger"
        }

    async def answer(self, request: Incoming) -> Response:
        """Answer one request of Event Grid."""
        name = request.query.get("functionName", "")
        function = self._functions.get(name.lower())
        if function is None:
            return PlainTextResponse(f"cannot find function: '{name}'", status_code=404)
        match request.method, _kind(request.headers):
            case "OPTIONS", _:
                return _cloud_events_handshake(request.headers)
            case "POST", "subscriptionvalidation":
                return _validation(request.body)
            case "POST", "unsubscribe":
                return Response(status_code=202)
            case "POST", "notification":
                return await self._deliver(function, request.body)
        return Response(status_code=400)

    async def _deliver(self, function: Function, body: bytes) -> Response:
        try:
            content = json.loads(body)
        except ValueError as error:
            return PlainTextResponse(f"the body is not JSON: {error}", status_code=400)
        events = content if isinstance(content, list) else [content]
        if not all(isinstance(event, dict) for event in events):
            return PlainTextResponse("the body must be an event or an array of events", status_code=400)
        outcomes = await asyncio.gather(
            *(self._invocations.run(function, payloads.event_grid(event)) for event in events)
        )
        failed = [outcome.error for outcome in outcomes if not outcome.succeeded]
        return PlainTextResponse(str(failed[0]), status_code=500) if failed else Response(status_code=202)


def _kind(headers: Mapping[str, str]) -> str:
    """What the request is: the header Event Grid sends, else the content type of a CloudEvent from elsewhere."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return headers.get("aeg-event-type", "notification" if media_type in CLOUD_EVENT_TYPES else "").lower()


def _validation(body: bytes) -> Response:
    try:
        code = json.loads(body)[0]["data"]["validationCode"]
    except (ValueError, LookupError, TypeError):
        return PlainTextResponse("the body is no SubscriptionValidationEvent", status_code=400)
    return JSONResponse({"validationResponse": code})


def _cloud_events_handshake(headers: Mapping[str, str]) -> Response:
    """Allow the sender that asks (HTTP 1.1 Web Hooks for Event Delivery, section 4)."""
    origin = headers.get("webhook-request-origin", "eventgrid.azure.net")
    return Response(status_code=200, headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})
