"""Several Databricks workspaces as one Jobs: each run goes to its own, and one that is down holds up nothing else."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from shared.adapters.databricks import DatabricksJobs
from shared.errors import Down, Refused, Unreachable
from shared.ports import Run

ASKED_AGAIN_AFTER = 15.0
"""Seconds for which a workspace that did not answer is not asked: the wait for its answer would be somebody else's."""


class DatabricksWorkspaces:
    """Jobs. `home` is where a run goes that names no workspace."""

    def __init__(
        self, workspaces: Mapping[str, DatabricksJobs], home: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._workspaces = workspaces
        self._home = home
        self._monotonic = monotonic
        self._down_until: dict[str, float] = {}

    def start(self, job: str, *, token: str, parameters: dict[str, str], workspace: str = "") -> tuple[str, int]:
        name = workspace or self._home
        with self._asked(name) as jobs:
            return jobs.start(job, token=token, parameters=parameters)

    def run(self, workspace: str, job_run_id: int) -> Run:
        with self._asked(workspace) as jobs:
            return jobs.run(workspace, job_run_id)

    def cancel(self, workspace: str, job_run_id: int) -> bool:
        with self._asked(workspace) as jobs:
            return jobs.cancel(workspace, job_run_id)

    @contextmanager
    def _asked(self, name: str) -> Iterator[DatabricksJobs]:
        jobs = self._workspaces.get(name)
        if jobs is None:
            known = ", ".join(self._workspaces)
            raise Refused(f"there is no workspace {name!r} (there are: {known}): add it to SCORING_WORKSPACES")
        if self._monotonic() < self._down_until.get(name, 0):
            raise Down(f"workspace {name} did not answer a moment ago")
        try:
            yield jobs
        except Unreachable:
            self._down_until[name] = self._monotonic() + ASKED_AGAIN_AFTER
            raise
