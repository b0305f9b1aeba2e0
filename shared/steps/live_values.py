"""The live metrics that are kept of a version, as the rule of its use case looks at them."""

from collections.abc import Sequence

from shared.domain.live_metrics import LiveSpec, is_since, values_of
from shared.domain.usecase import UseCase
from shared.notes import Entry, Journals
from shared.ports import Approval


def live_spec(use_case: UseCase) -> LiveSpec | None:
    """The live metric that the use case has watched, if any."""
    return use_case.retrain.live if use_case.retrain else None


def live_values(use_case: UseCase, version: str, journals: Journals) -> Sequence[float]:
    """The last values of a version that its rule looks at, measured last first."""
    return [float(entry.text) for entry in _kept(use_case, version, journals)]


def values_in_production(use_case: UseCase, approval: Approval, journals: Journals) -> Sequence[float]:
    """Of those the ones that were measured, and came, since the version is in production: what was measured before
    says nothing of how it does there, however late it comes.
    """
    entries = _kept(use_case, approval.version, journals)
    return [float(each.text) for each in entries if is_since(approval.at, each.number, each.at)]


def _kept(use_case: UseCase, version: str, journals: Journals) -> Sequence[Entry]:
    live = live_spec(use_case)
    return journals.noted(values_of(use_case.training.model, version, live.metric), live.of) if live else ()
