"""What the steps need of the world. Each docstring is a promise: what is atomic, what is idempotent, what is raised.

Every method of every port may raise Unreachable (transient). Adapters keep the promises; contract tests hold them.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from shared.domain.announcing import Event
from shared.domain.batch import LandedFile, ListedFile
from shared.domain.check_run import CheckAnswer
from shared.domain.commands import Command
from shared.domain.facts import Fact
from shared.domain.prediction import Summary
from shared.domain.quality import CheckReport
from shared.domain.usecase import DataSpec, ServingSpec
from shared.domain.verdicts import RunResult


class Clock(Protocol):
    """Time, as a port, so that tests own it."""

    def now(self) -> datetime:
        """Aware UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, kw_only=True)
class StoryHead:
    """A story without its facts: enough to list it."""

    story: str
    subject: str
    first_at: datetime
    last_at: datetime
    last_kind: str
    settled: bool


class Ledger(Protocol):
    """Facts by story. A story is a partition, a fact's key is its row key."""

    def record(self, facts: Sequence[Fact]) -> Sequence[bool]:
        """Insert the facts of one story, each once by its key, in order; answer for each whether it was first.

        A fact that is there already stays as it was. A crash leaves a prefix. Raises ValueError for facts of
        several stories.
        """

    def story(self, story: str) -> Sequence[Fact]:
        """The facts of a story in the order they were recorded; empty when there is none."""

    def recent(self, limit: int) -> Sequence[StoryHead]:
        """The stories whose first fact is newest, newest first; shards are no stories of their own here."""

    def find(self, subject: str) -> Sequence[str]:
        """The stories that a file, run id or `model@version` leads to, newest first."""

    def unsettled(self) -> Sequence[str]:
        """The stories in which something is left to do, oldest first."""


@dataclass(frozen=True, kw_only=True)
class Approval:
    """The version that the gate approved for a slot. `etag` changes with each change."""

    model: str
    slot: str
    version: str
    story: str
    at: datetime
    etag: str = ""


class Approvals(Protocol):
    """Which version is approved for each slot: the record that the registry is held to."""

    def approved(self, model: str, slot: str) -> Approval | None:
        """The approval in force."""

    def approve(self, approval: Approval, *, replaces: Approval | None) -> Approval:
        """Set it atomically, if what is in force is still `replaces` (by its ETag). Raises Conflict."""

    def slots(self) -> Sequence[Approval]:
        """Every approval in force."""


@dataclass(frozen=True, kw_only=True)
class ParkedMessage:
    """A message that can not succeed, with all that is needed to send it again."""

    queue: str
    message_id: str
    reason: str
    detail: str
    body: bytes
    correlation_id: str
    at: datetime
    outcome: str = ""


class Parking(Protocol):
    """The one list of messages that wait for a person."""

    def park(self, message: ParkedMessage) -> bool:
        """Insert once by queue and message id; answer whether it was first."""

    def parked(self) -> Sequence[ParkedMessage]:
        """Those that still wait, oldest first."""

    def settle(self, queue: str, message_id: str, outcome: str) -> bool:
        """Take it off the list with what was done; answer whether it was on it."""


class Outbox(Protocol):
    """The way onto the queues."""

    def send(self, commands: Sequence[Command]) -> None:
        """Send each under its own message id; a repeat within the detection window is dropped by the broker.

        Not atomic over several commands: the sender is delivered again and sends again.
        """

    def resend(self, message: ParkedMessage, *, message_id: str) -> None:
        """Send a parked message's body again, under another id."""


class Announcer(Protocol):
    """The way to other systems that want to hear what was decided."""

    def publish(self, event: Event) -> None:
        """Publish it; the same id again is the same event. Raises Unreachable whenever it would go well once the topic,
        its address or our rights there are mended, and Refused when the event itself is not taken.
        """


class Landing(Protocol):
    """Where files land."""

    def fetch(self, url: str, etag: str, largest: int) -> AbstractContextManager[Path | None]:
        """A local copy of the file at that ETag, for as long as the context lasts; None when it is not there any
        more at that ETag. Raises Refused for a URL outside the landing area, TooLarge for more bytes than `largest`.
        """

    def beside(self, url: str) -> Sequence[LandedFile]:
        """The files in the folder of that one and below, by name. Raises Refused."""

    def listed(self, prefix: str, since: datetime) -> Sequence[ListedFile]:
        """The files whose container/path begins with the prefix and that were written then or later, oldest first, each
        with the ETag that its event has. Links are no files.
        """

    def manifest(self, url: str, etag: str) -> Sequence[str] | None:
        """The names in a manifest at that ETag, None where it is not there any more. Raises Malformed, Refused."""

    def fetch_all(
        self, files: Sequence[LandedFile], largest: int, *, without_changed: bool
    ) -> AbstractContextManager[Path | None]:
        """A folder with local copies of the files, each at its ETag; None where one is not there any more at it, or,
        `without_changed`, where none is. Raises Refused, and TooLarge for more bytes than `largest` together.
        """

    def fetch_commit(self, url: str, etag: str, largest: int) -> AbstractContextManager[Path | None]:
        """A folder with local copies, as Parquet, of what a commit of a Delta table added, by the file of its log; None
        where it added nothing, or it or a file of it is not there any more. Raises Refused for a commit that takes rows
        away, Malformed, TooLarge.
        """


class Quality(Protocol):
    """The engine that checks data."""

    def prepared(self, file: Path, spec: DataSpec) -> AbstractContextManager[Path]:
        """The file read once, in a form that check, profiler, sorting and lake read faster, for as long as the context
        lasts; the file itself where it cannot be read. Changes nothing.
        """

    def check(self, file: Path, spec: DataSpec, known: Mapping[str, str] | None = None) -> CheckReport:
        """Judge the file by the suite, and its columns by those of its table, `known`, where there is one. What cannot
        be read, or a suite that cannot be run, is an outcome in the report, never a pass and never an exception.
        Changes nothing. Raises TooLarge for what is too much for here, where a job of the use case could check it.
        """

    def report(self, answer: CheckAnswer, known: Mapping[str, Any] | None, spec: DataSpec, name: str) -> CheckReport:
        """The same report of what a check job found; `known` is the table's schema as the job knew it, `name` what the
        batch is called.
        """


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A version of a Delta table."""

    table: str
    delta_version: int
    rows: int


class Lake(Protocol):
    """The Delta tables, silver and gold. Tables are named relative to the lake."""

    def commit(
        self, file: Path, spec: DataSpec, story: str, generation: int, notes: Mapping[str, str] | None = None
    ) -> Commit:
        """Append the file to the silver table exactly once for this story and generation, whoever calls how often; the
        notes go into the commit's metadata.
        """

    def committed(self, table: str, story: str, generation: int) -> Commit | None:
        """The commit of that story and generation, or of a later one; None where there is none."""

    def columns(self, table: str) -> Mapping[str, str]:
        """Names and types (DuckDB's) of the table's columns now; none where there is no table yet."""

    def parts(self, table: str, delta_version: int, column: str, since: int = -1, *, rows: int = 0) -> Sequence[str]:
        """The values of a partition column at that version, sorted; or, with `rows`, the numbers of the groups of files
        of about so many rows. After version `since`, where that is given, only those whose files changed; all, where
        that version is not known any more.
        """

    def keep_groups(self, place: str, table: str, delta_version: int, rows: int) -> None:
        """Leave there, for the jobs, which files each group has; the same again changes nothing."""

    def rows(self, table: str, column: str, value: str) -> Commit:
        """The rows of one partition at the table's newest version; 0 when the table is not there."""

    def summary(self, place: str) -> Summary | None:
        """What a scoring job left there about its part's predictions; None where it left nothing that can be read."""

    def uri(self, table: str) -> str:
        """The address of a table, or of another place in the lake, as jobs read it."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A Databricks job run, as far as the steps care. `parameters` are those it was started with."""

    workspace: str
    job_run_id: int
    job: str
    result: RunResult
    message: str
    parameters: dict[str, str]


class Jobs(Protocol):
    """The Databricks workspaces."""

    def start(self, job: str, *, token: str, parameters: dict[str, str], workspace: str = "") -> tuple[str, int]:
        """Run the job now, in the named workspace or at home, once per token, however often called. Returns workspace
        and job_run_id.

        Raises Refused when there is no such workspace, when the job does not exist or does not take the parameters;
        Down, at once, when the workspace did not answer a moment ago.
        """

    def run(self, workspace: str, job_run_id: int) -> Run:
        """The run's present state. A run that the workspace does not know is lost."""

    def cancel(self, workspace: str, job_run_id: int) -> bool:
        """Stop the run; did it still run? Returns before it has stopped."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A serving endpoint: the version that answers, the one that is being brought up, and why the last one was not,
    with its version where the workspace says it. Each is "" where there is none.

    Where two answer, `canary` is the new one, with its `percent` of the requests. `unwell` is why one of those that
    answer is not as it should be.
    """

    name: str
    version: str
    pending: str
    failed: str
    failed_version: str = ""
    canary: str = ""
    percent: int = 0
    unwell: str = ""


class Serving(Protocol):
    """The serving endpoints of the home workspace."""

    def endpoint(self, name: str) -> Endpoint | None:
        """Its present state."""

    def serve(self, spec: ServingSpec, model: str, version: str, *, canary: str = "") -> None:
        """Ask for the version, with a `canary` beside it that gets the percentage of the spec's: creates the endpoint,
        or updates it; returns before it is done. What answers goes on answering until the new one does. Raises Conflict
        while another update is under way, Refused for good.
        """


@dataclass(frozen=True, kw_only=True)
class ModelVersion:
    """A version in the registry, and the metrics and parameters that its run logged (none where it has no run).

    `author` is who asked for it: its tag `sluice.requester`, else who ran its run; "" where nobody is known.
    """

    model: str
    version: str
    mlflow_run_id: str
    tags: dict[str, str]
    metrics: dict[str, float]
    parameters: dict[str, str] = field(default_factory=dict)
    author: str = ""


class Registry(Protocol):
    """The MLflow registry and the runs behind its versions. A slot is an alias, or a stage where the use case says."""

    def version(self, model: str, version: str) -> ModelVersion | None:
        """The version, or None when there is none."""

    def versions(self, model: str) -> Sequence[str]:
        """Every version of the model, oldest first; empty when there is no such model."""

    def annotate(self, model: str, version: str, tags: dict[str, str], *, section: str = "") -> None:
        """Make `section` the gate's part of the version's description, then set the tags; idempotent.

        What others wrote in the description stays. One that the registry refuses is left out: the tags say the same.
        A version that is gone is no error.
        """

    def slot(self, model: str, slot: str) -> str:
        """The version that the slot points at, or ""; where a stage holds several, all, joined by commas."""

    def point(self, model: str, slot: str, version: str) -> None:
        """Point the slot at the version and at no other, or empty it when the version is ""; idempotent.

        Raises Refused when the version is gone.
        """


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is stored with a model version: the files of its run's `evidence` folder and of the model itself, with
    their sizes in bytes, and what the model says of itself.
    """

    evidence: dict[str, int]
    model: dict[str, int]
    signature: bool
    input_example: bool
    libraries_pinned: bool


class Artefacts(Protocol):
    """What a model version is made of."""

    def describe(self, model: str, version: str) -> Description:
        """What is stored; nothing where nothing can be found."""

    def why_not_loadable(self, model: str, version: str) -> str:
        """ "" when the version exists, is READY, and its model description and what that names are stored; else why
        not. Nothing is loaded: a library that is missing where it is loaded is not seen.
        """
