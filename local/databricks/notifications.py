"""Telling the world about runs: webhooks to notification destinations, with HTTP Basic, as Databricks sends them.

They are hints: a few attempts in the background, and what still fails is dropped.
"""

import asyncio
import logging
from typing import Final

import httpx

from local.databricks.runs import Json, Run
from local.databricks.store import Store

PAUSES: Final = (0.2, 1.0, 3.0)
log = logging.getLogger(__name__)


class Notifier:
    """Sends the notifications of one workspace."""

    def __init__(self, store: Store, *, workspace_id: int) -> None:
        self._store = store
        self._workspace_id = workspace_id
        self._sending: set[asyncio.Task[None]] = set()

    def announce(self, run: Run, event: str) -> None:
        """Send `event` (on_start, on_success, on_failure) to whom the job names, without waiting."""
        for receiver in (run.settings.get("webhook_notifications") or {}).get(event) or []:
            if destination := self._store.destination(receiver["id"]):
                body = {
                    "event_type": f"jobs.{event}",
                    "workspace_id": self._workspace_id,
                    "run": {"run_id": run.run_id},
                    "job": {"job_id": run.job_id, "name": run.name},
                }
                sending = asyncio.create_task(_send(destination["config"]["generic_webhook"], body))
                self._sending.add(sending)
                sending.add_done_callback(self._sending.discard)

    async def close(self) -> None:
        """Give up what is still to be sent."""
        for sending in self._sending:
            sending.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)


async def _send(webhook: Json, body: Json) -> None:
    basic = httpx.BasicAuth(webhook["username"], webhook.get("password", "")) if webhook.get("username") else None
    async with httpx.AsyncClient(auth=basic, timeout=10, trust_env=False) as client:
        for pause in (*PAUSES, None):
            try:
                answer = await client.post(webhook["url"], json=body)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                problem = repr(error)
            else:
                if answer.is_success:
                    return
                problem = f"HTTP {answer.status_code}"
                if answer.is_client_error and answer.status_code != 429:
                    break
            if pause is not None:
                await asyncio.sleep(pause)
    log.warning("%s could not be delivered to %s: %s", body["event_type"], webhook["url"], problem)
