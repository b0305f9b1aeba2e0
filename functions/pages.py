"""What every page of ops has in common: two faces, headers that lock it down, and the ledger beside the app."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

import azure.functions as func

from shared import bootstrap
from shared.errors import SluiceError
from shared.settings import Settings
from shared.views.document import Document, error_document, to_json
from shared.views.page import Place, fault_page
from shared.views.records import Records
from shared.views.style import POLICY

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer in both faces, or where to go instead."""

    status: int = 200
    page: str = ""
    document: Document
    location: str = ""


def answer(req: func.HttpRequest, say: Callable[[Place], Said]) -> func.HttpResponse:
    """JSON for who asks for it (`Accept: application/json`), else the page; 503 when there is nothing to read from."""
    place = _place(req)
    try:
        said = say(place)
    except SluiceError as error:
        page = fault_page("The ledger cannot be read", str(error), place, refresh=req.method == "GET")
        said = Said(status=503, page=page, document=error_document(str(error)))
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
def settings() -> Settings:
    """As the app reads them, at the first call."""
    return Settings.load()


@cache
def records() -> Records:
    """The ledger that they name."""
    return bootstrap.ledger_of(settings())
