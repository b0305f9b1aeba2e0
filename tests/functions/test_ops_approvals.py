"""The pages on which people approve: what they show, and what keeps forged answers out."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from functions import pages
from local.host import payloads
from local.host.outcome import HttpAnswer, Outcome
from local.host.payloads import Payload
from shared import bootstrap, sign_in
from shared.adapters.sqlite import SqliteLedger
from shared.domain import facts as f
from shared.domain import story as stories
from shared.settings import Settings

Invoke = Callable[[str, Payload], Outcome]
BASE = "https://sluice.example/api/ops/approvals"
MODEL = "flight_delays"


@pytest.fixture
def asked(ledger: SqliteLedger) -> Iterator[str]:
    """A version that waits; its name. Each test has its own."""
    number = len(ledger.find("asked")) + len(ledger.recent(1000)) + 500
    story, now = f"{number:016x}", datetime.now(UTC)
    role = f.AskedRole(role="model-owner", quorum=1, not_requester=True, expires_at=now + timedelta(days=1))
    changes: dict[str, Any] = {"story": story, "at": now, "version": str(number)}
    ledger.record(
        [
            replace(f.VersionRegistered.example(), **changes),
            replace(f.VersionJudged.example(), **changes),
            replace(f.ApprovalRequested.example(), **changes, asked=(role,), requester="grace"),
        ]
    )
    yield f"{MODEL}@{number}"
    ledger.record([replace(f.VersionRejected.example(), **changes)])  # so that it waits for nobody in the next test


def facts_of(ledger: SqliteLedger, name: str) -> list[f.Fact]:
    return [fact for story in ledger.find(name) for fact in ledger.story(story)]


@pytest.fixture
def browse(invoke: Invoke) -> Callable[..., HttpAnswer]:
    def get(name: str = "", *, body: dict[str, str] | bytes | None = None, **headers: str) -> HttpAnswer:
        sent = {each.replace("_", "-"): value for each, value in headers.items()}
        payload = payloads.http(
            "GET" if body is None else "POST",
            f"{BASE}/{name}" if name else BASE,
            headers={"accept": "text/html", **sent},
            route_params={"request": name} if name else {},
            body=body if isinstance(body, bytes) else urlencode(body or {}).encode(),
        )
        function = ("ops_approval" if name else "ops_approvals") if body is None else "ops_decide"
        answer = invoke(function, payload)
        assert answer.succeeded, answer.error
        assert answer.http is not None
        return answer.http

    return get


def form(page: HttpAnswer, **change: str) -> dict[str, str]:
    """What a browser would send."""
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.body.decode())
    chosen = {"as": "ada", "because": "better at JFK", "answer": "approve"}
    return {name: value for name, value in {**dict(hidden), **chosen, **change}.items() if value != "-"}


def test_request_shows_the_evidence_and_is_listed(browse: Callable[..., HttpAnswer], asked: str) -> None:
    assert asked in browse().body.decode()
    page = browse(asked).body.decode()
    assert "accurate_enough: asked rmse at most 30, saw rmse 21.4" in page
    assert "policy a1b2c3d4e5f6, evidence f6e5d4c3b2a1" in page
    assert '<option value="ada">' in page
    told = json.loads(browse(asked, accept="application/json").body)
    assert (told["state"], told["missing"]) == ("waiting", ["1 model-owner other than grace"])
    assert browse("flight_delays@none").status == 404


def test_status_page_leads_there(invoke: Invoke, asked: str) -> None:
    answer = invoke("ops_status", payloads.http("GET", "https://sluice.example/api/ops?code=k")).http
    assert answer is not None
    page = answer.body.decode()
    assert f"{asked} waits for 1 model-owner other than grace" in page
    assert f'href="/api/ops/approvals/{asked.replace("@", "%40")}?code=k">read and answer' in page


def test_form_fits_the_strict_policy(browse: Callable[..., HttpAnswer], asked: str) -> None:
    answer = browse(asked)
    page = answer.body.decode()
    policy = {name.lower(): value for name, value in answer.headers.items()}["content-security-policy"]
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script|\sstyle=|\son\w+=", page)
    assert re.findall(r'action="([^"]*)" method="post"', page) == [f"/api/ops/approvals/{asked.replace('@', '%40')}"]


@pytest.mark.parametrize(("chosen", "kind"), [("approve", f.ApprovalGiven), ("reject", f.ApprovalRefused)])
def test_answer_is_recorded_and_the_version_looked_at_again(
    browse: Callable[..., HttpAnswer],
    ledger: SqliteLedger,
    waiting: Callable[[str], list[dict[str, Any]]],
    asked: str,
    *,
    chosen: str,
    kind: type[f.ApprovalGiven],
) -> None:
    answer = browse(asked, body=form(browse(asked), answer=chosen), sec_fetch_site="same-origin")
    assert answer.status == 303
    found = stories.last(facts_of(ledger, asked), kind)
    assert found is not None
    assert (found.who, found.reason, found.policy) == ("ada", "better at JFK", "a1b2c3d4e5f6")
    (again,) = [one for one in waiting("registry-events") if one.get("version") == found.version]
    assert (again["type"], again["cause"]) == ("JudgeVersion", f"{kind.__name__}-ada")


@pytest.mark.parametrize(
    ("change", "headers", "status"),
    [
        ({"token": "-"}, {}, 403),
        ({"token": "1.00"}, {}, 403),
        ({}, {"sec_fetch_site": "cross-site"}, 403),
        ({}, {"sec_fetch_site": "same-site"}, 403),
        ({"policy": "another"}, {}, 409),
        ({"as": "grace"}, {}, 409),
        ({"as": "eve"}, {}, 409),
        ({"because": " "}, {}, 409),
        ({"answer": "perhaps"}, {}, 400),
        ({"because": "x" * 20_000}, {}, 400),
    ],
)
def test_answer_that_cannot_be_taken_changes_nothing(
    browse: Callable[..., HttpAnswer],
    ledger: SqliteLedger,
    asked: str,
    *,
    change: dict[str, str],
    headers: dict[str, str],
    status: int,
) -> None:
    before = len(facts_of(ledger, asked))
    answer = browse(asked, body=form(browse(asked), **change), **headers)
    assert answer.status == status
    assert "Not taken" in answer.body.decode()
    assert len(facts_of(ledger, asked)) == before


def test_token_of_another_request_is_none(browse: Callable[..., HttpAnswer], asked: str, ledger: SqliteLedger) -> None:
    token = sign_in.form_token(pages.settings(), ["flight_delays@7", "a1b2c3d4e5f6", "f6e5d4c3b2a1", ""])
    assert browse(asked, body=form(browse(asked), token=token)).status == 403


def test_header_of_the_platform_is_nothing_where_no_platform_is(browse: Callable[..., HttpAnswer], asked: str) -> None:
    """Anybody can send it: who answers is then whom the form names, of the development users."""
    said = {"claims": [{"typ": "preferred_username", "val": "eve"}, {"typ": "roles", "val": "model-owner"}]}
    header = base64.b64encode(json.dumps(said).encode()).decode()
    assert "eve" not in browse(asked, x_ms_client_principal=header).body.decode()
    assert browse(asked, body=form(browse(asked), **{"as": "eve"}), x_ms_client_principal=header).status == 409


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[None]:
    """As in Azure, with authentication before the app."""
    monkeypatch.setenv("PLATFORM_AUTHENTICATION", "true")
    monkeypatch.setenv("DEVELOPMENT_USERS", "")
    readers = (bootstrap.sluice, pages.settings, pages.records)
    for reader in readers:
        reader.cache_clear()
    yield
    for reader in readers:
        reader.cache_clear()


@pytest.mark.usefixtures("platform")
def test_who_is_signed_in_answers(browse: Callable[..., HttpAnswer], ledger: SqliteLedger, asked: str) -> None:
    def header(name: str, role: str) -> str:
        said = {"claims": [{"typ": "preferred_username", "val": name}, {"typ": "roles", "val": role}]}
        return base64.b64encode(json.dumps(said).encode()).decode()

    ada = header("ada@x.org", "model-owner")
    page = browse(asked, x_ms_client_principal=ada)
    assert "as ada@x.org (model-owner)" in page.body.decode()
    assert "nobody is signed in" in browse(asked).body.decode()
    assert browse(asked, body=form(page)).status == 403, "without the header nobody answers"
    eve = header("eve@x.org", "model-owner")
    assert browse(asked, body=form(page), x_ms_client_principal=eve).status == 403, "the form was ada's"
    assert browse(asked, body=form(page), x_ms_client_principal=ada).status == 303
    found = stories.last(facts_of(ledger, asked), f.ApprovalGiven)
    assert found is not None
    assert found.who == "ada@x.org", "whatever the form names"
