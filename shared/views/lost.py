"""What lies in the landing area and has no story, as table and JSON."""

from collections.abc import Sequence
from datetime import datetime

from shared.domain.lost import Lying
from shared.domain.usecase import UseCase
from shared.views.document import Document
from shared.views.sentences import many, size
from shared.views.terminal import Cell, Terminal, grid
from shared.views.text import ago, iso, visible


def lying_text(found: Sequence[Lying], use_case: UseCase, terminal: Terminal, *, since: datetime, now: datetime) -> str:
    """Each file with why it gets no story by itself, and what to type."""
    lost = sum(one.is_lost for one in found)
    where = f"written below {visible(use_case.data.prefix)} since {iso(since)}"
    if not found:
        return terminal.paint(f"everything {where} has its story", "green")
    rows = [
        [
            Cell("▲" if one.is_lost else "·", ("yellow" if one.is_lost else "dim",)),
            Cell(visible(one.file.file), is_path=True),
            Cell(size(one.file.size)),
            Cell(ago(one.file.at, now)),
            Cell(visible(f"{one.reason}: {one.why}" if one.reason else "no event told of it")),
        ]
        for one in found
    ]
    lines = [*grid(rows, terminal, elastic=(1, 4)), "", f"{many(lost, 'arrival')} without a story, {where}"]
    if lost:
        adopt = ("arrivals", "adopt", use_case.name, "--since", iso(since), "--because", "TEXT")
        lines.append(f"have them arrive: {terminal.typed(adopt)}")
    return "\n".join(lines)


def lying_document(found: Sequence[Lying], use_case: UseCase, *, since: datetime) -> Document:
    """The JSON face."""
    return {
        "use_case": use_case.name,
        "prefix": use_case.data.prefix,
        "since": since,
        "files": [
            {
                "file": one.file.file,
                "url": one.file.url,
                "etag": one.file.etag,
                "size": one.file.size,
                "at": one.file.at,
                "story": one.story,
                "reason": one.reason,
                "why": one.why,
            }
            for one in found
        ],
    }
