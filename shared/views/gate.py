"""What the gate decided and why, and what another policy would have decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.facts import VersionJudged
from shared.domain.gate import judge
from shared.domain.policy import Evidence, Policy, RuleOutcome
from shared.domain.verdicts import Severity, Verdict
from shared.ports import Ledger
from shared.views.document import Document
from shared.views.table import VERDICT_MARKS
from shared.views.terminal import Cell, Terminal, grid, wrapped
from shared.views.text import ago, utc, visible

LOOKED_THROUGH = 5000
"""So many stories, the newest, are looked through for judgements."""


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """One judgement of the past, and what the policy would have made of the same evidence.

    `would` is None where the judgement kept no evidence: it is older than this.
    """

    judged: VersionJudged
    would: Verdict | None
    changed: tuple[RuleOutcome, ...]

    @property
    def differs(self) -> bool:
        """Would it have been decided otherwise?"""
        return self.would is not None and self.would is not self.judged.verdict


def judgements(ledger: Ledger, *, model: str = "", since: datetime | None = None) -> Sequence[VersionJudged]:
    """What the gate decided, the oldest first."""
    told = [
        fact
        for head in ledger.recent(LOOKED_THROUGH)
        for fact in stories.of_kind(ledger.story(head.story), VersionJudged)
        if (not model or fact.model == model) and (since is None or fact.at >= since)
    ]
    return sorted(told, key=lambda fact: fact.at)


def simulate(policy: Policy, past: Sequence[VersionJudged]) -> Sequence[Simulation]:
    """Each judgement again, by the policy, on the evidence that was seen then."""
    return [_simulated(policy, one) for one in past]


def _simulated(policy: Policy, judged: VersionJudged) -> Simulation:
    if not judged.seen:
        return Simulation(judged=judged, would=None, changed=())
    judgement = judge(policy, Evidence.from_json(judged.seen))
    before = {one.rule: one.verdict for one in judged.rules}
    changed = [one for one in judgement.outcomes if before.get(one.rule, Verdict.PASSED) is not one.verdict]
    return Simulation(judged=judged, would=judgement.verdict, changed=tuple(changed))


def simulation_text(simulations: Sequence[Simulation], terminal: Terminal, *, policy: str) -> str:
    """A line a version, and under each that would be decided otherwise, why."""
    if not simulations:
        return "the gate judged no version yet that this could be tried on"
    lines: list[str] = []
    for one, line in zip(simulations, grid([_cells(each) for each in simulations], terminal), strict=True):
        lines.append(line)
        for rule in one.changed if one.differs else ():
            lines += wrapped(f"{rule.verdict}: {visible(rule.sentence)}", terminal, "dim", indent="      ")
    different = sum(one.differs for one in simulations)
    unknown = sum(one.would is None for one in simulations)
    told = f"{different} of {len(simulations)} versions would be decided otherwise by {visible(policy)}"
    return "\n".join([*lines, told + (f"; {unknown} kept no evidence" if unknown else "")])


def _cells(one: Simulation) -> list[Cell]:
    would = str(one.would or "not known")
    return [
        Cell("≠" if one.differs else " ", ("yellow",)),
        Cell(visible(identity.model_at(one.judged.model, one.judged.version)), ("bold",)),
        Cell(utc(one.judged.at), ("dim",)),
        Cell(f"was {one.judged.verdict}"),
        Cell(f"would be {would}", ("yellow",) if one.differs else ()),
    ]


def simulation_document(simulations: Sequence[Simulation], *, policy: Policy) -> Document:
    """The JSON face."""
    return {
        "policy": policy.fingerprint,
        "differ": sum(one.differs for one in simulations),
        "versions": [
            {
                "model": one.judged.model,
                "version": one.judged.version,
                "story": one.judged.story,
                "at": one.judged.at,
                "was": one.judged.verdict,
                "would_be": one.would or "",
                "changed": [_rule(rule) for rule in one.changed],
            }
            for one in simulations
        ],
    }


def explanation_text(judged: VersionJudged, terminal: Terminal, *, now: datetime) -> str:
    """The decision, each rule with what it asked and saw, and what it was decided by."""
    name = visible(identity.model_at(judged.model, judged.version))
    against = f"version {judged.champion_version}" if judged.champion_version else "no champion"
    lines = [
        f"{terminal.paint(f'{VERDICT_MARKS[judged.verdict]} {judged.verdict}', 'bold')}  {name}",
        f"judged {utc(judged.at)}, {ago(judged.at, now)}, against {against}",
        "",
    ]
    for rule in judged.rules:
        warns = ", a warning" if rule.severity is Severity.WARNING else ""
        lines.append(f"{VERDICT_MARKS[rule.verdict]} {terminal.paint(visible(rule.rule), 'bold')}{warns}")
        lines += wrapped(f"asked {visible(rule.asked)}", terminal, indent="    ")
        cause = f" ({rule.cause})" if rule.cause else ""
        lines += wrapped(f"saw   {visible(rule.seen)}{cause}", terminal, indent="    ")
    return "\n".join(
        [*lines, "", f"policy {judged.policy}  evidence {judged.evidence}  story {judged.story}"]
    )  # fmt: skip


def explanation_document(judged: VersionJudged) -> Document:
    """The JSON face, with the whole evidence."""
    return {
        "model": judged.model,
        "version": judged.version,
        "story": judged.story,
        "at": judged.at,
        "verdict": judged.verdict,
        "reason": judged.reason,
        "champion_version": judged.champion_version,
        "rules": [_rule(rule) for rule in judged.rules],
        "policy": judged.policy,
        "evidence_fingerprint": judged.evidence,
        "evidence": judged.seen,
    }


def _rule(rule: RuleOutcome) -> Document:
    return {
        "rule": rule.rule,
        "severity": rule.severity,
        "verdict": rule.verdict,
        "asked": rule.asked,
        "seen": rule.seen,
        "cause": rule.cause,
    }
