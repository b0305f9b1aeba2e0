"""What a job may look like here: checked when it is made, so that a run never meets what cannot run."""

from typing import Any, Final

from local.databricks.errors import invalid, malformed
from local.databricks.runs import Json

RUNNABLE: Final = ("python_wheel_task", "spark_python_task")
# Arrays of the settings that jobs/update merges element by element, with the field that names an element.
MERGED: Final = {
    "tasks": "task_key",
    "job_clusters": "job_cluster_key",
    "environments": "environment_key",
    "parameters": "name",
}


def _names(items: list[Json], field: str, what: str) -> list[str]:
    names = [item.get(field) for item in items]
    if not all(isinstance(name, str) and name for name in names):
        raise invalid(f"Every {what} needs a {field}.")
    if len(set(names)) < len(names):
        raise invalid(f"Two {what}s have the same {field}.")
    return [str(name) for name in names]


def check_settings(settings: Any, *, destinations: set[str]) -> Json:
    """The settings, ready to be kept; ApiError says what is wrong with them."""
    if not isinstance(settings, dict):
        raise malformed("Job settings must be a JSON object.")
    tasks, parameters = _objects(settings, "tasks"), _objects(settings, "parameters")
    for task in tasks:
        _check_task(task)
    _check_order(tasks)
    _names(parameters, "name", "job parameter")
    for event, receivers in (settings.get("webhook_notifications") or {}).items():
        for receiver in receivers:
            if receiver.get("id") not in destinations:
                raise invalid(f"Notification destination {receiver.get('id')} of {event} does not exist.")
    limit = settings.get("max_concurrent_runs", 1)
    if not isinstance(limit, int) or not 0 <= limit <= 1000:
        raise invalid(f"max_concurrent_runs must be between 0 and 1000, not {limit}.")
    return {"name": "Untitled", "format": "MULTI_TASK", "max_concurrent_runs": 1, "timeout_seconds": 0, **settings}


def _objects(settings: Json, field: str) -> list[Json]:
    items = settings.get(field) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise malformed(f"{field} must be a list of JSON objects.")
    return items


def _check_task(task: Json) -> None:
    key = task.get("task_key")
    kinds = [kind for kind in RUNNABLE if isinstance(task.get(kind), dict)]
    if len(kinds) != 1:
        raise invalid(f"Task {key} must be one of {' or '.join(RUNNABLE)}; no other kind runs locally.")
    if task.get("run_if", "ALL_SUCCESS") != "ALL_SUCCESS":
        raise invalid(f"Task {key} has run_if {task['run_if']}; only ALL_SUCCESS runs locally.")
    work = task[kinds[0]]
    needed = ("package_name", "entry_point") if kinds[0] == "python_wheel_task" else ("python_file",)
    for field in needed:
        if not isinstance(work.get(field), str) or not work[field]:
            raise invalid(f"Task {key}: {kinds[0]} needs {field}.")
    if work.get("named_parameters") and work.get("parameters"):
        raise invalid(f"Task {key} has both parameters and named_parameters.")


def _check_order(tasks: list[Json]) -> None:
    waiting = {
        name: {dependency.get("task_key") for dependency in task.get("depends_on") or []}
        for name, task in zip(_names(tasks, "task_key", "task"), tasks, strict=True)
    }
    for name, needs in waiting.items():
        if unknown := needs - set(waiting):
            raise invalid(f"Task {name} depends on {', '.join(map(str, unknown))}, which the job does not have.")
    while ready := [name for name, needs in waiting.items() if not needs & set(waiting)]:
        for name in ready:
            del waiting[name]
    if waiting:
        raise invalid(f"The tasks {', '.join(waiting)} depend on one another.")


def merge_settings(old: Json, new: Json, remove: list[str]) -> Json:
    """As jobs/update does: fields are replaced, named elements of arrays one by one."""
    kept: Json = {}
    for field, value in old.items():
        name = MERGED.get(field)
        gone = {path.partition("/")[2] for path in remove if path.startswith(f"{field}/")}
        if field not in remove:
            kept[field] = [item for item in value if item.get(name) not in gone] if name and gone else value
    for field, value in new.items():
        if (name := MERGED.get(field)) and isinstance(value, list):
            elements = {item.get(name): item for item in [*kept.get(field, []), *value]}
            kept[field] = list(elements.values())
        else:
            kept[field] = value
    return kept


def run_parameters(settings: Json, given: Any) -> dict[str, str]:
    """The value of every job parameter in a run: what was given, else the default."""
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise malformed("job_parameters must be an object of strings.")
    defaults = {parameter["name"]: str(parameter.get("default", "")) for parameter in settings.get("parameters") or []}
    if unknown := sorted(set(given) - set(defaults)):
        raise invalid(f"Job parameters {', '.join(unknown)} are not defined in job {settings['name']}.")
    return defaults | given
