"""The page of one story."""

from collections.abc import Sequence
from datetime import datetime

from shared.domain.verdicts import Severity
from shared.views.html import Html, element
from shared.views.page import WHILE_RUNNING, Place, attention, framed, state_sign
from shared.views.progress import progress_text
from shared.views.states import State
from shared.views.status import Attention
from shared.views.story import Moment, Note, StoryView
from shared.views.table import MARKS, VERDICT_MARKS, noteworthy
from shared.views.text import ago, iso, span, utc, visible
from shared.views.waterfall import waterfall

_KIND_CLASSES = {
    "DataQuarantined": "odd",
    "RowsQuarantined": "odd",
    "VersionRejected": "odd",
    "PromotionReverted": "odd",
    "PartFailed": "bad",
    "Parked": "bad",
}


def story_page(view: StoryView, place: Place, *, now: datetime, others: Sequence[str] = ()) -> str:
    """One story: where it stands, what to do, its timeline, where to read on."""
    name = visible(view.subject) or view.story
    took = f"took {span(view.duration)}"
    if not view.settled:
        took = f"running for {span(view.duration)}, last heard of {ago(view.last, now)}"
    about = [view.use_case or "registered by hand", f"began {utc(view.started)}, {ago(view.started, now)}", took]
    seconds = 0 if view.settled else WHILE_RUNNING
    look = {State.NEEDS_ATTENTION: "bad", State.DONE: "good"}.get(view.state, "plain")
    body = [
        element(
            "section",
            element("h1", name),
            element("p", state_sign(view.state), " · ", visible(" · ".join(about))),
            *([element("p", progress_text(view.progress))] if view.progress else []),
            element("p", "story ", element("span", view.story, class_="id"), *_and_refreshing(place, seconds)),
            class_=f"verdict {look}",
        )
    ]
    if view.remedies:
        told = [Attention(story="", subject="", remedy=one) for one in view.remedies]
        body += [element("h2", "Needs attention"), attention(told, place, now)]
    if bars := waterfall(view.spans, view.started, view.started + view.duration):
        body += [element("h2", "What took how long"), *bars]
    moments = [_moment(one, _report(one, view, place)) for one in view.timeline]
    body += [element("h2", "Timeline"), element("ol", *moments, class_="panel timeline")]
    links = [element("a", visible(one.name), href=one.url, rel="noreferrer") for one in view.links]
    links += [element("a", f"also: story {other}", href=place.story(other)) for other in others]
    if links:
        body += [element("h2", "Read on"), element("ul", *(element("li", one) for one in links))]
    return framed(f"{MARKS[view.state]} {name}", body, place, seconds, look, typed=("story", view.story))


def _and_refreshing(place: Place, seconds: int) -> Sequence[str]:
    return [f" · loads itself again every {seconds} s"] if seconds and place.refreshes else []


def _moment(moment: Moment, report: Sequence[Html]) -> Html:
    shown = noteworthy(moment)
    notes = [element("ul", *map(_note, shown), class_="notes")] if shown else []
    rest = [note for note in moment.notes if note not in shown]
    if rest:
        listed = element("ul", *map(_note, rest), class_="notes")
        notes.append(element("details", element("summary", f"{len(rest)} passed"), listed))
    return element(
        "li",
        element("time", f"+{span(moment.offset)}", class_="offset", datetime=iso(moment.at), title=utc(moment.at)),
        element("span", moment.kind, class_="kind"),
        element("div", visible(moment.sentence), *report, *notes, class_="said"),
        class_=_KIND_CLASSES.get(moment.kind, False),
    )


def _report(moment: Moment, view: StoryView, place: Place) -> Sequence[Html]:
    """The way from a check to its report."""
    if moment.kind != "BatchChecked":
        return []
    return [Html(" · "), element("a", "report", href=place.check(view.story, moment.details["generation"]))]


def _note(note: Note) -> Html:
    warning = " (warning)" if note.severity is Severity.WARNING else ""
    mark = element("span", f"{VERDICT_MARKS[note.verdict]} {note.verdict}{warning}", class_=str(note.verdict))
    return element("li", mark, f": {visible(note.text)}")
