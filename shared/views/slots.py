"""What was in production, when, who put it there and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import identity, slots
from shared.domain.slots import Move
from shared.ports import Approvals, Ledger
from shared.views.document import Document
from shared.views.terminal import Cell, Terminal, grid
from shared.views.text import ago, utc, visible


@dataclass(frozen=True, kw_only=True)
class SlotHistory:
    """A slot, how it moved, and the move that put into it what was in it at the time that was asked for."""

    model: str
    slot: str
    moves: tuple[Move, ...]
    then: Move | None


def slot_histories(ledger: Ledger, approvals: Approvals, *, model: str = "", at: datetime) -> Sequence[SlotHistory]:
    """Every slot that a version was ever approved for, or those of one model."""
    return [_history(ledger, one.model, one.slot, at) for one in approvals.slots() if not model or one.model == model]


def _history(ledger: Ledger, model: str, slot: str, at: datetime) -> SlotHistory:
    facts = [fact for story in ledger.find(identity.slot_history(model, slot)) for fact in ledger.story(story)]
    told = slots.moves(facts, model, slot)
    return SlotHistory(model=model, slot=slot, moves=tuple(told), then=slots.at(told, at))


def slots_text(histories: Sequence[SlotHistory], terminal: Terminal, *, at: datetime, asked: bool) -> str:
    """Each slot with its moves, the newest first; or what was in it at the time that was asked for."""
    lines: list[str] = []
    for one in histories:
        then = one.then
        version = f"version {then.version}" if then and then.version else "empty"
        since = f"since {utc(then.at)}" if then else "nothing was in it yet"
        when = f" at {utc(at)}" if asked else ""
        lines.append(f"{terminal.paint(f'{one.model}@{one.slot}', 'bold')}{when}: {version}, {since}")
        shown = [then] if asked and then else [] if asked else list(reversed(one.moves))
        lines += grid([_cells(move, at) for move in shown], terminal, elastic=(4,))
    return "\n".join(lines) or "no version was ever approved for any slot"


def _cells(move: Move, now: datetime) -> list[Cell]:
    moved = f"{move.previous or '-'} to {move.version or '-'}"
    return [
        Cell(f"  {utc(move.at)}"),
        Cell(ago(move.at, now), ("dim",)),
        Cell(move.how, ("bold",)),
        Cell(moved),
        Cell(visible(f"{move.who}: {move.why}")),
        Cell(move.story, ("dim",)),
    ]


def slots_document(histories: Sequence[SlotHistory], *, at: datetime) -> Document:
    """The JSON face."""
    return {
        "at": at,
        "slots": [
            {
                "model": one.model,
                "slot": one.slot,
                "version": one.then.version if one.then else "",
                "since": one.then.at if one.then else None,
                "moves": [_move(move) for move in one.moves],
            }
            for one in histories
        ],
    }


def _move(move: Move) -> Document:
    return {
        "at": move.at,
        "how": move.how,
        "from": move.previous,
        "to": move.version,
        "who": move.who,
        "why": move.why,
        "story": move.story,
    }
