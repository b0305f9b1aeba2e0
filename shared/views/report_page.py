"""The page of a report. With a place it is one of the ops pages; without, a file that stands alone."""

from collections.abc import Sequence

from shared.domain import facts as f
from shared.domain.drift import Drift, DriftFinding
from shared.domain.profile import ColumnProfile
from shared.domain.verdicts import Severity, Verdict
from shared.quarantine import Kept
from shared.views.html import Html, element, together
from shared.views.page import Place, alone, framed
from shared.views.plots import bars_of, drawing, length
from shared.views.quality import BatchQuality, KeptQuality, VersionQuality, apart, newest_first
from shared.views.quarantine import numbers_of
from shared.views.report import ReportView, found
from shared.views.sentences import many, sentence
from shared.views.table import VERDICT_MARKS
from shared.views.text import clock, iso, utc, visible

NEAR = 6
"""So many measures within their limits are shown, the nearest to them; the others fold away."""

PLOTS = 40
"""So many columns are drawn, those that drifted first."""

_LOOKS = {Verdict.PASSED: "good", Verdict.WARNED: "good", Verdict.FAILED: "bad", Verdict.ERROR: "bad"}


def report_page(view: ReportView, place: Place | None) -> str:
    """All of it."""
    verdict = view.checked.verdict
    stopped = view.drift is not None and view.drift.drift is Drift.STOPPED
    look = "bad" if stopped else _LOOKS.get(verdict, "plain")
    title = f"{VERDICT_MARKS[verdict]} {verdict}: {visible(view.subject)}"
    body = [_head(view, title, look, place), element("h2", "What was asked"), _expectations(view)]
    if view.drift:
        body += [element("h2", f"Against version {view.drift.against_version}"), _findings(view.drift)]
        if view.drift.verdicts:
            body += [element("h2", "Verdicts that changed"), _verdicts(view.drift)]
    if view.profile:
        body += [element("h2", "How the values are spread"), *_plots(view)]
    if view.kept and view.kept.sample:
        body += [element("h2", "What would be in quarantine" if view.would else "In quarantine"), *_sample(view.kept)]
    if view.versions or view.not_committed:
        body += [element("h2", "The versions before" if not _is_newest(view) else "The versions"), _trend(view, place)]
    if place is None:
        return alone(title, body)
    return framed(title, body, place, 0, look, typed=("report", view.story))


def _is_newest(view: ReportView) -> bool:
    return not view.versions or view.versions[0].committed.story == view.story


def _head(view: ReportView, title: str, look: str, place: Place | None) -> Html:
    checked = view.checked
    story = element("a", view.story, href=place.story(view.story), class_="id") if place else view.story
    named = ("not landed",) if view.would else ("story ", story)
    again = f", generation {checked.generation}" if checked.generation > 1 else ""
    told = view.would or (sentence(view.outcome) if view.outcome else "")
    about = [
        element("p", visible(sentence(checked))),
        element("p", visible(told)) if told else "",
        element(
            "p",
            f"{visible(view.use_case)} · {utc(checked.at)} · suite ",
            element("span", checked.suite, class_="id"),
            f"{again} · ",
            *named,
            class_="soft",
        ),
    ]
    return element("section", element("h1", title), *about, class_=f"verdict {look}")


def _expectations(view: ReportView) -> Html:
    rows = [
        element(
            "tr",
            element(
                "td", element("span", f"{VERDICT_MARKS[one.verdict]} {one.verdict}", class_=f"state {one.verdict}")
            ),
            element("th", visible(one.asked), element("span", one.expectation, class_="sub"), scope="row"),
            element("td", visible(found(one, view.checked.rows)), class_="what"),
            element("td", "stops" if one.severity is Severity.BLOCKING else "warns", class_="wide"),
        )
        for one in view.worst_first
    ]
    return _table(("Verdict", "Asked", "Found", "*Failing"), rows)


def _verdict(verdict: Verdict) -> Html:
    return element("span", f"{VERDICT_MARKS[verdict]} {verdict}", class_=f"state {verdict}")


def _findings(drift: f.DriftMeasured) -> Html:
    if not drift.findings:
        return element("p", "no measure has a limit", class_="soft")
    near = [one for one in drift.findings if not one.exceeds]
    shown = [*drift.exceeding, *near[:NEAR]]
    rest = [
        element("details", element("summary", f"{len(near) - NEAR} more, within their limits"), _limits(near[NEAR:]))
    ]
    return together(_limits(shown), *(rest if len(near) > NEAR else ()))


def _verdicts(drift: f.DriftMeasured) -> Html:
    rows = [
        element(
            "tr",
            element("td", _sign(True, "worse") if one.is_worse else ""),
            element("th", visible(one.asked), scope="row"),
            element("td", str(one.before or "not asked")),
            element("td", str(one.now or "not asked")),
        )
        for one in drift.verdicts
    ]
    return _table(("", "Asked", f"In version {drift.against_version}", "Now"), rows)


def _limits(findings: Sequence[DriftFinding]) -> Html:
    rows = [
        element(
            "tr",
            element("td", _sign(one.exceeds, str(one.then))),
            element("th", visible(one.asked), scope="row"),
            element("td", f"{one.value:.3g}", f" ({visible(one.detail)})" if one.detail else "", class_="what"),
            element("td", length(one.value / one.limit if one.limit else float(one.exceeds)), class_="wide"),
        )
        for one in findings
    ]
    return _table(("", "Limit", "Found", "*Share of the limit"), rows)


def _sign(exceeds: bool, then: str) -> Html:
    return element("span", f"▲ {then}" if exceeds else "✓", class_=f"state {'failed' if exceeds else 'passed'}")


def _plots(view: ReportView) -> Sequence[Html]:
    if view.profile is None:
        return []
    drifted = {one.column: one.sentence for one in reversed(view.drift.exceeding if view.drift else ())}
    columns = sorted(view.profile.columns, key=lambda one: one.name not in drifted)
    drawn = [figure for one in columns if (figure := _plot(one, view, drifted.get(one.name, "")))]
    keys = [("now", f"these {many(view.profile.rows, 'row')}")]
    keys += [("was", f"the baseline's {many(view.baseline.rows, 'row')}")] if view.baseline else []
    legend = element("p", *(element("span", _key(class_), text) for class_, text in keys), class_="legend")
    more = [element("p", f"and {len(drawn) - PLOTS} more columns", class_="soft")] if len(drawn) > PLOTS else []
    return [legend, element("div", *drawn[:PLOTS], class_="plots"), *more]


def _key(class_: str) -> Html:
    mark = element("rect", x="1", y="1", width="20", height="10", class_=class_)
    return element("svg", mark, viewBox="0 0 22 12", aria_hidden="true")


def _plot(column: ColumnProfile, view: ReportView, drifted: str) -> Html | None:
    before = view.baseline.column(column.name) if view.baseline else None
    bars, rows = bars_of(column, before), view.profile.rows if view.profile else 0
    if bars is None:
        return None
    nulls = f"{column.nulls / rows:.1%} null" if column.nulls and rows else ""
    return element(
        "figure",
        element("figcaption", element("b", visible(column.name)), element("span", nulls, class_="sub")),
        drawing(bars, visible(column.name)),
        element("span", visible(drifted), class_="sub") if drifted else "",
        class_=f"panel plot{' odd' if drifted else ''}",
    )


def _sample(kept: Kept) -> Sequence[Html]:
    counts = [
        element(
            "tr", element("td", str(number)), element("td", f"{count:,}", class_="num"), element("td", visible(reason))
        )
        for number, (reason, count) in enumerate(kept.by_reason.items(), start=1)
    ]
    rows = [
        element("tr", element("td", numbers_of(row[0], kept)), *(element("td", visible(value)) for value in row[1:]))
        for row in kept.sample
    ]
    names = ("Reason", *kept.columns[1:])
    shown = f"{len(kept.sample)} of {many(kept.rows, 'row')}"
    return [
        _table(("", "Rows", "Reason"), counts),
        element("h2", f"Such as: {shown}"),
        _table([visible(name) for name in names], rows, class_="sample"),
    ]


def _trend(view: ReportView, place: Place | None) -> Html:
    told = newest_first(view.versions, view.not_committed)
    most = max(one.ended.rows for one in told) or 1
    rows = [
        element(
            "tr",
            element("th", _numbered(one), scope="row", class_="num"),
            element("td", element("time", clock(one.ended.at), datetime=iso(one.ended.at)), class_="wide"),
            element("td", _named(one, view, place), class_="what"),
            element("td", f"{one.ended.rows:,}", length(one.ended.rows / most), class_="num"),
            element("td", *_checked(one)),
            element("td", *(_drifted(one) if isinstance(one, VersionQuality) else [visible(apart(one))])),
        )
        for one in told
    ]
    return _table(("Version", "*At", "Of", "Rows", "Check", "Drift"), rows)


def _numbered(one: BatchQuality) -> str:
    return f"version {one.committed.delta_version}" if isinstance(one, VersionQuality) else "none"


def _named(one: VersionQuality | KeptQuality, view: ReportView, place: Place | None) -> Html | str:
    name = visible(one.subject) or one.ended.story
    if one.ended.story == view.story:
        return element("b", name)
    return element("a", name, href=place.check(one.ended.story, one.ended.generation)) if place else name


def _checked(one: BatchQuality) -> Sequence[str]:
    if one.checked is None:
        return ["released unchecked"]
    warnings = one.count(Severity.WARNING)
    verdict = one.checked.verdict
    return [_verdict(verdict), f", {many(warnings, 'warning')}" if warnings else ""]


def _drifted(one: VersionQuality) -> Sequence[str]:
    if one.drift is None:
        return ["not compared"]
    count = len(one.drift.exceeding)
    if not count:
        return [_sign(False, ""), f" as version {one.drift.against_version}"]
    return [_sign(True, str(one.drift.drift)), f", {many(count, 'measure')} beyond the limit"]


def _table(columns: Sequence[str], rows: Sequence[Html], *, class_: str | bool = False) -> Html:
    """A column whose name begins with a star is left out where there is little room."""
    names = [
        element("th", name.lstrip("*"), scope="col", class_="wide" if name.startswith("*") else False)
        for name in columns
    ]
    table = element("table", element("thead", element("tr", *names)), element("tbody", *rows), class_=class_)
    return element("div", table, class_="panel", tabindex="0")
