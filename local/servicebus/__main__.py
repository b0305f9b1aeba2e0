"""`python -m local.servicebus`: serve the queues of a file, or count what is in them."""

import argparse
import asyncio
import json
import signal
import sqlite3
import sys
from pathlib import Path

from local.servicebus.properties import QueuesFileError, read_queues
from local.servicebus.server import Broker
from local.servicebus.store import Store, queue_counts


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.servicebus", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--queues", type=Path, default=Path("infra/queues.json"), help="file of the queues")
    parser.add_argument("--db", type=Path, required=True, help="file that keeps the messages")
    parser.add_argument("--counts", action="store_true", help="print the messages by queue and state, as JSON, and end")
    options = parser.parse_args(arguments)
    try:
        if options.counts:
            print(json.dumps(queue_counts(options.db), indent=2))
            return 0
        asyncio.run(_serve(options.port, options.queues, options.db))
    except (QueuesFileError, OSError, sqlite3.Error) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


async def _serve(port: int, queues: Path, db: Path) -> None:
    properties = read_queues(queues)
    store = Store(db)
    for orphan in sorted(store.queues() - {each.name for each in properties}):
        print(f"{db} keeps messages of queue {orphan}, which {queues} does not name any more", file=sys.stderr)
    broker = Broker(properties, store)
    server = await broker.serve(port)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    print(f"ready sb://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await stopped.wait()
    server.close()
    broker.close()


if __name__ == "__main__":
    sys.exit(main())
