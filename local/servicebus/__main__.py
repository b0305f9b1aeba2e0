"""`python -m local.servicebus`: serve the queues of a file, or count what is in them."""

import argparse
import asyncio
import json
import signal
import sqlite3
import sys
from pathlib import Path

from local.servicebus.counts import queue_counts, table
from local.servicebus.properties import QueuesFileError, read_queues
from local.servicebus.server import Broker
from local.servicebus.store import Store, StoreError, unreadable

OK, ERROR = 0, 2
HIGHEST_PORT = 65535


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "counts":
            counts = queue_counts(options.db)
            by_name = {queue: each.as_json() for queue, each in counts.items()}
            print(json.dumps(by_name, indent=2) if options.json else table(counts))
        else:
            asyncio.run(_serve(options.port, options.queues, options.db))
    except (QueuesFileError, StoreError) as error:
        print(error, file=sys.stderr)
        return ERROR
    except OSError as error:
        print(f"cannot listen on 127.0.0.1:{options.port}: {error.strerror}: choose --port", file=sys.stderr)
        return ERROR
    except sqlite3.Error as error:
        print(f"{options.db}: {error}: nothing more was acknowledged; is there room?", file=sys.stderr)
        return ERROR
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.servicebus", description=__doc__)
    parser.add_argument(
        "command", nargs="?", choices=("serve", "counts"), default="serve",
        help="serve (default), or print how many messages each queue has, by state",
    )  # fmt: skip
    parser.add_argument("--db", type=Path, required=True, metavar="FILE", help="the file that keeps the messages")
    serving = parser.add_argument_group("serve")
    serving.add_argument("--port", type=_port, default=0, help="port on 127.0.0.1 (default: a free one)")
    serving.add_argument(
        "--queues", type=Path, default=Path("infra/queues.json"), metavar="FILE",
        help="the file of the queues (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument_group("counts").add_argument("--json", action="store_true", help="print the counts as JSON")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port: write a number from 0 to {HIGHEST_PORT}")
    return int(text)


async def _serve(port: int, queues: Path, db: Path) -> None:
    properties = read_queues(queues)
    store = Store(db)
    try:
        kept = store.kept()
        broker = Broker(properties, store)
    except (sqlite3.Error, ValueError) as error:
        raise StoreError(unreadable(db, error)) from error
    for orphan in sorted(set(kept) - {each.name for each in properties}):
        print(
            f"{db} keeps {kept[orphan]} messages of queue {orphan}, which {queues} does not name:"
            " name it there again to have them",
            file=sys.stderr,
        )
    server = await broker.serve(port)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, broker.stop)
    print(f"ready sb://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    try:
        await broker.ended
    finally:
        server.close()
        broker.close()


if __name__ == "__main__":
    sys.exit(main())
