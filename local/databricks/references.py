"""Dynamic value references: `{{job.parameters.x}}` and its kind, replaced when a task starts.

What is not known stays as it stands, as on Databricks; nothing in the braces is evaluated.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from local.databricks.runs import Run, TaskRun

REFERENCE: Final = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with every known reference replaced; names with special characters may stand in backticks."""
    return REFERENCE.sub(lambda found: values.get(found[1].replace("`", ""), found[0]), text)


def of_job(
    *, workspace_id: int, workspace_url: str, job_id: int, run_id: int, name: str, start_ms: int
) -> dict[str, str]:
    """What a parameter of the job may refer to."""
    start = datetime.fromtimestamp(start_ms / 1000, UTC)
    return {
        "workspace.id": str(workspace_id),
        "workspace.url": workspace_url,
        "job.id": str(job_id),
        "job.name": name,
        "job.run_id": str(run_id),
        "job.repair_count": "0",
        "job.trigger.type": "one_time",
        "job.start_time.iso_date": start.strftime("%Y-%m-%d"),
        "job.start_time.iso_datetime": start.strftime("%Y-%m-%dT%H:%M:%S"),
        "job.start_time.timestamp_ms": str(start_ms),
        "job.start_time.year": str(start.year),
        "job.start_time.month": str(start.month),
        "job.start_time.day": str(start.day),
        "job.start_time.hour": str(start.hour),
        "job.start_time.minute": str(start.minute),
        "job.start_time.second": str(start.second),
        "job.start_time.iso_weekday": str(start.isoweekday()),
        "job.start_time.is_weekday": str(start.isoweekday() <= 5).lower(),
    }


def of_task(run: Run, task: TaskRun) -> dict[str, str]:
    """What a parameter of the task may refer to, besides the job's."""
    values = {f"job.parameters.{name}": value for name, value in run.parameters.items()}
    for other in run.tasks:
        values[f"tasks.{other.task_key}.run_id"] = str(other.run_id)
        values[f"tasks.{other.task_key}.execution_count"] = str(other.attempt_number + 1)
        if other.state.result:
            values[f"tasks.{other.task_key}.result_state"] = other.state.result.lower()
    return values | {
        "task.name": task.task_key,
        "task.run_id": str(task.run_id),
        "task.execution_count": str(task.attempt_number + 1),
    }
