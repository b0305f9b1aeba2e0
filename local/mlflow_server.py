"""The real MLflow server, set up for a laptop: `python -m local.mlflow_server --port 0 --home DIR`.

Its database, its artefacts and the key that its webhooks' secrets are encrypted with stay in DIR. What is served is
what `mlflow server --workers 1` serves, in this process: the command itself imports MLflow in one process to start
another that imports it again, twice the seconds and the memory, and the second would outlive a killed first.
"""

import argparse
import asyncio
import base64
import contextlib
import logging
import os
import secrets
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from uvicorn import Config, Server

HOST = "127.0.0.1"
ARTIFACT_ROOT = "mlflow-artifacts:/"


def settings(home: Path) -> dict[str, str]:
    """What the server reads from its environment; some of it when it is imported, so that comes after.

    The first five are how `mlflow server` tells its worker what stood on the command line.
    """
    return {
        "_MLFLOW_SERVER_FILE_STORE": database(home),
        "_MLFLOW_SERVER_REGISTRY_STORE": database(home),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": ARTIFACT_ROOT,
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(home / "artifacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        # Webhooks: without a key deliveries stop silently; ours go to http://127.0.0.1, and at once.
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": _kept_key(home / "webhook-secrets.key"),
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "1",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def database(home: Path) -> str:
    """Where runs and registered models are kept."""
    return f"sqlite:///{home / 'mlflow.db'}"


def _kept_key(file: Path) -> str:
    if not file.exists():
        partial = file.with_suffix(".tmp")
        partial.touch(mode=0o600)
        partial.write_bytes(base64.urlsafe_b64encode(secrets.token_bytes(32)))
        partial.replace(file)
    return file.read_text()


class AnnouncingServer(Server):
    """Says when it answers, and leaves signals to `serve`."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Print the one line that callers wait for."""
        await super().startup(sockets)
        print(f"ready http://{HOST}:{(sockets or [])[0].getsockname()[1]}", flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Not uvicorn's way, which raises the signal again after stopping."""
        yield


def load(home: Path) -> Any:
    """MLflow's own application, with its tables made."""
    os.environ.update(settings(home))
    from mlflow.server.fastapi_app import app
    from mlflow.server.handlers import initialize_backend_stores

    initialize_backend_stores(database(home), database(home), ARTIFACT_ROOT)
    return app


async def serve(app: Any, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = AnnouncingServer(
        Config(app, lifespan="on", access_log=False, log_level="warning", timeout_graceful_shutdown=1)
    )

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await server.serve(sockets=[listener])


def main(given: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m local.mlflow_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--home", type=Path, required=True, metavar="DIR", help="where its state is kept")
    arguments = parser.parse_args(given)
    for number in (signal.SIGTERM, signal.SIGINT):  # while it loads there is nothing to stop
        signal.signal(number, lambda *_: os._exit(0))
    home = arguments.home.absolute()
    home.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    listener = socket.create_server((HOST, arguments.port))
    asyncio.run(serve(load(home), listener))
    os._exit(0)  # a webhook's delivery in the background would keep the interpreter for seconds; the database is whole


if __name__ == "__main__":
    main()
