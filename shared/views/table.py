"""The terminal face: each view as plain text."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from shared.domain.usecase import UseCase
from shared.domain.verdicts import Severity, Verdict
from shared.notes import Dropped
from shared.ports import ParkedMessage
from shared.views.document import use_case_line
from shared.views.progress import progress_text
from shared.views.remedies import Remedy, of_parked
from shared.views.sentences import many
from shared.views.states import State
from shared.views.status import DAYS, StatusView
from shared.views.story import Moment, Note, StoryView
from shared.views.terminal import Cell, Terminal, grid, wrapped
from shared.views.text import ago, span, utc, visible

MARKS = {
    State.RUNNING: "●",
    State.DONE: "✓",
    State.QUARANTINED: "■",
    State.REJECTED: "✗",
    State.NEEDS_ATTENTION: "▲",
}
"""A sign for each state, as a colour alone tells not everybody."""

VERDICT_MARKS = {
    Verdict.PASSED: "✓",
    Verdict.WARNED: "!",
    Verdict.FAILED: "✗",
    Verdict.MISCONFIGURED: "?",
    Verdict.ERROR: "⚠",
    Verdict.WAITING: "…",
}

_COLOURS = {
    State.RUNNING: "blue",
    State.DONE: "green",
    State.QUARANTINED: "yellow",
    State.REJECTED: "magenta",
    State.NEEDS_ATTENTION: "red",
}
_VERDICT_COLOURS = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.ERROR: "red"}
_KIND_COLOURS = {
    "DataQuarantined": "yellow",
    "RowsQuarantined": "yellow",
    "VersionRejected": "magenta",
    "PromotionReverted": "magenta",
    "PartFailed": "red",
    "Parked": "red",
}
_SHOWN = 10
"""So many things that need a person are shown, before the rest is counted."""


def story_text(view: StoryView, terminal: Terminal, *, now: datetime, others: Sequence[str] = ()) -> str:
    """One story: where it stands, what to do, its timeline, where to read on."""
    about = [f"story {view.story}", f"use case {view.use_case}" if view.use_case else "registered by hand"]
    about += [f"began {utc(view.started)}, {ago(view.started, now)}", f"took {span(view.duration)}"]
    if not view.settled:
        about[-1] = f"running for {span(view.duration)}, last heard of {ago(view.last, now)}"
    subject = terminal.paint(visible(view.subject) or view.story, "bold")
    lines = [f"{_state(view.state, terminal)}  {subject}", *wrapped(" · ".join(about), terminal, "dim")]
    if view.progress:
        lines += wrapped(progress_text(view.progress), terminal)
    if view.remedies:
        lines += ["", *_remedies([("", each) for each in view.remedies], terminal, now)]
    lines += ["", *(line for moment in view.timeline for line in _moment(moment, terminal))]
    if any(moment.kind == "BatchChecked" for moment in view.timeline):
        lines += ["", f"report: {terminal.typed(['report', view.story])}"]
    if view.links or others:
        lines.append("")
        names = [(each.name, each.url) for each in view.links]
        names += [("also", terminal.typed(["story", other])) for other in others]
        lines += grid([[Cell(visible(name), ("dim",)), Cell(url)] for name, url in names], terminal)
    return "\n".join(lines)


def status_text(view: StatusView, terminal: Terminal) -> str:
    """Everything at a glance: first of all, whether a person has to look."""
    headline = _headline(view)
    colour = "red" if view.needs_attention else "green"
    lines = [f"{terminal.paint(headline, 'bold', colour)}  {terminal.paint(utc(view.at), 'dim')}"]
    if view.attention:
        named = [(visible(one.subject) or one.story, one.remedy) for one in view.attention]
        lines += ["", *_remedies(named, terminal, view.at)]
    lines += ["", terminal.paint("Slots", "bold")]
    slots = [
        [
            Cell(f"  {one.model}@{one.slot}"),
            Cell(f"version {one.version}", ("bold",)),
            Cell(f"since {ago(one.since, view.at)}"),
            Cell(one.story, ("dim",)),
        ]
        for one in view.slots
    ]
    lines += grid(slots, terminal) or ["  no version is approved for any slot yet"]
    counts = " · ".join(f"{count} {state}" for state, count in view.counts.items() if count)
    lines += ["", terminal.paint("Stories", "bold") + (f"  {counts}" if counts else "")]
    lines += _stories(view.stories, terminal, view.at) or ["  nothing arrived yet"]
    if view.dropped:
        lines += ["", f"{terminal.paint('Dropped', 'bold')}  no arrivals, in the last {many(DAYS, 'day')}"]
        lines += _dropped(view.dropped, terminal, view.at)
    return "\n".join(lines)


def parked_text(parked: Sequence[ParkedMessage], terminal: Terminal, *, now: datetime) -> str:
    """The parked list, oldest first, each with what to type."""
    if not parked:
        return terminal.paint("no message is parked", "green")
    lines = [terminal.paint(f"{many(len(parked), 'message')} parked", "bold", "red"), ""]
    named = [(one.correlation_id, of_parked(one)) for one in parked]
    lines += _remedies(named, terminal, now, shown=len(named))
    if len(parked) > 1:
        lines += ["", f"all of them: {terminal.typed(['replay', '--all'])}"]
    return "\n".join(lines)


def use_cases_text(good: Sequence[UseCase], faults: Sequence[tuple[str, str]], terminal: Terminal) -> str:
    """A line for each fault, then a line for each use case that has none."""
    lines = [f"{terminal.paint(visible(file), 'bold')}: {visible(fault)}" for file, fault in faults]
    if faults:
        lines.append(terminal.paint(many(len(faults), "fault"), "red"))
    lines += [_use_case(one, terminal) for one in good]
    return "\n".join(lines)


def _use_case(one: UseCase, terminal: Terminal) -> str:
    read = use_case_line(one)
    said = [
        f"{visible(one.data.arrives)} is checked by {many(read['expectations'], 'expectation')} into {read['silver']}"
    ]
    if not one.training.job:
        said.append("nothing is trained on it")
    if read["model"]:
        said.append(f"{read['model']} has to pass {many(read['rules'], 'rule')} to be {read['slot']}")
        gold = f"{read['gold']} by {visible(read['part_by'])}" if one.scoring.job else "nothing"
        said.append(f"it scores {gold}")
    head = f"{terminal.paint('✓', 'green')} {terminal.paint(one.name, 'bold')}: {'; '.join(said)}"
    return head + "".join(f"\n{terminal.paint('!', 'yellow')} {visible(each)}" for each in read["warnings"])


def _headline(view: StatusView) -> str:
    if view.attention:
        needs = "need" if len(view.attention) > 1 else "needs"
        return f"▲ {many(len(view.attention), 'thing')} {needs} attention"
    running = view.counts[State.RUNNING]
    return f"✓ nothing needs attention{f', {running} running' if running else ''}"


def _state(state: State, terminal: Terminal) -> str:
    return terminal.paint(f"{MARKS[state]} {state}", "bold", _COLOURS[state])


def _stories(stories: Sequence[StoryView], terminal: Terminal, now: datetime) -> list[str]:
    rows = [
        [
            Cell(f"  {MARKS[one.state]} {one.state}", (_COLOURS[one.state],)),
            Cell(one.story, ("dim",)),
            Cell(visible(one.subject), is_path=True),
            Cell(ago(one.started, now)),
            Cell(span(one.duration)),
            Cell(visible(one.attention or one.last_sentence)),
        ]
        for one in stories
    ]
    return grid(rows, terminal, elastic=(2, 5))


def _dropped(dropped: Sequence[Dropped], terminal: Terminal, now: datetime) -> list[str]:
    rows = [
        [
            Cell(f"  {one.count:,}"),
            Cell(one.reason, ("bold",)),
            Cell(f"last {ago(one.at, now)}"),
            Cell(visible(one.newest), ("dim",), is_path=True),
        ]
        for one in dropped
    ]
    return grid(rows, terminal, elastic=(3,))


def _remedies(
    named: Sequence[tuple[str, Remedy]], terminal: Terminal, now: datetime, *, shown: int = _SHOWN
) -> Iterator[str]:
    for name, remedy in named[:shown]:
        what = f"{visible(remedy.why)}{f': {visible(remedy.detail)}' if remedy.detail else ''}"
        of = f"  {name}" if name else ""
        yield f"{terminal.paint('▲', 'red')} {terminal.paint(f'{ago(remedy.at, now)}{of}', 'dim')}"
        yield from wrapped(what, terminal, "bold", indent="  ")
        yield from wrapped(remedy.advice, terminal, indent="  ")
        if remedy.command:
            yield f"  {terminal.paint('$', 'dim')} {terminal.typed(remedy.command)}"
    if len(named) > shown:
        yield f"  and {len(named) - shown} more: {terminal.typed(['parked'])}"


def _moment(moment: Moment, terminal: Terminal) -> Iterator[str]:
    offset, kind = f"+{span(moment.offset)}", moment.kind
    indent = " " * 33
    first, *more = wrapped(visible(moment.sentence), terminal, indent=indent) or [""]
    lead = f"{terminal.paint(f'{offset:>12}', 'dim')}  {terminal.paint(f'{kind:<17}', _KIND_COLOURS.get(kind, ''))}"
    yield f"{lead}  {first.lstrip()}".rstrip()
    yield from more
    for note in noteworthy(moment):
        mark = terminal.paint(VERDICT_MARKS[note.verdict], _VERDICT_COLOURS.get(note.verdict, "yellow"))
        said = f"{note.verdict}{' (warning)' if note.severity is Severity.WARNING else ''}: {visible(note.text)}"
        head, *rest = wrapped(said, terminal, indent=f"{indent}  ")
        yield f"{indent}{mark} {head.lstrip()}"
        yield from rest


def noteworthy(moment: Moment) -> tuple[Note, ...]:
    """Every rule of a gate, but of the many expectations of a check those that did not pass."""
    return tuple(note for note in moment.notes if moment.kind == "VersionJudged" or not note.passed)
