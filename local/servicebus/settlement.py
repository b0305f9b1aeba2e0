"""How a consumer settles a delivery: the outcomes of AMQP in the words of a queue."""

from local.servicebus import frames as fr
from local.servicebus.amqp_types import Described
from local.servicebus.errors import QueueError
from local.servicebus.frames import ProtocolError
from local.servicebus.links import fields_of
from local.servicebus.queue import Queue


def settle(queue: Queue, token: bytes, state: Described) -> Described:
    """Settle as the consumer says; the outcome to echo. Raises ProtocolError for what is no outcome."""
    fields = [*fields_of(state), None, None]
    try:
        match state.descriptor:
            case fr.ACCEPTED:
                queue.complete(token)
            case fr.RELEASED:
                queue.release(token)
            case fr.MODIFIED if fields[1]:  # undeliverable-here
                queue.defer(token)
            case fr.MODIFIED:
                queue.abandon(token)
            case fr.REJECTED:
                queue.dead_letter(token, *_dead_letter_reason(fields[0]))
                return fr.outcome(fr.REJECTED, None)
            case code:
                raise ProtocolError(fr.NOT_ALLOWED, f"there is no outcome {code!r:.100}")
    except QueueError as error:
        return fr.outcome(fr.REJECTED, fr.error(error.condition, str(error)))
    return state


def _dead_letter_reason(error: object) -> tuple[str | None, str | None]:
    """Reason and description, as the SDK puts them into an error's information."""
    fields = fields_of(error)
    information = fields[2] if len(fields) > 2 and isinstance(fields[2], dict) else {}
    found = [information.get(name) for name in ("DeadLetterReason", "DeadLetterErrorDescription")]
    reason, description = (None if each is None else str(each) for each in found)
    return reason, description
