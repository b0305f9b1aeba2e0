"""Ports in memory beside those of shared/adapters/memory.py: a world that keeps the ports' promises, and nothing else.

What a job does when it ends well is done here too: a training registers a version, a scoring writes its part to gold.
"""

import csv
import io
import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shared.domain.announcing import Event
from shared.domain.batch import LandedFile, ListedFile
from shared.domain.check_run import CheckAnswer, KeepAnswer
from shared.domain.description import placed
from shared.domain.prediction import Summary
from shared.domain.profile import ColumnProfile, Kind, Profile
from shared.domain.quality import CheckReport, ExpectationOutcome
from shared.domain.usecase import DataSpec, ServingSpec
from shared.domain.verdicts import RunResult, Severity, Verdict
from shared.errors import Conflict, Malformed, Refused, TooLarge, Unreachable
from shared.handover import Document, Written
from shared.ports import Commit, Description, Endpoint, ModelVersion, Run
from shared.quarantine import Kept, Sorted
from shared.wire.manifest import LARGEST, decode_manifest

LANDING_URL = "https://account.blob.core.windows.net/landing"
START = datetime(2026, 1, 31, 3, 0, tzinfo=UTC)


class FakeClock:
    """Clock: time passes when somebody sleeps or a test says so, and a microsecond at each look."""

    def __init__(self) -> None:
        self._now = START
        self.slept: list[float] = []

    def now(self) -> datetime:
        self._now += timedelta(microseconds=1)
        return self._now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(timedelta(seconds=seconds))

    def advance(self, by: timedelta) -> None:
        self._now += by


class MemoryLanding:
    """Landing: each write of a file gives it a new ETag."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        self._written: dict[str, datetime] = {}
        self._clock = clock or FakeClock()
        self._writes = 0

    def put(self, name: str, content: str) -> tuple[str, str]:
        """Land the file; its URL and ETag."""
        self._writes += 1
        url, etag = f"{LANDING_URL}/{name}", f"0x{self._writes:X}"
        self._files[url], self._written[url] = (content.encode(), etag), self._clock.now()
        return url, etag

    def remove(self, url: str) -> None:
        del self._files[url]

    @contextmanager
    def fetch(self, url: str, etag: str, largest: int) -> Iterator[Path | None]:
        if not url.startswith(f"{LANDING_URL}/"):
            raise Refused(f"{url} is not below {LANDING_URL}")
        content, current = self._files.get(url, (b"", ""))
        if current != etag:
            yield None
            return
        if len(content) > largest:
            raise TooLarge(f"{url} makes more than {largest} bytes")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / url.rpartition("/")[2]
            file.write_bytes(content)
            yield file

    def content(self, url: str, etag: str = "") -> str | None:
        """The file at that ETag; without one, as it is now."""
        content, current = self._files.get(url, (b"", ""))
        return content.decode() if current == (etag or current) else None

    def beside(self, url: str) -> Sequence[LandedFile]:
        folder = url.rpartition("/")[0]
        return [
            LandedFile(file=f"landing{each.removeprefix(LANDING_URL)}", url=each, etag=etag, size=len(content))
            for each, (content, etag) in sorted(self._files.items())
            if each.startswith(f"{folder}/")
        ]

    def listed(self, prefix: str, since: datetime) -> Sequence[ListedFile]:
        found = [
            ListedFile(file=one.file, url=one.url, etag=one.etag, size=one.size, at=self._written[one.url])
            for one in self.beside(f"{LANDING_URL}/")
            if one.file.startswith(prefix) and self._written[one.url] >= since
        ]
        return sorted(found, key=lambda one: (one.at, one.file))

    def manifest(self, url: str, etag: str) -> Sequence[str] | None:
        with self.fetch(url, etag, LARGEST) as file:
            return decode_manifest(file.read_bytes()) if file else None

    @contextmanager
    def fetch_all(self, files: Sequence[LandedFile], largest: int, *, without_changed: bool) -> Iterator[Path | None]:
        """One after the other, as what reads them here reads one file."""
        found = [self._files.get(one.url, (b"", "")) for one in files]
        same = [content for one, (content, etag) in zip(files, found, strict=True) if etag == one.etag]
        if not same or (len(same) < len(files) and not without_changed):
            yield None
            return
        lines = [content.decode().splitlines() for content in same]
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "batch"
            file.write_text("\n".join([*lines[0], *(line for each in lines[1:] for line in each[1:])]) + "\n")
            yield file

    @contextmanager
    def fetch_commit(self, url: str, etag: str, largest: int) -> Iterator[Path | None]:
        with self.fetch(url, etag, largest) as file:
            yield file


class MemoryQuality:
    """Quality: a row whose `x` is negative is bad; a file that says `?` nobody can judge."""

    def __init__(self) -> None:
        self.checks, self.warns = 0, False

    @contextmanager
    def prepared(self, file: Path, spec: DataSpec) -> Iterator[Path]:
        yield file

    def check(self, file: Path, spec: DataSpec, known: Mapping[str, str] | None = None) -> CheckReport:
        self.checks += 1
        rows = list(csv.DictReader(io.StringIO(file.read_text())))
        bad = sum(row["x"].startswith("-") for row in rows)
        verdict = Verdict.FAILED if bad else Verdict.PASSED
        if any(row["x"] == "?" for row in rows):
            verdict = Verdict.MISCONFIGURED
        return self._report(verdict, bad, len(rows))

    def report(self, answer: CheckAnswer, known: Mapping[str, Any] | None, spec: DataSpec, name: str) -> CheckReport:
        (result,) = answer.results
        return self._report(Verdict(result["verdict"]), result["bad"], answer.rows)

    def _report(self, verdict: Verdict, bad: int, rows: int) -> CheckReport:
        outcome = ExpectationOutcome(
            expectation="expect_column_values_to_be_between",
            column="x",
            severity=Severity.BLOCKING,
            verdict=verdict,
            asked="x to be at least 0",
            unexpected=bad,
            detail=f"{bad} rows are not" if bad else "",
        )
        warned = replace(outcome, severity=Severity.WARNING, verdict=Verdict.FAILED, asked="x to be odd")
        return CheckReport(rows=rows, expectations=(outcome, warned)[: 1 + self.warns], document="{}")


@dataclass
class _Appended:
    story: str
    generation: int
    values: list[str]


class MemorySorting:
    """Sorting: by the rule of MemoryQuality."""

    @contextmanager
    def sort_out(self, file: Path, spec: DataSpec, report: CheckReport) -> Iterator[Sorted | None]:
        header, *rows = file.read_text().splitlines()
        with tempfile.TemporaryDirectory() as folder:
            bad = [row for row in rows if ",-" in row]
            paths = {name: Path(folder) / f"{name}.csv" for name in ("rows", "bad", "good")}
            paths["rows"].write_text(file.read_text())
            paths["bad"].write_text("\n".join([header, *bad]))
            paths["good"].write_text("\n".join([header, *(row for row in rows if row not in bad)]))
            by_row = report.verdict is Verdict.FAILED
            yield Sorted(**paths, counted=len(rows), counted_bad=len(bad), by_row=by_row)


class MemoryQuarantine:
    """Quarantine: files by location."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[int, str, str, tuple[str, ...]]] = {}

    def keep(
        self, file: Path, rows: Path | None, *, location: str, story: str, generation: int, reasons: Sequence[str]
    ) -> int:
        if location not in self.kept or self.kept[location][0] < generation:
            self.kept[location] = (generation, file.read_text(), rows.read_text() if rows else "", tuple(reasons))
        return max(len(self.kept[location][2].splitlines()) - 1, 0)

    @contextmanager
    def rows(self, location: str, largest: int) -> Iterator[Path | None]:
        if len(self.kept[location][2]) > largest:
            raise TooLarge(f"{location} has more than {largest} bytes")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.csv"
            file.write_text(self.kept[location][2])
            yield file

    @contextmanager
    def file(self, location: str) -> Iterator[Path | None]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "landed.csv"
            file.write_text(self.kept[location][1])
            yield file if file.read_text() else None  # what a job kept is not copied

    def look(self, location: str) -> Kept | None:
        return None


class MemoryProfiler:
    """Profiler: the column x is a number, cut at its median; origin are categories."""

    def profile(self, file: Path, spec: DataSpec, baseline: Profile | None, first: Collection[str] = ()) -> Profile:
        rows = list(csv.DictReader(io.StringIO(file.read_text())))
        values = sorted(float(row["x"]) for row in rows if row["x"].lstrip("-").isdigit())
        edges = (values[len(values) // 2],) if values else ()
        before = baseline.column("x") if baseline else None

        def counts(cuts: tuple[float, ...]) -> tuple[int, ...]:
            return (sum(v <= cuts[0] for v in values), sum(v > cuts[0] for v in values)) if cuts else ()

        x = ColumnProfile(
            name="x",
            kind=Kind.NUMBER,
            nulls=len(rows) - len(values),
            edges=edges,
            counts=counts(edges),
            against=counts(before.edges if before else ()),
        )
        origins = dict(Counter(row["origin"] for row in rows))
        origin = ColumnProfile(name="origin", kind=Kind.CATEGORY, categories=origins)
        return Profile(rows=len(rows), columns=(x, origin))


class MemoryProfiles:
    """Profiles."""

    def __init__(self) -> None:
        self.kept: dict[str, Profile] = {}

    def save(self, name: str, profile: Profile) -> None:
        self.kept[name] = profile

    def load(self, name: str) -> Profile | None:
        return self.kept.get(name)


class MemoryLake:
    """Lake: silver is a list of commits, gold a number of rows for each part."""

    def __init__(self) -> None:
        self._silver: dict[str, list[_Appended]] = {}
        self._gold: dict[str, dict[str, int]] = {}
        self.gold_writes: list[tuple[str, str, str]] = []
        self.summaries: dict[str, Summary] = {}
        self.groups: dict[str, tuple[str, int, int]] = {}
        self.notes: dict[tuple[str, int], dict[str, str]] = {}

    def columns(self, table: str) -> Mapping[str, str]:
        return {}

    def committed(self, table: str, story: str, generation: int) -> Commit | None:
        for version, done in enumerate(self._silver.get(table, []), start=1):
            if done.story == story and done.generation >= generation:
                return Commit(table=table, delta_version=version, rows=len(done.values))
        return None

    def commit(
        self, file: Path, spec: DataSpec, story: str, generation: int, notes: Mapping[str, str] | None = None
    ) -> Commit:
        self.notes[story, generation] = dict(notes or {})
        commits = self._silver.setdefault(spec.table, [])
        if done := self.committed(spec.table, story, generation):
            return done
        values = [row[spec.partition_by] for row in csv.DictReader(io.StringIO(file.read_text()))]
        commits.append(_Appended(story, generation, values))
        return Commit(table=spec.table, delta_version=len(commits), rows=len(values))

    def parts(self, table: str, delta_version: int, column: str, since: int = -1, *, rows: int = 0) -> Sequence[str]:
        if rows:  # each commit is a file, and a group
            return [f"{number:05}" for number in range(max(since, 0), delta_version)]
        return sorted({value for done in self._silver[table][max(since, 0) : delta_version] for value in done.values})

    def keep_groups(self, place: str, table: str, delta_version: int, rows: int) -> None:
        self.groups[place] = (table, delta_version, rows)

    def rows(self, table: str, column: str, value: str) -> Commit:
        if table in self._silver:
            counted = sum(done.values.count(value) for done in self._silver[table])
            return Commit(table=table, delta_version=len(self._silver[table]), rows=counted)
        writes = len([one for one in self.gold_writes if one[0] == table])
        return Commit(table=table, delta_version=writes - 1, rows=self._gold.get(table, {}).get(value, 0))

    def summary(self, place: str) -> Summary | None:
        return self.summaries.get(place)

    def uri(self, table: str) -> str:
        return f"memory://lake/{table}"

    def table_of(self, uri: str) -> str:
        return uri.removeprefix("memory://lake/")

    def versions(self, table: str) -> int:
        """How many commits the silver table has."""
        return len(self._silver.get(table, []))

    def replace_part(self, table: str, part: str, *, source: str, delta_version: int, model_version: str) -> None:
        """What the scoring job does."""
        rows = sum(done.values.count(part) for done in self._silver[source][:delta_version])
        self._gold.setdefault(table, {})[part] = rows
        self.gold_writes.append((table, part, model_version))


class MemoryDocuments:
    """Documents."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def leave(self, name: str, text: str) -> None:
        self.texts[name] = text

    def read(self, name: str) -> str | None:
        return self.texts.get(name)


class MemoryCheckJob:
    """CheckRuns, JobReads and JobFiles, and what the job does: the rule of MemoryQuality, on texts by name."""

    def __init__(self, landing: MemoryLanding, quarantine: MemoryQuarantine, lake: MemoryLake) -> None:
        self._landing, self._quarantine, self._lake = landing, quarantine, lake
        self.requests: dict[str, Document] = {}
        self.answers: dict[str, CheckAnswer | KeepAnswer] = {}
        self.written: dict[str, str] = {}

    def ask(self, place: str, request: Document) -> None:
        self.requests.setdefault(place, request)

    def asked(self, place: str) -> Document | None:
        return self.requests.get(place)

    def looked(self, place: str) -> CheckAnswer:
        found = self.answers.get(place)
        if not isinstance(found, CheckAnswer):
            raise Malformed("it left no answer")
        return found

    def kept(self, place: str) -> KeepAnswer:
        found = self.answers.get(place)
        if not isinstance(found, KeepAnswer):
            raise Malformed("it left no answer")
        return found

    def forget(self, folder: str) -> None:
        self.requests = {place: one for place, one in self.requests.items() if not place.startswith(f"{folder}/")}
        self.answers = {place: one for place, one in self.answers.items() if not place.startswith(f"{folder}/")}

    def of_files(self, files: Sequence[LandedFile], spec: DataSpec, *, without_changed: bool) -> Document | None:
        found = [(one, self._landing.content(one.url, one.etag)) for one in files]
        there = [one for one, content in found if content is not None]
        if not there or (len(there) < len(files) and not without_changed):
            return None
        return {"reads": [[one.url, one.etag] for one in there]}

    def of_commit(self, url: str, etag: str, spec: DataSpec) -> Document | None:
        return {"reads": [[url, etag]]} if self._landing.content(url, etag) is not None else None

    def of_kept(self, location: str) -> Document | None:
        return {"reads": [location]}

    def schema(self, table: str) -> Document | None:
        return None

    def commit(self, written: Written, spec: DataSpec, story: str, generation: int, notes: Mapping[str, str]) -> Commit:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.csv"
            file.write_text("".join(self.written[f"{written.folder}/{each}"] for each in written.files))
            return self._lake.commit(file, spec, story, generation, notes)

    def keep(
        self, written: Written, sample: Kept, *, location: str, story: str, generation: int, told: Document
    ) -> int:
        before = self._quarantine.kept.get(location)
        if before is None or before[0] < generation:
            text = "".join(self.written[f"{written.folder}/{each}"] for each in written.files)
            self._quarantine.kept[location] = (generation, "", text, tuple(told["reasons"]))
        return written.rows

    def work(self, run: Run) -> None:
        """What a run does that ends well."""
        place = self._lake.table_of(run.parameters["answer"])
        request = self.requests[self._lake.table_of(run.parameters["request"])]
        text = self._text(request["reads"])
        header, *rows = text.splitlines()
        is_check = request["what"] == "check"
        if any(row.endswith("!") for row in rows):
            self.answers[place] = (CheckAnswer if is_check else KeepAnswer)(unreadable="no CSV")
            return
        bad = [row for row in rows if ",-" in row]
        if is_check:
            verdict = Verdict.FAILED if bad else Verdict.PASSED
            is_released = isinstance(request["reads"][0], str)
            self.answers[place] = CheckAnswer(
                rows=len(rows),
                results=({"verdict": verdict, "bad": len(bad)},),
                profile=self._profile(text),
                files=self._write(request["rows_to"], text) if verdict is Verdict.PASSED or is_released else (),
            )
            return
        percent = request["split_at_most_percent"]
        split = bool(percent and bad and 100 * len(bad) <= float(percent) * len(rows))
        good = "\n".join([header, *(row for row in rows if row not in bad)]) + "\n"
        self.answers[place] = KeepAnswer(
            rows=len(rows),
            bad=len(bad),
            by_row=True,
            split=split,
            kept_files=self._write(request["bad_to"], "\n".join([header, *bad]) + "\n" if split else text),
            profile=self._profile(good) if split else None,
            files=self._write(request["rows_to"], good) if split else (),
        )

    def _text(self, reads: Sequence[Any]) -> str:
        if isinstance(reads[0], str):
            return self._quarantine.kept[reads[0]][2]
        return "".join(self._landing.content(url) or "" for url, _ in reads)  # Spark knows of no ETag

    def _write(self, folder: str, text: str) -> tuple[str, ...]:
        self.written[f"{folder}/part-0"] = text
        return ("part-0",)

    def _profile(self, text: str) -> Profile:
        spec = DataSpec(arrives="", expectations="", table="", partition_by="", columns={})
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.csv"
            file.write_text(text)
            return MemoryProfiler().profile(file, spec, None)


@dataclass
class _Run:
    run: Run
    token: str


class MemoryServing:
    """Serving: an update goes on until a test ends it."""

    def __init__(self) -> None:
        self.endpoints: dict[str, Endpoint] = {}
        self.asked: list[tuple[str, str, str]] = []
        self._coming = ("", "", 0)

    def endpoint(self, name: str) -> Endpoint | None:
        return self.endpoints.get(name)

    def serve(self, spec: ServingSpec, model: str, version: str, *, canary: str = "") -> None:
        there = self.endpoints.get(spec.endpoint) or Endpoint(name=spec.endpoint, version="", pending="", failed="")
        if there.pending:
            raise Conflict(f"endpoint {spec.endpoint} is being updated")
        self.asked.append((spec.endpoint, model, f"{version}+{canary}" if canary else version))
        self._coming = (version, canary, spec.canary.percent if canary and spec.canary else 0)
        self.endpoints[spec.endpoint] = replace(there, pending=canary or version, failed="")

    def end(self, name: str, failed: str = "") -> None:
        """The update ends; one that failed leaves what was served."""
        there = self.endpoints[name]
        if failed:
            self.endpoints[name] = replace(there, pending="", failed=failed, failed_version=there.pending)
            return
        version, canary, percent = self._coming
        self.endpoints[name] = Endpoint(
            name=name, version=version, pending="", failed="", canary=canary, percent=percent
        )

    def sicken(self, name: str, why: str) -> None:
        """One of those that answer does not any more."""
        self.endpoints[name] = replace(self.endpoints[name], unwell=why)


class MemoryJobs:
    """Jobs: a run goes on until a test ends it. `on_success` is what the job does in the world."""

    def __init__(self, workspace: str, jobs: Sequence[str]) -> None:
        self._workspace = workspace
        self.jobs = list(jobs)
        self._runs: dict[int, _Run] = {}
        self._ids = itertools.count(1001)
        self.on_success: Callable[[Run], None] = lambda _: None

    def start(self, job: str, *, token: str, parameters: dict[str, str], workspace: str = "") -> tuple[str, int]:
        if job not in self.jobs:
            raise Refused(f"workspace {self._workspace} has no job {job!r}")
        if len(token) > 64:
            raise Refused("an idempotency token has at most 64 characters")
        for job_run_id, found in self._runs.items():
            if found.token == token:
                return self._workspace, job_run_id
        job_run_id = next(self._ids)
        run = Run(
            workspace=self._workspace,
            job_run_id=job_run_id,
            job=job,
            result=RunResult.RUNNING,
            message="",
            parameters=dict(parameters),
        )
        self._runs[job_run_id] = _Run(run, token)
        return self._workspace, job_run_id

    def run(self, workspace: str, job_run_id: int) -> Run:
        if workspace != self._workspace or job_run_id not in self._runs:
            return Run(
                workspace=workspace,
                job_run_id=job_run_id,
                job="",
                result=RunResult.LOST,
                message="there is no such run",
                parameters={},
            )
        return self._runs[job_run_id].run

    def cancel(self, workspace: str, job_run_id: int) -> bool:
        runs = self.run(workspace, job_run_id).result is RunResult.RUNNING
        if runs:
            self.end(job_run_id, RunResult.CANCELLED)
        return runs

    def end(self, job_run_id: int, result: RunResult, message: str = "") -> None:
        """The run ends; one that succeeds has done its work before."""
        found = self._runs[job_run_id]
        if result is RunResult.SUCCEEDED:
            self.on_success(found.run)
        found.run = replace(found.run, result=result, message=message)

    def forget(self, job_run_id: int) -> None:
        """As a workspace does with old runs."""
        del self._runs[job_run_id]

    @property
    def runs(self) -> list[Run]:
        return [found.run for found in self._runs.values()]

    @property
    def running(self) -> list[Run]:
        return [run for run in self.runs if run.result is RunResult.RUNNING]


FULL = Description(
    evidence={"model_card.md": 900, "feature_importance.json": 300},
    model={"MLmodel": 700, "python_model.pkl": 90_000},
    signature=True,
    input_example=True,
    libraries_pinned=True,
)
"""What a training of ours stores."""

NOTHING = Description(evidence={}, model={}, signature=False, input_example=False, libraries_pinned=False)


def measured(champion: str) -> dict[str, str]:
    """The parameters by which a run of ours says which rows it measured the version on, and the champion."""
    compared = {"champion.version": champion, "champion.holdout.fingerprint": "2-f00d"} if champion else {}
    return {"holdout.fingerprint": "2-f00d", **compared}


@dataclass
class MemoryRegistry:
    """Registry: tells `listener` of what MLflow would send a webhook for (entity, action, data)."""

    listener: Callable[[str, str, dict[str, str]], None] = lambda *_: None
    models: dict[str, dict[str, ModelVersion]] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    pointed: list[tuple[str, str, str]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    descriptions: dict[tuple[str, str], Description] = field(default_factory=dict)
    written: dict[tuple[str, str], str] = field(default_factory=dict)

    def register(self, model: str, *, tags: dict[str, str], metrics: dict[str, float], run_id: str = "") -> str:
        """What a training, or a colleague, does. Its run says that the champion was measured on the same rows."""
        versions = self.models.setdefault(model, {})
        version = str(len(versions) + 1)
        versions[version] = ModelVersion(
            model=model,
            version=version,
            mlflow_run_id=run_id,
            tags=dict(tags),
            metrics=dict(metrics),
            parameters=measured(tags.get("sluice.champion_version", "")) if run_id else {},
            author=tags.get("sluice.requester", ""),
        )
        self.listener("model_version", "created", {"name": model, "version": version})
        return version

    def delete(self, model: str, version: str) -> None:
        """What MLflow does: the aliases go with it, and nobody is told."""
        del self.models[model][version]
        self.aliases = {
            name: pointed for name, pointed in self.aliases.items() if (name[0], pointed) != (model, version)
        }

    def version(self, model: str, version: str) -> ModelVersion | None:
        return self.models.get(model, {}).get(version)

    def versions(self, model: str) -> Sequence[str]:
        return sorted(self.models.get(model, {}), key=int)

    def annotate(self, model: str, version: str, tags: dict[str, str], *, section: str = "") -> None:
        found = self.version(model, version)
        if found is not None:
            if section:
                self.written[model, version] = placed(self.written.get((model, version), ""), section)
            self.models[model][version] = replace(found, tags={**found.tags, **tags})

    def slot(self, model: str, slot: str) -> str:
        return self.aliases.get((model, slot), "")

    def point(self, model: str, slot: str, version: str) -> None:
        if not version:
            if self.aliases.pop((model, slot), None):
                self.listener("model_version_alias", "deleted", {"name": model, "alias": slot})
            return
        if self.version(model, version) is None:
            raise Refused(f"{model} has no version {version}")
        self.aliases[model, slot] = version
        self.pointed.append((model, slot, version))
        self.listener("model_version_alias", "created", {"name": model, "alias": slot, "version": version})

    def describe(self, model: str, version: str) -> Description:
        found = self.version(model, version)
        return self.descriptions.get((model, version), FULL if found and found.mlflow_run_id else NOTHING)

    def why_not_loadable(self, model: str, version: str) -> str:
        if self.version(model, version) is None:
            return f"version {version} does not exist"
        return f"version {version} lacks model.pkl" if version in self.broken else ""


class MemoryAnnouncer:
    """Announcer: what was published, in the order in which it came. While it is `down` it takes nothing."""

    def __init__(self) -> None:
        self.published: list[Event] = []
        self.down = ""

    def publish(self, event: Event) -> None:
        if self.down == "refuses":
            raise Refused("the Event Grid topic answers 400")
        if self.down:
            raise Unreachable(f"the Event Grid topic does not answer: {self.down}")
        self.published.append(event)


class CrashError(Exception):
    """The process died here."""
