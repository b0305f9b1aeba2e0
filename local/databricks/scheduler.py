"""From run-now to the end of a run: the job's limit and queue, the order of its tasks, retries, cancel, restart.

A run's state is written before the thing it describes happens: a run with a started task that no server is looking
after has lost its driver, a run without one can still be started, and nothing runs twice.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.databricks import references, states
from local.databricks.errors import invalid, no_such_job, no_such_run
from local.databricks.jobs import run_parameters
from local.databricks.launch import Launcher, explain_exit, prepare
from local.databricks.runs import Json, Run, TaskRun, now_ms
from local.databricks.states import State
from local.databricks.store import Store

type References = Callable[[int, int, str, int], dict[str, str]]


class Scheduler:
    """The runs of one workspace. All methods are called in the event loop's thread."""

    def __init__(
        self,
        store: Store,
        *,
        folder: Path,
        launcher: Launcher,
        workers: asyncio.Semaphore,
        announce: Callable[[Run, str], None],
        job_references: References,
    ) -> None:
        self._store = store
        self._folder = folder
        self._launcher = launcher
        self._workers = workers
        self._announce = announce
        self._job_references = job_references
        self._active: dict[int, tuple[Run, asyncio.Task[State]]] = {}
        self._stopping_as: dict[int, State] = {}
        self._closed = False

    def output_folder(self, task_run_id: int) -> Path:
        """Where a task's output is kept."""
        return self._folder / str(task_run_id)

    # --- what the API asks for

    def run_now(self, job_id: int, request: Json) -> int:
        """A new run, or the one an earlier request with the same token made."""
        token = request.get("idempotency_token") or None
        if token is not None and (not isinstance(token, str) or len(token) > 64):
            raise invalid("idempotency_token must be a string of at most 64 characters.")
        if token and (earlier := self._store.run_of_token(token)) is not None:
            return earlier
        job = self._store.job(job_id)
        if job is None:
            raise no_such_job(job_id)
        settings = job["settings"]
        given = run_parameters(settings, request.get("job_parameters") or {})
        run_id, start = self._store.next_id(), now_ms()
        known = self._job_references(job_id, run_id, settings["name"], start)
        run = Run(
            run_id=run_id,
            job_id=job_id,
            settings=settings,
            parameters={name: references.fill(value, known) for name, value in given.items()},
            state=states.PENDING,
            tasks=[
                TaskRun(
                    run_id=self._store.next_id(),
                    task_key=task["task_key"],
                    state=states.BLOCKED if task.get("depends_on") else states.PENDING,
                )
                for task in settings.get("tasks") or []
            ],
            start_time=start,
        )
        self._admit(run, queue=request.get("queue") or settings.get("queue") or {}, token=token)
        return run_id

    def _admit(self, run: Run, *, queue: Json, token: str | None) -> None:
        limit = run.settings["max_concurrent_runs"]
        if self._store.occupied(run.job_id) < limit:
            self._store.add_run(run, token)
            self._start(run)
        elif queue.get("enabled") and limit:
            run.state = states.queued(limit)
            self._store.add_run(run, token)
        else:
            self._settle(run, states.TOO_MANY_RUNS)
            self._store.add_run(run, token)
            self._announce_end(run)

    def cancel(self, run_id: int) -> None:
        """Stop a run; one that has ended stays as it is."""
        if run_id in self._active:
            run, work = self._active[run_id]
            run.state = states.CANCELING
            self._store.put_run(run)
            self._stopping_as[run_id] = states.CANCELED
            work.cancel()
            return
        stored = self._store.run(run_id)
        if stored is None:
            raise no_such_run(run_id)
        if not stored.state.ended:
            self._finish(stored, states.CANCELED)

    def promote(self, job_id: int) -> None:
        """Start queued runs of the job, oldest first, as far as its limit allows."""
        while not self._closed and (run := self._store.oldest_queued(job_id)):
            job = self._store.job(job_id)
            settings = run.settings if job is None else job["settings"]
            if self._store.occupied(job_id) >= settings["max_concurrent_runs"]:
                return
            run.state = states.PENDING
            self._store.put_run(run)
            self._start(run)

    # --- the life of the server

    def recover(self) -> None:
        """Take up the runs an earlier server left: end those it had started, go on with those it had not."""
        left = [run for run_id in self._store.run_ids(ended=False) if (run := self._store.run(run_id))]
        for run in reversed(left):
            if run.begun:
                self._finish(run, states.DRIVER_LOST)
            elif run.state.life_cycle == states.CANCELING.life_cycle:
                self._finish(run, states.CANCELED)
            elif run.state.life_cycle != "QUEUED":
                self._start(run)
        for job_id in {run.job_id for run in left}:
            self.promote(job_id)

    async def close(self) -> None:
        """Kill what runs and record it as lost; runs that have not begun wait for the next server."""
        self._closed = True
        working = [work for _, work in self._active.values()]
        for work in working:
            work.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    # --- one run

    def _start(self, run: Run) -> None:
        work = asyncio.create_task(self._outcome(run))
        self._active[run.run_id] = (run, work)
        work.add_done_callback(lambda done: self._ended(run, done))

    def _ended(self, run: Run, work: asyncio.Task[State]) -> None:
        del self._active[run.run_id]
        ending = self._stopping_as.pop(run.run_id, states.DRIVER_LOST)
        if work.cancelled():
            if ending is states.DRIVER_LOST and not run.begun:
                return  # nothing is lost: the next server starts it
        elif error := work.exception():
            ending = states.broken(f"The run could not be carried out: {_deepest(error)}")
        else:
            ending = work.result()
        self._finish(run, ending)
        self.promote(run.job_id)

    def _finish(self, run: Run, ending: State) -> None:
        self._settle(run, ending)
        self._store.put_run(run)
        self._announce_end(run)

    def _settle(self, run: Run, ending: State) -> None:
        for task in run.tasks:
            if not task.state.ended:
                task.end(ending)
        run.end(ending)

    def _announce_end(self, run: Run) -> None:
        silent = run.settings.get("notification_settings") or {}
        skipped = run.state.life_cycle == "SKIPPED" and silent.get("no_alert_for_skipped_runs")
        canceled = run.state.result == "CANCELED" and silent.get("no_alert_for_canceled_runs")
        if not skipped and not canceled:
            self._announce(run, "on_success" if run.state.result == "SUCCESS" else "on_failure")

    async def _outcome(self, run: Run) -> State:
        done = {task.task_key: asyncio.Event() for task in run.tasks}
        try:
            async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as group:
                for task in run.tasks:
                    group.create_task(self._task(run, task, done, limit))
        except TimeoutError:
            return states.TIMED_OUT
        for task in run.tasks:
            if task.state.result == "TIMEDOUT":
                return states.TIMED_OUT
            if task.state.result not in ("SUCCESS", "UPSTREAM_FAILED"):
                return states.run_failed(task.task_key, task.state.message)
        return states.SUCCEEDED

    # --- one task

    async def _task(self, run: Run, task: TaskRun, done: dict[str, asyncio.Event], limit: asyncio.Timeout) -> None:
        needs = {dependency["task_key"] for dependency in run.task_settings(task.task_key).get("depends_on") or []}
        for key in needs:
            await done[key].wait()
        if all(other.state.result == "SUCCESS" for other in run.tasks if other.task_key in needs):
            await self._attempts(run, task, limit)
        else:
            task.end(states.UPSTREAM_FAILED)
        self._store.put_run(run)
        done[task.task_key].set()

    async def _attempts(self, run: Run, task: TaskRun, limit: asyncio.Timeout) -> None:
        settings = run.task_settings(task.task_key)
        retries = settings.get("max_retries", 0)
        while True:
            task.state = states.PENDING
            async with self._workers:
                self._begin(run, task, limit)
                state = await self._attempt(run, task, settings)
            again = state is states.TASK_FAILED or (state is states.TIMED_OUT and settings.get("retry_on_timeout"))
            if not again or 0 <= retries <= task.attempt_number:
                task.end(state)
                return
            task.attempt_number += 1
            task.state = states.RETRYING
            self._store.put_run(run)
            await asyncio.sleep(settings.get("min_retry_interval_millis", 0) / 1000)

    def _begin(self, run: Run, task: TaskRun, limit: asyncio.Timeout) -> None:
        first = not run.begun
        task.start_time = task.start_time or now_ms()
        run.state = task.state = states.RUNNING
        self._store.put_run(run)
        if first:
            self._announce(run, "on_start")
            if seconds := run.settings["timeout_seconds"]:
                limit.reschedule(asyncio.get_running_loop().time() + seconds)

    async def _attempt(self, run: Run, task: TaskRun, settings: Json) -> State:
        folder = self.output_folder(task.run_id)
        prepare(folder, self._work_of(run, task, settings))
        process = await self._launcher.launch(folder)
        try:
            async with asyncio.timeout(settings.get("timeout_seconds") or None):
                code = await process.wait()
        except TimeoutError:
            return states.TIMED_OUT
        finally:
            process.kill()
            await process.wait()
        if code:
            explain_exit(folder, code)
        return states.TASK_FAILED if code else states.SUCCEEDED

    def _work_of(self, run: Run, task: TaskRun, settings: Json) -> dict[str, Any]:
        known = self._job_references(run.job_id, run.run_id, run.name, run.start_time)
        known |= references.of_task(run, task)
        if wheel := settings.get("python_wheel_task"):
            named = wheel.get("named_parameters") or {}
            if named:  # Databricks pushes the job's parameters down to tasks with key-value parameters, and they win
                named = named | run.parameters
            arguments = [f"--{name}={value}" for name, value in named.items()] or wheel.get("parameters") or []
            what = {"package_name": wheel["package_name"], "entry_point": wheel["entry_point"]}
        else:
            script = settings["spark_python_task"]
            arguments = script.get("parameters") or []
            what = {"python_file": str(Path(script["python_file"].removeprefix("file:")).absolute())}
        return {**what, "arguments": [references.fill(str(argument), known) for argument in arguments]}


def _deepest(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
