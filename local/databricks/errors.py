"""What a request can be refused with, in Databricks' words: HTTP status, error_code, message."""

from collections.abc import Mapping


class ApiError(Exception):
    """An answer that is not 200; its code and message reach the SDK as they are."""

    def __init__(self, status: int, error_code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message
        self.headers = dict(headers or {})

    def body(self) -> dict[str, str]:
        """The JSON every Databricks error has."""
        return {"error_code": self.error_code, "message": self.message}


def invalid(message: str) -> ApiError:
    """The request can be read, but asks for something that cannot be."""
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


def no_such_job(job_id: object) -> ApiError:
    """Databricks answers 400, not 404."""
    return invalid(f"Job {job_id} does not exist.")


def no_such_run(run_id: object) -> ApiError:
    """As for jobs."""
    return invalid(f"Run {run_id} does not exist.")


def when_reading(error: ApiError) -> ApiError:
    """The same, answered to jobs/get and jobs/runs/get.

    There the SDK makes ResourceDoesNotExist of Databricks' INVALID_PARAMETER_VALUE, but only when the path of the
    request begins with /api; ours begins with the workspace's name, so that we say at once what the SDK would.
    """
    return ApiError(error.status, "RESOURCE_DOES_NOT_EXIST", error.message)


def no_such_destination(destination_id: object) -> ApiError:
    """A notification destination that was never made, or was deleted."""
    return ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Notification destination {destination_id} does not exist.")


def malformed(message: str) -> ApiError:
    """The body is no JSON object, or a field has the wrong type."""
    return ApiError(400, "MALFORMED_REQUEST", message)
