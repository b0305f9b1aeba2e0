"""One part of a plan becomes one run."""

from shared.domain import identity
from shared.domain.commands import ScorePart
from shared.domain.facts import PartStarted
from shared.domain.fan_out import groups_place, plan_in
from shared.domain.prediction import place_of
from shared.domain.trace import traceparent
from shared.domain.usecase import UseCases
from shared.errors import Down, Refused
from shared.ports import Clock, Jobs, Lake, Ledger
from shared.steps.decision import Decision


def score_part(
    command: ScorePart,
    *,
    use_cases: UseCases,
    ledger: Ledger,
    jobs: Jobs,
    lake: Lake,
    clock: Clock,
    registry: str = "",
) -> Decision:
    """Submit and return: no function waits for a run. The part is the replace key in gold, so a repeat is harmless.

    A workspace that does not answer holds up its own parts only: they are left to the sweep. `registry` is the
    registry's address, for a workspace to which it is a remote one.
    """
    use_case = use_cases.named(command.use_case)
    fan_out = plan_in(ledger.story(command.story), command.plan)
    if fan_out is None or command.part not in fan_out.plan.parts:
        raise Refused(f"story {command.story} has no plan {command.plan} with a part {command.part!r}")
    started = fan_out.started.get(command.part)
    if command.part in fan_out.scored or (started and started.generation >= command.generation):
        return Decision(summary=f"part {command.part} of plan {command.plan} was started before")
    if fan_out.cancelled:
        return Decision(summary=f"plan {command.plan} was cancelled by {fan_out.cancelled.who}")
    plan = fan_out.plan
    parameters = {
        "story": identity.whole_of(command.story),
        "use_case": use_case.name,
        "plan": plan.plan,
        "part": command.part,
        "partition_column": plan.part_by,
        "table": lake.uri(plan.table),
        "delta_version": str(plan.delta_version),
        "gold": lake.uri(plan.gold),
        "model": plan.model,
        "model_version": plan.version,
        "config": use_case.folder,
        "registry": registry,
        "traceparent": traceparent(command.story),
        "files": lake.uri(place) if (place := groups_place(plan)) else "",
        "summary": lake.uri(place_of(use_case.name, plan.plan, command.part)),
    }
    try:
        workspace, job_run_id = jobs.start(
            use_case.scoring.job,
            token=identity.run_token("part", command.plan, command.part, str(command.generation)),
            parameters=parameters,
            workspace=use_case.scoring.workspace_of(command.part),
        )
    except Down as error:
        return Decision(summary=f"part {command.part} is left to the sweep: {error}")
    fact = PartStarted(
        story=command.story,
        at=clock.now(),
        plan=plan.plan,
        part=command.part,
        generation=command.generation,
        job_run_id=job_run_id,
        workspace=workspace,
    )
    ledger.record([fact])
    if _is_cancelled(command, ledger):  # meanwhile: who ended it looked for runs before this one was recorded
        jobs.cancel(workspace, job_run_id)
        return Decision(summary=f"part {command.part} runs as {job_run_id} in {workspace}, and is stopped")
    return Decision(summary=f"part {command.part} runs as {job_run_id} in {workspace}")


def _is_cancelled(command: ScorePart, ledger: Ledger) -> bool:
    found = plan_in(ledger.story(command.story), command.plan)
    return bool(found and found.cancelled)
