"""What the check job is asked about a batch: to look into it, or to keep apart what failed of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain import check_run as runs
from shared.domain.batch import LandedFile
from shared.domain.commands import CheckBatch
from shared.domain.facts import CheckRunStarted, QuarantineReleased
from shared.domain.identity import run_token
from shared.domain.quality import CheckReport, CheckStep
from shared.domain.quarantine import location_of
from shared.domain.trace import traceparent
from shared.domain.usecase import Format, QuarantineKind, UseCase
from shared.domain.verdicts import Verdict
from shared.errors import Refused
from shared.handover import Document
from shared.steps.batch_ends import release_of
from shared.steps.batch_ports import BatchPorts
from shared.steps.decision import Decision
from shared.steps.fetch_batch import files_of_batch
from shared.steps.watch_drift import Baseline, baseline_at, baseline_of


@dataclass(frozen=True, kw_only=True)
class CheckJob:
    """The use case's check job, for the batch of one command. `why` says why the batch is not checked here."""

    command: CheckBatch
    use_case: UseCase
    ports: BatchPorts
    why: str

    @property
    def folder(self) -> str:
        """Where its runs' documents are, below the lake."""
        return runs.folder_of(self.use_case.name, self.command.story, self.command.generation)

    @property
    def released(self) -> QuarantineReleased | None:
        """The release that lets these rows pass whatever they look like, if there is one."""
        found = release_of(self.command, self.ports.ledger.story(self.command.story))
        return found if found and not found.check else None

    def look(self, attempt: int = 1) -> Decision | None:
        """Have the batch looked into; None where it changed since it arrived. Raises Malformed."""
        reads = self.reads()
        if reads is None:
            return None
        baseline = baseline_of(self.command.story, self.use_case, self.ports)
        columns = baseline.profile.columns if baseline else ()
        request = {
            **reads,
            "what": "check",
            "raw": self.ports.lake.uri(f"{self.folder}/raw-{attempt}"),
            "suite": [] if self.released else runs.asked_of(self.use_case.data.expectations),
            "known": self.ports.files.schema(self.use_case.data.table),
            "baseline": {one.name: {"edges": one.edges, "bars": one.bars} for one in columns if one.edges},
            "baseline_story": baseline.committed.story if baseline else "",
            "profile_first": list(self.use_case.drift.columns) if self.use_case.drift else [],
        }
        return self._start(CheckStep.CHECK, attempt, request)

    def keep(self, step: CheckStep, request: Document, report: CheckReport) -> Decision:
        """Have kept apart what the report does not let pass, of the batch of that request."""
        data = self.use_case.data
        stopping, of_all = runs.stopping(report, data.expectations)
        by_rows = step is CheckStep.KEEP and data.quarantine is QuarantineKind.ROWS
        asked = {
            **request,
            "what": "keep",
            "stopping": stopping,
            "of_all": of_all,
            "split_at_most_percent": (
                str(data.quarantine_at_most_percent) if by_rows and report.verdict is Verdict.FAILED else None
            ),
        }
        return self._start(step, 1, asked)

    def again(self, run: CheckRunStarted) -> Decision | None:
        """The next attempt of a run that was lost; None where the batch changed since. Raises Malformed."""
        if run.step is CheckStep.CHECK:
            return self.look(run.attempt + 1)
        return self._start(run.step, run.attempt + 1, self.request(run))

    def request(self, run: CheckRunStarted) -> Document:
        """What a run was asked. Raises Refused where that is gone."""
        found = self.ports.runs.asked(runs.request_of(self.folder, run.step, run.attempt))
        if found is None:
            raise Refused(f"{self.folder} is gone, where the check goes on: land {self.command.file} again")
        return found

    def answer_of(self, run: CheckRunStarted) -> str:
        """The place of what it left."""
        return runs.answer_of(self.folder, run.step, run.attempt)

    def reads(self) -> Document | None:
        """How the job reads the batch now; None where it changed since it arrived. Raises Malformed."""
        command, data = self.command, self.use_case.data
        if released := self.released:
            return self.ports.reads.of_kept(released.location)
        if data.format is Format.DELTA:
            return self.ports.reads.of_commit(command.url, command.etag, data)
        if data.is_of_one_file:
            one = LandedFile(file=command.file, url=command.url, etag=command.etag, size=0)
            return self.ports.reads.of_files([one], data, without_changed=False)
        files = files_of_batch(command, self.use_case, self.ports)
        return self.ports.reads.of_files(files, data, without_changed=data.quiet is not None) if files else None

    def baseline(self, request: Document) -> Baseline | None:
        """The baseline on whose edges the run counted."""
        story = request["baseline_story"]
        return baseline_at(story, self.use_case, self.ports) if story else None

    def _start(self, step: CheckStep, attempt: int, request: Mapping[str, Any]) -> Decision:
        """Leave the request, once, and start the run under a token that makes a repeat find it."""
        data, story, generation = self.use_case.data, self.command.story, self.command.generation
        kept = runs.files_of(location_of(self.use_case.name, story), story, generation, step, attempt)
        place = runs.request_of(self.folder, step, attempt)
        asked = {
            **request,
            "partition_by": data.partition_by,
            "rows_to": self.ports.lake.uri(runs.files_of(data.table, story, generation, step, attempt)),
            "bad_to": self.ports.lake.uri(kept),
        }
        self.ports.runs.ask(place, asked)
        workspace, job_run_id = self.ports.jobs.start(
            data.check_job,
            token=run_token("check", story, str(generation), step, str(attempt)),
            parameters={
                "story": story,
                "use_case": self.use_case.name,
                "request": self.ports.lake.uri(place),
                "answer": self.ports.lake.uri(runs.answer_of(self.folder, step, attempt)),
                "traceparent": traceparent(story),
            },
        )
        fact = CheckRunStarted(
            story=story,
            at=self.ports.clock.now(),
            generation=generation,
            step=step,
            attempt=attempt,
            workspace=workspace,
            job_run_id=job_run_id,
            reason=self.why,
        )
        self.ports.ledger.record([fact])
        return Decision(summary=f"{self.why}: {step} runs as {job_run_id} in {workspace}")
