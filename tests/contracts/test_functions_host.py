"""The Functions front as a caller sees it: HTTP, Event Grid, admin routes, keys, start and stop. No broker runs."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contracts.functions_front import PROJECT, SAMPLE, Front, eventually

EVENT_GRID = "/runtime/webhooks/EventGrid?functionName=arrived"
LIMIT = 1_000_000


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    values = {"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(LIMIT)}
    with Front(tmp_path_factory.mktemp("front"), values=values) as front:
        yield front


def event(number: int, subject: str = "ok") -> dict[str, object]:
    return {
        "id": f"event-{number}",
        "topic": "/topics/t",
        "subject": subject,
        "eventType": "Data.Landed",
        "eventTime": "2026-11-23T10:00:00.1234567Z",
        "data": {"number": number},
        "dataVersion": "1",
    }


# HTTP


def test_a_function_gets_the_whole_request(front: Front) -> None:
    answer = front.http.post("/api/items/7/wide?q=a%20b&q=c&empty=", content="body", headers={"X-Asked": "yes"})

    assert answer.json() == {
        "method": "POST",
        "url": f"{front.address}/api/items/7/wide?q=a%20b&q=c&empty=",
        "params": {"q": "a b,c", "empty": ""},
        "route": {"id": "7", "view": "wide"},
        "header": "yes",
        "body": "body",
    }
    assert answer.headers["content-type"] == "application/json"


def test_an_optional_route_parameter_may_be_missing(front: Front) -> None:
    assert front.http.get("/API/Items/-7").json()["route"] == {"id": "-7"}


def test_the_more_specific_route_wins(front: Front) -> None:
    assert front.http.get("/api/items/latest").text == "latest"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/items/seven"),  # the constraint :int
        ("GET", "/api/items/99999999999"),  # over 32 bits
        ("GET", "/api/items/7/wide/more"),
        ("GET", "/api/nothing"),
        ("GET", "/items/7"),  # without the prefix
        ("DELETE", "/api/items/7"),  # the real host says 404, not 405
        ("HEAD", "/api/items/7"),  # HEAD is a method of its own
        ("GET", "/admin/functions/nothing"),
    ],
)
def test_what_no_route_takes_is_404(front: Front, method: str, path: str) -> None:
    assert front.http.request(method, path).status_code == 404


def test_bytes_status_headers_and_cookies_come_back(front: Front) -> None:
    answer = front.http.get("/api/files/a/b%20c.txt")

    assert (answer.status_code, answer.content) == (203, bytes(range(256)))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-path"] == "a/b c.txt"
    assert answer.headers.get_list("set-cookie") == [
        "a=1; Path=/; HttpOnly; SameSite=Lax",
        "b=2; Max-Age=60; Secure",
    ]


def test_head_has_the_headers_and_no_body(front: Front) -> None:
    answer = front.http.head("/api/files/a")

    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (203, b"", "256")


def test_a_function_without_methods_takes_any(front: Front) -> None:
    assert front.http.request("PURGE", "/api/size").text == "PURGE 0"


def test_an_exception_is_500_without_a_body_and_its_traceback_is_logged(front: Front) -> None:
    answer = front.http.get("/api/broken/value")

    assert (answer.status_code, answer.content) == (500, b"")
    eventually(lambda: "ValueError: there are no rows" in front.log, what="the exception in the log")
    reported = front.log[front.log.index("broken failed in ") :]
    assert 'raise ValueError("there are no rows")' in reported
    assert "azure_functions_runtime" not in front.log


def test_a_function_that_calls_sys_exit_fails_alone(front: Front) -> None:
    assert front.http.get("/api/broken/exit").status_code == 500
    assert front.http.get("/").status_code == 200


def test_a_body_may_be_as_large_as_the_limit(front: Front) -> None:
    assert front.http.post("/api/size", content=b"x" * LIMIT).text == f"POST {LIMIT}"


def test_a_larger_body_is_refused(front: Front) -> None:
    assert front.http.post("/api/size", content=b"x" * (LIMIT + 1)).status_code == 413


def test_a_larger_body_of_unknown_length_is_refused(front: Front) -> None:
    chunks = (b"x" * 100_000 for _ in range(LIMIT // 100_000 + 1))
    assert front.http.post("/api/size", content=chunks).status_code == 413


def test_an_answer_does_not_wait_for_an_acknowledgement(front: Front) -> None:
    """Without TCP_NODELAY every answer on a kept connection takes 40 ms."""

    def seconds() -> float:
        begun = time.monotonic()
        front.http.get("/api/items/7")
        return time.monotonic() - begun

    assert sorted(seconds() for _ in range(25))[12] < 0.035


def test_the_root_says_that_the_app_is_up(front: Front) -> None:
    assert front.http.get("/").status_code == 200


def test_a_failed_output_fails_the_call(front: Front) -> None:
    assert front.http.post("/api/orders", content="not JSON, and no broker").status_code == 500
    eventually(lambda: "order failed in" in front.log, what="the failure in the log")
    assert "the output was not sent" in front.log


def test_log_lines_name_the_function_and_prints_stay_off_standard_output(front: Front) -> None:
    front.http.get("/api/files/some/path")

    eventually(lambda: "[file] reading some/path" in front.log, what="the app's own log line")
    eventually(lambda: "file succeeded in " in front.log, what="the line of the invocation")
    assert "imported, with a print on standard output" in front.log
    assert front.answered == []


def test_a_broker_that_is_away_is_said_once(front: Front) -> None:
    eventually(lambda: "trying again" in front.log, what="the warning")
    assert front.log.count("Service Bus sb://127.0.0.1:1") == 1


# Admin routes


def test_the_admin_routes_list_the_functions(front: Front) -> None:
    listed = {each["name"]: each for each in front.http.get("/admin/functions").json()}

    assert listed["item"]["invoke_url_template"] == f"{front.address}/api/items/{{id:int}}/{{view?}}"
    assert listed["work"]["config"]["bindings"][0]["queueName"] == "work"
    assert front.http.get("/admin/functions/arrived").json() == listed["arrived"]
    assert front.http.get("/admin/host/status").json()["state"] == "Running"


def test_a_timer_can_be_called_by_hand(front: Front) -> None:
    assert front.http.post("/admin/functions/nightly", json={}).status_code == 202

    called = front.await_record("nightly")
    assert called["past_due"] is False
    assert called["schedule"] == {"AdjustForDST": True}
    assert set(called["schedule_status"]) == {"Last", "Next", "LastUpdated"}


def test_a_queue_function_can_be_called_by_hand(front: Front) -> None:
    assert front.http.post("/admin/functions/work", json={"input": "by hand"}).status_code == 202
    front.await_record("work", body="by hand", delivery_count=1)


def test_an_http_function_is_not_called_by_hand(front: Front) -> None:
    assert front.http.post("/admin/functions/item", json={}).status_code == 400


# Event Grid


def test_the_subscription_handshake_returns_the_code(front: Front) -> None:
    body = [
        {"id": "1", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "C"}}
    ]
    answer = front.http.post(EVENT_GRID, json=body, headers={"aeg-event-type": "SubscriptionValidation"})

    assert (answer.status_code, answer.json()) == (200, {"validationResponse": "C"})


def test_the_events_of_a_post_are_called_one_by_one(front: Front) -> None:
    answer = front.http.post(EVENT_GRID, json=[event(1), event(2)], headers={"aeg-event-type": "Notification"})

    assert (answer.status_code, answer.content) == (202, b"")
    assert front.records("arrived", id="event-1")[0]["data"] == {"number": 1}
    assert len(front.records("arrived", id="event-2")) == 1


def test_one_failed_event_fails_the_post_and_the_others_are_still_called(front: Front) -> None:
    events = [event(11, "fail"), event(12), event(13)]
    answer = front.http.post(EVENT_GRID, json=events, headers={"aeg-event-type": "Notification"})

    assert answer.status_code == 500
    assert all(front.records("arrived", id=f"event-{number}") for number in (11, 12, 13))


def test_cloud_events_are_taken_with_their_own_handshake(front: Front) -> None:
    allowed = front.http.options(EVENT_GRID, headers={"WebHook-Request-Origin": "eventgrid.azure.net"})
    assert (allowed.status_code, allowed.headers["webhook-allowed-origin"]) == (200, "eventgrid.azure.net")

    cloud_event = {
        "specversion": "1.0",
        "id": "cloud-1",
        "source": "/s",
        "type": "t",
        "subject": "ok",
        "data": {"a": 1},
    }
    content_type = {"content-type": "application/cloudevents+json; charset=utf-8"}
    assert front.http.post(EVENT_GRID, content=json.dumps(cloud_event), headers=content_type).status_code == 202
    assert front.records("arrived", id="cloud-1", kind="cloud")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, "[]"),
        ({"aeg-event-type": "Surprise"}, "[]"),
        ({"aeg-event-type": "Notification"}, "no JSON"),
        ({"aeg-event-type": "Notification"}, "[1]"),
        ({"aeg-event-type": "SubscriptionValidation"}, "[]"),
    ],
)
def test_what_event_grid_would_not_send_is_400(front: Front, headers: dict[str, str], body: str) -> None:
    assert front.http.post(EVENT_GRID, content=body, headers=headers).status_code == 400


@pytest.mark.parametrize("name", ["nothing", "item", ""])
def test_an_event_for_no_event_grid_function_is_404(front: Front, name: str) -> None:
    url = f"/runtime/webhooks/EventGrid?functionName={name}"
    answer = front.http.post(url, json=[], headers={"aeg-event-type": "Notification"})

    assert (answer.status_code, answer.text) == (404, f"cannot find function: '{name}'")


# Keys


def test_with_keys_a_call_needs_the_key_of_its_level(tmp_path: Path) -> None:
    with Front(tmp_path / "home", "--keys") as front:
        keys = json.loads((front.home / "keys.json").read_text())
        assert all(key in front.log for key in keys.values())

        def status(path: str, key: str | None = None, method: str = "GET") -> int:
            headers = {"x-functions-key": keys[key]} if key else {}
            return front.http.request(method, path, headers=headers).status_code

        assert status("/api/files/a") == 203
        assert (status("/api/items/7"), status("/api/items/7", "default"), status("/api/items/7", "master")) == (
            401,
            200,
            200,
        )
        assert front.http.get(f"/api/items/7?code={keys['default']}").status_code == 200
        assert (status("/api/size", "default"), status("/api/size", "master")) == (401, 200)
        assert (status("/admin/functions", "default"), status("/admin/functions", "master")) == (401, 200)
        assert (status(EVENT_GRID, "default", "OPTIONS"), status(EVENT_GRID, "eventgrid_extension", "OPTIONS")) == (
            401,
            200,
        )
        assert (front.home / "keys.json").stat().st_mode & 0o077 == 0


# Start


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.host", *map(str, arguments)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)


def app_of(folder: Path, source: str, host_file: str = '{"version": "2.0"}') -> Path:
    (folder / "function_app.py").write_text("import azure.functions as func\napp = func.FunctionApp()\n" + source)
    (folder / "host.json").write_text(host_file)
    return folder


def test_list_shows_functions_and_triggers() -> None:
    listed = run(SAMPLE, "--list")

    assert listed.returncode == 0
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    assert ["item", "httpTrigger", "GET,POST items/{id:int}/{view?}"] in rows
    assert ["bury", "serviceBusTrigger", "%WORK_QUEUE%/$deadletterqueue"] in rows
    assert ["nightly", "timerTrigger", "0 0 3 * * *"] in rows


QUEUE_TRIGGER = "@app.service_bus_queue_trigger('m', connection='Bus', queue_name='{queue}'{more})\ndef work(m): pass\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(
            "def load():\n    import no_such_package\nload()\n",
            [
                "function_app.py: ModuleNotFoundError: No module named 'no_such_package'",
                "in load\n    import no_such_package",
            ],
            id="missing module",
        ),
        pytest.param("1 / 0\n", ["ZeroDivisionError: division by zero", "1 / 0"], id="exception at import"),
        pytest.param("def (:\n", ["SyntaxError"], id="syntax error"),
        pytest.param("raise SystemExit(0)\n", ["SystemExit"], id="exit at import"),
        pytest.param("", ["has no functions"], id="no functions"),
        pytest.param(
            "@app.route('a')\ndef a(req): pass\n@app.route('b')\n@app.function_name('a')\ndef b(req): pass\n",
            ["cannot index", "unique"],
            id="name used twice",
        ),
        pytest.param(
            QUEUE_TRIGGER.format(queue="%ORDERS_QUEUE%", more="")
            + "@app.timer_trigger('t', schedule='%EVERY%')\ndef tick(t): pass\n",
            [
                "function work, binding m, field queueName: ORDERS_QUEUE",
                "function tick, binding t, field schedule: EVERY",
            ],
            id="missing settings",
        ),
        pytest.param(
            QUEUE_TRIGGER.format(queue="q", more=""),
            ["function work, binding m, field connection: the setting Bus does not exist"],
            id="missing connection",
        ),
        pytest.param(
            QUEUE_TRIGGER.format(queue="q", more=", cardinality='many'"), ["function work: its cardinality"], id="many"
        ),
        pytest.param(
            QUEUE_TRIGGER.format(queue="q", more=", is_sessions_enabled=True"), ["asks for sessions"], id="sessions"
        ),
        pytest.param(
            "@app.blob_trigger('b', path='c/n', connection='X')\ndef blob(b): pass\n",
            ["function blob: its trigger blobTrigger", "AzureWebJobs.NAME.Disabled"],
            id="other trigger",
        ),
        pytest.param(
            "@app.timer_trigger('t', schedule='0 61 * * * *')\ndef tick(t): pass\n",
            ["function tick, schedule", "61 is not between 0 and 59"],
            id="bad schedule",
        ),
        pytest.param(
            "@app.route('a/{b:wrong}')\ndef a(req): pass\n",
            ["function a, route 'a/{b:wrong}'", "no route constraint 'wrong'"],
            id="bad route",
        ),
    ],
)
def test_an_app_that_cannot_be_served_says_why_and_ends_with_2(
    tmp_path: Path, source: str, expected: list[str]
) -> None:
    ended = run(app_of(tmp_path, source), "--port", "0", "--home", tmp_path / "home")

    assert (ended.returncode, ended.stdout) == (2, "")
    for text in expected:
        assert text in ended.stderr


def test_a_managed_identity_is_refused_in_words(tmp_path: Path) -> None:
    app = app_of(tmp_path, QUEUE_TRIGGER.format(queue="q", more=""))
    settings = tmp_path / "local.settings.json"
    settings.write_text(json.dumps({"Values": {"Bus__fullyQualifiedNamespace": "x.servicebus.windows.net"}}))

    ended = run(app, "--port", "0", "--home", tmp_path / "home")

    assert ended.returncode == 2
    assert "not for a laptop" in ended.stderr


def test_a_disabled_function_is_left_out(tmp_path: Path) -> None:
    source = (
        "@app.blob_trigger('b', path='c/n', connection='X')\ndef blob(b): pass\n@app.route('a')\ndef a(req): pass\n"
    )
    app = app_of(tmp_path, source, '{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}')
    with Front(tmp_path / "home", app=app, values={"AzureWebJobs.blob.Disabled": "true"}) as front:
        assert [each["name"] for each in front.http.get("/admin/functions").json()] == ["a"]
        assert front.http.get("/a").status_code == 500  # the route has no prefix; a function that returns None fails
        assert front.http.get("/").status_code == 200


@pytest.mark.parametrize("content", [None, "{", "[]", '{"version": "1.0"}'])
def test_a_folder_without_a_good_host_json_is_refused(tmp_path: Path, content: str | None) -> None:
    app = app_of(tmp_path, "@app.route('a')\ndef a(req): pass\n", content or "")
    if content is None:
        (app / "host.json").unlink()

    ended = run(app, "--port", "0", "--home", tmp_path / "home")

    assert ended.returncode == 2
    assert "host.json" in ended.stderr


def test_the_settings_file_goes_over_the_environment(tmp_path: Path) -> None:
    source = (
        "import os\n@app.route('env/{name}')\n"
        "def env(req: func.HttpRequest) -> func.HttpResponse:\n"
        "    return func.HttpResponse(os.environ[req.route_params['name']])\n"
    )
    os.environ["FROM_OUTSIDE"] = "outside"
    os.environ["IN_BOTH"] = "outside"
    try:
        with Front(tmp_path / "home", app=app_of(tmp_path, source), values={"IN_BOTH": "file"}) as front:
            assert front.http.get("/api/env/FROM_OUTSIDE").text == "outside"
            assert front.http.get("/api/env/IN_BOTH").text == "file"
    finally:
        del os.environ["FROM_OUTSIDE"], os.environ["IN_BOTH"]


def test_an_app_does_not_see_the_modules_around_the_front(tmp_path: Path) -> None:
    source = "import importlib.util\nif importlib.util.find_spec('ops'): raise ImportError('sees ops')\n"
    assert run(app_of(tmp_path, source + "@app.route('a')\ndef a(req): pass\n"), "--list").returncode == 0


def test_the_engine_can_be_called_without_the_front() -> None:
    """Tests of an app use Engine and the payload builders; a process can index one app."""
    script = f"""
import asyncio, pathlib
from local.host import payloads
from local.host.engine import Engine
app = pathlib.Path({str(SAMPLE)!r})
engine = Engine(app, {{"RECORD": "/dev/null"}})
assert engine.functions["work"].trigger["queueName"] == "%WORK_QUEUE%"
async def main():
    request = payloads.http("POST", "/api/items/5?a=b", route_params={{"id": "5"}}, body=b"x")
    answer = await engine.invoke("item", request)
    assert (answer.http.status, answer.succeeded) == (200, True), answer
    failed = await engine.invoke("work", payloads.service_bus(b"fail", message_id="m"))
    assert failed.error == "RuntimeError: this message always fails", failed
    sent = await engine.invoke("order", payloads.http("POST", "/api/orders", body=b"out"))
    assert sent.outputs == {{"orders": "out"}}, sent
    assert (await engine.invoke("nightly", payloads.timer(past_due=True))).succeeded
    assert (await engine.invoke("arrived", payloads.event_grid({{"id": "1", "data": {{}}}}))).succeeded
asyncio.run(main())
try:
    Engine(app)
except RuntimeError as error:
    print(error)
engine.close()
"""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert "once per process" in ended.stdout, ended.stderr


# Stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_front_ends_quickly(tmp_path: Path, number: signal.Signals) -> None:
    with Front(tmp_path / "home") as front:
        front.http.get("/")  # leaves a kept-alive connection behind
        begun = time.monotonic()
        os.kill(front.pid, number)
        assert front.ended() == 0
        assert time.monotonic() - begun < 4  # two seconds, and what a busy machine adds


def test_a_running_call_may_finish(tmp_path: Path) -> None:
    with Front(tmp_path / "home") as front:
        answers: list[httpx.Response] = []
        caller = threading.Thread(target=lambda: answers.append(httpx.get(f"{front.address}/api/slow/0.8", timeout=30)))
        caller.start()
        front.await_record("slow")
        front.terminate()
        caller.join()
        assert answers[0].text == "done"
        assert front.ended() == 0


def test_a_call_that_does_not_finish_does_not_keep_the_front(tmp_path: Path) -> None:
    with Front(tmp_path / "home", "--grace", "0.5") as front:
        caller = threading.Thread(target=_call_and_forget, args=[f"{front.address}/api/slow/60"])
        caller.start()
        front.await_record("slow")
        front.terminate()
        assert front.ended(within=10) == 0
        caller.join()


def _call_and_forget(url: str) -> None:
    try:
        httpx.get(url, timeout=30)
    except httpx.HTTPError:
        return
