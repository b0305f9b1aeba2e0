"""Microsoft's storage emulator, as a process of its own: `make azurite` installs it."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.child import die_with_parent
from local.home import PROJECT, free_port

ACCOUNT = "devstoreaccount1"
READY_WITHIN = 60


@contextmanager
def azurite_tables(folder: Path) -> Iterator[str]:
    """Its Table service; the endpoint. Skips the test where it is not installed, but never in CI."""
    installed = PROJECT / ".venv/azurite/node_modules/.bin/azurite-table"
    command = str(installed) if installed.exists() else shutil.which("azurite-table")
    if command is None:
        assert not os.environ.get("CI"), "Azurite is not installed: make azurite"
        pytest.skip("Azurite is not installed: make azurite")
    port = free_port()
    arguments = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--location", str(folder)]
    with subprocess.Popen(
        [command, *arguments, "--tableHost", "127.0.0.1", "--tablePort", str(port)],
        stdout=subprocess.DEVNULL,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - it calls prctl and nothing else
    ) as process:
        try:
            _await(process, port)
            yield f"http://127.0.0.1:{port}/{ACCOUNT}"
        finally:
            process.terminate()


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while True:
        assert process.poll() is None, f"Azurite ended with {process.returncode}"
        assert time.monotonic() < deadline, f"Azurite did not answer in {READY_WITHIN} s"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
