"""What `--json` writes is in the reference, field by field: the documents of real stories beside their sections."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from local.home import PROJECT
from shared.domain.commands import Queue
from shared.views import document
from shared.views.quality import history, quality_document
from shared.views.quarantine import kept_document, list_document, standings
from shared.views.report import report_document
from shared.views.status import status_view
from shared.views.story import story_view
from tests.unit.test_drift import rows
from tests.unit.test_quarantine import BAD
from tests.unit.test_report import drifted_world, view_of

SECTIONS = {
    each.partition("\n")[0]: each.partition("\n")[2]
    for each in re.split(r"^### ", (PROJECT / "docs/reference/ops.md").read_text(), flags=re.MULTILINE)
}
NAMED_BY_DATA = {"details", "counts", "by_reason", "categories"}
"""Below these are names of columns, reasons, states and fields of facts."""

LEADS_TO = {
    "story --json": ("A story's line", "What needs a person"),
    "status --json": ("A story's line", "What needs a person", "parked --json"),
    "report --json, the report's page": ("quality --json",),
}
"""Sections that say the rest of it."""


def documents() -> dict[str, Any]:
    """By the name of its section, the document of a world in which there is one of each."""
    world, drifted = drifted_world()
    world.land("flights/3.csv", BAD)
    world.run()
    world.quality.warns = True
    changed = world.land("flights/4.csv", rows(1, 2, 3, 4))
    world.run()
    world.sluice.message(Queue.ARRIVALS, "m1", b"{}", "")
    waiting, now = world.ledger.parked(), world.clock.now()
    status = status_view(world.ledger, world.ledger, world.ledger, now=now)
    (apart,) = standings(world.ledger)
    view = story_view(world.story(changed), waiting=waiting, now=now)
    versions = history(world.ledger, world.profiles, "silver/flight_delays", 10)
    reported = replace(view_of(world, changed), versions=tuple(versions))
    assert any(one.drift and one.drift.verdicts for one in versions)
    assert any(one.drift and one.drift.findings for one in versions)
    assert view_of(world, drifted).profile
    return {
        "story --json": document.story_document(view),
        "status --json": document.status_document(status),
        "parked --json": document.parked_document(waiting),
        "quarantine list --json, quarantine show --json, quarantine release --json": {
            **list_document([apart]),
            **kept_document(apart, None, "file:///lake"),
        },
        "quality --json": quality_document("silver/flight_delays", versions),
        "report --json, the report's page": report_document(reported),
    }


def fields_of(written: Any) -> Iterator[str]:
    for each in written if isinstance(written, list) else []:
        yield from fields_of(each)
    for name, inner in written.items() if isinstance(written, dict) else []:
        yield name
        if name not in NAMED_BY_DATA:
            yield from fields_of(inner)


DOCUMENTS = documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_fields_of_the_document_are_there(name: str) -> None:
    said = "".join(SECTIONS[each] for each in (name, *LEADS_TO.get(name, ())))
    missing = [field for field in dict.fromkeys(fields_of(DOCUMENTS[name])) if f"`{field}`" not in said]
    assert missing == []
