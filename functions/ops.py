"""The operator's page and its JSON. It reads the ledger beside the app, and so answers when the app cannot work."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from urllib.parse import urlsplit

import azure.functions as func

from shared import bootstrap
from shared.errors import SluiceError
from shared.settings import Settings
from shared.views.document import Document, error_document, status_document, story_document, to_json
from shared.views.finding import WHAT_LEADS, find_stories
from shared.views.page import Place, fault_page, nothing_found_page
from shared.views.records import Records
from shared.views.status import status_view
from shared.views.status_page import status_page
from shared.views.story import story_view
from shared.views.story_page import story_page
from shared.views.style import POLICY

blueprint = func.Blueprint()

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}


@blueprint.function_name("health")
@blueprint.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    """The process answers; whether it can work is on the ops page, which not everybody may read."""
    return func.HttpResponse("ok", headers={"Cache-Control": "no-store"})


@blueprint.function_name("ops_status")
@blueprint.route(route="ops", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def ops_status(req: func.HttpRequest) -> func.HttpResponse:
    """Everything at a glance."""
    return _answer(req, _status)


@blueprint.function_name("ops_story")
@blueprint.route(route="ops/stories/{story}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def ops_story(req: func.HttpRequest) -> func.HttpResponse:
    """One story; `q` is what led to it, and maybe to others."""
    return _answer(req, lambda place: _story(req.route_params["story"], req.params.get("q", ""), place))


@blueprint.function_name("ops_find")
@blueprint.route(route="ops/find", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def ops_find(req: func.HttpRequest) -> func.HttpResponse:
    """From a file, run or version to its story."""
    return _answer(req, lambda place: _find(req.params.get("q", "").strip(), place))


@dataclass(frozen=True, kw_only=True)
class _Said:
    """An answer in both faces, or where to go instead."""

    status: int = 200
    page: str = ""
    document: Document
    location: str = ""


def _answer(req: func.HttpRequest, say: Callable[[Place], _Said]) -> func.HttpResponse:
    """JSON for who asks for it (`Accept: application/json`), else the page; 503 when there is nothing to read from."""
    place = _place(req)
    try:
        said = say(place)
    except SluiceError as error:
        page = fault_page("The ledger cannot be read", str(error), place, refresh=True)
        said = _Said(status=503, page=page, document=error_document(str(error)))
    headers = {**HEADERS, **({"Location": said.location} if said.location else {})}
    accepted = req.headers.get("accept", "")
    if "application/json" in accepted and "text/html" not in accepted:
        body, mimetype = to_json(said.document), "application/json"
    else:
        body, mimetype = said.page, "text/html"
    return func.HttpResponse(body, status_code=said.status, headers=headers, mimetype=mimetype, charset="utf-8")


def _place(req: func.HttpRequest) -> Place:
    path = "/" + urlsplit(req.url).path.lstrip("/")  # two slashes would make a link to another server
    base = re.match(r".*?/ops(?=/|$)", path, re.IGNORECASE)
    return Place(
        base=base[0] if base else path,
        code=req.params.get("code", ""),
        refreshes=req.params.get("refresh") != "off",
    )


@cache
def _settings() -> Settings:
    return Settings.load()


@cache
def _records() -> Records:
    return bootstrap.ledger_of(_settings())


def _status(place: Place) -> _Said:
    records, uri = _records(), _settings().mlflow_tracking_uri
    view = status_view(records, records, records, now=datetime.now(UTC), tracking_uri=uri)
    trouble = _trouble()
    return _Said(page=status_page(view, place, trouble=trouble), document=status_document(view, trouble=trouble))


def _story(story: str, asked: str, place: Place) -> _Said:
    records, now = _records(), datetime.now(UTC)
    told = records.story(story)
    if not told:
        return _nothing(story, place)
    others = [each for each in find_stories(records, asked, records) if each != story]
    uri = _settings().mlflow_tracking_uri
    view = story_view(told, waiting=records.parked(), now=now, tracking_uri=uri)
    return _Said(page=story_page(view, place, now=now, others=others), document=story_document(view, others=others))


def _find(asked: str, place: Place) -> _Said:
    records = _records()
    found = find_stories(records, asked, records)
    if not found:
        return _nothing(asked, place)
    return _Said(status=302, location=place.story(found[0], q=asked), document={"stories": list(found)})


def _nothing(asked: str, place: Place) -> _Said:
    text = f"{asked!r} leads to no story; what does: {WHAT_LEADS}"
    return _Said(status=404, page=nothing_found_page(asked, place), document=error_document(text))


def _trouble() -> str:
    """Why no message can be worked on, such as a use case with a fault; "" when that is not so."""
    try:
        bootstrap.sluice()
    except SluiceError as error:
        return str(error)
    return ""
