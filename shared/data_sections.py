"""Sections of usecase.yml about when to train."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from shared.domain.retrain import RetrainSpec, When
from shared.yaml_file import Section

Span = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,3} (minute|hour|day|week)s?$")]


def span_of(text: str) -> timedelta:
    """`6 hours` as a duration."""
    count, _, unit = text.partition(" ")
    return timedelta(**{f"{unit.removesuffix('s')}s": int(count)})


class RetrainSection(Section):
    """`retrain` of usecase.yml."""

    when: When = When.NEW_DATA
    cool_down: Span | None = None
    at_once: int | None = Field(default=None, ge=1, le=100)
    per_day: int | None = Field(default=None, ge=1, le=400)

    def spec(self) -> RetrainSpec:
        """As the core sees it."""
        return RetrainSpec(
            when=self.when,
            cool_down=span_of(self.cool_down) if self.cool_down else None,
            at_once=self.at_once,
            per_day=self.per_day,
        )
