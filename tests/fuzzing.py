"""Bytes from outside, as a fuzzer finds them: `python -m tests.fuzzing DECODER -max_total_time=60`.

The options are libFuzzer's. Coverage guides what is tried next. A decoder answers, or raises an error of ours;
whatever else it raises is a fault.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import atheris  # type: ignore[import-untyped]  # it has no types

with atheris.instrument_imports(include=["shared", "local.servicebus"]):
    from local.servicebus.amqp_types import DecodeError
    from local.servicebus.decoding import decode as decode_amqp
    from shared import usecase
    from shared.adapters import delta_commit
    from shared.errors import SluiceError
    from shared.wire import (
        client_principal,
        databricks_webhook,
        documents,
        event_grid,
        job_notification,
        live_metrics,
        manifest,
        mlflow_webhook,
        prediction,
        profile,
        relay,
    )

FOLDER = Path(tempfile.mkdtemp())


def _event(body: bytes) -> None:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return  # the host parses events
    event_grid.decode_blob_created("id", event_grid.BLOB_CREATED, data)


def _use_case(body: bytes) -> None:
    folder = FOLDER / "one"
    folder.mkdir(exist_ok=True)
    for name in ("usecase.yml", "gate.yml", "expectations.json"):
        (folder / name).write_bytes(body)
    usecase.load_one(folder)


DECODERS: dict[str, Callable[[bytes], Any]] = {
    "event": _event,
    "command": documents.decode_command,
    "fact": documents.decode_fact,
    "mlflow-webhook": lambda body: mlflow_webhook.decode(body, delivery_id="1"),
    "databricks-webhook": lambda body: databricks_webhook.decode(body, delivery_id="1"),
    "relay": lambda body: relay.decode(body, delivery_id="1"),
    "live-metrics": live_metrics.decode,
    "job-notification": lambda body: job_notification.decode(body, workspace="ws1"),
    "principal": lambda body: client_principal.decode({"x-ms-client-principal": body.decode("latin-1")}),
    "manifest": manifest.decode_manifest,
    "delta-commit": lambda body: delta_commit.added(body, "0.json"),
    "prediction": prediction.decode_summary,
    "profile": profile.decode_profile,
    "use-case": _use_case,
    "amqp": decode_amqp,
}
FORGETFUL: dict[str, Callable[[bytes], Any]] = {"int": int}
"""What the fuzzer has to find."""


def one_input(decoder: Callable[[bytes], Any]) -> Callable[[bytes], None]:
    """What the fuzzer calls."""

    def run(body: bytes) -> None:
        try:
            decoder(body)
        except (SluiceError, DecodeError):
            return

    return run


def main(arguments: Sequence[str]) -> None:
    """Fuzz one decoder; the process ends with 0 when the time or the runs are over."""
    name, *options = arguments
    os.environ.setdefault("TZ", "UTC")
    atheris.Setup([sys.argv[0], *options], one_input((DECODERS | FORGETFUL)[name]))
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
