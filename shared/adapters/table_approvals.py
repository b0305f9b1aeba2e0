"""Approvals and parked messages in Azure Table Storage; see `table_storage` for where they are."""

import time
from collections.abc import Sequence
from dataclasses import replace

from shared.adapters import table_entities as e
from shared.adapters.table_service import RacedError, Tables, reachable, unchanged
from shared.errors import Conflict
from shared.ports import Approval, ParkedMessage


class Places:
    """Places in time, as text that sorts: later ones come later, and none comes twice in a process."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> str:
        """The time in nanoseconds."""
        self._last = max(time.time_ns(), self._last + 1)
        return f"{self._last:019}"


class TableApprovals:
    """Approvals and Parking."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._places = Places()

    def approved(self, model: str, slot: str) -> Approval | None:
        from azure.core.exceptions import ResourceNotFoundError

        key = e.approval_key(model, slot)
        with reachable():
            try:
                return e.approval_of(self._tables.table("approvals").get_entity(key["PartitionKey"], key["RowKey"]))
            except ResourceNotFoundError:
                return None

    def approve(self, approval: Approval, *, replaces: Approval | None) -> Approval:
        from azure.core.exceptions import (
            HttpResponseError,
            ResourceExistsError,
            ResourceModifiedError,
            ResourceNotFoundError,
        )
        from azure.data.tables import UpdateMode

        table, row = self._tables.table("approvals"), e.approval_entity(approval)
        conflict = Conflict(f"{approval.model}@{approval.slot} was approved anew in the meantime")
        with reachable():
            try:
                if replaces is None:
                    stored = table.create_entity(row)
                else:
                    stored = table.update_entity(row, UpdateMode.REPLACE, **unchanged(replaces.etag))
            except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
                raise conflict from error
            except (HttpResponseError, ValueError) as error:
                if isinstance(error, HttpResponseError) and error.status_code != 400:
                    raise
                raise conflict from error  # an ETag that is none
        return replace(approval, etag=stored["etag"])

    def slots(self) -> Sequence[Approval]:
        with reachable():
            found = [e.approval_of(row) for row in self._tables.table("approvals").list_entities()]
        return sorted(found, key=lambda one: (one.model, one.slot))

    def park(self, message: ParkedMessage) -> bool:
        place, body = self._places.next(), e.parked_body(message)
        once = e.parked_key(message.queue, message.message_id)
        with reachable():
            try:
                self._tables.transact(
                    "parked",
                    [
                        ("create", {**once, "outcome": "", "place": place, **body}),
                        ("create", {**e.waiting_key(place), **body}),
                    ],
                )
            except RacedError:
                return False
        return True

    def parked(self) -> Sequence[ParkedMessage]:
        waiting = "PartitionKey eq 'parked' and RowKey ge 'wait:' and RowKey lt 'wait;'"
        with reachable():
            return [e.parked_of(row) for row in self._tables.table("parked").query_entities(waiting)]

    def settle(self, queue: str, message_id: str, outcome: str) -> bool:
        from azure.core.exceptions import ResourceNotFoundError
        from azure.data.tables import UpdateMode

        key = e.parked_key(queue, message_id)
        with reachable():
            try:
                once = self._tables.table("parked").get_entity(key["PartitionKey"], key["RowKey"])
            except ResourceNotFoundError:
                return False
            if once["outcome"]:
                return False
            merge = {"mode": UpdateMode.MERGE, **unchanged(once.metadata["etag"])}
            try:
                self._tables.transact(
                    "parked",
                    [
                        ("update", {**key, "outcome": outcome}, merge),
                        ("delete", e.waiting_key(once["place"])),
                    ],
                )
            except RacedError:
                return False
        return True
