"""What a check would say of a batch that did not land, as text and JSON; its page is the report's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.drift import Drift
from shared.domain.quality import ExpectationOutcome
from shared.domain.usecase import DataSpec, QuarantineKind
from shared.domain.verdicts import Severity
from shared.profiles import Profiles
from shared.quarantine import Quarantine
from shared.views.document import Document
from shared.views.quarantine import sample_text
from shared.views.records import Records
from shared.views.report import ReportView, found, report_document, report_view
from shared.views.sentences import many, sentence
from shared.views.table import VERDICT_MARKS
from shared.views.terminal import Cell, Terminal, grid, wrapped
from shared.views.text import visible


@dataclass(frozen=True, kw_only=True)
class TrialView:
    """One that was tried: its report; by which suite ("": the use case's own); what would be committed, and kept apart;
    what could not be compared.
    """

    report: ReportView
    suite: str
    committed: f.DataCommitted | None
    apart: f.RowsQuarantined | f.DataQuarantined | None
    not_compared: tuple[str, ...]

    @property
    def passes(self) -> bool:
        """Would all of it be committed, with a verdict that lets it pass?"""
        return self.committed is not None and self.report.checked.verdict.lets_pass


def trial_view(
    records: Records,
    profiles: Profiles,
    apart: Quarantine,
    story: str,
    data: DataSpec,
    *,
    suite: str,
    not_compared: Sequence[str] = (),
) -> TrialView | None:
    """What the story of a trial says; None where there was no check."""
    told = records.story(story)
    report = report_view(records, profiles, apart, story)
    if report is None:
        return None
    committed = stories.last(told, f.DataCommitted)
    kept = stories.last(told, f.DataQuarantined) or stories.last(told, f.RowsQuarantined)
    return TrialView(
        report=replace(report, would=_would(committed, kept, data)),
        suite=suite,
        committed=committed,
        apart=kept,
        not_compared=tuple(not_compared),
    )


def _would(
    committed: f.DataCommitted | None, kept: f.RowsQuarantined | f.DataQuarantined | None, data: DataSpec
) -> str:
    if committed and kept:
        goes_on = f"the other {committed.rows:,} be committed to {committed.table}"
        return f"{many(kept.rows, 'row')} would go to quarantine, and {goes_on}"
    if committed:
        return f"{many(committed.rows, 'row')} would be committed to {committed.table}"
    if not isinstance(kept, f.DataQuarantined) or not kept.rows:
        return "the file would go to quarantine as it is, not row by row"
    also = f", of which {kept.bad_rows:,} break something themselves" if kept.bad_rows else ""
    if data.quarantine is QuarantineKind.ROWS:
        most = data.quarantine_at_most_percent
        many_are = 100 * kept.bad_rows > most * kept.rows
        also += f", more than {most} % (data.quarantine_at_most_percent)" if many_are else ""
        also += "" if many_are else ": not only single rows are at fault"
    return f"the whole batch of {many(kept.rows, 'row')} would go to quarantine{also}"


def trial_text(view: TrialView, terminal: Terminal) -> str:
    """The verdict, what would follow, each expectation, drift, and rows with their reasons."""
    checked, worst = view.report.checked, view.report.worst_first
    verdict, by = checked.verdict, f"by {view.suite}" if view.suite else "by its own suite"
    lines = [
        f"{terminal.paint(f'{VERDICT_MARKS[verdict]} {verdict}', 'bold')}  {visible(view.report.subject)}",
        *wrapped(visible(f"{sentence(checked)}; {view.report.would}"), terminal),
        *wrapped(visible(f"{view.report.use_case}, {by} · nothing was written"), terminal, "dim"),
        "",
        *(line for one in worst if not one.verdict.lets_pass for line in _fell(one, checked.rows, terminal)),
        *grid([_held(one, checked.rows) for one in worst if one.verdict.lets_pass], terminal, elastic=(1, 2)),
    ]
    if view.report.drift:
        lines += ["", *_drift(view.report.drift, terminal)]
    if view.report.kept and view.report.kept.rows:
        lines += ["", terminal.paint(f"{many(view.report.kept.rows, 'row')} would be in quarantine", "bold")]
        lines += sample_text(view.report.kept, terminal)
    if view.not_compared:
        lines += ["", *(line for each in view.not_compared for line in wrapped(visible(each), terminal, "dim"))]
    return "\n".join(lines)


def _fell(one: ExpectationOutcome, rows: int, terminal: Terminal) -> list[str]:
    """What did not hold, in full."""
    warns = one.severity is Severity.WARNING
    verdict = f"{VERDICT_MARKS[one.verdict]} {one.verdict}{' (warning)' if warns else ''}"
    first, *rest = wrapped(f"{verdict}  {visible(one.asked)}", terminal)
    painted = first.replace(verdict, terminal.paint(verdict, "yellow" if warns else "red"), 1)
    return [painted, *rest, *wrapped(visible(found(one, rows)), terminal, indent="          ")]


def _held(one: ExpectationOutcome, rows: int) -> list[Cell]:
    verdict = f"{VERDICT_MARKS[one.verdict]} {one.verdict}"
    return [Cell(verdict, ("green",)), Cell(visible(one.asked)), Cell(visible(found(one, rows)), ("dim",))]


def _drift(drift: f.DriftMeasured, terminal: Terminal) -> list[str]:
    said = "no drift" if drift.drift is Drift.NONE else str(drift.drift)
    lines = [terminal.paint(f"against version {drift.against_version}: {said}", "bold")]
    changes = [*(each.sentence for each in drift.exceeding), *(each.sentence for each in drift.verdicts)]
    return [*lines, *(line for each in changes for line in wrapped(visible(each), terminal, indent="  "))]


def trial_document(view: TrialView) -> Document:
    """The JSON face: the report's, and what would follow."""
    kept = view.report.kept
    return {
        **report_document(view.report),
        "story": "",
        "outcome": "",
        "suite_file": view.suite,
        "passes": view.passes,
        "would": view.report.would,
        "committed": {"table": view.committed.table, "rows": view.committed.rows} if view.committed else None,
        "quarantined": {
            "whole": isinstance(view.apart, f.DataQuarantined),
            "rows": view.apart.rows,
            "reasons": list(view.apart.reasons),
            "columns": list(kept.columns) if kept else [],
            "sample": [list(row) for row in kept.sample] if kept else [],
        }
        if view.apart
        else None,
        "not_compared": list(view.not_compared),
    }
