"""Text in columns: as wide as the terminal, with colour where it is wanted."""

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from shlex import join

from shared.views.text import visible

NARROWEST = 12
"""No column gives way further than this."""

_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35}


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """Where the text goes. `width` 0 is endless, as for a file; `command` is how ops was called."""

    width: int = 0
    colour: bool = False
    command: tuple[str, ...] = ("python", "-m", "ops")

    def paint(self, text: str, *styles: str) -> str:
        """The text in the styles, where colour is wanted."""
        codes = ";".join(str(_CODES[style]) for style in styles if style)
        return f"\x1b[{codes}m{text}\x1b[0m" if self.colour and codes and text else text

    def typed(self, arguments: Sequence[str]) -> str:
        """What to type; endless, so that it can be copied."""
        return join([*self.command, *(visible(one) for one in arguments)])


@dataclass(frozen=True)
class Cell:
    """One piece of a line, with its styles. Of a path the end says more than the beginning."""

    text: str
    styles: tuple[str, ...] = ()
    is_path: bool = False

    def fitted(self, width: int) -> str:
        """As much of it as fits."""
        return cut(self.text[::-1], width)[::-1] if self.is_path else cut(self.text, width)


def grid(rows: Sequence[Sequence[Cell]], terminal: Terminal, *, elastic: Sequence[int] = ()) -> list[str]:
    """Rows in columns. Where they are wider than the terminal, the elastic columns give way, the widest first."""
    if not rows:
        return []
    widths = [max(cells(row[index].text) for row in rows) for index in range(len(rows[0]))]
    while terminal.width and sum(widths) + 2 * (len(widths) - 1) > terminal.width:
        widest = max(elastic, key=lambda index: widths[index], default=None)
        if widest is None or widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return ["  ".join(_padded(*each, terminal) for each in zip(row, widths, strict=True)).rstrip() for row in rows]


def _padded(cell: Cell, width: int, terminal: Terminal) -> str:
    fitted = cell.fitted(width)
    return terminal.paint(fitted, *cell.styles) + " " * (width - cells(fitted))


def cells(text: str) -> int:
    """How many columns a terminal gives the text: two to a wide character, none to one that joins another."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in {"W", "F"} else 1
        for each in text
    )


def cut(text: str, width: int) -> str:
    """The text, or as much of it as fits and an ellipsis."""
    if cells(text) <= width:
        return text
    kept = ""
    for each in text:
        if cells(kept + each) > width - 1:
            break
        kept += each
    return f"{kept}…"


def wrapped(text: str, terminal: Terminal, *styles: str, indent: str = "") -> list[str]:
    """The text in as many lines as it takes, each indented and in the styles."""
    width = max(terminal.width, len(indent) + 2 * NARROWEST) if terminal.width else 0
    lines = textwrap.wrap(text, width - len(indent), break_on_hyphens=False) if width else [text]
    return [f"{indent}{terminal.paint(line, *styles)}" for line in lines]
