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


KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Published with Azurite."""


@contextmanager
def azurite_tables(folder: Path) -> Iterator[str]:
    """Its Table service; the endpoint. Skips the test where it is not installed, but never in CI."""
    with _azurite("table", folder) as endpoint:
        yield endpoint


@contextmanager
def azurite_blobs(folder: Path) -> Iterator[str]:
    """Its Blob service; the connection string. Skips the test where it is not installed, but never in CI."""
    with _azurite("blob", folder) as endpoint:
        yield f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};"


@contextmanager
def _azurite(service: str, folder: Path) -> Iterator[str]:
    name = f"azurite-{service}"
    installed = PROJECT / ".venv/azurite/node_modules/.bin" / name
    command = str(installed) if installed.exists() else shutil.which(name)
    if command is None:
        assert not os.environ.get("CI"), "Azurite is not installed: make azurite"
        pytest.skip("Azurite is not installed: make azurite")
    port = free_port()
    arguments = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--location", str(folder)]
    with subprocess.Popen(
        [command, *arguments, f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port)],
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
