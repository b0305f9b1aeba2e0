"""The Functions front's timers and routes: NCrontab, missed runs, retries, route templates."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.host.ncrontab import FIELDS, SECOND, Crontab, Field, parse_field, parse_schedule
from local.host.routes import compile_route
from tests.contracts.functions_front import Front, eventually

MONDAY = datetime(2026, 11, 23, 10, 0, 0, 500_000, tzinfo=UTC)
MINUTE, HOUR, DAY, MONTH, WEEKDAY = FIELDS


# Schedules


@pytest.mark.parametrize(
    ("field", "text", "values"),
    [
        (MINUTE, "*", tuple(range(60))),
        (MINUTE, "*/20", (0, 20, 40)),
        (MINUTE, "5", (5,)),
        (MINUTE, "50/4", (50, 54, 58)),
        (MINUTE, "10-20/5", (10, 15, 20)),
        (MINUTE, "20-10/5", (10, 15, 20)),
        (MINUTE, "1,30-32,*/25", (0, 1, 25, 30, 31, 32, 50)),
        (MONTH, "Jan,march,12", (1, 3, 12)),
        (WEEKDAY, "MON-FRI", (1, 2, 3, 4, 5)),
        (WEEKDAY, "0,Saturday", (0, 6)),
    ],
)
def test_a_field_is_a_list_of_values_ranges_and_steps(field: Field, text: str, values: tuple[int, ...]) -> None:
    assert parse_field(field, text) == values


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("*/5 * * * * *", "2026-11-23 10:00:05"),
        ("* * * * *", "2026-11-23 10:01:00"),
        ("0 */5 * * * *", "2026-11-23 10:05:00"),
        ("0 30 9 * * *", "2026-11-24 09:30:00"),
        ("59 59 23 31 12 *", "2026-12-31 23:59:59"),
        ("0 0 0 29 Feb *", "2028-02-29 00:00:00"),
        ("0 0 12 13 * FRI", "2027-08-13 12:00:00"),  # both the day and the weekday must match
        ("0 0 0 29 2 1", "2044-02-29 00:00:00"),
        ("0 0 8 * * Sun", "2026-11-29 08:00:00"),
    ],
)
def test_the_next_run_is_the_first_match(text: str, due: str) -> None:
    assert parse_schedule(text).next_after(MONDAY) == datetime.fromisoformat(f"{due}+00:00")


def test_an_interval_is_a_schedule_too() -> None:
    assert parse_schedule("01:30:00").next_after(MONDAY) == MONDAY + timedelta(minutes=90)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("* * * *", "has 4 fields"),
        ("60 * * * * *", "second '60': 60 is not between 0 and 59"),
        ("0 0 0 * * 7", "day-of-week '7'"),
        ("0 0 0 ? * *", "day '?'"),
        ("0 0 0 * Foo *", "month 'Foo'"),
        ("*/0 * * * * *", "a step must be at least 1"),
        ("0 0 0 1, * *", "day '1,'"),
        ("0 0 0 31 2,4 *", "never comes due"),
        ("00:00:00", "longer than zero"),
        ("", "has 0 fields"),
    ],
)
def test_a_wrong_schedule_names_the_field(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        parse_schedule(text)


def some_of(field: Field) -> st.SearchStrategy[tuple[int, ...]]:
    values = st.sets(st.integers(field.low, field.high), min_size=1, max_size=3).map(lambda found: tuple(sorted(found)))
    return st.just(tuple(range(field.low, field.high + 1))) | values


@given(
    st.builds(
        Crontab,
        seconds=st.just((0, 30)),
        minutes=some_of(MINUTE),
        hours=some_of(HOUR),
        days=st.just(tuple(range(1, 32))),
        months=st.just(tuple(range(1, 13))),
        weekdays=some_of(WEEKDAY),
    ),
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # Hypothesis adds the zone
)
def test_no_match_lies_between_a_moment_and_the_next_run(crontab: Crontab, moment: datetime) -> None:
    def matches(second: datetime) -> bool:
        return (
            second.second in crontab.seconds
            and second.minute in crontab.minutes
            and second.hour in crontab.hours
            and second.isoweekday() % 7 in crontab.weekdays
        )

    due = crontab.next_after(moment)

    assert due > moment
    assert matches(due)
    earlier = due - timedelta(seconds=1)
    checked = 0
    while earlier > moment and checked < 2000:
        assert not matches(earlier)
        earlier -= timedelta(seconds=1)
        checked += 1


@given(st.text(alphabet="*/-,0123456789aJnSuT? ", max_size=25))
def test_any_text_is_a_schedule_or_a_value_error(text: str) -> None:
    try:
        schedule = parse_schedule(text)
    except ValueError:
        return
    assert schedule.next_after(MONDAY) > MONDAY


def test_seconds_are_a_field_of_their_own() -> None:
    assert parse_field(SECOND, "*/30") == (0, 30)


# Timers


def missed(home: Path, function: str, hour: int) -> None:
    """Leave the status of a daily timer that last ran two days ago."""
    today = datetime.now(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    last = today - timedelta(days=2)
    status = {"Last": last.isoformat(), "Next": (last + timedelta(days=1)).isoformat(), "LastUpdated": last.isoformat()}
    (home / "timers").mkdir(parents=True, exist_ok=True)
    (home / "timers" / f"{function}.json").write_text(json.dumps(status))


def test_a_missed_run_is_made_up_for_once_at_start(tmp_path: Path) -> None:
    missed(tmp_path, "nightly", 3)
    before = json.loads((tmp_path / "timers" / "nightly.json").read_text())
    with Front(tmp_path) as front:
        made_up = front.await_record("nightly")
        assert (made_up["past_due"], made_up["schedule_status"]["Next"]) == (True, before["Next"])
        eventually(lambda: "nightly succeeded" in front.log, what="the end of the run")
        assert front.stop() == 0
    after = json.loads((tmp_path / "timers" / "nightly.json").read_text())
    assert datetime.fromisoformat(after["Next"]) > datetime.now(UTC)
    with Front(tmp_path) as front:
        front.await_record("tick")  # runs at start: the timers have started
        assert len(front.records("nightly")) == 1


def test_a_changed_schedule_starts_afresh(tmp_path: Path) -> None:
    missed(tmp_path, "nightly", 2)  # written for another hour than the schedule's
    with Front(tmp_path) as front:
        status = tmp_path / "timers" / "nightly.json"
        eventually(lambda: json.loads(status.read_text())["Last"] is None, what="a fresh status")
        front.await_record("tick")
        assert front.records("nightly") == []


def test_a_retry_policy_holds_for_timers(tmp_path: Path) -> None:
    missed(tmp_path, "retried", 4)
    with Front(tmp_path) as front:
        eventually(lambda: "retried succeeded" in front.log, what="the third try")
        assert (front.log.count("retried failed"), len(front.records("retried"))) == (2, 3)


def test_a_schedule_runs_and_its_setting_is_resolved(tmp_path: Path) -> None:
    with Front(tmp_path, values={"EVERY": "* * * * * *"}) as front:
        ticks = eventually(lambda: len(front.records("tick")) >= 2 and front.records("tick"), what="two ticks")
    assert ticks
    assert [each["past_due"] for each in ticks] == [False] * len(ticks)
    assert ticks[0]["schedule_status"] == {}  # more often than once a minute: not monitored
    assert not (tmp_path / "timers" / "tick.json").exists()


# Routes


@pytest.mark.parametrize(
    ("template", "path", "params"),
    [
        ("items", "Items", {}),
        ("items/{id}", "items/a%2Fb", {"id": "a%2Fb"}),
        ("items/{id?}", "items", {}),
        ("items/{id:int=5}", "items", {"id": "5"}),
        ("{*rest}", "", {}),
        ("{*rest}", "a/b/c", {"rest": "a/b/c"}),
        ("{name}.{extension}", "report.pdf", {"name": "report", "extension": "pdf"}),
        ("v{number:int}/x", "v12/x", {"number": "12"}),
        ("{a:guid}", "0b5bc5e2-5f7c-4f0e-9d6f-0a7c2a3f1f5e", {"a": "0b5bc5e2-5f7c-4f0e-9d6f-0a7c2a3f1f5e"}),
        ("{a:regex(^\\d{{3}}-x$)}", "123-x", {"a": "123-x"}),
        ("{a:length(2,4):alpha}", "abc", {"a": "abc"}),
    ],
)
def test_a_template_matches(template: str, path: str, params: dict[str, str]) -> None:
    assert compile_route(template).match(path) == params


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("items/{id}", "items"),
        ("items/{id}", "items/1/2"),
        ("{a:bool}", "yes"),
        ("{a:guid}", "5"),
        ("{a:min(3)}", "2"),
        ("{a:max(3)}", "4"),
        ("{a:range(1,3)}", "0"),
        ("{a:minlength(3)}", "ab"),
        ("{a:maxlength(3)}", "abcd"),
        ("{a:length(2)}", "abc"),
        ("{a:datetime}", "tomorrow"),
        ("{a:double}", "x"),
        ("{a:long}", "9223372036854775808"),
        ("{a:regex(^\\d{{3}}$)}", "12"),
    ],
)
def test_a_template_does_not_match(template: str, path: str) -> None:
    assert compile_route(template).match(path) is None


def test_routes_are_tried_from_the_most_specific() -> None:
    templates = ["{*all}", "a/{b}", "{a}/{b}", "a/{b:int}", "a/b"]
    by_precedence = sorted(map(compile_route, templates), key=lambda route: route.precedence)
    assert [route.template for route in by_precedence] == ["a/b", "a/{b:int}", "a/{b}", "{a}/{b}", "{*all}"]


@pytest.mark.parametrize("template", ["a/{", "a/{b:nothing}", "a/{1}", "a/{b:min(x)}", "a}/b"])
def test_a_wrong_template_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"route|constraint|literal"):
        compile_route(template)
