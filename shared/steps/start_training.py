"""Training starts on exactly one Delta version, once per generation."""

from collections.abc import Iterator
from datetime import datetime

from shared.domain import identity
from shared.domain import story as stories
from shared.domain.commands import StartTraining
from shared.domain.facts import TrainingRepeated, TrainingRequested, TrainingSkipped, TrainingStarted
from shared.domain.retrain import Skip
from shared.domain.trace import traceparent
from shared.domain.usecase import UseCases
from shared.notes import Journals
from shared.ports import Approvals, Clock, Jobs, Lake, Ledger
from shared.steps.claim_training import claim_training
from shared.steps.decision import Decision


def start_training(
    command: StartTraining,
    *,
    use_cases: UseCases,
    ledger: Ledger,
    journals: Journals,
    approvals: Approvals,
    jobs: Jobs,
    lake: Lake,
    clock: Clock,
) -> Decision:
    """Run the training job now, under a token made of story and generation, so that a repeat finds the same run.

    Where that repeats what failed in other stories, it is said there before it is said here that it runs.
    """
    use_case = use_cases.named(command.use_case)
    told = ledger.story(command.story)
    started, requested = stories.last(told, TrainingStarted), stories.last(told, TrainingRequested)
    if started and started.generation >= command.generation:
        return Decision(summary=f"training {started.generation} runs as {started.job_run_id}, since before")
    if not use_case.training.job:
        where = "its model comes from elsewhere" if use_case.training.model else "it has no model"
        detail = f"{use_case.name} has no training.job: {where}"
        ledger.record([TrainingSkipped(story=command.story, at=clock.now(), reason=Skip.NO_JOB, detail=detail)])
        return Decision(summary=f"no training of {command.story}: {detail}")
    approval = approvals.approved(use_case.training.model, use_case.gate.slot)
    champion = approval.version if approval else ""
    if command.generation == 1:  # a later one runs again what was lost
        skipped = claim_training(command.story, use_case, champion, ledger=ledger, journals=journals, clock=clock)
        if skipped:
            return Decision(summary=f"no training of {command.story}: {skipped.reason}: {skipped.detail}")
    workspace, job_run_id = jobs.start(
        use_case.training.job,
        token=identity.run_token("training", command.story, str(command.generation)),
        parameters={
            "story": command.story,
            "generation": str(command.generation),
            "use_case": use_case.name,
            "table": lake.uri(command.table),
            "delta_version": str(command.delta_version),
            "model": use_case.training.model,
            "champion_version": champion,
            "config": use_case.folder,
            "traceparent": traceparent(command.story),
        },
    )
    for failed in _repeated(requested, clock.now()):
        ledger.record([failed])
    fact = TrainingStarted(
        story=command.story,
        at=clock.now(),
        generation=command.generation,
        workspace=workspace,
        job_run_id=job_run_id,
        table=command.table,
        delta_version=command.delta_version,
        champion_version=champion,
    )
    ledger.record([fact])
    return Decision(summary=f"training {command.generation} runs as {job_run_id} in {workspace}")


def _repeated(requested: TrainingRequested | None, at: datetime) -> Iterator[TrainingRepeated]:
    """What is to be said in the stories whose training failed."""
    if requested:
        for story in requested.repeats:
            yield TrainingRepeated(
                story=story, at=at, who=requested.who, reason=requested.reason, continues=requested.story
            )
