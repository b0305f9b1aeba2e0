"""What happens inside a task's own process: `python -m local.databricks.task_process FOLDER`.

The folder holds `task.json` (what to run) and `work/` (where to run it); a failure is left in `error.json`. As on
Databricks, a wheel's entry point is looked up in the metadata of its distribution and called without arguments, the
parameters are in `sys.argv`, and what the function returns means nothing: a task fails by raising.
"""

import importlib
import importlib.metadata
import json
import os
import runpy
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

ROOT: Final = str(Path(__file__).parents[2])


def find_entry_point(package_name: str, name: str) -> Callable[[], Any]:
    """The function a python_wheel_task names; without such an entry point, the package's own attribute."""
    entry_points = importlib.metadata.distribution(package_name).entry_points.select(name=name)
    for entry_point in sorted(entry_points, key=lambda found: found.group != "console_scripts"):
        function: Callable[[], Any] = entry_point.load()
        return function
    attribute: Callable[[], Any] = getattr(importlib.import_module(package_name), name)
    return attribute


def run(folder: Path) -> int:
    """Run the task of `folder` in this process, and return its exit code."""
    task = json.loads((folder / "task.json").read_text())
    os.chdir(folder / "work")
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # both are text files here
    if sys.path[0] == ROOT:
        del sys.path[0]  # Sluice's own modules are not for tasks: on Databricks they are not there either
    try:
        _call(task)
    except SystemExit as stop:
        if stop.code in (None, 0):
            return 0
        return _report(folder, stop)
    except BaseException as error:  # noqa: BLE001  # whatever ends a task is recorded, and ends its process
        return _report(folder, error)
    return 0


def _call(task: dict[str, Any]) -> None:
    if "python_file" in task:
        sys.argv = [task["python_file"], *task["arguments"]]
        sys.path.insert(0, str(Path(task["python_file"]).parent))
        runpy.run_path(task["python_file"], run_name="__main__")
        return
    sys.argv = [task["package_name"], *task["arguments"]]
    sys.modules["__main__"] = types.ModuleType("__main__")  # so that nothing started from here finds the launcher
    find_entry_point(task["package_name"], task["entry_point"])()


def _report(folder: Path, error: BaseException) -> int:
    frame = error.__traceback__
    while frame and frame.tb_frame.f_code.co_filename in (__file__, runpy.__file__, "<frozen runpy>"):
        frame = frame.tb_next
    trace = "".join(traceback.format_exception(type(error), error, frame))
    summary = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    sys.stderr.write(trace)
    (folder / "error.json").write_text(json.dumps({"error": summary, "error_trace": trace}))
    code = error.code if isinstance(error, SystemExit) else 1
    return code if isinstance(code, int) and 0 < code < 256 else 1


if __name__ == "__main__":
    raise SystemExit(run(Path(sys.argv[1])))
