"""What a commit says of itself in the table's log, for who reads the table and not the ledger."""

import json
from collections.abc import Mapping

from shared.domain import story as stories
from shared.domain.commands import CheckBatch
from shared.domain.facts import BatchChecked
from shared.domain.profile import Profile, name_of
from shared.domain.quarantine import released
from shared.domain.usecase import UseCase
from shared.steps.batch_ports import BatchPorts


def notes_of(command: CheckBatch, use_case: UseCase, ports: BatchPorts) -> Mapping[str, str]:
    """`verdict` and `suite` of its last check, `released_by` who let it pass, `statistics` of each column as JSON."""
    told = ports.ledger.story(command.story)
    notes = {"use_case": use_case.name, "file": command.file}
    if checked := stories.last(told, BatchChecked):
        notes |= {"verdict": str(checked.verdict), "suite": checked.suite}
    let_out = released(told)
    if let_out and let_out.generation == command.generation:
        notes["released_by"] = let_out.who
    if profile := ports.profiles.load(name_of(use_case.name, command.story, command.generation)):
        notes["statistics"] = _statistics(profile)
    return notes


def _statistics(profile: Profile) -> str:
    said = {
        one.name: {
            key: value
            for key, value in (
                ("nulls", one.nulls),
                ("distinct", one.distinct),
                ("minimum", one.minimum),
                ("maximum", one.maximum),
                ("mean", one.mean),
            )
            if value is not None
        }
        for one in profile.columns
    }
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False)
