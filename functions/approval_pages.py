"""The pages on which people approve or reject a version. Whoever answers is known; the form has to be ours."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs

import azure.functions as func

from functions.pages import Said, answer, records, settings
from shared import bootstrap, sign_in
from shared.domain.people import Answer, Person
from shared.errors import Malformed, Misconfigured, Refused, Unauthenticated
from shared.views.approvals import (
    Form,
    RequestView,
    request_document,
    request_page,
    request_view,
    request_views,
    requests_page,
)
from shared.views.document import error_document
from shared.views.page import Place, fault_page

MAX_BODY = 16_384
OURS = {"", "same-origin", "none"}
"""What a browser says of where a request comes from (Sec-Fetch-Site) when it comes from our page; "" says nothing."""


def waiting(req: func.HttpRequest) -> func.HttpResponse:
    """What waits for people."""
    return answer(req, _waiting)


def request(req: func.HttpRequest) -> func.HttpResponse:
    """One request, with what the gate saw."""
    return answer(req, lambda place: _request(req.route_params["request"], req.headers, place))


def decide(req: func.HttpRequest) -> func.HttpResponse:
    """Approve or reject."""
    return answer(req, lambda place: _decide(req.route_params["request"], req.headers, req.get_body(), place))


def _waiting(place: Place) -> Said:
    views = request_views(records(), now=datetime.now(UTC))
    return Said(page=requests_page(views, place), document={"requests": [request_document(one) for one in views]})


def _view(name: str) -> RequestView | None:
    return request_view(records(), name, now=datetime.now(UTC), tracking_uri=settings().mlflow_tracking_uri)


def _request(name: str, headers: Mapping[str, str], place: Place, *, fault: str = "", status: int = 200) -> Said:
    view = _view(name)
    if view is None:
        text = f"nobody was asked to approve {name!r}"
        return Said(status=404, page=fault_page("No such request", text, place), document=error_document(text))
    page = request_page(view, place, _form(view, headers), fault=fault)
    return Said(status=status, page=page, document=error_document(fault) if fault else request_document(view))


def _form(view: RequestView, headers: Mapping[str, str]) -> Form:
    """Where nobody can answer: why."""
    try:
        person = sign_in.signed_in(settings(), headers)
        token = sign_in.form_token(settings(), _bound(view, person))
    except (Unauthenticated, Misconfigured) as error:
        return Form(token="", person=None, why_none=str(error))
    return Form(token=token, person=person, names=() if person else tuple(settings().users))


def _bound(view: RequestView, person: Person | None) -> tuple[str, ...]:
    asked = view.standing.requested
    return (view.name, asked.policy, asked.evidence, person.name if person else "")


def _decide(name: str, headers: Mapping[str, str], body: bytes, place: Place) -> Said:
    try:
        said = _answer(name, headers, body)
        bootstrap.sluice().answer(said)
    except Unauthenticated as error:
        return _request(name, headers, place, fault=str(error), status=403)
    except Malformed as error:
        return _request(name, headers, place, fault=str(error), status=400)
    except Refused as error:
        return _request(name, headers, place, fault=str(error), status=409)
    return Said(status=303, location=place.request(name), document={"request": name, "answered": True})


def _answer(name: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """What the form says. Raises Unauthenticated, Malformed or Refused."""
    if headers.get("sec-fetch-site", "") not in OURS:
        raise Unauthenticated("the form was sent from another site")
    if len(body) > MAX_BODY:
        raise Malformed(f"the form is larger than {MAX_BODY} bytes")
    try:
        fields = parse_qs(body.decode(), max_num_fields=20, strict_parsing=True)
    except ValueError as error:
        raise Malformed(f"no form: {error}") from error
    view = _view(name)
    if view is None:
        raise Refused(f"nobody was asked to approve {name!r}")
    signed_in = sign_in.signed_in(settings(), headers)
    sign_in.verify_form(settings(), fields.get("token", [""])[0], _bound(view, signed_in))
    chosen = fields.get("answer", [""])[0]
    if chosen not in {"approve", "reject"}:
        raise Malformed("answer is neither approve nor reject")
    asked = view.standing.requested
    return Answer(
        model=asked.model,
        version=asked.version,
        person=signed_in or settings().user(fields.get("as", [""])[0]),
        approves=chosen == "approve",
        why=fields.get("because", [""])[0][:1000],
        policy=fields.get("policy", [""])[0],
        evidence=fields.get("evidence", [""])[0],
    )
