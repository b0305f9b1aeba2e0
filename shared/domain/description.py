"""A decision as the registry's page shows it: a section of Markdown in the version's description.

The description belongs to whoever wrote it. Ours is what is between two marks, which the page does not show; what is
before and after them stays.
"""

import re
from collections.abc import Iterator

from shared.domain.facts import VersionJudged
from shared.domain.pages import Pages
from shared.domain.policy import RuleOutcome
from shared.domain.verdicts import Severity, Verdict

BEGIN, END = "<!-- sluice: the gate writes what is between these two -->", "<!-- /sluice -->"

LONGEST = 5000
"""Characters of a description in MLflow's database. Rules that passed are left out first, never the owner's words."""

_MARKS = {
    Verdict.PASSED: "✓",
    Verdict.WARNED: "!",
    Verdict.FAILED: "✗",
    Verdict.MISCONFIGURED: "?",
    Verdict.ERROR: "⚠",
    Verdict.WAITING: "…",
}
_REASON, _CELL = 1000, 300
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", "[": "&#91;", "]": "&#93;", "://": "&#58;//"}


def section(judged: VersionJudged, verdict: str, reason: str, pages: Pages) -> str:
    """The decision in full: what became of the version, why, and each rule with what it asked and saw."""
    against = "with no champion to beat"
    if champion := judged.champion_version:
        against = f"against {_link(f'version {champion}', pages.version(judged.model, champion))}"
    asks = _link("Look, and answer", pages.approval(judged.model, judged.version)) if verdict == "waiting" else ""
    head = [
        f"### The gate: {_plain(verdict)}",
        "",
        _plain(_cut(reason, _REASON)),
        *(["", asks] if asks.startswith("[") else []),
        "",
        "| verdict | rule | asked | seen |",
        "|---|---|---|---|",
    ]
    story = _link(f"story {judged.story}", pages.story(judged.story))
    prints = f"Policy `{judged.policy or '-'}`, evidence `{judged.evidence or '-'}`, {story}."
    foot = ["", f"Judged {judged.at:%Y-%m-%d %H:%M} UTC, {against}. {prints}"]
    rows = [_row(one) for one in sorted(judged.rules, key=lambda one: one.verdict is Verdict.PASSED)]
    left = LONGEST // 2 + LONGEST // 4 - len("\n".join([*head, *foot]))
    return "\n".join([*head, *_fitting(rows, left), *foot])


def placed(before: str, ours: str) -> str:
    """The whole description with our section in it: where the section was, else below what its owner wrote."""
    own, mark, rest = before.rpartition(BEGIN)
    if mark and END in rest:
        after = rest.partition(END)[2]
    else:
        own, after = f"{before.rstrip()}\n\n" if before.strip() else "", ""
    room = LONGEST - len(own) - len(after) - len(BEGIN) - len(END) - 2
    told = ours if len(ours) <= room else ours.partition("\n")[0]
    if len(told) > room:
        return before
    return f"{own}{BEGIN}\n{told}\n{END}{after}"


def _fitting(rows: list[str], left: int) -> Iterator[str]:
    for number, row in enumerate(rows):
        left -= len(row) + 1
        if left < 60:
            yield f"| | and {len(rows) - number} more | ops gate explain | tells them |"
            return
        yield row


def _row(one: RuleOutcome) -> str:
    warning = ", a warning" if one.severity is Severity.WARNING else ""
    cause = f" ({one.cause})" if one.cause else ""
    cells = (f"{_MARKS[one.verdict]} {one.verdict}{warning}", one.rule, one.asked, f"{one.seen}{cause}")
    return f"| {' | '.join(_plain(_cut(cell, _CELL)) for cell in cells)} |"


def _link(text: str, url: str) -> str:
    return f"[{_plain(text)}]({url})" if url else _plain(text)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _plain(text: str) -> str:
    """As one line and nothing but text: what a run logged or a tag says may be anybody's words, links and pictures."""
    spaced = " ".join(text.split())
    escaped = re.sub(r"[\\`*|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\\g<0>", spaced)
    for characters, entity in _ENTITIES.items():
        escaped = escaped.replace(characters, entity)
    return re.sub(r"\bwww\.", "www&#46;", escaped)
