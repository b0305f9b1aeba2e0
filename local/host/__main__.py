"""``python -m local.host APP_DIR``: serve a Functions app on this laptop.

Prints ``ready http://127.0.0.1:PORT`` on standard output once the functions are indexed, HTTP accepts and the Service
Bus receivers have been started; everything else, the functions' own prints included, goes to standard error.

Exit codes: 0 after SIGTERM, SIGINT or --list; 2 when the app, its settings or its host.json cannot be started.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from local.host import logs
from local.host.engine import Engine
from local.host.errors import HostError
from local.host.hostfile import read_host_file
from local.host.keys import NoKeys, load_keys
from local.host.logs import logger
from local.host.settings import read_settings, served

if TYPE_CHECKING:
    from local.host.host import Host

PROJECT = Path(__file__).resolve().parents[2]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m local.host", description="Serve a Functions app on this laptop.")
    parser.add_argument("app_dir", type=Path, help="the folder of function_app.py and host.json")
    parser.add_argument("--port", type=int, default=7071, help="0 takes a free one (default: 7071)")
    parser.add_argument("--settings", type=Path, help="default: APP_DIR/local.settings.json, if there is one")
    parser.add_argument("--home", type=Path, default=Path(".sluice/host"), help="state of timers and keys")
    parser.add_argument("--slots", type=int, help="messages a function works on at a time (default: host.json's, to 4)")
    parser.add_argument("--grace", type=float, default=5.0, help="seconds for running calls at the end (default: 5)")
    parser.add_argument("--keys", action="store_true", help="ask for function keys, as Azure does")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    parser.add_argument("--list", action="store_true", help="show the functions and their triggers, and end")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    options = parse(arguments)
    app_dir, home = options.app_dir.resolve(), options.home.resolve()
    settings_file = options.settings.resolve() if options.settings else app_dir / "local.settings.json"
    answers = os.fdopen(os.dup(1), "w")  # prints of functions and their children must not mix with the ready line
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    engine: Engine | None = None
    logs.configure(options.log_level, lambda: engine.running_function() if engine else None)
    try:
        settings = read_settings(settings_file if options.settings or settings_file.exists() else None, os.environ)
        host_file = read_host_file(app_dir, settings)
        sys.path[:] = [each for each in sys.path if Path(each).resolve() != PROJECT]
        os.chdir(app_dir)
        engine = Engine(app_dir, settings)
        if options.list:
            for function in engine.functions.values():
                print(f"{function.name:24} {function.kind:18} {function.describe()}", file=answers, flush=True)
            engine.close()
            return 0
        functions = served(engine.functions.values(), settings)
        keys = load_keys(home) if options.keys else NoKeys()
        if not isinstance(keys, NoKeys):
            logger.info("keys: function %s, master %s, Event Grid %s", *vars(keys).values())
        from local.host.host import Host, Options  # the servers' SDKs take half a second: not for an app that is broken

        serving = Options(port=options.port, home=home, slots=options.slots, grace=options.grace)
        host = Host(engine, functions, settings=settings, host_file=host_file, options=serving, keys=keys)
        asyncio.run(serve(host, answers))
    except (HostError, OSError) as error:
        print(f"local.host: {error}", file=sys.stderr)
        return 2
    engine.close()
    if engine.busy:  # the interpreter would wait for the threads of functions that do not end
        sys.stderr.flush()
        os._exit(0)
    return 0


async def serve(host: "Host", answers: TextIO) -> None:
    """Serve until SIGTERM or SIGINT; a second signal ends at once."""
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    await host.start()
    for function in host.functions.values():
        logger.info("%s: %s %s", function.name, function.kind, function.describe())
    print(f"ready {host.address}", file=answers, flush=True)
    await stop.wait()
    logger.info("stopping")
    await host.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
