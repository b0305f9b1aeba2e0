"""Every call of a function goes through here, whatever triggered it: engine, output bindings, one log line."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Mapping

from azure.servicebus.exceptions import ServiceBusError

from local.host.engine import Engine
from local.host.functions import Function
from local.host.logs import logger, user_frames
from local.host.outcome import Outcome
from local.host.outputs import Outputs
from local.host.payloads import Payload


class Invocations:
    """Calls functions and counts the calls that still run."""

    def __init__(self, engine: Engine, functions: Mapping[str, Function], outputs: Outputs) -> None:
        self.functions = functions
        self._engine = engine
        self._outputs = outputs
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self, function: Function, payload: Payload) -> Outcome:
        """Call a function and send its outputs. Never raises: whatever goes wrong is a failed outcome, and logged."""
        self._running += 1
        self._idle.clear()
        begun = time.monotonic()
        try:
            outcome = await self._run(function, payload)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
        took = f"{(time.monotonic() - begun) * 1000:.0f} ms"
        if outcome.succeeded:
            logger.info("%s succeeded in %s", function.name, took)
        else:
            trace = f"\n{user_frames(outcome.traceback)}" if outcome.traceback else ""
            logger.error("%s failed in %s: %s%s", function.name, took, outcome.error, trace)
        return outcome

    async def drain(self, seconds: float) -> None:
        """Wait until no call runs, at most so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)

    async def _run(self, function: Function, payload: Payload) -> Outcome:
        try:
            outcome = await self._engine.invoke(function.name, payload)
        except ValueError as error:  # the payload does not fit the binding: the host too fails the call
            return Outcome(function=function, invocation_id="", error=f"{type(error).__name__}: {error}")
        if outcome.succeeded and outcome.outputs:
            try:
                await self._outputs.send(outcome)
            except (ServiceBusError, ValueError) as error:
                reason = f"the output was not sent: {type(error).__name__}: {error}"
                return dataclasses.replace(outcome, error=reason)
        return outcome
