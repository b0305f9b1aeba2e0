"""The states of a run and of its tasks, written in both of Databricks' ways.

Every answer carries the legacy ``state`` (life_cycle_state, result_state) and the newer ``status`` (state,
termination_details). They do not map one to one: a job run whose task failed is INTERNAL_ERROR in the legacy state,
exactly like a run whose driver was lost, and only the termination code tells them apart.
"""

from dataclasses import dataclass
from typing import Any, Final

ENDED: Final = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})
# Life cycles that the newer status has under another name; all others are called the same.
STATUS_OF: Final = {"SKIPPED": "TERMINATED", "INTERNAL_ERROR": "TERMINATED", "WAITING_FOR_RETRY": "WAITING"}


@dataclass(frozen=True, kw_only=True)
class State:
    """Where a run or a task stands; `result`, `code` and `kind` are there once it has ended."""

    life_cycle: str
    result: str = ""
    message: str = ""
    code: str = ""
    kind: str = ""
    stopped: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.life_cycle in ENDED

    def render(self) -> dict[str, Any]:
        """The two keys every run and task answer has."""
        legacy: dict[str, Any] = {
            "life_cycle_state": self.life_cycle,
            "state_message": self.message,
            "user_cancelled_or_timedout": self.stopped,
        }
        status: dict[str, Any] = {"state": STATUS_OF.get(self.life_cycle, self.life_cycle)}
        if self.result:
            legacy["result_state"] = self.result
        if self.life_cycle == "QUEUED":
            legacy["queue_reason"] = self.message
            status["queue_details"] = {"code": self.code, "message": self.message}
        elif self.code:
            status["termination_details"] = {"code": self.code, "type": self.kind, "message": self.message}
        return {"state": legacy, "status": status}


PENDING: Final = State(life_cycle="PENDING")
BLOCKED: Final = State(life_cycle="BLOCKED")
RUNNING: Final = State(life_cycle="RUNNING", message="In run")
RETRYING: Final = State(life_cycle="WAITING_FOR_RETRY")
CANCELING: Final = State(
    life_cycle="TERMINATING", message="Cancelling", code="USER_CANCELED", kind="SUCCESS", stopped=True
)

SUCCEEDED: Final = State(life_cycle="TERMINATED", result="SUCCESS", code="SUCCESS", kind="SUCCESS")
TASK_FAILED: Final = State(
    life_cycle="TERMINATED",
    result="FAILED",
    message="Workload failed, see run output for details",
    code="RUN_EXECUTION_ERROR",
    kind="CLIENT_ERROR",
)
UPSTREAM_FAILED: Final = State(
    life_cycle="TERMINATED",
    result="UPSTREAM_FAILED",
    message="Task was skipped because an upstream task did not succeed.",
    code="SKIPPED",
    kind="CLIENT_ERROR",
)
CANCELED: Final = State(
    life_cycle="TERMINATED",
    result="CANCELED",
    message="Run cancelled.",
    code="USER_CANCELED",
    kind="SUCCESS",
    stopped=True,
)
TIMED_OUT: Final = State(
    life_cycle="TERMINATED",
    result="TIMEDOUT",
    message="Run exceeded its maximum duration and was stopped.",
    code="CANCELED",
    kind="CLIENT_ERROR",
    stopped=True,
)
DRIVER_LOST: Final = State(
    life_cycle="INTERNAL_ERROR",
    result="FAILED",
    message="The driver was lost: the workspace stopped while the run was active.",
    code="DRIVER_ERROR",
    kind="CLOUD_FAILURE",
)
TOO_MANY_RUNS: Final = State(
    life_cycle="SKIPPED",
    result="MAXIMUM_CONCURRENT_RUNS_REACHED",
    message="Run was skipped because the job reached its maximum concurrent runs and queueing is off.",
    code="MAX_CONCURRENT_RUNS_EXCEEDED",
    kind="CLIENT_ERROR",
)


def queued(limit: int) -> State:
    """Waiting until one of the job's runs ends."""
    return State(
        life_cycle="QUEUED",
        message=f"Queued due to reaching maximum concurrent runs of {limit}.",
        code="MAX_CONCURRENT_RUNS_REACHED",
    )


def run_failed(task_key: str, task_message: str) -> State:
    """A job run one of whose tasks failed: INTERNAL_ERROR in the legacy state, as Databricks has it."""
    return State(
        life_cycle="INTERNAL_ERROR",
        result="FAILED",
        message=f"Task {task_key} failed with message: {task_message}.",
        code="RUN_EXECUTION_ERROR",
        kind="CLIENT_ERROR",
    )


def broken(message: str) -> State:
    """The task could not even be started."""
    return State(
        life_cycle="INTERNAL_ERROR", result="FAILED", message=message, code="INTERNAL_ERROR", kind="INTERNAL_ERROR"
    )
