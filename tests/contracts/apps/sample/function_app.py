"""A Functions app for the front's tests: every trigger and binding it serves, and ways to fail."""

import logging
import sys
import time

import azure.functions as func
import events  # type: ignore[import-not-found]  # the app folder is on sys.path when it runs
import queues  # type: ignore[import-not-found]  # the app folder is on sys.path when it runs
import record  # type: ignore[import-not-found]  # the app folder is on sys.path when it runs

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
app.register_functions(events.blueprint)
app.register_functions(queues.blueprint)

print("imported, with a print on standard output")


@app.route("items/{id:int}/{view?}", methods=["GET", "POST"])
def item(req: func.HttpRequest) -> func.HttpResponse:
    """Echo the request."""
    return func.HttpResponse(
        record.as_json(
            method=req.method,
            url=req.url,
            params=dict(req.params),
            route=dict(req.route_params),
            header=req.headers.get("X-Asked"),
            body=req.get_body().decode(),
        ),
        mimetype="application/json",
    )


@app.route("items/latest", methods=["GET"])
def latest_item(req: func.HttpRequest) -> func.HttpResponse:
    """Answer on a route that is more specific than `item`'s."""
    return func.HttpResponse("latest")


@app.route("files/{*path}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
async def file(req: func.HttpRequest) -> func.HttpResponse:
    """Answer bytes, cookies and a status, from an async function."""
    logging.getLogger(__name__).info("reading %s", req.route_params["path"])
    response = func.HttpResponse(bytes(range(256)), status_code=203, mimetype="application/octet-stream")
    response.headers["X-Path"] = req.route_params["path"]
    response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly; SameSite=Lax")
    response.headers.add("Set-Cookie", "b=2; Max-Age=60; Secure")
    return response


@app.route("size", auth_level=func.AuthLevel.ADMIN)
def size(req: func.HttpRequest) -> func.HttpResponse:
    """Answer how large the body was, on any method."""
    return func.HttpResponse(f"{req.method} {len(req.get_body())}")


@app.route("broken/{how}")
def broken(req: func.HttpRequest) -> func.HttpResponse:
    """Fail as asked."""
    if req.route_params["how"] == "exit":
        sys.exit(3)
    raise ValueError("there are no rows")


@app.route("slow/{seconds}")
def slow(req: func.HttpRequest) -> func.HttpResponse:
    """Hold a thread."""
    record.write("slow", state="started")
    time.sleep(float(req.route_params["seconds"]))
    return func.HttpResponse("done")


@app.route("orders", methods=["POST"])
@app.service_bus_queue_output("orders", connection="Bus", queue_name="%WORK_QUEUE%")
def order(req: func.HttpRequest, orders: func.Out[str]) -> func.HttpResponse:
    """Send the body to the work queue through an output binding."""
    orders.set(req.get_body().decode())
    return func.HttpResponse(status_code=202)


def _timer_facts(timer: func.TimerRequest) -> dict[str, object]:
    """Read what only the implementation of TimerRequest has."""
    return {"past_due": timer.past_due, **{name: getattr(timer, name) for name in ("schedule", "schedule_status")}}


@app.timer_trigger("timer", schedule="%EVERY%", run_on_startup=True)
def tick(timer: func.TimerRequest) -> None:
    """Record each call; more often than once a minute, so it is unmonitored."""
    record.write("tick", **_timer_facts(timer))


@app.timer_trigger("timer", schedule="0 0 3 * * *")
def nightly(timer: func.TimerRequest) -> None:
    """Record each call of a monitored timer."""
    record.write("nightly", **_timer_facts(timer))


@app.timer_trigger("timer", schedule="0 0 4 * * *")
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
def retried(timer: func.TimerRequest) -> None:
    """Fail twice, then succeed."""
    record.write("retried")
    if record.count("retried") < 3:
        raise ConnectionError("not yet")
