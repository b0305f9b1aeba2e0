"""`python -m local`: the whole of Sluice on a laptop."""

import argparse
import signal
import sys
from fnmatch import fnmatchcase
from pathlib import Path

from local.event_grid import land
from local.home import ForeignSettingsError, Home, HomeInUseError
from local.stack import ServerEndedError, Stack, interrupt
from shared import usecase
from shared.errors import SluiceError
from shared.settings import Settings

OK, ERROR, INTERRUPTED = 0, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        match options.command:
            case "up":
                return _up(Home(options.home), options.others_host)
            case "land":
                return _land(options)
            case _:
                from local.demo import demo

                return demo(Home(options.home), keep=options.keep)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (SluiceError, ForeignSettingsError, HomeInUseError, ServerEndedError, OSError) as error:
        print(f"{type(error).__name__}: {error}" if isinstance(error, OSError) else error, file=sys.stderr)
        return ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    home = argparse.ArgumentParser(add_help=False)
    home.add_argument(
        "--home", type=Path, default=Path(".sluice"), metavar="DIR", help="the stack's folder (default: %(default)s)"
    )
    up = commands.add_parser(
        "up",
        parents=[home],
        help="run the stack until Ctrl-C; work that was under way when it stopped is carried on",
    )
    up.add_argument(
        "--no-host",
        dest="others_host",
        type=int,
        nargs="?",
        const=7071,
        default=0,
        metavar="PORT",
        help="run everything but the functions, which `func start` runs on that port (default: 7071)",
    )
    landing = commands.add_parser("land", parents=[home], help="land a file, as if it were written to the lake")
    landing.add_argument("file", type=Path, help="the file to land")
    landing.add_argument(
        "--to", metavar="NAME", help="where in the landing area (default: where a use case expects it)"
    )
    demo = commands.add_parser("demo", help="run the main job on real data in a stack of its own, and verify it")
    demo.add_argument(
        "--home", type=Path, default=Path(".sluice/demo"), metavar="DIR", help="its folder (default: %(default)s)"
    )
    demo.add_argument("--keep", action="store_true", help="leave the stack up afterwards, until Ctrl-C")
    return parser


def _up(home: Home, others_host: int) -> int:
    with home.locked():
        print(f"starting the local stack in {home.folder} ...", flush=True)
        with Stack(home, lambda line: print(f"  {line}", flush=True), others_host=others_host) as stack:
            if others_host:
                print(f"\n  the functions  func start --port {others_host}   (local.settings.json is written)", end="")
            print(f"""
  land a file    python -m local land FILE --home {home.folder}
  what happened  python -m ops --settings {home.settings_file} status
  ops page       {stack.addresses["front"]}/api/ops
  MLflow page    {stack.addresses["mlflow"]}
  logs           {home.folder}/logs
up; Ctrl-C stops it""", flush=True)  # fmt: skip
            try:
                stack.wait()
            except KeyboardInterrupt:
                print("\nstopping ...", flush=True)
            except ServerEndedError as error:
                print(f"{error}\nstopping; `python -m local up` carries on from here", file=sys.stderr)
                return ERROR
    return OK


def _land(options: argparse.Namespace) -> int:
    home = Home(options.home)
    if not options.file.is_file():
        raise FileNotFoundError(f"{options.file} is no file")
    settings = home.settings()
    name = options.to or _expected_name(options.file.name, settings)
    target = land(options.file, home.landing, name)
    print(f"landed {target.relative_to(home.folder)}; follow it:")
    print(f"  python -m ops --settings {home.settings_file} story {name}")
    return OK


def _expected_name(name: str, settings: Settings) -> str:
    """Where the one use case that takes a file of that name expects it. Raises FileNotFoundError, also for several."""
    use_cases = usecase.load(Path(settings.use_cases)).all
    found = []
    for one in use_cases:
        place = one.data.arrives.partition("/")[2].rpartition("/")[0]
        candidate = f"{place}/{name}".lstrip("/")
        if fnmatchcase(f"landing/{candidate}", one.data.arrives):
            found.append(candidate)
    if len(found) > 1:
        raise FileNotFoundError(f"several use cases take a file named {name}: say which with --to {' or '.join(found)}")
    if found:
        return found[0]
    patterns = ", ".join(one.data.arrives for one in use_cases)
    raise FileNotFoundError(f"no use case expects a file named {name} (they expect {patterns}): say where with --to")


if __name__ == "__main__":
    sys.exit(main())
