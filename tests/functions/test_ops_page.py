"""The ops page and its JSON, called as the host calls them."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from functions import pages
from local.host import payloads
from local.host.engine import Engine
from local.host.outcome import HttpAnswer, Outcome
from local.host.payloads import Payload
from shared import bootstrap
from shared.settings import Settings
from shared.views.style import SHEET
from tests import seeds

Invoke = Callable[[str, Payload], Outcome]
Browse = Callable[..., HttpAnswer]
BASE = "https://sluice.example/api/ops"
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module", autouse=True)
def _seeded(settings: Settings) -> None:
    seeds.seed(bootstrap.ledger_of(settings), datetime.now(UTC))


@pytest.fixture
def browse(invoke: Invoke) -> Browse:
    """Open an address of the page; its answer."""

    def get(path: str = "", *, headers: dict[str, str] | None = None) -> HttpAnswer:
        route = path.partition("?")[0]
        story = route.rpartition("/")[2] if route.startswith(("/stories/", "/checks/")) else ""
        of_story = "ops_check" if route.startswith("/checks/") else "ops_story"
        name = of_story if story else {"": "ops_status", "/find": "ops_find"}[route]
        params = {"story": story} if story else {}
        accepted = headers or {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        outcome = invoke(name, payloads.http("GET", f"{BASE}{path}", headers=accepted, route_params=params))
        assert outcome.succeeded, outcome.error
        assert outcome.http is not None
        return outcome.http

    return get


def _header(answer: HttpAnswer, name: str) -> str:
    return {key.lower(): value for key, value in answer.headers.items()}.get(name, "")


def test_routes_and_who_may_call_them(engine: Engine) -> None:
    """Anybody may ask whether the process answers; what it does is for who has a key."""
    http = {
        name: (str(function.trigger["route"]), str(function.trigger["authLevel"]).upper(), function.trigger["methods"])
        for name, function in engine.functions.items()
        if name.startswith("ops") or name == "health"
    }
    assert {name: (route, level) for name, (route, level, _) in http.items()} == {
        "health": ("health", "ANONYMOUS"),
        "ops_status": ("ops", "FUNCTION"),
        "ops_story": ("ops/stories/{story}", "FUNCTION"),
        "ops_find": ("ops/find", "FUNCTION"),
        "ops_check": ("ops/checks/{story}", "FUNCTION"),
        "ops_approvals": ("ops/approvals", "FUNCTION"),
        "ops_approval": ("ops/approvals/{request}", "FUNCTION"),
        "ops_decide": ("ops/approvals/{request}", "FUNCTION"),
    }
    posts = {name for name, (_, _, methods) in http.items() if [str(each).upper() for each in methods] != ["GET"]}
    assert posts == {"ops_decide"}


def test_status(browse: Browse) -> None:
    answer = browse()
    page = answer.body.decode()
    assert answer.status == 200
    assert _header(answer, "content-type") == "text/html; charset=utf-8"
    assert "attention · Sluice</title>" in page
    assert f"python -m ops replay trainings/StartTraining/{seeds.BROKEN}/1" in page
    assert 'http-equiv="refresh"' in page
    assert 'http-equiv="refresh"' not in browse("?refresh=off").body.decode()


@pytest.mark.parametrize("path", ["", f"/stories/{seeds.DONE}", "/stories/none", "/find?q=none", "/find?q=1001"])
@pytest.mark.parametrize("headers", [JSON, None])
def test_every_answer_is_locked_down(browse: Browse, path: str, headers: dict[str, str] | None) -> None:
    answer = browse(path, headers=headers)
    policy = _header(answer, "content-security-policy")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert _header(answer, "x-content-type-options") == "nosniff"
    assert _header(answer, "referrer-policy") == "no-referrer"
    assert _header(answer, "cache-control") == "no-store"
    assert _header(answer, "vary") == "Accept"


def test_policy_lets_the_style_sheet_in_and_nothing_else(browse: Browse) -> None:
    """A browser hashes what stands between the tags: it has to be the sheet, to the letter, and the only one."""
    page = browse().body.decode()
    assert re.findall("<style>(.*?)</style>", page, re.DOTALL) == [SHEET]
    assert not re.search(r"<script|\sstyle=|\son\w+=", page)


def test_file_name_is_never_markup(browse: Browse) -> None:
    for path in ("", f"/stories/{seeds.RUNNING}"):
        page = browse(path).body.decode()
        assert "<script>" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "\x1b" not in page
        assert "\u202e" not in page


@pytest.mark.parametrize("asked", ["<script>alert(1)</script>", '"><img src=x>', "javascript:alert(1)"])
def test_search_is_never_markup(browse: Browse, asked: str) -> None:
    answer = browse(f"/find?q={quote(asked)}&code={quote(asked)}")
    assert answer.status == 404
    assert "<script>" not in answer.body.decode()
    assert "<img" not in answer.body.decode()


def test_story(browse: Browse) -> None:
    page = browse(f"/stories/{seeds.REJECTED}?code=s%26cret").body.decode()
    assert "landing/flights/2013-02.csv" in page
    assert "no_worse_than_champion" in page
    inside = [link for link in re.findall('<a href="([^"]*)"', page) if link.startswith("/")]
    assert inside
    assert all(link.endswith("code=s%26cret") for link in inside)
    assert all("cret" not in link for link in re.findall('href="(http[^"]*)"', page))


def test_story_that_is_not_there(browse: Browse) -> None:
    assert browse("/stories/none").status == 404
    assert "none" in json.loads(browse("/stories/none", headers=JSON).body)["error"]


@pytest.mark.parametrize(
    ("asked", "story"),
    [("2013-01.csv", seeds.DONE), ("1010", seeds.REJECTED), ("flight_delays@champion", seeds.DONE)],
)
def test_search_leads_to_the_story(browse: Browse, asked: str, story: str) -> None:
    """On the same server, with the key, and with what was asked, so that the page can name the others."""
    answer = browse(f"/find?q={asked}&code=k")
    assert answer.status == 302
    assert _header(answer, "location") == f"/api/ops/stories/{story}?q={quote(asked)}&code=k"


def test_story_names_the_others_that_the_search_led_to(browse: Browse) -> None:
    path = f"/stories/{seeds.DONE}?q=flight_delays%401"
    assert json.loads(browse(path, headers=JSON).body)["others"] == [seeds.BY_HAND]
    assert f"/api/ops/stories/{seeds.BY_HAND}" in browse(path).body.decode()


def test_location_is_never_another_server(invoke: Invoke) -> None:
    """A path that begins with two slashes names a server."""
    payload = payloads.http("GET", "https://sluice.example//evil.example/ops/find?q=1001")
    answer = invoke("ops_find", payload).http
    assert answer is not None
    assert re.match("/[^/]", _header(answer, "location"))


def test_json_for_who_asks_for_it(browse: Browse) -> None:
    answer = browse(headers=JSON)
    assert _header(answer, "content-type") == "application/json"
    status = json.loads(answer.body)
    assert status["needs_attention"] is True
    assert seeds.RUNNING in [one["story"] for one in status["stories"]]
    story = json.loads(browse(f"/stories/{seeds.DONE}", headers=JSON).body)
    assert (story["story"], story["state"]) == (seeds.DONE, "done")
    assert json.loads(browse("/find?q=1001", headers=JSON).body) == {"stories": [seeds.DONE]}


@pytest.fixture
def _afresh() -> Iterator[None]:
    """The app reads its settings at its first call: make this the first, and the next one too."""
    readers = (bootstrap.sluice, pages.settings, pages.records)
    for reader in readers:
        reader.cache_clear()
    yield
    for reader in readers:
        reader.cache_clear()


@pytest.mark.usefixtures("_afresh")
def test_page_says_that_the_app_cannot_work(browse: Browse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a use case has a fault no message is worked on, and none is parked: the page must not say all is well."""
    monkeypatch.setenv("USE_CASES", "/nowhere")
    page = browse().body.decode()
    assert "The app is misconfigured" in page
    assert "/nowhere: no such folder" in page
    assert "/nowhere" in json.loads(browse(headers=JSON).body)["trouble"]


@pytest.mark.usefixtures("_afresh")
def test_page_without_a_ledger(browse: Browse, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says why, and tries again by itself."""
    monkeypatch.setenv("LEDGER", "nonsense")
    answer = browse()
    assert answer.status == 503
    assert "LEDGER" in answer.body.decode()
    assert 'http-equiv="refresh"' in answer.body.decode()
    assert "LEDGER" in json.loads(browse(headers=JSON).body)["error"]


def test_health_tells_nothing_but_that_the_process_answers(invoke: Invoke) -> None:
    answer = invoke("health", payloads.http("GET", "/api/health")).http
    assert answer is not None
    assert (answer.status, answer.body, _header(answer, "cache-control")) == (200, b"ok", "no-store")


def test_report_of_a_check_is_a_page_and_json(browse: Browse) -> None:
    page = browse(f"/checks/{seeds.QUARANTINED}")
    assert (page.status, "What was asked" in page.body.decode()) == (200, True)
    assert _header(page, "content-security-policy").startswith("default-src 'none'")
    document = json.loads(browse(f"/checks/{seeds.QUARANTINED}", headers=JSON).body)
    assert (document["verdict"], document["story"]) == ("failed", seeds.QUARANTINED)
    assert f"/api/ops/checks/{seeds.QUARANTINED}?generation=1" in browse(f"/stories/{seeds.QUARANTINED}").body.decode()


@pytest.mark.parametrize("path", ["/checks/0000000000000000", f"/checks/{seeds.BY_HAND}"])
def test_story_without_a_check_has_no_report(browse: Browse, path: str) -> None:
    assert browse(path).status == 404
