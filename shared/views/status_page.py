"""The status page: first of all, whether a person has to look."""

from collections.abc import Sequence
from datetime import datetime

from shared.notes import Dropped
from shared.views.html import Html, element, together
from shared.views.page import AT_REST, WHILE_RUNNING, Place, attention, block, framed, state_class, state_sign
from shared.views.sentences import many
from shared.views.states import State
from shared.views.status import DAYS, SlotView, StatusView
from shared.views.story import StoryView
from shared.views.table import MARKS
from shared.views.text import ago, clock, iso, span, utc, visible


def status_page(view: StatusView, place: Place, *, trouble: str = "") -> str:
    """Everything at a glance. `trouble` is what keeps the app itself from working."""
    bad = bool(view.attention or trouble)
    count = len(view.attention) + bool(trouble)
    running = view.counts[State.RUNNING]
    headline = (
        f"{many(count, 'thing')} {'need' if count > 1 else 'needs'} attention" if bad else "Nothing needs attention"
    )
    seconds = WHILE_RUNNING if running else AT_REST
    body = [
        element(
            "section",
            element("h1", f"{'▲' if bad else '✓'} {headline}"),
            element("p", utc(view.at), " · ", *_refreshing(place, seconds), class_="soft"),
            class_=f"verdict {'bad' if bad else 'good'}",
        )
    ]
    if trouble:
        body += [element("h2", "The app is misconfigured"), block(trouble)]
    if view.attention:
        body += [element("h2", "Needs attention"), attention(view.attention, place, view.at)]
    body += [element("h2", "Slots"), _slots(view.slots, place, view.at)]
    body += [element("h2", "Stories"), _counts(view), _stories(view.stories, place, view.at)]
    if view.dropped:
        body += [element("h2", f"No arrivals, in the last {many(DAYS, 'day')}"), _dropped(view.dropped, view.at)]
    return framed(f"{'▲' if bad else '✓'} {headline}", body, place, seconds, "bad" if bad else "good")


def _refreshing(place: Place, seconds: int) -> Sequence[str]:
    if place.refreshes:
        return f"loads itself again every {seconds} s · ", element("a", "pause", href=place.href(refresh="off"))
    return "paused · ", element("a", "resume", href=place.href())


def _slots(slots: Sequence[SlotView], place: Place, now: datetime) -> Html:
    rows = [
        element(
            "tr",
            element("th", f"{one.model}@{one.slot}", scope="row", class_="what"),
            element(
                "td", element("a", f"version {one.version}", href=one.url, rel="noreferrer") if one.url else one.version
            ),
            element("td", _two_lines(one.since, now)),
            element("td", element("a", one.story, href=place.story(one.story), class_="id"), class_="wide"),
        )
        for one in slots
    ]
    return _table(("Slot", "Approved", "Since", "*Story"), rows, "no version is approved for any slot yet")


def _dropped(dropped: Sequence[Dropped], now: datetime) -> Html:
    rows = [
        element(
            "tr",
            element("th", one.reason, element("span", visible(one.newest), class_="sub"), scope="row", class_="what"),
            element("td", f"{one.count:,}", class_="num"),
            element("td", _two_lines(one.at, now)),
        )
        for one in dropped
    ]
    return _table(("Why, and the last of them", "Events", "Last"), rows, "")


def _counts(view: StatusView) -> Html:
    counts = [
        element(
            "li",
            element("span", f"{MARKS[state]} ", class_=state_class(state)),
            element("b", str(count)),
            f" {state}",
            class_=False if count else "none",
        )
        for state, count in view.counts.items()
    ]
    return element("ul", *counts, class_="counts")


def _stories(stories: Sequence[StoryView], place: Place, now: datetime) -> Html:
    """A table that becomes a list where there is little room: its roles are written out, as its layout hides them."""
    rows = [
        element(
            "tr",
            element("td", state_sign(one.state), role="cell"),
            element(
                "th",
                element("a", visible(one.subject) or one.story, href=place.story(one.story)),
                element("span", visible(one.attention or one.last_sentence), class_="sub"),
                scope="row",
                role="rowheader",
                class_="what",
            ),
            element("td", _two_lines(one.started, now), role="cell"),
            element("td", span(one.duration), role="cell", class_="num wide"),
            element("td", element("span", one.story, class_="id"), role="cell", class_="wide"),
            role="row",
        )
        for one in stories
    ]
    columns = ("State", "Story, and the last of it", "Began", "*Took", "*Id")
    return _table(columns, rows, "nothing arrived yet", class_="stack")


def _two_lines(at: datetime, now: datetime) -> Html:
    """How long ago, and when."""
    return together(ago(at, now), element("time", clock(at), datetime=iso(at), title=utc(at)))


def _table(columns: Sequence[str], rows: Sequence[Html], without: str, *, class_: str | bool = False) -> Html:
    """A column whose name begins with a star is left out where there is little room."""
    if not rows:
        return element("p", without, class_="soft")
    names = [
        element(
            "th",
            name.lstrip("*"),
            scope="col",
            role="columnheader",
            class_="wide" if name.startswith("*") else False,
        )
        for name in columns
    ]
    head = element("thead", element("tr", *names, role="row"), role="rowgroup")
    body = element("tbody", *rows, role="rowgroup")
    return element("div", element("table", head, body, role="table", class_=class_), class_="panel")
