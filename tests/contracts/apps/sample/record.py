"""What the functions saw, as JSON lines in the file that the setting RECORD names, for the tests to read."""

import json
import os
import threading
from pathlib import Path
from typing import Any

_turn = threading.Lock()


def as_json(**facts: Any) -> str:
    """Write facts as one JSON object."""
    return json.dumps(facts, default=str)


def write(function: str, **facts: Any) -> None:
    """Append what a function saw."""
    with _turn, Path(os.environ["RECORD"]).open("a") as stream:
        stream.write(as_json(function=function, **facts) + "\n")


def count(function: str) -> int:
    """Count how often a function wrote."""
    lines = Path(os.environ["RECORD"]).read_text().splitlines()
    return sum(json.loads(line)["function"] == function for line in lines)
