"""A broker or a queue that is away: said once, tried again by one slot at a time, and said once when it is back."""

import asyncio
import contextlib
import time

from local.host.logs import logger

FIRST_PAUSE, LONGEST_PAUSE, STEADY = 0.1, 2.0, 10.0


class Reachability:
    """Whether one thing (a broker, a queue) can be reached, as far as is known.

    Many slots want it. While it is away they take turns, a pause before each attempt, so that forty receivers cost no
    more than one; as soon as one of them reaches it, all go ahead.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._there = asyncio.Event()
        self._there.set()
        self._turn = asyncio.Lock()
        self._attempts = 0
        self._since = 0.0

    async def wait_for_turn(self) -> None:
        """Return at once while it is there, else when it is this caller's turn to try."""
        async with self._turn:
            if not self._there.is_set():
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._attempts, 10))
                self._attempts += 1
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._there.wait(), pause)

    def lost(self, why: str) -> None:
        """Note that an attempt failed."""
        if self._there.is_set():
            self._there.clear()
            if time.monotonic() - self._since > STEADY:  # what comes and goes is tried again ever more slowly
                self._attempts = 0
            logger.warning("%s: %s; trying again until it is there", self._what, why)

    def found(self) -> None:
        """Note that an attempt succeeded."""
        if not self._there.is_set():
            self._there.set()
            self._since = time.monotonic()
            logger.warning("%s: connected", self._what)
