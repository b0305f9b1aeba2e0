"""Spark without a cluster: Sail behind Spark Connect. `python -m local.spark --port 0` prints its address when ready.

PySpark talks to it unchanged: `SPARK_REMOTE=sc://127.0.0.1:PORT`, `SparkSession.builder.getOrCreate()`.
"""

import argparse
import functools
import importlib
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Sequence
from typing import Any

# The Python functions of a query run inside this process: what they import is imported once, while nobody waits.
WARM = ("pyspark.sql.connect.session", "pyspark.sql.pandas.functions", "sklearn.ensemble")
STOPPED = (signal.SIGTERM, signal.SIGINT)


def serve(port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPED)  # before any thread starts, so that all inherit it
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer(ip="127.0.0.1", port=port)
    server.start(background=True)
    host, taken = server.listening_address
    _load_models_one_at_a_time()
    print(f"ready sc://{host}:{taken}", flush=True)
    threading.Thread(target=_import, args=(WARM,), daemon=True).start()
    signal.sigwait(STOPPED)
    server.stop()


def _load_models_one_at_a_time() -> None:
    """Where MLflow's functions run as threads of this process, and not in a process each as Spark's workers do, they
    share the folder into which MLflow fetches a model: one would read what another is still writing.
    """
    pyfunc: Any = importlib.import_module("mlflow.pyfunc")
    load, lock = pyfunc.load_model, threading.Lock()

    @functools.wraps(load)
    def load_model(*arguments: Any, **named: Any) -> Any:
        with lock:
            return load(*arguments, **named)

    pyfunc.load_model = load_model


def _import(modules: Sequence[str]) -> None:
    warnings.simplefilter("ignore")
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:  # a query that needs it will say so itself
            sys.stderr.write(f"{module} is not kept warm: {error}\n")


def main(given: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m local.spark", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    arguments = parser.parse_args(given)
    # MLflow keeps each model that a function loads in a temporary folder, named for the model's address and this
    # process's id, and takes what is there for the model: what an earlier server left must not be found.
    with tempfile.TemporaryDirectory(prefix="sluice-spark-") as folder:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        serve(arguments.port)
    sys.stdout.flush()
    os._exit(0)  # a function that still runs, or a module half imported, would keep the interpreter from ending


if __name__ == "__main__":
    main()
