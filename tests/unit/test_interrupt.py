"""Ctrl-C is not lost, also where Python drops the exception that it raises."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
INTERRUPTED_AT_A_FORK = """
import os, signal, sys
from pathlib import Path
from local.home import Home
from local.stack import Stack, interrupt

signal.signal(signal.SIGINT, interrupt)
os.register_at_fork(before=lambda: signal.raise_signal(signal.SIGINT))
if os.fork() == 0:
    os._exit(0)
print("the exception was dropped", flush=True)
try:
    Stack(Home(Path(sys.argv[1])), print).check()
except KeyboardInterrupt:
    print("stopping")
"""


def test_an_interrupt_that_python_drops_is_raised_at_the_next_look(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT_A_FORK, str(tmp_path)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "KeyboardInterrupt" in done.stderr, "Python said that it ignored it"
    assert done.stdout.splitlines() == ["the exception was dropped", "stopping"]
