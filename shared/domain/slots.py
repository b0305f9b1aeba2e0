"""Reading how a slot moved: its history, and the fights about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import facts as f
from shared.domain import story as stories

GATE, SOMEBODY = "the gate", "somebody, around the gate"


@dataclass(frozen=True, kw_only=True)
class RollbackAsked:
    """What a person asks for. Without `version`, the one that was in production before the present one."""

    model: str
    version: str
    who: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Move:
    """The slot pointed at `version` from then on. Empty versions mean none."""

    at: datetime
    how: str
    previous: str
    version: str
    who: str
    why: str
    story: str


def moves(facts: Sequence[f.Fact], model: str, slot: str) -> list[Move]:
    """Every move of the slot that these facts tell of, oldest first."""
    return sorted(_moves(facts, model, slot), key=lambda one: one.at)


def _moves(facts: Sequence[f.Fact], model: str, slot: str) -> Iterator[Move]:
    for one in facts:
        match one:
            case f.VersionPromoted() if (one.model, one.slot) == (model, slot):
                how, previous, version, who, why = "promoted", one.previous, one.version, GATE, one.reason
            case f.VersionRolledBack() if (one.model, one.slot) == (model, slot):
                how, previous, version, who, why = "rolled back", one.previous, one.version, one.who, one.reason
            case f.PromotionReverted() if (one.model, one.slot) == (model, slot):
                how, previous, version, who, why = "put back", one.found, one.restored, GATE, one.reason
            case f.RevertWithheld() if (one.model, one.slot) == (model, slot):
                how, previous, version, who, why = "left moved", one.approved, one.found, SOMEBODY, one.reason
            case f.SlotRestored() if (one.model, one.slot) == (model, slot):
                how, previous, version, who, why = "restored", "", one.version, SOMEBODY, "it is as approved again"
            case _:
                continue
        yield Move(at=one.at, how=how, previous=previous, version=version, who=who, why=why, story=one.story)


def at(told: Sequence[Move], when: datetime) -> Move | None:
    """The move that put into the slot what was in it at that time."""
    before = [one for one in told if one.at <= when]
    return before[-1] if before else None


def before(facts: Sequence[f.Fact], model: str, slot: str, version: str) -> str:
    """The version that was in production before this one was promoted, or ""."""
    promoted = [one for one in stories.of_kind(facts, f.VersionPromoted) if (one.model, one.slot) == (model, slot)]
    return next((one.previous for one in promoted if one.version == version), "")


def were_in_production(facts: Sequence[f.Fact], model: str, slot: str) -> list[str]:
    """The versions that the gate once promoted into the slot, oldest first."""
    promoted = [one for one in stories.of_kind(facts, f.VersionPromoted) if (one.model, one.slot) == (model, slot)]
    return list(dict.fromkeys(one.version for one in sorted(promoted, key=lambda one: one.at)))


def open_withheld(story: Sequence[f.Fact]) -> f.RevertWithheld | None:
    """The newest revert of the story that was withheld, while its slot is not as approved again."""
    told = [one for one in story if isinstance(one, f.RevertWithheld | f.SlotRestored)]
    return told[-1] if told and isinstance(told[-1], f.RevertWithheld) else None


def reverts(facts: Sequence[f.Fact]) -> list[f.PromotionReverted]:
    """The reverts since the slot was last restored, oldest first."""
    restored = max((one.at for one in stories.of_kind(facts, f.SlotRestored)), default=None)
    told = sorted(stories.of_kind(facts, f.PromotionReverted), key=lambda one: one.at)
    return [one for one in told if restored is None or one.at > restored]
