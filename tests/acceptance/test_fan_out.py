"""Hundreds of parts through the real broker and front, both killed twice on the way: `make bench` does thousands."""

import subprocess
import sys

import pytest

from local.home import PROJECT


@pytest.mark.timeout(400)
def test_no_part_is_lost_or_doubled_while_broker_and_front_die() -> None:
    command = [sys.executable, "-m", "benchmarks.scoring", "--parts", "400", "--patience", "300"]
    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert "counted in: 400 of 400; wrong: nothing" in ran.stdout, ran.stdout + ran.stderr
    assert ran.stdout.count("kill -9") == 4
    assert ran.returncode == 0
