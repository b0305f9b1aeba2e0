"""Everything the gate looks at, gathered before it looks: from the registry, and from the ledger."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.domain import quarantine
from shared.domain import story as stories
from shared.domain.facts import BatchChecked, DataCommitted, Fact, RowsQuarantined, TrainingStarted
from shared.domain.policy import AGE, Condition, Evidence
from shared.ports import Approval, Artefacts, Description, Ledger, ModelVersion

CHAMPION_PREFIX = "champion."
"""The challenger's run logs the champion's metrics, measured on the same rows, under this prefix."""

HOLDOUT, CHAMPION_HOLDOUT, CHAMPION_VERSION = "holdout.fingerprint", "champion.holdout.fingerprint", "champion.version"
"""Parameters of the run: on which rows it measured whom. Unlike a tag, nobody can change a parameter afterwards."""

OURS = {"sluice.verdict", "sluice.decision"}
"""Tags that say what was decided: no evidence for it."""

_COMMIT = re.compile(r"[0-9a-f]{40}")


def with_its_data(told: Sequence[Fact], ledger: Ledger) -> Sequence[Fact]:
    """The story, after that of the data which it trained on, where another story committed that."""
    asked = stories.asks_to_train(told)
    return [*ledger.story(asked.data_story), *told] if asked else told


def gather(
    version: ModelVersion,
    told: Sequence[Fact],
    approval: Approval | None,
    *,
    trains: bool,
    artefacts: Artefacts,
    now: datetime,
) -> Evidence:
    """The evidence of a version, `told` being the story that made it (empty for one that somebody registered). Where
    the use case trains, one that somebody registered is not what it should be.
    """
    stored = artefacts.describe(version.model, version.version)
    own, champion = _by_whose(version.metrics)
    return Evidence(
        metrics={**own, **_measured(stored, told, now)},
        tags={name: value for name, value in version.tags.items() if name not in OURS},
        artefacts=stored.evidence,
        conditions=_conditions(version, stored, told),
        champion_metrics=champion,
        champion_version=version.parameters.get(CHAMPION_VERSION) or version.tags.get("sluice.champion_version", ""),
        approved_version=approval.version if approval else "",
        holdout=version.parameters.get(HOLDOUT, ""),
        champion_holdout=version.parameters.get(CHAMPION_HOLDOUT, ""),
        trained_by_us=not trains or stories.last(told, TrainingStarted) is not None,
    )


def _by_whose(metrics: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    own = {name: value for name, value in metrics.items() if not name.startswith(CHAMPION_PREFIX)}
    champion = {
        name.removeprefix(CHAMPION_PREFIX): value for name, value in metrics.items() if name.startswith(CHAMPION_PREFIX)
    }
    return own, champion


def _measured(stored: Description, told: Sequence[Fact], now: datetime) -> dict[str, float]:
    """Numbers that no training logs: how large the model is, and how old the check of its data."""
    found = {"model.bytes": float(sum(stored.model.values()))} if stored.model else {}
    checked = stories.last(told, BatchChecked)
    if checked is not None:
        found[AGE] = round((now - checked.at).total_seconds() / 3600, 3)
    return found


def _conditions(version: ModelVersion, stored: Description, told: Sequence[Fact]) -> dict[str, str]:
    return {
        str(Condition.SIGNATURE): "" if stored.signature else "the model has none",
        str(Condition.INPUT_EXAMPLE): "" if stored.input_example else "the model has none",
        str(Condition.LIBRARIES_PINNED): "" if stored.libraries_pinned else "not every library has one version",
        str(Condition.DATA_PASSED): _why_not_passed(told),
        str(Condition.TRAINED_ON_CHECKED_DATA): _why_other_data(version, told),
        str(Condition.GIT_COMMIT_KNOWN): _why_no_commit(version.tags.get("sluice.git_commit", "")),
    }


def _why_not_passed(told: Sequence[Fact]) -> str:
    checked = stories.last(told, BatchChecked)
    if checked is None:
        return "no check of its data is known"
    if checked.verdict.lets_pass:
        return ""
    if released := quarantine.released(told):
        return f"the check of its data {checked.verdict}, and {released.who} let it pass: {released.reason}"
    if stories.last(told, RowsQuarantined):  # what is left without its bad rows
        return ""
    return f"the check of its data {checked.verdict}"


def _why_other_data(version: ModelVersion, told: Sequence[Fact]) -> str:
    committed = stories.last(told, DataCommitted)
    if committed is None:
        return "no commit of its data is known"
    trained_on = version.tags.get("sluice.delta_version", "")
    if trained_on == str(committed.delta_version):
        return ""
    return f"trained on version {trained_on or '-'} of the table, checked was {committed.delta_version}"


def _why_no_commit(commit: str) -> str:
    if _COMMIT.fullmatch(commit):
        return ""
    return (
        f"{commit} has changes that are in no commit" if commit.endswith("-dirty") else f"commit {commit or 'unknown'}"
    )
