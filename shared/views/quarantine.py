"""What is in quarantine, as table and JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import facts as f
from shared.domain import quarantine
from shared.domain import story as stories
from shared.quarantine import Kept
from shared.views.document import Document
from shared.views.records import Records
from shared.views.sentences import many
from shared.views.terminal import Cell, Terminal, grid, wrapped
from shared.views.text import ago, utc, visible

NEWEST = 200
"""So many, the newest, are listed."""

_WIDEST, _SAMPLED = 24, 10


@dataclass(frozen=True, kw_only=True)
class QuarantineView:
    """What a story has in quarantine, and how it got out, if it did."""

    subject: str
    use_case: str
    kept: quarantine.Kept
    released: f.QuarantineReleased | None

    @property
    def waits(self) -> bool:
        """Is it in there still?"""
        return self.released is None or self.released.generation <= self.kept.generation


def standings(records: Records, *, only: str = "", all_of_them: bool = False) -> Sequence[QuarantineView]:
    """What waits, newest first; with `all_of_them` what was released too; or that of one story only."""
    listed = [entry.story for entry in records.noted(quarantine.ENTRIES, NEWEST)]
    found = (_view(records.story(story)) for story in ([only] if only else dict.fromkeys(listed)))
    return [one for one in found if one and (one.waits or all_of_them or only)]


def _view(story: Sequence[f.Fact]) -> QuarantineView | None:
    kept = quarantine.kept(story)
    if kept is None:
        return None
    return QuarantineView(
        subject=next((fact.subjects[0] for fact in story if fact.subjects), ""),
        use_case=stories.use_case_of(story),
        kept=kept,
        released=quarantine.released(story),
    )


def list_text(views: Sequence[QuarantineView], terminal: Terminal, *, now: datetime) -> str:
    """A line for each, and what to type."""
    if not views:
        return terminal.paint("nothing is in quarantine", "green")
    rows = [
        [
            Cell("■" if one.waits else "✓", ("yellow" if one.waits else "green",)),
            Cell(one.kept.story, ("dim",)),
            Cell(visible(one.subject), is_path=True),
            Cell(ago(one.kept.at, now)),
            Cell(many(one.kept.rows, "row")),
            Cell(visible(_how(one))),
        ]
        for one in views
    ]
    typed = terminal.typed(["quarantine", "show", next((one for one in views if one.waits), views[0]).kept.story])
    return "\n".join([*grid(rows, terminal, elastic=(2, 5)), "", f"look at one: {typed}"])


def _how(view: QuarantineView) -> str:
    if not view.waits and view.released:
        return f"released by {view.released.who}: {view.released.reason}"
    return "; ".join(view.kept.reasons)


def kept_text(view: QuarantineView, kept: Kept | None, where: str, terminal: Terminal) -> str:
    """Why it is there, by which row, and what to type."""
    fact = view.kept
    lines = [
        f"{terminal.paint('■ quarantined' if view.waits else '✓ released', 'bold')}  {visible(view.subject)}",
        *wrapped(f"story {fact.story} · {view.use_case} · {utc(fact.at)} · {where}", terminal, "dim"),
        "",
    ]
    lines += [line for reason in fact.reasons for line in _item(visible(reason), terminal)]
    if not view.waits and view.released:
        lines += ["", *wrapped(_how(view), terminal)]
    if kept is None:
        lines += ["", "its rows could not be read: the file is beside, in _landed"]
    else:
        lines += ["", terminal.paint(f"{many(kept.rows, 'row')} kept", "bold"), *sample_text(kept, terminal)]
    if view.waits:
        release = ("quarantine", "release", fact.story, "--because", "TEXT")
        how = "let it out as it is" if kept else "when it can be read, have it checked once more"
        lines += ["", f"{how}: {terminal.typed((*release, *(() if kept else ('--check',))))}"]
    return "\n".join(lines)


def sample_text(kept: Kept, terminal: Terminal) -> list[str]:
    """How many rows by which reason, and some of them with the numbers of their reasons."""
    counts = [
        [Cell(f"  {number}", ("dim",)), Cell(many(count, "row")), Cell(visible(reason))]
        for number, (reason, count) in enumerate(kept.by_reason.items(), start=1)
    ]
    lines = grid(counts, terminal, elastic=(2,))
    return [*lines, "", terminal.paint("such as", "bold"), *_sample(kept, terminal)] if kept.sample else lines


def numbers_of(reasons: str, kept: Kept) -> str:
    """The numbers of a row's reasons, in their order there."""
    return ", ".join(str(number) for number, reason in enumerate(kept.by_reason, start=1) if reason in reasons)


def _item(text: str, terminal: Terminal) -> list[str]:
    first, *rest = wrapped(text, terminal, indent="  ")
    return [f"- {first.lstrip()}", *rest]


def _sample(kept: Kept, terminal: Terminal) -> list[str]:
    rows = [[Cell(""), *(Cell(name[:_WIDEST], ("bold",)) for name in kept.columns[1:])]]
    rows += [
        [Cell(numbers_of(row[0], kept), ("dim",)), *(Cell(_shown(value)) for value in row[1:])]
        for row in kept.sample[:_SAMPLED]
    ]
    return [f"  {line}" for line in grid(rows, Terminal(colour=terminal.colour))]


def _shown(value: str) -> str:
    return visible(value)[:_WIDEST]


def list_document(views: Sequence[QuarantineView]) -> Document:
    """The JSON face."""
    return {"quarantine": [_line(one) for one in views]}


def kept_document(view: QuarantineView, kept: Kept | None, where: str) -> Document:
    """One of them with its rows."""
    return {
        **_line(view),
        "uri": where,
        "by_reason": dict(kept.by_reason) if kept else {},
        "columns": list(kept.columns) if kept else [],
        "sample": [list(row) for row in kept.sample] if kept else [],
    }


def _line(view: QuarantineView) -> Document:
    out = view.released
    return {
        "story": view.kept.story,
        "subject": view.subject,
        "use_case": view.use_case,
        "at": view.kept.at,
        "generation": view.kept.generation,
        "whole": isinstance(view.kept, f.DataQuarantined),
        "rows": view.kept.rows,
        "location": view.kept.location,
        "reasons": list(view.kept.reasons),
        "waits": view.waits,
        "released": {"at": out.at, "who": out.who, "why": out.reason, "check": out.check} if out else None,
    }
