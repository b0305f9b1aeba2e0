"""gate.yml: the product owner's rules, as a policy."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from shared.domain import identity
from shared.domain.first_version import only_compared
from shared.domain.people import ApprovalRule
from shared.domain.policy import Condition, NoChampion, Policy, Rule
from shared.domain.rules import fault_of
from shared.domain.verdicts import Severity
from shared.errors import Misconfigured
from shared.sections import ApprovalSection
from shared.yaml_file import Name, Section, read


class RuleFile(Section):
    """About exactly one of metric, artefact, tag, condition, expression."""

    name: Name
    why: str = Field(min_length=1, description="one sentence that its owner would say")
    severity: Severity = Severity.BLOCKING
    metric: str = Field(default="", description="a metric that the training logged, or data.age_hours, model.bytes")
    slices: str = Field(default="", description="a column: the rule holds for every slice metric.column.value")
    at_most: Decimal | None = Field(default=None, description="a bound of its own")
    at_least: Decimal | None = Field(default=None, description="a bound of its own")
    at_most_worse: Decimal | None = Field(default=None, ge=0, description="than the champion, on the same rows")
    at_most_percent_worse: Decimal | None = Field(default=None, ge=0, description="of the champion's, on the same rows")
    spread_at_most: Decimal | None = Field(default=None, ge=0, description="between the best slice and the worst")
    higher_is_better: bool = Field(default=False, description="which way worse is")
    artefact: str = Field(default="", description="a file of the run's evidence folder: it is there, and not empty")
    tag: str = Field(default="", description="a tag of the model version")
    equals: str = Field(default="", description="what the tag says")
    condition: Condition | None = None
    expression: str = Field(default="", description="such as rmse <= 1.05 * champion.rmse and rows.holdout >= 1000")

    @model_validator(mode="after")
    def _can_be_asked(self) -> "RuleFile":
        if fault := fault_of(Rule(**self.model_dump())):
            raise ValueError(fault)
        return self


class GateFile(Section):
    version: int = Field(ge=1, le=1, description="version of the file's format")
    rules: list[RuleFile] = Field(min_length=1)
    no_champion: NoChampion = Field(
        default=NoChampion.REFUSE, description="of a first version that the rules could only compare: refuse or accept"
    )
    approvals: list[ApprovalSection] = Field(default_factory=list)

    @model_validator(mode="after")
    def _rules_can_decide(self) -> "GateFile":
        names = [rule.name for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"rules are named twice: {', '.join(twice)}")
        roles = [one.role for one in self.approvals]
        if twice := sorted({role for role in roles if roles.count(role) > 1}):
            raise ValueError(f"approvals ask a role twice: {', '.join(twice)}: give it one quorum")
        if not any(rule.severity is Severity.BLOCKING for rule in self.rules):
            raise ValueError("no rule is blocking, so everything would be promoted: make one blocking")
        if self.no_champion is NoChampion.REFUSE and (names := only_compared(self.policy(""))):
            raise ValueError(
                f"no blocking rule bounds {', '.join(names)} on its own, so nothing says how bad the first version may"
                " be: add a rule with at_most or at_least, or write no_champion: accept to take the first as it is"
            )
        return self

    def policy(self, fingerprint: str) -> Policy:
        """As the core sees it."""
        rules = tuple(Rule(**rule.model_dump()) for rule in self.rules)
        return Policy(rules=rules, fingerprint=fingerprint, no_champion=self.no_champion)


def read_gate(file: Path, faults: list[str]) -> tuple[Policy, tuple[ApprovalRule, ...]] | None:
    """The policy, and whom it asks; None where the file has faults, which are added to the list."""
    found = read(file, GateFile, faults)
    if found is None:
        return None
    return found.policy(identity.fingerprint(file.read_text())), tuple(one.rule() for one in found.approvals)


def load_policy(file: Path) -> Policy:
    """The policy in a file. Raises Misconfigured with every fault of it."""
    faults: list[str] = []
    gate = read_gate(file, faults)
    if gate is None:
        raise Misconfigured("\n".join(faults))
    return gate[0]


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors."""
    return {"title": "The gate of a use case of Sluice", **GateFile.model_json_schema()}
