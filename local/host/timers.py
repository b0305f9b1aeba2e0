"""Timer triggers: a real schedule, the last run kept on disk, one call of a timer at a time. Times are UTC."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from local.host import payloads
from local.host.errors import HostError
from local.host.functions import Function
from local.host.invocations import Invocations
from local.host.logs import logger
from local.host.ncrontab import Schedule, parse_schedule
from local.host.protos import RpcRetryOptions

LONGEST_SLEEP = 30.0  # a laptop sleeps, and its clock jumps: look again
MONITORED_FROM = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Status:
    """What is known of a timer's past: its last due time, its next, and when that was written."""

    last: datetime | None
    next_run: datetime
    last_updated: datetime


class Timer:
    """One timer-triggered function.

    A run that was missed while the front was down is made up for at start, once, with IsPastDue (``useMonitor``, on by
    default for schedules of a minute and more). A run that lasts past the next due time delays it; nothing overlaps.
    """

    def __init__(self, function: Function, invocations: Invocations, home: Path) -> None:
        self.function = function
        self._invocations = invocations
        text = str(function.trigger["schedule"])
        try:
            self._schedule: Schedule = parse_schedule(text)
        except ValueError as error:
            raise HostError(f"function {function.name}, schedule: {error}") from error
        self._monitored = bool(function.trigger.get("useMonitor", True)) and _distance(self._schedule) >= MONITORED_FROM
        self._file = home / "timers" / f"{function.name}.json"
        self._task: asyncio.Task[None] | None = None
        self._calling = False
        self._stopping = False

    def start(self) -> None:
        """Begin to wait for the due times."""
        self._task = asyncio.create_task(self._run_for_ever())

    async def stop(self, grace: float) -> None:
        """Start no more runs; give a running one `grace` seconds to end."""
        if self._task is None:
            return
        if self._calling:
            self._stopping = True
            await asyncio.wait({self._task}, timeout=grace)
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=1)

    async def _run_for_ever(self) -> None:
        status, overdue = self._at_start(datetime.now(UTC))
        if overdue or self.function.trigger.get("runOnStartup"):
            status = await self._call(status, past_due=overdue)
        while not self._stopping:
            wait = (status.next_run - datetime.now(UTC)).total_seconds()
            if wait > 0:
                await asyncio.sleep(min(wait, LONGEST_SLEEP))
            else:
                status = await self._call(status, past_due=wait < -LONGEST_SLEEP)

    def _at_start(self, now: datetime) -> tuple[Status, bool]:
        """Find out from the last session's status whether a run was missed; a changed schedule starts afresh."""
        known = _read(self._file) if self._monitored else None
        if known is not None and self._schedule.next_after(known.last or known.last_updated) == known.next_run:
            return known, known.next_run <= now
        fresh = Status(last=None, next_run=self._schedule.next_after(now), last_updated=now)
        self._write(fresh)
        return fresh, False

    async def _call(self, status: Status, *, past_due: bool) -> Status:
        """Call once (or as often as the function's retry policy says) and note when it is due again."""
        due = datetime.now(UTC)
        payload = payloads.timer(
            past_due=past_due,
            last=status.last,
            next_run=status.next_run,
            last_updated=status.last_updated,
            monitored=self._monitored,
        )
        self._calling = True
        outcome = await self._invocations.run(self.function, payload)
        for pause in _pauses(self.function.retry):
            if outcome.succeeded or self._stopping:
                break
            await asyncio.sleep(pause.total_seconds())
            outcome = await self._invocations.run(self.function, payload)
        self._calling = False
        now = datetime.now(UTC)
        after = Status(last=due, next_run=self._schedule.next_after(due), last_updated=now)
        if after.next_run < now:
            after = Status(last=now, next_run=self._schedule.next_after(now), last_updated=now)
        self._write(after)
        return after

    def _write(self, status: Status) -> None:
        if not self._monitored:
            return
        content = {
            "Last": status.last.isoformat() if status.last else None,
            "Next": status.next_run.isoformat(),
            "LastUpdated": status.last_updated.isoformat(),
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".part")
        draft.write_text(json.dumps(content))
        draft.replace(self._file)


def _read(file: Path) -> Status | None:
    try:
        content = json.loads(file.read_text())
        last = content["Last"]
        return Status(
            last=datetime.fromisoformat(last) if last else None,
            next_run=datetime.fromisoformat(content["Next"]),
            last_updated=datetime.fromisoformat(content["LastUpdated"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, LookupError, TypeError) as error:
        logger.warning("%s cannot be read (%s): the timer starts afresh", file, error)
        return None


def _distance(schedule: Schedule) -> timedelta:
    """Time between two neighbouring runs."""
    first = schedule.next_after(datetime.now(UTC))
    return schedule.next_after(first) - first


def _pauses(retry: RpcRetryOptions | None) -> Iterator[timedelta]:
    """Yield the waits before each retry of ``@app.retry``, which holds for timers; -1 retries for ever."""
    if retry is None:
        return
    attempts = itertools.count() if retry.max_retry_count < 0 else range(retry.max_retry_count)
    low = retry.minimum_interval or timedelta(0)
    high = retry.maximum_interval or timedelta(days=1)
    for attempt in attempts:
        yield retry.delay_interval if retry.delay_interval is not None else min(low * 2 ** min(attempt, 20), high)
