"""Where a story stands, in one word, and why a person has to look."""

from collections.abc import Sequence
from enum import StrEnum

from shared.domain import facts as f
from shared.domain import quarantine
from shared.domain import story as stories
from shared.ports import ParkedMessage
from shared.views.remedies import remedies


class State(StrEnum):
    """A story is in one of these."""

    RUNNING = "running"
    DONE = "done"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"
    NEEDS_ATTENTION = "needs attention"


def attention(story: Sequence[f.Fact], waiting: Sequence[ParkedMessage]) -> str:
    """Why a person has to look, or "". A parked message counts while it waits: once replayed, it is history."""
    return "; ".join(dict.fromkeys(one.why for one in remedies(story, waiting)))


def state_of(story: Sequence[f.Fact], waiting: Sequence[ParkedMessage]) -> State:
    """The state. What a person has to look at comes first, then whether anything is left to do, then the outcome."""
    if attention(story, waiting):
        return State.NEEDS_ATTENTION
    if not stories.is_settled(story):
        return State.RUNNING
    kinds = {type(one) for one in story}
    if kinds & {f.VersionPromoted, f.VersionRolledBack}:
        return State.DONE
    if kinds & {f.VersionRejected, f.PromotionReverted, f.RevertWithheld}:
        return State.REJECTED
    return State.QUARANTINED if isinstance(quarantine.waiting(story), f.DataQuarantined) else State.DONE
