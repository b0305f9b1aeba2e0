"""The three faces of a view: terminal, page and JSON."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.memory import MemoryLedger
from shared.usecase import load_one
from shared.views import document, table
from shared.views.page import Place, fault_page, nothing_found_page
from shared.views.remedies import remedies
from shared.views.states import State
from shared.views.status import StatusView, dropped_lately, status_view
from shared.views.status_page import status_page
from shared.views.story import StoryView, story_view
from shared.views.story_page import story_page
from shared.views.style import SHEET
from shared.views.terminal import Cell, Terminal, cells, cut, grid
from tests import seeds

NOW = datetime(2026, 1, 31, 3, 0, tzinfo=UTC)
PROJECT = Path(__file__).resolve().parents[2]
PLACE = Place(base="/api/ops", code="k&y")
MLFLOW = "http://127.0.0.1:5000"
STORIES = [seeds.DONE, seeds.REJECTED, seeds.BY_HAND, seeds.QUARANTINED, seeds.RUNNING, seeds.BROKEN]


def _seeded() -> MemoryLedger:
    ledger = MemoryLedger()
    seeds.seed(ledger, NOW)
    for reason, what, days in (("empty", "landing/<x>.csv", 1), ("empty", "landing/y.csv", 0), ("marker", "_S", 2)):
        ledger.count_dropped(reason, what, NOW - timedelta(days=days))
    ledger.count_dropped("empty", "long ago", NOW - timedelta(days=8))
    return ledger


LEDGER = _seeded()


def _status() -> StatusView:
    dropped = dropped_lately(LEDGER, NOW)
    return status_view(LEDGER, LEDGER, LEDGER, now=NOW, tracking_uri=MLFLOW, dropped=dropped)


def _story(story: str) -> StoryView:
    return story_view(LEDGER.story(story), waiting=LEDGER.parked(), now=NOW, tracking_uri=MLFLOW)


def _pages() -> Iterator[str]:
    yield status_page(_status(), PLACE, trouble="one <fault>\nand another")
    for story in STORIES:
        yield story_page(_story(story), PLACE, now=NOW, others=["<other>"])
    yield fault_page("It broke", "<why>", PLACE, refresh=True)
    yield nothing_found_page("<script>alert(2)</script>", PLACE)


class _Page(HTMLParser):
    """What a browser makes of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self.open[-1:] != ["style"] else ""

    def all(self, tag: str, attribute: str) -> list[str]:
        return [value for name, given in self.tags if name == tag and (value := given.get(attribute)) is not None]


PAGES = [_Page(text) for text in _pages()]


def test_page_is_markup_that_closes_what_it_opens() -> None:
    assert [page.open for page in PAGES] == [[]] * len(PAGES)


def test_page_never_takes_a_text_for_markup() -> None:
    """A file name, a search, a fault: shown as they are; no script, no handler, no style of their own."""
    for page in PAGES:
        assert "script" not in {tag for tag, _ in page.tags}
        assert not any(name.startswith("on") or name == "style" for _, given in page.tags for name in given)
    assert "<script>alert(1)</script>" in PAGES[0].text
    assert "\x1b" not in PAGES[0].text
    assert "\u202e" not in PAGES[0].text
    assert "<script>alert(2)</script>" in PAGES[-1].text


def test_page_loads_nothing_from_elsewhere() -> None:
    for page in PAGES:
        assert page.all("img", "src") == []
        assert all(one.startswith("data:") for one in page.all("link", "href"))
    assert "url(" not in SHEET
    assert "@import" not in SHEET


def test_every_link_keeps_the_key_and_gives_it_to_nobody() -> None:
    for page in PAGES:
        for link in page.all("a", "href"):
            assert ("code=k%26y" in link) == (not link.startswith(MLFLOW)), link
        assert "k&y" in page.all("input", "value")


def test_links_without_a_key_have_none() -> None:
    page = _Page(status_page(_status(), Place(base="/api/ops")))
    assert not any("code=" in link for link in page.all("a", "href"))
    assert page.all("input", "value") == []


def test_page_says_first_whether_a_person_has_to_look() -> None:
    title = re.search("<title>(.*?)</title>", status_page(_status(), PLACE))
    assert title is not None
    assert title[1] == "▲ 3 things need attention · Sluice"
    quiet = replace(_status(), parked=(), stories=(_story(seeds.DONE),))
    assert "✓ Nothing needs attention" in status_page(quiet, PLACE)
    assert "▲ 1 thing needs attention" in status_page(quiet, PLACE, trouble="a fault")


def test_page_says_what_to_type() -> None:
    for remedy in remedies(LEDGER.story(seeds.BROKEN), LEDGER.parked()):
        for text in (PAGES[0].text, _Page(story_page(_story(seeds.BROKEN), PLACE, now=NOW)).text):
            assert remedy.why in text
            assert remedy.advice in text
            assert not remedy.command or " ".join(["python -m ops", *remedy.command]) in text


def test_page_has_landmarks_headers_and_signs() -> None:
    """For those who hear the page, and those who see no colour."""
    for page in PAGES:
        assert {"header", "main", "footer", "h1", "label"} <= {tag for tag, _ in page.tags}
        assert page.all("html", "lang") == ["en"]
        assert all(scope in {"row", "col"} for scope in page.all("th", "scope"))
        assert len(page.all("th", "scope")) == sum(tag == "th" for tag, _ in page.tags)
    assert len(set(table.MARKS.values())) == len(State)
    for state, mark in table.MARKS.items():
        assert f"{mark} {state}" in PAGES[0].text


@pytest.mark.parametrize(("story", "refreshes"), [(seeds.RUNNING, True), (seeds.DONE, False)])
def test_page_loads_itself_again_while_something_runs(story: str, refreshes: bool) -> None:
    assert ("http-equiv" in story_page(_story(story), PLACE, now=NOW)) is refreshes
    assert "http-equiv" not in story_page(_story(story), replace(PLACE, refreshes=False), now=NOW)


def test_status_page_is_quicker_while_something_runs() -> None:
    assert _Page(status_page(_status(), PLACE)).all("meta", "content")[-1] == "5"
    quiet = replace(_status(), stories=(_story(seeds.DONE),))
    assert _Page(status_page(quiet, PLACE)).all("meta", "content")[-1] == "30"


def test_long_list_is_cut_and_says_so() -> None:
    flood = replace(_status(), parked=tuple(replace(seeds.MALFORMED, message_id=str(n)) for n in range(100)))
    page, text = _Page(status_page(flood, PLACE)).text, table.status_text(flood, Terminal())
    assert "102 things need attention" in page
    assert "and 82 more" in page
    assert "and 92 more: python -m ops parked" in text


@pytest.mark.parametrize("story", STORIES)
def test_terminal_tells_every_fact(story: str) -> None:
    view = _story(story)
    text = table.story_text(view, Terminal(), now=NOW, others=["another"])
    for moment in view.timeline:
        assert moment.kind in text
    assert view.story in text
    assert str(view.state) in text
    assert "python -m ops story another" in text


def test_terminal_shows_each_rule_and_each_expectation_that_did_not_pass() -> None:
    text = table.story_text(_story(seeds.REJECTED), Terminal(), now=NOW)
    assert "✓ passed: accurate_enough" in text
    assert "✗ failed: no_worse_than_champion" in text
    assert "✗ failed (warning): between 20,000 and 40,000 rows" in text
    assert "distance is between" not in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_terminal_is_not_wider_than_it_is(width: int) -> None:
    """But for what is there to be copied: commands and addresses."""
    texts = [table.status_text(_status(), Terminal(width=max(width, 100)))]
    texts += [table.story_text(_story(story), Terminal(width=width), now=NOW) for story in STORIES]
    for line in "\n".join(texts).splitlines():
        assert cells(line) <= max(width, 100) or "python -m ops" in line or "http" in line, line


def test_terminal_is_steered_by_nobody() -> None:
    for text in (
        table.status_text(_status(), Terminal()),
        table.story_text(_story(seeds.RUNNING), Terminal(), now=NOW),
    ):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\\u001b[2J\\u202e.csv" in text


def test_colour_changes_no_word() -> None:
    plain, coloured = (table.status_text(_status(), Terminal(width=120, colour=colour)) for colour in (False, True))
    assert coloured != plain
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_command_is_as_ops_was_called_and_quoted_for_the_shell() -> None:
    message = replace(seeds.REFUSED, message_id="a b;rm")
    terminal = Terminal(command=("python", "-m", "ops", "--settings", "x y.json"))
    text = table.parked_text([message], terminal, now=NOW)
    assert "python -m ops --settings 'x y.json' replay 'trainings/a b;rm'" in text


def test_columns_hold_wide_characters() -> None:
    assert (cells("数据"), cells("e\u0301"), cut("数据平台", 5), cut("abc", 3)) == (4, 1, "数据…", "abc")
    lines = grid([[Cell("数据"), Cell("x")], [Cell("ab"), Cell("y")]], Terminal())
    assert lines == ["数据  x", "ab    y"]


def test_path_keeps_its_end() -> None:
    row = [Cell("landing/flights/2013-01.csv", is_path=True), Cell("x" * 30)]
    (line,) = grid([row], Terminal(width=40), elastic=(0, 1))
    assert "2013-01.csv" in line
    assert cells(line) <= 40


def _loaded(value: document.Document) -> Any:
    return json.loads(document.to_json(value))


def test_documents_are_json_with_utc_times() -> None:
    status = _loaded(document.status_document(_status()))
    assert status["at"] == "2026-01-31T03:00:00.000Z"
    assert status["needs_attention"] is True
    assert status["stories"][0]["story"] == seeds.RUNNING
    for story in STORIES:
        told = _loaded(document.story_document(_story(story), others=["x"]))
        assert told["others"] == ["x"]
        assert [one["kind"] for one in told["timeline"]] == [fact.kind for fact in LEDGER.story(story)]


def test_document_steers_no_terminal_and_loses_nothing() -> None:
    view = _story(seeds.RUNNING)
    text = document.to_json(document.story_document(view))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert json.loads(text)["subject"] == seeds.HOSTILE


def test_document_says_that_the_app_cannot_work() -> None:
    quiet = replace(_status(), parked=(), stories=())
    assert _loaded(document.status_document(quiet))["needs_attention"] is False
    assert _loaded(document.status_document(quiet, trouble="x"))["needs_attention"] is True


def _names(value: object) -> set[str]:
    match value:
        case dict():
            return set(value) | {name for key, each in value.items() if key != "details" for name in _names(each)}
        case list():
            return {name for each in value for name in _names(each)}
        case _:
            return set()


def test_every_field_is_documented() -> None:
    """The JSON is a contract: what is in it stands in docs/reference/ops.md."""
    use_case = load_one(PROJECT / "usecases/flight_delays")
    documents = [
        document.status_document(_status()),
        document.story_document(_story(seeds.BROKEN)),
        document.story_document(_story(seeds.DONE)),
        document.parked_document([seeds.REFUSED]),
        document.settled_document("replayed", [seeds.REFUSED], [(seeds.MALFORMED, "why")]),
        document.settled_document("discarded", [seeds.REFUSED], []),
        document.check_document([use_case], [("file", "fault")]),
        document.error_document("why"),
    ]
    reference = (PROJECT / "docs/reference/ops.md").read_text()
    names = {name for each in documents for name in _names(_loaded(each))} - {str(state) for state in State}
    assert sorted(name for name in names if f"`{name}`" not in reference) == []


def test_use_cases_are_told_in_a_line_each() -> None:
    use_case = load_one(PROJECT / "usecases/flight_delays")
    text = table.use_cases_text([use_case], [("a.yml", "x: wrong")], Terminal())
    assert text.splitlines()[:2] == ["a.yml: x: wrong", "1 fault"]
    assert re.search(r"flight_delays: landing/flights/\*\.csv is checked by \d+ expectations into silver", text)


def test_later_is_older() -> None:
    """Relative times are reckoned from the view's own now."""
    view = status_view(LEDGER, LEDGER, LEDGER, now=NOW + timedelta(days=3))
    assert "3 days ago" in table.status_text(view, Terminal())


def test_status_counts_what_was_no_arrival_in_the_last_week() -> None:
    told = document.status_document(_status())
    assert [(one["reason"], one["count"], one["newest"]) for one in told["dropped"]] == [
        ("empty", 2, "landing/y.csv"),
        ("marker", 1, "_S"),
    ]
    assert "2  empty   last just now    landing/y.csv" in table.status_text(_status(), Terminal())
    assert "No arrivals, in the last 7 days" in status_page(_status(), PLACE)
