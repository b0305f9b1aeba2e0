"""Reading a rollback that bad live metrics ask for: it is to come, done, withheld, or overtaken by another version."""

from collections.abc import Sequence
from datetime import datetime

from shared.domain import facts as f
from shared.domain.commands import RollBack
from shared.domain.live_metrics import WHO

_ENDS = (f.VersionRolledBack, f.RollbackWithheld, f.RollbackOvertaken)


def requested(story: Sequence[f.Fact]) -> f.RollbackRequested | None:
    """What was asked for; None in the story of a rollback that a person asked for, and in any other."""
    return next((one for one in story if isinstance(one, f.RollbackRequested)), None)


def to_come(story: Sequence[f.Fact]) -> f.RollbackRequested | None:
    """What was asked for, while neither it nor why not is recorded."""
    return None if any(isinstance(one, _ENDS) for one in story) else requested(story)


def open_withheld(story: Sequence[f.Fact]) -> f.RollbackWithheld | None:
    """Why it cannot be, while the version is in production still."""
    if any(isinstance(one, f.RollbackOvertaken) for one in story):
        return None
    return next((one for one in story if isinstance(one, f.RollbackWithheld)), None)


def command_of(asked: f.RollbackRequested, *, cause: str = "") -> RollBack:
    """The command that follows."""
    return RollBack(
        story=asked.story,
        cause=cause,
        model=asked.model,
        slot=asked.slot,
        version=asked.target,
        previous=asked.version,
        etag=asked.etag,
        who=WHO,
        why=asked.reason,
    )


def overtaken(asked: f.RollbackRequested, approved: str, at: datetime) -> f.RollbackOvertaken:
    """That another version is in production by now."""
    return f.RollbackOvertaken(
        story=asked.story, at=at, model=asked.model, slot=asked.slot, version=asked.version, approved=approved
    )
