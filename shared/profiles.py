"""Ports for profiles: made from a batch, and kept beside the lake's tables.

Every method may raise Unreachable (transient).
"""

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from shared.domain.profile import Profile
from shared.domain.usecase import DataSpec


class Profiler(Protocol):
    """What a batch looks like."""

    def profile(self, file: Path, spec: DataSpec, baseline: Profile | None, first: Collection[str] = ()) -> Profile:
        """Its profile, counted on the baseline's edges too where there is one. Columns named `first` are in it, however
        many there are. Changes nothing.
        """


class Profiles(Protocol):
    """Profiles by name."""

    def save(self, name: str, profile: Profile) -> None:
        """Keep it; the same again changes nothing."""

    def load(self, name: str) -> Profile | None:
        """What was kept under the name; None where there is none, or none that can be read."""
