"""A table's quality over its versions, and what failed its check between them, as table and JSON."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain import facts as f
from shared.domain import quarantine
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

_LISTED = 200
"""So many entries of the quarantine, the newest, are looked through."""


@dataclass(frozen=True, kw_only=True)
class BatchQuality:
    """One batch: its check and its comparison, where they were made."""

    subject: str
    use_case: str
    checked: f.BatchChecked | None
    drift: f.DriftMeasured | None

    def count(self, severity: Severity) -> int:
        """How many expectations of the severity did not pass."""
        expectations = self.checked.expectations if self.checked else ()
        return sum(one.verdict is not Verdict.PASSED for one in expectations if one.severity is severity)


@dataclass(frozen=True, kw_only=True)
class VersionQuality(BatchQuality):
    """A batch that was committed, with its profile, where it is kept."""

    committed: f.DataCommitted
    profile: Profile | None

    @property
    def ended(self) -> f.DataCommitted:
        """What became of it."""
        return self.committed


@dataclass(frozen=True, kw_only=True)
class KeptQuality(BatchQuality):
    """A batch that was not committed: it went to quarantine as a whole. `waits`: is it there still?"""

    kept: f.DataQuarantined
    waits: bool

    @property
    def ended(self) -> f.DataQuarantined:
        """What became of it."""
        return self.kept


def history(records: Records, profiles: Profiles, table: str, limit: int) -> Sequence[VersionQuality]:
    """The newest versions that stories committed, newest first."""
    found: list[VersionQuality] = []
    for entry in records.noted(versions_of(table), limit):
        told, generation = records.story(entry.story), int(entry.text or 1)
        commits = [one for one in stories.of_kind(told, f.DataCommitted) if one.generation == generation]
        if commits:
            found.append(_version(told, commits[0], profiles))
    return found


def not_committed(
    records: Records, use_cases: Collection[str], versions: Sequence[VersionQuality], limit: int
) -> Sequence[KeptQuality]:
    """What of these use cases, and of those that made the versions, went to quarantine as a whole, newest first: so
    many, and where there are as many versions none that is older than they.

    Entries say whose they are, so that hardly more stories are read than are shown; those made before they did, do not.
    """
    names = {"", *use_cases, *(one.use_case for one in versions)}
    since = versions[-1].committed.at if versions and len(versions) >= limit else None
    listed = [one for one in records.noted(quarantine.ENTRIES, _LISTED) if one.text in names]
    found: list[KeptQuality] = []
    for story in dict.fromkeys(one.story for one in listed if since is None or one.at >= since):
        told = records.story(story)
        if stories.use_case_of(told) in names:
            found += _kept(told)
        if len(found) >= limit:
            break
    in_order = sorted(found, key=lambda one: one.kept.at, reverse=True)
    return [one for one in in_order if since is None or one.kept.at >= since][:limit]


def newest_first(
    versions: Sequence[VersionQuality], kept: Sequence[KeptQuality]
) -> Sequence[VersionQuality | KeptQuality]:
    """Both in one order; versions stay in theirs."""
    rest, found = list(kept), list[VersionQuality | KeptQuality]()
    for one in versions:
        while rest and rest[0].kept.at > one.committed.at:
            found.append(rest.pop(0))
        found.append(one)
    return [*found, *rest]


def _kept(told: Sequence[f.Fact]) -> Sequence[KeptQuality]:
    waiting = quarantine.waiting(told)
    return [
        KeptQuality(kept=one, waits=one is waiting, **_batch(told, one.generation))
        for one in stories.of_kind(told, f.DataQuarantined)
    ]


def _version(told: Sequence[f.Fact], committed: f.DataCommitted, profiles: Profiles) -> VersionQuality:
    generation = committed.generation
    profile = profiles.load(name_of(stories.use_case_of(told), committed.story, generation))
    return VersionQuality(committed=committed, profile=profile, **_batch(told, generation))


def _batch(told: Sequence[f.Fact], generation: int) -> dict[str, Any]:
    checked = [one for one in stories.of_kind(told, f.BatchChecked) if one.generation == generation]
    drift = [one for one in stories.of_kind(told, f.DriftMeasured) if one.generation == generation]
    return {
        "subject": next((fact.subjects[0] for fact in told if fact.subjects), ""),
        "use_case": stories.use_case_of(told),
        "checked": checked[0] if checked else None,
        "drift": drift[0] if drift else None,
    }


def quality_text(
    table: str,
    versions: Sequence[VersionQuality],
    terminal: Terminal,
    *,
    now: datetime,
    kept: Sequence[KeptQuality] = (),
) -> str:
    """A line for each batch, with what drifted; one that was not committed has no number."""
    rows = [
        [
            Cell(f"  {one.committed.delta_version if isinstance(one, VersionQuality) else '-'}", ("bold",)),
            Cell(ago(one.ended.at, now)),
            Cell(visible(one.subject), is_path=True),
            Cell(many(one.ended.rows, "row")),
            Cell(*_check(one)),
            Cell(*_drift(one)) if isinstance(one, VersionQuality) else Cell(apart(one), ("yellow",)),
        ]
        for one in newest_first(versions, kept)
    ]
    return "\n".join([terminal.paint(f"{visible(table)}, newest first", "bold"), *grid(rows, terminal, elastic=(2, 5))])


def apart(one: KeptQuality) -> str:
    """Where a batch is that was not committed, and what drifted, if that stopped it."""
    stopped = one.drift if one.drift and one.drift.drift is Drift.STOPPED else None
    why = f": {_drift(one)[0]}" if stopped else ""
    return f"not committed, {'in quarantine' if one.waits else 'released later'}{why}"


def _check(one: BatchQuality) -> tuple[str, tuple[str, ...]]:
    if one.checked is None:
        return "released", ("yellow",)
    warnings = one.count(Severity.WARNING)
    also = f", {many(warnings, 'warning')}" if warnings else ""
    return f"{one.checked.verdict}{also}", ("green",) if one.checked.verdict.lets_pass else ("yellow",)


def _drift(one: BatchQuality) -> tuple[str, tuple[str, ...]]:
    if one.drift is None:
        return "not compared", ("dim",)
    worse = any(each.is_worse for each in one.drift.verdicts)
    changed = "; ".join(each.sentence for each in one.drift.verdicts)
    if one.drift.drift is Drift.NONE:
        also = f": {visible(changed)}" if changed else ""
        return f"as version {one.drift.against_version}{also}", ("yellow" if worse else "green",)
    said = "; ".join([*(each.sentence for each in one.drift.exceeding), *([changed] if changed else [])])
    return f"{one.drift.drift}: against version {one.drift.against_version}: {visible(said)}", ("yellow",)


def quality_document(table: str, versions: Sequence[VersionQuality], kept: Sequence[KeptQuality] = ()) -> Document:
    """The JSON face."""
    return {
        "table": table,
        "versions": [_line(one) for one in versions],
        "not_committed": [kept_line(one) for one in kept],
    }


def kept_line(one: KeptQuality) -> Document:
    """A batch that was not committed."""
    return {
        "at": one.kept.at,
        "story": one.kept.story,
        "generation": one.kept.generation,
        "subject": one.subject,
        "use_case": one.use_case,
        "rows": one.kept.rows,
        "verdict": str(one.checked.verdict) if one.checked else "",
        "failed": one.count(Severity.BLOCKING),
        "warnings": one.count(Severity.WARNING),
        "drift": str(one.drift.drift) if one.drift else "",
        "reasons": list(one.kept.reasons),
        "waits": one.waits,
    }


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
