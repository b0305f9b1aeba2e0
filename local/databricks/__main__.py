"""Serve local Databricks workspaces: `python -m local.databricks --home DIR --workspace NAME=TOKEN ...`.

The variable LOCAL_WORKSPACES (`NAME=TOKEN NAME=TOKEN`) says the same, where not everybody may read the process list.
"""

import argparse
import asyncio
import contextlib
import fcntl
import logging
import os
import re
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import uvicorn
from uvicorn import Server

from local.databricks.app import make_app
from local.databricks.launch import PlainLauncher
from local.databricks.warm import WarmLauncher
from local.databricks.workspace import Workspace


class AnnouncingServer(Server):
    """Says when it accepts connections, and leaves signals to `serve`."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Print the one line that callers wait for."""
        await super().startup(sockets)
        host, port = (sockets or [])[0].getsockname()
        print(f"ready http://{host}:{port}", flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Not uvicorn's way, which raises the signal again after stopping."""
        yield


def _workspace(text: str) -> tuple[str, str]:
    name, _, token = text.partition("=")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or not token:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=TOKEN")
    return name, token


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.databricks", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--home", type=Path, required=True, help="where jobs, runs and their output are kept")
    parser.add_argument(
        "--workspace", type=_workspace, action="append", default=[], metavar="NAME=TOKEN", dest="workspaces"
    )
    parser.add_argument("--workers", type=int, default=2, help="how many tasks run at once (default 2)")
    parser.add_argument(
        "--warm",
        type=lambda text: text.split(","),
        default=[],
        metavar="MODULE,MODULE",
        help="modules that tasks find imported already, as on a running cluster (Linux only)",
    )
    arguments = parser.parse_args(given)
    arguments.workspaces += map(_workspace, os.environ.pop("LOCAL_WORKSPACES", "").split())
    if not arguments.workspaces:
        parser.error("name a workspace: --workspace NAME=TOKEN")
    return arguments


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT; then kill the tasks, and record their runs as lost."""
    listener = socket.create_server(("127.0.0.1", arguments.port))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    launcher = WarmLauncher(arguments.warm, output=arguments.home / "zygote.log", otherwise=PlainLauncher())
    await launcher.open()
    workers = asyncio.Semaphore(arguments.workers)
    workspaces = {
        name: (
            Workspace(name, url=f"{url}/{name}", folder=arguments.home / name, launcher=launcher, workers=workers),
            token,
        )
        for name, token in arguments.workspaces
    }
    for workspace, _ in workspaces.values():
        workspace.open()
    config = uvicorn.Config(
        make_app(workspaces), lifespan="off", access_log=False, log_level="warning", timeout_graceful_shutdown=1
    )
    server = AnnouncingServer(config)

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await server.serve(sockets=[listener])
    for workspace, _ in workspaces.values():
        await workspace.close()
    await launcher.close()


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"Another server uses {home}: it would take this one's runs for lost.") from None
        yield


def main(given: Sequence[str] | None = None) -> None:
    """The command."""
    arguments = _arguments(given)
    arguments.home = arguments.home.absolute()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with _only_one(arguments.home):
        asyncio.run(serve(arguments))


if __name__ == "__main__":
    main()
