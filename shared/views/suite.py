"""What a suite would have said of batches that were checked before, as table and JSON."""

from collections.abc import Sequence

from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.suite import CheckedAgain, PastBatch
from shared.profiles import Profiles
from shared.views.document import Document
from shared.views.quality import KeptQuality, VersionQuality, history, newest_first, not_committed
from shared.views.records import Records
from shared.views.terminal import Cell, Terminal, grid, wrapped
from shared.views.text import utc, visible


def past_batches(records: Records, profiles: Profiles, use_case: str, table: str, limit: int) -> Sequence[PastBatch]:
    """The newest that the use case committed to the table, or that went to quarantine and wait there, newest first."""
    versions = history(records, profiles, table, limit)
    kept = not_committed(records, (use_case,), versions, limit)
    released = {one.kept.story: one.checked for one in kept if not one.waits}
    found = newest_first(versions, [one for one in kept if one.waits])
    ours = [one for one in found if one.use_case == use_case][:limit]
    return [_past(records, one, table, released.get(one.ended.story)) for one in ours]


def _past(
    records: Records, one: VersionQuality | KeptQuality, table: str, released: f.BatchChecked | None
) -> PastBatch:
    if isinstance(one, KeptQuality):
        version, apart = None, one.kept.location
    else:
        told = stories.of_kind(records.story(one.committed.story), f.RowsQuarantined)
        of_it = [each.location for each in told if each.generation == one.committed.generation]
        version, apart = one.committed.delta_version, (of_it[0] if of_it else "")
    return PastBatch(
        story=one.ended.story,
        subject=one.subject,
        at=one.ended.at,
        table=table,
        rows=one.ended.rows,
        delta_version=version,
        apart=apart,
        was=one.checked or released,
    )


def simulation_text(found: Sequence[CheckedAgain], terminal: Terminal, *, suite: str) -> str:
    """A line for each batch, and under it the expectations whose verdict is another one."""
    lines: list[str] = []
    for one, line in zip(found, grid([_cells(each) for each in found], terminal, elastic=(3,)), strict=True):
        lines.append(line)
        for each in one.changed:
            lines += wrapped(visible(each.sentence), terminal, "dim", indent="      ")
    different = sum(one.differs for one in found)
    gone = sum(one.now is None for one in found)
    told = f"{different} of {len(found)} verdicts would be another one by {visible(suite)}"
    return "\n".join([*lines, told + (f"; the rows of {gone} are not kept any more" if gone else "")])


def _cells(one: CheckedAgain) -> list[Cell]:
    batch = one.batch
    version = "in quarantine" if batch.delta_version is None else f"version {batch.delta_version}"
    would = f"would be {one.now.verdict}" if one.now else "rows are gone"
    return [
        Cell("≠" if one.differs else " ", ("yellow",)),
        Cell(version, ("bold",)),
        Cell(utc(batch.at), ("dim",)),
        Cell(visible(batch.subject) or batch.story, is_path=True),
        Cell(f"was {batch.was.verdict}" if batch.was else "was not checked"),
        Cell(would, ("yellow",) if one.differs else ()),
    ]


def simulation_document(found: Sequence[CheckedAgain], *, suite: str) -> Document:
    """The JSON face."""
    return {
        "suite": suite,
        "differ": sum(one.differs for one in found),
        "batches": [
            {
                "version": one.batch.delta_version,
                "story": one.batch.story,
                "subject": one.batch.subject,
                "at": one.batch.at,
                "rows": one.batch.rows,
                "was": str(one.batch.was.verdict) if one.batch.was else "",
                "would_be": str(one.now.verdict) if one.now else "",
                "differs": one.differs,
                "changed": [
                    {
                        "column": each.column,
                        "asked": each.asked,
                        "before": str(each.before or ""),
                        "now": str(each.now or ""),
                    }
                    for each in one.changed
                ],
                "reasons": list(one.now.reasons) if one.now else [],
            }
            for one in found
        ],
    }
