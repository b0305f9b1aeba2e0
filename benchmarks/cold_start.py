"""How long the app takes to start, beside an app with one empty function: `python -m benchmarks.cold_start`.

Both are imported and indexed by Microsoft's own engine, each time in a new process, in turns. Printed are the ratio of
the medians, what the first message then loads of ours, and what is deployed: its size, and its ten largest packages.
Exit code 1 where the ratio is above 2. `python -X importtime -c "import function_app"` says where the time goes.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from benchmarks.webhook import PROJECT

AT_MOST = 2.0
LARGEST = 10
EMPTY = """import azure.functions as func

app = func.FunctionApp()


@app.route(route="empty", auth_level=func.AuthLevel.ANONYMOUS)
def empty(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("")
"""
STARTING = """
import sys, time
began = time.perf_counter()
from pathlib import Path
from local.host.engine import Engine
engine = Engine(Path(sys.argv[1]))
indexed = time.perf_counter() - began
import shared.bootstrap
print(indexed, time.perf_counter() - began - indexed, len(engine.functions))
"""


def start(app: Path) -> tuple[float, float, int]:
    """Seconds until the engine has indexed the app, in a process of its own; then to load ours; how many functions."""
    values = json.loads((PROJECT / "local.settings.sample.json").read_text())["Values"]
    done = subprocess.run(
        [sys.executable, "-c", STARTING, str(app)],
        cwd=app,
        env={**os.environ, **values, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, loading, functions = done.stdout.split()
    return float(seconds), float(loading), int(functions)


def deployed() -> dict[str, int]:
    """Bytes of each package of requirements.txt, as it is installed, and of the app's own files."""
    lines = (PROJECT / "requirements.txt").read_text().splitlines()
    names = [found[0] for line in lines if (found := re.match(r"[A-Za-z0-9._-]+", line))]
    sizes = {name: _size(name) for name in names}
    own = [PROJECT / "function_app.py", *(PROJECT / "functions").rglob("*.py"), *(PROJECT / "shared").rglob("*.py")]
    return {**sizes, "the app itself": sum(file.stat().st_size for file in own)}


def _size(package: str) -> int:
    try:
        found = files(package) or []
    except PackageNotFoundError:  # for another platform
        return 0
    places = [Path(str(each.locate())) for each in found if "__pycache__" not in str(each)]
    return sum(place.stat().st_size for place in places if place.is_file())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 if the ratio is at most 2."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="of both, in turns (default: %(default)s)")
    rounds = parser.parse_args(arguments).rounds
    with tempfile.TemporaryDirectory() as name:
        empty = Path(name)
        (empty / "function_app.py").write_text(EMPTY)
        (empty / "host.json").write_text('{"version": "2.0"}')
        start(PROJECT), start(empty)  # compiles what is not compiled yet
        turns = [(start(PROJECT), start(empty)) for _ in range(rounds)]
    ours = statistics.median(mine for (mine, *_), _ in turns)
    bare = statistics.median(its for _, (its, *_) in turns)
    loading = statistics.median(after for (_, after, _), _ in turns)
    ((*_, functions), _) = turns[0]
    print(f"indexed: Sluice, {functions} functions, in {ours:.2f} s; one empty function in {bare:.2f} s")
    print(f"ratio {ours / bare:.2f} (at most {AT_MOST}); then the first message loads our code in {loading:.2f} s")
    sizes = deployed()
    print(f"deployed: {sum(sizes.values()) / 1e6:.0f} MB, of which")
    for package, size in sorted(sizes.items(), key=lambda each: -each[1])[:LARGEST]:
        print(f"  {size / 1e6:6.1f} MB  {package}")
    return 0 if ours / bare <= AT_MOST else 1


if __name__ == "__main__":
    sys.exit(main())
