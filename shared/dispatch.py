"""From a message's bytes to its step, and what happens when that fails.

Transient: retried here with back-off, then raised, and the host abandons the message. Poison: parked, and completed.
Anything else is raised: the host abandons, and the broker dead-letters at the maximum delivery count.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from shared.domain import identity
from shared.domain.arrival import BlobCreated, Drop
from shared.domain.commands import Command, Queue, RollBack
from shared.domain.facts import Parked
from shared.domain.live_metrics import LiveMetric
from shared.domain.lost import Lying
from shared.domain.people import Answer
from shared.domain.quarantine import ReleaseAsked
from shared.domain.slots import RollbackAsked
from shared.errors import DEAD_LETTERED, Malformed, Poison, Transient
from shared.notes import Tally
from shared.ports import Clock, Ledger, Outbox, ParkedMessage, Parking
from shared.steps.ask_scoring import Again, AskScoring, ToScore
from shared.steps.ask_training import AskTraining, ToTrain
from shared.steps.decision import Decision
from shared.steps.live_metrics import LiveMetrics
from shared.steps.lost_arrivals import LostArrivals
from shared.telemetry import Telemetry
from shared.wire import documents, event_grid, job_notification, live_metrics, registry_webhook
from shared.wire.registry_webhook import Dialect

log = logging.getLogger("sluice")

BACK_OFF = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds between attempts. The host abandons at once and the broker counts: ten failures must outlast a restart."""


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What proves who a sender is."""

    webhooks: Mapping[Dialect, Sequence[str]] = field(repr=False)
    notification_user: str
    notification_password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Sluice:
    """The whole control plane, as the triggers call it. `steps` holds each command's step, its ports bound."""

    steps: Mapping[type[Command], Callable[[Any], Decision]]
    accept_arrival: Callable[[BlobCreated], Decision]
    reconcile: Callable[[], Decision]
    plan_rollback: Callable[[RollbackAsked], RollBack]
    ask_scoring: AskScoring
    ask_training: AskTraining
    lost: LostArrivals
    live_metrics: LiveMetrics
    decide_approval: Callable[[Answer], Decision]
    release_quarantined: Callable[[ReleaseAsked], Decision]
    ledger: Ledger
    parking: Parking
    tally: Tally
    outbox: Outbox
    clock: Clock
    secrets: Secrets
    workspaces: Sequence[str]
    telemetry: Telemetry | None = None

    def event(self, event_id: str | None, event_type: str | None, data: Mapping[str, Any]) -> None:
        """An Event Grid event. One that cannot succeed is parked: Event Grid would only send it again."""
        try:
            blob = event_grid.decode_blob_created(event_id or "", event_type or "", data)
            if blob is None:
                self.tally.count_dropped(Drop.OTHER_EVENT, str(event_type), self.clock.now())
                log.info("dropped event %s: %s: its type is %s", event_id, Drop.OTHER_EVENT, event_type)
                return
            self._apply(lambda: self.accept_arrival(blob))
        except Poison as error:
            body = json.dumps(data, default=repr).encode()[:65_536]
            message_id = event_id or identity.fingerprint(body.decode())  # only where the source gives no id
            self._park("event-grid", message_id, error.reason, str(error), body, story="")

    def message(self, queue: Queue, message_id: str, body: bytes, correlation_id: str) -> None:
        """A queue's message: decode, run its step, send what follows."""
        try:
            command = documents.decode_command(body)
            if command.queue is not queue:
                raise Malformed(f"{command.kind} travels on {command.queue}, not on {queue}")
            self._apply(lambda: self.steps[type(command)](command), story=correlation_id)
        except Poison as error:
            self._park(queue, message_id, error.reason, str(error), body, story=correlation_id)

    def dead_letter(self, queue: Queue, message_id: str, body: bytes, correlation_id: str, reason: str) -> None:
        """A dead-lettered message: onto the one list that people look at."""
        detail = f"dead-lettered by the broker: {reason or 'no reason given'}"
        self._park(queue, message_id, DEAD_LETTERED, detail, body, story=correlation_id)

    def registry_delivery(self, headers: Mapping[str, str], body: bytes, dialect: str = Dialect.MLFLOW) -> None:
        """A registry's webhook. Raises TooLarge, Unauthenticated, Malformed, or Unreachable when the queue is."""
        spoken = Dialect(dialect)
        secrets = self.secrets.webhooks[spoken]
        commands = registry_webhook.receive(spoken, headers, body, secrets=secrets, now=self.clock.now())
        if commands:
            self.outbox.send(commands)

    def job_notification(self, authorization: str, body: bytes, workspace: str = "") -> None:
        """A Databricks job notification, of the workspace that its address names, or of home.

        Raises Unauthenticated, Malformed, or Unreachable when the queue is.
        """
        secrets = self.secrets
        job_notification.verify(authorization, user=secrets.notification_user, password=secrets.notification_password)
        if workspace and workspace not in self.workspaces:
            raise Malformed(f"there is no workspace {workspace!r}: renew the notification destination")
        command = job_notification.decode(body, workspace=workspace or self.workspaces[0])
        if command is not None:
            self.outbox.send([command])

    def live_metrics_delivery(self, headers: Mapping[str, str], body: bytes) -> None:
        """Live metrics that somebody sends. Raises TooLarge, Unauthenticated, or as `report` does."""
        secrets = self.secrets.webhooks[Dialect.RELAY]
        self.report(live_metrics.receive(headers, body, secrets=secrets, now=self.clock.now()))

    def report(self, reports: Sequence[LiveMetric]) -> None:
        """Keep live metrics, and train where they are bad. Raises UnknownUseCase, Malformed, Refused or Unreachable."""
        self._apply(lambda: self.live_metrics.report(reports))

    def sweep(self) -> None:
        """Find what was lost, and carry it on."""
        self._apply(self.reconcile)

    def rollback(self, asked: RollbackAsked, *, dry_run: bool = False) -> RollBack:
        """Ask for a rollback, after looking whether it can be. Raises Refused, UnknownUseCase or Unreachable."""
        command = self.plan_rollback(asked)
        if not dry_run:
            self.outbox.send([command])
        return command

    def score(self, model: str, *, who: str, why: str, full: bool = True, dry_run: bool = False) -> ToScore:
        """Ask for a scoring with what is in production. Raises Refused, UnknownUseCase or Unreachable.

        It is recorded first: where it cannot be sent, the sweep carries it on.
        """
        found = self.ask_scoring.of_model(model, who=who, why=why, full=full)
        if not dry_run:
            self.ledger.record([found.requested])
            self.outbox.send([found.command])
        return found

    def score_again(self, story: str, *, who: str, dry_run: bool = False) -> Again:
        """Run the failed parts of a scoring once more; of one that was ended, all that is not in gold. Raises Refused
        with why not, UnknownUseCase or Unreachable.
        """
        again = self.ask_scoring.again(story, who=who)
        if not dry_run:
            self.ask_scoring.record(again)
            self.outbox.send(again.commands)
        return again

    def train(
        self, use_case: str, *, who: str, why: str, past_cool_down: bool = False, dry_run: bool = False
    ) -> ToTrain:
        """Ask for a training of what is in silver. Raises Refused with why not, UnknownUseCase or Unreachable.

        It is recorded first, as a scoring is.
        """
        found = self.ask_training.of_use_case(use_case, who=who, why=why, past_cool_down=past_cool_down)
        if not dry_run:
            found = self.ask_training.record(found)
            self.outbox.send([found.command])
        return found

    def adopt(self, lying: Sequence[Lying], *, who: str, why: str) -> None:
        """Have arrive what lies in the landing area without a story; the same again changes nothing. Raises
        Unreachable.
        """
        for one in lying:
            self._apply(partial(self.lost.take, one, found_by=who, reason=why))

    def answer(self, answer: Answer) -> None:
        """A person approves or rejects a version. Raises Refused with why it cannot be taken, or Unreachable."""
        self._apply(lambda: self.decide_approval(answer))

    def release(self, asked: ReleaseAsked) -> None:
        """Let out of quarantine what a person asks for. Raises Refused with why it cannot be, or Unreachable."""
        self._apply(lambda: self.release_quarantined(asked))

    def replay(self, message: ParkedMessage, *, who: str) -> None:
        """Send a parked message again, under an id that the broker has not seen, and take it off the list."""
        message_id = identity.message_id("Replay", message.message_id, f"{self.clock.now():%Y%m%dT%H%M%S}")
        self.outbox.resend(message, message_id=message_id)
        self.parking.settle(message.queue, message.message_id, f"replayed by {who}")

    def _apply(self, step: Callable[[], Decision], *, story: str = "") -> None:
        """Do the step and send what follows. Each line of the log says its story, and is one line whatever it says."""
        for pause in (*BACK_OFF, None):
            try:
                decision = step()
                if decision.send:
                    self.outbox.send(decision.send)
            except Transient as error:
                if pause is None:
                    raise
                log.warning("story %s: %s; trying again in %s s", story or "-", _one_line(str(error)), pause)
                self.clock.sleep(pause)
            else:
                about = story or decision.story or next((one.story for one in decision.send if one.story), "-")
                log.info("story %s: %s", about, _one_line(decision.summary))
                return

    def _park(self, queue: str, message_id: str, reason: str, detail: str, body: bytes, *, story: str) -> None:
        log.error("story %s: parked %s of %s: %s: %s", story or "-", message_id, queue, reason, _one_line(detail))
        if self.telemetry:
            self.telemetry.parked(queue, reason)
        now = self.clock.now()
        self.parking.park(
            ParkedMessage(
                queue=queue,
                message_id=message_id,
                reason=reason,
                detail=detail,
                body=body,
                correlation_id=story,
                at=now,
            )
        )
        if story and self.ledger.story(story):
            self.ledger.record(
                [Parked(story=story, at=now, queue=queue, message_id=message_id, reason=reason, detail=detail)]
            )


def _one_line(text: str) -> str:
    """The text without what would begin another line, or steer a terminal: names of files come from outside."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
