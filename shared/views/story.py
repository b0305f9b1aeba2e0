"""One story as people look at it: where it stands, its timeline, and where to read on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.drift import Then
from shared.domain.trace import Span, spans_of
from shared.domain.verdicts import Severity, Verdict
from shared.ports import ParkedMessage
from shared.views.links import Link, links_of
from shared.views.progress import Progress, progress_of
from shared.views.remedies import Remedy, remedies
from shared.views.sentences import sentence
from shared.views.states import State, attention, state_of


@dataclass(frozen=True, kw_only=True)
class Note:
    """One expectation of a check or one rule of a gate: what was asked and found."""

    verdict: Verdict
    severity: Severity
    text: str

    @property
    def passed(self) -> bool:
        """Is there nothing to see?"""
        return self.verdict is Verdict.PASSED


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One fact of the timeline. `offset` is the time since the story's first fact; `details` the fact's own fields."""

    at: datetime
    offset: timedelta
    kind: str
    sentence: str
    notes: tuple[Note, ...]
    details: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class StoryView:
    """A story. `attention` says why a person has to look, or is empty, and `remedies` what to do about it; `use_case`
    is empty where no arrival began the story.

    `duration` is to the last thing it did, or to now while something is left to do.
    """

    story: str
    subject: str
    use_case: str
    state: State
    settled: bool
    attention: str
    remedies: tuple[Remedy, ...]
    started: datetime
    last: datetime
    duration: timedelta
    timeline: tuple[Moment, ...]
    links: tuple[Link, ...]
    progress: Progress | None = None
    spans: tuple[Span, ...] = ()

    @property
    def last_sentence(self) -> str:
        """The last that happened in the story itself: that others heard of it is none of that."""
        own = [one for one in self.timeline if one.kind != f.DecisionAnnounced.__name__] or self.timeline
        return own[-1].sentence if own else ""


def story_view(
    story: Sequence[f.Fact],
    *,
    waiting: Sequence[ParkedMessage],
    now: datetime,
    tracking_uri: str = "",
    read: Callable[[str], Sequence[f.Fact]] | None = None,
) -> StoryView:
    """The view of a story's facts, of which there is at least one; `waiting` is the parked list.

    Where `read` gives the facts of other stories, the view says how far a scoring has come.
    """
    began = story[0].at
    settled = stories.is_settled(story)
    own = [fact for fact in story if not isinstance(fact, f.PromotionReverted | f.TrainingRepeated)] or story
    return StoryView(
        story=story[0].story,
        subject=next((fact.subjects[0] for fact in story if fact.subjects), ""),
        use_case=stories.use_case_of(story),
        state=state_of(story, waiting),
        settled=settled,
        attention=attention(story, waiting),
        remedies=remedies(story, waiting),
        started=began,
        last=story[-1].at,
        duration=max((own[-1].at if settled else now) - began, timedelta(0)),
        timeline=tuple(_moment(fact, began) for fact in story if not _is_passed_over(fact)),
        links=links_of(story, tracking_uri),
        progress=progress_of(story, read, now=now) if read else None,
        spans=tuple(spans_of(story)),
    )


def _is_passed_over(fact: f.Fact) -> bool:
    """Shards that begin and end well are hundreds: the progress counts them. What others are to hear is told when they
    heard it.
    """
    of_shard = isinstance(fact, f.PartStarted | f.PartScored) and not fact.job_run_id
    return of_shard or isinstance(fact, f.AnnouncementDue)


def _moment(fact: f.Fact, began: datetime) -> Moment:
    return Moment(
        at=fact.at,
        offset=max(fact.at - began, timedelta(0)),
        kind=fact.kind,
        sentence=sentence(fact),
        notes=_notes(fact),
        details={each.name: getattr(fact, each.name) for each in fields(fact) if each.name not in {"story", "at"}},
    )


def _notes(fact: f.Fact) -> tuple[Note, ...]:
    match fact:
        case f.BatchChecked():
            return tuple(Note(verdict=e.verdict, severity=e.severity, text=e.sentence) for e in fact.expectations)
        case f.DriftMeasured():
            return tuple(
                Note(
                    verdict=one.verdict,
                    severity=Severity.BLOCKING if one.then is Then.STOP else Severity.WARNING,
                    text=one.sentence,
                )
                for one in fact.findings
            )
        case f.VersionJudged():
            return tuple(Note(verdict=r.verdict, severity=r.severity, text=r.sentence) for r in fact.rules)
        case _:
            return ()
