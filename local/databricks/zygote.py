"""The warm cluster: a process that has imported the heavy modules, and forks itself for every task.

`python -m local.databricks.zygote MODULE,MODULE,...` reads the folders of tasks from standard input, a line each, and
writes what becomes of them to standard output, a JSON line each: `{"folder", "pid"}` when a task was started,
`{"pid", "exit"}` when it ended. It only imports: connections and threads are for the tasks to make, after the fork.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import sys
import warnings
from pathlib import Path
from typing import Final

from local.child import die_with_parent
from local.databricks import task_process

REQUESTS: Final = 0


def warm_up(modules: list[str]) -> None:
    """Import what can be imported; a task that needs the rest will say so itself."""
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001  # a module may raise anything; the task decides whether it matters
            sys.stderr.write(f"{module} is not kept warm: {error!r}\n")
    gc.collect()
    gc.freeze()  # so that the children's garbage collectors leave the shared pages alone


def serve(answers: int) -> Path | None:
    """Fork a child per request: returns in each child with its task's folder, in the parent when input ends."""
    children: dict[int, int] = {}  # pidfd: pid
    unread = b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(REQUESTS, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fd in children:
                    waiting.unregister(key.fd)
                    pid = children.pop(key.fd)
                    os.close(key.fd)
                    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    _answer(answers, {"pid": pid, "exit": code})
                    continue
                chunk = os.read(REQUESTS, 65536)
                if not chunk:
                    return None
                *lines, unread = (unread + chunk).split(b"\n")
                for line in lines:
                    pid = os.fork()
                    if pid == 0:
                        for descriptor in (answers, *children):
                            os.close(descriptor)
                        return Path(os.fsdecode(line))
                    with contextlib.suppress(OSError):  # the child has done it itself, or has ended
                        os.setpgid(pid, pid)
                    pidfd = os.pidfd_open(pid)
                    children[pidfd] = pid
                    waiting.register(pidfd, selectors.EVENT_READ)
                    _answer(answers, {"folder": os.fsdecode(line), "pid": pid})


def _answer(answers: int, what: dict[str, object]) -> None:
    os.write(answers, json.dumps(what).encode() + b"\n")


def become_task(folder: Path) -> None:
    """What a fresh process would have: its own group, output and randomness; and an end with the zygote's."""
    os.setpgid(0, 0)
    die_with_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    null = os.open(os.devnull, os.O_RDONLY)
    output = os.open(folder / "output.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for source, target in ((null, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(output)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # the only global generator that a fork does not seed anew by itself


def main() -> None:
    """The zygote's life; a task's, in each child."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what modules print while they are imported is no answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Threads that survive no fork would be our tasks' loss; those that numpy's BLAS starts mend themselves after it.
    warnings.filterwarnings("ignore", message=".*use of fork\\(\\) may lead to deadlocks", category=DeprecationWarning)
    warm_up([module for module in sys.argv[1].split(",") if module])
    folder = serve(answers)
    if folder is not None:
        become_task(folder)
        raise SystemExit(task_process.run(folder))


if __name__ == "__main__":
    main()
