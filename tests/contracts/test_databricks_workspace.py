"""The local Databricks workspace as the unmodified databricks-sdk sees it; every task is a real process."""

import base64
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    BadRequest,
    InternalError,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceDoesNotExist,
)
from databricks.sdk.service import settings as sdk_settings
from databricks.sdk.service.jobs import (
    JobParameterDefinition,
    JobSettings,
    PythonWheelTask,
    QueueSettings,
    Run,
    RunLifeCycleState,
    RunLifecycleStateV2State,
    RunResultState,
    SparkPythonTask,
    Task,
    TaskDependency,
    TerminationCodeCode,
    TerminationTypeType,
    Webhook,
    WebhookNotifications,
)

ROOT = Path(__file__).parents[2]
DEADLINE = 30.0
WARM = ("--warm", "wave,no_such_module")
TOKENS = {"ws1": "one", "ws2": "two"}
STUB = """
import json, os, subprocess, sys, time
from pathlib import Path

def main():
    what, *rest = sys.argv[1:]
    if what.startswith("--"):
        print(json.dumps(sys.argv))
    elif what == "say":
        print(json.dumps(rest))
    elif what == "env":
        print(os.environ.get(rest[0]))
    elif what == "parent":
        print(Path(f"/proc/{os.getppid()}/cmdline").read_text().split("\\0")[2], "wave" in sys.modules)
        print(Path.cwd(), os.getpgid(0) == os.getpid(), sys.stdin.read() == "", "local" in str(sys.path[0]))
    elif what == "fail":
        print("reading the table")
        raise ValueError("no such column: origin")
    elif what == "exit":
        sys.exit(int(rest[0]))
    elif what == "die":
        os.kill(os.getpid(), 9)
    elif what == "flaky":
        tries = Path(rest[0])
        tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
        print("attempt", len(tries.read_text()))
        assert len(tries.read_text()) >= int(rest[1])
    elif what == "hold":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        held = Path(rest[0])
        held.with_suffix(".tmp").write_text(f"{os.getpid()} {child.pid}")
        held.with_suffix(".tmp").rename(held)
        while not held.with_suffix(".go").exists():
            time.sleep(0.02)
        child.kill()
    return 1  # as on Databricks, what an entry point returns means nothing

if __name__ == "__main__":
    main()
"""


def until[T](look: Callable[[], T]) -> T:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.03)
    pytest.fail("waited in vain")


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


class Server:
    """The workspaces ws1 and ws2 as a process of their own, on a home that outlives it."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.home = folder / "home"
        self.stub = folder / "stub.py"
        self.stub.write_text(STUB)
        distribution = folder / "stub_ml-1.0.dist-info"
        distribution.mkdir(exist_ok=True)
        (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: stub-ml\nVersion: 1.0\n")
        (distribution / "entry_points.txt").write_text("[console_scripts]\ntrain = stub:main\n")
        self._options = options
        self._environment = {**os.environ, "PYTHONPATH": str(folder), **environment}
        self.start()

    def start(self) -> None:
        """Start it (again) and wait until it accepts connections."""
        command = [sys.executable, "-m", "local.databricks", "--home", str(self.home)]
        workspaces = [f"--workspace={name}={token}" for name, token in TOKENS.items()]
        self.process = subprocess.Popen(
            [*command, *workspaces, *self._options], cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        with self.process.stdout as output:
            ready, _, self.url = output.readline().strip().partition(" ")
        assert ready == "ready"

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)

    def client(self, name: str = "ws1", token: str = TOKENS["ws1"]) -> WorkspaceClient:
        """The SDK, as anybody would use it."""
        return WorkspaceClient(host=f"{self.url}/{name}", token=token)

    def task(self, *arguments: str, key: str = "main", **more: Any) -> Task:
        """A task that runs the stub."""
        return Task(
            task_key=key,
            spark_python_task=SparkPythonTask(python_file=str(self.stub), parameters=list(arguments)),
            **more,
        )

    def job(self, *tasks: Task, client: WorkspaceClient | None = None, **more: Any) -> int:
        """A new job of these tasks."""
        job_id = (client or self.client()).jobs.create(tasks=list(tasks), **{"name": "a job", **more}).job_id
        assert job_id
        return job_id


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave it running."""
    server = Server(tmp_path_factory.mktemp("databricks"), "--workers", "4", SLUICE_PASSED_ON="yes")
    yield server
    server.stop()


@pytest.fixture
def own_server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server a test may kill, with the options it was parametrized with."""
    server = Server(tmp_path, *getattr(request, "param", ()))
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture
def w(server: Server) -> WorkspaceClient:
    """The SDK at workspace ws1."""
    return server.client()


def run_now(client: WorkspaceClient, job_id: int, **more: Any) -> int:
    """Ask for a run, and return its id."""
    answered: Any = client.jobs.run_now(job_id, **more)
    return int(answered.run_id)


def ended(client: WorkspaceClient, run_id: int) -> Run:
    """The run, once it has ended."""

    def look() -> Run | None:
        run = client.jobs.get_run(run_id)
        return run if run.status and run.status.state is RunLifecycleStateV2State.TERMINATED else None

    return until(look)  # type: ignore[return-value]  # until never returns None


def life_cycle(client: WorkspaceClient, run_id: int) -> RunLifeCycleState | None:
    """Where the run stands, in the legacy words."""
    state = client.jobs.get_run(run_id).state
    return state.life_cycle_state if state else None


def result(run: Run) -> RunResultState | None:
    """How the run ended, in the legacy words."""
    return run.state.result_state if run.state else None


def code(run: Run) -> TerminationCodeCode | None:
    """How the run ended, in the newer words."""
    assert run.status
    assert run.status.termination_details
    return run.status.termination_details.code


def logs(client: WorkspaceClient, run_id: int) -> str:
    """The output of a run's only task."""
    return client.jobs.get_run_output(run_id).logs or ""


def raw(url: str, *, token: str = TOKENS["ws1"], body: bytes | None = None) -> tuple[int, dict[str, Any]]:
    """A request no SDK would make, and its answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers)) as answer:  # noqa: S310  # 127.0.0.1
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def fault(client: WorkspaceClient, **what: Any) -> None:
    """Order a fault."""
    client.api_client.do("POST", "/_local/faults", body=what)


# --- jobs


def test_jobs_are_kept_changed_listed_and_deleted(server: Server, w: WorkspaceClient) -> None:
    """create, get, reset, update, list by name (in any case), delete."""
    job_id = server.job(server.task("say"), name="Kept", parameters=[JobParameterDefinition(name="a", default="1")])

    def settings() -> JobSettings:
        found = w.jobs.get(job_id).settings
        assert found
        return found

    assert (settings().name, settings().max_concurrent_runs) == ("Kept", 1)
    w.jobs.update(job_id, new_settings=JobSettings(tasks=[server.task("say", key="second")], max_concurrent_runs=3))
    assert [task.task_key for task in settings().tasks or []] == ["main", "second"]
    assert (settings().name, settings().max_concurrent_runs) == ("Kept", 3)
    w.jobs.update(job_id, fields_to_remove=["parameters", "tasks/main"])
    assert [task.task_key for task in settings().tasks or []] == ["second"]
    assert not settings().parameters
    assert [job.job_id for job in w.jobs.list(name="kEPT")] == [job_id]
    w.jobs.reset(job_id, new_settings=JobSettings(name="other", tasks=[server.task("say")]))
    assert (settings().name, settings().max_concurrent_runs) == ("other", 1)
    assert list(w.jobs.list(name="Kept")) == []
    w.jobs.delete(job_id)
    with pytest.raises(ResourceDoesNotExist):
        w.jobs.get(job_id)


def test_jobs_are_listed_newest_first_in_pages_without_their_tasks(server: Server, w: WorkspaceClient) -> None:
    """The SDK walks the pages; tasks come only when asked for."""
    made = [server.job(server.task("say"), name="paged") for _ in range(5)]
    listed = list(w.jobs.list(name="paged", limit=2))
    assert [job.job_id for job in listed] == made[::-1]
    assert listed[0].settings
    assert not listed[0].settings.tasks
    (expanded, *_) = w.jobs.list(name="paged", expand_tasks=True)
    assert expanded.settings
    assert expanded.settings.tasks


@pytest.mark.parametrize(
    "wrong",
    [
        {"tasks": [{"task_key": "a", "notebook_task": {"notebook_path": "/x"}}]},
        {"tasks": [{"task_key": "a", "python_wheel_task": {"package_name": "sluice_ml"}}]},
        {"tasks": [{"spark_python_task": {"python_file": "x.py"}}]},
        {"max_concurrent_runs": 2000},
        {"parameters": [{"name": "a"}, {"name": "a"}]},
        {"webhook_notifications": {"on_failure": [{"id": "nobody"}]}},
        {
            "tasks": [
                {"task_key": key, "spark_python_task": {"python_file": "x.py"}, "depends_on": [{"task_key": other}]}
                for key, other in (("a", "b"), ("b", "a"))
            ]
        },
    ],
)
def test_a_job_that_could_not_run_is_refused(w: WorkspaceClient, wrong: dict[str, Any]) -> None:
    """When it is made, not when it runs."""
    with pytest.raises(InvalidParameterValue):
        w.api_client.do("POST", "/api/2.2/jobs/create", body=wrong)


# --- errors


def test_errors_have_databricks_shape(server: Server, w: WorkspaceClient) -> None:
    """Status and error_code of what cannot be done."""
    jobs = f"{server.url}/ws1/api/2.2/jobs"
    answers = {
        "no token": raw(f"{jobs}/list", token=""),
        "wrong token": raw(f"{jobs}/list", token="two"),
        "no JSON": raw(f"{jobs}/run-now", body=b"{job_id: 1"),
        "no object": raw(f"{jobs}/run-now", body=b"[1]"),
        "no list": raw(f"{jobs}/create", body=b'{"tasks": {"task_key": "main"}}'),
        "no number": raw(f"{jobs}/run-now", body=b'{"job_id": "first"}'),
        "unknown job": raw(f"{jobs}/run-now", body=b'{"job_id": 1}'),
        "unknown run": raw(f"{jobs}/runs/get?run_id=1"),
        "unknown path": raw(f"{jobs}/fly"),
        "wrong method": raw(f"{jobs}/run-now"),
        "unknown workspace": raw(f"{server.url}/ws3/api/2.2/jobs/list"),
        "bad page": raw(f"{jobs}/runs/list?page_token=xyz"),
        "bad limit": raw(f"{jobs}/runs/list?limit=26"),
        "both": raw(f"{jobs}/runs/list?active_only=true&completed_only=true"),
    }
    assert {case: (status, body["error_code"]) for case, (status, body) in answers.items()} == {
        "no token": (401, "UNAUTHENTICATED"),
        "wrong token": (403, "PERMISSION_DENIED"),
        "no JSON": (400, "MALFORMED_REQUEST"),
        "no object": (400, "MALFORMED_REQUEST"),
        "no list": (400, "MALFORMED_REQUEST"),
        "no number": (400, "INVALID_PARAMETER_VALUE"),
        "unknown job": (400, "INVALID_PARAMETER_VALUE"),
        "unknown run": (400, "RESOURCE_DOES_NOT_EXIST"),
        "unknown path": (404, "ENDPOINT_NOT_FOUND"),
        "wrong method": (404, "ENDPOINT_NOT_FOUND"),
        "unknown workspace": (404, "ENDPOINT_NOT_FOUND"),
        "bad page": (400, "INVALID_PARAMETER_VALUE"),
        "bad limit": (400, "INVALID_PARAMETER_VALUE"),
        "both": (400, "INVALID_PARAMETER_VALUE"),
    }
    with pytest.raises(PermissionDenied):
        server.client(token="wrong").current_user.me()
    with pytest.raises(ResourceDoesNotExist, match="Run 1 does not exist"):
        w.jobs.get_run(1)
    with pytest.raises(BadRequest, match="Run 1 does not exist"):
        w.jobs.cancel_run(1)


# --- runs


def test_a_run_gets_its_parameters(server: Server, w: WorkspaceClient) -> None:
    """Given values over defaults, dynamic references filled, unknown ones left; both ways of state in the answer."""
    job_id = server.job(
        server.task(
            "say", "{{job.parameters.table}}", "{{ job.parameters.`model-name` }}", "{{job.run_id}}/{{job.id}}",
            "{{task.name}} {{task.run_id}} {{task.execution_count}}", "{{job.parameters.other}}", "{{nothing",
        ),
        parameters=[
            JobParameterDefinition(name="table", default="none"),
            JobParameterDefinition(name="model-name", default="of {{job.name}}"),
        ],
    )  # fmt: skip
    run = w.jobs.run_now(job_id, job_parameters={"table": "flights é"}).result()
    assert run.run_id
    assert run.tasks
    (task,) = run.tasks
    assert json.loads(logs(w, run.run_id)) == [
        "flights é", "of a job", f"{run.run_id}/{job_id}", f"main {task.run_id} 1",
        "{{job.parameters.other}}", "{{nothing",
    ]  # fmt: skip
    assert [parameter.as_dict() for parameter in run.job_parameters or []] == [
        {"name": "table", "default": "none", "value": "flights é"},
        {"name": "model-name", "default": "of {{job.name}}", "value": "of a job"},
    ]
    assert (life_cycle(w, run.run_id), result(run)) == (RunLifeCycleState.TERMINATED, RunResultState.SUCCESS)
    assert code(run) is TerminationCodeCode.SUCCESS
    assert run.end_time
    assert run.start_time
    assert run.end_time >= run.start_time


def test_parameters_the_job_does_not_define_are_refused(server: Server, w: WorkspaceClient) -> None:
    """And no run is made."""
    job_id = server.job(server.task("say"), parameters=[JobParameterDefinition(name="table", default="")])
    with pytest.raises(InvalidParameterValue, match="tabel"):
        w.jobs.run_now(job_id, job_parameters={"tabel": "x"})
    with pytest.raises(BadRequest, match="strings"):
        w.api_client.do("POST", "/api/2.2/jobs/run-now", body={"job_id": job_id, "job_parameters": {"table": 1}})
    assert list(w.jobs.list_runs(job_id=job_id)) == []


@pytest.mark.parametrize(
    ("entry_point", "named"),
    [("train", {"table": "loses", "empty": "", "name": "{{job.name}}"}), ("main", None), ("fly", None)],
)
def test_a_wheel_task_calls_the_entry_point_of_the_installed_distribution(
    server: Server, w: WorkspaceClient, entry_point: str, named: dict[str, str] | None
) -> None:
    """Named parameters become --key=value, with the job's own, which win; the returned value means nothing."""
    wheel = PythonWheelTask("stub_ml", entry_point, named_parameters=named, parameters=None if named else ["say", "x"])
    parameters = [
        JobParameterDefinition(name="table", default="wins"),
        JobParameterDefinition(name="model", default="m"),
    ]
    run_id = run_now(w, server.job(Task(task_key="main", python_wheel_task=wheel), parameters=parameters))
    run = ended(w, run_id)
    if entry_point == "train":
        assert result(run) is RunResultState.SUCCESS
        assert json.loads(logs(w, run_id)) == ["stub_ml", "--table=wins", "--empty=", "--name=a job", "--model=m"]
    else:  # neither is an entry point, and the package stub_ml cannot be imported
        assert result(run) is RunResultState.FAILED
        assert "ModuleNotFoundError" in (w.jobs.get_run_output(run_id).error or "")


def test_a_task_has_the_servers_environment(server: Server, w: WorkspaceClient) -> None:
    """That is how it knows MLflow and Spark."""
    run_id = run_now(w, server.job(server.task("env", "SLUICE_PASSED_ON")))
    ended(w, run_id)
    assert logs(w, run_id) == "yes\n"


def test_a_failed_task_leaves_its_output_and_its_error(server: Server, w: WorkspaceClient) -> None:
    """logs, error and error_trace; INTERNAL_ERROR in the legacy state of the run, TERMINATED in its task's."""
    run_id = run_now(w, server.job(server.task("fail")))
    run = ended(w, run_id)
    output = w.jobs.get_run_output(run_id)
    assert output.error == "ValueError: no such column: origin"
    assert output.error_trace
    assert 'raise ValueError("no such column: origin")' in output.error_trace
    assert "runpy" not in output.error_trace
    assert output.logs
    assert output.logs.startswith("reading the table\nTraceback")
    assert output.metadata
    assert output.metadata.job_run_id == run_id
    assert (life_cycle(w, run_id), result(run)) == (RunLifeCycleState.INTERNAL_ERROR, RunResultState.FAILED)
    assert code(run) is TerminationCodeCode.RUN_EXECUTION_ERROR
    (task,) = run.tasks or []
    assert task.run_id
    assert life_cycle(w, task.run_id) is RunLifeCycleState.TERMINATED
    assert w.jobs.get_run_output(task.run_id).error == output.error


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["exit", "0"], None),
        (["exit", "3"], "SystemExit: 3"),
        (["exit", "256"], "SystemExit: 256"),
        (["die"], "The task's process was killed by SIGKILL."),
    ],
)
def test_how_a_process_ends_decides(server: Server, w: WorkspaceClient, arguments: list[str], error: str) -> None:
    """Exit code 0 is success, anything else is not."""
    run_id = run_now(w, server.job(server.task(*arguments)))
    assert result(ended(w, run_id)) is (RunResultState.FAILED if error else RunResultState.SUCCESS)
    assert w.jobs.get_run_output(run_id).error == error


def test_tasks_run_in_their_order_and_after_a_failure_no_further(
    server: Server, w: WorkspaceClient, tmp_path: Path
) -> None:
    """b after a, c beside them; d needs the failing c, and never starts."""
    held = tmp_path / "a"
    after = [TaskDependency("a")]
    run_id = run_now(
        w,
        server.job(
            server.task("say", "{{tasks.a.result_state}}", key="b", depends_on=after),
            server.task("hold", str(held), key="a"),
            server.task("fail", key="c"),
            server.task("say", key="d", depends_on=[TaskDependency("c"), *after]),
        ),
    )
    assert run_id

    def states() -> dict[str, str]:
        run = w.jobs.get_run(run_id)
        return {
            task.task_key: str(task.state and (task.state.result_state or task.state.life_cycle_state))
            for task in run.tasks or []
        }

    until(lambda: states()["c"] == "RunResultState.FAILED" and held.exists())
    assert states()["b"] == "RunLifeCycleState.BLOCKED"
    held.with_suffix(".go").touch()
    run = ended(w, run_id)
    assert states() == {
        "a": "RunResultState.SUCCESS",
        "b": "RunResultState.SUCCESS",
        "c": "RunResultState.FAILED",
        "d": "RunResultState.UPSTREAM_FAILED",
    }
    assert result(run) is RunResultState.FAILED
    assert run.state
    assert "Task c failed" in (run.state.state_message or "")
    b = next(task for task in run.tasks or [] if task.task_key == "b")
    assert b.run_id
    assert logs(w, b.run_id) == '["success"]\n'
    with pytest.raises(InvalidParameterValue, match="multiple tasks"):
        w.jobs.get_run_output(run_id)


def test_a_task_is_retried(server: Server, w: WorkspaceClient, tmp_path: Path) -> None:
    """As often as it may; the output of every attempt is kept."""
    tasks = [server.task("flaky", str(tmp_path / "tries"), "3", max_retries=retries) for retries in (1, 2)]
    runs = []
    for task in tasks:
        (tmp_path / "tries").unlink(missing_ok=True)
        run_id = run_now(w, server.job(task))
        runs.append(ended(w, run_id))
    assert [result(run) for run in runs] == [RunResultState.FAILED, RunResultState.SUCCESS]
    assert [(run.tasks or [])[0].attempt_number for run in runs] == [1, 2]
    output = w.jobs.get_run_output(runs[1].run_id or 0)
    assert [line for line in (output.logs or "").splitlines() if line.startswith("attempt")] == [
        "attempt 1",
        "attempt 2",
        "attempt 3",
    ]
    assert output.error is None


# --- idempotency


def test_a_token_makes_one_run_however_often_it_is_sent(server: Server, w: WorkspaceClient) -> None:
    """Up to 64 characters; another token makes another run."""
    job_id = server.job(server.task("say"), max_concurrent_runs=9)
    token = "t" * 64
    runs = [run_now(w, job_id, idempotency_token=token) for _ in range(3)]
    assert len(set(runs)) == 1
    assert run_now(w, job_id, idempotency_token=token[1:]) not in runs
    with pytest.raises(InvalidParameterValue, match="64"):
        run_now(w, job_id, idempotency_token=token + "t")
    assert len(list(w.jobs.list_runs(job_id=job_id))) == 2


def test_after_a_lost_answer_the_token_finds_the_run(server: Server, w: WorkspaceClient) -> None:
    """Once the SDK repeats by itself (503 after the effect), once the caller's connection is gone."""
    job_id = server.job(server.task("say"), max_concurrent_runs=9)
    fault(w, path="run-now", status=503, headers={"Retry-After": "0"}, after=True)
    first = run_now(w, job_id, idempotency_token="first")
    assert [run.run_id for run in w.jobs.list_runs(job_id=job_id)] == [first]

    body = json.dumps({"job_id": job_id, "idempotency_token": "second"}).encode()
    address = server.url.removeprefix("http://")
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /ws1/api/2.2/jobs/run-now HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer one\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    made = until(lambda: [run.run_id for run in w.jobs.list_runs(job_id=job_id) if run.run_id != first])
    assert [run_now(w, job_id, idempotency_token="second")] == made


def test_a_429_is_waited_out_by_the_sdk(server: Server, w: WorkspaceClient) -> None:
    """The fault is used up by one request; others do not meet it."""
    job_id = server.job(server.task("say"))
    fault(w, path="run-now", status=429, headers={"Retry-After": "1"})
    assert list(w.jobs.list_runs(job_id=job_id)) == []
    start = time.monotonic()
    assert run_now(w, job_id)
    assert time.monotonic() - start >= 1
    fault(w, path="jobs/get", status=500)
    with pytest.raises(InternalError, match="ordered"):
        w.jobs.get(job_id)


# --- queue, cancel, timeout


def test_past_the_limit_runs_queue_in_order_or_are_skipped(server: Server, w: WorkspaceClient, tmp_path: Path) -> None:
    """QUEUED with the queue on, also when run-now alone turns it on; SKIPPED with it off."""
    held = tmp_path / "held"
    job_id = server.job(server.task("hold", str(held)), queue=QueueSettings(enabled=True))
    first = run_now(w, job_id)
    second = run_now(w, job_id)
    third = run_now(w, job_id)
    until(held.exists)
    queued = w.jobs.get_run(second)
    assert life_cycle(w, second) is RunLifeCycleState.QUEUED
    assert queued.status
    assert queued.status.state is RunLifecycleStateV2State.QUEUED
    assert queued.status.queue_details
    assert queued.status.queue_details.code
    assert queued.status.queue_details.code.value == "MAX_CONCURRENT_RUNS_REACHED"
    skipped = run_now(w, job_id, queue=QueueSettings(enabled=False))
    run = ended(w, skipped)
    assert life_cycle(w, skipped) is RunLifeCycleState.SKIPPED
    assert code(run) is TerminationCodeCode.MAX_CONCURRENT_RUNS_EXCEEDED

    w.jobs.cancel_run(second)
    assert result(ended(w, second)) is RunResultState.CANCELED
    held.with_suffix(".go").touch()
    assert result(ended(w, first)) is RunResultState.SUCCESS
    assert result(ended(w, third)) is RunResultState.SUCCESS
    third_run, first_run = w.jobs.get_run(third), w.jobs.get_run(first)
    assert third_run.tasks
    assert (third_run.tasks[0].start_time or 0) >= (first_run.end_time or 0)
    cancelled = w.jobs.get_run(second)
    assert cancelled.tasks
    assert not cancelled.tasks[0].start_time


def test_raising_the_limit_starts_what_is_queued(server: Server, w: WorkspaceClient, tmp_path: Path) -> None:
    """Without waiting for a run to end."""
    held = tmp_path / "held"
    job_id = server.job(server.task("hold", str(held)), queue=QueueSettings(enabled=True))
    runs = [run_now(w, job_id) for _ in range(2)]
    assert life_cycle(w, runs[1]) is RunLifeCycleState.QUEUED
    w.jobs.update(job_id, new_settings=JobSettings(max_concurrent_runs=2))
    until(lambda: life_cycle(w, runs[1]) is RunLifeCycleState.RUNNING)
    held.with_suffix(".go").touch()
    assert [result(ended(w, run)) for run in runs] == [RunResultState.SUCCESS] * 2


def test_cancel_ends_the_whole_process_group(server: Server, w: WorkspaceClient, tmp_path: Path) -> None:
    """The task and what it started."""
    held = tmp_path / "held"
    run_id = run_now(w, server.job(server.task("hold", str(held))))
    until(held.exists)
    assert life_cycle(w, run_id) is RunLifeCycleState.RUNNING
    w.jobs.cancel_run(run_id)
    run = ended(w, run_id)
    assert (life_cycle(w, run_id), result(run)) == (RunLifeCycleState.TERMINATED, RunResultState.CANCELED)
    assert code(run) is TerminationCodeCode.USER_CANCELED
    for pid in held.read_text().split():
        until(lambda pid=pid: gone(int(pid)))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    w.jobs.cancel_run(run_id)
    assert result(w.jobs.get_run(run_id)) is RunResultState.CANCELED


@pytest.mark.parametrize("of", ["job", "task"])
def test_a_run_that_takes_too_long_is_ended(server: Server, w: WorkspaceClient, tmp_path: Path, of: str) -> None:
    """timeout_seconds of the job, or of the task."""
    held = tmp_path / "held"
    task = server.task("hold", str(held), timeout_seconds=1 if of == "task" else None)
    run_id = run_now(w, server.job(task, timeout_seconds=1 if of == "job" else None))
    run = ended(w, run_id)
    assert result(run) is RunResultState.TIMEDOUT
    assert code(run) is TerminationCodeCode.CANCELED
    for pid in held.read_text().split() if held.exists() else []:  # a busy machine may not have got so far
        until(lambda pid=pid: gone(int(pid)))  # type: ignore[misc]  # mypy cannot infer a lambda with a default


def test_runs_are_listed_newest_first_in_pages(server: Server, w: WorkspaceClient, tmp_path: Path) -> None:
    """active_only and completed_only; a run that comes between two pages shifts neither."""
    held = tmp_path / "held"
    job_id = server.job(server.task("hold", str(held)), queue=QueueSettings(enabled=True))
    runs = [run_now(w, job_id) for _ in range(4)]
    w.jobs.cancel_run(runs[3])
    ended(w, runs[3])

    def listed(**which: Any) -> list[int | None]:
        return [run.run_id for run in w.jobs.list_runs(job_id=job_id, **which)]

    assert listed(limit=1) == runs[::-1]
    assert listed(active_only=True) == [runs[2], runs[1], runs[0]]
    assert listed(completed_only=True) == [runs[3]]
    pages = "/api/2.2/jobs/runs/list"
    first: Any = w.api_client.do("GET", pages, query={"job_id": job_id, "limit": 2})
    runs.append(run_now(w, job_id))
    query = {"job_id": job_id, "limit": 2, "page_token": first["next_page_token"]}
    second: Any = w.api_client.do("GET", pages, query=query)
    assert [run["run_id"] for run in second["runs"]] == [runs[1], runs[0]]
    assert "next_page_token" not in second
    back: Any = w.api_client.do("GET", pages, query={**query, "page_token": second["prev_page_token"]})
    assert [run["run_id"] for run in back["runs"]] == [runs[3], runs[2]]
    assert "tasks" not in back["runs"][0]
    held.with_suffix(".go").touch()
    for run_id in runs:
        ended(w, run_id)


# --- notifications


class Receiver:
    """A web server that remembers what it was sent, and refuses the first requests with `refusals`."""

    def __init__(self, *refusals: int) -> None:
        self.received: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self._refusals = list(refusals)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.received.put((self.headers.get("Authorization", ""), body))
                self.send_response(receiver._refusals.pop(0) if receiver._refusals else 202)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/jobs"

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that refuses the first request."""
    receiver = Receiver(503)
    yield receiver
    receiver.close()


def test_notifications_are_delivered_with_basic_authentication(
    server: Server, w: WorkspaceClient, receiver: Receiver
) -> None:
    """on_start (again after a 503), then on_success or on_failure, in the documented body."""
    webhook = sdk_settings.GenericWebhookConfig(url=receiver.url, username="user", password="secret")
    destination = w.notification_destinations.create(
        display_name="sluice", config=sdk_settings.Config(generic_webhook=webhook)
    )
    assert destination.id
    told = [Webhook(id=destination.id)]
    notifications = WebhookNotifications(on_start=told, on_success=told, on_failure=told)
    runs = {}
    jobs = {}
    for what in ("say", "fail"):
        jobs[what] = server.job(server.task(what), name=f"to {what}", webhook_notifications=notifications)
        runs[what] = run_now(w, jobs[what])
    received = [receiver.received.get(timeout=DEADLINE) for _ in range(5)]
    basic = "Basic " + base64.b64encode(b"user:secret").decode()
    assert {authorization for authorization, _ in received} == {basic}
    bodies = {(body["run"]["run_id"], body["event_type"]): body for _, body in received}
    assert set(bodies) == {
        (runs["say"], "jobs.on_start"),
        (runs["say"], "jobs.on_success"),
        (runs["fail"], "jobs.on_start"),
        (runs["fail"], "jobs.on_failure"),
    }
    assert bodies[runs["fail"], "jobs.on_failure"] == {
        "event_type": "jobs.on_failure",
        "workspace_id": w.get_workspace_id(),
        "run": {"run_id": runs["fail"]},
        "job": {"job_id": jobs["fail"], "name": "to fail"},
    }


def test_notification_destinations_are_kept_and_hide_their_secrets(w: WorkspaceClient) -> None:
    """create, get, list, delete."""
    webhook = sdk_settings.GenericWebhookConfig(url="http://127.0.0.1:9/", username="user", password="secret")
    made = w.notification_destinations.create(display_name="kept", config=sdk_settings.Config(generic_webhook=webhook))
    assert made.id
    found = w.notification_destinations.get(made.id)
    assert found.config
    assert found.config.generic_webhook
    assert found.config.generic_webhook.as_dict() == {"url_set": True, "username_set": True, "password_set": True}
    assert made.id in [one.id for one in w.notification_destinations.list()]
    w.notification_destinations.delete(made.id)
    assert made.id not in [one.id for one in w.notification_destinations.list()]
    with pytest.raises(NotFound):
        w.notification_destinations.get(made.id)


# --- several workspaces, restarts


def test_workspaces_know_nothing_of_one_another(server: Server, w: WorkspaceClient) -> None:
    """Ids, tokens and access tokens hold in one only."""
    other = server.client("ws2", "two")
    job_id = server.job(server.task("say"))
    with pytest.raises(ResourceDoesNotExist):
        other.jobs.get(job_id)
    theirs = server.job(server.task("say"), client=other)
    assert list(other.jobs.list()) == [other.jobs.list().__next__()]
    run_id = run_now(w, job_id, idempotency_token="shared")
    assert run_now(other, theirs, idempotency_token="shared") != run_id
    assert w.get_workspace_id() != other.get_workspace_id()
    with pytest.raises(PermissionDenied):
        server.client("ws2", "one").current_user.me()
    assert server.client("ws2", "two").current_user.me().user_name == "local"


def test_no_more_tasks_run_than_there_are_workers(own_server: Server, tmp_path: Path) -> None:
    """A run past that is PENDING, over all jobs and workspaces."""
    w, other = own_server.client(), own_server.client("ws2", "two")
    held = [tmp_path / name for name in "abc"]
    runs = [run_now(w, own_server.job(own_server.task("hold", str(path)))) for path in held[:2]]
    until(lambda: all(path.exists() for path in held[:2]))
    third = run_now(other, own_server.job(own_server.task("hold", str(held[2])), client=other))
    assert life_cycle(other, third) is RunLifeCycleState.PENDING
    held[0].with_suffix(".go").touch()
    ended(w, runs[0])
    until(held[2].exists)
    assert not held[1].with_suffix(".go").exists()


@pytest.mark.parametrize(
    ("own_server", "number"),
    [((), signal.SIGKILL), ((), signal.SIGTERM), (WARM, signal.SIGKILL), (WARM, signal.SIGTERM)],
    indirect=["own_server"],
)
def test_a_restart_on_the_same_home_loses_only_the_driver(own_server: Server, tmp_path: Path, number: int) -> None:
    """Tokens and ended runs stay, running ones end as lost with their process, queued ones go on."""
    w = own_server.client()
    held = tmp_path / "held"
    job_id = own_server.job(own_server.task("hold", str(held)), queue=QueueSettings(enabled=True), name="killed")
    done = run_now(w, own_server.job(own_server.task("say")))
    ended(w, done)
    running = run_now(w, job_id, idempotency_token="running")
    queued = run_now(w, job_id, idempotency_token="queued")
    until(held.exists)
    pid = int(held.read_text().split()[0])
    child = int(held.read_text().split()[1])
    assert life_cycle(w, queued) is RunLifeCycleState.QUEUED

    start = time.monotonic()
    code_of_server = own_server.stop(number)
    assert time.monotonic() - start < 5  # it takes a third of a second, but the machine may be busy
    assert code_of_server == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    until(lambda: gone(pid))
    if number == signal.SIGTERM:
        until(lambda: gone(child))
    else:
        os.kill(child, signal.SIGKILL)  # a task's own children outlive a killed server
    held.with_suffix(".go").touch()
    own_server.start()

    w = own_server.client()
    lost = w.jobs.get_run(running)
    assert (life_cycle(w, running), result(lost)) == (RunLifeCycleState.INTERNAL_ERROR, RunResultState.FAILED)
    assert lost.status
    assert lost.status.termination_details
    assert lost.status.termination_details.code is TerminationCodeCode.DRIVER_ERROR
    assert lost.status.termination_details.type is TerminationTypeType.CLOUD_FAILURE
    assert "The driver was lost" in (lost.status.termination_details.message or "")
    assert lost.end_time
    assert result(ended(w, queued)) is RunResultState.SUCCESS
    assert result(w.jobs.get_run(done)) is RunResultState.SUCCESS
    assert logs(w, done) == "[]\n"
    assert [job.job_id for job in w.jobs.list(name="killed")] == [job_id]
    assert run_now(w, job_id, idempotency_token="running") == running
    assert run_now(w, job_id, idempotency_token="queued") == queued
    assert len(list(w.jobs.list_runs(job_id=job_id))) == 2


def test_a_home_has_one_server(server: Server) -> None:
    """A second one would take the first one's runs for lost."""
    command = [sys.executable, "-m", "local.databricks", "--home", str(server.home), "--workspace", "ws1=one"]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert second.returncode == 1
    assert "Another server uses" in second.stderr


# --- warm


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forking after imports is for Linux only")
@pytest.mark.parametrize("own_server", [WARM], indirect=True)
def test_a_warm_task_differs_from_a_plain_one_in_its_imports_only(
    own_server: Server, server: Server, w: WorkspaceClient
) -> None:
    """A child of the zygote, with its own folder and process group; failures are told in the same words."""
    warm = own_server.client()
    for arguments in (["say", "{{task.name}}"], ["env", "PYTHONPATH"], ["fail"], ["exit", "3"], ["die"]):
        plain_run, warm_run = (
            run_now(client, which.job(which.task(*arguments), client=client))
            for which, client in ((server, w), (own_server, warm))
        )
        told = []
        for which, client, run_id in ((server, w, plain_run), (own_server, warm, warm_run)):
            run = ended(client, run_id)
            output = client.jobs.get_run_output(run_id)
            text = f"{output.logs} {output.error} {output.error_trace}".replace(str(which.stub.parent), "")
            told.append((result(run), code(run), text))
        assert told[0] == told[1]
    run_id = run_now(warm, own_server.job(own_server.task("parent")))
    run = ended(warm, run_id)
    folder = own_server.home / "ws1" / "runs" / str((run.tasks or [])[0].run_id) / "work"
    assert logs(warm, run_id).splitlines() == ["local.databricks.zygote True", f"{folder} True True False"]
    assert "no_such_module is not kept warm" in (own_server.home / "zygote.log").read_text()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forking after imports is for Linux only")
@pytest.mark.parametrize("own_server", [WARM], indirect=True)
def test_without_its_zygote_the_server_starts_plain_tasks(own_server: Server, tmp_path: Path) -> None:
    """What the zygote had started dies with it; a warm task can be cancelled like any other."""
    w = own_server.client()
    held = [tmp_path / name for name in "ab"]
    runs = [run_now(w, own_server.job(own_server.task("hold", str(path)))) for path in held]
    until(lambda: all(path.exists() for path in held))
    task, child = (int(pid) for pid in held[0].read_text().split())
    zygote = int(Path(f"/proc/{task}/stat").read_text().rpartition(")")[2].split()[1])
    w.jobs.cancel_run(runs[0])
    assert result(ended(w, runs[0])) is RunResultState.CANCELED
    until(lambda: gone(task) and gone(child))

    task, child = (int(pid) for pid in held[1].read_text().split())
    os.kill(zygote, signal.SIGKILL)
    assert result(ended(w, runs[1])) is RunResultState.FAILED
    until(lambda: gone(task))
    os.kill(child, signal.SIGKILL)  # a task's own children outlive a killed zygote
    run_id = run_now(w, own_server.job(own_server.task("parent")))
    ended(w, run_id)
    assert logs(w, run_id).startswith("local.databricks False\n")
