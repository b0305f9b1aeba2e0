"""Microsoft's Python engine for Azure Functions, indexed once and called with payloads.

The engine is the PyPI package ``azure-functions-runtime``: on Python 3.13 Azure runs the version pinned in the app's
requirements, so this is the code that runs in production. It lives on an event loop of its own, in a thread of its
own, as it lives in a process of its own in Azure: an async function that blocks holds up other functions, but not the
front or the renewal of locks. Synchronous functions run in the engine's thread pool (PYTHON_THREADPOOL_THREAD_COUNT).
"""

import asyncio
import importlib
import json
import os
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import azure_functions_runtime as runtime

from local.host import protos
from local.host.errors import HostError
from local.host.functions import Function, function_from
from local.host.logs import logger, user_frames
from local.host.outcome import Outcome, read_response
from local.host.payloads import Payload

HOST_VERSION = "4.1041.0"
LAST_FRAMES = 6


class Engine:
    """One app in this process.

    The engine keeps the app in module globals, so a process can index one app once: a second Engine raises
    RuntimeError. Tests share one through a session fixture.

    >>> engine = Engine(Path("."), {"QUEUE": "orders"})  # doctest: +SKIP
    >>> outcome = await engine.invoke("hello", payloads.http("GET", "/api/hello?name=Ada"))  # doctest: +SKIP

    Args:
        app_dir: The folder that holds function_app.py and host.json; it is put on ``sys.path``.
        settings: Put into ``os.environ``, which is where an app reads its settings.

    Raises:
        HostError: The app cannot be imported or indexed, or has no functions.

    """

    _indexed: ClassVar[bool] = False

    def __init__(self, app_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        if Engine._indexed:
            raise RuntimeError("this process has indexed an app already; the engine can do that once per process")
        Engine._indexed = True
        self.functions: dict[str, Function] = {}
        self._running: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="functions-engine", daemon=True)
        self._thread.start()
        os.environ.update(settings or {})
        sys.path.insert(0, str(app_dir))
        try:
            asyncio.run_coroutine_threadsafe(self._index(app_dir), self._loop).result()
        except BaseException:
            self.close()
            raise

    async def invoke(self, name: str, payload: Payload) -> Outcome:
        """Call a function and wait for it to end; an exception in it is an outcome, not raised.

        Safe from any thread's event loop.

        Raises:
            KeyError: There is no function of that name.
            ValueError: The payload cannot be shaped for the function's binding.

        """
        function = self.functions[name]
        arguments = payload(function)
        request = protos.InvocationRequest(
            invocation_id=str(uuid.uuid4()),
            function_id=function.function_id,
            input_data=[protos.ParameterBinding(name=str(function.trigger["name"]), data=arguments.value)],
            trigger_metadata=arguments.metadata,
        )
        call = asyncio.run_coroutine_threadsafe(self._invoke(function, request), self._loop)
        return await asyncio.shield(asyncio.wrap_future(call))  # who stops waiting does not stop the function

    @property
    def busy(self) -> bool:
        """Whether a function still runs."""
        return bool(self._running)

    def running_function(self) -> str | None:
        """Name the function that the calling thread or task is running, for log lines."""
        return self._running.get(runtime.invocation_id_cv.get() or "")

    def close(self) -> None:
        """Stop the engine's event loop. Synchronous functions that still run are not waited for."""
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=1)
        if not self._thread.is_alive() and not self.busy:
            self._loop.close()
        if pool := runtime.get_threadpool_executor():
            pool.shutdown(wait=False, cancel_futures=True)

    async def _index(self, app_dir: Path) -> None:
        script = app_dir / os.environ.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")
        if not script.is_file():
            raise HostError(f"{app_dir} has no {script.name}: an app of the Python v2 model starts there")
        _import_app(script)
        runtime.start_threadpool_executor()
        request = protos.WorkerInitRequest(host_version=HOST_VERSION, function_app_directory=str(app_dir))
        started: protos.WorkerInitResponse = await _ask(
            runtime.worker_init_request(_envelope(protos.StreamingMessage(worker_init_request=request)))
        )
        if started.result.status != protos.StatusResult.Success:
            exception = started.result.exception or protos.RpcException()
            raise HostError(f"cannot index {script}:\n{exception.message}\n{user_frames(exception.stack_trace)}")
        if "HttpUri" in started.capabilities:
            raise HostError("the app uses HTTP streaming (azurefunctions-extensions-http-*), which this front lacks")
        found: protos.FunctionMetadataResponse = await _ask(
            runtime.functions_metadata_request(
                _envelope(
                    protos.StreamingMessage(
                        functions_metadata_request=protos.FunctionsMetadataRequest(function_app_directory=str(app_dir))
                    )
                )
            )
        )
        for each in found.function_metadata_results or ():
            bindings = [json.loads(raw) for raw in each.raw_bindings]
            self.functions[each.name] = function_from(each.name, each.function_id, bindings, each.retry_options)
        if not self.functions:
            raise HostError(f"{script} was imported, but its FunctionApp has no functions: are blueprints registered?")

    async def _invoke(self, function: Function, request: protos.InvocationRequest) -> Outcome:
        self._running[request.invocation_id] = function.name
        runtime.invocation_id_cv.set(request.invocation_id)
        begun = time.monotonic()
        try:
            response: protos.InvocationResponse = await runtime.invocation_request(
                _envelope(protos.StreamingMessage(invocation_request=request))
            )
        except (SystemExit, KeyboardInterrupt) as error:  # in Azure it ends the worker process, and the call has failed
            exception = protos.RpcException(message=repr(error), stack_trace=traceback.format_exc())
            result = protos.StatusResult(status=protos.StatusResult.Failure, exception=exception)
            response = protos.InvocationResponse(invocation_id=request.invocation_id, result=result)
        finally:
            outcome_seconds = time.monotonic() - begun
            self._running.pop(request.invocation_id, None)
        return read_response(function, response, outcome_seconds)


def _envelope(message: protos.StreamingMessage) -> SimpleNamespace:
    """What the engine's entry points take: the message, and the message types to answer in."""
    return SimpleNamespace(request=message, properties={"protos": protos, "host": "127.0.0.1"})


async def _ask(answer: Coroutine[Any, Any, Any]) -> Any:
    """Await one of the engine's untyped entry points, with its own logging off: failures come back in the answer."""
    engine_log = runtime.handle_event.logger
    level = engine_log.level
    engine_log.setLevel("CRITICAL")
    try:
        return await answer
    finally:
        engine_log.setLevel(level)


def _import_app(script: Path) -> None:
    """Import the app before the engine does, so that a failure reaches the reader whole.

    The engine's own import (a moment later, from ``sys.modules``) would hand back one long line about sys.path.
    """
    begun = time.monotonic()
    try:
        importlib.import_module(script.stem)
    except BaseException as error:  # an app may call sys.exit while it is imported
        if isinstance(error, asyncio.CancelledError):
            raise
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "importlib" not in frame.filename and frame.filename != __file__]
        raise HostError(
            f"cannot import {script}: {type(error).__name__}: {error}\n"
            + "".join(traceback.format_list(own[-LAST_FRAMES:])).rstrip()
        ) from error
    logger.debug("imported %s in %.2f s", script, time.monotonic() - begun)
