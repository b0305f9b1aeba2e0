"""The control plane, loaded at the first message: until then an instance only tells the host its functions."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.dispatch import Sluice


def sluice() -> "Sluice":
    """That of this process, built from its settings at the first call. Raises Misconfigured."""
    from shared import bootstrap

    return bootstrap.sluice()
