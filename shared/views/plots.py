"""Distributions as small inline SVG: what is there now as filled bars, the baseline as a line of steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.domain.profile import ColumnProfile, Kind
from shared.views.html import Html, element

WIDTH, HEIGHT, FOOT = 240.0, 72.0, 14.0
MOST = 10
"""So many categories are shown, the most frequent of the two together."""


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Shares of the rows in the same cells, now and in the baseline (empty where there is none); labels of the axis."""

    now: tuple[float, ...]
    was: tuple[float, ...]
    labels: tuple[str, ...]


def bars_of(column: ColumnProfile, before: ColumnProfile | None) -> Bars | None:
    """What to draw of the column; None where nothing can be."""
    comparable = before if before is not None and before.kind is column.kind else None
    if column.kind is Kind.NUMBER:
        return _of_numbers(column, comparable)
    return _of_categories(column, comparable) if column.categories else None


def _of_numbers(column: ColumnProfile, before: ColumnProfile | None) -> Bars | None:
    against = before is not None and bool(column.bars_against)
    edges = before.bars if before is not None and against else column.bars
    now = column.bars_against if against else column.heights
    was = before.heights if before is not None and against else ()
    if not sum(now):
        return None
    ends = tuple(_number(edge, column.is_time) for edge in (edges[0], edges[-1]))
    if len(edges) == 1:  # a single value, and what is beyond it
        beyond = bool(now[-1] or (was and was[-1]))
        less = column.minimum is not None and column.minimum < edges[0]
        cells = 2 if beyond else 1
        labels = (f"to {ends[0]}", "beyond")[:cells] if beyond or less else (ends[0],)
        return Bars(now=_shares(now)[:cells], was=_shares(was)[:cells], labels=labels)
    return Bars(now=_shares(now), was=_shares(was), labels=ends)


def _of_categories(column: ColumnProfile, before: ColumnProfile | None) -> Bars | None:
    old = before.categories if before else {}
    now_sum, old_sum = sum(column.categories.values()), sum(old.values())
    weight = {
        name: column.categories.get(name, 0) / (now_sum or 1) + old.get(name, 0) / (old_sum or 1)
        for name in {*column.categories, *old}
    }
    names = sorted(weight, key=lambda name: (-weight[name], name))[:MOST]
    now = tuple(column.categories.get(name, 0) / (now_sum or 1) for name in names)
    was = tuple(old.get(name, 0) / old_sum for name in names) if old_sum else ()
    return Bars(now=now, was=was, labels=tuple(names))


def _shares(counts: Sequence[int]) -> tuple[float, ...]:
    total = sum(counts)
    return tuple(count / total for count in counts) if total else ()


def _number(value: float, is_time: bool) -> str:
    if is_time:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d}"
    return f"{value:,.4g}"


def drawing(bars: Bars, name: str) -> Html:
    """The SVG; its text alternative says what is compared."""
    count, highest = len(bars.now), max([*bars.now, *bars.was]) or 1.0
    step, room = WIDTH / count, HEIGHT - FOOT
    filled = [
        element(
            "rect",
            x=f"{index * step + step * 0.08:.1f}",
            y=f"{room - share / highest * room:.1f}",
            width=f"{step * 0.84:.1f}",
            height=f"{share / highest * room:.1f}",
            class_="now",
        )
        for index, share in enumerate(bars.now)
        if share
    ]
    line = [element("path", d=_steps(bars.was, step, room, highest), class_="was")] if bars.was else []
    axis = element("line", x1="0", x2=f"{WIDTH:g}", y1=f"{room:g}", y2=f"{room:g}", class_="axis")
    compared = " beside the baseline's" if bars.was else ""
    return element(
        "svg",
        axis,
        *filled,
        *line,
        *_labels(bars.labels, step),
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        role="img",
        aria_label=f"Distribution of {name}{compared}",
    )


def _steps(shares: Sequence[float], step: float, room: float, highest: float) -> str:
    """A line of steps over the cells."""
    points = [f"M0 {room:.1f}"]
    for index, share in enumerate(shares):
        height = room - share / highest * room
        points.append(f"L{index * step:.1f} {height:.1f}L{(index + 1) * step:.1f} {height:.1f}")
    return f"{''.join(points)}L{len(shares) * step:.1f} {room:.1f}"


def _labels(labels: Sequence[str], step: float) -> list[Html]:
    """The ends of a range; or each category below its bar, where there is room."""
    if len(labels) == 2 and step < WIDTH / 2:  # the ends of a range
        return [_text(labels[0], 0, "start"), _text(labels[1], WIDTH, "end")]
    letters = max(int(step / 6.5), 1)
    short = [name if len(name) <= letters else f"{name[: max(letters - 1, 1)]}…" for name in labels]
    return [_text(name, (index + 0.5) * step, "middle") for index, name in enumerate(short)]


def _text(text: str, x: float, anchor: str) -> Html:
    return element("text", text, x=f"{x:.1f}", y=f"{HEIGHT - 3:g}", text_anchor=anchor)


def length(share: float) -> Html:
    """A bar as long as the share says, from 0 to 1."""
    bar = element("rect", x="0", y="0", width=f"{100 * min(max(share, 0.0), 1.0):.1f}", height="10", class_="now")
    return element("svg", bar, viewBox="0 0 100 10", preserveAspectRatio="none", class_="bar", aria_hidden="true")
