"""Tells stories in a terminal as they happen: one growing timeline a story."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table

from shared.domain.facts import DataQuarantined, Fact
from shared.ports import Ledger
from shared.views.sentences import sentence

PATIENCE_SECONDS = 180


class StalledError(Exception):
    """What was waited for did not happen in time."""


class Narrator:
    """Prints each fact of the stories it follows, once, as soon as the ledger has it."""

    def __init__(self, ledger: Ledger, console: Console, check: Callable[[], None]) -> None:
        self._ledger = ledger
        self._console = console
        self._check = check
        self._told: set[tuple[str, str]] = set()
        self._last = ""

    def chapter(self, title: str, text: str = "") -> None:
        """A heading, and what is going to happen."""
        self._console.print(f"\n[bold]{title}[/]" + (f"  [dim]{text}[/]" if text else ""), highlight=False)

    def say(self, text: str) -> None:
        """A remark between the facts."""
        self._console.print(f"     [dim]{text}[/]", highlight=False)

    def follow(self, stories: Sequence[str], until: Callable[[], bool], waiting_for: str) -> None:
        """Tell the stories until the condition holds. Raises StalledError, naming what did not come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._console.status(f"[dim]{waiting_for} ...[/]"):
            while True:
                done = until()
                self.tell(stories)
                if done:
                    return
                self._check()
                if time.monotonic() > deadline:
                    raise StalledError(f"waited {PATIENCE_SECONDS} s for: {waiting_for}")
                time.sleep(0.1)

    def tell(self, stories: Sequence[str]) -> None:
        """Print the facts that were not told yet."""
        for story in stories:
            facts = self._ledger.story(story)
            for fact in facts:
                if (story, fact.key) not in self._told:
                    self._told.add((story, fact.key))
                    if len(stories) > 1 and story != self._last:  # several at once: whose line is it?
                        self.say(next(iter(facts[0].subjects), story))
                    self._last = story
                    self._console.print(self._line(fact, facts[0].at))

    def _line(self, fact: Fact, began: datetime) -> Table:
        line = Table.grid(padding=(0, 1))
        line.add_column(width=9, justify="right", style="dim")
        line.add_column(width=18, style=_STYLES.get(fact.kind, "green"), no_wrap=True)
        line.add_column(ratio=1)
        line.add_row(f"+{(fact.at - began).total_seconds():.1f} s", fact.kind, _words(fact))
        return line


def _words(fact: Fact) -> str:
    """Its sentence; the reasons of a quarantine one a line."""
    if isinstance(fact, DataQuarantined):
        return "\n".join(["quarantined:", *(f"- {reason}" for reason in fact.reasons)])
    return sentence(fact)


_STYLES = {
    "DataQuarantined": "yellow",
    "VersionRejected": "yellow",
    "PromotionReverted": "magenta",
    "Parked": "red",
    "PartFailed": "red",
}
