"""Each alert finds the log lines that it is for, as the app writes them, and none of a story that goes well."""

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.commands import Queue
from shared.domain.drift import Then
from shared.domain.lost import SETTLED
from tests.unit.test_announcing import DRIFTING, MANY, TWO_OF_THREE, WATCHED
from tests.unit.test_check_by_job import large
from tests.unit.test_infra import EVENTS, INFRA, PROJECT, parsed
from tests.world import World

QUERIES = {
    str(each["name"]): str(each["query"])
    for each in parsed(INFRA / "modules/alerts.bicep")["variables"]["queries"]["value"]
}
LOGGED = {name: query for name, query in QUERIES.items() if query.startswith("traces")}
BAD = "origin,x\nJFK,-1\nJFK,2\n"


def finds(query: str, line: str) -> bool:
    """Would the query find a trace of that text?"""
    condition = query.removeprefix("traces | where ")
    return any(holds(each, line) for each in condition.split(" or "))


def holds(condition: str, line: str) -> bool:
    """Does it of that message? KQL's operators ignore case, and `has` finds whole words."""
    asked = re.fullmatch(r'message (startswith|contains|has) "([^"]+)"', condition)
    assert asked, f"nothing is known here of such a condition: {condition}"
    operator, text, message = asked[1], asked[2].lower(), line.lower()
    match operator:
        case "startswith":
            return message.startswith(text)
        case "contains":
            return text in message
        case _:
            return bool(re.search(rf"(?<![a-z0-9]){re.escape(text)}(?![a-z0-9])", message))


def well(world: World) -> None:
    world.land("flights/2013-02.csv")
    world.run()
    world.sweep_until_quiet()


def parked(world: World) -> None:
    world.sluice.message(Queue.ARRIVALS, "m1", b"{}", "")


def parked_within_a_story(world: World) -> None:
    world.sluice.dead_letter(Queue.TRAININGS, "m1", b"{}", "0123456789abcdef", "MaxDeliveryCountExceeded")


def quarantined(world: World) -> None:
    world.land("flights/2013-02.csv", BAD)
    world.run()


def quarantined_by_job(world: World) -> None:
    world.wire(large())
    quarantined(world)


def rejected(world: World) -> None:
    world.rmse = 99.0
    world.land("flights/2013-02.csv")
    world.run()


def rows_kept_apart(world: World) -> None:
    world.wire(WATCHED)
    world.land("flights/2013-02.csv", TWO_OF_THREE)
    world.run()


def rows_kept_apart_by_job(world: World) -> None:
    world.wire(replace(WATCHED, data=replace(WATCHED.data, largest=10, check_job="sluice-check")))
    world.land("flights/2013-02.csv", TWO_OF_THREE)
    world.run()


def drift_warns(world: World) -> None:
    world.wire(WATCHED)
    world.land("flights/2013-02.csv", MANY)
    world.run()


def drift_stops(world: World) -> None:
    world.wire(replace(WATCHED, drift=replace(DRIFTING, limits=replace(DRIFTING.limits, then=Then.STOP))))
    world.land("flights/2013-02.csv", MANY)
    world.run()


def missing(world: World) -> None:
    world.wire(WATCHED)
    world.land("flights/2013-02.csv")
    world.run()
    world.clock.advance(timedelta(days=1))
    world.sluice.sweep()


def events_are_lost(world: World) -> None:
    world.landing.put("flights/2013-02.csv", BAD)
    world.clock.advance(SETTLED)
    world.sluice.sweep()


HAPPENS: dict[str, list[Callable[[World], None]]] = {
    "parked": [parked, parked_within_a_story],
    "quarantined": [quarantined, quarantined_by_job],
    "rows-apart": [rows_kept_apart, rows_kept_apart_by_job],
    "drift": [drift_warns, drift_stops],
    "missing": [missing],
    "lost-events": [events_are_lost],
    "rejected": [rejected],
}


def lines(caplog: pytest.LogCaptureFixture, world: World, happens: Callable[[World], None]) -> list[str]:
    """What the app writes when that happens after a story that went well."""
    world.land()
    world.run()
    world.sweep_until_quiet()
    caplog.clear()
    happens(world)
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("name", LOGGED)
def test_alerts_look_for_what_the_code_says(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sluice")
    for happens in HAPPENS[name]:
        found = lines(caplog, World(), happens)
        assert [line for line in found if finds(LOGGED[name], line)], f"{happens.__name__}: {found}"


def test_alerts_are_silent_where_all_goes_well(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sluice")
    found = lines(caplog, World(), well)
    assert len(found) > 5
    assert [line for query in LOGGED.values() for line in found if finds(query, line)] == []


def test_alert_for_dead_events_looks_where_they_are_counted() -> None:
    alert = parsed(INFRA / "modules/alerts.bicep")["resources"]["deadEvents"]["config"]["properties"]
    (criterion,) = alert["criteria"]["allOf"]
    (kind,) = {each["type"] for each in parsed(EVENTS)["resources"].values() if each["type"].endswith("/systemTopics")}
    assert (criterion["metricNamespace"], criterion["metricName"]) == (kind, "DeadLetteredCount")
    assert "dead-events" in alert["description"]


def test_alerts_look_for_functions_that_are_there() -> None:
    functions = "\n".join(file.read_text() for file in (PROJECT / "functions").rglob("*.py"))
    names = [name for query in QUERIES.values() for name in re.findall(r'operation_Name == "(\w+)"', query)]
    assert names
    assert [name for name in names if f'function_name("{name}")' not in functions] == []
