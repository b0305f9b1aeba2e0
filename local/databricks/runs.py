"""A run of a job with its task runs: what is kept about them, and how the Jobs API shows them."""

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from local.databricks.states import State

type Json = dict[str, Any]


def now_ms() -> int:
    """Databricks' clock: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(kw_only=True)
class TaskRun:
    """One task of a run; `start_time` is 0 until its first process was started."""

    run_id: int
    task_key: str
    state: State
    attempt_number: int = 0
    start_time: int = 0
    end_time: int = 0

    def end(self, state: State) -> None:
        """Nothing more will happen to this task."""
        self.state, self.end_time = state, now_ms()


@dataclass(kw_only=True)
class Run:
    """One run of a job: it keeps the job's settings as they were when it was asked for."""

    run_id: int
    job_id: int
    settings: Json
    parameters: dict[str, str]
    state: State
    tasks: list[TaskRun]
    start_time: int = field(default_factory=now_ms)
    end_time: int = 0

    @property
    def name(self) -> str:
        """The job's name when the run was asked for."""
        return str(self.settings.get("name", "Untitled"))

    @property
    def begun(self) -> bool:
        """Whether any process of it was ever started."""
        return any(task.start_time for task in self.tasks)

    def end(self, state: State) -> None:
        """Nothing more will happen to this run."""
        self.state, self.end_time = state, now_ms()

    def task_settings(self, task_key: str) -> Json:
        """What the job says about one of its tasks."""
        return next(task for task in self.settings["tasks"] if task["task_key"] == task_key)

    def document(self) -> Json:
        """As it is stored."""
        return asdict(self)


def run_from(document: Json) -> Run:
    """The run a stored document describes."""
    state = State(**document["state"])
    tasks = [TaskRun(**{**task, "state": State(**task["state"])}) for task in document["tasks"]]
    return Run(**{**document, "state": state, "tasks": tasks})


def _duration(start: int, end: int) -> int:
    return max(0, end - start) if start and end else 0


def show_task(run: Run, task: TaskRun) -> Json:
    """A task as the list `tasks` of a run has it."""
    settings = run.task_settings(task.task_key)
    return {
        **settings,
        "run_id": task.run_id,
        "attempt_number": task.attempt_number,
        "start_time": task.start_time,
        "end_time": task.end_time,
        "execution_duration": _duration(task.start_time, task.end_time),
        "setup_duration": 0,
        "cleanup_duration": 0,
        **task.state.render(),
    }


def show_run(run: Run, *, page: str, expand_tasks: bool = True) -> Json:
    """A run as runs/get shows it, and as runs/list does when told not to expand the tasks."""
    defaults = {parameter["name"]: parameter.get("default", "") for parameter in run.settings.get("parameters", [])}
    started = min((task.start_time for task in run.tasks if task.start_time), default=run.end_time)
    shown: Json = {
        "run_id": run.run_id,
        "number_in_job": run.run_id,
        "original_attempt_run_id": run.run_id,
        "job_run_id": run.run_id,
        "job_id": run.job_id,
        "run_name": run.name,
        "run_type": "JOB_RUN",
        "format": "MULTI_TASK",
        "trigger": "ONE_TIME",
        "creator_user_name": "local",
        "run_page_url": f"{page}#job/{run.job_id}/run/{run.run_id}",
        "job_parameters": [
            {"name": name, "default": defaults.get(name, ""), "value": value} for name, value in run.parameters.items()
        ],
        "start_time": run.start_time,
        "end_time": run.end_time,
        "queue_duration": _duration(run.start_time, started),
        "run_duration": _duration(run.start_time, run.end_time),
        "setup_duration": 0,
        "execution_duration": 0,
        "cleanup_duration": 0,
        **run.state.render(),
    }
    if expand_tasks:
        shown["tasks"] = [show_task(run, task) for task in run.tasks]
    return shown


def show_task_run(run: Run, task: TaskRun, *, page: str) -> Json:
    """A task's own run, as runs/get and the metadata of runs/get-output show it."""
    shown = show_run(run, page=page)
    alone = show_task(run, task)
    return {
        **shown,
        **{key: alone[key] for key in ("run_id", "attempt_number", "start_time", "end_time", "state", "status")},
        "execution_duration": alone["execution_duration"],
        "run_name": task.task_key,
        "tasks": [alone],
    }
