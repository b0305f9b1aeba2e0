"""What took how long in a story, drawn: a bar for each piece of work, on one scale. No script, no style of its own."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.domain.trace import Span
from shared.views.html import Html, element
from shared.views.text import span as said
from shared.views.text import visible

MOST = 40
"""So many bars; of more parts the longest are shown, and the others counted."""

_WIDTH, _LEAST = 1000, 6


def waterfall(spans: Sequence[Span], began: datetime, until: datetime) -> Sequence[Html]:
    """The rows, in the order in which they began; nothing of a story in which no time passed."""
    whole = (until - began).total_seconds()
    if not spans or whole <= 0:
        return []
    shown, hidden = _chosen(spans, until)
    rows = [_row(one, began, until, whole) for one in shown]
    more = [element("p", f"and {hidden:,} shorter parts", class_="soft")] if hidden else []
    return [element("ol", *rows, class_="panel waterfall"), *more]


def _chosen(spans: Sequence[Span], until: datetime) -> tuple[Sequence[Span], int]:
    parts = [one for one in spans if one.name in {"part", "shard"}]
    room = max(MOST - (len(spans) - len(parts)), 0)
    longest = sorted(parts, key=lambda one: one.begin - (one.end or until))[:room]
    shown = [one for one in spans if one not in parts or one in longest]
    return shown, len(spans) - len(shown)


def _row(one: Span, began: datetime, until: datetime, whole: float) -> Html:
    begin, end = max(one.begin, began), min(one.end or until, until)
    took = max(end - begin, timedelta(0))
    left = min(_WIDTH * (begin - began).total_seconds() / whole, _WIDTH - _LEAST)
    width = min(max(_WIDTH * took.total_seconds() / whole, _LEAST), _WIDTH - left)
    mark, look = ("✗ ", "failed") if one.failed else ("● ", "running") if one.end is None else ("", "done")
    bar = element("rect", x=f"{left:.1f}", y="1", width=f"{width:.1f}", height="8", rx="2", class_=look)
    goes_on = ", goes on" if one.end is None else ""
    return element(
        "li",
        element("span", f"{mark}{visible(one.name)} ", element("span", visible(one.what), class_="sub"), class_="kind"),
        element("svg", bar, viewBox=f"0 0 {_WIDTH} 10", preserveAspectRatio="none", aria_hidden="true"),
        element("span", f"+{said(begin - began)}, {said(took)}{goes_on}", class_="num"),
    )
