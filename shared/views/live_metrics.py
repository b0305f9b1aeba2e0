"""The live metrics of a use case's version in production, as text and JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import facts as f
from shared.domain import rollback
from shared.domain import story as stories
from shared.domain.identity import model_at
from shared.domain.live_metrics import LiveSpec, LiveThen, is_since, measured_at, values_of
from shared.domain.usecase import UseCase
from shared.ports import Approvals
from shared.views.document import Document
from shared.views.records import Records
from shared.views.terminal import Cell, Terminal, grid
from shared.views.text import iso, utc, visible

_THEN = {
    LiveThen.TRAIN: "ask for a training",
    LiveThen.ROLLBACK: "put the version before back",
    LiveThen.BOTH: "put the version before back, and ask for a training",
}


@dataclass(frozen=True, kw_only=True)
class LiveValue:
    """One value, and whether it is beyond the bound."""

    at: datetime
    value: float
    is_beyond: bool


@dataclass(frozen=True, kw_only=True)
class LiveView:
    """What the rule looks at, measured last first, and the stories that began by it. `version` is empty where none is
    in production. Where only a rollback follows, what was measured before that is left out.
    """

    model: str
    version: str
    rule: LiveSpec
    values: tuple[LiveValue, ...]
    stories: tuple[str, ...]

    @property
    def is_bad(self) -> bool:
        """Do they ask for what follows?"""
        return self.rule.is_bad([one.value for one in self.values])


def live_view(records: Records, approvals: Approvals, use_case: UseCase) -> LiveView:
    """The view of a use case that has a live metric watched."""
    live = use_case.retrain.live if use_case.retrain else None
    assert live is not None  # noqa: S101 - the caller looked, for the type checker
    model = use_case.training.model
    approval = approvals.approved(model, use_case.gate.slot)
    version = approval.version if approval else ""
    entries = records.noted(values_of(model, version, live.metric), live.of) if version else ()
    since = approval.at if approval and not live.trains else None
    counted = [one for one in entries if since is None or is_since(since, one.number, one.at)]
    values = [(measured_at(entry.number), float(entry.text)) for entry in counted]
    return LiveView(
        model=model,
        version=version,
        rule=live,
        values=tuple(LiveValue(at=at, value=value, is_beyond=live.is_beyond(value)) for at, value in values),
        stories=tuple(_begun(records, model, version)) if version else (),
    )


def _begun(records: Records, model: str, version: str) -> Sequence[str]:
    """By the metrics of that version: a version that such a story made is led to it as well."""
    found = {story: records.story(story) for story in records.find(model_at(model, version))}
    began = {story: stories.last(told, f.LiveMetricsBad) or rollback.requested(told) for story, told in found.items()}
    return [story for story, bad in began.items() if bad and (bad.model, bad.version) == (model, version)]


def live_text(view: LiveView, terminal: Terminal) -> str:
    """The rule and how it stands, a line for each value, and the stories."""
    rule = view.rule
    asked = f"{rule.metric} is to be {rule.bound}, and {rule.bad} of the last {rule.of} beyond that {_THEN[rule.then]}"
    if not view.version:
        return visible(f"{view.model}: no version is in production; {asked}")
    beyond = sum(one.is_beyond for one in view.values)
    name = terminal.paint(visible(model_at(view.model, view.version)), "bold")
    rows = [
        [Cell("  ✗" if one.is_beyond else "  ✓", ("red",) if one.is_beyond else ("green",)), Cell(utc(one.at)),
         Cell(f"{one.value:g}")]
        for one in view.values
    ]  # fmt: skip
    follow = [terminal.typed(["story", story]) for story in view.stories]
    return "\n".join(
        [f"{name}: {beyond} of {len(view.values)} are beyond: {visible(asked)}", *grid(rows, terminal), *follow]
    )


def live_document(view: LiveView) -> Document:
    """As JSON."""
    return {
        "model": view.model,
        "version": view.version,
        "metric": view.rule.metric,
        "bound": view.rule.bound,
        "bad": view.rule.bad,
        "of": view.rule.of,
        "then": view.rule.then,
        "is_bad": view.is_bad,
        "values": [{"at": iso(one.at), "value": one.value, "is_beyond": one.is_beyond} for one in view.values],
        "stories": list(view.stories),
    }
