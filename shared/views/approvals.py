"""What people are asked to approve: the request with all that the gate saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import facts as f
from shared.domain import identity, people
from shared.domain import story as stories
from shared.domain.identity import model_at
from shared.domain.people import Person, Standing, State
from shared.domain.policy import RuleOutcome
from shared.ports import Ledger
from shared.views.document import Document
from shared.views.html import Html, element
from shared.views.links import Link, links_of
from shared.views.page import Place, block, framed
from shared.views.sentences import sentence
from shared.views.table import VERDICT_MARKS
from shared.views.text import utc, visible

NEWEST = 200
"""Among so many stories, the newest, requests are looked for."""


@dataclass(frozen=True, kw_only=True)
class RequestView:
    """A request, where it stands, and the judgement that it is about. `url`s of the registry's pages may be empty."""

    story: str
    standing: Standing
    decided: str
    judged: f.VersionJudged | None
    audit: tuple[f.Fact, ...]
    links: tuple[Link, ...]

    @property
    def name(self) -> str:
        """`model@version`."""
        return model_at(self.standing.requested.model, self.standing.requested.version)

    @property
    def is_open(self) -> bool:
        """Can it be answered?"""
        return self.standing.state is State.WAITING and not self.decided


def request_view(ledger: Ledger, name: str, *, now: datetime, tracking_uri: str = "") -> RequestView | None:
    """The request about `model@version`; None when nobody was asked."""
    model, _, version = name.rpartition("@")
    for story in ledger.find(name):
        told = ledger.story(story)
        if found := people.standing(told, model, version, now=now):
            return _view(story, told, found, tracking_uri)
    return None


def request_views(ledger: Ledger, *, now: datetime) -> Sequence[RequestView]:
    """Those that wait, newest first."""
    open_ = [story for story in reversed(ledger.unsettled()) if not identity.is_shard(story)]
    found = (_of_story(ledger, story, now) for story in open_)
    return [one for one in found if one and one.is_open]


def _of_story(ledger: Ledger, story: str, now: datetime) -> RequestView | None:
    told = ledger.story(story)
    asked = stories.last(told, f.ApprovalRequested)
    found = people.standing(told, asked.model, asked.version, now=now) if asked else None
    return _view(story, told, found, "") if found else None


def _view(story: str, told: Sequence[f.Fact], found: Standing, tracking_uri: str) -> RequestView:
    asked = found.requested
    judged = [one for one in stories.of_kind(told, f.VersionJudged) if one.version == asked.version]
    audit = (
        f.VersionJudged,
        f.ApprovalRequested,
        f.ApprovalGiven,
        f.ApprovalRefused,
        f.ApprovalExpired,
        f.ApprovalVoided,
        f.ApprovalClosed,
        f.VersionPromoted,
        f.VersionRejected,
    )
    facts = tuple(one for one in told if isinstance(one, audit) and one.version == asked.version)
    ended = [one for one in facts if isinstance(one, f.VersionPromoted | f.VersionRejected)]
    return RequestView(
        story=story,
        standing=found,
        decided=sentence(ended[-1]) if ended else "",
        judged=judged[-1] if judged else None,
        audit=facts,
        links=links_of(told, tracking_uri),
    )


def request_document(view: RequestView) -> Document:
    """The JSON face."""
    asked = view.standing.requested
    return {
        "request": view.name,
        "story": view.story,
        "state": "decided" if view.decided else str(view.standing.state),
        "reason": view.decided or view.standing.reason,
        "missing": list(view.standing.missing),
        "policy": asked.policy,
        "evidence": asked.evidence,
        "requester": asked.requester,
        "asked": [
            {
                "role": one.role,
                "quorum": one.quorum,
                "not_requester": one.not_requester,
                "expires_at": one.expires_at,
            }
            for one in asked.asked
        ],
        "rules": [one.sentence for one in view.judged.rules] if view.judged else [],
        "audit": [{"at": one.at, "kind": one.kind, "sentence": sentence(one)} for one in view.audit],
    }


@dataclass(frozen=True, kw_only=True)
class Form:
    """Who may answer here, and the proof that the form is ours. `names` are chosen from where nobody is signed in."""

    token: str
    person: Person | None
    names: tuple[str, ...] = ()
    why_none: str = ""


def requests_page(views: Sequence[RequestView], place: Place) -> str:
    """What waits for people."""
    items = [
        element("li", element("a", visible(one.name), href=place.request(one.name)), f" {visible(one.standing.reason)}")
        for one in views
    ]
    title = "Waiting for approval"
    body = [element("section", element("h1", title), class_="verdict plain")]
    body.append(element("ul", *items) if items else element("p", "nothing waits for anybody", class_="soft"))
    return framed(title, body, place, 0, "plain")


def request_page(view: RequestView, place: Place, form: Form, *, fault: str = "") -> str:
    """The request: what the gate saw, what was answered, and the form."""
    asked = view.standing.requested
    head = view.decided or view.standing.reason
    body = [
        element(
            "section",
            element("h1", visible(f"{view.name} for {asked.slot}")),
            element("p", visible(head)),
            element("p", "story ", element("a", view.story, href=place.story(view.story), class_="id")),
            class_=f"verdict {'plain' if not fault else 'bad'}",
        )
    ]
    if fault:
        body += [element("h2", "Not taken"), block(fault)]
    if view.judged:
        body += [element("h2", "What the gate saw"), element("ul", *map(_rule, view.judged.rules), class_="notes")]
    against = f"version {asked.champion_version}" if asked.champion_version else "no champion"
    asks = [f"{one.quorum} {one.role} until {utc(one.expires_at)}" for one in asked.asked]
    about = [
        f"judged against {against}",
        f"policy {asked.policy}, evidence {asked.evidence}",
        f"asked for by {asked.requester or 'nobody in particular'}",
        f"asks {'; '.join(asks)}",
    ]
    body += [element("h2", "What is asked"), element("ul", *(element("li", visible(one)) for one in about))]
    links = [element("li", element("a", visible(one.name), href=one.url, rel="noreferrer")) for one in view.links]
    body += [element("ul", *links)] if links else []
    if view.is_open:
        body += [element("h2", "Your answer"), _form(view, place, form)]
    audit = [element("li", visible(f"{utc(one.at)}  {sentence(one)}")) for one in view.audit]
    body += [element("h2", "Audit"), element("ul", *audit)]
    return framed(view.name, body, place, 0, "plain", typed=("approve", view.name, "--as", "USER", "--because", "TEXT"))


def _rule(one: RuleOutcome) -> Html:
    mark = element("span", f"{VERDICT_MARKS[one.verdict]} {one.verdict}", class_=str(one.verdict))
    return element("li", mark, f": {visible(one.sentence)}")


def _form(view: RequestView, place: Place, form: Form) -> Html:
    if form.why_none:
        return element("p", form.why_none, class_="soft")
    asked = view.standing.requested
    who = (
        [element("p", f"as {visible(form.person.name)} ({visible(', '.join(form.person.roles) or 'no role')})")]
        if form.person
        else [
            element("label", "as ", for_="as"),
            element("select", *(element("option", one, value=one) for one in form.names), id="as", name="as"),
        ]
    )
    return element(
        "form",
        *who,
        element("label", "because", for_="because", class_="hidden"),
        element("input", type="text", id="because", name="because", placeholder="why", required=True, maxlength="1000"),
        element("input", type="hidden", name="token", value=form.token),
        element("input", type="hidden", name="policy", value=asked.policy),
        element("input", type="hidden", name="evidence", value=asked.evidence),
        element("button", "Approve", name="answer", value="approve"),
        element("button", "Reject", name="answer", value="reject"),
        action=place.request(view.name),
        method="post",
    )
