"""The browser's face: each view as one page, without script and without anything from elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

from shared.views.finding import WHAT_LEADS
from shared.views.html import Html, element
from shared.views.remedies import Remedy
from shared.views.states import State
from shared.views.status import Attention
from shared.views.style import POLICY_OF_A_FILE, SHEET
from shared.views.table import MARKS
from shared.views.terminal import Terminal
from shared.views.text import ago, iso, utc, visible

WHILE_RUNNING, AT_REST = 5, 30
"""Seconds after which a page loads itself again."""

_SHOWN = 20
"""So many things that need a person are shown, before the rest is counted."""

_ICON_COLOURS = {"bad": "b42318", "good": "1a7f37", "plain": "0b5cad"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the page is: the path of the status page, the function key it was opened with, whether it may refresh."""

    base: str
    code: str = ""
    refreshes: bool = True

    def href(self, path: str = "", **query: str) -> str:
        """An address on the page, with the key that opened this one."""
        given = {**query, **({"code": self.code} if self.code else {})}
        return f"{self.base}{path}{f'?{urlencode(given)}' if given else ''}"

    def story(self, story: str, **query: str) -> str:
        """The page of a story."""
        return self.href(f"/stories/{quote(story, safe='')}", **query)

    def check(self, story: str, generation: int) -> str:
        """The report of a check."""
        return self.href(f"/checks/{quote(story, safe='')}", generation=str(generation))

    def request(self, name: str) -> str:
        """The page of a request for approval."""
        return self.href(f"/approvals/{quote(name, safe='')}")


def fault_page(headline: str, text: str, place: Place, *, refresh: bool = False) -> str:
    """Why there is no other page."""
    body = [
        element("section", element("h1", f"▲ {headline}"), class_="verdict bad"),
        element("p", visible(text)) if "\n" not in text else block(text),
    ]
    return framed(f"▲ {headline}", body, place, AT_REST if refresh else 0, "bad")


def nothing_found_page(asked: str, place: Place) -> str:
    """The search led nowhere."""
    return fault_page("Nothing found", f"“{asked}” leads to no story. What does: {WHAT_LEADS}.", place)


def framed(
    title: str, body: Sequence[Html], place: Place, seconds: int, look: str, *, typed: Sequence[str] = ("status",)
) -> str:
    """A whole page. `look` is bad, good or plain; after so many seconds, if any, it loads itself again; `typed` is
    the same for ops.
    """
    icon = (
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
        f"%3Ccircle cx='8' cy='8' r='7' fill='%23{_ICON_COLOURS[look]}'/%3E%3C/svg%3E"
    )
    refresh = [element("meta", http_equiv="refresh", content=str(seconds))] if seconds and place.refreshes else []
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        *refresh,
        element("title", f"{title} · Sluice"),
        element("link", rel="icon", href=icon),
        Html(f"<style>{SHEET}</style>"),
    )
    key = [element("input", type="hidden", name="code", value=place.code)] if place.code else []
    search = element(
        "form",
        element("label", "Find a story", for_="q", class_="hidden"),
        element("input", type="search", id="q", name="q", placeholder="file, run, model@version, story", required=True),
        *key,
        element("button", "Find"),
        action=f"{place.base}/find",
        method="get",
        role="search",
    )
    page = element(
        "html",
        head,
        element(
            "body",
            element("header", element("a", "Sluice", href=place.href(), class_="brand"), search),
            element("main", *body),
            element("footer", "Times are UTC. The same in a terminal: ", element("code", Terminal().typed(typed))),
        ),
        lang="en",
    )
    return f"<!doctype html>\n{page}\n"


def alone(title: str, body: Sequence[Html]) -> str:
    """A page that leads nowhere: a file, which is opened without a server."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY_OF_A_FILE),
        element("title", f"{title} · Sluice"),
        Html(f"<style>{SHEET}</style>"),
    )
    footer = element("footer", "Times are UTC. Made by Sluice.")
    page = element("html", head, element("body", element("main", *body), footer), lang="en")
    return f"<!doctype html>\n{page}\n"


def block(text: str) -> Html:
    """A text of several lines, as it is."""
    return element("pre", "\n".join(visible(line) for line in text.splitlines()))


def attention(told: Sequence[Attention], place: Place, now: datetime) -> Html:
    """All that needs a person: why, since when, what to do, what to type."""
    items = [_remedy(one.remedy, one.story, one.subject, place, now) for one in told[:_SHOWN]]
    if len(told) > _SHOWN:
        items.append(element("li", f"and {len(told) - _SHOWN} more", _typed(("parked",))))
    return element("ol", *items, class_="panel remedies")


def _remedy(remedy: Remedy, story: str, subject: str, place: Place, now: datetime) -> Html:
    of = [" · ", element("a", visible(subject) or story, href=place.story(story))] if story else []
    if remedy.command[:1] == ("approve",):
        of += [" · ", element("a", "read and answer", href=place.request(remedy.command[1]))]
    return element(
        "li",
        element("p", visible(remedy.why), f": {visible(remedy.detail)}" if remedy.detail else "", class_="why"),
        element("p", remedy.advice),
        _typed(remedy.command) if remedy.command else "",
        element("p", _time(remedy.at, now), *of, class_="what"),
    )


def _typed(arguments: Sequence[str]) -> Html:
    return element("pre", element("code", Terminal().typed(arguments)))


def _time(at: datetime, now: datetime) -> Html:
    return element("time", f"{ago(at, now)}, {utc(at)}", datetime=iso(at))


def state_sign(state: State) -> Html:
    """The state in sign, word and colour."""
    return element("span", f"{MARKS[state]} {state}", class_=f"state {state_class(state)}")


def state_class(state: State) -> str:
    """What the style sheet calls it."""
    return str(state).replace(" ", "-")
