"""A table's quality over its versions, as table and JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.drift import Drift
from shared.domain.profile import ColumnProfile, Profile, name_of, versions_of
from shared.domain.verdicts import Severity, Verdict
from shared.profiles import Profiles
from shared.views.document import Document
from shared.views.records import Records
from shared.views.sentences import many
from shared.views.terminal import Cell, Terminal, grid
from shared.views.text import ago, visible


@dataclass(frozen=True, kw_only=True)
class VersionQuality:
    """One version: its check and its comparison, where they were made, and its profile, where it is kept."""

    committed: f.DataCommitted
    subject: str
    checked: f.BatchChecked | None
    drift: f.DriftMeasured | None
    profile: Profile | None

    def count(self, severity: Severity) -> int:
        """How many expectations of the severity did not pass."""
        expectations = self.checked.expectations if self.checked else ()
        return sum(one.verdict is not Verdict.PASSED for one in expectations if one.severity is severity)


def history(records: Records, profiles: Profiles, table: str, limit: int) -> Sequence[VersionQuality]:
    """The newest versions that stories committed, newest first."""
    found: list[VersionQuality] = []
    for entry in records.noted(versions_of(table), limit):
        told, generation = records.story(entry.story), int(entry.text or 1)
        commits = [one for one in stories.of_kind(told, f.DataCommitted) if one.generation == generation]
        if commits:
            found.append(_version(told, commits[0], profiles))
    return found


def _version(told: Sequence[f.Fact], committed: f.DataCommitted, profiles: Profiles) -> VersionQuality:
    generation = committed.generation
    checked = [one for one in stories.of_kind(told, f.BatchChecked) if one.generation == generation]
    drift = [one for one in stories.of_kind(told, f.DriftMeasured) if one.generation == generation]
    return VersionQuality(
        committed=committed,
        subject=next((fact.subjects[0] for fact in told if fact.subjects), ""),
        checked=checked[0] if checked else None,
        drift=drift[0] if drift else None,
        profile=profiles.load(name_of(stories.use_case_of(told), committed.story, generation)),
    )


def quality_text(table: str, versions: Sequence[VersionQuality], terminal: Terminal, *, now: datetime) -> str:
    """A line for each version, and below it what drifted."""
    rows = [
        [
            Cell(f"  {one.committed.delta_version}", ("bold",)),
            Cell(ago(one.committed.at, now)),
            Cell(visible(one.subject), is_path=True),
            Cell(many(one.committed.rows, "row")),
            Cell(*_check(one)),
            Cell(*_drift(one)),
        ]
        for one in versions
    ]
    return "\n".join([terminal.paint(f"{visible(table)}, newest first", "bold"), *grid(rows, terminal, elastic=(2, 5))])


def _check(one: VersionQuality) -> tuple[str, tuple[str, ...]]:
    if one.checked is None:
        return "released", ("yellow",)
    warnings = one.count(Severity.WARNING)
    also = f", {many(warnings, 'warning')}" if warnings else ""
    return f"{one.checked.verdict}{also}", ("green",) if one.checked.verdict.lets_pass else ("yellow",)


def _drift(one: VersionQuality) -> tuple[str, tuple[str, ...]]:
    if one.drift is None:
        return "not compared", ("dim",)
    worse = any(each.is_worse for each in one.drift.verdicts)
    changed = "; ".join(each.sentence for each in one.drift.verdicts)
    if one.drift.drift is Drift.NONE:
        also = f": {visible(changed)}" if changed else ""
        return f"as version {one.drift.against_version}{also}", ("yellow" if worse else "green",)
    said = "; ".join([*(each.sentence for each in one.drift.exceeding), *([changed] if changed else [])])
    return f"{one.drift.drift}: against version {one.drift.against_version}: {visible(said)}", ("yellow",)


def quality_document(table: str, versions: Sequence[VersionQuality]) -> Document:
    """The JSON face."""
    return {"table": table, "versions": [_line(one) for one in versions]}


def _line(one: VersionQuality) -> Document:
    return {
        "version": one.committed.delta_version,
        "at": one.committed.at,
        "story": one.committed.story,
        "subject": one.subject,
        "rows": one.committed.rows,
        "verdict": str(one.checked.verdict) if one.checked else "",
        "failed": one.count(Severity.BLOCKING),
        "warnings": one.count(Severity.WARNING),
        "drift": str(one.drift.drift) if one.drift else "",
        "against_version": one.drift.against_version if one.drift else None,
        "findings": [
            {
                "column": each.column,
                "measure": str(each.measure),
                "value": each.value,
                "limit": each.limit,
                "exceeds": each.exceeds,
                "then": str(each.then),
            }
            for each in (one.drift.findings if one.drift else ())
        ],
        "verdicts": verdicts_document(one.drift),
        "columns": [_column(each) for each in (one.profile.columns if one.profile else ())],
    }


def verdicts_document(drift: f.DriftMeasured | None) -> list[Document]:
    """The expectations whose verdict is not that of the baseline; "" where one was not asked."""
    return [
        {
            "column": each.column,
            "asked": each.asked,
            "before": str(each.before or ""),
            "now": str(each.now or ""),
            "worse": each.is_worse,
        }
        for each in (drift.verdicts if drift else ())
    ]


def _column(one: ColumnProfile) -> Document:
    return {
        "name": one.name,
        "kind": str(one.kind),
        "nulls": one.nulls,
        "distinct": one.distinct,
        "minimum": one.minimum,
        "maximum": one.maximum,
        "mean": one.mean,
        "categories": dict(one.categories),
    }
