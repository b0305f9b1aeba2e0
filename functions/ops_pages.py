"""The operator's page and its JSON. It reads the ledger beside the app, and so answers when the app cannot work."""

from datetime import UTC, datetime

import azure.functions as func

from functions.pages import Said, answer, records, settings
from shared import bootstrap, opened
from shared.errors import SluiceError
from shared.views.document import error_document, status_document, story_document
from shared.views.finding import WHAT_LEADS, find_stories
from shared.views.page import Place, fault_page, nothing_found_page
from shared.views.report import report_document, report_view
from shared.views.report_page import report_page
from shared.views.status import dropped_lately, status_view
from shared.views.status_page import status_page
from shared.views.story import story_view
from shared.views.story_page import story_page


def status(req: func.HttpRequest) -> func.HttpResponse:
    """Everything at a glance."""
    return answer(req, _status)


def story(req: func.HttpRequest) -> func.HttpResponse:
    """One story."""
    return answer(req, lambda place: _story(req.route_params["story"], req.params.get("q", ""), place))


def find(req: func.HttpRequest) -> func.HttpResponse:
    """From a file, run or version to its story."""
    return answer(req, lambda place: _find(req.params.get("q", "").strip(), place))


def check(req: func.HttpRequest) -> func.HttpResponse:
    """The report of a story's check."""
    return answer(req, lambda place: _check(req.route_params["story"], req.params.get("generation", ""), place))


def _check(story: str, generation: str, place: Place) -> Said:
    of = int(generation) if generation.isdecimal() and len(generation) < 10 else None
    view = report_view(records(), opened.profiles_of(settings()), opened.quarantine_of(settings()), story, of)
    if view is None:
        text = f"story {story!r} has no such check"
        return Said(status=404, page=fault_page("No such check", text, place), document=error_document(text))
    return Said(page=report_page(view, place), document=report_document(view))


def _status(place: Place) -> Said:
    ledger, uri = records(), settings().mlflow_tracking_uri
    now = datetime.now(UTC)
    dropped = dropped_lately(ledger, now)
    view = status_view(ledger, ledger, ledger, now=now, tracking_uri=uri, dropped=dropped)
    trouble = _trouble()
    return Said(page=status_page(view, place, trouble=trouble), document=status_document(view, trouble=trouble))


def _story(story: str, asked: str, place: Place) -> Said:
    ledger, now = records(), datetime.now(UTC)
    told = ledger.story(story)
    if not told:
        return _nothing(story, place)
    others = [each for each in find_stories(ledger, asked, ledger) if each != story]
    uri = settings().mlflow_tracking_uri
    view = story_view(told, waiting=ledger.parked(), now=now, tracking_uri=uri, read=ledger.story)
    return Said(page=story_page(view, place, now=now, others=others), document=story_document(view, others=others))


def _find(asked: str, place: Place) -> Said:
    ledger = records()
    found = find_stories(ledger, asked, ledger)
    if not found:
        return _nothing(asked, place)
    return Said(status=302, location=place.story(found[0], q=asked), document={"stories": list(found)})


def _nothing(asked: str, place: Place) -> Said:
    text = f"{asked!r} leads to no story; what does: {WHAT_LEADS}"
    return Said(status=404, page=nothing_found_page(asked, place), document=error_document(text))


def _trouble() -> str:
    """Why no message can be worked on, such as a use case with a fault; "" when that is not so."""
    try:
        bootstrap.sluice()
    except SluiceError as error:
        return str(error)
    return ""
