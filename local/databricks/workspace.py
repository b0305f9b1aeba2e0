"""One workspace: what each call of its API does, from a request's fields to the answer's."""

import asyncio
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from local.databricks import references
from local.databricks.endpoints import Endpoints
from local.databricks.errors import invalid, malformed, no_such_destination, no_such_job, no_such_run, when_reading
from local.databricks.jobs import check_settings, merge_settings
from local.databricks.launch import Launcher, read_output
from local.databricks.notifications import Notifier
from local.databricks.paging import page_of, read_limit
from local.databricks.runs import Json, Run, TaskRun, show_run, show_task_run
from local.databricks.scheduler import Scheduler
from local.databricks.store import Store, first_id_of, workspace_id_of

# Fields of run-now that would change what runs; refused, because a run that ignored them would look right.
NOT_HERE: Final = (
    "notebook_params",
    "python_params",
    "python_named_params",
    "jar_params",
    "spark_submit_params",
    "sql_params",
    "dbt_commands",
    "pipeline_params",
    "only",
)
EXPANDED: Final = ("tasks", "job_clusters", "environments")


def _number(request: Mapping[str, Any], field: str) -> int:
    value = request.get(field)
    try:
        return int(value)  # type: ignore[arg-type]  # None and lists raise TypeError, and are refused below
    except (TypeError, ValueError) as error:
        raise invalid(f"{field} must be a number, not {value!r}.") from error


class Workspace:
    """A Databricks workspace; its folder holds its memory and its tasks' output."""

    def __init__(self, name: str, *, url: str, folder: Path, launcher: Launcher, workers: asyncio.Semaphore) -> None:
        self.id = workspace_id_of(name)
        self._url = url
        self._page = f"{url}/?o={self.id}"
        self._store = Store(folder / "workspace.sqlite", first_id=first_id_of(name))
        self.endpoints = Endpoints(self._store, folder / "endpoints")
        self._notifier = Notifier(self._store, workspace_id=self.id)
        self._scheduler = Scheduler(
            self._store,
            folder=folder / "runs",
            launcher=launcher,
            workers=workers,
            announce=self._notifier.announce,
            job_references=self._job_references,
        )

    def open(self) -> None:
        """Take up what an earlier server left."""
        self._scheduler.recover()
        self.endpoints.open()

    async def close(self) -> None:
        """Stop what runs, and write that down."""
        await self.endpoints.close()
        await self._scheduler.close()
        await self._notifier.close()
        self._store.close()

    def _job_references(self, job_id: int, run_id: int, name: str, start_ms: int) -> dict[str, str]:
        return references.of_job(
            workspace_id=self.id,
            workspace_url=self._url,
            job_id=job_id,
            run_id=run_id,
            name=name,
            start_ms=start_ms,
        )

    # --- jobs

    def _job(self, request: Mapping[str, Any]) -> Json:
        job = self._store.job(_number(request, "job_id"))
        if job is None:
            raise no_such_job(request["job_id"])
        return job

    def _checked(self, settings: Any) -> Json:
        return check_settings(settings, destinations={document["id"] for document in self._store.destinations()})

    def create_job(self, request: Json) -> Json:
        """jobs/create."""
        settings = self._checked(request)
        job_id = self._store.next_id()
        self._store.put_job(job_id, settings)
        return {"job_id": job_id}

    def get_job(self, request: Json) -> Json:
        """jobs/get."""
        job = self._store.job(_number(request, "job_id"))
        if job is None:
            raise when_reading(no_such_job(request["job_id"]))
        return job

    def list_jobs(self, request: Json) -> Json:
        """jobs/list: newest first, without the tasks unless asked for."""
        limit = read_limit(request.get("limit"), default=20, maximum=100)
        page = page_of(self._store.job_ids(request.get("name")), limit=limit, token=request.get("page_token"))
        jobs = [job for job_id in page.ids if (job := self._store.job(job_id))]
        if request.get("expand_tasks") != "true":
            for job in jobs:
                job["settings"] = {field: value for field, value in job["settings"].items() if field not in EXPANDED}
        return {"jobs": jobs, **page.tokens()}

    def reset_job(self, request: Json) -> Json:
        """jobs/reset: all settings are replaced."""
        job = self._job(request)
        return self._settle_job(job["job_id"], request.get("new_settings"))

    def update_job(self, request: Json) -> Json:
        """jobs/update: some settings are replaced, removed, or merged."""
        job = self._job(request)
        new, remove = request.get("new_settings") or {}, request.get("fields_to_remove") or []
        if not isinstance(new, dict) or not isinstance(remove, list):
            raise malformed("new_settings must be an object, and fields_to_remove a list.")
        return self._settle_job(job["job_id"], merge_settings(job["settings"], new, remove))

    def _settle_job(self, job_id: int, settings: Any) -> Json:
        self._store.put_job(job_id, self._checked(settings))
        self._scheduler.promote(job_id)  # the limit may have been raised
        return {}

    def delete_job(self, request: Json) -> Json:
        """jobs/delete: its runs stay, and go on."""
        self._store.delete_job(self._job(request)["job_id"])
        return {}

    # --- runs

    def _run(self, request: Mapping[str, Any]) -> tuple[Run, TaskRun | None]:
        run_id = _number(request, "run_id")
        if run := self._store.run(run_id):
            return run, None
        if run := self._store.run_of_task(run_id):
            return run, next(task for task in run.tasks if task.run_id == run_id)
        raise when_reading(no_such_run(run_id))

    def run_now(self, request: Json) -> Json:
        """jobs/run-now."""
        if unsupported := [field for field in NOT_HERE if request.get(field)]:
            raise invalid(f"{', '.join(unsupported)} cannot be given locally: use job_parameters.")
        run_id = self._scheduler.run_now(_number(request, "job_id"), request)
        return {"run_id": run_id, "number_in_job": run_id}

    def get_run(self, request: Json) -> Json:
        """jobs/runs/get, of a job's run or of a task's."""
        run, task = self._run(request)
        return show_task_run(run, task, page=self._page) if task else show_run(run, page=self._page)

    def list_runs(self, request: Json) -> Json:
        """jobs/runs/list: newest first."""
        active, completed = request.get("active_only") == "true", request.get("completed_only") == "true"
        if active and completed:
            raise invalid("active_only and completed_only cannot both be true.")
        ids = self._store.run_ids(
            job_id=_number(request, "job_id") if request.get("job_id") else None,
            ended=completed if active or completed else None,
            since=_number(request, "start_time_from") if request.get("start_time_from") else 0,
            until=_number(request, "start_time_to") if request.get("start_time_to") else 2**62,
        )
        if request.get("run_type", "JOB_RUN") != "JOB_RUN":
            ids = []
        limit = read_limit(request.get("limit"), default=20, maximum=25)
        page = page_of(ids, limit=limit, token=request.get("page_token"))
        expand = request.get("expand_tasks") == "true"
        runs = [run for run_id in page.ids if (run := self._store.run(run_id))]
        return {"runs": [show_run(run, page=self._page, expand_tasks=expand) for run in runs], **page.tokens()}

    def cancel_run(self, request: Json) -> Json:
        """jobs/runs/cancel: answered before the run has ended."""
        self._scheduler.cancel(_number(request, "run_id"))
        return {}

    def get_output(self, request: Json) -> Json:
        """jobs/runs/get-output, of a task's run; of a job's run when it has one task only."""
        run, task = self._run(request)
        if task is None:
            if len(run.tasks) != 1:
                raise invalid(
                    "Retrieving the output of runs with multiple tasks is not supported. "
                    "Please retrieve the output of each individual task run instead."
                )
            task = run.tasks[0]
        output = read_output(self._scheduler.output_folder(task.run_id))
        return {"metadata": show_task_run(run, task, page=self._page), **output}

    # --- notification destinations

    def create_destination(self, request: Json) -> Json:
        """notification-destinations: only generic webhooks."""
        webhook = (request.get("config") or {}).get("generic_webhook") or {}
        url = webhook.get("url")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise invalid(
                "config.generic_webhook.url must be an http or https address; only webhooks are sent locally."
            )
        document = {
            "id": str(uuid.uuid4()),
            "display_name": request.get("display_name", ""),
            "config": {"generic_webhook": webhook},
        }
        self._store.put_destination(document["id"], document)
        return _show_destination(document)

    def get_destination(self, request: Json) -> Json:
        """A destination without its secrets."""
        document = self._store.destination(request["id"])
        if document is None:
            raise no_such_destination(request["id"])
        return _show_destination(document)

    def list_destinations(self, request: Json) -> Json:
        """All on one page, without their configuration."""
        del request  # there is nothing to choose by
        shown = [_show_destination(document) for document in self._store.destinations()]
        return {"results": [{key: value for key, value in one.items() if key != "config"} for one in shown]}

    def delete_destination(self, request: Json) -> Json:
        """Jobs that name it keep running, and tell nobody."""
        self.get_destination(request)
        self._store.delete_destination(request["id"])
        return {}

    # --- the little the SDK needs besides

    def me(self, request: Json) -> Json:
        """preview/scim/v2/Me."""
        del request  # there is one user
        return {"id": "1", "userName": "local", "displayName": "local", "active": True}

    def host_metadata(self) -> Json:
        """.well-known/databricks-config: asked for by WorkspaceClient() before anything else, without a token."""
        return {"oidc_endpoint": f"{self._url}/oidc", "workspace_id": str(self.id), "cloud": "Azure"}


def _show_destination(document: Json) -> Json:
    webhook = document["config"]["generic_webhook"]
    flags = {f"{field}_set": bool(webhook.get(field)) for field in ("url", "username", "password")}
    return {
        "id": document["id"],
        "display_name": document["display_name"],
        "destination_type": "WEBHOOK",
        "config": {"generic_webhook": flags},
    }
