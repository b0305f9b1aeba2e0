"""kill -9 after each call that the check of a batch makes to the world: once more, and it is as if nobody had died.

Everything is real: the ledger in SQLite, Great Expectations, the Delta tables; each delivery is a process of its own.
"""

import os
import signal
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.sqlite import SqliteLedger
from shared.domain import facts as f
from shared.domain import story as stories
from shared.domain.usecase import QuarantineKind, UseCases
from shared.steps.batch_ports import BatchPorts
from shared.steps.check_batch import check_batch
from tests.contracts import preloaded
from tests.contracts.site import BAD, GOOD, Site, spec
from tests.world import USE_CASE

ENDED_WITHIN = 60
ROWS = {"quarantine": QuarantineKind.ROWS, "quarantine_at_most_percent": Decimal(90)}


class Fatal:
    """A port after whose nth call, of those to any port, the process is killed."""

    def __init__(self, port: Any, left: list[int]) -> None:
        self._port, self._left = port, left

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*arguments: Any, **named: Any) -> Any:
            answer = method(*arguments, **named)
            self._left[0] -= 1
            if self._left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call


def site_of(folder: Path, changed: dict[str, Any]) -> Site:
    return Site(folder, replace(USE_CASE, data=spec(**changed)), ledger=SqliteLedger(folder / "ledger.db"))


def deliver(folder: Path, changed: dict[str, Any], story: str, nth: int) -> None:
    """The message, in a process that dies after the nth call; 0: that lives."""
    site, left = site_of(folder, changed), [nth]
    ports: dict[str, Any] = {each.name: getattr(site.ports, each.name) for each in fields(BatchPorts)}
    fatal: dict[str, Any] = {
        name: port if name in {"clock", "telling"} else Fatal(port, left) for name, port in ports.items()
    }
    (arrived,) = stories.of_kind(site.ledger.story(story), f.DataArrived)
    check_batch(stories.check_of(arrived), use_cases=UseCases.of(site.use_case), ports=BatchPorts(**fatal))


def delivered(folder: Path, changed: dict[str, Any], story: str, nth: int = 0) -> int | None:
    """How the process ended."""
    process = preloaded.start(deliver, folder, changed, story, nth)
    process.join(ENDED_WITHIN)
    return process.exitcode


def landed(folder: Path, changed: dict[str, Any], content: str) -> str:
    """A file that arrived, and was not looked into."""
    folder.mkdir()
    site = site_of(folder, changed)
    return site.record(site.put("batch.csv", content.encode())).story


def state(folder: Path, changed: dict[str, Any], story: str) -> dict[str, Any]:
    """What is there."""
    site = site_of(folder, changed)
    told = site.ledger.story(story)
    kept, committed = (
        stories.last(told, f.DataQuarantined) or stories.last(told, f.RowsQuarantined),
        stories.last(told, f.DataCommitted),
    )
    return {
        "facts": [fact.key for fact in told],
        "silver": site.silver() if committed else [],
        "version": committed and (committed.delta_version, committed.rows),
        "kept": site.kept(story) if kept else [],
        "listed": [one.story for one in site.ledger.noted("quarantine", 9)],
    }


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("content", "changed"), [(GOOD, {}), (BAD, {}), (BAD, ROWS)], ids=["good", "bad", "bad rows"])
def test_killed_after_any_call_it_is_done_once(content: str, changed: dict[str, Any], tmp_path: Path) -> None:
    story = landed(tmp_path / "whole", changed, content)
    assert delivered(tmp_path / "whole", changed, story) == 0
    expected = state(tmp_path / "whole", changed, story)
    assert expected["silver"] or expected["kept"]
    nth = 0
    while True:
        nth += 1
        folder = tmp_path / str(nth)
        landed(folder, changed, content)
        ended = delivered(folder, changed, story, nth)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        assert delivered(folder, changed, story) == 0
        assert (nth, state(folder, changed, story)) == (nth, expected)
    assert nth > 10
