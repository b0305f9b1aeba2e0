"""Where a command's answer goes: one text or one JSON document on standard output."""

import argparse
import io
import os
import shutil
import sys
from dataclasses import dataclass
from typing import Self

from shared.views.document import Document, to_json
from shared.views.table import MARKS, VERDICT_MARKS
from shared.views.terminal import Terminal

_SIGNS = "".join([*MARKS.values(), *VERDICT_MARKS.values(), "·"])
_PLAIN = str.maketrans("●✓■✗▲…·", "*+#x!.-")
"""For a terminal that has no such signs."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """How the answer is wanted."""

    json: bool
    terminal: Terminal

    @classmethod
    def of(cls, options: argparse.Namespace) -> Self:
        """As the options and standard output have it: width and colour only where a person reads it as it comes."""
        person = sys.stdout.isatty()
        wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        named = ("--settings", str(options.settings)) if options.settings else ()
        terminal = Terminal(
            width=shutil.get_terminal_size().columns if person else 0,
            colour=person and wanted,
            command=("python", "-m", "ops", *named),
        )
        return cls(json=options.json, terminal=terminal)

    def show(self, text: str, document: Document) -> None:
        """One of the two."""
        said = to_json(document) if self.json else text
        try:
            _SIGNS.encode(sys.stdout.encoding or "utf-8")
        except UnicodeEncodeError:
            said = said.translate(_PLAIN)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        sys.stdout.write(f"{said}\n")
        sys.stdout.flush()
