"""A batch that is too large for here is checked by a job on Spark: it reads, counts and writes files. What becomes of
the batch is decided here, by what it answers, and its files are committed here.

One run looks into the batch. Where that fails, another keeps apart what failed, and one more all of it, where the rows
without the bad ones are too far from the baseline. The end of each is a message that carries on here.
"""

from datetime import datetime

from shared.domain import quarantine
from shared.domain import story as stories
from shared.domain.check_run import CheckAnswer, KeepAnswer
from shared.domain.commands import CheckBatch
from shared.domain.drift import Drift
from shared.domain.facts import CheckRunStarted
from shared.domain.quality import CheckReport, CheckStep, unreadable
from shared.domain.quarantine import location_of
from shared.domain.usecase import UseCase
from shared.domain.verdicts import RunResult, Verdict
from shared.errors import Malformed, Refused
from shared.handover import Document, Written
from shared.quarantine import Kept
from shared.steps.ask_check_job import CheckJob
from shared.steps.batch_ends import (
    check_so_far,
    committed,
    list_kept,
    record_check,
    record_kept,
    record_rows_kept,
    supersede,
)
from shared.steps.batch_ports import BatchPorts
from shared.steps.commit_notes import notes_of
from shared.steps.decision import Decision
from shared.steps.watch_drift import keep, measure_drift, measured


def hand_over(command: CheckBatch, use_case: UseCase, why: str, ports: BatchPorts) -> Decision:
    """Ask the job to look into the batch, and return: no function waits for a run."""
    job = CheckJob(command=command, use_case=use_case, ports=ports, why=why)
    try:
        return job.look() or supersede(command, use_case, ports)
    except Malformed as error:
        return _unreadable(job, str(error))


def go_on(command: CheckBatch, use_case: UseCase, ports: BatchPorts) -> Decision:
    """Carry on where the newest run has ended. Whoever comes too early is told so, and whoever comes twice does the
    same again: facts, tables and the tokens of runs see to that it counts once.
    """
    found = stories.check_run(ports.ledger.story(command.story), command.generation)
    if found is None or (ended := found[1]) is None:
        return Decision(summary=f"{command.file} is checked by a run that has not ended yet")
    run = found[0]
    job = CheckJob(command=command, use_case=use_case, ports=ports, why=run.reason)
    try:
        if not ended.final:
            return job.again(run) or supersede(command, use_case, ports)
        if ended.result is not RunResult.SUCCEEDED:
            return _unreadable(job, f"{_run(job, run)} {ended.result}: {ended.message}")
        if run.step is CheckStep.CHECK:
            return _looked(job, run, ports.runs.looked(job.answer_of(run)))
        return _kept(job, run, ports.runs.kept(job.answer_of(run)))
    except Malformed as error:
        return _unreadable(job, f"{_run(job, run)}: {error}")


def _run(job: CheckJob, run: CheckRunStarted) -> str:
    return f"run {run.job_run_id} of {job.use_case.data.check_job}"


def _looked(job: CheckJob, run: CheckRunStarted, answer: CheckAnswer) -> Decision:
    command, use_case, ports, request = job.command, job.use_case, job.ports, job.request(run)
    if answer.unreadable or answer.profile is None:
        return _unreadable(job, answer.unreadable or "the job left no profile")
    reads = job.reads()
    if reads is None:
        return supersede(command, use_case, ports)
    if reads["reads"] != request["reads"]:  # a file of a quiet period changed: it is in the next
        return job.again(run) or supersede(command, use_case, ports)
    if job.released:
        keep(command, answer.profile, use_case, ports)
        return _commit(job, request, answer, answer.rows)
    checked = check_so_far(command, ports.ledger)
    if checked is None:
        report = ports.quality.report(answer, request["known"], use_case.data, _name(command))
        checked = record_check(command, report, use_case, ports)
    if checked.verdict.lets_pass:
        drift = measure_drift(command, answer.profile, job.baseline(request), use_case, ports)
        if drift is None or drift.drift is not Drift.STOPPED:
            return _commit(job, request, answer, answer.rows)
    return job.keep(CheckStep.KEEP, request, _report(job)[0])


def _kept(job: CheckJob, run: CheckRunStarted, answer: KeepAnswer) -> Decision:
    command, use_case, ports, request = job.command, job.use_case, job.ports, job.request(run)
    if answer.unreadable:
        return _unreadable(job, answer.unreadable)
    if answer.split and answer.profile:
        drift = measure_drift(command, answer.profile, job.baseline(request), use_case, ports)
        if drift and drift.drift is Drift.STOPPED:
            return job.keep(CheckStep.KEEP_ALL, request, _report(job)[0])
    report, at = _report(job)
    location, count = location_of(use_case.name, command.story), answer.bad if answer.split else answer.rows
    rows = ports.files.keep(
        Written(folder=request["bad_to"], files=answer.kept_files, rows=count, schema=answer.kept_schema),
        Kept(rows=count, by_reason=answer.by_reason, columns=answer.columns, sample=answer.sample),
        location=location,
        story=command.story,
        generation=command.generation,
        told={"file": _name(command), "reasons": list(report.reasons)},
    )
    list_kept(job.command, at, job.ports)
    if not answer.split:
        return _quarantined(job, report.reasons, rows=rows, bad_rows=answer.bad)
    record_rows_kept(command, report.reasons, use_case, ports, rows=rows)
    return _commit(job, request, answer, answer.rows - answer.bad)


def _commit(job: CheckJob, request: Document, answer: CheckAnswer | KeepAnswer, rows: int) -> Decision:
    command, use_case, ports = job.command, job.use_case, job.ports
    written = Written(
        folder=request["rows_to"],
        files=answer.files,
        rows=rows,
        schema=answer.schema,
        known=request["known"],
        changed=answer.changed,
    )
    notes = notes_of(command, use_case, ports)
    commit = ports.files.commit(written, use_case.data, command.story, command.generation, notes)
    decision = committed(command, commit, use_case, ports)
    ports.runs.forget(job.folder)
    return decision


def _unreadable(job: CheckJob, why: str) -> Decision:
    """Nobody could look into the batch, or keep its rows apart: it stays where it is, and a person has to look."""
    if check_so_far(job.command, job.ports.ledger) is None:
        report = unreadable(_name(job.command), why)
        record_check(job.command, report, job.use_case, job.ports)
    report, at = _report(job)
    list_kept(job.command, at, job.ports)
    reasons = report.reasons if report.verdict is Verdict.ERROR else (*report.reasons, f"no rows could be kept: {why}")
    before = quarantine.kept(job.ports.ledger.story(job.command.story)) if job.released else None
    return _quarantined(job, reasons, rows=before.rows if before else 0)


def _report(job: CheckJob) -> tuple[CheckReport, datetime]:
    """What stops the batch, and when that was found."""
    checked, drift = check_so_far(job.command, job.ports.ledger), measured(job.command, job.ports.ledger)
    if checked is None:
        raise Refused(f"{job.command.file} was not checked: land it again")
    stopped = drift is not None and drift.drift is Drift.STOPPED
    return (drift.added_to(checked.report) if drift and stopped else checked.report), checked.at


def _quarantined(job: CheckJob, reasons: tuple[str, ...], *, rows: int = 0, bad_rows: int = 0) -> Decision:
    record_kept(job.command, reasons, job.use_case, job.ports, rows=rows, bad_rows=bad_rows)
    job.ports.runs.forget(job.folder)
    return Decision(summary=f"{job.command.file} quarantined: " + "; ".join(reasons))


def _name(command: CheckBatch) -> str:
    return command.file.rpartition("/")[2]
