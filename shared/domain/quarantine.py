"""What a story has in quarantine, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.domain import facts as f
from shared.errors import Refused

ENTRIES = "quarantine"
"""The journal of all that was ever kept apart."""

type Kept = f.DataQuarantined | f.RowsQuarantined


@dataclass(frozen=True, kw_only=True)
class ReleaseAsked:
    """A person wants it out again. `check`: judge the file once more first, such as by a suite that was mended."""

    story: str
    who: str
    why: str
    check: bool = False


def location_of(use_case: str, story: str) -> str:
    """Where a story's rows are kept, below the lake."""
    return f"quarantine/{use_case}/{story}"


def kept(story: Sequence[f.Fact]) -> Kept | None:
    """What was kept apart last, released or not."""
    found = [one for one in story if isinstance(one, f.DataQuarantined | f.RowsQuarantined)]
    return max(found, key=lambda one: one.generation, default=None)


def released(story: Sequence[f.Fact]) -> f.QuarantineReleased | None:
    """The newest release."""
    found = [one for one in story if isinstance(one, f.QuarantineReleased)]
    return max(found, key=lambda one: one.generation, default=None)


def batch_of(story: Sequence[f.Fact]) -> str:
    """The story of the batch that went on without these rows, which a person let out after it; "" of any other."""
    let_out = released(story)
    batch = let_out.location.rpartition("/")[2] if let_out else ""
    return batch if let_out and batch != let_out.story else ""


def open_release(story: Sequence[f.Fact]) -> f.QuarantineReleased | None:
    """A release that nothing has followed yet."""
    newest = released(story)
    followed = (f.DataCommitted, f.DataQuarantined, f.DataSuperseded)
    if (
        newest
        and newest.continues in {"", newest.story}
        and not any(
            isinstance(one, f.DataSuperseded) or one.generation >= newest.generation
            for one in story
            if isinstance(one, followed)
        )
    ):
        return newest
    return None


def waiting(story: Sequence[f.Fact]) -> Kept | None:
    """What is in quarantine and was not released."""
    found, out = kept(story), released(story)
    return found if found and (out is None or out.generation <= found.generation) else None


def refuse(story: Sequence[f.Fact], asked: ReleaseAsked) -> Kept:
    """What is to be released. Raises Refused with why it cannot be."""
    found = kept(story)
    if found is None:
        raise Refused(f"story {asked.story} has nothing in quarantine")
    if waiting(story) is None:
        out = released(story)
        by = f" by {out.who}: {out.reason}" if out else ""
        raise Refused(f"story {asked.story} was released before{by}")
    if asked.check and isinstance(found, f.RowsQuarantined):
        raise Refused("only some rows of the file are in quarantine, the others are in silver: release without a check")
    if not asked.check and not found.rows:
        raise Refused("no rows are kept, as the file could not be read: release it with a check, or land it again")
    return found


def may_split(bad: int, rows: int, at_most_percent: Decimal) -> bool:
    """Are the bad rows few enough for the others to go on without them?"""
    return 0 < bad < rows and Decimal(100 * bad) <= at_most_percent * rows
