"""The report of a check: what was asked and found, how the rows are spread, what is wrong with which, the trend."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain import facts as f
from shared.domain import quarantine
from shared.domain import story as stories
from shared.domain.profile import Profile, name_of
from shared.domain.quality import ExpectationOutcome
from shared.domain.verdicts import Verdict
from shared.profiles import Profiles
from shared.quarantine import Kept, Quarantine
from shared.views.document import Document
from shared.views.quality import KeptQuality, VersionQuality, history, kept_line, not_committed, verdicts_document
from shared.views.records import Records

VERSIONS = 12
"""So many versions make the trend."""

_WORST_FIRST = (
    Verdict.ERROR,
    Verdict.MISCONFIGURED,
    Verdict.FAILED,
    Verdict.WAITING,
    Verdict.WARNED,
    Verdict.PASSED,
)


@dataclass(frozen=True, kw_only=True)
class ReportView:
    """One check. `profile` and `baseline` are None where they are not kept; `kept` where nothing is in quarantine.
    `would` is what would become of a batch that did not land.
    """

    story: str
    subject: str
    use_case: str
    checked: f.BatchChecked
    drift: f.DriftMeasured | None
    outcome: f.Fact | None
    profile: Profile | None
    baseline: Profile | None
    kept: Kept | None
    versions: tuple[VersionQuality, ...]
    not_committed: tuple[KeptQuality, ...] = ()
    would: str = ""

    @property
    def worst_first(self) -> Sequence[ExpectationOutcome]:
        """What was asked, what did not pass first."""
        return sorted(self.checked.expectations, key=lambda one: _WORST_FIRST.index(one.verdict))


def report_view(
    records: Records, profiles: Profiles, apart: Quarantine, story: str, generation: int | None = None
) -> ReportView | None:
    """The check of that generation, else the newest; None where the story has none."""
    told = records.story(story)
    checks = [one for one in stories.of_kind(told, f.BatchChecked) if generation in {None, one.generation}]
    if not checks:
        return None
    checked, use_case = checks[-1], stories.use_case_of(told)
    drift = _of(told, f.DriftMeasured, checked.generation)
    kept = quarantine.kept(told)
    versions = _trend(records, profiles, told, use_case)
    outcome = _of(told, f.DataCommitted, checked.generation) or _of(told, f.DataQuarantined, checked.generation)
    return ReportView(
        story=story,
        subject=next((fact.subjects[0] for fact in told if fact.subjects), ""),
        use_case=use_case,
        checked=checked,
        drift=drift,
        outcome=outcome,
        profile=profiles.load(name_of(use_case, story, checked.generation)),
        baseline=_baseline(records, profiles, use_case, drift),
        kept=apart.look(kept.location) if kept and kept.generation == checked.generation else None,
        versions=versions,
        not_committed=tuple(not_committed(records, (use_case,), versions, VERSIONS)),
    )


def _of[Kind: f.DriftMeasured | f.DataCommitted | f.DataQuarantined](
    told: Sequence[f.Fact], kind: type[Kind], generation: int
) -> Kind | None:
    return next((one for one in stories.of_kind(told, kind) if one.generation == generation), None)


def _baseline(records: Records, profiles: Profiles, use_case: str, drift: f.DriftMeasured | None) -> Profile | None:
    committed = stories.last(records.story(drift.against), f.DataCommitted) if drift else None
    return profiles.load(name_of(use_case, committed.story, committed.generation)) if committed else None


def _trend(records: Records, profiles: Profiles, told: Sequence[f.Fact], use_case: str) -> tuple[VersionQuality, ...]:
    """Of the table that the story's use case commits to: known from any commit of it."""
    committed = stories.last(told, f.DataCommitted)
    table = committed.table if committed else _table_of(records, told, use_case)
    return tuple(history(records, profiles, table, VERSIONS)) if table else ()


def _table_of(records: Records, told: Sequence[f.Fact], use_case: str) -> str:
    """A batch that was stopped names no table: the baseline's commit, or a recent story of the use case, does."""
    drift = stories.last(told, f.DriftMeasured)
    near = [drift.against] if drift else [head.story for head in records.recent(50)]
    for story in near:
        other = records.story(story)
        committed = stories.last(other, f.DataCommitted)
        if committed and stories.use_case_of(other) == use_case:
            return committed.table
    return ""


def found(one: ExpectationOutcome, rows: int) -> str:
    """What was found where that was asked, in words."""
    if one.detail:
        return one.detail
    if one.unexpected is not None:
        return (
            f"none of {rows:,} rows breaks it"
            if not one.unexpected
            else f"{one.unexpected:,} of {rows:,} rows break it"
        )
    return one.observed or "as asked"


def report_document(view: ReportView) -> Document:
    """The JSON face."""
    return {
        "story": view.story,
        "subject": view.subject,
        "use_case": view.use_case,
        "at": view.checked.at,
        "generation": view.checked.generation,
        "suite": view.checked.suite,
        "verdict": str(view.checked.verdict),
        "rows": view.checked.rows,
        "outcome": view.outcome.kind if view.outcome else "",
        "expectations": [
            {
                "expectation": one.expectation,
                "column": one.column,
                "severity": str(one.severity),
                "verdict": str(one.verdict),
                "asked": one.asked,
                "unexpected": one.unexpected,
                "observed": one.observed,
                "detail": one.detail,
            }
            for one in view.checked.expectations
        ],
        "drift": str(view.drift.drift) if view.drift else "",
        "findings": [
            {"asked": one.asked, "value": one.value, "limit": one.limit, "exceeds": one.exceeds, "then": str(one.then)}
            for one in (view.drift.findings if view.drift else ())
        ],
        "verdicts": verdicts_document(view.drift),
        "by_reason": dict(view.kept.by_reason) if view.kept else {},
        "versions": [
            {"version": one.committed.delta_version, "story": one.committed.story, "rows": one.committed.rows}
            for one in view.versions
        ],
        "not_committed": [kept_line(one) for one in view.not_committed],
    }
