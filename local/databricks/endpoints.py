"""The serving endpoints of one workspace: each served version is a process that really answers.

The Serving endpoints API 2.0 as far as one needs to create, update, read, list, delete and invoke an endpoint that
serves versions of registered models. A new configuration takes over once all of it answers; one that cannot be started
has failed, and what answered before goes on.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from local.child import die_with_parent
from local.databricks.errors import ApiError, invalid
from local.databricks.runs import Json
from local.databricks.store import Store
from local.databricks.task_process import ROOT


@dataclass
class Served:
    """A version of a model in its process; `port` is 0 until it answers, `problem` says why it never will."""

    entity: Json
    process: "asyncio.subprocess.Process"
    port: int = 0
    problem: str = ""


@dataclass
class Endpoint:
    """What answers, and what is being brought up to take over."""

    config: Json = field(default_factory=dict)
    pending: Json = field(default_factory=dict)
    serving: list[Served] = field(default_factory=list)
    update: str = "NOT_UPDATING"
    message: str = ""
    bringing_up: "asyncio.Task[None] | None" = None


class Endpoints:
    """All endpoints of a workspace; what they are configured to serve outlives the server."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._endpoints: dict[str, Endpoint] = {}

    def open(self) -> None:
        """Bring up what was configured before."""
        for name, config in self._store.endpoints():
            self._endpoints[name] = Endpoint()
            self._bring_up(name, config)

    async def close(self) -> None:
        """Nothing answers any more."""
        for endpoint in self._endpoints.values():
            if endpoint.bringing_up:
                endpoint.bringing_up.cancel()
                await asyncio.gather(endpoint.bringing_up, return_exceptions=True)
            _kill(endpoint.serving)

    # --- the API

    def create(self, request: Json) -> Json:
        """serving-endpoints create."""
        name = str(request.get("name", ""))
        if not name:
            raise invalid("name must be given.")
        if name in self._endpoints:
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Endpoint with name '{name}' already exists.")
        entities(request.get("config"))
        self._endpoints[name] = Endpoint()
        self._bring_up(name, request["config"])
        return self.get({"name": name})

    def get(self, request: Mapping[str, Any]) -> Json:
        """serving-endpoints get."""
        name, endpoint = request["name"], self._named(request["name"])
        shown: Json = {
            "name": name,
            "id": name,
            "state": {
                "ready": "READY" if endpoint.serving else "NOT_READY",
                "config_update": endpoint.update,
            },
        }
        if endpoint.config:
            stopped = {each.entity["name"] for each in endpoint.serving if each.process.returncode is not None}
            shown["config"] = _shown(endpoint.config, "", stopped)
        if endpoint.pending:
            shown["pending_config"] = _shown(endpoint.pending, endpoint.message)
        return shown

    def list(self, request: Json) -> Json:
        """serving-endpoints list."""
        del request  # there is nothing to choose by
        return {"endpoints": [self.get({"name": name}) for name in sorted(self._endpoints)]}

    def update_config(self, request: Json) -> Json:
        """serving-endpoints/NAME/config."""
        name, endpoint = request["name"], self._named(request["name"])
        if endpoint.update == "IN_PROGRESS":
            raise ApiError(409, "RESOURCE_CONFLICT", f"Endpoint '{name}' is being updated.")
        config = {key: value for key, value in request.items() if key != "name"}
        entities(config)
        self._bring_up(name, config)
        return self.get({"name": name})

    def delete(self, request: Json) -> Json:
        """serving-endpoints delete."""
        endpoint = self._named(request["name"])
        if endpoint.bringing_up:
            endpoint.bringing_up.cancel()
        _kill(endpoint.serving)
        del self._endpoints[request["name"]]
        self._store.forget_endpoint(request["name"])
        return {}

    async def invoke(self, name: str, body: bytes, content_type: str) -> tuple[int, bytes]:
        """What the served model answers; of several, by their share of the traffic."""
        endpoint = self._named(name)
        if not endpoint.serving:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Endpoint '{name}' serves nothing yet.")
        shares = _shares(endpoint.config)
        weights = [shares.get(each.entity["name"], 0) for each in endpoint.serving]
        (chosen,) = random.choices(endpoint.serving, weights)  # noqa: S311 - traffic is shared out, nothing guarded
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            try:
                answer = await client.post(
                    f"http://127.0.0.1:{chosen.port}/invocations", content=body, headers={"content-type": content_type}
                )
            except httpx.TransportError as error:
                raise ApiError(503, "TEMPORARILY_UNAVAILABLE", f"{chosen.entity['name']} does not answer.") from error
        return answer.status_code, answer.content

    def _named(self, name: str) -> Endpoint:
        found = self._endpoints.get(name)
        if found is None:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Endpoint with name '{name}' does not exist.")
        return found

    # --- processes

    def _bring_up(self, name: str, config: Json) -> None:
        endpoint = self._endpoints[name]
        endpoint.pending, endpoint.update, endpoint.message = config, "IN_PROGRESS", ""
        self._store.put_endpoint(name, endpoint.config or config)
        endpoint.bringing_up = asyncio.get_running_loop().create_task(self._take_over(name, endpoint, config))

    async def _take_over(self, name: str, endpoint: Endpoint, config: Json) -> None:
        coming: list[Served] = []
        try:
            for entity in entities(config):
                coming.append(await self._start(name, entity))  # noqa: PERF401 - the first stays known if the next fails
            problems = [problem for problem in [await _answering(each) for each in coming] if problem]
        except BaseException:
            _kill(coming)
            raise
        if problems:
            _kill(coming)
            endpoint.update, endpoint.message = "UPDATE_FAILED", problems[0]
            return
        gone, endpoint.serving, endpoint.config = endpoint.serving, coming, config
        endpoint.pending, endpoint.update = {}, "NOT_UPDATING"
        self._store.put_endpoint(name, config)
        _kill(gone)

    async def _start(self, name: str, entity: Json) -> Served:
        self._folder.mkdir(parents=True, exist_ok=True)
        uri = f"models:/{entity['entity_name']}/{entity['entity_version']}"
        with (self._folder / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "local.databricks.serving_process",
                uri,
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        return Served(entity=entity, process=process)


async def _answering(served: Served) -> str:
    """Wait until it answers; why it never will, or ""."""
    assert served.process.stdout is not None  # noqa: S101 - it is a pipe, for the type checker
    async for line in served.process.stdout:
        if line.startswith(b"ready "):
            served.port = int(line.split()[1])
            return ""
    await served.process.wait()
    return f"{served.entity['entity_name']} version {served.entity['entity_version']} cannot be loaded"


def _kill(served: "list[Served]") -> None:
    for each in served:
        if each.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(each.process.pid, signal.SIGKILL)


def entities(config: object) -> "list[Json]":
    """The served entities of a configuration, each with a name. Raises ApiError."""
    found = config.get("served_entities") if isinstance(config, dict) else None
    if not isinstance(found, list) or not found:
        raise invalid("config.served_entities must name at least one version of a registered model.")
    return list(_checked(found))


def _checked(found: "list[Any]") -> Iterator[Json]:
    for each in found:
        if not isinstance(each, dict) or not each.get("entity_name") or not each.get("entity_version"):
            raise invalid(f"A served entity needs entity_name and entity_version: {json.dumps(each)}")
        name = each.get("name") or f"{each['entity_name'].replace('.', '-')}-{each['entity_version']}"
        yield {**each, "name": name}


def _shown(config: Json, message: str, stopped: Collection[str] = ()) -> Json:
    state = {"deployment_state_message": message} if message else {}
    dead = {"deployment": "DEPLOYMENT_FAILED", "deployment_state_message": "its process stopped"}
    entities_ = [{**each, "state": dead if each["name"] in stopped else state} for each in entities(config)]
    return {**config, "served_entities": entities_}


def _shares(config: Json) -> dict[str, int]:
    """Percent of the traffic by the entity's name: as configured, else all to the first."""
    routes = (config.get("traffic_config") or {}).get("routes") or []
    if not routes:
        return {entities(config)[0]["name"]: 100}
    return {each.get("served_model_name") or each["served_entity_name"]: each["traffic_percentage"] for each in routes}
