"""The whole front: engine, HTTP server, Service Bus receivers and timers, started and stopped together."""

import asyncio
import contextlib
import math
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from local.host.engine import Engine
from local.host.front import Front
from local.host.functions import Function
from local.host.hostfile import HostFile
from local.host.incoming import BODY_LIMIT
from local.host.invocations import Invocations
from local.host.keys import Keys, NoKeys
from local.host.outputs import Outputs
from local.host.servicebus import Dispatcher, queue_of
from local.host.settings import connection_string
from local.host.timers import Timer

BODY_LIMIT_SETTING = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says."""

    port: int
    home: Path
    slots: int | None = None
    grace: float = 5.0


class HttpServer(uvicorn.Server):
    """uvicorn, with signals left to the host, which has more than HTTP to stop."""

    def __init__(self, front: Front, grace: float) -> None:
        super().__init__(
            uvicorn.Config(
                front,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=math.ceil(grace),
            )
        )
        self.accepting = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signal handlers as they are."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Note when the server accepts connections."""
        await super().startup(sockets)
        self.accepting.set()


class Host:
    """One app, served.

    Args:
        engine: With the app indexed.
        functions: Those to serve, with their bindings resolved.
        settings: Of the app, for connections.
        host_file: What host.json says.
        options: What the command line says.
        keys: Who may call what.

    Raises:
        HostError: A connection, a route or a schedule cannot be used.

    """

    def __init__(
        self,
        engine: Engine,
        functions: Mapping[str, Function],
        *,
        settings: Mapping[str, str],
        host_file: HostFile,
        options: Options,
        keys: Keys | NoKeys,
    ) -> None:
        outputs = Outputs(functions, settings)
        invocations = Invocations(engine, functions, outputs)
        queues = {
            each.name: queue_of(connection_string(each, each.trigger, settings), str(each.trigger["queueName"]))
            for each in functions.values()
            if each.kind == "serviceBusTrigger"
        }
        self.functions = functions
        self._options = options
        self._outputs = outputs
        self._invocations = invocations
        self._dispatcher = Dispatcher(
            queues,
            invocations=invocations,
            slots=host_file.slots(options.slots),
            lock_renewal=host_file.lock_renewal,
        )
        self._timers = [
            Timer(each, invocations, options.home) for each in functions.values() if each.kind == "timerTrigger"
        ]
        front = Front(
            invocations,
            route_prefix=host_file.route_prefix,
            keys=keys,
            body_limit=int(settings.get(BODY_LIMIT_SETTING, BODY_LIMIT)),
        )
        self._server = HttpServer(front, options.grace)
        self._listening = socket.create_server(("127.0.0.1", options.port))
        # asyncio sets this only on sockets that say they are TCP's; without it each answer waits 40 ms for an ACK.
        self._listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._serving: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Where the front answers."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    async def start(self) -> None:
        """Accept HTTP, start the receivers (without waiting for a broker) and the timers."""
        self._serving = asyncio.create_task(self._server.serve([self._listening]))
        await self._server.accepting.wait()
        self._dispatcher.start()
        for timer in self._timers:
            timer.start()

    async def stop(self) -> None:
        """Take nothing new, let running calls finish for the grace period, release the rest."""
        grace = self._options.grace
        self._server.should_exit = True
        stopping = [self._dispatcher.stop(grace), *(timer.stop(grace) for timer in self._timers)]
        await asyncio.gather(*stopping, *([self._serving] if self._serving else []), self._invocations.drain(grace))
        await asyncio.wait_for(self._outputs.close(), 2)
