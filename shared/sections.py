"""Sections of a use case's files about its slot and its people: who may put what into production."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator, model_validator

from shared.domain.people import ApprovalRule
from shared.domain.policy import Policy
from shared.domain.usecase import Enforcement, GateSpec, SlotKind
from shared.yaml_file import Section


class GateSection(Section):
    """`gate` of usecase.yml."""

    policy: str = "gate.yml"
    slot: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_-]{0,62}|Production|Staging)$")]
    slot_kind: SlotKind = SlotKind.ALIAS
    enforcement: Enforcement = Enforcement.ENFORCE
    max_reverts: int = Field(default=3, ge=1)
    reverts_within_minutes: int = Field(default=60, ge=1)

    @field_validator("enforcement", mode="before")
    @classmethod
    def _off_is_a_word(cls, given: object) -> object:
        return "off" if given is False else given  # what YAML makes of it

    @model_validator(mode="after")
    def _stages_have_names(self) -> "GateSection":
        if (self.slot in {"Production", "Staging"}) != (self.slot_kind is SlotKind.STAGE):
            raise ValueError(
                f"slot {self.slot!r} is no {self.slot_kind}: a stage is Production or Staging (slot_kind: stage), an"
                " alias is written small"
            )
        return self

    def spec(self, policy: Policy, approvals: tuple[ApprovalRule, ...]) -> GateSpec:
        """As the core sees it."""
        return GateSpec(
            policy=policy,
            approvals=approvals,
            slot=self.slot,
            slot_kind=self.slot_kind,
            enforcement=self.enforcement,
            max_reverts=self.max_reverts,
            reverts_within=timedelta(minutes=self.reverts_within_minutes),
        )


class ApprovalSection(Section):
    """One of `approvals` of gate.yml."""

    role: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$")]
    quorum: int = Field(default=1, ge=1, le=100)
    not_requester: bool = True
    expires_after: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,3} (minute|hour|day|week)s?$")] = "7 days"

    def rule(self) -> ApprovalRule:
        """As the core sees it."""
        count, _, unit = self.expires_after.partition(" ")
        return ApprovalRule(
            role=self.role,
            quorum=self.quorum,
            not_requester=self.not_requester,
            expires_after=timedelta(**{f"{unit.removesuffix('s')}s": int(count)}),
        )
